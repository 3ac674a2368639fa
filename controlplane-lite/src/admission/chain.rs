//! The chain of plug-ins behind the server's admission seam, in the reference's order: first those that change an
//! object, then those that only look at it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{
    Cluster, lifecycle, limit_ranger, node_restriction, pod_security, priority, quota, runtime_class,
    service_account, storage, toleration,
};
use crate::auth::Authorizer;
use crate::authz::rbac::Rbac;
use crate::serve::access::{Admission, Operation, Review};
use crate::status::{GroupResource, Result, Status};

mod grants;
mod names;

pub use names::{PluginNames, UnknownPlugin};

/// What `--default-not-ready-toleration-seconds` and its sibling are by default.
const TOLERATION_SECONDS: i64 = 300;

/// The built-in plug-ins.
pub struct Chain {
    /// What they know of the cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Which of them are on.
    pub enabled: BTreeSet<&'static str>,
    /// For checks of what a user may grant.
    pub authorizer: Arc<dyn Authorizer>,
    /// What users hold.
    pub rbac: Arc<Rbac>,
    /// Five random characters for the names of token volumes.
    pub suffix: fn() -> String,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

#[tonic::async_trait]
impl Admission for Chain {
    async fn mutate(&self, review: &Review<'_>, object: &mut Value) -> Result<()> {
        let create = review.operation == Operation::Create;
        if create && !review.namespace.is_empty() && self.is_on("NamespaceLifecycle") {
            self.check_namespace(review)?;
        }
        let what = (
            review.resource.group.as_ref(),
            review.resource.plural.as_ref(),
            review.subresource,
        );
        match what {
            ("", "pods", "") if create => self.mutate_new_pod(review, object),
            ("", "pods", "")
                if review.operation == Operation::Update && self.is_on("DefaultTolerationSeconds") =>
            {
                toleration::add_defaults(object, TOLERATION_SECONDS, TOLERATION_SECONDS);
                Ok(())
            }
            ("", "nodes", "") if create && self.is_on("TaintNodesByCondition") => {
                toleration::taint_new_node(object);
                Ok(())
            }
            ("", "persistentvolumeclaims", "") if create => {
                if self.is_on("DefaultStorageClass") {
                    storage::set_default_class(&*self.cluster, object);
                }
                if self.is_on("StorageObjectInUseProtection") {
                    storage::protect(object, storage::CLAIM_PROTECTION);
                }
                Ok(())
            }
            ("", "persistentvolumes", "") if create && self.is_on("StorageObjectInUseProtection") => {
                storage::protect(object, storage::VOLUME_PROTECTION);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn validate(&self, review: &Review<'_>, object: &Value) -> Result<()> {
        let what = (
            review.resource.group.as_ref(),
            review.resource.plural.as_ref(),
            review.subresource,
        );
        if let Some(node) = review.user.node().filter(|_| self.is_on("NodeRestriction")) {
            self.check_node(node, review, object)?;
        }
        match what {
            ("", "namespaces", "")
                if review.operation == Operation::Delete && self.is_on("NamespaceLifecycle") =>
            {
                lifecycle::check_deletion(review.name).map_err(|why| forbid(review, object, why))?;
            }
            ("", "persistentvolumeclaims", "")
                if self.is_on("LimitRanger") && review.operation != Operation::Delete =>
            {
                let checked = limit_ranger::check_claim(&*self.cluster, review.namespace, object);
                checked.map_err(|why| forbid(review, object, why))?;
            }
            ("scheduling.k8s.io", "priorityclasses", "")
                if review.operation != Operation::Delete && self.is_on("Priority") =>
            {
                let checked = priority::check_class(&*self.cluster, object);
                checked.map_err(|why| forbid(review, object, why))?;
            }
            ("", "pods", "") if review.operation == Operation::Create && self.is_on("LimitRanger") => {
                let checked = limit_ranger::check_pod(&*self.cluster, review.namespace, object);
                checked.map_err(|why| forbid(review, object, why))?;
            }
            ("rbac.authorization.k8s.io", ..) if review.operation != Operation::Delete => {
                self.check_grant(review, object)?;
            }
            _ => {}
        }
        if self.is_on("PodSecurity") && review.operation != Operation::Delete {
            self.check_pod_security(review, object)?;
        }
        if review.operation == Operation::Create
            && review.subresource.is_empty()
            && self.is_on("ResourceQuota")
        {
            self.check_quota(review, object)?;
        }
        Ok(())
    }
}

impl Chain {
    fn is_on(&self, plugin: &'static str) -> bool {
        self.enabled.contains(plugin)
    }

    fn check_namespace(&self, review: &Review<'_>) -> Result<()> {
        match lifecycle::check_creation(&*self.cluster, review.namespace) {
            Ok(()) => Ok(()),
            Err(lifecycle::Unfit::Missing) => Err(Status::not_found(
                GroupResource::new("", "namespaces"),
                review.namespace,
            )),
            // Access reviews tell about a namespace; they put nothing into it.
            Err(_) if review.resource.group == "authorization.k8s.io" => Ok(()),
            Err(lifecycle::Unfit::Terminating { message, cause }) => {
                let status = Status::forbidden(review.resource.group_resource(), review.name, message);
                Err(status.with_cause("NamespaceTerminating", cause, "metadata.namespace"))
            }
        }
    }

    fn mutate_new_pod(&self, review: &Review<'_>, pod: &mut Value) -> Result<()> {
        let cluster = &*self.cluster;
        if self.is_on("LimitRanger") {
            limit_ranger::set_defaults(cluster, review.namespace, pod);
        }
        if self.is_on("ServiceAccount") {
            let done = service_account::complete(cluster, review.namespace, pod, &(self.suffix)());
            done.map_err(|why| forbid(review, pod, why))?;
        }
        if self.is_on("Priority") {
            priority::resolve(cluster, pod).map_err(|why| forbid(review, pod, why))?;
        }
        if self.is_on("RuntimeClass") {
            runtime_class::apply(cluster, pod).map_err(|why| forbid(review, pod, why))?;
        }
        if self.is_on("DefaultTolerationSeconds") {
            toleration::add_defaults(pod, TOLERATION_SECONDS, TOLERATION_SECONDS);
        }
        Ok(())
    }

    fn check_node(&self, node: &str, review: &Review<'_>, object: &Value) -> Result<()> {
        let operation = match review.operation {
            Operation::Create => node_restriction::Operation::Create,
            Operation::Update => node_restriction::Operation::Update,
            Operation::Delete => node_restriction::Operation::Delete,
            Operation::Connect => return Ok(()),
        };
        let write = node_restriction::Write {
            node,
            operation,
            resource: &review.resource.plural,
            subresource: review.subresource,
            namespace: review.namespace,
            name: review.name,
            new: object,
            old: review.old.unwrap_or(&Value::Null),
        };
        node_restriction::check(&*self.cluster, &write).map_err(|why| forbid(review, object, why))
    }

    fn check_pod_security(&self, review: &Review<'_>, object: &Value) -> Result<()> {
        let resource = (review.resource.group.as_ref(), review.resource.plural.as_ref());
        let is_pod = resource == ("", "pods");
        if is_pod && !matches!(review.subresource, "" | "ephemeralcontainers" | "resize") {
            return Ok(());
        }
        if !is_pod && !review.subresource.is_empty() {
            return Ok(());
        }
        let Some((metadata, spec)) = pod_of(resource, object) else {
            return Ok(());
        };
        let Some(namespace) = self.cluster.get("namespaces", "", review.namespace) else {
            return Ok(());
        };
        let (policies, _) = pod_security::policies(namespace["metadata"].get("labels"));
        if is_pod {
            if review
                .old
                .is_some_and(|old| !pod_security::is_significant(object, old))
            {
                return Ok(());
            }
            let violations = pod_security::evaluate(policies.enforce, metadata, spec);
            if !violations.is_empty() {
                return Err(forbid(
                    review,
                    object,
                    pod_security::refusal(policies.enforce, &violations),
                ));
            }
        }
        let violations = pod_security::evaluate(policies.warn, metadata, spec);
        if !violations.is_empty() {
            review
                .warnings
                .lock()
                .push(pod_security::warning(policies.warn, &violations));
        }
        Ok(())
    }

    fn check_quota(&self, review: &Review<'_>, object: &Value) -> Result<()> {
        if review.namespace.is_empty() || review.resource.plural == "resourcequotas" {
            return Ok(());
        }
        let mut quotas = self.cluster.list("resourcequotas", review.namespace);
        if quotas.is_empty() {
            return Ok(());
        }
        let (group, resource) = (review.resource.group.as_ref(), review.resource.plural.as_ref());
        let existing = self.cluster.list(resource, review.namespace);
        let all = |value| quota::Object {
            group,
            resource,
            value,
        };
        for quota in &mut quotas {
            let used = quota::total(quota, existing.iter().map(all));
            let used = used
                .into_iter()
                .map(|(key, amount)| (key, Value::from(amount.to_string())))
                .collect();
            quota["status"]["used"] = Value::Object(used);
        }
        quota::charge(&quotas, all(object), None)
            .map(drop)
            .map_err(|why| forbid(review, object, why))
    }
}

/// Metadata and spec of the pod that an object is or makes.
fn pod_of<'a>(resource: (&str, &str), object: &'a Value) -> Option<(&'a Value, &'a Value)> {
    let template = match resource {
        ("", "pods") => object,
        ("", "podtemplates") => &object["template"],
        ("", "replicationcontrollers")
        | ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets")
        | ("batch", "jobs") => &object["spec"]["template"],
        ("batch", "cronjobs") => &object["spec"]["jobTemplate"]["spec"]["template"],
        _ => return None,
    };
    template["spec"]
        .is_object()
        .then(|| (&template["metadata"], &template["spec"]))
}

fn forbid(review: &Review<'_>, object: &Value, why: impl std::fmt::Display) -> Status {
    let generated = object["metadata"]["name"].as_str().unwrap_or_default();
    let name = if review.name.is_empty() {
        generated
    } else {
        review.name
    };
    Status::forbidden(review.resource.group_resource(), name, why)
}
