//! A real kubectl against the control plane: what people type every day.

use crate::api_rig::{ControlPlane, text};

#[test]
fn objects_are_made_read_changed_and_deleted() {
    let server = ControlPlane::start();
    server.kubectl(&["create", "namespace", "web"]);
    server.kubectl(&["-n", "web", "create", "configmap", "m", "--from-literal=a=one"]);
    server.kubectl(&[
        "-n",
        "web",
        "create",
        "secret",
        "generic",
        "s",
        "--from-literal=p=x",
    ]);
    server.kubectl(&[
        "-n",
        "web",
        "create",
        "deployment",
        "d",
        "--image=nginx",
        "--replicas=2",
    ]);
    server.kubectl(&["-n", "web", "expose", "deployment", "d", "--port=80"]);
    let list = server.kubectl(&["-n", "web", "get", "deploy,svc,cm", "-o", "name"]);
    for name in ["deployment.apps/d", "service/d", "configmap/m"] {
        assert!(list.contains(name), "{list}");
    }
    server.kubectl(&["-n", "web", "label", "configmap", "m", "tier=front"]);
    assert!(
        server
            .kubectl(&["-n", "web", "get", "cm", "-l", "tier=front", "--no-headers"])
            .starts_with("m ")
    );
    server.kubectl(&["-n", "web", "edit", "configmap", "m"]);
    let value = server.kubectl(&["-n", "web", "get", "cm", "m", "-o", "jsonpath={.data.a}"]);
    assert_eq!(value, "two");
    server.kubectl(&[
        "-n",
        "web",
        "patch",
        "cm",
        "m",
        "--type=json",
        "-p",
        r#"[{"op":"add","path":"/data/b","value":"3"}]"#,
    ]);
    server.kubectl(&["-n", "web", "scale", "deploy", "d", "--replicas=5"]);
    let replicas = server.kubectl(&[
        "-n",
        "web",
        "get",
        "deploy",
        "d",
        "-o",
        "jsonpath={.spec.replicas}",
    ]);
    assert_eq!(replicas, "5");
    assert!(
        server
            .kubectl(&["-n", "web", "describe", "deploy", "d"])
            .contains("5 desired")
    );
    server.kubectl(&["-n", "web", "delete", "svc,deploy", "--all", "--timeout=30s"]);
    server.kubectl(&["delete", "namespace", "web", "--timeout=60s"]);
    assert!(!server.kubectl(&["get", "ns", "-o", "name"]).contains("web"));
}

#[test]
fn explain_and_resources_come_from_the_server() {
    let server = ControlPlane::start();
    let explained = server.kubectl(&["explain", "deployment.spec.strategy"]);
    assert!(
        explained.contains("rollingUpdate") && explained.contains("DESCRIPTION"),
        "{explained}"
    );
    let resources = server.kubectl(&["api-resources", "--no-headers"]);
    for name in ["deployments", "leases", "endpointslices", "clusterroles"] {
        assert!(resources.contains(name), "{resources}");
    }
    assert!(server.kubectl(&["version"]).contains("Server Version: v1.36"));
}

#[test]
fn wrong_input_is_refused_with_the_field() {
    let server = ControlPlane::start();
    let file = server.file(
        "bad.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, imagee: x}]}\n",
    );
    let refused = server.run(&["create", "-f", &file]);
    assert!(!refused.status.success());
    let why = text(&refused.stderr);
    assert!(
        why.contains("unknown field \"spec.containers[0].imagee\""),
        "{why}"
    );
}

#[test]
fn a_watch_shows_what_happens() {
    let server = ControlPlane::start();
    server.kubectl(&["create", "configmap", "m"]);
    let waiting = std::thread::scope(|scope| {
        let wait = scope.spawn(|| {
            server.kubectl(&[
                "wait",
                "cm/m",
                "--for=jsonpath={.data.state}=done",
                "--timeout=30s",
            ])
        });
        server.kubectl(&["patch", "cm", "m", "-p", r#"{"data":{"state":"done"}}"#]);
        wait.join().expect("the waiting kubectl")
    });
    assert!(waiting.contains("condition met"), "{waiting}");
}
