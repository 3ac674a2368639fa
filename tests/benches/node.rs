//! What a node costs: the agent's own share of a pod's start, and resident memory and CPU of the agent and of
//! containerd with 0, 30 and 90 idle pods. Needs root.
//!
//! `cargo bench -p tests --bench node [-- SECONDS]` prints a table; SECONDS is how long idleness is watched
//! (default 30). The own share is the time from the spec seen to Running reported, less the time inside calls
//! to the runtime, as the agent's log says it. It fails only when pods do not start.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints a table"
)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tests::image::BUSYBOX;
use tests::{Node, eventually};

/// Budgets (docs/benchmarks.md): own share of a start, resident memory of the agent with 90 pods.
const OWN_SHARE: Duration = Duration::from_millis(10);
const RESIDENT_KIB: u64 = 24 * 1024;
/// Pods that are started one after the other for the first table.
const SINGLE: usize = 20;
/// Kernel ticks per second, fixed for user space on every architecture that we build for.
const TICKS: f64 = 100.0;

fn main() -> Result<()> {
    let idle = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(30);
    single();
    println!();
    println!(
        "pods   all running   agent RSS   containerd RSS   agent CPU   containerd CPU   (idle for {idle} s)"
    );
    for pods in [0, 30, 90] {
        crowd(pods, Duration::from_secs(idle))?;
    }
    println!(
        "budget: agent {} MB with 90 pods, 0.1 % CPU; containerd 0.3 % CPU",
        RESIDENT_KIB / 1024
    );
    Ok(())
}

/// Pods one at a time: where the time of a start goes.
fn single() {
    let node = Node::with_busybox();
    let agent = node.start_agent(&[]);
    for index in 0..SINGLE {
        node.manifest(&format!("p{index}.yaml"), &pod(index));
        eventually("the pod runs", Node::PATIENCE, || {
            match starts(&agent.log()).len() {
                seen if seen > index => Ok(()),
                seen => Err(format!("{seen} of {}", index + 1)),
            }
        });
    }
    let starts = starts(&agent.log());
    let mut own: Vec<Duration> = starts.iter().map(|s| s.total.saturating_sub(s.calls)).collect();
    let mut total: Vec<Duration> = starts.iter().map(|s| s.total).collect();
    own.sort();
    total.sort();
    let at = |list: &[Duration], part: usize| {
        list[(list.len() * part / 100).min(list.len() - 1)].as_secs_f64() * 1e3
    };
    println!("one pod at a time, milliseconds         p50     p99");
    println!(
        "spec seen to Running               {:8.1}{:8.1}",
        at(&total, 50),
        at(&total, 99)
    );
    println!(
        "  of this outside runtime calls    {:8.1}{:8.1}   budget {}",
        at(&own, 50),
        at(&own, 99),
        OWN_SHARE.as_millis()
    );
}

/// Many pods at once, then idle.
fn crowd(pods: usize, idle: Duration) -> Result<()> {
    let node = Node::with_busybox();
    let agent = node.start_agent(&[]);
    let containerd = node.containerd().context("the node has a containerd")?.pid();
    let begun = Instant::now();
    for index in 0..pods {
        node.manifest(&format!("p{index}.yaml"), &pod(index));
    }
    eventually("all pods run", Duration::from_secs(300), || {
        match starts(&agent.log()).len() {
            seen if seen >= pods => Ok(()),
            seen => Err(format!("{seen} of {pods}")),
        }
    });
    let took = begun.elapsed();
    // The burst's own memory goes back a few seconds after it.
    std::thread::sleep(Duration::from_secs(10));
    let before = (ticks(agent.pid())?, ticks(containerd)?);
    std::thread::sleep(idle);
    let after = (ticks(agent.pid())?, ticks(containerd)?);
    let share = |from: f64, to: f64| (to - from) / TICKS / idle.as_secs_f64() * 100.0;
    println!(
        "{pods:4}   {:9.1} s   {:6.1} MB   {:11.1} MB   {:7.2} %   {:12.2} %",
        took.as_secs_f64(),
        megabytes(agent.pid())?,
        megabytes(containerd)?,
        share(before.0, after.0),
        share(before.1, after.1),
    );
    Ok(())
}

fn pod(index: usize) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p{index}\nspec:\n  terminationGracePeriodSeconds: 1\n  \
         containers:\n  - name: c\n    image: {BUSYBOX}\n    command: [sleep, '100000']\n"
    )
}

/// One start as the agent's log tells it.
struct Start {
    total: Duration,
    calls: Duration,
}

fn starts(log: &str) -> Vec<Start> {
    let number = |line: &str, key: &str| -> Option<Duration> {
        let rest = line.split_once(&format!("{key}="))?.1;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok().map(Duration::from_micros)
    };
    log.lines()
        .filter(|line| line.contains("phase=\"Running\""))
        .filter_map(|line| {
            Some(Start {
                total: number(line, "total_us")?,
                calls: number(line, "calls_us")?,
            })
        })
        .collect()
}

fn ticks(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("read the process's times")?;
    // The name in brackets may hold blanks; user and system time are the 12th and 13th field after it.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("a stat line")?
        .1
        .split_whitespace()
        .collect();
    Ok(fields[11].parse::<f64>()? + fields[12].parse::<f64>()?)
}

fn megabytes(pid: u32) -> Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).context("read the process's memory")?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .context("resident memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
