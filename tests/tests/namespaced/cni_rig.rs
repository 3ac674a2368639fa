//! What the plugin's tests share: a node's and pods' namespaces that go away by themselves, the plugin as a
//! runtime calls it, and outsiders that look into the namespaces.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use cni::netns::{self, Netns};
use serde_json::{Value, json};

/// A fresh network namespace, pinned in a directory of its own; both go on drop.
pub(crate) struct TestNetns {
    pub(crate) ns: Netns,
    dir: tempfile::TempDir,
}

const PIN: &str = "netns";

impl TestNetns {
    pub(crate) fn new(what: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix(&format!("agent-test-{what}-"))
            .tempdir()
            .unwrap();
        let ns = netns::create_named(dir.path(), PIN)
            .expect("these tests need root (CAP_SYS_ADMIN) to make network namespaces");
        Self { ns, dir }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.ns.path().to_owned()
    }

    /// Takes the pin away while the namespace lives on through the open file.
    pub(crate) fn unpin(&self) {
        netns::delete_named(self.dir.path(), PIN).unwrap();
    }

    /// Runs a program inside and returns what it printed; panics with everything it said when it fails.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> String {
        let out = self
            .command(program, args)
            .output()
            .expect("nsenter must be installed");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            out.status.success(),
            "{program} {args:?} failed: {}\n{text}{}\nlook inside: nsenter --net={}",
            out.status,
            String::from_utf8_lossy(&out.stderr),
            self.path().display(),
        );
        text
    }

    /// `nsenter` and not `ip netns exec`: the latter mounts a fresh `/sys`.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/fd/{}", std::process::id(), self.fd()))
            .arg("--")
            .arg(program)
            .args(args);
        command
    }

    fn fd(&self) -> i32 {
        use std::os::fd::{AsFd, AsRawFd};
        self.ns.as_fd().as_raw_fd()
    }

    /// What `ip -j …` says inside.
    pub(crate) fn ip(&self, args: &[&str]) -> Value {
        let mut all = vec!["-j", "-d"];
        all.extend(args);
        let text = self.run("ip", &all);
        if text.trim().is_empty() {
            Value::Array(Vec::new())
        } else {
            serde_json::from_str(&text).unwrap()
        }
    }

    /// Names of the links, but the loopback.
    pub(crate) fn links(&self) -> Vec<String> {
        let links = self.ip(&["link"]);
        let names = links
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l["ifname"].as_str().unwrap().to_owned());
        names.filter(|n| n != "lo").collect()
    }

    /// The global addresses of a link.
    pub(crate) fn addresses(&self, link: &str) -> Vec<String> {
        let shown = self.ip(&["addr", "show", "dev", link]);
        let infos = shown[0]["addr_info"].as_array().cloned().unwrap_or_default();
        let global = infos.iter().filter(|a| a["scope"] == "global");
        global
            .map(|a| format!("{}/{}", a["local"].as_str().unwrap(), a["prefixlen"]))
            .collect()
    }
}

impl Drop for TestNetns {
    fn drop(&mut self) {
        let _ = netns::delete_named(self.dir.path(), PIN);
    }
}

/// A sandbox: its namespace, and the id under which the runtime knows it.
pub(crate) struct Pod {
    pub(crate) id: String,
    pub(crate) net: TestNetns,
}

impl Pod {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            net: TestNetns::new("pod"),
        }
    }
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(crate) json: Value,
}

impl Outcome {
    pub(crate) fn new(out: &Output) -> Self {
        assert!(
            out.stderr.is_empty(),
            "a plugin says nothing on stderr: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        let json = match out.stdout.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&out.stdout).expect("JSON on standard output"),
        };
        Self {
            ok: out.status.success(),
            json,
        }
    }

    /// The result of a call that must have succeeded.
    #[track_caller]
    pub(crate) fn unwrap(self) -> Value {
        assert!(self.ok, "{:#}", self.json);
        self.json
    }

    /// Code and text of a call that must have failed.
    #[track_caller]
    pub(crate) fn unwrap_err(self) -> (u64, String) {
        assert!(!self.ok, "{:#}", self.json);
        let text = |key: &str| self.json[key].as_str().unwrap_or_default().to_owned();
        (
            self.json["code"].as_u64().expect("an error code"),
            format!("{} | {}", text("msg"), text("details")),
        )
    }
}

/// A node with a pod network: the plugin, its configuration, and its leases in a directory of their own.
pub(crate) struct Network {
    pub(crate) node: TestNetns,
    pub(crate) conf: Value,
    dir: tempfile::TempDir,
}

impl Network {
    /// Dual stack, the bridge as default gateway.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in cni::plugin::NAMES {
            std::os::unix::fs::symlink(tests::agent_binary(), dir.path().join(name)).unwrap();
        }
        let conf = json!({
            "cniVersion": "1.1.0", "name": "net", "type": "agent-bridge", "bridge": "cni0",
            "isDefaultGateway": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": dir.path().join("leases"),
                "ranges": [[{"subnet": "10.88.0.0/24"}], [{"subnet": "fd00:88::/64"}]],
            },
        });
        let node = TestNetns::new("node");
        // A new namespace takes over what the machine has; a node of the tests starts as one that forwards nothing.
        node.run(
            "sysctl",
            &["-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"],
        );
        Self { node, conf, dir }
    }

    /// The plugin as the runtime would start it; its configuration is still to be written to its input.
    pub(crate) fn command(&self, plugin: &str, command: &str, pod: &Pod) -> Command {
        let path = self.dir.path().join(plugin);
        let mut process = self.node.command(path.to_str().unwrap(), &[]);
        let args = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={}",
            pod.id
        );
        process
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("CNI_COMMAND", command)
            .env("CNI_CONTAINERID", &pod.id)
            .env("CNI_NETNS", pod.net.path())
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", self.dir.path())
            .env("CNI_ARGS", args);
        process
    }

    pub(crate) fn start(mut command: Command, conf: &Value) -> Child {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the plugin starts");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(conf.to_string().as_bytes())
            .unwrap();
        child
    }

    /// Calls the plugin with a configuration of its own.
    pub(crate) fn call_with(&self, command: &str, pod: &Pod, conf: &Value) -> Outcome {
        let child = Self::start(self.command("agent-bridge", command, pod), conf);
        Outcome::new(&child.wait_with_output().unwrap())
    }

    pub(crate) fn call(&self, command: &str, pod: &Pod) -> Outcome {
        self.call_with(command, pod, &self.conf)
    }

    #[track_caller]
    pub(crate) fn add(&self, pod: &Pod) -> Value {
        self.call("ADD", pod).unwrap()
    }

    #[track_caller]
    pub(crate) fn del(&self, pod: &Pod) {
        self.call("DEL", pod).unwrap();
    }

    /// The configuration with these fields set or replaced.
    pub(crate) fn conf_with(&self, fields: &Value) -> Value {
        let mut conf = self.conf.clone();
        for (key, value) in fields.as_object().unwrap() {
            conf[key] = value.clone();
        }
        conf
    }

    /// The leased addresses, as the directory shows them to anybody.
    pub(crate) fn leases(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.lease_dir()) else {
            return Vec::new();
        };
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut addresses: Vec<String> = names.filter(|n| n.parse::<std::net::IpAddr>().is_ok()).collect();
        addresses.sort();
        addresses
    }

    pub(crate) fn lease_dir(&self) -> PathBuf {
        self.dir.path().join("leases/net")
    }

    /// Everything that is left of attachments: links but the bridge, leases, owners, rules. Empty when clean.
    pub(crate) fn leftovers(&self) -> String {
        let mut text = String::new();
        for link in self.node.links().iter().filter(|l| *l != "cni0") {
            let _ = write!(text, "link {link} ");
        }
        for address in self.leases() {
            let _ = write!(text, "lease {address} ");
        }
        for owner in std::fs::read_dir(self.lease_dir().join("owners"))
            .into_iter()
            .flatten()
        {
            let _ = write!(text, "owner {} ", owner.unwrap().file_name().display());
        }
        let rules = self.node.run("nft", &["list", "ruleset"]);
        for line in rules
            .lines()
            .filter(|l| l.contains("10.88.0.") || l.contains("fd00:88::"))
        {
            let _ = write!(text, "rule {} ", line.trim());
        }
        text
    }
}

/// Whether `from` reaches `address` with a ping.
pub(crate) fn pings(from: &TestNetns, address: &str) -> bool {
    let out = from
        .command("ping", &["-c1", "-W2", address])
        .output()
        .expect("ping must be installed");
    out.status.success()
}
