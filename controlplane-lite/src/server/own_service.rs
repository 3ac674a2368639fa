//! `default/kubernetes`: the service, endpoints and endpoint slice by which pods find this server.
//!
//! [`wanted`] is pure; [`keep`] writes what differs, at the start and in a slow round (somebody may delete them).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::local::LocalClient;
use crate::status::Result;

/// How often it is looked after.
const ROUND: Duration = Duration::from_secs(60);

/// An object, and the collection it lives in.
struct Wanted {
    collection: &'static str,
    object: Value,
}

/// What there should be, for a server that is reached at `server` and a service at `service`.
fn wanted(server: SocketAddr, service: Ipv4Addr) -> Vec<Wanted> {
    let (ip, port) = (server.ip(), server.port());
    let ports = json!([{"name": "https", "port": port, "protocol": "TCP"}]);
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
    vec![
        Wanted {
            collection: "/api/v1/namespaces/default/services",
            object: json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
                "spec": {
                    "type": "ClusterIP", "clusterIP": service, "sessionAffinity": "None",
                    "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
                },
            }),
        },
        Wanted {
            collection: "/api/v1/namespaces/default/endpoints",
            object: json!({
                "apiVersion": "v1", "kind": "Endpoints",
                "metadata": {
                    "name": "kubernetes", "namespace": "default",
                    "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
                },
                "subsets": [{"addresses": [{"ip": ip}], "ports": ports}],
            }),
        },
        Wanted {
            collection: "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
            object: json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
                "metadata": {
                    "name": "kubernetes", "namespace": "default",
                    "labels": {"kubernetes.io/service-name": "kubernetes"},
                },
                "endpoints": [{"addresses": [ip], "conditions": {"ready": true}}],
                "ports": ports,
            }),
        },
    ]
}

/// Writes what is missing or different until `stop` fires.
pub(super) async fn keep(
    client: LocalClient,
    server: SocketAddr,
    service: Ipv4Addr,
    stop: CancellationToken,
) {
    // Loopback is no endpoint for others (and validation refuses it).
    let reachable = !matches!(server.ip(), IpAddr::V4(a) if a.is_loopback() || a.is_unspecified());
    loop {
        for wanted in wanted(server, service) {
            let is_service = wanted.collection.ends_with("services");
            if (reachable || is_service)
                && let Err(status) = ensure(&client, &wanted).await
            {
                tracing::warn!(%status, collection = wanted.collection, "default/kubernetes is not as it should be");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

async fn ensure(client: &LocalClient, wanted: &Wanted) -> Result<()> {
    let path = format!("{}/kubernetes", wanted.collection);
    match client.send(Method::GET, &path, None).await {
        Err(status) if status.code == 404 => {
            client
                .send(Method::POST, wanted.collection, Some(&wanted.object))
                .await?;
        }
        Ok(present) if !holds(&present, &wanted.object) => {
            client
                .send_as(
                    Method::PATCH,
                    &path,
                    "application/merge-patch+json",
                    Some(&wanted.object),
                )
                .await?;
        }
        present => {
            present?;
        }
    }
    Ok(())
}

/// Whether everything of `wanted` is in `present`.
fn holds(present: &Value, wanted: &Value) -> bool {
    match (present, wanted) {
        (Value::Object(present), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| present.get(key).is_some_and(|p| holds(p, value))),
        (Value::Array(present), Value::Array(wanted)) => {
            present.len() == wanted.len() && present.iter().zip(wanted).all(|(p, w)| holds(p, w))
        }
        (present, wanted) => present == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_added_is_left_alone_and_a_changed_address_is_noticed() {
        let server = |ip: [u8; 4]| SocketAddr::new(IpAddr::from(ip), 6443);
        let service = Ipv4Addr::new(10, 96, 0, 1);
        let mut present = wanted(server([10, 0, 0, 1]), service);
        present[1].object["metadata"]["annotations"] = json!({"a": "b"});
        let same = wanted(server([10, 0, 0, 1]), service);
        assert!(
            same.iter()
                .zip(&present)
                .all(|(w, p)| holds(&p.object, &w.object))
        );
        let moved = wanted(server([10, 0, 0, 2]), service);
        assert!(!holds(&present[1].object, &moved[1].object));
    }
}
