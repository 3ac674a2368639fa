use std::io::Read;

use serde_json::json;

use super::*;

/// Patches and what the reference's libraries make of them (gzip, JSON). The first ones are random.
const CASES: &[u8] = include_bytes!("../../data/patch.json.gz");
const RANDOM: usize = 850;

#[derive(serde::Deserialize)]
struct Case {
    v: String,
    k: String,
    kind: String,
    live: Value,
    patch: String,
    #[serde(default)]
    out: Option<Value>,
    #[serde(default)]
    err: Option<String>,
}

fn cases() -> Vec<Case> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(CASES)
        .read_to_end(&mut text)
        .expect("gzip");
    serde_json::from_slice(&text).expect("cases")
}

fn target(api_version: &str, kind: &str) -> Target {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Target::builtin(group, version, kind).expect("kind")
}

/// The outcome before it is read as a type.
fn bare(case: &Case) -> std::result::Result<Value, String> {
    let kind = match case.kind.as_str() {
        "json" => PatchKind::Json,
        "merge" => PatchKind::Merge,
        _ => PatchKind::Strategic,
    };
    let patch = Patch {
        kind,
        body: case.patch.as_bytes(),
        validation: FieldValidation::Ignore,
    };
    let (body, _) = patch.read().map_err(|s| s.message)?;
    match kind {
        PatchKind::Json => {
            let (ops, _) = json::read(&body).map_err(|s| s.message)?;
            json::apply(&case.live, &ops).map_err(|e| e.to_string())
        }
        PatchKind::Merge => {
            let mut out = case.live.clone();
            merge(&mut out, &body);
            Ok(out)
        }
        PatchKind::Strategic => {
            let ty = target(&case.v, &case.k).ty;
            strategic_merge(Schema::builtin(), ty, &case.live, &body).map_err(|e| e.to_string())
        }
    }
}

#[test]
fn patches_become_what_the_reference_makes_of_them() {
    let mut failures = Vec::new();
    let cases = cases();
    for (n, case) in cases.iter().enumerate() {
        let fault = match (bare(case), &case.out, &case.err) {
            (Ok(got), Some(want), _) if got == *want => continue,
            (Ok(got), Some(want), _) => format!("\n  got  {got}\n  want {want}"),
            // several faults of one random patch come in any order; only strategic patches tell their texts
            (Err(_), None, _) if n < RANDOM || case.kind != "strategic" => continue,
            (Err(got), None, Some(want)) if got == *want => continue,
            (got, want, err) => format!("\n  got  {got:?}\n  want {want:?} {err:?}"),
        };
        failures.push(format!(
            "case {n} {} {}\n  live {}{fault}",
            case.k, case.patch, case.live
        ));
    }
    let shown = failures.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{shown}",
        failures.len(),
        cases.len()
    );
}

#[test]
fn the_same_strategic_patch_again_changes_nothing() {
    let schema = Schema::builtin();
    for case in cases()
        .iter()
        .filter(|c| c.kind == "strategic" && c.out.is_some())
    {
        let (Ok(once), ty) = (bare(case), target(&case.v, &case.k).ty) else {
            continue;
        };
        let patch: Value = serde_json::from_str(&case.patch).unwrap_or_default();
        if !patch.is_object()
            || case.patch.contains('$')
            || case.patch.contains("null")
            || case.patch.contains("nope")
        {
            // nulls and directives of new items and orders of other lists need not settle at once, unknown fields are dropped between
            continue;
        }
        let twice = strategic_merge(schema, ty, &once, &patch);
        assert_eq!(twice.as_ref().map(sorted), Ok(sorted(&once)), "{}", case.patch);
    }
}

/// With lists in a fixed order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect(),
        other => other.clone(),
    }
}

fn deployment() -> Value {
    let body = json!({"metadata": {"name": "d", "uid": "u"}, "spec": {"replicas": 1, "paused": true, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}});
    let target = target("apps/v1", "Deployment");
    crate::decode::normalise(Schema::builtin(), &target, &body)
        .expect("object")
        .object
}

fn patched(kind: PatchKind, patch: &str, validation: FieldValidation) -> Result<Decoded> {
    let target = target("apps/v1", "Deployment");
    let patch = Patch {
        kind,
        body: patch.as_bytes(),
        validation,
    };
    patch.apply(Schema::builtin(), &target, &deployment())
}

#[test]
fn bad_patches_are_refused_as_the_reference_refuses_them() {
    use PatchKind::{Json, Merge, Strategic};
    let cases = [
        (
            Json,
            r#"[{"op":"test","path":"/spec/replicas","value":7}]"#,
            422,
            "the server rejected our request due to an error in our request",
        ),
        (
            Json,
            r#"[{"op":"remove","path":"/spec/nope"}]"#,
            422,
            "the server rejected our request due to an error in our request",
        ),
        (
            Json,
            "{}",
            400,
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
        ),
        (
            Json,
            "[",
            400,
            "error decoding patch: unexpected end of JSON input",
        ),
        (
            Json,
            r#"[{"op":1}]"#,
            400,
            "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
        ),
        (
            Merge,
            "[]",
            400,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (Merge, "null", 400, "Invalid JSON Patch"),
        (
            Strategic,
            "x",
            400,
            "invalid character 'x' looking for beginning of value",
        ),
        (
            Strategic,
            r#"{"spec":{"replicas":"x"}}"#,
            422,
            r#" "" is invalid: patch: Invalid value: "map[spec:map[replicas:x]]": unrecognized type: int32"#,
        ),
        (
            Strategic,
            r#"{"spec":{"template":{"spec":{"containers":[{"image":"y"}]}}}}"#,
            500,
            "map: map[image:y] does not contain declared merge key: name",
        ),
        (
            Strategic,
            r#"{"spec":{"$setElementOrder":[]}}"#,
            400,
            "invalid patch format of setElementOrder list",
        ),
    ];
    for (kind, patch, code, message) in cases {
        let status = patched(kind, patch, FieldValidation::Warn).expect_err(patch);
        assert_eq!((status.code, status.message.as_str()), (code, message), "{patch}");
    }
    let status =
        patched(Merge, r#"{"spec":{"replicas":"x"}}"#, FieldValidation::Warn).expect_err("wrong type");
    assert_eq!(status.code, 422);
    assert!(
        status.message.ends_with(
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        ),
        "{}",
        status.message
    );
}

#[test]
fn unknown_and_duplicate_fields_of_patches_follow_field_validation() {
    use PatchKind::{Json, Merge, Strategic};
    let cases = [
        (
            Json,
            r#"[{"op":"add","path":"/spec/nope","value":1,"x":1}]"#,
            vec![
                "json patch unknown field \"[0].x\"",
                "unknown field \"spec.nope\"",
            ],
        ),
        (
            Merge,
            r#"{"spec":{"nope":1,"nope":2}}"#,
            vec!["duplicate field \"spec.nope\"", "unknown field \"spec.nope\""],
        ),
        (
            Strategic,
            r#"{"spec":{"nope":1,"replicas":2,"replicas":3}}"#,
            vec!["duplicate field \"spec.replicas\"", "unknown field \"spec.nope\""],
        ),
    ];
    for (kind, patch, want) in cases {
        assert_eq!(
            patched(kind, patch, FieldValidation::Warn)
                .expect("warned")
                .warnings,
            want
        );
        assert!(
            patched(kind, patch, FieldValidation::Ignore)
                .expect("ignored")
                .warnings
                .is_empty()
        );
        let status = patched(kind, patch, FieldValidation::Strict).expect_err("strict");
        assert_eq!(status.code, 422);
        let told = format!("strict decoding error: {}", want.join(", "));
        assert!(status.message.ends_with(&told), "{}", status.message);
    }
}

#[test]
fn patched_objects_are_normalised() {
    let got = patched(
        PatchKind::Strategic,
        r#"{"spec":{"paused":null,"template":{"spec":{"overhead":{"cpu":"1000m"}}}}}"#,
        FieldValidation::Strict,
    )
    .expect("patched")
    .object;
    assert_eq!(got["spec"].get("paused"), None);
    assert_eq!(got["spec"]["template"]["spec"]["overhead"]["cpu"], "1");
    let got = patched(
        PatchKind::Json,
        r#"[{"op":"replace","path":"/spec/paused","value":false}]"#,
        FieldValidation::Strict,
    );
    assert_eq!(got.expect("patched").object["spec"].get("paused"), None);
}

#[test]
fn a_json_patch_cannot_blow_an_object_up() {
    let mut ops =
        vec![json!({"op": "add", "path": "/metadata/annotations", "value": {"a": "x".repeat(1000)}})];
    for n in 0..40 {
        ops.push(json!({"op": "copy", "from": "/metadata/annotations", "path": format!("/metadata/annotations/b{n}")}));
    }
    let status =
        patched(PatchKind::Json, &json!(ops).to_string(), FieldValidation::Ignore).expect_err("too much");
    assert_eq!(status.code, 422);
    let many = json!(vec![json!({"op": "test", "path": "/a"}); 10_001]).to_string();
    let status = patched(PatchKind::Json, &many, FieldValidation::Ignore).expect_err("too many");
    assert_eq!(status.code, 413);
}

#[test]
fn configurations_to_apply_are_read_from_yaml_and_json() {
    let read = |text: &str, validation| read_config(text.as_bytes(), validation);
    let got = read("apiVersion: v1\ndata: {a: \"1\"}\n", FieldValidation::Strict).expect("yaml");
    assert_eq!(got.object, json!({"apiVersion": "v1", "data": {"a": "1"}}));
    assert_eq!(
        read(r#"{"kind":"X"}"#, FieldValidation::Strict)
            .expect("json")
            .object,
        json!({"kind": "X"})
    );
    assert_eq!(
        read("", FieldValidation::Strict).expect("empty").object,
        json!({})
    );
    assert_eq!(
        read("a: 1\na: 2\n", FieldValidation::Warn)
            .expect("warned")
            .warnings
            .len(),
        1
    );
    for (text, validation) in [
        ("- a", FieldValidation::Ignore),
        ("a: [", FieldValidation::Ignore),
        ("a: 1\na: 2\n", FieldValidation::Strict),
    ] {
        assert_eq!(read(text, validation).expect_err("refused").code, 400, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn merge_patches_follow_a_model(target in small_json(), patch in small_json()) {
        let mut got = target.clone();
        merge(&mut got, &patch);
        let mut twice = got.clone();
        merge(&mut twice, &patch);
        proptest::prop_assert_eq!(&twice, &got, "idempotent");
        if let (Some(before), Some(wanted), Some(after)) = (target.as_object(), patch.as_object(), got.as_object()) {
            for (key, value) in before.iter().filter(|(k, _)| !wanted.contains_key(*k)) {
                proptest::prop_assert_eq!(after.get(key), Some(value));
            }
            for (key, value) in wanted {
                proptest::prop_assert_eq!(after.contains_key(key), !value.is_null());
            }
        }
    }

    #[test]
    fn any_operation_leaves_json_or_fails(live in small_json(), op in 0..7usize, from in "(/[ab01-]){0,3}", path in "(/[ab01-]){0,3}") {
        let op = ["add", "remove", "replace", "move", "copy", "test", "zzz"][op];
        let patch = json!([{"op": op, "path": path, "from": from, "value": 1}]);
        let (ops, _) = json::read(&patch).expect("read");
        let _ = json::apply(&live, &ops);
    }
}

fn small_json() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3i64).prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}
