//! Refuses objects that the reference refuses, in its words and with its field paths.
//!
//! Runs on decoded objects after defaults and `strategy`. Each kind has one row of [`Rules`]; the functions in it read
//! as lists of rules over [`At`]. Order matters: it is the order of the causes in the answer.
//!
//! Where the reference shows a whole Go struct or the difference of two, we show the object's JSON or nothing;
//! such texts depend on its internals and on the run.
//!
//! Out of scope: what needs other objects (quota, references), authorization, admission.

mod batch;
mod certificates;
mod config;
mod endpoints;
mod event;
mod limits;
mod meta;
mod namespace;
mod networking;
mod node;
mod pod;
mod policy;
mod rbac;
mod review;
mod scheduling;
mod selector;
mod service;
mod storage;
mod volume;
mod volume_source;
mod workload;

use crate::field::{At, Errors};
use crate::names::{self, NameCheck};
use serde_json::Value;

pub use pod::binding::eviction;

/// Rules for a new object.
type Create = fn(&At<'_>, &mut Errors);
/// Rules for a changed object, given the stored one.
type Update = fn(&At<'_>, &At<'_>, &mut Errors);

/// How the objects of a kind are validated.
#[derive(Clone, Copy)]
struct Rules {
    /// The object's name.
    name: NameCheck,
    namespaced: bool,
    /// Whether an update checks the metadata as a creation does, which reports its faults once more.
    again: bool,
    /// Everything below the metadata of a new object.
    create: Create,
    /// The same of a changed one.
    update: Update,
    /// The status subresource.
    status: Update,
}

impl Rules {
    /// Namespaced objects with a subdomain as their name, validated alike on create and update.
    fn new(create: Create) -> Self {
        Self {
            name: names::name_is_subdomain,
            namespaced: true,
            again: false,
            create,
            update: |_, _, _| {},
            status: |_, _, _| {},
        }
    }

    /// Objects of the whole cluster.
    fn cluster(mut self) -> Self {
        self.namespaced = false;
        self
    }

    fn named(mut self, check: NameCheck) -> Self {
        self.name = check;
        self
    }

    fn update(mut self, update: Update) -> Self {
        self.update = update;
        self
    }

    fn status(mut self, status: Update) -> Self {
        self.status = status;
        self
    }

    /// Updates are validated with the metadata of a creation, too.
    fn again(mut self) -> Self {
        self.again = true;
        self
    }
}

/// The rules of a kind; kinds without own rules have only those of the metadata.
fn rules(group: &str, kind: &str) -> Option<Rules> {
    Some(match group {
        "" => return core_rules(kind),
        "apps" => return workload::rules(kind),
        "batch" => return batch::rules(kind),
        "autoscaling" if kind == "Scale" => {
            Rules::new(workload::scale).update(|new, _, e| workload::scale(new, e))
        }
        "discovery.k8s.io" if kind == "EndpointSlice" => endpoints::slice_rules(),
        "coordination.k8s.io" if kind == "Lease" => scheduling::lease_rules(),
        "events.k8s.io" if kind == "Event" => event::rules(),
        "rbac.authorization.k8s.io" => return rbac::rules(kind),
        "authentication.k8s.io" | "authorization.k8s.io" => return review::rules(kind),
        "certificates.k8s.io" if kind == "CertificateSigningRequest" => certificates::rules(),
        "policy" if kind == "PodDisruptionBudget" => policy::rules(),
        "networking.k8s.io" => return networking::rules(kind),
        "storage.k8s.io" => return storage::rules(kind),
        "scheduling.k8s.io" if kind == "PriorityClass" => scheduling::priority_class_rules(),
        "node.k8s.io" if kind == "RuntimeClass" => scheduling::runtime_class_rules(),
        _ => return None,
    })
}

fn core_rules(kind: &str) -> Option<Rules> {
    Some(match kind {
        "Pod" => pod::rules(),
        "PodTemplate" => pod::template_rules(),
        "Service" => service::rules(),
        "Endpoints" => endpoints::rules(),
        "Node" => node::rules(),
        "Namespace" => namespace::rules(),
        "ConfigMap" => config::config_map_rules(),
        "Secret" => config::secret_rules(),
        "ServiceAccount" => Rules::new(|_, _| {}).again(),
        "PersistentVolume" => volume::volume_rules(),
        "PersistentVolumeClaim" => volume::claim_rules(),
        "ReplicationController" => workload::replication_controller_rules(),
        "ResourceQuota" => limits::quota_rules(),
        "LimitRange" => limits::range_rules(),
        "Event" => event::rules(),
        _ => return None,
    })
}

/// What is wrong with a new object; empty when nothing is.
pub fn create(group: &str, kind: &str, object: &Value) -> Errors {
    let (mut errs, at) = (Errors::new(), At::root(object));
    if matches!((group, kind), ("", "Binding")) {
        pod::binding::binding(&at, &mut errs);
        return errs;
    }
    let Some(rules) = rules(group, kind) else {
        let metadata = at.get("metadata");
        meta::create(
            &metadata,
            metadata.has("namespace"),
            names::name_is_path_segment,
            &mut errs,
        );
        return errs;
    };
    if matches!(group, "authentication.k8s.io" | "authorization.k8s.io") {
        (rules.create)(&at, &mut errs);
        return errs;
    }
    meta::create(&at.get("metadata"), rules.namespaced, rules.name, &mut errs);
    if group.is_empty() {
        meta::standard_finalizers(&at.get("metadata"), &mut errs);
    }
    (rules.create)(&at, &mut errs);
    errs
}

/// What is wrong with a changed object or subresource; empty when nothing is.
///
/// `subresource` is `None` or the empty text for the object itself.
pub fn update(group: &str, kind: &str, new: &Value, old: &Value, subresource: Option<&str>) -> Errors {
    let (mut errs, at, old) = (Errors::new(), At::root(new), At::root(old));
    let rules = rules(group, kind);
    let namespaced = rules.map_or(old.get("metadata").has("namespace"), |r| r.namespaced);
    let (meta, old_meta) = (at.get("metadata"), old.get("metadata"));
    // The generic layer looks at the metadata before the kind does.
    meta::create(&meta, namespaced, names::name_is_path_segment, &mut errs);
    meta::update(&meta, old_meta.value, &mut errs);
    let Some(rules) = rules else {
        return errs;
    };
    meta::update(&meta, old_meta.value, &mut errs);
    let main = matches!(subresource.unwrap_or(""), "" | "scale");
    if group.is_empty() {
        meta::standard_finalizers(&meta, &mut errs);
    }
    if rules.again && main {
        meta::create(&meta, rules.namespaced, rules.name, &mut errs);
    }
    match subresource.unwrap_or("") {
        "" | "scale" => (rules.update)(&at, &old, &mut errs),
        "status" => (rules.status)(&at, &old, &mut errs),
        "ephemeralcontainers" => pod::update::ephemeral(&at, &old, &mut errs),
        "resize" => pod::update::resize(&at, &old, &mut errs),
        "finalize" => namespace::finalize(&at, &mut errs),
        "approval" => certificates::approval(&at, &old, &mut errs),
        _ => {}
    }
    errs
}

#[cfg(test)]
mod tests;
