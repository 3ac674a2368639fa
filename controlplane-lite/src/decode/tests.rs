use serde_json::Value;

use super::*;

/// Bodies and what apimachinery 0.36 with its own types makes of them.
const CASES: &str = include_str!("../../data/decode.json");

#[derive(serde::Deserialize)]
struct Case {
    v: String,
    k: String,
    b: String,
    #[serde(default)]
    yaml: bool,
    #[serde(default)]
    obj: Option<Value>,
    #[serde(default)]
    strict: Vec<String>,
    #[serde(default)]
    err: Option<String>,
}

fn target(api_version: &str, kind: &str) -> Target {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Target::builtin(group, version, kind).unwrap_or_else(|| panic!("{kind} is known"))
}

/// The texts of the YAML parser itself are not the reference's.
fn comparable(message: &str) -> String {
    match message.find("converting YAML to JSON: yaml:") {
        Some(at) => message[..at].to_owned(),
        None => message.to_owned(),
    }
}

fn check(case: &Case) -> std::result::Result<(), String> {
    let target = target(&case.v, &case.k);
    let format = if case.yaml { Format::Yaml } else { Format::Json };
    let got = decode(
        Schema::builtin(),
        &target,
        case.b.as_bytes(),
        format,
        FieldValidation::Warn,
    );
    match (got, &case.err) {
        (Err(status), Some(want)) => {
            let (got, want) = (comparable(&status.message), comparable(want));
            if got.contains(&want) {
                Ok(())
            } else {
                Err(format!("message\n  got  {got}\n  want {want}"))
            }
        }
        (Ok(mut decoded), None) => {
            if let Some(metadata) = decoded.object.get_mut("metadata").and_then(Value::as_object_mut)
                && metadata.get("managedFields") == Some(&serde_json::json!([]))
            {
                // kept for the ownership tracker, which takes it out
                metadata.remove("managedFields");
            }
            let mut want = case.obj.clone().unwrap_or_default();
            want["apiVersion"] = case.v.as_str().into();
            want["kind"] = case.k.as_str().into();
            if decoded.object != want {
                return Err(format!("object\n  got  {}\n  want {want}", decoded.object));
            }
            if decoded.warnings != case.strict {
                return Err(format!(
                    "strict\n  got  {:?}\n  want {:?}",
                    decoded.warnings, case.strict
                ));
            }
            Ok(())
        }
        (Ok(decoded), Some(want)) => Err(format!("got {}, want error {want}", decoded.object)),
        (Err(status), None) => Err(format!("got error {status}")),
    }
}

#[test]
fn bodies_become_what_the_reference_makes_of_them() {
    let cases: Vec<Case> = serde_json::from_str(CASES).expect("cases");
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|e| format!("{} {}: {e}", case.k, case.b)))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn pod(body: &str, validation: FieldValidation) -> Result<Decoded> {
    let pod = target("v1", "Pod");
    decode(Schema::builtin(), &pod, body.as_bytes(), Format::Json, validation)
}

#[test]
fn unknown_fields_are_refused_told_or_dropped() {
    let body = r#"{"spec":{"containers":[{"name":"c","imagee":"y"}]},"nope":1}"#;
    let strict = pod(body, FieldValidation::Strict).expect_err("refused");
    assert_eq!(strict.code, 400);
    assert_eq!(
        strict.message,
        "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: \
         unknown field \"spec.containers[0].imagee\", unknown field \"nope\""
    );
    let warned = pod(body, FieldValidation::Warn).expect("read");
    assert_eq!(warned.warnings.len(), 2);
    let ignored = pod(body, FieldValidation::Ignore).expect("read");
    assert!(ignored.warnings.is_empty());
    assert_eq!(warned.object, ignored.object);
    assert!(ignored.object["spec"]["containers"][0].get("imagee").is_none());
}

#[test]
fn another_kind_or_version_is_told_as_the_reference_tells_it() {
    let cases = [
        (
            r#"{"apiVersion":"v1","kind":"Service"}"#,
            "Service in version \"v1\" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion",
        ),
        (
            r#"{"apiVersion":"v1","kind":"Pot"}"#,
            "Pot in version \"v1\" cannot be handled as a Pod: no kind \"Pot\" is registered for version \"v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (
            "[1]",
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" } (5b315d)",
        ),
        (
            "",
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
        ),
    ];
    for (body, want) in cases {
        let got = pod(body, FieldValidation::Strict).expect_err("refused");
        assert_eq!(got.message, want);
    }
    let scaler = target("autoscaling/v2", "HorizontalPodAutoscaler");
    let body = br#"{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{}}"#;
    decode(
        Schema::builtin(),
        &scaler,
        body,
        Format::Json,
        FieldValidation::Strict,
    )
    .expect("own version");
}

#[test]
fn a_body_cut_anywhere_is_refused_and_never_panics() {
    let body = r#"{"metadata":{"name":"a","labels":{"x":"é\n"}},"spec":{"containers":[{"name":"c","ports":[{"containerPort":80}]}]}}"#;
    for end in 0..body.len() {
        let cut = &body.as_bytes()[..end];
        let got = decode(
            Schema::builtin(),
            &target("v1", "Pod"),
            cut,
            Format::Json,
            FieldValidation::Warn,
        );
        let message = got.expect_err("truncated").message;
        assert!(message.contains("unexpected end of JSON input"), "{message}");
        let _ = decode(
            Schema::builtin(),
            &target("v1", "Pod"),
            cut,
            Format::Yaml,
            FieldValidation::Warn,
        );
    }
}

#[test]
fn deep_and_huge_bodies_are_bounded() {
    let deep = |field: &str, n| format!("{{\"{field}\":{}1{}}}", "[".repeat(n), "]".repeat(n));
    pod(&deep("spec", 100_000), FieldValidation::Warn).expect_err("no list");
    let raw = target("apps/v1", "ControllerRevision");
    let read = |n| {
        decode(
            Schema::builtin(),
            &raw,
            deep("data", n).as_bytes(),
            Format::Json,
            FieldValidation::Warn,
        )
    };
    read(120).expect("deep enough for anybody");
    let got = read(100_000).expect_err("too deep");
    assert!(got.message.contains("exceeded max depth"), "{}", got.message);
    let deep = format!("spec: {}1{}", "[".repeat(10_000), "]".repeat(10_000));
    decode(
        Schema::builtin(),
        &target("v1", "Pod"),
        deep.as_bytes(),
        Format::Yaml,
        FieldValidation::Warn,
    )
    .expect_err("too deep");
    let wide = format!("{{\"nope\":[{}1]}}", "{},".repeat(900_000));
    let got = pod(&wide, FieldValidation::Warn).expect("unknown field is dropped");
    assert_eq!(got.warnings, ["unknown field \"nope\""]);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                g: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    decode(
        Schema::builtin(),
        &target("v1", "Pod"),
        bomb.as_bytes(),
        Format::Yaml,
        FieldValidation::Warn,
    )
    .expect_err("alias bomb");
}

#[test]
fn findings_are_bounded_and_told_once() {
    let items: Vec<String> = (0..500).map(|n| format!("\"f{n}\":1,\"f{n}\":2")).collect();
    let got = pod(&format!("{{{}}}", items.join(",")), FieldValidation::Warn).expect("read");
    assert_eq!(got.warnings.len(), 100);
}

#[test]
fn reading_back_what_was_written_changes_nothing() {
    let cases: Vec<Case> = serde_json::from_str(CASES).expect("cases");
    for case in cases.iter().filter(|c| c.obj.is_some() && c.err.is_none()) {
        let target = target(&case.v, &case.k);
        let body = case.obj.clone().unwrap_or_default();
        let once = normalise(Schema::builtin(), &target, &body).expect("read");
        let twice = normalise(Schema::builtin(), &target, &once.object).expect("read");
        assert_eq!(once.object, twice.object);
        assert!(twice.warnings.is_empty());
    }
}

#[test]
fn a_custom_resource_keeps_what_it_came_with() {
    let definition: crate::schema::Definition = serde_json::from_value(serde_json::json!({
        "type": "object",
        "properties": {
            "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
            "spec": {"type": "object", "properties": {
                "size": {"type": "integer"},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }},
        }
    }))
    .expect("definition");
    let gvk = Gvk::new("example.com", "v1", "Widget");
    let schema = Schema::extend(Schema::builtin(), |b| {
        let id = b.define("com.example.v1.Widget", &definition, None);
        b.bind(gvk.clone(), id);
    });
    let ty = schema.by_gvk(&gvk).expect("kind");
    let body =
        br#"{"metadata":{"name":"w","x":1},"spec":{"size":"wrong","zero":0,"free":{"a":[{"b":null}]}}}"#;
    let got = decode(
        &schema,
        &Target { gvk, ty },
        body,
        Format::Json,
        FieldValidation::Warn,
    )
    .expect("read");
    assert_eq!(
        got.object,
        serde_json::json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"},
            "spec": {"size": "wrong", "free": {"a": [{"b": null}]}}})
    );
    assert_eq!(
        got.warnings,
        ["unknown field \"metadata.x\"", "unknown field \"spec.zero\""]
    );
}
