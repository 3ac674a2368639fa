//! Signed tokens (RFC 7515, compact form) over ring: ES256 for keys of our own, RS256 for keys that kubeadm made.
//!
//! The algorithm follows from the key and never from the token, so a token cannot choose how it is checked. Claims
//! are checked by the caller, whose clock they are compared with.
//!
//! Why no library: signing and verification are ring's; what remains is this file, without global state.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Why a key cannot be used. Needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither an ECDSA P-256 key in PKCS#8 nor an RSA key.
    #[error("the service-account key is neither ECDSA P-256 (PKCS#8) nor RSA of 2048 bits or more")]
    Unsupported,
    /// Private and public key do not belong together.
    #[error("the service-account private key does not match the public key")]
    Mismatch,
}

/// Why a token's signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three parts of base64url, or no JSON inside.
    #[error("token is malformed")]
    Malformed,
    /// No key of ours made it.
    #[error("token signature is invalid")]
    Signature,
}

enum Private {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

enum Public {
    Es256(Vec<u8>),
    Rs256 { modulus: Vec<u8>, exponent: Vec<u8> },
}

/// A key that checks tokens.
pub struct VerifyingKey {
    id: String,
    public: Public,
}

/// A key that signs tokens, with its public half.
pub struct SigningKey {
    private: Private,
    public: VerifyingKey,
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.public.id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
}

impl VerifyingKey {
    /// Reads a public key (PEM, SPKI).
    ///
    /// # Errors
    /// [`KeyError::Unsupported`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der =
            SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Unsupported)?;
        let (_, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| KeyError::Unsupported)?;
        let public = match info.parsed() {
            Ok(PublicKey::EC(point)) if point.data().len() == 65 => Public::Es256(point.data().to_vec()),
            Ok(PublicKey::RSA(rsa)) => Public::Rs256 {
                modulus: without_leading_zeros(rsa.modulus),
                exponent: without_leading_zeros(rsa.exponent),
            },
            _ => return Err(KeyError::Unsupported),
        };
        Ok(Self {
            id: BASE64.encode(Sha256::digest(&der)),
            public,
        })
    }

    /// Name of the key in tokens and in the key set: the reference's, so that both can check each other's tokens.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as a member of a JSON Web Key Set (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> Value {
        match &self.public {
            Public::Es256(point) => json!({
                "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
                "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..]),
            }),
            Public::Rs256 { modulus, exponent } => json!({
                "use": "sig", "kty": "RSA", "kid": self.id, "alg": "RS256",
                "n": BASE64.encode(modulus), "e": BASE64.encode(exponent),
            }),
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.public {
            Public::Es256(_) => "ES256",
            Public::Rs256 { .. } => "RS256",
        }
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Es256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Public::Rs256 { modulus, exponent } => signature::RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature),
        }
        .is_ok()
    }
}

impl SigningKey {
    /// Reads a private key (PKCS#8, or PKCS#1 for RSA) and its public half.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(private: &str, public: &str) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(private.as_bytes()).map_err(|_| KeyError::Unsupported)?;
        let random = SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let private = match &der {
            PrivateKeyDer::Pkcs8(key) => EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der(), &random)
                .map(Private::Es256)
                .or_else(|_| RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map(Private::Rs256)),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).map(Private::Rs256),
            _ => return Err(KeyError::Unsupported),
        }
        .map_err(|_| KeyError::Unsupported)?;
        let key = Self {
            private,
            public: VerifyingKey::from_pem(public)?,
        };
        let signature = key.signature(b"agent").ok_or(KeyError::Unsupported)?;
        if key.public.check(b"agent", &signature) {
            Ok(key)
        } else {
            Err(KeyError::Mismatch)
        }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs claims into a token; `None` if the system has no randomness to give.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({"alg": self.public.algorithm(), "kid": self.public.id});
        let message = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let signature = self.signature(message.as_bytes())?;
        Some(format!("{message}.{}", BASE64.encode(signature)))
    }

    fn signature(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Es256(key) => key.sign(&random, message).ok().map(|s| s.as_ref().to_vec()),
            Private::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }
}

/// The claims of a token that one of `keys` signed.
///
/// # Errors
/// [`JwsError`]. Nothing of the token may be used then.
pub fn verify(token: &str, keys: &[&VerifyingKey]) -> Result<Value, JwsError> {
    let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(JwsError::Malformed)?;
    let decode = |part: &str| BASE64.decode(part).map_err(|_| JwsError::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| JwsError::Malformed)?;
    let signature = decode(signature)?;
    let signed = keys
        .iter()
        .filter(|key| key.algorithm() == header.alg && (header.kid.is_empty() || key.id == header.kid))
        .any(|key| key.check(message.as_bytes(), &signature));
    if !signed {
        return Err(JwsError::Signature);
    }
    serde_json::from_slice(&decode(claims)?).map_err(|_| JwsError::Malformed)
}

fn without_leading_zeros(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|&byte| byte != 0).unwrap_or(number.len());
    number[start..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key() -> SigningKey {
        let pair = rcgen::KeyPair::generate().unwrap();
        SigningKey::from_pem(&pair.serialize_pem(), &pair.public_key_pem()).unwrap()
    }

    #[test]
    fn a_signed_token_gives_its_claims_back() {
        let key = new_key();
        let token = key.sign(&json!({"sub": "a"})).unwrap();
        assert_eq!(verify(&token, &[key.public()]), Ok(json!({"sub": "a"})));
        assert_eq!(
            verify(&token, &[new_key().public(), key.public()]),
            Ok(json!({"sub": "a"}))
        );
    }

    #[test]
    fn a_changed_token_or_a_foreign_key_is_refused() {
        let key = new_key();
        let token = key.sign(&json!({"sub": "a"})).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let forged = BASE64.encode(r#"{"sub":"admin"}"#);
        let none = BASE64.encode(r#"{"alg":"none"}"#);
        let table = [
            (format!("{}.{forged}.{}", parts[0], parts[2]), JwsError::Signature),
            (format!("{none}.{forged}."), JwsError::Signature),
            (format!("{}.{}", parts[0], parts[1]), JwsError::Malformed),
            ("a.b.c".to_owned(), JwsError::Malformed),
            (String::new(), JwsError::Malformed),
        ];
        for (token, wanted) in table {
            assert_eq!(verify(&token, &[key.public()]), Err(wanted), "{token}");
        }
        assert_eq!(verify(&token, &[new_key().public()]), Err(JwsError::Signature));
    }

    #[test]
    fn keys_that_do_not_belong_together_are_refused() {
        let (one, two) = (
            rcgen::KeyPair::generate().unwrap(),
            rcgen::KeyPair::generate().unwrap(),
        );
        let error = SigningKey::from_pem(&one.serialize_pem(), &two.public_key_pem()).unwrap_err();
        assert_eq!(error, KeyError::Mismatch);
        assert_eq!(SigningKey::from_pem("x", "y").unwrap_err(), KeyError::Unsupported);
    }

    #[test]
    fn the_key_set_shows_the_public_half_only() {
        let jwk = new_key().public().jwk();
        assert_eq!((&jwk["kty"], &jwk["crv"]), (&json!("EC"), &json!("P-256")));
        assert_eq!(jwk["x"].as_str().unwrap().len(), 43);
        assert!(jwk.get("d").is_none());
    }
}
