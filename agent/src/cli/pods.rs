//! `agent pods`: the pods of this machine, from the node process itself. Needs no cluster.

use std::path::{Path, PathBuf};

use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::failure::{Code, Failure};
use super::output::{self, OutputArgs};
use super::runtime;
use controlplane_lite::table::pod;

/// Arguments of `agent pods`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The document of `--output json` is a Kubernetes PodList (v1).

Examples:
  agent pods
  agent pods --output json | jq '.items[].status.podIP'")]
pub(super) struct Args {
    /// Socket of the node process
    #[arg(long, value_name = "FILE", default_value = "/run/agent/node.sock")]
    socket: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// Columns of the table: those of `kubectl get pods -A -o wide` that mean something on one node.
const HEADER: [&str; 7] = ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"];

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let list = runtime::block_on(fetch(&args.socket))?;
    output::print(args.output.output, &list, |out| {
        let now = jiff::Timestamp::try_from(runtime::now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let pods = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        if pods.is_empty() {
            return writeln!(out, "No pods.");
        }
        output::write_table(out, &output::table(HEADER, pods.iter().map(|pod| row(pod, now))))
    })
}

fn row(pod: &Value, now: jiff::Timestamp) -> [String; 7] {
    let cells = pod::cells(&with_age(pod), now);
    let cell = |index: usize| match cells.get(index) {
        Some(Value::String(text)) if text.is_empty() => "<none>".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let namespace = pod["metadata"]["namespace"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    [namespace, cell(0), cell(1), cell(2), cell(3), cell(4), cell(5)]
}

/// A pod from a file was never created in an API: its age counts from its start.
fn with_age(pod: &Value) -> Value {
    let mut pod = pod.clone();
    if pod["metadata"]["creationTimestamp"].is_null() {
        pod["metadata"]["creationTimestamp"] = pod["status"]["startTime"].clone();
    }
    pod
}

async fn fetch(socket: &Path) -> Result<Value, Failure> {
    let what = "read the pods from the node process";
    let stream = UnixStream::connect(socket).await.map_err(|error| {
        Failure::new(format!("{what} at {}", socket.display()), &error)
            .code(Code::Unreachable)
            .fix("Start the node (`systemctl start agent-node`), run this as root, or name its socket with --socket.")
    })?;
    let wrong = |error: &(dyn std::error::Error + 'static)| Failure::new(what, error);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| wrong(&error))?;
    // Ends with the connection; its errors reach the request too.
    tokio::spawn(connection);
    let request = hyper::Request::get("/pods")
        .header("host", "localhost")
        .body(String::new());
    let request = request.map_err(|error| wrong(&error))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| wrong(&error))?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| wrong(&error))?
        .to_bytes();
    if !status.is_success() {
        return Err(Failure::plain(
            what,
            format!("it answered {status}: {}", String::from_utf8_lossy(&body).trim()),
        ));
    }
    serde_json::from_slice(&body).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_a_row_as_kubectl_prints_it() {
        let pod = serde_json::json!({
            "metadata": {"namespace": "default", "name": "web-n1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "a"}]},
            "status": {
                "phase": "Running",
                "podIP": "10.88.0.2",
                "containerStatuses": [{"name": "a", "ready": true, "restartCount": 0, "state": {"running": {}}}],
            },
        });
        let now = "2026-01-01T00:05:00Z".parse().expect("time");
        let expected = ["default", "web-n1", "1/1", "Running", "0", "5m", "10.88.0.2"].map(str::to_owned);
        assert_eq!(row(&pod, now), expected);
        let mut from_file = pod;
        from_file["metadata"]["creationTimestamp"] = Value::Null;
        from_file["status"]["startTime"] = "2026-01-01T00:00:00Z".into();
        assert_eq!(row(&from_file, now), expected);
    }
}
