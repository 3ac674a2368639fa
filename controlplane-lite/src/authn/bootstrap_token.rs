//! Bootstrap tokens: `abcdef.0123456789abcdef`, kept as secrets of kube-system, with which new nodes introduce
//! themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Objects;
use crate::auth::User;

/// Every bootstrap user is in this group.
const GROUP: &str = "system:bootstrappers";
/// Additional groups must begin so.
const GROUP_PREFIX: &str = "system:bootstrappers:";

/// A token of the right form; it may still be unknown.
#[derive(Clone, Copy)]
pub struct BootstrapToken<'a> {
    id: &'a str,
    secret: &'a str,
}

impl std::fmt::Debug for BootstrapToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BootstrapToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<'a> BootstrapToken<'a> {
    /// Splits a token of the form `[a-z0-9]{6}.[a-z0-9]{16}`.
    #[must_use]
    pub fn parse(token: &'a str) -> Option<Self> {
        let (id, secret) = token.split_once('.')?;
        let plain = |part: &str, length| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        (plain(id, 6) && plain(secret, 16)).then_some(Self { id, secret })
    }

    /// The user behind the token.
    ///
    /// # Errors
    /// A text without the secret: the token is unknown, expired, or not meant for authentication.
    pub fn user(&self, objects: &dyn Objects, now: Timestamp) -> Result<User, &'static str> {
        let unknown = "bootstrap token is unknown";
        let name = format!("bootstrap-token-{}", self.id);
        let secret = objects.object("secrets", "kube-system", &name).ok_or(unknown)?;
        let deleted = !secret["metadata"]["deletionTimestamp"].is_null();
        if secret["type"] != "bootstrap.kubernetes.io/token" || deleted {
            return Err(unknown);
        }
        let data = |key: &str| decode(&secret["data"][key]);
        let same = |key: &str, shown: &str| data(key).is_some_and(|kept| equal(&kept, shown));
        if !same("token-id", self.id) || !same("token-secret", self.secret) {
            return Err(unknown);
        }
        // An expiration that cannot be read counts as passed.
        let until = data("expiration").filter(|until| !until.is_empty());
        if until.is_some_and(|until| until.parse::<Timestamp>().map_or(true, |until| until <= now)) {
            return Err("bootstrap token has expired");
        }
        if data("usage-bootstrap-authentication").as_deref() != Some("true") {
            return Err("bootstrap token is not meant for authentication");
        }
        let extra = data("auth-extra-groups").unwrap_or_default();
        let extra = extra.split(',').filter(|group| !group.is_empty());
        if !extra.clone().all(|group| group.starts_with(GROUP_PREFIX)) {
            return Err("bootstrap token names groups that it may not have");
        }
        let groups = std::iter::once(GROUP).chain(extra).map(str::to_owned);
        Ok(User::authenticated(
            format!("system:bootstrap:{}", self.id),
            groups,
        ))
    }
}

/// Compares digests, so that the time taken tells nothing about the kept value.
fn equal(kept: &str, shown: &str) -> bool {
    Sha256::digest(kept) == Sha256::digest(shown)
}

fn decode(value: &Value) -> Option<String> {
    String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct One(Value);

    impl Objects for One {
        fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
            let wanted = (resource, namespace, name) == ("secrets", "kube-system", "bootstrap-token-abcdef");
            wanted.then(|| self.0.clone())
        }
    }

    fn secret(fields: &[(&str, &str)]) -> One {
        let mut data = serde_json::Map::new();
        let standard = [
            ("token-id", "abcdef"),
            ("token-secret", "0123456789abcdef"),
            ("usage-bootstrap-authentication", "true"),
        ];
        for (key, value) in standard.iter().chain(fields) {
            data.insert((*key).into(), STANDARD.encode(value).into());
        }
        One(json!({"type": "bootstrap.kubernetes.io/token", "data": data}))
    }

    fn user(token: &str, objects: &One) -> Result<User, &'static str> {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        BootstrapToken::parse(token)
            .expect("the form is right")
            .user(objects, now)
    }

    #[test]
    fn only_the_documented_form_is_a_bootstrap_token() {
        assert!(BootstrapToken::parse("abcdef.0123456789abcdef").is_some());
        let wrong = [
            "abcdef",
            "abcde.0123456789abcdef",
            "ABCDEF.0123456789abcdef",
            "abcdef.0123456789abcde!",
            "a.b.c",
        ];
        for token in wrong {
            assert!(BootstrapToken::parse(token).is_none(), "{token}");
        }
    }

    #[test]
    fn a_known_token_is_a_bootstrap_user_with_its_groups() {
        let objects = secret(&[(
            "auth-extra-groups",
            "system:bootstrappers:kubeadm:default-node-token",
        )]);
        let user = user("abcdef.0123456789abcdef", &objects).unwrap();
        assert_eq!(user.name, "system:bootstrap:abcdef");
        let groups = [
            "system:bootstrappers",
            "system:bootstrappers:kubeadm:default-node-token",
        ];
        assert_eq!(user.groups[..2], groups);
    }

    #[test]
    fn a_token_that_may_not_be_used_says_why() {
        let good = "abcdef.0123456789abcdef";
        let unknown = "bootstrap token is unknown";
        let expired = "bootstrap token has expired";
        let table = [
            ("abcdef.aaaaaaaaaaaaaaaa", secret(&[]), unknown),
            ("zzzzzz.0123456789abcdef", secret(&[]), unknown),
            (good, secret(&[("expiration", "2026-11-21T09:59:59Z")]), expired),
            (good, secret(&[("expiration", "tomorrow")]), expired),
            (
                good,
                secret(&[("usage-bootstrap-authentication", "false")]),
                "bootstrap token is not meant for authentication",
            ),
            (
                good,
                secret(&[("auth-extra-groups", "system:masters")]),
                "bootstrap token names groups that it may not have",
            ),
        ];
        for (token, objects, wanted) in table {
            assert_eq!(user(token, &objects), Err(wanted));
        }
        assert!(user(good, &secret(&[("expiration", "2026-11-21T10:00:01Z")])).is_ok());
    }
}
