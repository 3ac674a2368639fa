//! `authorization.k8s.io`: may this user do that?

use std::sync::Arc;

use serde_json::{Value, json};

use crate::auth::{Attributes, Authorizer, Decision, Target, User};
use crate::authz::rbac::Rbac;
use crate::authz::rule::Rule;
use crate::status::{Result, Status};
use crate::verbs::virtuals::{Call, Virtual};

/// Whose access is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The user in the spec.
    Named,
    /// Who asks.
    Own,
}

/// Subject, local subject and self subject access reviews.
pub(super) struct AccessReview {
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) whose: Whose,
}

#[tonic::async_trait]
impl Virtual for AccessReview {
    async fn create(&self, call: Call<'_>) -> Result<Value> {
        let spec = &call.object["spec"];
        let user = match self.whose {
            Whose::Own => call.user.clone(),
            Whose::Named => named_user(spec),
        };
        let local = !call.namespace.is_empty();
        if local && text(&spec["resourceAttributes"], "namespace") != call.namespace {
            return Err(Status::bad_request(format!(
                "spec.resourceAttributes.namespace must match namespace: {}",
                call.namespace
            )));
        }
        let attributes = Attributes {
            verb: verb(spec),
            target: target(spec),
            user,
        };
        let mut answer = call.object.clone();
        answer["status"] = match self.authorizer.authorize(&attributes) {
            Decision::Allow(reason) => status(true, false, reason),
            Decision::Deny(reason) => status(false, true, reason),
            Decision::NoOpinion(reason) => status(false, false, reason),
        };
        Ok(answer)
    }
}

fn status(allowed: bool, denied: bool, reason: String) -> Value {
    let mut status = json!({ "allowed": allowed });
    if denied {
        status["denied"] = true.into();
    }
    if !reason.is_empty() {
        status["reason"] = reason.into();
    }
    status
}

fn named_user(spec: &Value) -> User {
    let list = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let extra = spec["extra"].as_object().into_iter().flatten();
    User {
        name: text(spec, "user").into(),
        uid: text(spec, "uid").into(),
        groups: list(&spec["groups"]),
        extra: extra.map(|(key, values)| (key.clone(), list(values))).collect(),
    }
}

fn verb(spec: &Value) -> String {
    let of = |field: &str| text(&spec[field], "verb").to_owned();
    if spec["resourceAttributes"].is_object() {
        of("resourceAttributes")
    } else {
        of("nonResourceAttributes")
    }
}

fn target(spec: &Value) -> Target {
    let resource = &spec["resourceAttributes"];
    if !resource.is_object() {
        return Target::Path(text(&spec["nonResourceAttributes"], "path").into());
    }
    let own = |field: &str| text(resource, field).to_owned();
    let requirements = resource["fieldSelector"]["requirements"]
        .as_array()
        .into_iter()
        .flatten();
    let fields = requirements
        .filter(|r| r["operator"] == "In")
        .filter_map(|requirement| {
            let values = requirement["values"].as_array()?;
            let [value] = values.as_slice() else { return None };
            Some((text(requirement, "key").to_owned(), value.as_str()?.to_owned()))
        });
    Target::Resource {
        group: own("group"),
        version: own("version"),
        resource: own("resource"),
        subresource: own("subresource"),
        namespace: own("namespace"),
        name: own("name"),
        fields: fields.collect(),
    }
}

/// What the user may do in a namespace, as `kubectl auth can-i --list` shows it.
pub(super) struct RulesReview {
    pub(super) rbac: Arc<Rbac>,
}

#[tonic::async_trait]
impl Virtual for RulesReview {
    async fn create(&self, call: Call<'_>) -> Result<Value> {
        let namespace = text(&call.object["spec"], "namespace");
        if namespace.is_empty() {
            return Err(Status::bad_request("no namespace on request"));
        }
        let rules = if call.user.is_in(crate::pki::MASTERS) {
            vec![everything(), every_path()]
        } else {
            self.rbac.rules_for(call.user, namespace)
        };
        let (resources, paths): (Vec<_>, Vec<_>) =
            rules.iter().partition(|rule| rule.non_resource_urls.is_empty());
        let resources: Vec<Value> = resources
            .iter()
            .map(|rule| {
                let mut shown = json!({
                    "verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources,
                });
                if !rule.resource_names.is_empty() {
                    shown["resourceNames"] = json!(rule.resource_names);
                }
                shown
            })
            .collect();
        let paths: Vec<Value> = paths
            .iter()
            .map(|rule| json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls}))
            .collect();
        let mut answer = call.object.clone();
        answer["status"] =
            json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
        Ok(answer)
    }
}

fn star() -> Vec<String> {
    vec!["*".into()]
}

fn everything() -> Rule {
    Rule {
        verbs: star(),
        api_groups: star(),
        resources: star(),
        ..Rule::default()
    }
}

fn every_path() -> Rule {
    Rule {
        verbs: star(),
        non_resource_urls: star(),
        ..Rule::default()
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}
