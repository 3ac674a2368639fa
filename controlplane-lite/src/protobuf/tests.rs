use super::*;

/// Writes a field with a length.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a short test message");
    let mut out = vec![number << 3 | 2, length];
    out.extend_from_slice(content);
    out
}

fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let meta = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), bytes(1, &meta), bytes(2, raw)].concat()
}

#[test]
fn a_namespace_as_kubectl_create_sends_it() {
    let metadata = [bytes(1, b"foo"), bytes(2, b""), bytes(8, b"")].concat();
    let raw = [bytes(1, &metadata), bytes(2, b""), bytes(3, &bytes(1, b""))].concat();
    let want = json!({"apiVersion": "v1", "kind": "Namespace", "spec": {}, "status": {"phase": ""},
        "metadata": {"name": "foo", "generateName": "", "creationTimestamp": null}});
    assert_eq!(to_json(&envelope("v1", "Namespace", &raw)), Ok(want));
}

#[test]
fn maps_bytes_and_embedded_structs_become_what_json_has() {
    let entry = [bytes(1, b"k"), bytes(2, b"hi")].concat();
    let secret = to_json(&envelope("v1", "Secret", &bytes(2, &entry))).expect("a secret");
    assert_eq!(secret["data"], json!({"k": "aGk="}));
    // PodSpec.containers[0].env[0].valueFrom.secretKeyRef: its name is in an embedded LocalObjectReference
    let reference = [bytes(1, &bytes(1, b"s")), bytes(2, b"k")].concat();
    let env = [bytes(1, b"A"), bytes(3, &bytes(4, &reference))].concat();
    let pod = to_json(&envelope("v1", "Pod", &bytes(2, &bytes(2, &bytes(7, &env))))).expect("a pod");
    let got = &pod["spec"]["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"];
    assert_eq!(got, &json!({"name": "s", "key": "k"}));
}

#[test]
fn quantities_ports_and_times_have_their_json_forms() {
    assert_eq!(special("Quantity", &bytes(1, b"1Gi"), 0), Ok(json!("1Gi")));
    assert_eq!(special("IntOrString", &[8, 0, 16, 80], 0), Ok(json!(80)));
    assert_eq!(
        special("IntOrString", &[vec![8, 1], bytes(3, b"http")].concat(), 0),
        Ok(json!("http"))
    );
    assert_eq!(special("Time", &[8, 1], 0), Ok(json!("1970-01-01T00:00:01Z")));
    assert_eq!(
        special("MicroTime", &[8, 1, 16, 1], 0),
        Ok(json!("1970-01-01T00:00:01.000000Z"))
    );
}

#[test]
fn broken_messages_are_refused_and_never_read_past_their_end() {
    let whole = envelope("v1", "Pod", &bytes(1, &bytes(1, b"name")));
    for cut in 5..whole.len() {
        // Some cuts leave a shorter, valid message.
        let _ = to_json(&whole[..cut]);
    }
    assert_eq!(to_json(b"{}"), Err(ProtobufError::Magic));
    assert!(matches!(
        to_json(&[MAGIC, &[0x0a, 0x7f]].concat()),
        Err(ProtobufError::Malformed(_))
    ));
    assert!(matches!(
        to_json(&envelope("v1", "Nope", b"")),
        Err(ProtobufError::UnknownKind { .. })
    ));
}

#[test]
fn every_stored_kind_has_a_message() {
    for row in crate::resources::builtin()
        .iter()
        .filter(|r| !r.storage.is_empty())
    {
        let body = envelope(&row.api_version(), &row.kind, b"");
        assert!(to_json(&body).is_ok(), "{}", row.kind);
    }
}
