//! A real kubectl: apply in both forms, and diff.

use crate::api_rig::{ControlPlane, text};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  a: one\n  b: kept\n";
const CHANGED: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  a: other\n";

#[test]
fn client_side_apply_creates_changes_and_removes() {
    let server = ControlPlane::start();
    let (first, second) = (server.file("1.yaml", MAP), server.file("2.yaml", CHANGED));
    assert!(server.kubectl(&["apply", "-f", &first]).contains("created"));
    assert!(server.kubectl(&["apply", "-f", &first]).contains("unchanged"));
    let diff = server.run(&["diff", "-f", &second]);
    assert_eq!(diff.status.code(), Some(1), "{}", text(&diff.stderr));
    assert!(
        text(&diff.stdout).contains("+  a: other"),
        "{}",
        text(&diff.stdout)
    );
    assert!(server.kubectl(&["apply", "-f", &second]).contains("configured"));
    assert_eq!(
        server.kubectl(&["get", "cm", "m", "-o", "jsonpath={.data}"]),
        r#"{"a":"other"}"#
    );
}

#[test]
fn server_side_apply_refuses_foreign_fields_unless_forced() {
    let server = ControlPlane::start();
    let (first, second) = (server.file("1.yaml", MAP), server.file("2.yaml", CHANGED));
    server.kubectl(&["apply", "--server-side", "--field-manager=one", "-f", &first]);
    let refused = server.run(&["apply", "--server-side", "--field-manager=two", "-f", &second]);
    let why = text(&refused.stderr);
    assert!(
        !refused.status.success() && why.contains("conflict with \"one\""),
        "{why}"
    );
    server.kubectl(&[
        "apply",
        "--server-side",
        "--field-manager=two",
        "--force-conflicts",
        "-f",
        &second,
    ]);
    assert_eq!(
        server.kubectl(&["get", "cm", "m", "-o", "jsonpath={.data}"]),
        r#"{"a":"other","b":"kept"}"#
    );
}
