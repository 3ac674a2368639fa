use super::*;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn desired() -> Desired {
    Desired {
        bridge: "cni0".into(),
        bridge_mac: Mac::new([2; 6]),
        promiscuous: false,
        gateways: vec![net("10.1.0.1/24"), net("fd00::1/64")],
        force_address: false,
        mtu: Some(1450),
        port: "veth1".into(),
        alias: "agent-cni net c eth0 default/web".into(),
        alias_stem: "agent-cni net c eth0".into(),
        hairpin: true,
        ifname: "eth0".into(),
        mac: Mac::new([2; 6]),
        announce: false,
        addresses: vec![net("10.1.0.2/24"), net("fd00::2/64")],
        routes: vec![DesiredRoute {
            destination: net("0.0.0.0/0"),
            gateway: "10.1.0.1".parse().unwrap(),
            mtu: None,
            priority: None,
        }],
    }
}

fn link(index: u32, kind: &str) -> Link {
    Link {
        index,
        kind: kind.into(),
        up: true,
        running: true,
        mtu: 1450,
        ..Link::default()
    }
}

/// What is there after the plan for an empty machine was carried out.
fn complete() -> Observed {
    let d = desired();
    Observed {
        bridge: Some(link(2, "bridge")),
        bridge_accepts_ra: false,
        bridge_addresses: d.gateways,
        port: Some(Link {
            peer: Some(9),
            master: Some(2),
            alias: d.alias,
            hairpin: Some(true),
            ..link(3, "veth")
        }),
        inside: Some(Link {
            peer: Some(3),
            ..link(9, "veth")
        }),
        addresses: d.addresses,
        routes: d
            .routes
            .iter()
            .map(|r| (r.destination, Some(r.gateway)))
            .collect(),
        loopback_up: true,
        forwarding: [true, true],
    }
}

#[test]
fn an_empty_machine_gets_everything_in_an_order_that_works() {
    use Action::*;
    let route = desired().routes[0].clone();
    assert_eq!(
        plan(&desired(), &Observed::default()).unwrap(),
        [
            Forward(Family::V4),
            Forward(Family::V6),
            CreateBridge,
            HardenBridge,
            BridgeUp,
            AddGateway(net("10.1.0.1/24")),
            AddGateway(net("fd00::1/64")),
            CreatePair,
            Label,
            Hairpin(true),
            LoopbackUp,
            EnableIpv6,
            IgnoreAdvertisements,
            AddAddress(net("10.1.0.2/24")),
            AddAddress(net("fd00::2/64")),
            InsideUp,
            AddRoute(route),
            AwaitCarrier,
        ]
    );
}

#[test]
fn a_complete_attachment_needs_nothing() {
    assert_eq!(plan(&desired(), &complete()).unwrap(), []);
}

#[test]
fn a_second_container_touches_only_what_is_its_own() {
    let observed = Observed {
        port: None,
        inside: None,
        loopback_up: false,
        ..complete()
    };
    let actions = plan(&desired(), &observed).unwrap();
    assert_eq!(actions[0], Action::CreatePair);
    assert!(
        actions.contains(&Action::AddAddress(net("10.1.0.2/24"))),
        "what was seen is of another interface"
    );
}

#[test]
fn each_thing_missing_is_repaired_alone() {
    let change = |f: fn(&mut Observed)| {
        let mut observed = complete();
        f(&mut observed);
        plan(&desired(), &observed).unwrap()
    };
    for (actions, expected) in [
        (change(|o| o.forwarding[0] = false), Action::Forward(Family::V4)),
        (
            change(|o| o.bridge.as_mut().unwrap().up = false),
            Action::BridgeUp,
        ),
        (
            change(|o| o.bridge.as_mut().unwrap().mtu = 1500),
            Action::BridgeMtu(1450),
        ),
        (
            change(|o| o.bridge_addresses.truncate(1)),
            Action::AddGateway(net("fd00::1/64")),
        ),
        (change(|o| o.port.as_mut().unwrap().alias.clear()), Action::Label),
        (
            change(|o| o.port.as_mut().unwrap().master = None),
            Action::Enslave,
        ),
        (change(|o| o.port.as_mut().unwrap().up = false), Action::Enslave),
        (
            change(|o| o.port.as_mut().unwrap().hairpin = None),
            Action::Hairpin(true),
        ),
        (change(|o| o.loopback_up = false), Action::LoopbackUp),
        (
            change(|o| o.addresses = o.addresses.split_off(1)),
            Action::AddAddress(net("10.1.0.2/24")),
        ),
        (change(|o| o.bridge_accepts_ra = true), Action::HardenBridge),
        (
            change(|o| o.routes.clear()),
            Action::AddRoute(desired().routes[0].clone()),
        ),
    ] {
        assert_eq!(actions, [expected]);
    }
}

#[test]
fn an_interface_that_is_down_ignores_advertisements_before_it_comes_up() {
    let mut observed = complete();
    observed.inside.as_mut().unwrap().up = false;
    let actions = plan(&desired(), &observed).unwrap();
    assert_eq!(actions, [Action::IgnoreAdvertisements, Action::InsideUp]);
    let without = Desired {
        addresses: vec![],
        gateways: vec![],
        routes: vec![],
        ..desired()
    };
    assert_eq!(
        plan(&without, &observed).unwrap(),
        [Action::InsideUp],
        "its network may have routers"
    );
}

#[test]
fn a_leftover_whose_other_end_is_gone_is_replaced() {
    let observed = Observed {
        inside: None,
        ..complete()
    };
    let actions = plan(&desired(), &observed).unwrap();
    assert_eq!(
        actions[..3],
        [Action::DeletePort, Action::CreatePair, Action::Label]
    );
}

#[test]
fn what_belongs_to_others_is_never_touched() {
    let refuse = |f: fn(&mut Observed)| {
        let mut observed = complete();
        f(&mut observed);
        plan(&desired(), &observed).unwrap_err().message
    };
    for (message, say) in [
        (
            refuse(|o| o.bridge = Some(link(2, "vxlan"))),
            "cni0 is a vxlan, not a bridge",
        ),
        (
            refuse(|o| o.bridge = Some(link(2, ""))),
            "cni0 is a device, not a bridge",
        ),
        (refuse(|o| o.port = None), "eth0 exists in the container already"),
        (
            refuse(|o| o.inside.as_mut().unwrap().peer = Some(77)),
            "eth0 exists in the container already",
        ),
        (
            refuse(|o| {
                o.inside = None;
                o.port.as_mut().unwrap().alias = "agent-cni net c eth01".into();
            }),
            "belongs to something else",
        ),
        (
            refuse(|o| o.bridge_addresses[0] = net("10.1.0.254/24")),
            "has address 10.1.0.254/24 where 10.1.0.1/24",
        ),
    ] {
        assert!(message.contains(say), "{message}");
    }
}

#[test]
fn another_gateway_address_gives_way_when_forced() {
    let mut observed = complete();
    observed.bridge_addresses[0] = net("10.1.0.254/24");
    let actions = plan(
        &Desired {
            force_address: true,
            ..desired()
        },
        &observed,
    )
    .unwrap();
    assert_eq!(
        actions,
        [
            Action::RemoveGateway(net("10.1.0.254/24")),
            Action::AddGateway(net("10.1.0.1/24"))
        ]
    );
}

#[test]
fn neighbours_are_told_only_of_a_hardware_address_they_cannot_know() {
    let d = Desired {
        announce: true,
        ..desired()
    };
    let actions = plan(&d, &Observed::default()).unwrap();
    let at = |a: &Action| actions.iter().position(|x| x == a).unwrap();
    assert!(at(&Action::Announce) < at(&Action::InsideUp));
    assert!(at(&Action::AddAddress(net("10.1.0.2/24"))) < at(&Action::InsideUp));
    assert_eq!(plan(&d, &complete()).unwrap(), []);
}
