use super::*;

#[test]
fn columns_quote_the_documentation_of_fields() {
    let name = documentation("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name").unwrap_or_default();
    assert!(
        name.starts_with("Name must be unique within a namespace."),
        "{name}"
    );
    for row in crate::resources::builtin() {
        for column in &row.columns {
            let text = crate::table::description(column);
            assert!(
                !text.is_empty(),
                "{} {}: {}",
                row.plural,
                column.name,
                column.description
            );
        }
    }
}

#[test]
fn a_version_document_is_closed_under_references() {
    let document = v3::document(&Registry::builtin(), "apps", "v1");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    assert!(schemas.contains_key("io.k8s.api.apps.v1.DeploymentList"));
    assert!(schemas.contains_key("io.k8s.api.autoscaling.v1.Scale"));
    let text = document.to_string();
    assert!(!text.contains("#/definitions/"));
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name}");
    }
    let pods = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert!(
        pods["description"]
            .as_str()
            .is_some_and(|d| d.starts_with("List of containers"))
    );
}

#[test]
fn patches_say_that_they_take_field_validation() {
    let document = v3::document(&Registry::builtin(), "", "v1");
    let patch = &document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Pod");
    let parameters = patch["parameters"].as_array().expect("parameters");
    assert!(parameters.iter().any(|p| p["name"] == "fieldValidation"));
}

#[test]
fn a_document_that_the_client_has_is_not_sent_again() {
    let first = v3_response(
        &Registry::builtin(),
        "apis/policy/v1",
        &Query::default(),
        &HeaderMap::new(),
    )
    .expect("served");
    let etag = first.headers()[ETAG].clone();
    let again = HeaderMap::from_iter([(IF_NONE_MATCH, etag)]);
    let second =
        v3_response(&Registry::builtin(), "apis/policy/v1", &Query::default(), &again).expect("served");
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 304));
    assert!(
        v3_response(
            &Registry::builtin(),
            "apis/nope/v1",
            &Query::default(),
            &HeaderMap::new()
        )
        .is_none()
    );
}

#[test]
fn kubectl_gets_version_two_as_protobuf() {
    let registry = Registry::builtin();
    let media = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(media))]);
    let answer = v2_response(&registry, &accept);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[http::header::CONTENT_TYPE], V2_PROTOBUF);
}

#[test]
fn protobuf_carries_definitions_and_operations() {
    let document = serde_json::json!({
        "swagger": "2.0",
        "info": {"title": "T", "version": "V"},
        "paths": {"/p": {"patch": {"operationId": "o", "parameters": [{"name": "q", "in": "query", "type": "string"}],
            "responses": {"200": {"description": "OK"}}, "x-a": {"b": 1}}}},
        "definitions": {"D": {"type": "object", "properties": {"f": {"$ref": "R"}}}},
    });
    // gnostic's own library reads this as the document above
    let want = concat!(
        r#"\n\x032.0\x12\x06\n\x01T\x12\x01V"#,
        r#"BJ\x12H\n\x02/p\x12BB@*\x01oB\x18\n\x16\x12\x14\x1a\x12\x12\x05query\"\x01q2\x06string"#,
        r#"J\x0f\n\r\n\x03200\x12\x06\n\x04\n\x02OKj\x10\n\x03x-a\x12\t\x12\x07{\"b\":1}"#,
        r#"J\x1f\n\x1d\n\x01D\x12\x18\xb2\x01\x08\n\x06object\xca\x01\n\n\x08\n\x01f\x12\x03\n\x01R"#,
    );
    assert_eq!(gnostic::encode(&document).escape_ascii().to_string(), want);
}
