//! The plugin under faults: killed between any two steps, fifty at once, leftovers, and a changeover from
//! another plugin.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};

use cni::garbage::collect_garbage;
use cni::lease::Owner;
use cni::netns::in_netns;
use cni::plugin::{Machine, Plugin};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::cni_rig::{Network, Outcome, Pod, pings};

/// Kills the process before the step of this number.
const KILL_AT: &str = "CNI_TEST_KILL_AT";

/// The body of a process that the crash tests start: the plugin, killed before a given step.
#[test]
#[ignore = "the body of a process of its own, started by the tests below"]
fn plugin_that_is_killed() {
    let at: usize = std::env::var(KILL_AT)
        .expect("started by a crash test")
        .parse()
        .unwrap();
    let mut step = 0;
    let mut steps = |_: &str| {
        if step == at {
            let _ = kill(Pid::this(), Signal::SIGKILL);
        }
        step += 1;
    };
    let mut conf = Vec::new();
    std::io::stdin().read_to_end(&mut conf).unwrap();
    let mut out = Vec::new();
    let mut machine = Machine::this(&mut steps);
    let code = Plugin::Bridge.run(&|n| std::env::var_os(n), &mut &conf[..], &mut out, &mut machine);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&out));
}

/// Runs a command that is killed before step `at`; `false` when it came to its end first.
fn killed_at(at: usize, net: &Network, command: &str, pod: &Pod) -> bool {
    let own = std::env::current_exe().unwrap();
    let plugin = net.command("agent-bridge", command, pod);
    let mut process = net.node.command(
        own.to_str().unwrap(),
        &[
            "--exact",
            "cni_faults::plugin_that_is_killed",
            "--include-ignored",
            "--test-threads=1",
        ],
    );
    for (key, value) in plugin.get_envs() {
        process.env(key, value.unwrap_or_default());
    }
    process.env(KILL_AT, at.to_string());
    let out = Network::start(process, &with_port(net))
        .wait_with_output()
        .unwrap();
    let killed = std::os::unix::process::ExitStatusExt::signal(&out.status) == Some(Signal::SIGKILL as i32);
    assert!(
        killed || out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stdout)
    );
    killed
}

/// A network in which an ADD has every step that there is.
fn full_network() -> Network {
    let mut net = Network::new();
    net.conf["ipMasq"] = json!(true);
    // A new namespace starts with the machine's setting.
    net.node.run(
        "sysctl",
        &["-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"],
    );
    net
}

/// A port of the node for one of the pods: two pods cannot have the same.
fn with_port(net: &Network) -> serde_json::Value {
    let ports = json!([{"hostPort": 8080, "containerPort": 80}]);
    net.conf_with(&json!({ "runtimeConfig": { "portMappings": ports } }))
}

/// Steps of an ADD on an empty node: counted so that a test that kills nothing is noticed.
const ADD_STEPS: usize = 26;

#[test]
fn an_add_killed_at_any_step_is_completed_by_the_next() {
    for at in 0.. {
        let net = full_network();
        let (pod, other) = (Pod::new("a"), Pod::new("b"));
        let killed = killed_at(at, &net, "ADD", &pod);
        net.add(&other);
        let result = net.call_with("ADD", &pod, &with_port(&net)).unwrap();
        assert_eq!(pod.net.addresses("eth0").len(), 2, "killed before step {at}");
        assert_eq!(
            net.node.links().len(),
            3,
            "killed before step {at}: bridge and two ports"
        );
        assert_eq!(net.leases().len(), 4, "killed before step {at}");
        let mut check = with_port(&net);
        check["prevResult"] = result;
        net.call_with("CHECK", &pod, &check).unwrap();
        assert!(
            pings(&pod.net, "10.88.0.1") && pings(&pod.net, "fd00:88::1"),
            "killed before step {at}"
        );
        net.del(&pod);
        net.del(&other);
        assert_eq!(net.leftovers(), "", "killed before step {at}");
        if !killed {
            assert_eq!(at, ADD_STEPS, "an ADD's steps");
            break;
        }
    }
}

#[test]
fn a_del_after_an_add_killed_at_any_step_leaves_nothing() {
    for at in 0..ADD_STEPS {
        for namespace_gone in [false, true] {
            let net = full_network();
            let pod = Pod::new("a");
            assert!(killed_at(at, &net, "ADD", &pod));
            if namespace_gone {
                pod.net.unpin();
            }
            net.del(&pod);
            assert_eq!(
                net.leftovers(),
                "",
                "killed before step {at}, namespace gone: {namespace_gone}"
            );
        }
    }
}

#[test]
fn a_del_killed_at_any_step_is_completed_by_the_next() {
    for at in 0.. {
        let net = full_network();
        let pod = Pod::new("a");
        net.call_with("ADD", &pod, &with_port(&net)).unwrap();
        let killed = killed_at(at, &net, "DEL", &pod);
        net.del(&pod);
        assert_eq!(net.leftovers(), "", "killed before step {at}");
        if !killed {
            assert_eq!(at, 5, "a DEL's steps");
            break;
        }
    }
}

#[test]
fn fifty_adds_at_once_get_fifty_addresses() {
    let net = Network::new();
    let pods: Vec<Pod> = (0..50).map(|i| Pod::new(&format!("p{i}"))).collect();
    let all = |command: &str| -> Vec<Outcome> {
        let start = |pod| Network::start(net.command("agent-bridge", command, pod), &net.conf);
        let children: Vec<_> = pods.iter().map(start).collect();
        children
            .into_iter()
            .map(|c| Outcome::new(&c.wait_with_output().unwrap()))
            .collect()
    };
    let results: Vec<_> = all("ADD").into_iter().map(Outcome::unwrap).collect();
    for family in [0, 1] {
        let addresses: BTreeSet<_> = results
            .iter()
            .map(|r| r["ips"][family]["address"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(addresses.len(), 50);
    }
    assert_eq!(net.node.links().len(), 51, "one bridge, fifty ports");
    assert_eq!(net.node.addresses("cni0"), ["10.88.0.1/24", "fd00:88::1/64"]);
    let bridge = net.node.ip(&["link", "show", "cni0"])[0]["address"].clone();
    assert_eq!(
        bridge, "0a:58:0a:58:00:01",
        "the same however many ports there are"
    );
    let last = results[49]["ips"][0]["address"]
        .as_str()
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    assert!(pings(&pods[0].net, &last));
    all("DEL").into_iter().for_each(|o| drop(o.unwrap()));
    assert_eq!(net.leftovers(), "");
    assert_eq!(net.node.ip(&["link", "show", "cni0"])[0]["address"], bridge);
}

#[test]
fn gc_removes_what_no_attachment_needs_and_keeps_what_is_in_use() {
    let net = Network::new();
    let [valid, forgotten, gone, lingering] = ["valid", "forgotten", "gone", "lingering"].map(Pod::new);
    for pod in [&valid, &forgotten, &gone, &lingering] {
        net.add(pod);
    }
    // The namespace went and took the pair along; of another one only the name went.
    gone.net.run("ip", &["link", "del", "eth0"]);
    gone.net.unpin();
    lingering.net.unpin();
    let stranger = [
        "link",
        "add",
        "veth-strange",
        "type",
        "veth",
        "peer",
        "name",
        "veth-peer",
    ];
    net.node.run("ip", &stranger);
    let list = json!([{"containerID": "valid", "ifname": "eth0"}]);
    let conf = net.conf_with(&json!({ "cni.dev/valid-attachments": list }));
    assert_eq!(
        net.call("GC", &valid).unwrap_err().0,
        7,
        "without a list nothing is removed"
    );
    net.call_with("GC", &valid, &conf).unwrap();
    assert_eq!(
        net.leases(),
        ["10.88.0.2", "10.88.0.3", "fd00:88::2", "fd00:88::3"]
    );
    assert!(
        pings(&forgotten.net, "10.88.0.1"),
        "it is in use, whatever the list says"
    );
    assert!(!lingering.net.links().contains(&"eth0".to_owned()));
    assert!(net.node.links().contains(&"veth-strange".to_owned()));

    forgotten.net.unpin();
    net.call_with("GC", &valid, &conf).unwrap();
    assert_eq!(net.leases(), ["10.88.0.2", "fd00:88::2"]);
    assert!(pings(&valid.net, "10.88.0.1"));
    net.call_with(
        "GC",
        &valid,
        &net.conf_with(&json!({ "cni.dev/valid-attachments": null })),
    )
    .unwrap();
    assert_eq!(net.leases().len(), 2, "valid's namespace still uses them");
}

#[test]
fn a_node_changes_over_from_the_common_plugins_without_a_double_address() {
    let common = "/usr/lib/cni/bridge";
    assert!(
        std::path::Path::new(common).exists(),
        "apt-get install containernetworking-plugins"
    );
    let net = Network::new();
    let (old, new) = (Pod::new("old"), Pod::new("new"));
    let theirs = net.conf_with(&json!({"type": "bridge", "cniVersion": "1.0.0"}));
    let mut command: Command = net.node.command(common, &[]);
    for (key, value) in net.command("agent-bridge", "ADD", &old).get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    command.env("CNI_PATH", "/usr/lib/cni").stdout(Stdio::piped());
    let out = Network::start(command, &theirs).wait_with_output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    let result = net.add(&new);
    assert_eq!(result["ips"][0]["address"], "10.88.0.3/24");
    assert!(pings(&new.net, "10.88.0.2") && pings(&old.net, "10.88.0.3"));
    net.del(&old);
    assert_eq!(old.net.links(), [""; 0]);
    net.del(&new);
    assert_eq!(net.leftovers(), "");
}

#[test]
fn the_node_sweeps_for_a_runtime_that_never_asks() {
    let net = Network::new();
    let [kept, gone] = ["kept", "gone"].map(Pod::new);
    net.add(&kept);
    net.add(&gone);
    gone.net.unpin();
    let network = cni::install::NodeNetwork {
        name: "net".into(),
        bridge: "cni0".into(),
        pod_cidrs: vec!["10.88.0.0/24".parse().unwrap(), "fd00:88::/64".parse().unwrap()],
        mtu: None,
        masquerade: false,
        data_dir: net.lease_dir().parent().map(Into::into),
    };
    let owner = Owner {
        container: "kept".parse().unwrap(),
        ifname: "eth0".parse().unwrap(),
    };
    let sweep = || {
        collect_garbage(
            &network,
            std::slice::from_ref(&owner),
            &mut Machine::this(&mut |_| {}),
        )
    };
    for _ in 0..2 {
        in_netns(&net.node.ns, sweep).unwrap().unwrap();
        assert_eq!(net.leases(), ["10.88.0.2", "fd00:88::2"]);
        assert_eq!(net.node.links().len(), 2);
    }
    assert!(pings(&kept.net, "10.88.0.1"));
}
