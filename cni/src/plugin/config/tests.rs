use std::path::Path;

use super::*;

fn parse(json: &str) -> Result<NetConfig, PluginError> {
    NetConfig::parse(json.as_bytes(), None, Path::new("/default"))
}

fn with(fields: &str) -> String {
    format!(
        r#"{{"cniVersion":"1.1.0","name":"net","type":"agent-bridge"{}{fields}}}"#,
        if fields.is_empty() { "" } else { "," }
    )
}

#[test]
fn a_configuration_for_bridge_and_host_local_works_unchanged() {
    let c = parse(&with(
        r#""bridge":"br1","isDefaultGateway":true,"ipMasq":true,"hairpinMode":true,"mtu":1450,
           "forceAddress":true,"capabilities":{"portMappings":true},"dns":{"nameservers":["10.96.0.10"]},
           "ipam":{"type":"host-local","dataDir":"/d","resolvConf":"/r","ranges":[
             [{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.10","rangeEnd":"10.1.0.20","gateway":"10.1.0.254"}],
             [{"subnet":"fd00::/64"}]],
             "routes":[{"dst":"0.0.0.0/0"},{"dst":"10.9.0.0/16","gw":"10.1.0.3","mtu":1400,"priority":7}]}"#,
    ))
    .unwrap();
    assert_eq!(
        (c.bridge.as_str(), c.gateway, c.mtu),
        ("br1", GatewayMode::DefaultRoute, Some(1450))
    );
    assert!(c.masquerade && c.hairpin && c.force_address && !c.promiscuous);
    let ipam = c.ipam.unwrap();
    assert_eq!(ipam.sets.len(), 2);
    assert_eq!(ipam.sets[0].to_string(), "10.1.0.10-10.1.0.20");
    assert_eq!(ipam.routes[1].gateway, Some("10.1.0.3".parse().unwrap()));
    assert_eq!(
        (ipam.routes[1].mtu, ipam.routes[1].priority),
        (Some(1400), Some(7))
    );
    assert_eq!(ipam.data_dir, Path::new("/d"));
    assert_eq!(c.dns.nameservers, ["10.96.0.10"]);
}

#[test]
fn defaults_are_the_fields() {
    let c = parse(&with("")).unwrap();
    assert_eq!(
        (c.bridge.as_str(), c.gateway, c.ipam, c.mtu),
        ("cni0", GatewayMode::None, None, None)
    );
    let c = parse(&with(r#""ipam":{"type":"host-local","subnet":"10.1.0.0/24"}"#)).unwrap();
    assert_eq!(c.ipam.unwrap().data_dir, Path::new("/default"));
}

#[test]
fn every_version_of_the_configuration_is_read() {
    for version in Version::ALL {
        let text = format!(
            r#"{{"cniVersion":"{version}","name":"n","ipam":{{"type":"host-local","subnet":"10.1.0.0/24"}}}}"#
        );
        assert_eq!(parse(&text).unwrap().version, version);
    }
    assert_eq!(parse(r#"{"name":"n"}"#).unwrap().version, Version::V0_1_0);
    assert_eq!(
        parse(r#"{"cniVersion":"2.0.0","name":"n"}"#).unwrap_err().code,
        Code::IncompatibleVersion
    );
}

#[test]
fn what_is_not_done_is_refused_by_its_name() {
    for (fields, name) in [
        (r#""vlan":100"#, "vlan"),
        (r#""macspoofchk":true"#, "macspoofchk"),
        (r#""disableContainerInterface":true"#, "disableContainerInterface"),
        (r#""ipMasqBackend":"iptables""#, "iptables"),
        (r#""ipam":{"type":"dhcp"}"#, "dhcp"),
        (
            r#""ipam":{"type":"host-local","subnet":"10.1.0.0/24","routes":[{"dst":"10.0.0.0/8","table":3}]}"#,
            "table",
        ),
    ] {
        let e = parse(&with(fields)).unwrap_err();
        assert_eq!(e.code, Code::UnsupportedField, "{fields}");
        assert!(e.message.contains(name), "{}", e.message);
    }
}

#[test]
fn contradictions_are_refused() {
    for (fields, say) in [
        (r#""hairpinMode":true,"promiscMode":true"#, "exclude each other"),
        (r#""bridge":"much-too-long-for-a-bridge""#, "longer than 15"),
        (r#""ipMasq":true"#, "configure ipam"),
        (r#""ipam":{"type":"host-local"}"#, "no range"),
        (r#""ipam":{"type":"host-local","ranges":[[]]}"#, "empty"),
        (
            r#""ipam":{"type":"host-local","ranges":[[{"rangeStart":"10.0.0.1"}]]}"#,
            "no subnet",
        ),
        (
            r#""ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/24"}],[{"subnet":"10.0.0.0/25"}]]}"#,
            "overlap",
        ),
        (r#""runtimeConfig":{"mac":"nonsense"}"#, "hardware address"),
        (
            r#""runtimeConfig":{"portMappings":[{"hostPort":1,"containerPort":0}]}"#,
            "containerPort",
        ),
        (
            r#""cni.dev/valid-attachments":[{"containerID":"../x","ifname":"eth0"}]"#,
            "valid-attachments",
        ),
    ] {
        let e = parse(&with(fields)).unwrap_err();
        assert_eq!(e.code, Code::InvalidConfig, "{fields}");
        assert!(e.message.contains(say), "{}", e.message);
    }
    for name in ["", "../etc", "a b"] {
        assert_eq!(
            parse(&format!(r#"{{"name":"{name}"}}"#)).unwrap_err().code,
            Code::InvalidConfig
        );
    }
    assert_eq!(parse(r#"{"name":"#).unwrap_err().code, Code::Decode);
    assert_eq!(
        parse(r#"{"name":"n","mtu":"big"}"#).unwrap_err().code,
        Code::Decode
    );
}

#[test]
fn what_the_runtime_asks_for_one_container_is_read() {
    let attachment = Attachment {
        container: "c".parse().unwrap(),
        netns: None,
        ifname: "eth0".parse().unwrap(),
        args: vec![
            ("IP".into(), "10.1.0.7".into()),
            ("MAC".into(), "02:00:00:00:00:09".into()),
        ],
        own_netns_allowed: false,
    };
    let text = with(
        r#""runtimeConfig":{"ips":["10.1.0.5/24"],"ipRanges":[[{"subnet":"10.2.0.0/24"}]],
             "portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"TCP","hostIP":""},
                             {"hostPort":0,"containerPort":81}]},
           "ipam":{"type":"host-local","subnet":"10.1.0.0/24"}"#,
    );
    let c = NetConfig::parse(text.as_bytes(), Some(&attachment), Path::new("/d")).unwrap();
    let ipam = c.ipam.unwrap();
    let wanted: Vec<String> = ipam.wanted.iter().map(ToString::to_string).collect();
    assert_eq!(wanted, ["10.1.0.5", "10.1.0.7"]);
    assert_eq!(ipam.sets.len(), 2);
    assert_eq!(c.mac, Some("02:00:00:00:00:09".parse().unwrap()));
    assert_eq!(c.port_mappings.len(), 1);
    assert_eq!(c.port_mappings[0].protocol, "tcp");
}

#[test]
fn an_empty_list_of_valid_attachments_is_told_from_none() {
    let list = |fields: &str| parse(&with(fields)).unwrap().valid_attachments.map(|l| l.len());
    assert_eq!(list(""), None);
    for empty in ["null", "[]"] {
        assert_eq!(list(&format!(r#""cni.dev/valid-attachments":{empty}"#)), Some(0));
    }
    assert_eq!(
        list(r#""cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"}]"#),
        Some(1)
    );
}
