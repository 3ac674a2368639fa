use std::io::Read;
use std::sync::LazyLock;

use serde_json::json;

use super::*;
use crate::decode::{Target, normalise};

/// Conversations of managers over one object, with what apimachinery 0.36's field manager makes of each step
/// (gzip, JSON). Most are random; times are `T` where the reference sets one.
const CASES: &[u8] = include_bytes!("../../data/apply.json.gz");

#[derive(serde::Deserialize)]
struct Case {
    v: String,
    k: String,
    reset: Vec<Vec<String>>,
    steps: Vec<Step>,
}

#[derive(serde::Deserialize)]
struct Step {
    op: String,
    manager: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    force: bool,
    obj: Value,
    want: Want,
}

#[derive(serde::Deserialize)]
struct Want {
    #[serde(default)]
    obj: Option<Value>,
    #[serde(default)]
    err: Option<String>,
    #[serde(default)]
    status: Option<Value>,
}

fn cases() -> &'static [Case] {
    static READ: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(CASES)
            .read_to_end(&mut text)
            .expect("gzip");
        serde_json::from_slice(&text).expect("cases")
    });
    &READ
}

fn target(api_version: &str, kind: &str) -> Target {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Target::builtin(group, version, kind).expect("kind")
}

fn now() -> Timestamp {
    "2024-01-02T03:04:05Z".parse().expect("time")
}

fn run(target: &Target, live: Option<&Value>, step: &Step, reset: &FieldSet) -> Result<Value> {
    let schema = Schema::builtin();
    let version = target.gvk.api_version();
    let writer = Writer {
        manager: &step.manager,
        subresource: &step.sub,
        api_version: &version,
        reset,
        force: step.force,
        now: now(),
    };
    let mut out = if step.op == "apply" {
        let applied = server_side_apply(schema, target.ty, live, &step.obj, &writer)?;
        normalise(schema, target, &applied).expect("typed").object
    } else {
        let new = normalise(schema, target, &step.obj).expect("typed").object;
        track_update(schema, target.ty, live, new, &writer)
    };
    out["metadata"]["uid"] = "u".into();
    Ok(out)
}

/// Objects are compared without what the oracle doesn't set alike: kind, an empty status, the time itself, the
/// order of entries of one second.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
        if map.get("status") == Some(&json!({})) {
            map.remove("status");
        }
    }
    if let Some(entries) = object
        .pointer_mut("/metadata/managedFields")
        .and_then(Value::as_array_mut)
    {
        for entry in entries.iter_mut() {
            if entry.get("time").is_some() {
                entry["time"] = "T".into();
            }
        }
        entries.sort_by_key(|e| e.to_string());
    }
    object
}

/// Sorted, as the reference groups conflicts by a map.
fn causes(status: &Value) -> Vec<String> {
    let all = status.pointer("/details/causes").and_then(Value::as_array);
    let mut out: Vec<String> = all.into_iter().flatten().map(Value::to_string).collect();
    out.sort();
    out
}

fn check(got: &Result<Value>, want: &Want) -> std::result::Result<(), String> {
    match (got, want) {
        (Ok(got), Want { obj: Some(want), .. }) => {
            let (got, want) = (comparable(got), comparable(want));
            if got == want {
                Ok(())
            } else {
                Err(format!("object\n  got  {got}\n  want {want}"))
            }
        }
        (
            Err(got),
            Want {
                err: Some(want),
                status,
                ..
            },
        ) => {
            if got.message != *want {
                return Err(format!("message\n  got  {}\n  want {want}", got.message));
            }
            let status = status.clone().unwrap_or_default();
            let same = causes(&got.to_json()) == causes(&status);
            if same {
                Ok(())
            } else {
                Err(format!("causes\n  got  {}\n  want {status}", got.to_json()))
            }
        }
        (Ok(got), Want { err: Some(want), .. }) => Err(format!("got {got}, want error {want}")),
        (got, _) => Err(format!("got {got:?}")),
    }
}

#[test]
fn ownership_follows_the_reference() {
    let mut failures = Vec::new();
    let cases = cases();
    for (n, case) in cases.iter().enumerate() {
        let target = target(&case.v, &case.k);
        let paths: Vec<Vec<&str>> = case
            .reset
            .iter()
            .map(|p| p.iter().map(String::as_str).collect())
            .collect();
        let reset = FieldSet::of(&paths.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut live: Option<Value> = None;
        for (at, step) in case.steps.iter().enumerate() {
            let got = run(&target, live.as_ref(), step, &reset);
            if let Err(fault) = check(&got, &step.want) {
                failures.push(format!(
                    "case {n} step {at} {} {}: {fault}\n  live {live:?}\n  in {}",
                    step.op, step.manager, step.obj
                ));
                break;
            }
            if let Ok(object) = got {
                live = Some(object);
            }
        }
    }
    let shown = failures.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{shown}",
        failures.len(),
        cases.len()
    );
}

/// A set from paths of at most three steps over a small alphabet.
fn small_set() -> impl proptest::strategy::Strategy<Value = FieldSet> {
    use proptest::prelude::*;
    let element = prop_oneof![
        prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(|n| Element::Field(n.into())),
        (0..2i64).prop_map(|n| Element::Key([(Box::from("name"), Value::from(n))].into())),
        any::<bool>().prop_map(|b| Element::Value(b.into())),
        (0..2i64).prop_map(Element::Index),
    ];
    let path = proptest::collection::vec(element, 1..4);
    proptest::collection::vec(path, 0..8).prop_map(|paths| {
        let mut set = FieldSet::default();
        paths.iter().for_each(|p| set.insert(p));
        set
    })
}

fn paths(set: &FieldSet) -> std::collections::BTreeSet<String> {
    let mut out = std::collections::BTreeSet::new();
    set.each(&mut |path| {
        out.insert(path.iter().map(|e| format!("{e:?}")).collect());
    });
    out
}

proptest::proptest! {
    #[test]
    fn sets_of_paths_obey_the_laws_of_sets(a in small_set(), b in small_set()) {
        let (x, y) = (paths(&a), paths(&b));
        proptest::prop_assert_eq!(paths(&a.union(&b)), x.union(&y).cloned().collect());
        proptest::prop_assert_eq!(paths(&a.intersection(&b)), x.intersection(&y).cloned().collect());
        proptest::prop_assert_eq!(paths(&a.difference(&b)), x.difference(&y).cloned().collect());
        proptest::prop_assert_eq!(a.union(&b), b.union(&a));
        proptest::prop_assert!(a.difference(&a).is_empty());
        proptest::prop_assert!(a.without_below(&b).difference(&a).is_empty());
        let (mut absorbed, mut subtracted, mut cut) = (a.clone(), a.clone(), a.clone());
        absorbed.absorb(b.clone());
        subtracted.subtract(&b);
        cut.cut(&b);
        proptest::prop_assert_eq!(absorbed, a.union(&b));
        proptest::prop_assert_eq!(subtracted, a.difference(&b));
        proptest::prop_assert_eq!(cut, a.without_below(&b));
        proptest::prop_assert_eq!(wire::decode(&wire::encode(&a)), Ok(a));
    }
}

#[test]
fn applying_the_same_again_changes_nothing() {
    // the first ones are random, the rest has objects that validation would refuse
    for case in &cases()[..260] {
        let target = target(&case.v, &case.k);
        let reset = FieldSet::default();
        for step in case.steps.iter().filter(|s| s.op == "apply") {
            let Ok(once) = run(&target, None, step, &reset) else {
                continue;
            };
            if once.pointer("/metadata/managedFields").is_none() {
                // nothing was owned: the next apply finds an object without owners
                continue;
            }
            let twice = run(&target, Some(&once), step, &reset).expect("same again");
            assert_eq!(once, twice, "{}", step.obj);
        }
    }
}

#[test]
fn what_is_no_longer_applied_goes_with_its_last_owner() {
    let pod = target("v1", "ConfigMap");
    let reset = FieldSet::default();
    let config = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data});
    let step = |manager: &str, data: Value| Step {
        op: "apply".into(),
        manager: manager.into(),
        sub: String::new(),
        force: true,
        obj: config(data),
        want: Want {
            obj: None,
            err: None,
            status: None,
        },
    };
    let one = run(&pod, None, &step("one", json!({"a": "1", "b": "1"})), &reset).expect("apply");
    let two = run(&pod, Some(&one), &step("two", json!({"b": "1"})), &reset).expect("apply");
    let gone = run(&pod, Some(&two), &step("one", json!({})), &reset).expect("apply");
    assert_eq!(gone["data"], json!({"b": "1"}), "b has another owner, a has none");
    let gone = run(&pod, Some(&gone), &step("two", json!({})), &reset).expect("apply");
    assert_eq!(gone.get("data"), None);
}

#[test]
fn entries_that_cannot_be_read_are_forgotten_by_updates() {
    let map = target("v1", "ConfigMap");
    let live = json!({"metadata": {"name": "m", "uid": "u", "managedFields": [{"manager": "x"}]}, "data": {"a": "1"}});
    let writer = Writer {
        manager: "w",
        subresource: "",
        api_version: "v1",
        reset: &FieldSet::default(),
        force: false,
        now: now(),
    };
    let new = json!({"metadata": {"name": "m", "uid": "u"}, "data": {"a": "2"}});
    let out = track_update(Schema::builtin(), map.ty, Some(&live), new, &writer);
    assert_eq!(out["metadata"].get("managedFields"), None);
}

#[test]
fn damaged_field_sets_are_errors() {
    for text in [
        r#"{"x:a":{}}"#,
        r#"{"k:{":{}}"#,
        r#"{"i:x":{}}"#,
        r#"{"f":{}}"#,
        r#"{"f:a":1}"#,
        "[]",
    ] {
        let value: Value = serde_json::from_str(text).expect("json");
        assert!(wire::decode(&value).is_err(), "{text}");
    }
}
