//! The netlink layer, judged by `ip -j`.

use std::os::fd::AsFd;

use cni::netlink::{BridgeOptions, LinkChange, Mac, Netlink, Route, VethPair};
use cni::netns::{Netns, in_netns};

use crate::cni_rig::TestNetns;

fn pair<'a>(name: &'a str, master: Option<u32>, peer: &'a TestNetns) -> VethPair<'a> {
    VethPair {
        name,
        master,
        peer_name: "eth0",
        peer_netns: Some(peer.ns.as_fd()),
        peer_mac: Some("0a:58:0a:f4:00:05".parse().unwrap()),
        mtu: Some(1400),
        up: true,
    }
}

fn up(pod: &TestNetns) -> (Netlink, u32) {
    let mut nl = pod.ns.netlink().unwrap();
    let eth0 = nl.link_by_name("eth0").unwrap().unwrap().index;
    nl.change_link(
        eth0,
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    )
    .unwrap();
    (nl, eth0)
}

#[test]
fn a_bridge_and_a_pair_into_another_namespace_are_as_ip_sees_them() {
    let (node, pod) = (TestNetns::new("node"), TestNetns::new("pod"));
    let mut nl = node.ns.netlink().unwrap();
    let mac: Mac = "0a:58:0a:f4:00:01".parse().unwrap();
    nl.create_bridge(
        "br0",
        &BridgeOptions {
            mac: Some(mac),
            mtu: Some(1400),
            vlan_filtering: false,
            up: true,
        },
    )
    .unwrap();
    let bridge = nl.link_by_name("br0").unwrap().unwrap();
    assert_eq!(
        (bridge.kind.as_str(), bridge.mac, bridge.mtu, bridge.up),
        ("bridge", Some(mac), 1400, true)
    );
    nl.create_veth(&pair("veth1", Some(bridge.index), &pod)).unwrap();
    let host = nl.link_by_name("veth1").unwrap().unwrap();
    nl.change_link(
        host.index,
        &LinkChange {
            alias: Some("pod a"),
            ..LinkChange::default()
        },
    )
    .unwrap();
    up(&pod);
    nl.set_hairpin(host.index, true).unwrap();
    let host = nl.link_by_index(host.index).unwrap().unwrap();
    assert_eq!(
        (host.alias.as_str(), host.hairpin, host.master),
        ("pod a", Some(true), Some(bridge.index))
    );

    let seen = &node.ip(&["link", "show", "veth1"])[0];
    assert_eq!(seen["master"], "br0");
    assert_eq!(seen["mtu"], 1400);
    assert_eq!(seen["ifalias"], "pod a");
    assert_eq!(seen["linkinfo"]["info_slave_data"]["hairpin"], true);
    assert_eq!(seen["operstate"], "UP");
    assert_eq!(node.ip(&["link", "show", "br0"])[0]["address"], mac.to_string());
    let peer = &pod.ip(&["link", "show", "eth0"])[0];
    assert_eq!(peer["address"], "0a:58:0a:f4:00:05");
    assert_eq!(peer["operstate"], "UP");

    nl.delete_link(host.index).unwrap();
    assert!(nl.link_by_name("veth1").unwrap().is_none());
    assert_eq!(pod.ip(&["link"]).as_array().unwrap().len(), 1, "only lo is left");
    assert!(
        !nl.delete_link_by_name("veth1").unwrap(),
        "deleting twice is no error"
    );
}

#[test]
fn addresses_of_both_families_are_usable_at_once() {
    let (node, pod) = (TestNetns::new("node"), TestNetns::new("pod"));
    node.ns
        .netlink()
        .unwrap()
        .create_veth(&pair("veth1", None, &pod))
        .unwrap();
    let (mut nl, eth0) = up(&pod);
    for net in ["10.244.0.5/24", "fd00:10::5/64"] {
        nl.add_address(eth0, net.parse().unwrap()).unwrap();
    }
    let again = nl
        .add_address(eth0, "10.244.0.5/24".parse().unwrap())
        .unwrap_err();
    assert!(again.is_exists());
    assert_eq!(again.to_string(), "cannot add address 10.244.0.5/24");
    let tentative = pod.run(
        "ip",
        &[
            "-6",
            "addr",
            "show",
            "dev",
            "eth0",
            "tentative",
            "scope",
            "global",
        ],
    );
    assert_eq!(tentative, "", "no duplicate address detection");
    let shown = nl.addresses(Some(eth0)).unwrap();
    let global: Vec<_> = shown
        .iter()
        .filter(|a| !a.link_local)
        .map(|a| a.net.to_string())
        .collect();
    assert_eq!(global, ["10.244.0.5/24", "fd00:10::5/64"]);
    assert!(
        shown
            .iter()
            .filter(|a| !a.link_local)
            .all(|a| a.permanent && !a.tentative)
    );
    nl.delete_address(eth0, "10.244.0.5/24".parse().unwrap()).unwrap();
    assert!(!pod.run("ip", &["addr"]).contains("10.244.0.5"));
}

#[test]
fn routes_and_neighbours_are_as_ip_sees_them() {
    let (node, pod) = (TestNetns::new("node"), TestNetns::new("pod"));
    node.ns
        .netlink()
        .unwrap()
        .create_veth(&pair("veth1", None, &pod))
        .unwrap();
    let (mut nl, eth0) = up(&pod);
    nl.add_address(eth0, "10.244.0.5/24".parse().unwrap()).unwrap();
    nl.add_address(eth0, "fd00:10::5/64".parse().unwrap()).unwrap();
    let mut four = Route::new(
        "0.0.0.0/0".parse().unwrap(),
        Some("10.244.0.1".parse().unwrap()),
        eth0,
    );
    four.mtu = Some(1300);
    let six = Route::new("::/0".parse().unwrap(), Some("fd00:10::1".parse().unwrap()), eth0);
    nl.add_route(&four).unwrap();
    nl.add_route(&six).unwrap();
    assert!(nl.add_route(&four).unwrap_err().is_exists());
    nl.replace_route(&four).unwrap();
    assert_eq!(pod.ip(&["route", "show", "default"])[0]["gateway"], "10.244.0.1");
    assert_eq!(
        pod.ip(&["-6", "route", "show", "default"])[0]["gateway"],
        "fd00:10::1"
    );
    let read = nl.routes().unwrap();
    let default = read.iter().find(|r| r.destination == four.destination).unwrap();
    assert_eq!(
        (default.gateway, default.mtu, default.by_kernel),
        (four.gateway, Some(1300), false)
    );
    assert!(
        read.iter()
            .any(|r| r.destination == "10.244.0.0/24".parse().unwrap() && r.by_kernel)
    );
    nl.delete_route(&six).unwrap();
    assert!(nl.delete_route(&six).unwrap_err().is_not_found());

    let gateway = "10.244.0.1".parse().unwrap();
    let mac: Mac = "0a:58:0a:f4:00:01".parse().unwrap();
    nl.set_neighbour(eth0, gateway, mac).unwrap();
    assert_eq!(pod.ip(&["neigh"])[0]["lladdr"], mac.to_string());
    let known = nl.neighbours().unwrap();
    assert!(
        known
            .iter()
            .any(|n| n.address == gateway && n.mac == Some(mac) && n.permanent)
    );
    nl.delete_neighbour(eth0, gateway).unwrap();
    assert!(nl.delete_neighbour(eth0, gateway).unwrap_err().is_not_found());
}

#[test]
fn a_refusal_names_operation_object_and_the_kernels_reason() {
    let node = TestNetns::new("node");
    let mut nl = node.ns.netlink().unwrap();
    let error = nl
        .create_bridge("a-name-longer-than-15", &BridgeOptions::default())
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot create bridge a-name-longer-than-15");
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        reason.ends_with(": Attribute failed policy validation"),
        "{reason}"
    );
}

#[test]
fn a_thread_is_back_home_after_the_closure_even_when_it_panics() {
    let node = TestNetns::new("node");
    let home = Netns::current().unwrap().id().unwrap();
    let inside = in_netns(&node.ns, || Netns::current().unwrap().id().unwrap()).unwrap();
    assert_eq!(inside, node.ns.id().unwrap());
    assert_ne!(inside, home);
    let panicked = std::panic::catch_unwind(|| in_netns(&node.ns, || panic!("on purpose")));
    assert!(panicked.is_err());
    assert_eq!(Netns::current().unwrap().id().unwrap(), home);
}

#[test]
fn a_hundred_links_are_listed_while_others_come_and_go() {
    let node = TestNetns::new("node");
    let mut nl = node.ns.netlink().unwrap();
    for i in 0..100 {
        nl.create_bridge(&format!("br{i}"), &BridgeOptions::default())
            .unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = node.ns.netlink().unwrap();
            for i in 100..160 {
                other
                    .create_bridge(&format!("br{i}"), &BridgeOptions::default())
                    .unwrap();
                other.delete_link_by_name(&format!("br{i}")).unwrap();
            }
        });
        for _ in 0..50 {
            let names: std::collections::BTreeSet<_> =
                nl.links().unwrap().into_iter().map(|l| l.name).collect();
            assert!((0..100).all(|i| names.contains(&format!("br{i}"))));
        }
    });
}
