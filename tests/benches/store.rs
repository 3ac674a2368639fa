//! What the store and its cache do on the embedded engine, against the budgets of the design.
//!
//! Prints a table; exits with 1 if a budget is missed. `cargo bench -p tests --bench store --profile quick`.
//! Set `STORE_BENCH_DIR` to measure the disk that counts (default: the temporary directory).

#![allow(clippy::print_stdout, reason = "a bench prints its table")]
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and its environment"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use controlplane_lite::cache::{Cache, ListRequest, Options, Resource, WatchEvent, WatchFrom, WatchRequest};
use controlplane_lite::store::{Embedded, EmbeddedOptions, Store};
use futures_util::StreamExt;

const PODS: &str = "/registry/pods/";
const OBJECTS: usize = 50_000;
const CLIENTS: usize = 8;
const WATCHERS: usize = 500;

/// A pod of the size of a real one without managed fields.
fn pod(i: usize) -> (String, Bytes) {
    let (namespace, name) = (format!("ns-{}", i % 50), format!("web-{i:06}"));
    let env: Vec<String> = (0..12)
        .map(|e| format!(r#"{{"name":"VARIABLE_{e}","value":"value number {e} of {name}"}}"#))
        .collect();
    let json = format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"creationTimestamp":"2026-11-21T08:00:00Z","labels":{{"app":"web","pod-template-hash":"{i:x}","tier":"front"}},"name":"{name}","namespace":"{namespace}","uid":"7b1f6a5e-0000-4000-8000-{i:012x}"}},"spec":{{"containers":[{{"env":[{}],"image":"registry.example.com/web:1.2.3","imagePullPolicy":"IfNotPresent","name":"web","resources":{{"limits":{{"cpu":"1","memory":"512Mi"}},"requests":{{"cpu":"100m","memory":"128Mi"}}}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"nodeName":"node-{}","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{{}},"serviceAccountName":"default","terminationGracePeriodSeconds":30}},"status":{{"conditions":[{{"lastProbeTime":null,"lastTransitionTime":"2026-11-21T08:00:01Z","status":"True","type":"Ready"}}],"phase":"Running","podIP":"10.{}.{}.{}","qosClass":"Burstable","startTime":"2026-11-21T08:00:00Z"}}}}"#,
        env.join(","),
        i % 1000,
        i / 65536,
        i / 256 % 256,
        i % 256,
    );
    (format!("{PODS}{namespace}/{name}"), json.into())
}

fn pods() -> Resource {
    Resource::new(PODS, true)
        .field("spec.nodeName", &["spec", "nodeName"])
        .field("spec.restartPolicy", &["spec", "restartPolicy"])
        .field("spec.schedulerName", &["spec", "schedulerName"])
        .field("spec.serviceAccountName", &["spec", "serviceAccountName"])
        .field("status.phase", &["status", "phase"])
        .field("status.podIP", &["status", "podIP"])
        .index("spec.nodeName")
}

#[derive(Clone, Copy)]
enum Budget {
    AtLeast(f64),
    AtMost(f64),
}

struct Table {
    missed: bool,
}

impl Table {
    fn row(&mut self, what: &str, value: f64, unit: &str, budget: Budget) {
        let (kept, sign, bound) = match budget {
            Budget::AtLeast(bound) => (value >= bound, "≥", bound),
            Budget::AtMost(bound) => (value <= bound, "≤", bound),
        };
        self.missed |= !kept;
        let verdict = if kept { "ok" } else { "MISSED" };
        println!("| {what:<58} | {value:>10.2} {unit:<5} | {sign} {bound:>6} | {verdict:<6} |");
    }

    fn note(what: &str, value: f64, unit: &str) {
        println!("| {what:<58} | {value:>10.2} {unit:<5} | {:>8} | {:<6} |", "", "");
    }
}

async fn open(path: &Path) -> (Arc<Embedded>, Cache) {
    let store = Arc::new(Embedded::open(path, EmbeddedOptions::default()).await.unwrap());
    let cache = Cache::start(store.clone(), vec![pods()], Options::default())
        .await
        .unwrap();
    (store, cache)
}

/// Closes both and waits until the file is free.
async fn close(store: Arc<Embedded>, cache: Cache) {
    drop(cache);
    let mut store = store;
    loop {
        match Arc::try_unwrap(store) {
            Ok(store) => return store.close().await,
            Err(shared) => store = shared,
        }
        tokio::task::yield_now().await;
    }
}

async fn creates(cache: &Cache, clients: usize, range: std::ops::Range<usize>) -> Duration {
    let start = Instant::now();
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(range.start));
    let tasks = (0..clients).map(|_| {
        let (cache, next, end) = (cache.clone(), next.clone(), range.end);
        tokio::spawn(async move {
            loop {
                let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if i >= end {
                    return;
                }
                let (key, json) = pod(i);
                cache.create(&key, json, None).await.unwrap();
            }
        })
    });
    for done in futures_util::future::join_all(tasks).await {
        done.unwrap();
    }
    start.elapsed()
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0
}

/// Resident memory that the objects take in a fresh process, and that of the process before it loads them.
fn child_memory(path: &Path) -> (f64, f64) {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program)
        .arg("memory")
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
    (numbers[1] - numbers[0], numbers[0])
}

async fn list_rate(cache: &Cache) -> (f64, f64) {
    let mut body = Vec::with_capacity(1 << 20);
    let (mut total, start) = (0_usize, Instant::now());
    for _ in 0..5 {
        let listing = cache.list(ListRequest::all(PODS)).await.unwrap();
        for object in &listing.objects {
            body.extend_from_slice(&object.json);
            body.push(b',');
            if body.len() > 1 << 20 {
                total += body.len();
                body.clear();
            }
        }
    }
    let json: usize = cache
        .list(ListRequest::all(PODS))
        .await
        .unwrap()
        .objects
        .iter()
        .map(|o| o.json.len())
        .sum();
    (total as f64 / 1e6 / start.elapsed().as_secs_f64(), json as f64)
}

/// Milliseconds from the write to the last of the watchers, sorted.
async fn fan_out(cache: &Cache, writes: usize) -> Vec<f64> {
    let request = WatchRequest {
        from: WatchFrom::Now,
        ..WatchRequest::since(PODS, 0)
    };
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..WATCHERS {
        let (mut watch, sender) = (cache.watch(request.clone()).await.unwrap(), sender.clone());
        tasks.spawn(async move {
            while let Some(Ok(WatchEvent::Added(_))) = watch.next().await {
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
    }
    let mut times = Vec::new();
    for i in 0..writes {
        let (key, json) = pod(OBJECTS * 2 + i);
        let start = Instant::now();
        cache.create(&key, json, None).await.unwrap();
        for _ in 0..WATCHERS {
            receiver.recv().await.unwrap();
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    tasks.shutdown().await;
    times.sort_by(f64::total_cmp);
    times
}

async fn measure(dir: &Path, table: &mut Table) {
    let path = dir.join("db");
    let (store, cache) = open(&path).await;
    let filled = creates(&cache, 256, 0..OBJECTS).await;
    Table::note(
        "50,000 durable creates, 256 clients",
        OBJECTS as f64 / filled.as_secs_f64(),
        "/s",
    );
    let run = 10_000;
    let took = creates(&cache, CLIENTS, OBJECTS..OBJECTS + run).await;
    table.row(
        "durable creates, 8 clients",
        run as f64 / took.as_secs_f64(),
        "/s",
        Budget::AtLeast(3000.0),
    );
    store.compact(store.revision().await.unwrap()).await.unwrap();

    // As a power cut would leave it: a copy taken while the store is open.
    let crashed = dir.join("crashed");
    std::fs::copy(&path, &crashed).unwrap();
    close(store, cache).await;
    for (what, path) in [
        ("start with 60,000 objects", &path),
        ("the same after a crash", &crashed),
    ] {
        let start = Instant::now();
        let (store, cache) = open(path).await;
        table.row(what, start.elapsed().as_secs_f64(), "s", Budget::AtMost(1.0));
        close(store, cache).await;
    }

    let (memory, idle) = child_memory(&path);
    let (store, cache) = open(&path).await;
    let (rate, json) = list_rate(&cache).await;
    table.row("list in full", rate, "MB/s", Budget::AtLeast(400.0));
    table.row("resident memory to JSON", memory / json, "×", Budget::AtMost(2.0));
    Table::note("resident before that", idle / 1e6, "MB");
    Table::note(
        "file to JSON",
        std::fs::metadata(&path).unwrap().len() as f64 / json,
        "×",
    );
    let times = fan_out(&cache, 500).await;
    Table::note("one write to 500 watchers, p50", times[times.len() / 2], "ms");
    table.row(
        "one write to 500 watchers, p99",
        times[times.len() * 99 / 100],
        "ms",
        Budget::AtMost(20.0),
    );
    close(store, cache).await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, path] = &arguments[..]
        && mode == "memory"
    {
        let before = resident();
        let _open = runtime.block_on(open(Path::new(path)));
        return println!("{before} {}", resident());
    }
    let dir = match std::env::var("STORE_BENCH_DIR") {
        Ok(dir) => tempfile::tempdir_in(dir).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    let mut table = Table { missed: false };
    println!(
        "| {:<58} | {:<16} | {:<8} | {:<6} |",
        "store", "measured", "budget", ""
    );
    println!(
        "|{}|{}|{}|{}|",
        "-".repeat(60),
        "-".repeat(18),
        "-".repeat(10),
        "-".repeat(8)
    );
    runtime.block_on(measure(dir.path(), &mut table));
    std::process::exit(i32::from(table.missed));
}
