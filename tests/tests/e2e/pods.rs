//! What tests of pods share: manifests, and the node's own view of its pods.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::Value;
use tests::image::BUSYBOX;
use tests::{Node, eventually};

/// A pod as `GET /pods` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Seen(pub(crate) Value);

impl Seen {
    pub(crate) fn uid(&self) -> &str {
        self.0["metadata"]["uid"].as_str().expect("a uid")
    }

    pub(crate) fn phase(&self) -> &str {
        self.0["status"]["phase"].as_str().unwrap_or_default()
    }

    pub(crate) fn ip(&self) -> &str {
        self.0["status"]["podIP"].as_str().unwrap_or_default()
    }

    /// The status of the container `name`, of either kind.
    pub(crate) fn container(&self, name: &str) -> Value {
        let status = &self.0["status"];
        let lists = [&status["containerStatuses"], &status["initContainerStatuses"]];
        let all = lists.into_iter().filter_map(Value::as_array).flatten();
        all.into_iter()
            .find(|c| c["name"] == name)
            .cloned()
            .unwrap_or_default()
    }

    /// Every container runs.
    pub(crate) fn is_running(&self) -> bool {
        let list = self.0["status"]["containerStatuses"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        self.phase() == "Running"
            && !list.is_empty()
            && list.iter().all(|c| c["state"]["running"].is_object())
    }

    pub(crate) fn condition(&self, kind: &str) -> &str {
        let list = self.0["status"]["conditions"].as_array().expect("conditions");
        let found = list.iter().find(|c| c["type"] == kind);
        found.and_then(|c| c["status"].as_str()).unwrap_or_default()
    }

    /// Reason of the waiting state of the container `name`.
    pub(crate) fn waiting(&self, name: &str) -> String {
        self.container(name)["state"]["waiting"]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// All pods of the node; none while its agent does not answer.
pub(crate) fn pods(node: &Node) -> Vec<Seen> {
    let list: Value = ask(node, "/pods")
        .and_then(|body| serde_json::from_str(&body).ok())
        .unwrap_or_default();
    list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .cloned()
        .map(Seen)
        .collect()
}

/// The pod of the manifest's name, whatever the node's suffix.
pub(crate) fn pod(node: &Node, name: &str) -> Option<Seen> {
    let wanted = format!("{name}-{}", node.name());
    pods(node)
        .into_iter()
        .find(|p| p.0["metadata"]["name"] == wanted.as_str())
}

/// Waits until the pod `name` is as `wanted` says.
pub(crate) fn wait_for(node: &Node, name: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
    eventually(&format!("pod {name}"), Node::PATIENCE, || match pod(node, name) {
        Some(seen) if wanted(&seen) => Ok(seen),
        Some(seen) => Err(format!("{}", seen.0["status"])),
        None => Err("no such pod".to_owned()),
    })
}

fn ask(node: &Node, path: &str) -> Option<String> {
    let mut stream = UnixStream::connect(node.path("/run/agent/node.sock")).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: node\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// Ids of all containers that the runtime has, sandboxes included.
pub(crate) fn containers(node: &Node) -> Vec<String> {
    let mut ids: Vec<String> = node
        .sh("ctr -n k8s.io containers ls -q")
        .lines()
        .map(Into::into)
        .collect();
    ids.sort();
    ids
}

/// A pod with one busybox container `c` that runs `line`; `more` is added to the spec (two blanks in front).
pub(crate) fn busybox_pod(name: &str, line: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  terminationGracePeriodSeconds: 2\n{more}  containers:\n  - name: c\n    image: {BUSYBOX}\n    command: [sh, -c, {line:?}]\n"
    )
}

/// A pod whose container `web` serves `text` at `/index.html` on port 8080.
pub(crate) fn web_pod(name: &str, text: &str) -> String {
    let line = format!(
        "mkdir -p /www && echo {text} >/www/index.html && echo serving && exec httpd -f -p 8080 -h /www"
    );
    busybox_pod(name, &line, "").replace("name: c\n", "name: web\n")
}
