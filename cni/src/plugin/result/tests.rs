use super::*;

fn full() -> AddResult {
    AddResult {
        interfaces: vec![
            Interface {
                name: "cni0".into(),
                mac: "0a:58:0a:01:00:01".into(),
                mtu: 1500,
                sandbox: String::new(),
            },
            Interface {
                name: "eth0".into(),
                mac: "0a:58:0a:01:00:02".into(),
                mtu: 1500,
                sandbox: "/run/netns/a".into(),
            },
        ],
        ips: vec![
            Ip {
                address: "10.1.0.2/24".parse().unwrap(),
                gateway: Some("10.1.0.1".parse().unwrap()),
                interface: Some(1),
            },
            Ip {
                address: "fd00::2/64".parse().unwrap(),
                gateway: None,
                interface: Some(1),
            },
        ],
        routes: vec![
            ResultRoute {
                dst: "0.0.0.0/0".parse().unwrap(),
                gw: Some("10.1.0.1".parse().unwrap()),
                mtu: Some(1400),
                priority: Some(5),
            },
            ResultRoute {
                dst: "fd01::/64".parse().unwrap(),
                gw: None,
                mtu: None,
                priority: None,
            },
        ],
        dns: Dns {
            nameservers: vec!["10.96.0.10".into()],
            ..Dns::default()
        },
    }
}

#[test]
fn the_newest_form_has_everything() {
    assert_eq!(
        full().to_json(Version::V1_1_0),
        json!({
            "cniVersion": "1.1.0",
            "interfaces": [
                {"name": "cni0", "mac": "0a:58:0a:01:00:01", "mtu": 1500},
                {"name": "eth0", "mac": "0a:58:0a:01:00:02", "mtu": 1500, "sandbox": "/run/netns/a"},
            ],
            "ips": [
                {"address": "10.1.0.2/24", "gateway": "10.1.0.1", "interface": 1},
                {"address": "fd00::2/64", "interface": 1},
            ],
            "routes": [
                {"dst": "0.0.0.0/0", "gw": "10.1.0.1", "mtu": 1400, "priority": 5},
                {"dst": "fd01::/64"},
            ],
            "dns": {"nameservers": ["10.96.0.10"]},
        })
    );
}

#[test]
fn older_forms_lack_what_came_later() {
    for (version, family_number, mtu) in [
        (Version::V1_0_0, false, false),
        (Version::V0_4_0, true, false),
        (Version::V0_3_1, true, false),
        (Version::V0_3_0, true, false),
        (Version::V1_1_0, false, true),
    ] {
        let value = full().to_json(version);
        assert_eq!(value["cniVersion"], version.as_str());
        assert_eq!(
            value["ips"][1].get("version") == Some(&json!("6")),
            family_number,
            "{version}"
        );
        assert_eq!(value["interfaces"][0].get("mtu").is_some(), mtu, "{version}");
        assert_eq!(value["routes"][0].get("priority").is_some(), mtu, "{version}");
    }
}

#[test]
fn the_oldest_forms_have_one_address_per_family() {
    for version in [Version::V0_1_0, Version::V0_2_0] {
        assert_eq!(
            full().to_json(version),
            json!({
                "cniVersion": version.as_str(),
                "ip4": {"ip": "10.1.0.2/24", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}]},
                "ip6": {"ip": "fd00::2/64", "routes": [{"dst": "fd01::/64"}]},
                "dns": {"nameservers": ["10.96.0.10"]},
            })
        );
    }
}

#[test]
fn every_form_reads_back() {
    for version in Version::ALL {
        let read = AddResult::from_json(&full().to_json(version), version).unwrap();
        let addresses: Vec<_> = read.ips.iter().map(|ip| ip.address.to_string()).collect();
        assert_eq!(addresses, ["10.1.0.2/24", "fd00::2/64"], "{version}");
        assert_eq!(read.routes.len(), 2, "{version}");
    }
    assert_eq!(
        AddResult::from_json(&full().to_json(Version::V1_1_0), Version::V0_1_0).unwrap(),
        full()
    );
    let bad = AddResult::from_json(
        &json!({"cniVersion": "1.0.0", "ips": [{"address": "x"}]}),
        Version::V1_0_0,
    );
    assert_eq!(bad.unwrap_err().code, Code::Decode);
}
