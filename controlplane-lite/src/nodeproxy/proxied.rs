//! `proxy` of nodes, pods and services: `[SCHEME:]NAME[:PORT]` and the rest of the path.

use serde_json::Value;

use super::{Destination, Security, kubelet};
use crate::cache::{ListRequest, Selector};
use crate::serve::query::percent_encode;
use crate::status::{Result, Status};
use crate::table::format::{at, int, items, text};
use crate::verbs::context::Context;

/// A name with scheme and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    scheme: &'a str,
    pub(super) name: &'a str,
    port: &'a str,
}

/// Takes the name of the path apart.
pub(super) fn name<'a>(context: &'a Context<'_>) -> Result<Name<'a>> {
    split(context.name())
        .ok_or_else(|| Status::bad_request(format!("invalid proxy target {:?}", context.name())))
}

fn split(text: &str) -> Option<Name<'_>> {
    let parts: Vec<&str> = text.split(':').collect();
    let name = match parts.as_slice() {
        [name] => Name {
            scheme: "",
            name,
            port: "",
        },
        [name, port] => Name {
            scheme: "",
            name,
            port,
        },
        [scheme, name, port] => Name { scheme, name, port },
        _ => return None,
    };
    (matches!(name.scheme, "" | "http" | "https") && !name.name.is_empty()).then_some(name)
}

/// The path behind `proxy`, with the query.
fn rest(context: &Context<'_>) -> String {
    let mut out = format!(
        "/{}",
        context
            .path
            .rest
            .as_deref()
            .unwrap_or_default()
            .trim_start_matches('/')
    );
    let pairs: Vec<String> = context
        .query
        .pairs()
        .iter()
        .map(|(key, value)| format!("{}={}", percent_encode(key), percent_encode(value)))
        .collect();
    if !pairs.is_empty() {
        out.push('?');
        out.push_str(&pairs.join("&"));
    }
    out
}

fn security(scheme: &str) -> Security {
    if scheme == "https" {
        Security::Unchecked
    } else {
        Security::Plain
    }
}

/// A node: its kubelet, or another port of it.
pub(super) fn node(context: &Context<'_>, node: &Value) -> Result<Destination> {
    let name = name(context)?;
    let (host, port) = kubelet::address(node)?;
    let path = rest(context);
    if name.port.is_empty() || name.port == port.to_string() {
        return Ok(Destination {
            host,
            port,
            security: Security::Kubelet,
            path,
        });
    }
    let port = name
        .port
        .parse()
        .map_err(|_| Status::bad_request(format!("invalid port {:?}", name.port)))?;
    Ok(Destination {
        host,
        port,
        security: security(name.scheme),
        path,
    })
}

/// A pod: the port asked for, or its first.
pub(super) fn pod(context: &Context<'_>, pod: &Value) -> Result<Destination> {
    let name = name(context)?;
    let ports = || {
        items(pod, "spec.containers")
            .iter()
            .flat_map(|c| items(c, "ports"))
    };
    let port = match name.port {
        "" => ports().next().map(|p| int(p, "containerPort")),
        number if number.bytes().all(|b| b.is_ascii_digit()) => number.parse().ok(),
        label => ports()
            .find(|p| text(p, "name") == label)
            .map(|p| int(p, "containerPort")),
    };
    let port = port.and_then(|p| u16::try_from(p).ok()).filter(|p| *p > 0);
    let port = port.ok_or_else(|| Status::bad_request(format!("pod {:?} has no such port", name.name)))?;
    let host = text(pod, "status.podIP");
    if host.is_empty() {
        return Err(Status::bad_request("address not allowed"));
    }
    Ok(Destination {
        host: host.into(),
        port,
        security: security(name.scheme),
        path: rest(context),
    })
}

/// The endpoint slices of a service.
pub(super) async fn endpoints(context: &Context<'_>, service: &str) -> Result<Vec<Value>> {
    let registry = context.server.registry();
    let Some(row) = registry.find("discovery.k8s.io", "v1", "endpointslices") else {
        return Ok(Vec::new());
    };
    let selector = Selector::parse(&format!("kubernetes.io/service-name={service}"), "");
    let request = ListRequest {
        selector: selector.map_err(|e| Status::bad_request(e.to_string()))?,
        ..ListRequest::all(row.key_prefix(Some(context.namespace())))
    };
    let listing = context
        .server
        .cache
        .list(request)
        .await
        .map_err(|e| context.failed(e))?;
    listing
        .objects
        .iter()
        .map(|o| crate::verbs::encode::served(row, &o.json))
        .collect()
}

/// A service: one of its ready endpoints, at random.
pub(super) fn service(context: &Context<'_>, service: &Value, slices: &[Value]) -> Result<Destination> {
    let name = name(context)?;
    let (host, port) = choose(service, slices, name.port, |n| fastrand::usize(..n))?;
    Ok(Destination {
        host,
        port,
        security: security(name.scheme),
        path: rest(context),
    })
}

fn choose(
    service: &Value,
    slices: &[Value],
    port: &str,
    random: impl Fn(usize) -> usize,
) -> Result<(String, u16)> {
    let of_service = items(service, "spec.ports");
    let found = match port {
        "" => (of_service.len() == 1).then(|| &of_service[0]),
        asked => of_service
            .iter()
            .find(|p| text(p, "name") == asked || int(p, "port").to_string() == asked),
    };
    let service_name = text(service, "metadata.name");
    let found = found.ok_or_else(|| {
        Status::unavailable(format!(
            "no service port {port:?} found for service {service_name:?}"
        ))
    })?;
    let label = text(found, "name");
    let mut candidates = Vec::new();
    for slice in slices {
        let Some(port) = items(slice, "ports").iter().find(|p| text(p, "name") == label) else {
            continue;
        };
        let Ok(number) = u16::try_from(int(port, "port")) else {
            continue;
        };
        // Ready unless it says otherwise.
        let ready = items(slice, "endpoints")
            .iter()
            .filter(|e| at(e, "conditions.ready") != &Value::Bool(false));
        candidates.extend(
            ready
                .flat_map(|e| items(e, "addresses"))
                .filter_map(Value::as_str)
                .map(|a| (a.to_owned(), number)),
        );
    }
    if candidates.is_empty() {
        return Err(Status::unavailable(format!(
            "no endpoints available for service {service_name:?}"
        )));
    }
    let index = random(candidates.len());
    Ok(candidates.swap_remove(index))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_have_an_optional_scheme_and_port() {
        let table = [
            ("p", Some(("", "p", ""))),
            ("p:80", Some(("", "p", "80"))),
            ("https:p:web", Some(("https", "p", "web"))),
            ("http:p:", Some(("http", "p", ""))),
            ("ftp:p:80", None),
            ("a:b:c:d", None),
            (":80", None),
        ];
        for (text, want) in table {
            assert_eq!(split(text).map(|n| (n.scheme, n.name, n.port)), want, "{text}");
        }
    }

    #[test]
    fn a_service_is_reached_at_a_ready_endpoint_of_the_port() {
        let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"name": "web", "port": 80}, {"name": "admin", "port": 81}]}});
        let slices = [json!({"ports": [{"name": "web", "port": 8080}], "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": false}}, {"addresses": ["10.0.0.2"]}]})];
        let first = |_| 0;
        assert_eq!(
            choose(&service, &slices, "web", first),
            Ok(("10.0.0.2".into(), 8080))
        );
        assert_eq!(
            choose(&service, &slices, "80", first),
            Ok(("10.0.0.2".into(), 8080))
        );
        assert_eq!(
            choose(&service, &slices, "admin", first).map_err(|s| s.code),
            Err(503)
        );
        assert_eq!(choose(&service, &slices, "", first).map_err(|s| s.code), Err(503));
    }
}
