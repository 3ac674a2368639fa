use std::os::unix::fs::PermissionsExt as _;

use super::kubeconfig::Kubeconfig;
use super::*;

fn config(directory: &Path) -> PkiConfig {
    PkiConfig {
        directory: directory.join("pki"),
        server_names: vec!["node-1".into(), "192.0.2.7".into()],
        service_address: "10.96.0.1".parse().unwrap(),
        domain: "cluster.local".into(),
    }
}

fn day(n: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + n * 86_400).unwrap()
}

fn contents(directory: &Path) -> Vec<(String, String)> {
    let mut all: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_second_start_changes_no_file() {
    let root = tempfile::tempdir().unwrap();
    Pki::ensure(&config(root.path()), day(0)).unwrap();
    let before = contents(&root.path().join("pki"));
    Pki::ensure(&config(root.path()), day(1)).unwrap();
    assert_eq!(contents(&root.path().join("pki")), before);
    assert_eq!(before.len(), 8);
}

#[test]
fn private_keys_are_for_their_owner_alone() {
    let root = tempfile::tempdir().unwrap();
    Pki::ensure(&config(root.path()), day(0)).unwrap();
    for (path, _) in contents(&root.path().join("pki")) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let wanted = if path.ends_with(".key") { 0o600 } else { 0o644 };
        assert_eq!(mode, wanted, "{path}");
    }
}

#[test]
fn a_leaf_near_its_end_or_without_a_needed_name_is_made_anew() {
    let root = tempfile::tempdir().unwrap();
    let mut config = config(root.path());
    let first = Pki::ensure(&config, day(0)).unwrap().serving.certificate;
    let renewed = Pki::ensure(&config, day(LEAF_DAYS - RENEW_BEFORE_DAYS + 1))
        .unwrap()
        .serving
        .certificate;
    assert_ne!(first, renewed);
    config.server_names.push("192.0.2.8".into());
    let wider = Pki::ensure(&config, day(LEAF_DAYS - RENEW_BEFORE_DAYS + 1))
        .unwrap()
        .serving
        .certificate;
    assert_ne!(renewed, wider);
}

#[test]
fn a_missing_authority_key_is_named_only_when_it_is_needed() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path());
    Pki::ensure(&config, day(0)).unwrap();
    std::fs::remove_file(config.directory.join("ca.key")).unwrap();
    let kept = Pki::ensure(&config, day(0)).unwrap();
    assert!(!kept.authority.can_sign());
    std::fs::remove_file(config.directory.join("apiserver.crt")).unwrap();
    let error = Pki::ensure(&config, day(0)).unwrap_err().to_string();
    assert!(
        error.contains("apiserver.crt is missing") && error.contains("ca.key"),
        "{error}"
    );
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path());
    Pki::ensure(&config, day(0)).unwrap();
    let path = config.directory.join("ca.key");
    std::fs::write(&path, "not a key").unwrap();
    let error = Pki::ensure(&config, day(0)).unwrap_err().to_string();
    assert!(error.contains("ca.key is not a usable private key"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key");
}

#[test]
fn a_signed_request_keeps_its_subject_and_gets_the_signers_usage() {
    let root = tempfile::tempdir().unwrap();
    let pki = Pki::ensure(&config(root.path()), day(0)).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::OrganizationName, "system:nodes");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "system:node:one");
    let key = authority::new_key().unwrap();
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    let signed = pki
        .authority
        .sign_request(&request, Usage::Client, 365, day(0))
        .unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(signed.as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    assert_eq!(
        certificate.subject().to_string(),
        "O=system:nodes, CN=system:node:one"
    );
    let usage = certificate.extended_key_usage().unwrap().unwrap();
    assert!(usage.value.client_auth && !usage.value.server_auth);
}

#[test]
fn a_kubeconfig_reads_back() {
    let identity = Identity {
        certificate: "C".into(),
        key: "K".into(),
    };
    let text = Kubeconfig {
        server: "https://192.0.2.1:6443",
        authority: "A",
        cluster: "kubernetes",
        user: "kubernetes-admin",
        identity: &identity,
    }
    .to_yaml();
    let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read["current-context"], "kubernetes-admin@kubernetes");
    assert_eq!(read["clusters"][0]["cluster"]["server"], "https://192.0.2.1:6443");
    assert_eq!(read["users"][0]["user"]["client-key-data"], "Sw==");
}
