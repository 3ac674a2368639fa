//! `authentication.k8s.io`: whose token is this, who am I, and a token for a service account.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admission::Cluster;
use crate::auth::User;
use crate::authn::Authentication;
use crate::authn::service_account::{Binding, Reference, Request, TokenIssuer};
use crate::known::Known;
use crate::server::guard::new_uid;
use crate::status::{Cause, GroupResource, Result, Status};
use crate::verbs::virtuals::{Call, Virtual};

/// Seconds that a token lives if nobody says; the shortest and the longest life.
const SECONDS: i64 = 3600;
const SHORTEST: i64 = 600;
const LONGEST: i64 = 1 << 32;

/// Checks a token for somebody who was shown it.
pub(super) struct TokenReview(pub(super) Arc<Authentication>);

#[tonic::async_trait]
impl Virtual for TokenReview {
    async fn create(&self, call: Call<'_>) -> Result<Value> {
        let spec = &call.object["spec"];
        let token = text(spec, "token");
        if token.is_empty() {
            return Err(Status::bad_request(
                "token is required for TokenReview in authentication",
            ));
        }
        let audiences: Vec<String> = strings(&spec["audiences"]);
        let mut answer = call.object.clone();
        answer["status"] = match self.0.token(token, &audiences, call.server.now()) {
            Ok(user) => {
                let shared = if audiences.is_empty() {
                    self.0.tokens.audiences.clone()
                } else {
                    audiences
                };
                json!({"authenticated": true, "user": shown(&user), "audiences": shared})
            }
            Err(error) => json!({"user": {}, "error": error.to_string()}),
        };
        Ok(answer)
    }
}

/// Tells a user who they are.
pub(super) struct SelfReview;

#[tonic::async_trait]
impl Virtual for SelfReview {
    async fn create(&self, call: Call<'_>) -> Result<Value> {
        let mut answer = call.object.clone();
        answer["status"] = json!({ "userInfo": shown(call.user) });
        Ok(answer)
    }
}

fn shown(user: &User) -> Value {
    let mut shown = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        shown["uid"] = user.uid.clone().into();
    }
    if !user.extra.is_empty() {
        shown["extra"] = json!(user.extra);
    }
    shown
}

/// Makes a token for a service account.
pub(super) struct TokenRequest {
    pub(super) tokens: Arc<TokenIssuer>,
    pub(super) cluster: Known,
}

#[tonic::async_trait]
impl Virtual for TokenRequest {
    async fn create(&self, call: Call<'_>) -> Result<Value> {
        let account = self
            .cluster
            .get("serviceaccounts", call.namespace, call.name)
            .ok_or_else(|| Status::not_found(GroupResource::new("", "serviceaccounts"), call.name))?;
        let mut answer = call.object.clone();
        let spec = &answer["spec"];
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(SECONDS);
        check_seconds(seconds)?;
        let audiences = match strings(&spec["audiences"]) {
            list if list.is_empty() => self.tokens.audiences.clone(),
            list => list,
        };
        let binding = self.binding(&call, &account, &spec["boundObjectRef"])?;
        let now = call.server.now();
        let request = Request {
            binding,
            audiences: audiences.clone(),
            seconds,
            id: new_uid(),
        };
        let token = self
            .tokens
            .issue(&request, now)
            .ok_or_else(|| Status::internal("no randomness for a token"))?;
        complete(&mut answer, &call, &account, &audiences, seconds);
        answer["status"] = json!({"token": token, "expirationTimestamp": stamp(now, seconds)});
        Ok(answer)
    }
}

impl TokenRequest {
    fn binding(&self, call: &Call<'_>, account: &Value, bound: &Value) -> Result<Binding> {
        let mut binding = Binding {
            namespace: call.namespace.to_owned(),
            serviceaccount: reference(account),
            pod: None,
            node: None,
            secret: None,
        };
        if !bound.is_object() {
            return Ok(binding);
        }
        let (resource, namespace) = match text(bound, "kind") {
            "Pod" => ("pods", call.namespace),
            "Secret" => ("secrets", call.namespace),
            "Node" => ("nodes", ""),
            other => {
                let text = format!(
                    "cannot bind token for serviceaccount {:?} to object of kind {other:?}",
                    call.name
                );
                return Err(Status::bad_request(text));
            }
        };
        let (name, uid) = (text(bound, "name"), text(bound, "uid"));
        let object = self
            .cluster
            .get(resource, namespace, name)
            .ok_or_else(|| Status::not_found(GroupResource::new("", resource), name))?;
        let known = reference(&object);
        if !uid.is_empty() && uid != known.uid {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record ({}). The object \
                 might have been deleted and then recreated",
                known.uid
            );
            return Err(Status::conflict(GroupResource::new("", resource), name, why));
        }
        match resource {
            "pods" => {
                if text(&object["spec"], "serviceAccountName") != call.name {
                    let own = text(&object["spec"], "serviceAccountName");
                    return Err(Status::bad_request(format!(
                        "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount {own:?}",
                        call.name
                    )));
                }
                let node = self.cluster.get("nodes", "", text(&object["spec"], "nodeName"));
                binding.node = node.as_ref().map(reference);
                binding.pod = Some(known);
            }
            "secrets" => binding.secret = Some(known),
            _ => binding.node = Some(known),
        }
        Ok(binding)
    }
}

fn check_seconds(seconds: i64) -> Result<()> {
    let why = if seconds < SHORTEST {
        "may not specify a duration less than 10 minutes"
    } else if seconds > LONGEST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let cause = Cause {
        reason: "FieldValueInvalid".into(),
        message: format!("Invalid value: {seconds}: {why}"),
        field: "spec.expirationSeconds".into(),
    };
    Err(Status::invalid(
        "authentication.k8s.io",
        "TokenRequest",
        "",
        vec![cause],
    ))
}

/// What the answer says besides the token: the account's identity and what was filled in.
fn complete(answer: &mut Value, call: &Call<'_>, account: &Value, audiences: &[String], seconds: i64) {
    answer["spec"]["audiences"] = json!(audiences);
    answer["spec"]["expirationSeconds"] = seconds.into();
    if answer["spec"].get("boundObjectRef").is_none() {
        answer["spec"]["boundObjectRef"] = Value::Null;
    }
    answer["metadata"]["name"] = call.name.into();
    answer["metadata"]["namespace"] = call.namespace.into();
    answer["metadata"]["uid"] = account["metadata"]["uid"].clone();
    answer["metadata"]["creationTimestamp"] = stamp(call.server.now(), 0).into();
}

fn stamp(now: Timestamp, seconds: i64) -> String {
    let then = Timestamp::from_second(now.as_second() + seconds).unwrap_or(now);
    then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn reference(object: &Value) -> Reference {
    let meta = &object["metadata"];
    Reference {
        name: text(meta, "name").into(),
        uid: text(meta, "uid").into(),
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}
