//! The bridge plugin as a runtime calls it, judged by `ip`, ping and TCP.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use cni::netns::in_netns;
use serde_json::json;

use crate::cni_rig::{Network, Outcome, Pod, TestNetns, pings};

/// Sends a text over TCP from one namespace to a listener in another.
fn tcp(from: &TestNetns, to: &TestNetns, address: &str) -> String {
    let listener = in_netns(&to.ns, || TcpListener::bind((address, 8080)))
        .unwrap()
        .unwrap();
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            text
        });
        let mut stream = in_netns(&from.ns, || TcpStream::connect((address, 8080)))
            .unwrap()
            .unwrap();
        stream.write_all(b"hello").unwrap();
        drop(stream);
        server.join().unwrap()
    })
}

#[test]
fn two_pods_reach_each_other_and_the_node_over_both_families() {
    let net = Network::new();
    let (a, b) = (Pod::new("a"), Pod::new("b"));
    let result = net.add(&a);
    net.add(&b);
    assert_eq!(
        result["ips"][0],
        json!({"address": "10.88.0.2/24", "gateway": "10.88.0.1", "interface": 2})
    );
    assert_eq!(result["interfaces"][2]["sandbox"], a.net.path().to_str().unwrap());
    assert_eq!(a.net.addresses("eth0"), ["10.88.0.2/24", "fd00:88::2/64"]);
    assert_eq!(a.net.ip(&["link", "show", "lo"])[0]["operstate"], "UNKNOWN", "up");
    for (from, to, address) in [
        (&a.net, &b.net, "10.88.0.3"),
        (&a.net, &b.net, "fd00:88::3"),
        (&b.net, &a.net, "10.88.0.2"),
        (&a.net, &net.node, "10.88.0.1"),
        (&net.node, &a.net, "10.88.0.2"),
        (&net.node, &a.net, "fd00:88::2"),
    ] {
        assert_eq!(tcp(from, to, address), "hello", "{address}");
        assert!(pings(from, address), "{address}");
    }
    net.del(&a);
    assert!(!pings(&b.net, "10.88.0.2"));
    assert_eq!(a.net.links(), [""; 0]);
    net.del(&b);
    assert_eq!(net.leftovers(), "");
    assert_eq!(net.node.links(), ["cni0"]);
}

#[test]
fn a_pod_reaches_itself_through_the_bridge() {
    // As a service address does it: leave through the bridge, come back through the same port.
    let net = Network::new();
    let pod = Pod::new("a");
    net.add(&pod);
    let port = &net.node.ip(&["link", "show", "type", "veth"])[0];
    assert_eq!(port["linkinfo"]["info_slave_data"]["hairpin"], true);
    let alias = port["ifalias"].as_str().unwrap();
    assert_eq!(alias, "agent-cni net a eth0 default/a");
}

#[test]
fn no_pod_can_make_itself_the_router_of_the_node_or_of_another_pod() {
    // CVE-2020-10749: a rogue router advertisement over the bridge.
    let net = Network::new();
    let pod = Pod::new("a");
    let four = json!({"ipam": {
        "type": "host-local", "subnet": "10.88.0.0/24", "dataDir": net.lease_dir().parent().unwrap(),
    }});
    net.node.run("ip", &["link", "add", "cni0", "type", "bridge"]);
    net.call_with("ADD", &pod, &net.conf_with(&four)).unwrap();
    for (at, link) in [(&net.node, "cni0"), (&pod.net, "eth0")] {
        let value = at.run("sysctl", &["-n", &format!("net.ipv6.conf.{link}.accept_ra")]);
        assert_eq!(value.trim(), "0", "{link}");
    }
}

#[test]
fn an_address_is_usable_at_once_after_it_changed_hands() {
    // Neighbours remember the old pod's hardware address; the new one must be reached without a pause.
    let net = Network::new();
    let watcher = Pod::new("watcher");
    let conf = net.conf_with(&json!({
        "ipam": {"type": "host-local", "dataDir": net.lease_dir().parent().unwrap(), "subnet": "10.88.0.0/29"},
    }));
    net.call_with("ADD", &watcher, &conf).unwrap();
    for round in 0..5 {
        let pod = Pod::new(&format!("p{round}"));
        let wanted = json!({"runtimeConfig": {"ips": ["10.88.0.5"]}});
        let mut asked = conf.clone();
        asked["runtimeConfig"] = wanted["runtimeConfig"].clone();
        net.call_with("ADD", &pod, &asked).unwrap();
        assert!(pings(&watcher.net, "10.88.0.5"), "round {round}");
        net.call_with("DEL", &pod, &conf).unwrap();
    }
}

#[test]
fn results_come_in_the_version_that_was_asked_for() {
    for version in ["", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let net = Network::new();
        let pod = Pod::new("a");
        let conf = net.conf_with(&json!({ "cniVersion": version }));
        let result = net.call_with("ADD", &pod, &conf).unwrap();
        let old = ["", "0.1.0", "0.2.0"].contains(&version);
        assert_eq!(
            result["cniVersion"],
            if version.is_empty() { "0.1.0" } else { version }
        );
        let address = if old {
            &result["ip4"]["ip"]
        } else {
            &result["ips"][0]["address"]
        };
        assert_eq!(address, "10.88.0.2/24", "{version}");
        assert_eq!(old, result.get("interfaces").is_none(), "{version}");

        let check = net.conf_with(&json!({ "cniVersion": version, "prevResult": result }));
        let checked = net.call_with("CHECK", &pod, &check);
        if ["0.4.0", "1.0.0", "1.1.0"].contains(&version) {
            checked.unwrap();
        } else {
            assert_eq!(checked.unwrap_err().0, 1, "{version}");
        }
        net.call_with("DEL", &pod, &check).unwrap();
        assert_eq!(net.leftovers(), "");
    }
}

#[test]
fn del_can_be_repeated_and_needs_nothing_that_may_be_gone() {
    let net = Network::new();
    let never = Pod::new("never-added");
    net.del(&never);
    let pod = Pod::new("a");
    net.add(&pod);
    for address in net.leases() {
        std::fs::remove_file(net.lease_dir().join(address)).unwrap();
    }
    net.del(&pod);
    net.del(&pod);
    assert_eq!(net.leftovers(), "", "leases were gone");

    net.add(&pod);
    pod.net.unpin();
    net.del(&pod);
    assert_eq!(net.leftovers(), "", "namespace was gone");

    let other = Pod::new("b");
    net.add(&other);
    net.node.run("ip", &["link", "del", "cni0"]);
    net.del(&other);
    assert_eq!(net.leftovers(), "", "bridge was gone");
    let command = net.command("agent-bridge", "DEL", &other);
    let mut without = command;
    without.env_remove("CNI_NETNS");
    Outcome::new(&Network::start(without, &net.conf).wait_with_output().unwrap()).unwrap();
}

#[test]
fn a_failed_add_leaves_nothing() {
    let net = Network::new();
    let pod = Pod::new("a");
    pod.net.run("ip", &["link", "add", "eth0", "type", "bridge"]);
    let (code, text) = net.call("ADD", &pod).unwrap_err();
    assert_eq!(code, 7);
    assert!(text.contains("eth0 exists in the container already"), "{text}");
    assert_eq!(net.leftovers(), "");

    let pod = Pod::new("b");
    let unreachable = json!({"ipam": {
        "type": "host-local", "subnet": "10.88.0.0/24", "dataDir": net.lease_dir().parent().unwrap(),
        "routes": [{"dst": "10.0.0.0/8", "gw": "192.0.2.1"}],
    }});
    let (code, text) = net
        .call_with("ADD", &pod, &net.conf_with(&unreachable))
        .unwrap_err();
    assert_eq!(code, 100);
    assert!(
        text.contains("cannot add route 10.0.0.0/8 via 192.0.2.1"),
        "{text}"
    );
    assert_eq!(net.leftovers(), "");
    assert_eq!(pod.net.links(), [""; 0]);
}

#[test]
fn errors_name_what_is_wrong_in_the_specifications_form() {
    let net = Network::new();
    let pod = Pod::new("a");
    let data = net.lease_dir().parent().unwrap().to_owned();
    let ipam = |subnet: &str| json!({"ipam": {"type": "host-local", "subnet": subnet, "dataDir": data}});
    for (fields, code, say) in [
        (json!({"cniVersion": "9.0.0"}), 1, "0.1.0 to 1.1.0"),
        (json!({"vlan": 5}), 2, "vlan"),
        (json!({"name": "../x"}), 7, "name"),
        (ipam("10.88.0.5/24"), 7, "the network is 10.88.0.0/24"),
    ] {
        let (seen, text) = net.call_with("ADD", &pod, &net.conf_with(&fields)).unwrap_err();
        assert_eq!(seen, code, "{text}");
        assert!(text.contains(say), "{text}");
    }
    let conf = net.conf_with(&ipam("10.88.0.0/30"));
    net.call_with("ADD", &pod, &conf).unwrap();
    let (code, text) = net.call_with("ADD", &Pod::new("b"), &conf).unwrap_err();
    assert_eq!(code, 11);
    assert!(
        text.contains("no address is free in 10.88.0.1-10.88.0.2 of network net: 1 of 1 are leased"),
        "{text}"
    );

    for netns in ["/nonexistent", "/etc/hostname", net.node.path().to_str().unwrap()] {
        let mut command = net.command("agent-bridge", "ADD", &Pod::new("c"));
        command.env("CNI_NETNS", netns);
        let out = Network::start(command, &net.conf).wait_with_output().unwrap();
        let (code, text) = Outcome::new(&out).unwrap_err();
        assert_eq!(code, 8, "{netns}: {text}");
    }
    assert_eq!(net.node.links().len(), 2, "the bridge and one port");
}

#[test]
fn check_says_everything_that_is_wrong() {
    let net = Network::new();
    let pod = Pod::new("a");
    let result = net.add(&pod);
    let conf = net.conf_with(&json!({ "prevResult": result }));
    net.call_with("CHECK", &pod, &conf).unwrap();
    assert_eq!(net.call("CHECK", &pod).unwrap_err().0, 7, "without prevResult");

    pod.net.run("ip", &["addr", "del", "10.88.0.2/24", "dev", "eth0"]);
    let port = net.node.ip(&["link", "show", "type", "veth"])[0]["ifname"]
        .as_str()
        .unwrap()
        .to_owned();
    net.node.run("ip", &["link", "set", &port, "nomaster"]);
    std::fs::remove_file(net.lease_dir().join("fd00:88::2")).unwrap();
    let (code, text) = net.call_with("CHECK", &pod, &conf).unwrap_err();
    assert_eq!(code, 101);
    for say in [
        "lacks address 10.88.0.2/24",
        &format!("{port} of the node is down or not a port of bridge cni0"),
        "address fd00:88::2 is not leased to it",
        "lacks the route to 0.0.0.0/0 via 10.88.0.1",
    ] {
        assert!(text.contains(say), "{say:?} in {text}");
    }
    net.add(&pod);
    net.call_with("CHECK", &pod, &conf).unwrap_err();
    net.del(&pod);
    assert_eq!(net.leftovers(), "");
}

#[test]
fn status_tells_whether_pods_can_start_and_whether_they_run() {
    let net = Network::new();
    let pod = Pod::new("a");
    net.call("STATUS", &pod).unwrap();
    net.add(&pod);
    net.call("STATUS", &pod).unwrap();
    net.node.run("ip", &["link", "set", "cni0", "down"]);
    assert_eq!(net.call("STATUS", &pod).unwrap_err().0, 51);
    net.node.run("ip", &["link", "set", "cni0", "up"]);
    net.node.run("sysctl", &["-qw", "net.ipv4.ip_forward=0"]);
    assert_eq!(net.call("STATUS", &pod).unwrap_err().0, 51);
    net.node.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]);
    let data = net.lease_dir().parent().unwrap().to_owned();
    let full = json!({"ipam": {"type": "host-local", "subnet": "10.88.0.0/30", "dataDir": data}});
    let (code, text) = net.call_with("STATUS", &pod, &net.conf_with(&full)).unwrap_err();
    assert_eq!(code, 50);
    assert!(text.contains("1 of 1 are leased"), "{text}");
    let old = net.conf_with(&json!({"cniVersion": "1.0.0"}));
    assert_eq!(net.call_with("STATUS", &pod, &old).unwrap_err().0, 1);
}

#[test]
fn the_loopback_plugin_does_what_containerd_asks_of_it() {
    let net = Network::new();
    let pod = Pod::new("a");
    let conf = json!({"cniVersion": "0.3.1", "name": "cni-loopback", "type": "loopback"});
    let call = |command: &str| {
        let mut process = net.command("loopback", command, &pod);
        process.env("CNI_IFNAME", "lo");
        Outcome::new(&Network::start(process, &conf).wait_with_output().unwrap())
    };
    let result = call("ADD").unwrap();
    assert_eq!(result["ips"][0]["address"], "127.0.0.1/8");
    assert!(pings(&pod.net, "127.0.0.1") && pings(&pod.net, "::1"));
    assert_eq!(call("ADD").unwrap(), result);
    call("DEL").unwrap();
    assert!(!pings(&pod.net, "127.0.0.1"));
    pod.net.unpin();
    call("DEL").unwrap();
    assert_eq!(call("ADD").unwrap_err().0, 8);
}
