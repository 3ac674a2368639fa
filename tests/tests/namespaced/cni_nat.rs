//! Masquerading and ports of the node, judged by who sees whom over real connections, and by `nft`.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use cni::netns::in_netns;
use serde_json::json;

use crate::cni_rig::{Network, Pod, TestNetns};

/// A machine outside of the node, on a link of its own.
struct Outside {
    net: TestNetns,
}

const OUTSIDE: [&str; 2] = ["192.0.2.9", "2001:db8::9"];
const NODE: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

impl Outside {
    fn new(node: &TestNetns) -> Self {
        let net = TestNetns::new("outside");
        let netns = net.path();
        node.run("ip", &["link", "set", "lo", "up"]);
        node.run(
            "ip",
            &["link", "add", "uplink", "type", "veth", "peer", "name", "eth0"],
        );
        node.run("ip", &["link", "set", "eth0", "netns", netns.to_str().unwrap()]);
        for (side, link, [four, six]) in [(node, "uplink", NODE), (&net, "eth0", OUTSIDE)] {
            side.run("ip", &["addr", "add", &format!("{four}/24"), "dev", link]);
            side.run("ip", &["addr", "add", &format!("{six}/64"), "dev", link, "nodad"]);
            side.run("ip", &["link", "set", link, "up"]);
        }
        Self { net }
    }
}

/// A server that answers every TCP connection with the peer's address.
fn serve(at: &TestNetns, port: u16) {
    let listener = in_netns(&at.ns, || TcpListener::bind(("::", port)))
        .unwrap()
        .unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap().ip().to_canonical();
            let _ = stream.write_all(peer.to_string().as_bytes());
        }
    });
}

/// Whom a server at `address` sees when it is called from `from`.
fn seen_by(from: &TestNetns, address: &str, port: u16) -> Result<IpAddr, String> {
    let address = SocketAddr::new(address.parse().unwrap(), port);
    let connect = || TcpStream::connect_timeout(&address, Duration::from_secs(2));
    let mut stream = in_netns(&from.ns, connect).unwrap().map_err(|e| e.to_string())?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|e| e.to_string())?;
    text.parse().map_err(|_| format!("{text:?}"))
}

#[test]
fn pods_get_the_nodes_address_outside_and_keep_their_own_among_themselves() {
    let mut net = Network::new();
    net.conf["ipMasq"] = json!(true);
    let outside = Outside::new(&net.node);
    let (a, b) = (Pod::new("a"), Pod::new("b"));
    net.add(&a);
    net.add(&b);
    for at in [&outside.net, &b.net, &net.node] {
        serve(at, 9000);
    }
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for (address, seen) in [
        (OUTSIDE[0], NODE[0]),
        (OUTSIDE[1], NODE[1]),
        ("10.88.0.3", "10.88.0.2"),
        ("fd00:88::3", "fd00:88::2"),
        ("10.88.0.1", "10.88.0.2"),
        (NODE[0], "10.88.0.2"),
    ] {
        assert_eq!(seen_by(&a.net, address, 9000), Ok(ip(seen)), "{address}");
    }
    let rules = net.node.run("nft", &["list", "ruleset"]);
    assert!(rules.contains("elements = { \"cni0\" }"), "{rules}");
    net.del(&a);
    let rules = net.node.run("nft", &["list", "ruleset"]);
    assert!(
        !rules.contains("10.88.0.2") && rules.contains("10.88.0.3"),
        "{rules}"
    );
    net.del(&b);
    assert!(!net.node.run("nft", &["list", "ruleset"]).contains("10.88.0"));
}

#[test]
fn without_masquerading_there_are_no_rules() {
    let net = Network::new();
    net.add(&Pod::new("a"));
    assert_eq!(net.node.run("nft", &["list", "ruleset"]), "");
}

fn ports(list: serde_json::Value) -> serde_json::Value {
    json!({ "runtimeConfig": { "portMappings": list } })
}

#[test]
fn a_port_of_the_node_leads_to_the_pod_from_everywhere() {
    let net = Network::new();
    let outside = Outside::new(&net.node);
    let (pod, other) = (Pod::new("a"), Pod::new("b"));
    let conf = net.conf_with(&ports(json!([
        {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
        {"hostPort": 8081, "containerPort": 80, "protocol": "tcp", "hostIP": NODE[0]},
        {"hostPort": 8082, "containerPort": 80, "protocol": "tcp", "hostIP": "203.0.113.1"},
    ])));
    let result = net.call_with("ADD", &pod, &conf).unwrap();
    net.add(&other);
    serve(&pod.net, 80);
    for (from, address, port) in [
        (&outside.net, NODE[0], 8080),
        (&outside.net, NODE[1], 8080),
        (&outside.net, NODE[0], 8081),
        (&net.node, NODE[0], 8080),
        (&net.node, "127.0.0.1", 8080),
        (&other.net, NODE[0], 8080),
        (&other.net, "10.88.0.1", 8080),
        (&other.net, NODE[1], 8080),
        (&pod.net, NODE[0], 8080),
        (&pod.net, NODE[1], 8080),
    ] {
        seen_by(from, address, port)
            .unwrap_or_else(|e| panic!("{} {address}:{port}: {e}", from.path().display()));
    }
    let seen = seen_by(&outside.net, NODE[0], 8080);
    assert_eq!(
        seen,
        Ok(OUTSIDE[0].parse().unwrap()),
        "the caller's address is kept"
    );
    for (address, port) in [(NODE[0], 8082), (NODE[1], 8081), (NODE[0], 80)] {
        assert!(seen_by(&outside.net, address, port).is_err(), "{address}:{port}");
    }
    let mut check = conf.clone();
    check["prevResult"] = result;
    net.call_with("CHECK", &pod, &check).unwrap();
    net.node
        .run("nft", &["flush", "map", "inet", "agent-cni", "ports4"]);
    assert!(
        net.call_with("CHECK", &pod, &check)
            .unwrap_err()
            .1
            .contains("ports4")
    );
    net.call_with("ADD", &pod, &conf).unwrap();
    net.call_with("CHECK", &pod, &check).unwrap();

    // The runtime does not always repeat the ports on DEL.
    net.del(&pod);
    assert!(seen_by(&outside.net, NODE[0], 8080).is_err());
    assert!(!net.node.run("nft", &["list", "ruleset"]).contains("10.88.0.2"));
}

fn udp(at: &TestNetns, address: &str) -> UdpSocket {
    let socket = in_netns(&at.ns, || UdpSocket::bind(address)).unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    socket
}

/// Sends a packet to the node's port, which the pod's server must get; answers it.
fn udp_question(client: &UdpSocket, server: &UdpSocket) {
    client.send_to(b"question", (NODE[0], 5353)).unwrap();
    let mut buffer = [0; 32];
    let (_, from) = server.recv_from(&mut buffer).unwrap();
    server.send_to(b"answer", from).unwrap();
    let (length, from) = client.recv_from(&mut buffer).unwrap();
    assert_eq!(
        (&buffer[..length], from.to_string().as_str()),
        (&b"answer"[..], "192.0.2.1:5353")
    );
}

#[test]
fn an_open_udp_flow_follows_the_port_from_pod_to_pod() {
    let net = Network::new();
    let outside = Outside::new(&net.node);
    let conf = net.conf_with(&ports(
        json!([{"hostPort": 5353, "containerPort": 53, "protocol": "UDP"}]),
    ));
    // One client that keeps its port and never stops asking, as resolvers and telephones do: first of
    // nobody, then of one pod after the other.
    let client = udp(&outside.net, "0.0.0.0:0");
    client.send_to(b"too early", (NODE[0], 5353)).unwrap();
    for name in ["a", "b"] {
        let pod = Pod::new(name);
        net.call_with("ADD", &pod, &conf).unwrap();
        let server = udp(&pod.net, "0.0.0.0:53");
        udp_question(&client, &server);
        udp_question(&client, &server);
        net.call_with("DEL", &pod, &conf).unwrap();
        let flows = net
            .node
            .run("conntrack", &["-L", "-p", "udp", "--orig-port-dst", "5353"]);
        assert_eq!(flows, "");
    }
}

#[test]
fn a_port_that_another_pod_has_is_refused_and_nothing_is_left() {
    let net = Network::new();
    let (a, b) = (Pod::new("a"), Pod::new("b"));
    let conf = net.conf_with(&ports(json!([{"hostPort": 8080, "containerPort": 80}])));
    net.call_with("ADD", &a, &conf).unwrap();
    let before = net.node.run("nft", &["list", "ruleset"]);
    let (code, text) = net.call_with("ADD", &b, &conf).unwrap_err();
    assert_eq!(code, 11);
    assert!(text.contains("8080/tcp is in use by another pod"), "{text}");
    assert_eq!(net.leases(), ["10.88.0.2", "fd00:88::2"]);
    assert_eq!(b.net.links(), [""; 0]);
    assert_eq!(net.node.run("nft", &["list", "ruleset"]), before);
}

#[test]
fn gc_forgets_ports_and_sources_of_addresses_that_nobody_holds() {
    let mut net = Network::new();
    net.conf["ipMasq"] = json!(true);
    let (kept, lost) = (Pod::new("kept"), Pod::new("lost"));
    net.add(&kept);
    let conf = net.conf_with(&ports(json!([{"hostPort": 8080, "containerPort": 80}])));
    net.call_with("ADD", &lost, &conf).unwrap();
    std::fs::remove_file(net.lease_dir().join("10.88.0.3")).unwrap();
    std::fs::remove_file(net.lease_dir().join("fd00:88::3")).unwrap();
    net.del(&lost);
    assert!(
        net.node.run("nft", &["list", "ruleset"]).contains("10.88.0.3"),
        "nothing says whose it was"
    );
    let valid = json!([{"containerID": "kept", "ifname": "eth0"}]);
    net.call_with(
        "GC",
        &kept,
        &net.conf_with(&json!({ "cni.dev/valid-attachments": valid })),
    )
    .unwrap();
    let rules = net.node.run("nft", &["list", "ruleset"]);
    assert!(
        !rules.contains("10.88.0.3") && rules.contains("10.88.0.2"),
        "{rules}"
    );
}
