//! What a kubelet may do to pods: mirror its static ones, report on its own, evict and delete its own, and ask for
//! their tokens.

use serde_json::Value;

use super::{Operation, Write};
use crate::admission::{Cluster, Refusal, text};

const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn check(cluster: &dyn Cluster, write: &Write<'_>) -> Result<(), Refusal> {
    match write.operation {
        Operation::Create => check_mirror(cluster, write),
        Operation::Delete if is_on(write.old, write.node) => Ok(()),
        Operation::Delete => Err(format!(
            "node {:?} can only delete pods with spec.nodeName set to itself",
            write.node
        )),
        Operation::Update => Err(format!(
            "unexpected operation \"UPDATE\", node {:?} can only create and delete mirror pods",
            write.node
        )),
    }
}

fn check_mirror(cluster: &dyn Cluster, write: &Write<'_>) -> Result<(), Refusal> {
    let Write { node, new: pod, .. } = write;
    let mirror = pod["metadata"]["annotations"][MIRROR].is_string();
    if !mirror {
        return Err(format!(
            "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
        ));
    }
    if !is_on(pod, node) {
        return Err(format!(
            "node {node:?} can only create pods with spec.nodeName set to itself"
        ));
    }
    let owners = pod["metadata"]["ownerReferences"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if !owners.is_empty() {
        let refuse = |why: &str| Err(format!("node {node:?} can only create pods with {why}"));
        let [owner] = owners else {
            return refuse("a single owner reference set to itself");
        };
        let own = text(owner, "kind") == "Node"
            && text(owner, "apiVersion") == "v1"
            && text(owner, "name") == *node;
        if !own {
            return refuse("an owner reference set to itself");
        }
        if owner["controller"] != true {
            return refuse("a controller owner reference set to itself");
        }
        if owner["blockOwnerDeletion"] == true {
            return Err(format!(
                "node {node:?} must not set blockOwnerDeletion on an owner reference"
            ));
        }
        let known = cluster.get("nodes", "", node).unwrap_or_default();
        let (expected, given) = (text(&known["metadata"], "uid"), text(owner, "uid"));
        if expected.is_empty() || expected != given {
            return Err(format!(
                "node {node} UID mismatch: expected {expected} got {given}"
            ));
        }
    }
    check_references(write)
}

/// A mirror pod shows what runs; it must not open objects for the kubelet to read.
fn check_references(write: &Write<'_>) -> Result<(), Refusal> {
    let spec = &write.new["spec"];
    let refuse = |what: &str| {
        Err(format!(
            "node {:?} can not create pods that reference {what}",
            write.node
        ))
    };
    if !text(spec, "serviceAccountName").is_empty() {
        return refuse("a service account");
    }
    let volumes = || spec["volumes"].as_array().into_iter().flatten();
    let containers = || {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        lists
            .into_iter()
            .filter_map(|field| spec[field].as_array())
            .flatten()
    };
    let from_env = |key: &str, source: &str| {
        containers().any(|container| {
            let single = container["env"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|e| !e["valueFrom"][key].is_null());
            single
                || container["envFrom"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|e| !e[source].is_null())
        })
    };
    let projected = |field: &str| {
        volumes()
            .flat_map(|v| v["projected"]["sources"].as_array())
            .flatten()
            .any(|source| !source[field].is_null())
    };
    let pull = spec["imagePullSecrets"]
        .as_array()
        .is_some_and(|list| !list.is_empty());
    if pull
        || from_env("secretKeyRef", "secretRef")
        || volumes().any(|v| !v["secret"].is_null())
        || projected("secret")
    {
        return refuse("secrets");
    }
    let config = volumes().any(|v| !v["configMap"].is_null()) || projected("configMap");
    if config || from_env("configMapKeyRef", "configMapRef") {
        return refuse("configmaps");
    }
    if volumes().any(|v| !v["persistentVolumeClaim"].is_null()) {
        return refuse("a persistentvolumeclaim");
    }
    if projected("serviceAccountToken") {
        return refuse("service account tokens");
    }
    Ok(())
}

pub(super) fn check_status(write: &Write<'_>) -> Result<(), Refusal> {
    if !is_on(write.old, write.node) {
        return Err(format!(
            "node {:?} can only update pod status for pods with spec.nodeName set to itself",
            write.node
        ));
    }
    let labels = |pod: &Value| pod["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    if labels(write.new) != labels(write.old) {
        return Err(format!(
            "node {:?} cannot update labels through pod status",
            write.node
        ));
    }
    Ok(())
}

pub(super) fn check_eviction(cluster: &dyn Cluster, write: &Write<'_>) -> Result<(), Refusal> {
    let pod = cluster.get("pods", write.namespace, write.name);
    // A pod that is gone is answered by the eviction itself.
    if pod.is_none_or(|pod| is_on(&pod, write.node)) {
        return Ok(());
    }
    Err(format!(
        "node {:?} can only evict pods with spec.nodeName set to itself",
        write.node
    ))
}

pub(super) fn check_token(cluster: &dyn Cluster, write: &Write<'_>) -> Result<(), Refusal> {
    let bound = &write.new["spec"]["boundObjectRef"];
    let to_pod = text(bound, "kind") == "Pod" && text(bound, "apiVersion") == "v1";
    if !to_pod || text(bound, "name").is_empty() {
        return Err("node requested token not bound to a pod".into());
    }
    let uid = text(bound, "uid");
    if uid.is_empty() {
        return Err("node requested token with a pod binding without a uid".into());
    }
    let pod = cluster
        .get("pods", write.namespace, text(bound, "name"))
        .ok_or_else(|| {
            format!(
                "node requested token bound to a pod {:?} that does not exist",
                text(bound, "name")
            )
        })?;
    if pod["metadata"]["uid"] != uid {
        let known = text(&pod["metadata"], "uid");
        return Err(format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record ({known}). The object might have been deleted and then recreated"
        ));
    }
    if !is_on(&pod, write.node) {
        return Err("node requested token bound to a pod scheduled on a different node".into());
    }
    Ok(())
}

fn is_on(pod: &Value, node: &str) -> bool {
    text(&pod["spec"], "nodeName") == node
}
