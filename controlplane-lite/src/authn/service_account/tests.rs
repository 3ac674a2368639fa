use std::collections::HashMap;

use super::*;

#[derive(Default)]
struct Known(HashMap<(&'static str, &'static str), &'static str>);

impl Objects for Known {
    fn object(&self, resource: &str, _namespace: &str, name: &str) -> Option<Value> {
        self.0
            .get(&(resource, name))
            .map(|uid| json!({"metadata": {"name": name, "uid": uid}}))
    }
}

fn issuer() -> TokenIssuer {
    let pair = rcgen::KeyPair::generate().unwrap();
    let issuer = "https://kubernetes.default.svc.cluster.local".to_owned();
    TokenIssuer {
        audiences: vec![issuer.clone()],
        issuer,
        key: SigningKey::from_pem(&pair.serialize_pem(), &pair.public_key_pem()).unwrap(),
        older_keys: Vec::new(),
    }
}

fn reference(name: &str, uid: &str) -> Reference {
    Reference {
        name: name.into(),
        uid: uid.into(),
    }
}

fn request() -> Request {
    Request {
        binding: Binding {
            namespace: "web".into(),
            serviceaccount: reference("builder", "u-sa"),
            pod: Some(reference("p", "u-pod")),
            node: Some(reference("one", "u-node")),
            secret: None,
        },
        audiences: Vec::new(),
        seconds: 600,
        id: "7".into(),
    }
}

fn known() -> Known {
    Known(HashMap::from([
        (("serviceaccounts", "builder"), "u-sa"),
        (("pods", "p"), "u-pod"),
    ]))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[test]
fn a_pods_token_is_its_service_account() {
    let issuer = issuer();
    let token = issuer.issue(&request(), at(0)).unwrap();
    let user = issuer.verify(&token, &[], &known(), at(599)).unwrap().user();
    assert_eq!(
        (user.name.as_str(), user.uid.as_str()),
        ("system:serviceaccount:web:builder", "u-sa")
    );
    assert_eq!(
        user.groups,
        [
            "system:serviceaccounts",
            "system:serviceaccounts:web",
            "system:authenticated"
        ]
    );
    assert_eq!(user.extra["authentication.kubernetes.io/pod-name"], ["p"]);
    assert_eq!(user.extra["authentication.kubernetes.io/node-uid"], ["u-node"]);
    assert_eq!(user.extra[CREDENTIAL_ID], ["JTI=7"]);
}

#[test]
fn time_and_audience_bound_a_token() {
    let issuer = issuer();
    let token = issuer.issue(&request(), at(0)).unwrap();
    let check = |audiences: &[String], when| issuer.verify(&token, audiences, &known(), at(when));
    assert_eq!(check(&[], 600), Err(TokenError::Expired));
    assert_eq!(check(&[], -LEEWAY - 1), Err(TokenError::NotYetValid));
    assert!(check(&[], -LEEWAY).is_ok());
    assert!(matches!(
        check(&["vault".into()], 0),
        Err(TokenError::Audience(..))
    ));
    let other = TokenIssuer {
        issuer: "https://other".into(),
        ..self::issuer()
    };
    assert!(matches!(
        other.verify(&token, &[], &known(), at(0)),
        Err(TokenError::Signature(_))
    ));
}

#[test]
fn a_token_ends_with_what_it_is_bound_to() {
    let issuer = issuer();
    let token = issuer.issue(&request(), at(0)).unwrap();
    let table = [
        ("serviceaccounts", "builder", None),
        ("serviceaccounts", "builder", Some("u-new")),
        ("pods", "p", None),
        ("pods", "p", Some("u-new")),
    ];
    for (resource, name, uid) in table {
        let mut objects = known();
        match uid {
            Some(uid) => objects.0.insert((resource, name), uid),
            None => objects.0.remove(&(resource, name)),
        };
        let outcome = issuer.verify(&token, &[], &objects, at(0));
        assert!(
            matches!(outcome, Err(TokenError::Bound(_))),
            "{resource} {uid:?}: {outcome:?}"
        );
    }
}

#[test]
fn only_a_token_without_a_pod_is_bound_to_its_node() {
    let issuer = issuer();
    let mut request = request();
    let pods_token = issuer.issue(&request, at(0)).unwrap();
    assert!(
        issuer.verify(&pods_token, &[], &known(), at(0)).is_ok(),
        "the node is not known"
    );
    request.binding.pod = None;
    let node_token = issuer.issue(&request, at(0)).unwrap();
    assert!(matches!(
        issuer.verify(&node_token, &[], &known(), at(0)),
        Err(TokenError::Bound(_))
    ));
}

#[test]
fn a_token_of_an_older_key_is_still_good() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let key = SigningKey::from_pem(&pair.serialize_pem(), &pair.public_key_pem()).unwrap();
    let token = TokenIssuer { key, ..issuer() }.issue(&request(), at(0)).unwrap();
    let mut now = issuer();
    now.older_keys
        .push(VerifyingKey::from_pem(&pair.public_key_pem()).unwrap());
    assert!(now.verify(&token, &[], &known(), at(1)).is_ok());
    assert_eq!(now.jwks()["keys"].as_array().unwrap().len(), 2);
}
