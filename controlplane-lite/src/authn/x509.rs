//! Users from client certificates: the common name is the user, each organization a group.

use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::AuthnError;
use crate::auth::User;

/// Subject attribute with the user's uid (KEP-4937, Kubernetes' own arc).
const UID: &str = "1.3.6.1.4.1.57683.2";
/// Extra key that tells which credential was used.
pub(crate) const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// The user of a verified client certificate (DER).
///
/// # Errors
/// [`AuthnError::NameInCertificate`] if it names nobody.
pub fn user(der: &[u8]) -> Result<User, AuthnError> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| AuthnError::NameInCertificate)?;
    let subject = certificate.subject();
    let name = subject
        .iter_common_name()
        .next()
        .and_then(|attribute| attribute.as_str().ok())
        .filter(|name| !name.is_empty())
        .ok_or(AuthnError::NameInCertificate)?;
    let groups = subject
        .iter_organization()
        .filter_map(|attribute| attribute.as_str().ok());
    let mut user = User::authenticated(name, groups.map(str::to_owned));
    let uid = subject
        .iter_attributes()
        .find(|attribute| attribute.attr_type().to_id_string() == UID);
    user.uid = uid
        .and_then(|attribute| attribute.as_str().ok())
        .unwrap_or_default()
        .to_owned();
    let digest: String = Sha256::digest(der)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    user.extra
        .insert(CREDENTIAL_ID.into(), vec![format!("X509SHA256={digest}")]);
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(build: impl FnOnce(&mut rcgen::DistinguishedName)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        build(&mut params.distinguished_name);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn name_groups_and_uid_come_from_the_subject() {
        let der = certificate(|name| {
            name.push(rcgen::DnType::OrganizationName, "system:nodes");
            name.push(rcgen::DnType::CommonName, "system:node:one");
            name.push(rcgen::DnType::from_oid(&[1, 3, 6, 1, 4, 1, 57683, 2]), "u-1");
        });
        let user = user(&der).unwrap();
        assert_eq!(
            (user.name.as_str(), user.uid.as_str()),
            ("system:node:one", "u-1")
        );
        assert_eq!(user.groups, ["system:nodes", "system:authenticated"]);
        assert_eq!(user.node(), Some("one"));
        assert!(user.extra[CREDENTIAL_ID][0].starts_with("X509SHA256="));
    }

    #[test]
    fn a_certificate_without_a_common_name_names_nobody() {
        let der = certificate(|name| name.push(rcgen::DnType::OrganizationName, "system:masters"));
        assert_eq!(user(&der), Err(AuthnError::NameInCertificate));
        assert_eq!(user(b"not a certificate"), Err(AuthnError::NameInCertificate));
    }
}
