use super::*;
use serde_json::json;

#[test]
fn errors_read_as_the_reference_writes_them() {
    let path = Path::of("spec").child("containers").index(0).child("image");
    let limits = Path::of("spec").child("limits").key("cpu");
    let cases = [
        (
            FieldError::required(&path, ""),
            "spec.containers[0].image: Required value",
        ),
        (
            FieldError::required(&path, "why"),
            "spec.containers[0].image: Required value: why",
        ),
        (
            FieldError::invalid(&path, &json!("Abc"), "bad"),
            "spec.containers[0].image: Invalid value: \"Abc\": bad",
        ),
        (
            FieldError::invalid(&path, &json!(7), "bad"),
            "spec.containers[0].image: Invalid value: 7: bad",
        ),
        (
            FieldError::invalid(&path, &json!(null), "bad"),
            "spec.containers[0].image: Invalid value: null: bad",
        ),
        (
            FieldError::invalid(&limits, &json!({"a": "<b>"}), "bad"),
            r#"spec.limits[cpu]: Invalid value: {"a":"\u003cb\u003e"}: bad"#,
        ),
        (
            FieldError::not_supported(&path, &json!("x"), &["A", "B"]),
            r#"spec.containers[0].image: Unsupported value: "x": supported values: "A", "B""#,
        ),
        (
            FieldError::duplicate(&path, &json!("x")),
            "spec.containers[0].image: Duplicate value: \"x\"",
        ),
        (
            FieldError::not_found(&path, &json!("x")),
            "spec.containers[0].image: Not found: \"x\"",
        ),
        (
            FieldError::forbidden(&path, "no"),
            "spec.containers[0].image: Forbidden: no",
        ),
        (
            FieldError::too_long(&path, 63),
            "spec.containers[0].image: Too long: may not be more than 63 bytes",
        ),
        (
            FieldError::too_many(&path, 5, 3),
            "spec.containers[0].image: Too many: 5: must have at most 3 items",
        ),
        (
            FieldError::internal(&path, "oops"),
            "spec.containers[0].image: Internal error: oops",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn text_is_quoted_as_go_quotes_it() {
    for (text, quoted) in [
        ("a b", r#""a b""#),
        ("a\"\\", r#""a\"\\""#),
        ("\n\t\u{1}", r#""\n\t\x01""#),
        ("é\u{85}", r#""é\u0085""#),
    ] {
        assert_eq!(quote(text), quoted);
    }
}

#[test]
fn an_absent_field_is_walked_as_null_and_keeps_its_path() {
    let pod = json!({"spec": {"containers": [{"name": "a"}]}});
    let at = At::root(&pod);
    assert_eq!(
        at.get("spec").get("nothing").get("here").required("").field,
        "spec.nothing.here"
    );
    let names: Vec<_> = at
        .get("spec")
        .get("containers")
        .items()
        .map(|c| c.str_of("name"))
        .collect();
    assert_eq!(names, ["a"]);
    let first = at
        .get("spec")
        .get("containers")
        .items()
        .next()
        .expect("one container");
    assert_eq!(first.get("image").required("").field, "spec.containers[0].image");
}
