//! Service-account tokens: bound to an account and, where asked for, to a pod, node or secret (KEP-1205, KEP-4193).
//!
//! Invariant: a token is good only while the objects that it is bound to exist with the uid that it names, so
//! deleting a pod ends its tokens at once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Objects;
use super::jws::{self, SigningKey, VerifyingKey};
use super::x509::CREDENTIAL_ID;
use crate::auth::{SERVICE_ACCOUNT_PREFIX, SERVICE_ACCOUNTS, User};

#[cfg(test)]
mod tests;

/// How many seconds a clock may be behind ours.
const LEEWAY: i64 = 60;

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not signed by us, or no token at all.
    #[error(transparent)]
    Signature(#[from] jws::JwsError),
    /// From another issuer, or without the claims of a service account.
    #[error("token is not a service account token of this cluster")]
    Foreign,
    /// Its time has passed.
    #[error("service account token has expired")]
    Expired,
    /// Its time has not come.
    #[error("service account token is not valid yet")]
    NotYetValid,
    /// For somebody else.
    #[error("token audiences {0:?} is invalid for the target audiences {1:?}")]
    Audience(Vec<String>, Vec<String>),
    /// What it is bound to is gone, or is another object of the same name.
    #[error("service account token is bound to {0} that does not exist any more")]
    Bound(String),
}

/// A reference to an object by name and uid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its uid.
    #[serde(default)]
    pub uid: String,
}

/// The `kubernetes.io` claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Namespace of the account and of the pod or secret.
    pub namespace: String,
    /// The account.
    pub serviceaccount: Reference,
    /// The pod that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The pod's node, or the node that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// The secret that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default, deserialize_with = "one_or_many")]
    aud: Vec<String>,
    #[serde(default)]
    exp: i64,
    #[serde(default)]
    nbf: i64,
    #[serde(default)]
    jti: String,
    #[serde(rename = "kubernetes.io")]
    binding: Option<Binding>,
}

/// A token that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it is bound to.
    pub binding: Binding,
    /// Its identity, for the audit log.
    pub id: String,
    /// The audiences that the token and the question share.
    pub audiences: Vec<String>,
}

/// What a new token shall say.
#[derive(Debug, Clone)]
pub struct Request {
    /// Account, and what the token is bound to.
    pub binding: Binding,
    /// Audiences; empty means the API server's.
    pub audiences: Vec<String>,
    /// Seconds that it lives.
    pub seconds: i64,
    /// A unique identity (`jti`).
    pub id: String,
}

/// Issues and checks the cluster's service-account tokens.
#[derive(Debug)]
pub struct TokenIssuer {
    /// `iss` of new tokens (`--service-account-issuer`).
    pub issuer: String,
    /// Audiences of this API server (`--api-audiences`; by default the issuer).
    pub audiences: Vec<String>,
    /// Signs new tokens.
    pub key: SigningKey,
    /// Older keys whose tokens are still good.
    pub older_keys: Vec<VerifyingKey>,
}

impl TokenIssuer {
    /// A signed token, good from `now`; `None` if the system has no randomness to give.
    #[must_use]
    pub fn issue(&self, request: &Request, now: Timestamp) -> Option<String> {
        let audiences = if request.audiences.is_empty() {
            &self.audiences
        } else {
            &request.audiences
        };
        let Binding {
            namespace,
            serviceaccount,
            ..
        } = &request.binding;
        self.key.sign(&json!({
            "iss": self.issuer,
            "sub": format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{}", serviceaccount.name),
            "aud": audiences,
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": now.as_second() + request.seconds,
            "jti": request.id,
            "kubernetes.io": request.binding,
        }))
    }

    /// Checks a token for one of `audiences`; empty means this API server.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(
        &self,
        token: &str,
        audiences: &[String],
        objects: &dyn Objects,
        now: Timestamp,
    ) -> Result<Verified, TokenError> {
        let mut keys = vec![self.key.public()];
        keys.extend(&self.older_keys);
        let claims: Claims =
            serde_json::from_value(jws::verify(token, &keys)?).map_err(|_| TokenError::Foreign)?;
        if claims.iss != self.issuer {
            return Err(TokenError::Foreign);
        }
        let binding = claims.binding.ok_or(TokenError::Foreign)?;
        if claims.exp <= now.as_second() {
            return Err(TokenError::Expired);
        }
        if claims.nbf > now.as_second() + LEEWAY {
            return Err(TokenError::NotYetValid);
        }
        let wanted = if audiences.is_empty() {
            &self.audiences
        } else {
            audiences
        };
        let shared: Vec<String> = claims
            .aud
            .iter()
            .filter(|aud| wanted.contains(aud))
            .cloned()
            .collect();
        if shared.is_empty() {
            return Err(TokenError::Audience(claims.aud, wanted.to_vec()));
        }
        binding.check(objects)?;
        Ok(Verified {
            binding,
            id: claims.jti,
            audiences: shared,
        })
    }

    /// The OpenID discovery document, `/.well-known/openid-configuration`.
    #[must_use]
    pub fn discovery(&self, jwks_uri: &str) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": jwks_uri,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.key.public().jwk()["alg"]],
        })
    }

    /// The key set, `/openid/v1/jwks`.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys = std::iter::once(self.key.public()).chain(&self.older_keys);
        json!({"keys": keys.map(VerifyingKey::jwk).collect::<Vec<_>>()})
    }
}

impl Binding {
    /// All objects that the token is bound to exist and are the same ones.
    fn check(&self, objects: &dyn Objects) -> Result<(), TokenError> {
        let same = |resource: &str, namespace: &str, reference: &Reference| {
            objects
                .object(resource, namespace, &reference.name)
                .is_some_and(|object| object["metadata"]["uid"] == reference.uid.as_str())
        };
        let gone = |kind: &str, reference: &Reference| {
            Err(TokenError::Bound(format!("the {kind} {:?}", reference.name)))
        };
        if !same("serviceaccounts", &self.namespace, &self.serviceaccount) {
            return gone("service account", &self.serviceaccount);
        }
        match (&self.pod, &self.secret, &self.node) {
            (Some(pod), _, _) if !same("pods", &self.namespace, pod) => gone("pod", pod),
            (_, Some(secret), _) if !same("secrets", &self.namespace, secret) => gone("secret", secret),
            // A pod's token names the node as information; only a token without a pod is bound to the node.
            (None, _, Some(node)) if !same("nodes", "", node) => gone("node", node),
            _ => Ok(()),
        }
    }
}

impl Verified {
    /// The user that the token stands for.
    #[must_use]
    pub fn user(&self) -> User {
        let Binding {
            namespace,
            serviceaccount,
            pod,
            node,
            ..
        } = &self.binding;
        let groups = [
            SERVICE_ACCOUNTS.to_owned(),
            format!("{SERVICE_ACCOUNTS}:{namespace}"),
        ];
        let name = format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{}", serviceaccount.name);
        let mut user = User::authenticated(name, groups);
        user.uid.clone_from(&serviceaccount.uid);
        let mut tell = |key: String, value: &str| {
            if !value.is_empty() {
                user.extra.insert(key, vec![value.to_owned()]);
            }
        };
        for (kind, reference) in [("pod", pod), ("node", node)] {
            if let Some(reference) = reference {
                tell(
                    format!("authentication.kubernetes.io/{kind}-name"),
                    &reference.name,
                );
                tell(format!("authentication.kubernetes.io/{kind}-uid"), &reference.uid);
            }
        }
        if !self.id.is_empty() {
            tell(CREDENTIAL_ID.into(), &format!("JTI={}", self.id));
        }
        user
    }
}

/// `aud` may be one string (RFC 7519, 4.1.3).
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::One(one) => vec![one],
        Either::Many(many) => many,
    })
}
