//! `/metrics` in the Prometheus text format, under the reference's names where the meaning is the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::serve::info::RequestInfo;
use crate::serve::{Response, respond};
use crate::server::ApiServer;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// Labels of a request: verb, group, version, resource, subresource, scope.
type Key = (&'static str, String, String, String, String, &'static str);

#[derive(Debug, Default, Clone)]
struct Series {
    codes: BTreeMap<u16, u64>,
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

/// Counters of the server.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<Key, Series>>,
    handshakes_failed: AtomicU64,
    watch_events: AtomicU64,
}

impl Metrics {
    /// Counts a request that was answered.
    pub fn request(&self, info: &RequestInfo, code: u16, took: Duration) {
        let key = match info.resource() {
            // Unknown resources would let clients make series at will.
            Some(_) if code == 404 => ("", String::new(), String::new(), String::new(), String::new(), ""),
            Some(path) => (
                info.verb,
                path.group.clone(),
                path.version.clone(),
                path.resource.clone(),
                path.subresource.clone().unwrap_or_default(),
                match (&path.name, &path.namespace) {
                    (Some(_), _) => "resource",
                    (None, Some(_)) => "namespace",
                    (None, None) => "cluster",
                },
            ),
            None => (
                info.verb,
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                "",
            ),
        };
        let mut requests = self.requests.lock();
        let series = requests.entry(key).or_default();
        *series.codes.entry(code).or_default() += 1;
        if info.is_long_running() {
            return;
        }
        let seconds = took.as_secs_f64();
        series.count += 1;
        series.seconds += seconds;
        for (bucket, bound) in series.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    /// Counts a connection that did not get through TLS.
    pub fn tls_handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts events sent to watchers.
    pub fn watch_events(&self, count: u64) {
        self.watch_events.fetch_add(count, Ordering::Relaxed);
    }

    fn render(&self, out: &mut String) {
        let requests = self.requests.lock().clone();
        head(
            out,
            "apiserver_request_total",
            "counter",
            "Requests by verb, resource and code.",
        );
        for (key, series) in &requests {
            for (code, count) in &series.codes {
                let _ = writeln!(
                    out,
                    "apiserver_request_total{{{},code=\"{code}\"}} {count}",
                    labels(key)
                );
            }
        }
        head(
            out,
            "apiserver_request_duration_seconds",
            "histogram",
            "Time to answer, in seconds.",
        );
        for (key, series) in requests.iter().filter(|(_, s)| s.count > 0) {
            let (labels, name) = (labels(key), "apiserver_request_duration_seconds");
            for (bound, count) in BUCKETS.iter().zip(series.buckets) {
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
            }
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", series.count);
            let _ = writeln!(out, "{name}_sum{{{labels}}} {}", series.seconds);
            let _ = writeln!(out, "{name}_count{{{labels}}} {}", series.count);
        }
        let plain = [
            (
                "apiserver_tls_handshake_errors_total",
                "counter",
                self.handshakes_failed.load(Ordering::Relaxed),
            ),
            (
                "apiserver_watch_events_total",
                "counter",
                self.watch_events.load(Ordering::Relaxed),
            ),
        ];
        for (name, kind, value) in plain {
            head(out, name, kind, "See the name.");
            let _ = writeln!(out, "{name} {value}");
        }
    }
}

fn labels(key: &Key) -> String {
    let (verb, group, version, resource, subresource, scope) = key;
    let verb = verb.to_uppercase();
    format!(
        "verb=\"{verb}\",group=\"{group}\",version=\"{version}\",resource=\"{resource}\",subresource=\"{subresource}\",scope=\"{scope}\""
    )
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

impl ApiServer {
    /// Everything in text form.
    pub(crate) async fn metrics_page(&self) -> Response {
        let mut out = String::new();
        self.metrics().render(&mut out);
        let (reads, writes) = self.requests_in_flight();
        head(
            &mut out,
            "apiserver_current_inflight_requests",
            "gauge",
            "Requests being answered.",
        );
        for (kind, count) in [("readOnly", reads), ("mutating", writes)] {
            let _ = writeln!(
                out,
                "apiserver_current_inflight_requests{{request_kind=\"{kind}\"}} {count}"
            );
        }
        head(
            &mut out,
            "apiserver_storage_objects",
            "gauge",
            "Stored objects by resource.",
        );
        for (resource, count) in self.cache().object_counts() {
            let resource = resource.trim_start_matches("/registry/").trim_end_matches('/');
            let _ = writeln!(
                out,
                "apiserver_storage_objects{{resource=\"{resource}\"}} {count}"
            );
        }
        head(
            &mut out,
            "apiserver_longrunning_requests",
            "gauge",
            "Open watches by resource.",
        );
        for (resource, count) in self.cache().watch_counts() {
            let resource = resource.trim_start_matches("/registry/").trim_end_matches('/');
            let _ = writeln!(
                out,
                "apiserver_longrunning_requests{{verb=\"WATCH\",resource=\"{resource}\"}} {count}"
            );
        }
        head(
            &mut out,
            "apiserver_watch_cache_resource_version",
            "gauge",
            "Revision the cache has reached.",
        );
        let _ = writeln!(
            out,
            "apiserver_watch_cache_resource_version {}",
            self.cache().revision()
        );
        process(&mut out);
        respond::response(
            200,
            "text/plain; version=0.0.4; charset=utf-8",
            crate::serve::body::full(out),
        )
    }
}

/// Memory and CPU of this process, from `/proc/self`.
fn process(out: &mut String) {
    let page = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    if let Some(pages) = statm.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok()) {
        head(
            out,
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
        );
        let _ = writeln!(out, "process_resident_memory_bytes {}", pages * page);
    }
}
