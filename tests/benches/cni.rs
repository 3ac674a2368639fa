//! How long ADD and DEL take as a runtime sees them: from starting the plugin to its end, in real network
//! namespaces, beside the field's common plugins in the same run. Needs root.
//!
//! `cargo bench -p tests --bench cni [-- ROUNDS]` prints a table; it fails only when a call fails.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench starts programs, reads the clock and prints a table"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cni::netns::{self, Netns, in_netns};
use serde_json::{Value, json};

/// The ADD that a node promises (docs/benchmarks.md).
const BUDGET: Duration = Duration::from_millis(5);
/// Where Debian puts the common plugins.
const COMMON: &str = "/usr/lib/cni";

fn main() -> Result<()> {
    let rounds = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(100);
    let dir = tempfile::tempdir()?;
    let link = dir.path().join("agent-bridge");
    std::os::unix::fs::symlink(tests::agent_binary(), &link)?;
    println!("one call at a time, milliseconds       p50     p99     max");
    let start = floor(&link, rounds)?;
    row("agent-bridge VERSION (process start)", &start);
    let ours = Bench::new("ours", "agent-bridge", &link, dir.path())?.run(rounds)?;
    ours.print("agent-bridge");
    if Path::new(COMMON).join("bridge").exists() {
        let plugin = Path::new(COMMON).join("bridge");
        let theirs = Bench::new("theirs", "bridge", &plugin, dir.path())?.run(rounds)?;
        theirs.print("bridge + host-local");
        println!(
            "ADD is {:.1} times, DEL {:.1} times as fast",
            ratio(&theirs.add, &ours.add),
            ratio(&theirs.del, &ours.del)
        );
    } else {
        println!("{COMMON}/bridge is not installed: nothing to compare with");
    }
    let p50 = quantile(&ours.add, 0.5);
    println!(
        "budget: ADD p50 {BUDGET:?}: {}",
        if p50 <= BUDGET { "met" } else { "NOT met" }
    );
    Ok(())
}

/// What starting the program costs, without any network.
fn floor(plugin: &Path, rounds: usize) -> Result<Vec<Duration>> {
    (0..rounds)
        .map(|_| {
            call(
                plugin,
                &[("CNI_COMMAND", "VERSION")],
                &json!({"cniVersion": "1.0.0"}),
            )
        })
        .collect()
}

/// One plugin with a node and pods of its own.
struct Bench {
    plugin: PathBuf,
    conf: Value,
    node: Pinned,
    dir: PathBuf,
}

/// Sorted times.
struct Times {
    add: Vec<Duration>,
    del: Vec<Duration>,
    /// All ADDs started at once: until the last one ended, per ADD.
    at_once: Duration,
    count_at_once: usize,
}

impl Bench {
    fn new(name: &str, kind: &str, plugin: &Path, dir: &Path) -> Result<Self> {
        let dir = dir.join(name);
        let conf = json!({
            "cniVersion": "1.0.0", "name": "bench", "type": kind, "bridge": "cni0",
            "isDefaultGateway": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local", "dataDir": dir.join("leases"),
                "ranges": [[{"subnet": "10.89.0.0/16"}]],
            },
        });
        Ok(Self {
            plugin: plugin.into(),
            conf,
            node: Pinned::new(&dir, "node")?,
            dir,
        })
    }

    /// `rounds` pods one after the other, which then all exist, and go one after the other.
    fn run(&self, rounds: usize) -> Result<Times> {
        let pods: Result<Vec<Pinned>> = (0..rounds)
            .map(|i| Pinned::new(&self.dir, &format!("p{i}")))
            .collect();
        let pods = pods?;
        // The first one makes the bridge: part of no pod's start but the first's.
        self.one("ADD", &pods[0])?;
        let mut add: Vec<_> = pods[1..]
            .iter()
            .map(|p| self.one("ADD", p))
            .collect::<Result<_>>()?;
        let mut del: Vec<_> = pods.iter().map(|p| self.one("DEL", p)).collect::<Result<_>>()?;
        add.sort();
        del.sort();
        let count_at_once = rounds.min(30);
        let started = Instant::now();
        std::thread::scope(|scope| {
            let calls: Vec<_> = pods[..count_at_once]
                .iter()
                .map(|p| scope.spawn(|| self.one("ADD", p)))
                .collect();
            calls
                .into_iter()
                .try_for_each(|c| c.join().expect("a call's thread").map(drop))
        })?;
        let at_once = started.elapsed() / u32::try_from(count_at_once)?;
        for pod in &pods[..count_at_once] {
            self.one("DEL", pod)?;
        }
        Ok(Times {
            add,
            del,
            at_once,
            count_at_once,
        })
    }

    fn one(&self, command: &str, pod: &Pinned) -> Result<Duration> {
        let netns = pod.ns.path().to_str().context("a path of ours is UTF-8")?;
        let env = [
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", pod.name.as_str()),
            ("CNI_NETNS", netns),
            ("CNI_IFNAME", "eth0"),
            ("CNI_PATH", COMMON),
            (
                "CNI_ARGS",
                "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=bench",
            ),
        ];
        in_netns(&self.node.ns, || call(&self.plugin, &env, &self.conf))?
    }
}

/// Starts a plugin in the calling thread's namespace and waits for its end.
fn call(plugin: &Path, env: &[(&str, &str)], conf: &Value) -> Result<Duration> {
    let text = conf.to_string();
    let started = Instant::now();
    let mut child = Command::new(plugin)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", plugin.display()))?;
    child
        .stdin
        .take()
        .context("its input")?
        .write_all(text.as_bytes())?;
    let out = child.wait_with_output()?;
    let took = started.elapsed();
    ensure!(
        out.status.success(),
        "{env:?}: {}",
        String::from_utf8_lossy(&out.stdout)
    );
    Ok(took)
}

/// A namespace that goes away with this value.
struct Pinned {
    ns: Netns,
    dir: PathBuf,
    name: String,
}

impl Pinned {
    fn new(dir: &Path, name: &str) -> Result<Self> {
        let ns = netns::create_named(dir, name).context("make a network namespace (needs root)")?;
        Ok(Self {
            ns,
            dir: dir.into(),
            name: name.into(),
        })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = netns::delete_named(&self.dir, &self.name);
    }
}

fn quantile(sorted: &[Duration], q: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * q).round() as usize)
        .copied()
        .unwrap_or_default()
}

fn ratio(slow: &[Duration], fast: &[Duration]) -> f64 {
    quantile(slow, 0.5).as_secs_f64() / quantile(fast, 0.5).as_secs_f64()
}

fn row(name: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort();
    let ms = |q| quantile(&sorted, q).as_secs_f64() * 1e3;
    println!("{name:<36} {:>7.2} {:>7.2} {:>7.2}", ms(0.5), ms(0.99), ms(1.0));
}

impl Times {
    fn print(&self, name: &str) {
        row(&format!("{name} ADD"), &self.add);
        row(&format!("{name} DEL"), &self.del);
        let each = self.at_once.as_secs_f64() * 1e3;
        println!(
            "{:<36} {each:>7.2} per ADD",
            format!("{name}, {} ADDs at once", self.count_at_once)
        );
    }
}
