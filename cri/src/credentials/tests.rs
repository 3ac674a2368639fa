//! Files as they are found in the field.

use super::*;

fn ring(json: &str) -> Keyring {
    let mut ring = Keyring::new();
    ring.add_docker_config_json(json.as_bytes()).unwrap();
    ring
}

/// `user:password` of each credential, in order.
fn found(ring: &Keyring, repository: &str) -> Vec<String> {
    let auths = ring.lookup(repository).into_iter();
    auths
        .map(|auth| format!("{}:{}", auth.username, auth.password))
        .collect()
}

#[test]
fn all_forms_of_an_entry_are_read() {
    // base64 of "joe:a:b", with and without padding, and of "joe:x" with a zero byte behind it.
    let cases = [
        (r#"{"auth": "am9lOmE6Yg=="}"#, "joe:a:b"),
        (r#"{"auth": "am9lOmE6Yg"}"#, "joe:a:b"),
        (r#"{"auth": "am9lOngA"}"#, "joe:x"),
        (
            r#"{"username": "joe", "password": "y", "email": "joe@example"}"#,
            "joe:y",
        ),
        (
            r#"{"auth": "am9lOmE6Yg==", "username": "other", "password": "z"}"#,
            "joe:a:b",
        ),
    ];
    for (entry, expected) in cases {
        let ring = ring(&format!(
            r#"{{"auths": {{"r.example": {entry}}}, "credsStore": "x"}}"#
        ));
        assert_eq!(found(&ring, "r.example/app"), [expected], "{entry}");
        let mut old = Keyring::new();
        old.add_dockercfg(format!(r#"{{"r.example": {entry}}}"#).as_bytes())
            .unwrap();
        assert_eq!(found(&old, "r.example/app"), [expected], "{entry}");
    }
    let token = ring(r#"{"auths": {"r.example": {"auth": "MDA6", "identitytoken": "t"}}}"#);
    assert_eq!(token.lookup("r.example/app")[0].identity_token, "t");
}

#[test]
fn more_specific_keys_go_first_and_doubles_once() {
    let entry = |user: &str| format!(r#"{{"username": "{user}", "password": "p"}}"#);
    let ring = ring(&format!(
        r#"{{"auths": {{"r.example": {}, "*.example": {}, "r.example/team": {}, "r.example/team/app": {}}}}}"#,
        entry("host"),
        entry("wild"),
        entry("team"),
        entry("host"),
    ));
    assert_eq!(found(&ring, "r.example/team/app"), ["host:p", "team:p", "wild:p"]);
    assert_eq!(found(&ring, "r.example/other"), ["host:p", "wild:p"]);
    assert_eq!(found(&ring, "s.example/other"), ["wild:p"]);
    assert!(found(&ring, "elsewhere.test/x").is_empty());
}

#[test]
fn docker_hub_is_found_under_its_old_key() {
    let hub = ring(r#"{"auths": {"https://index.docker.io/v1/": {"username": "joe", "password": "p"}}}"#);
    for repository in [
        "docker.io/library/busybox",
        "index.docker.io/joe/app",
        "busybox",
        "joe/app",
    ] {
        assert_eq!(found(&hub, repository), ["joe:p"], "{repository}");
    }
    assert!(found(&hub, "quay.io/joe/app").is_empty());
    assert!(found(&hub, "host:5000/app").is_empty());
    let own = ring(
        r#"{"auths": {"docker.io": {"username": "own", "password": "p"},
            "https://index.docker.io/v1/": {"username": "joe", "password": "p"}}}"#,
    );
    assert_eq!(found(&own, "docker.io/library/busybox"), ["own:p"]);
}

#[test]
fn wrong_files_are_refused_whole_and_nothing_of_them_is_said() {
    let cases = [
        (
            r#"{"auths": {"r.example": {"auth": 5, "password": "s3cret"}}}"#,
            "line 1",
        ),
        (r#"{"auths": {"r.example": {"auth": "s3cret"}}}"#, "r.example"),
        (r#"{"auths": {"r.example": {"auth": "czNjcmV0"}}}"#, "r.example"),
        ("s3cret", "line 1"),
    ];
    for (json, expected) in cases {
        let mut ring = Keyring::new();
        let error = ring.add_docker_config_json(json.as_bytes()).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains("s3cret"), "{text}");
        assert!(ring.is_empty());
    }
}

#[test]
fn a_keyring_prints_no_secret() {
    let ring = ring(r#"{"auths": {"r.example": {"username": "joe", "password": "s3cret"}}}"#);
    assert!(!format!("{ring:?}").contains("s3cret"));
}
