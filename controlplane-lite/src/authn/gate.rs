//! The server's authenticator: credentials first, then whom the user wants to act as.
//!
//! Impersonation (`Impersonate-User`, `-Group`, `-Uid`, `-Extra-*`) is itself a request that the authorizers answer:
//! the verb `impersonate` on users, groups, service accounts, uids and user extras.

use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;

use super::Authentication;
use crate::auth::{Attributes, Authorizer, Decision, SERVICE_ACCOUNTS, Target, UNAUTHENTICATED, User};
use crate::serve::access::{Authenticator, Peer, refusal};
use crate::status::{Result, Status};

/// Authenticates requests.
pub struct Gate {
    /// Knows credentials.
    pub authentication: Arc<Authentication>,
    /// Says who may act as whom.
    pub authorizer: Arc<dyn Authorizer>,
    /// Whether a request without credentials is let in as anonymous (`--anonymous-auth`).
    pub anonymous: bool,
    /// The time.
    pub clock: fn() -> Timestamp,
}

#[tonic::async_trait]
impl Authenticator for Gate {
    async fn authenticate(&self, parts: &Parts, peer: &Peer) -> Result<Option<User>> {
        let certificate = peer.certificates.first().map(AsRef::as_ref);
        let header = parts
            .headers
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let user = self
            .authentication
            .authenticate(certificate, header, (self.clock)())
            .map_err(|error| {
                tracing::debug!(address = ?peer.address, %error, "credential refused");
                Status::unauthorized()
            })?;
        let user = match user {
            Some(user) => user,
            None if self.anonymous => User::anonymous(),
            None => return Err(Status::unauthorized()),
        };
        self.act_as(user, &parts.headers).map(Some)
    }
}

impl Gate {
    fn act_as(&self, user: User, headers: &HeaderMap) -> Result<User> {
        let Some(wanted) = wanted(headers)? else {
            return Ok(user);
        };
        for (resource, name) in wanted.questions() {
            let (group, resource, subresource, namespace, name) = place(&resource, &name);
            let attributes = Attributes {
                user: user.clone(),
                verb: "impersonate".into(),
                target: Target::Resource {
                    group,
                    version: "v1".into(),
                    resource,
                    subresource,
                    namespace,
                    name,
                    fields: Vec::new(),
                },
            };
            match self.authorizer.authorize(&attributes) {
                Decision::Allow(_) => {}
                Decision::Deny(reason) | Decision::NoOpinion(reason) => {
                    return Err(refusal(&attributes, &reason));
                }
            }
        }
        Ok(wanted.into_user())
    }
}

/// Whom a request wants to be.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    user: String,
    uid: String,
    groups: Vec<String>,
    extra: Vec<(String, String)>,
}

fn wanted(headers: &HeaderMap) -> Result<Option<Wanted>> {
    let all = |name: &str| -> Vec<String> {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok().map(str::to_owned))
            .collect()
    };
    let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
    let mut wanted = Wanted {
        user: first("impersonate-user"),
        uid: first("impersonate-uid"),
        groups: all("impersonate-group"),
        extra: Vec::new(),
    };
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix("impersonate-extra-") {
            let key = percent_decoded(key);
            wanted
                .extra
                .extend(all(name.as_str()).into_iter().map(|value| (key.clone(), value)));
        }
    }
    if wanted == Wanted::default() {
        return Ok(None);
    }
    if wanted.user.is_empty() {
        return Err(Status::internal(
            "requested impersonation without impersonating a user",
        ));
    }
    Ok(Some(wanted))
}

impl Wanted {
    /// What the authorizers are asked: resource and name.
    fn questions(&self) -> Vec<(String, String)> {
        let users = match self.user.strip_prefix(crate::auth::SERVICE_ACCOUNT_PREFIX) {
            Some(account) => ("serviceaccounts".to_owned(), account.to_owned()),
            None => ("users".to_owned(), self.user.clone()),
        };
        let mut questions = vec![users];
        questions.extend(
            self.groups
                .iter()
                .map(|group| ("groups".to_owned(), group.clone())),
        );
        if !self.uid.is_empty() {
            questions.push(("uids".to_owned(), self.uid.clone()));
        }
        questions.extend(
            self.extra
                .iter()
                .map(|(key, value)| (format!("userextras/{key}"), value.clone())),
        );
        questions
    }

    /// Groups that follow from the name are added where none are asked for.
    fn into_user(self) -> User {
        let mut groups = self.groups;
        if let Some(account) = self
            .user
            .strip_prefix(crate::auth::SERVICE_ACCOUNT_PREFIX)
            .filter(|_| groups.is_empty())
        {
            let namespace = account.split(':').next().unwrap_or_default();
            groups = vec![SERVICE_ACCOUNTS.into(), format!("{SERVICE_ACCOUNTS}:{namespace}")];
        }
        let mut user = if self.user == crate::auth::ANONYMOUS || groups.iter().any(|g| g == UNAUTHENTICATED) {
            User {
                name: self.user,
                groups,
                ..User::anonymous()
            }
        } else {
            User::authenticated(self.user, groups)
        };
        if user.name == crate::auth::ANONYMOUS && !user.is_in(UNAUTHENTICATED) {
            user.groups.push(UNAUTHENTICATED.into());
        }
        user.uid = self.uid;
        for (key, value) in self.extra {
            user.extra.entry(key).or_default().push(value);
        }
        user
    }
}

/// Group, resource, subresource, namespace and name of a question.
fn place(resource: &str, name: &str) -> (String, String, String, String, String) {
    let group = if matches!(resource, "users" | "groups" | "serviceaccounts") {
        ""
    } else {
        "authentication.k8s.io"
    };
    let (resource_name, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (namespace, name) = match resource {
        "serviceaccounts" => name.split_once(':').unwrap_or(("", name)),
        _ => ("", name),
    };
    (
        group.into(),
        resource_name.into(),
        subresource.into(),
        namespace.into(),
        name.into(),
    )
}

/// Keys of extras are percent-encoded in header names, which know no upper case.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: &u8| {
            char::from(*b)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        match tail {
            [high, low, after @ ..] if *first == b'%' => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => {
                    out.push(high * 16 + low);
                    rest = after;
                    continue;
                }
                _ => out.push(*first),
            },
            _ => out.push(*first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(k, v)| {
                (
                    http::HeaderName::from_static(k),
                    http::HeaderValue::from_static(v),
                )
            })
            .collect()
    }

    #[test]
    fn headers_say_whom_to_be() {
        let given = headers(&[
            ("impersonate-user", "jane"),
            ("impersonate-extra-acme%2fscope", "view"),
        ]);
        let wanted = wanted(&given).unwrap().unwrap();
        assert_eq!(
            wanted.questions(),
            [
                ("users".to_owned(), "jane".to_owned()),
                ("userextras/acme/scope".to_owned(), "view".to_owned())
            ]
        );
        let user = wanted.into_user();
        assert_eq!(
            (user.name.as_str(), user.extra["acme/scope"][0].as_str()),
            ("jane", "view")
        );
        assert_eq!(user.groups, ["system:authenticated"]);
    }

    #[test]
    fn a_service_account_brings_its_groups() {
        let given = headers(&[("impersonate-user", "system:serviceaccount:web:builder")]);
        let wanted = wanted(&given).unwrap().unwrap();
        assert_eq!(place("serviceaccounts", &wanted.questions()[0].1).3, "web");
        assert!(wanted.into_user().is_in("system:serviceaccounts:web"));
    }

    #[test]
    fn nobody_acts_as_a_group_alone() {
        assert!(wanted(&headers(&[("impersonate-group", "system:masters")])).is_err());
        assert_eq!(wanted(&headers(&[])).unwrap(), None);
    }
}
