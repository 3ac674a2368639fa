//! The kubelet's address, and its paths for logs and sessions. Pure.

use serde_json::Value;

use crate::serve::query::percent_encode;
use crate::status::{Result, Status};
use crate::table::format::{int, items, text};
use crate::verbs::context::Context;

/// The kubelet's port where the node does not tell.
const PORT: u16 = 10250;
/// What an address is tried as, best first (kubeadm's `--kubelet-preferred-address-types`).
const PREFERRED: &[&str] = &["InternalIP", "ExternalIP", "Hostname"];
/// Names the container that tools choose when none is given.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The node that the pod is on; empty before it is scheduled.
pub(super) fn node_of(pod: &Value) -> &str {
    text(pod, "spec.nodeName")
}

/// Host and port of a node's kubelet.
pub(super) fn address(node: &Value) -> Result<(String, u16)> {
    let addresses = items(node, "status.addresses");
    let of_kind = |kind: &&str| {
        addresses
            .iter()
            .find(|a| text(a, "type") == *kind)
            .map(|a| text(a, "address"))
    };
    let host = PREFERRED.iter().find_map(of_kind).ok_or_else(|| {
        let name = text(node, "metadata.name");
        Status::internal(format!(
            "no preferred addresses found for node {name:?}; known addresses: []"
        ))
    })?;
    let port = u16::try_from(int(node, "status.daemonEndpoints.kubeletEndpoint.Port")).unwrap_or(0);
    Ok((host.to_owned(), if port == 0 { PORT } else { port }))
}

/// The container that a request is about.
fn container<'a>(pod: &'a Value, asked: &'a str) -> Result<&'a str> {
    let names = |list: &str| {
        items(pod, list)
            .iter()
            .map(|c| text(c, "name"))
            .collect::<Vec<_>>()
    };
    let (main, init) = (names("spec.containers"), names("spec.initContainers"));
    let ephemeral = names("spec.ephemeralContainers");
    let pod_name = text(pod, "metadata.name");
    if !asked.is_empty() {
        let known = main.contains(&asked) || init.contains(&asked) || ephemeral.contains(&asked);
        let refused = || Status::bad_request(format!("container {asked} is not valid for pod {pod_name}"));
        return known.then_some(asked).ok_or_else(refused);
    }
    let marked = pod["metadata"]["annotations"][DEFAULT_CONTAINER].as_str();
    if let Some(marked) = marked.filter(|m| main.contains(m)) {
        return Ok(marked);
    }
    if let ([only], []) = (main.as_slice(), init.as_slice()) {
        return Ok(only);
    }
    if let ([only], true) = (main.as_slice(), ephemeral.is_empty()) {
        return Ok(only);
    }
    let mut why = format!(
        "a container name must be specified for pod {pod_name}, choose one of: [{}]",
        main.join(" ")
    );
    if !init.is_empty() {
        why.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
    }
    if !ephemeral.is_empty() {
        why.push_str(&format!(
            " or one of the ephemeral containers: [{}]",
            ephemeral.join(" ")
        ));
    }
    Err(Status::bad_request(why))
}

/// The kubelet's path for a pod's logs.
pub(super) fn log_path(context: &Context<'_>, pod: &Value) -> Result<String> {
    let query = &context.query;
    let container = container(pod, query.text("container"))?;
    let mut parameters = Vec::new();
    for flag in ["follow", "previous", "timestamps"] {
        if query.flag(flag) {
            parameters.push(format!("{flag}=true"));
        }
    }
    for number in ["sinceSeconds", "tailLines", "limitBytes"] {
        let Some(value) = query.get(number) else { continue };
        let least = i64::from(number != "tailLines");
        let valid = value.parse::<i64>().is_ok_and(|n| n >= least);
        if !valid {
            let why = format!("Invalid value: {value}: must be greater than or equal to {least}");
            return Err(invalid(context, number, why));
        }
        parameters.push(format!("{number}={value}"));
    }
    if let (Some(_), Some(_)) = (query.get("sinceSeconds"), query.get("sinceTime")) {
        let why = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified".to_owned();
        return Err(invalid(context, "", why));
    }
    for word in ["sinceTime", "stream"] {
        if let Some(value) = query.get(word) {
            parameters.push(format!("{word}={}", percent_encode(value)));
        }
    }
    Ok(path("containerLogs", pod, Some(container), &parameters))
}

fn invalid(context: &Context<'_>, field: &str, message: String) -> Status {
    let reason = if message.starts_with("Forbidden") {
        "FieldValueForbidden"
    } else {
        "FieldValueInvalid"
    };
    let cause = crate::status::Cause {
        reason: reason.into(),
        message,
        field: field.into(),
    };
    Status::invalid("", "PodLogOptions", context.name(), vec![cause])
}

/// The kubelet's path for a session of the request's subresource.
pub(super) fn stream_path(context: &Context<'_>, pod: &Value) -> Result<String> {
    let query = &context.query;
    if context.subresource() == "portforward" {
        let ports = query.all("ports").flat_map(|list| list.split(','));
        let parameters: Vec<String> = ports.map(|p| format!("port={}", percent_encode(p))).collect();
        return Ok(path("portForward", pod, None, &parameters));
    }
    if matches!(text(pod, "status.phase"), "Succeeded" | "Failed") {
        let why = format!(
            "cannot exec or attach to a container in a completed pod; current phase is {}",
            text(pod, "status.phase")
        );
        return Err(Status::bad_request(why));
    }
    let container = container(pod, query.text("container"))?;
    let mut parameters = Vec::new();
    // The kubelet's names for the streams.
    for (ours, theirs) in [
        ("stdin", "input"),
        ("stdout", "output"),
        ("stderr", "error"),
        ("tty", "tty"),
    ] {
        if query.flag(ours) {
            parameters.push(format!("{theirs}=1"));
        }
    }
    let streams = parameters.iter().filter(|p| *p != "tty=1").count();
    if streams == 0 {
        return Err(Status::bad_request(
            "you must specify at least one of stdin, stdout, stderr",
        ));
    }
    if context.subresource() == "attach" {
        return Ok(path("attach", pod, Some(container), &parameters));
    }
    let command: Vec<String> = query
        .all("command")
        .map(|word| format!("command={}", percent_encode(word)))
        .collect();
    if command.is_empty() {
        return Err(Status::bad_request(
            "you must specify at least 1 command for the pod.exec",
        ));
    }
    parameters.extend(command);
    Ok(path("exec", pod, Some(container), &parameters))
}

fn path(what: &str, pod: &Value, container: Option<&str>, parameters: &[String]) -> String {
    let (namespace, name) = (text(pod, "metadata.namespace"), text(pod, "metadata.name"));
    let mut out = format!("/{what}/{namespace}/{name}");
    if let Some(container) = container {
        out.push('/');
        out.push_str(container);
    }
    if !parameters.is_empty() {
        out.push('?');
        out.push_str(&parameters.join("&"));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_container_is_the_one_asked_for_or_the_only_one() {
        let pod = |main: &[&str], init: &[&str]| {
            let list = |names: &[&str]| names.iter().map(|n| json!({"name": n})).collect::<Value>();
            json!({"metadata": {"name": "p"}, "spec": {"containers": list(main), "initContainers": list(init)}})
        };
        let get = |pod: &Value, asked: &str| container(pod, asked).map(str::to_owned).map_err(|s| s.message);
        assert_eq!(get(&pod(&["a"], &[]), ""), Ok("a".into()));
        assert_eq!(get(&pod(&["a", "b"], &[]), "b"), Ok("b".into()));
        assert_eq!(
            get(&pod(&["a"], &[]), "x"),
            Err("container x is not valid for pod p".into())
        );
        assert_eq!(
            get(&pod(&["a", "b"], &["i"]), ""),
            Err("a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]".into())
        );
        let mut marked = pod(&["a", "b"], &[]);
        marked["metadata"]["annotations"] = json!({DEFAULT_CONTAINER: "b"});
        assert_eq!(get(&marked, ""), Ok("b".into()));
    }

    #[test]
    fn a_node_is_reached_by_its_internal_address() {
        let node = json!({"metadata": {"name": "n"}, "status": {
            "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10255}}}});
        assert_eq!(address(&node), Ok(("10.0.0.1".into(), 10255)));
        assert_eq!(address(&json!({})).map_err(|s| s.code), Err(500));
    }
}
