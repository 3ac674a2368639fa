use serde_json::json;

use super::*;

const PODS: GroupResource<'_> = GroupResource::new("", "pods");
const DEPLOYMENTS: GroupResource<'_> = GroupResource::new("apps", "deployments");

fn cause(field: &str, message: &str) -> Cause {
    Cause {
        reason: "FieldValueRequired".into(),
        message: message.into(),
        field: field.into(),
    }
}

#[test]
fn texts_and_codes_are_those_of_the_reference() {
    let table = [
        (
            Status::not_found(DEPLOYMENTS, "d"),
            404,
            "deployments.apps \"d\" not found",
        ),
        (
            Status::already_exists(PODS, "p"),
            409,
            "pods \"p\" already exists",
        ),
        (
            Status::forbidden(PODS, "p", "no"),
            403,
            "pods \"p\" is forbidden: no",
        ),
        (Status::forbidden(PODS, "", "no"), 403, "pods is forbidden: no"),
        (
            Status::forbidden(GroupResource::new("", ""), "", "no"),
            403,
            "forbidden: no",
        ),
        (
            Status::conflict(PODS, "p", "x"),
            409,
            "Operation cannot be fulfilled on pods \"p\": x",
        ),
        (Status::internal("x"), 500, "Internal error occurred: x"),
        (
            Status::too_large(3145728),
            413,
            "Request entity too large: limit is 3145728",
        ),
        (
            Status::method_not_allowed(PODS, "delete"),
            405,
            "delete is not supported on resources of kind \"pods\"",
        ),
    ];
    for (status, code, text) in table {
        assert_eq!((status.code, status.message.as_str()), (code, text));
    }
}

#[test]
fn one_cause_stands_bare_several_stand_in_brackets_repeated_once() {
    let one = Status::invalid("", "Pod", "p", vec![cause("spec.containers", "Required value")]);
    assert_eq!(
        one.message,
        "Pod \"p\" is invalid: spec.containers: Required value"
    );
    let causes = vec![
        cause("a", "Required value"),
        cause("b", "x"),
        cause("a", "Required value"),
    ];
    let many = Status::invalid("apps", "Deployment", "d", causes);
    assert_eq!(
        many.message,
        "Deployment.apps \"d\" is invalid: [a: Required value, b: x]"
    );
    assert_eq!(many.details.map(|d| d.causes.len()), Some(3));
}

#[test]
fn an_empty_details_object_is_sent_and_a_missing_one_is_not() {
    assert_eq!(Status::no_such_path().to_json()["details"], json!({}));
    assert_eq!(Status::bad_request("x").to_json().get("details"), None);
}

#[test]
fn a_delete_is_answered_with_success_and_the_uid() {
    let want = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": "d", "group": "apps", "kind": "deployments", "uid": "u"}});
    assert_eq!(deleted(DEPLOYMENTS, "d", "u"), want);
}

#[test]
fn a_status_comes_back_from_its_json() {
    let status = Status::invalid("apps", "Deployment", "d", vec![cause("a", "x")]);
    assert_eq!(Status::from_json(&status.to_json()), status);
}
