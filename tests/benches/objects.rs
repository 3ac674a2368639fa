//! What a write costs before it reaches the store: decoding, ownership, patches; one thread, no network.
//!
//! `cargo bench -p tests --bench objects [-- ROUNDS]` prints a table. A pod's decoding and tracking together
//! must stay under 150 microseconds.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints a table"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use controlplane_lite::apply::set::FieldSet;
use controlplane_lite::apply::{Writer, server_side_apply, track_update};
use controlplane_lite::decode::{FieldValidation, Format, Target, decode};
use controlplane_lite::patch::{Patch, PatchKind};
use controlplane_lite::schema::Schema;
use serde_json::{Value, json};

const BUDGET: Duration = Duration::from_micros(150);

fn main() -> Result<()> {
    let rounds = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(2000);
    let before = Instant::now();
    let schema = Schema::builtin();
    println!(
        "schema of {} types loaded in {:?}",
        schema.len(),
        before.elapsed()
    );
    let bench = Bench::new(rounds)?;
    let body = bench.body.as_bytes();
    println!("a pod of {} bytes, median of {rounds}, microseconds", body.len());
    bench.row("parse to a value, nothing else", || {
        black_box(serde_json::from_slice::<Value>(body).is_ok());
    });
    let decoding = bench.row("decode", || {
        let read = decode(schema, &bench.target, body, Format::Json, FieldValidation::Strict);
        black_box(read.is_ok());
    });
    let creating = bench.row("track a create", || {
        black_box(track_update(
            schema,
            bench.target.ty,
            None,
            bench.object.clone(),
            &bench.writer(),
        ));
    });
    let updating = bench.row("track an update", || {
        let new = bench.changed.clone();
        black_box(track_update(
            schema,
            bench.target.ty,
            Some(&bench.stored),
            new,
            &bench.writer(),
        ));
    });
    bench.row("strategic merge patch", || {
        let patch = Patch {
            kind: PatchKind::Strategic,
            body: br#"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#,
            validation: FieldValidation::Warn,
        };
        black_box(patch.apply(schema, &bench.target, &bench.stored).is_ok());
    });
    bench.row("server-side apply, nothing new", || {
        let ty = bench.target.ty;
        black_box(server_side_apply(schema, ty, Some(&bench.stored), &bench.config, &bench.writer()).is_ok());
    });
    let slowest = decoding + creating.max(updating);
    println!("decode and track: {slowest:?}, budget {BUDGET:?}");
    ensure!(
        slowest <= BUDGET,
        "decoding and tracking a pod takes {slowest:?}, more than {BUDGET:?}"
    );
    Ok(())
}

struct Bench {
    rounds: u32,
    target: Target,
    body: String,
    object: Value,
    stored: Value,
    changed: Value,
    config: Value,
    reset: FieldSet,
}

impl Bench {
    fn new(rounds: u32) -> Result<Self> {
        let target = Target::builtin("", "v1", "Pod").context("pods are known")?;
        let body = pod();
        let schema = Schema::builtin();
        let text = body.to_string();
        let read = decode(
            schema,
            &target,
            text.as_bytes(),
            Format::Json,
            FieldValidation::Strict,
        )?;
        let mut bench = Self {
            rounds,
            target,
            body: text,
            object: read.object,
            stored: Value::Null,
            changed: Value::Null,
            config: body,
            reset: FieldSet::of(&[&["status"]]),
        };
        bench.stored = track_update(
            schema,
            bench.target.ty,
            None,
            bench.object.clone(),
            &bench.writer(),
        );
        bench.stored["metadata"]["uid"] = "0624636c-0fc7-4452-945d-15ecd59b8398".into();
        bench.changed = bench.stored.clone();
        bench.changed["metadata"]["labels"]["app"] = "other".into();
        Ok(bench)
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            manager: "bench",
            subresource: "",
            api_version: "v1",
            reset: &self.reset,
            force: true,
            now: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    /// Prints and gives the median.
    fn row(&self, name: &str, mut run: impl FnMut()) -> Duration {
        let mut times: Vec<Duration> = (0..self.rounds)
            .map(|_| {
                let before = Instant::now();
                run();
                before.elapsed()
            })
            .collect();
        times.sort_unstable();
        let median = times[times.len() / 2];
        println!("{name:34} {:8.1}", median.as_secs_f64() * 1e6);
        median
    }
}

/// A pod as a deployment makes them: two containers, probes, mounts, environment.
fn pod() -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "image": "registry.local/app:1.2.3", "imagePullPolicy": "IfNotPresent",
            "args": ["--listen=:8080", "--verbose"],
            "env": [{"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "MODE", "value": "production"}],
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "1", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10,
                "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app-5d4f8", "namespace": "default", "labels": {"app": "app", "tier": "web"}},
        "spec": {
            "containers": [container("app"), container("sidecar")],
            "volumes": [{"name": "config", "configMap": {"name": "app", "defaultMode": 420}}],
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30, "securityContext": {},
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": 300}],
        },
    })
}
