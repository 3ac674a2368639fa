//! NodeRestriction: a kubelet writes its own Node, its own pods and what belongs to them.
//!
//! The Node authorizer has already looked at verb and name; here the object itself is compared with the node.
//! Source: "NodeRestriction" in the admission controllers documentation; texts are the reference's.

mod labels;
mod pod;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::{Cluster, Refusal, text};

/// What a kubelet wants to write.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// The node whose kubelet writes.
    pub node: &'a str,
    /// What is done.
    pub operation: Operation,
    /// Plural name of the resource.
    pub resource: &'a str,
    /// Subresource or empty.
    pub subresource: &'a str,
    /// Namespace or empty.
    pub namespace: &'a str,
    /// Name; empty where it is to be generated.
    pub name: &'a str,
    /// The object as it is to become (null for deletes).
    pub new: &'a Value,
    /// The object as it is (null for creates).
    pub old: &'a Value,
}

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

/// Compares the write with the node; the error is the text after `is forbidden: `.
///
/// # Errors
/// The write concerns another node, or a field that kubelets must not touch.
pub fn check(cluster: &dyn Cluster, write: &Write<'_>) -> Result<(), Refusal> {
    match (write.resource, write.subresource) {
        ("pods", "") => pod::check(cluster, write),
        ("pods", "status") => pod::check_status(write),
        ("pods", "eviction") => pod::check_eviction(cluster, write),
        ("nodes", "" | "status") => check_node(write),
        ("persistentvolumeclaims", "status") => check_claim_status(write),
        ("serviceaccounts", "token") => pod::check_token(cluster, write),
        ("leases", "") => check_own(
            write,
            "can only access node lease with the same name as the requesting node",
        ),
        ("csinodes", "") => check_own(
            write,
            "can only access CSINode with the same name as the requesting node",
        ),
        ("resourceslices", "") => check_slice(write),
        _ => Ok(()),
    }
}

/// The name that the object has or will have.
fn name_of<'a>(write: &Write<'a>) -> &'a str {
    if write.name.is_empty() {
        text(&write.new["metadata"], "name")
    } else {
        write.name
    }
}

fn check_own(write: &Write<'_>, refusal: &str) -> Result<(), Refusal> {
    if name_of(write) == write.node {
        Ok(())
    } else {
        Err(refusal.into())
    }
}

fn check_slice(write: &Write<'_>) -> Result<(), Refusal> {
    let object = if write.operation == Operation::Delete {
        write.old
    } else {
        write.new
    };
    if text(&object["spec"], "nodeName") == write.node {
        return Ok(());
    }
    Err("can only create, update or delete ResourceSlice with spec.nodeName set to itself".into())
}

fn check_node(write: &Write<'_>) -> Result<(), Refusal> {
    let Write {
        node,
        operation,
        new,
        old,
        ..
    } = write;
    let named = name_of(write);
    if named != *node {
        return Err(format!("node {node:?} is not allowed to modify node {named:?}"));
    }
    let refuse = |what: String| Err(format!("node {node:?} is not allowed to {what}"));
    match operation {
        Operation::Create => {
            let forbidden = labels::forbidden(&new["metadata"]["labels"]);
            if !forbidden.is_empty() {
                return refuse(format!("set the following labels: {}", forbidden.join(", ")));
            }
            if new["metadata"]["ownerReferences"]
                .as_array()
                .is_some_and(|list| !list.is_empty())
            {
                return refuse("set ownerReferences".into());
            }
        }
        Operation::Update => {
            if !same(&new["spec"]["taints"], &old["spec"]["taints"]) {
                return refuse("modify taints".into());
            }
            if !same(
                &new["metadata"]["ownerReferences"],
                &old["metadata"]["ownerReferences"],
            ) {
                return refuse("modify ownerReferences".into());
            }
            let changed = labels::changed(&new["metadata"]["labels"], &old["metadata"]["labels"]);
            let forbidden = labels::forbidden(&changed);
            if !forbidden.is_empty() {
                return refuse(format!("modify labels: {}", forbidden.join(", ")));
            }
        }
        Operation::Delete => {}
    }
    Ok(())
}

/// A kubelet that expands a volume writes the claim's status and nothing else.
fn check_claim_status(write: &Write<'_>) -> Result<(), Refusal> {
    let without_status = |object: &Value| {
        let mut object = object.clone();
        for field in [
            "capacity",
            "conditions",
            "allocatedResources",
            "allocatedResourceStatuses",
        ] {
            object["status"][field] = Value::Null;
        }
        for field in ["managedFields", "resourceVersion"] {
            object["metadata"][field] = Value::Null;
        }
        object
    };
    if without_status(write.new) == without_status(write.old) {
        return Ok(());
    }
    Err(format!(
        "node {:?} is not allowed to update fields other than status.quantity and status.conditions",
        write.node
    ))
}

/// Absent and empty lists are alike.
fn same(new: &Value, old: &Value) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(new) == list(old)
}
