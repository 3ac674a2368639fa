//! A certificate authority and the leaves that it signs. Keys are ECDSA P-256; an authority that kubeadm made may
//! have an RSA key, which signs as well.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::{Span, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::{AUTHORITY_DAYS, Identity, PkiError, files};

/// What a leaf may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// TLS server authentication.
    Server,
    /// TLS client authentication.
    Client,
    /// Both, as etcd peers need.
    Both,
}

/// What a leaf says of its holder.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Subject common name: the user's name, for a client.
    pub common_name: String,
    /// Subject organization: the user's group, for a client. One at most: what writes names here keeps one value
    /// of a kind.
    pub organization: Option<String>,
    /// DNS names and IP addresses, for a server.
    pub names: Vec<String>,
    /// What it may be used for.
    pub usage: Usage,
}

impl Leaf {
    /// A client's certificate: Kubernetes reads user and group from it.
    #[must_use]
    pub fn client(user: &str, group: Option<&str>) -> Self {
        Self {
            common_name: user.into(),
            organization: group.map(str::to_owned),
            names: Vec::new(),
            usage: Usage::Client,
        }
    }
}

/// The cluster's authority; it can sign only where its key is on this machine.
pub struct Authority {
    certificate: String,
    key_path: PathBuf,
    issuer: Option<Issuer<'static, KeyPair>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("can_sign", &self.can_sign())
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Loads the authority, or makes one if neither file is there.
    pub(crate) fn ensure(certificate_path: &Path, key_path: &Path, now: Timestamp) -> Result<Self, PkiError> {
        match (files::read(certificate_path)?, files::read(key_path)?) {
            (Some(certificate), key) => Self::load(certificate_path, certificate, key_path, key),
            (None, Some(_)) => Err(PkiError::Content {
                path: certificate_path.to_owned(),
                expected: "certificate",
            }),
            (None, None) => {
                let (certificate, key) = new_authority("kubernetes", now)?;
                files::write(key_path, &key, files::SECRET)?;
                files::write(certificate_path, &certificate, files::PUBLIC)?;
                Self::load(certificate_path, certificate, key_path, Some(key))
            }
        }
    }

    fn load(
        certificate_path: &Path,
        certificate: String,
        key_path: &Path,
        key: Option<String>,
    ) -> Result<Self, PkiError> {
        let issuer = key
            .map(|key| {
                let pair = KeyPair::from_pem(&key).map_err(|_| PkiError::Content {
                    path: key_path.to_owned(),
                    expected: "private key",
                })?;
                Issuer::from_ca_cert_pem(&certificate, pair).map_err(|_| PkiError::Content {
                    path: certificate_path.to_owned(),
                    expected: "authority certificate",
                })
            })
            .transpose()?;
        Ok(Self {
            certificate,
            key_path: key_path.to_owned(),
            issuer,
        })
    }

    /// The authority's certificate, PEM: what clients pin.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Whether its key is on this machine.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.issuer.is_some()
    }

    pub(crate) fn key_path(&self) -> &Path {
        &self.key_path
    }

    /// A new key and a certificate for it, valid for `days` from the day of `now`.
    ///
    /// # Errors
    /// [`PkiError::NoAuthorityKey`] where the authority cannot sign; [`PkiError::Crypto`] for names that no
    /// certificate can carry.
    pub fn issue(&self, leaf: &Leaf, days: i64, now: Timestamp) -> Result<Identity, PkiError> {
        let key = new_key()?;
        let mut params = CertificateParams::new(leaf.names.clone())
            .map_err(|e| PkiError::Crypto("read the certificate's names", e))?;
        params.distinguished_name = DistinguishedName::new();
        if let Some(organization) = &leaf.organization {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization.as_str());
        }
        params
            .distinguished_name
            .push(DnType::CommonName, leaf.common_name.as_str());
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = purposes(leaf.usage);
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, days, now);
        let signed = params
            .signed_by(&key, self.issuer(&leaf.common_name)?)
            .map_err(|e| PkiError::Crypto("sign the certificate", e))?;
        Ok(Identity {
            certificate: signed.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Signs a certificate request (PEM) with the usages that its signer allows; the subject and names are the
    /// request's own, which the caller has checked. Valid for `days`.
    ///
    /// # Errors
    /// [`PkiError::Crypto`] for a request that is damaged or not signed by its own key.
    pub fn sign_request(
        &self,
        request: &str,
        usage: Usage,
        days: i64,
        now: Timestamp,
    ) -> Result<String, PkiError> {
        let mut request = CertificateSigningRequestParams::from_pem(request)
            .map_err(|e| PkiError::Crypto("read the certificate request", e))?;
        request.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        request.params.extended_key_usages = purposes(usage);
        request.params.is_ca = IsCa::ExplicitNoCa;
        request.params.use_authority_key_identifier_extension = true;
        set_validity(&mut request.params, days, now);
        let signed = request
            .signed_by(self.issuer("the request")?)
            .map_err(|e| PkiError::Crypto("sign the certificate request", e))?;
        Ok(signed.pem())
    }

    fn issuer(&self, leaf: &str) -> Result<&Issuer<'static, KeyPair>, PkiError> {
        self.issuer.as_ref().ok_or_else(|| PkiError::NoAuthorityKey {
            leaf: leaf.into(),
            key: self.key_path.clone(),
        })
    }
}

/// Whether a certificate on disk does what `leaf` asks and lives for `days_left` more days; `None` if it is none.
pub(crate) fn serves(certificate: &str, leaf: &Leaf, now: Timestamp, days_left: i64) -> Option<bool> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).ok()?;
    let (_, parsed) = X509Certificate::from_der(&pem.contents).ok()?;
    let lives = parsed.validity().not_after.timestamp() >= now.as_second() + days_left * 86_400;
    let names = names_of(&parsed);
    Some(lives && leaf.names.iter().all(|name| names.contains(name)))
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

pub(crate) fn new_key() -> Result<KeyPair, PkiError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| PkiError::Crypto("make a key", e))
}

fn new_authority(name: &str, now: Timestamp) -> Result<(String, String), PkiError> {
    let key = new_key()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    set_validity(&mut params, AUTHORITY_DAYS, now);
    let certificate = params
        .self_signed(&key)
        .map_err(|e| PkiError::Crypto("sign the authority's certificate", e))?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn purposes(usage: Usage) -> Vec<ExtendedKeyUsagePurpose> {
    match usage {
        Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Usage::Both => vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ],
    }
}

/// From the day before `now`, so that a machine whose clock is some hours behind accepts it, for `days` days.
fn set_validity(params: &mut CertificateParams, days: i64, now: Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |offset: i64| {
        let date = today.saturating_add(Span::new().days(offset));
        date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    params.not_before = day(-1);
    params.not_after = day(days);
}
