use k8s_openapi::api::core::v1::Pod;

use super::super::document::parse;
use super::decode;

fn problems(text: &str) -> Vec<String> {
    match decode::<Pod>(&parse(text).expect("YAML")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .into_iter()
            .map(|p| {
                let at = p
                    .position
                    .map_or_else(String::new, |at| format!("{}:{}: ", at.line, at.column));
                format!("{at}{}: {}", p.field, p.message)
            })
            .collect(),
    }
}

const HEAD: &str = "apiVersion: v1\nkind: Pod\n";

#[test]
fn each_mistake_is_named_with_its_place_and_path() {
    for (body, expected) in [
        (
            "spec:\n  containers:\n  - name: web\n    ports:\n    - containerPort: \"http\"\n",
            "7:22: spec.containers[0].ports[0].containerPort: expected integer, found string \"http\"",
        ),
        (
            "spec:\n  containers:\n  - name: web\n    ports:\n    - containerPort: 99999999999\n",
            "7:22: spec.containers[0].ports[0].containerPort: expected 32-bit integer, found integer 99999999999",
        ),
        (
            "spec:\n  containers:\n  - name: web\n    imagee: x\n",
            "6:5: spec.containers[0].imagee: unknown field; did you mean \"image\"?",
        ),
        ("spec:\n  zzz: {a: [1]}\n", "4:3: spec.zzz: unknown field"),
        (
            "spec:\n  containers:\n  - env:\n    - {name: A, value: 8080}\n",
            "6:24: spec.containers[0].env[0].value: expected string, found integer 8080; put it in quotes",
        ),
        (
            "metadata:\n  labels:\n    a.b/c: yes\n",
            "5:12: metadata.labels[a.b/c]: expected string, found boolean true; put it in quotes",
        ),
        (
            "spec:\n  hostNetwork: \"true\"\n",
            "4:16: spec.hostNetwork: expected boolean, found string \"true\"",
        ),
        ("spec: [1]\n", "3:7: spec: expected object, found a list"),
        (
            "spec:\n  containers: web\n",
            "4:15: spec.containers: expected list, found string \"web\"",
        ),
        (
            "spec:\n  containers:\n  - web\n",
            "5:5: spec.containers[0]: expected object, found string \"web\"",
        ),
        (
            "spec:\n  containers:\n  - resources: {limits: {memory: true}}\n",
            "5:34: spec.containers[0].resources.limits[memory]: expected a quantity such as 500m, 2 or 64Mi, found boolean true",
        ),
        (
            "spec:\n  terminationGracePeriodSeconds: 1.5\n",
            "4:34: spec.terminationGracePeriodSeconds: expected integer, found number 1.5",
        ),
    ] {
        assert_eq!(problems(&format!("{HEAD}{body}")), [expected], "{body}");
    }
}

#[test]
fn all_unknown_fields_and_the_first_mismatch_are_reported_together() {
    let found = problems(&format!(
        "{HEAD}metdata: {{}}\nspec:\n  nodename: a\n  hostPID: 1\n  hostIPC: 2\n"
    ));
    assert_eq!(
        found,
        [
            "3:1: metdata: unknown field; did you mean \"metadata\"?",
            "5:3: spec.nodename: unknown field; did you mean \"nodeName\"?",
            "6:12: spec.hostPID: expected boolean, found integer 1",
        ]
    );
}

#[test]
fn what_the_reference_accepts_is_accepted() {
    let pod: Pod = decode(
        &parse(&format!(
            "{HEAD}metadata: {{name: a, creationTimestamp: null}}
spec:
  terminationGracePeriodSeconds: 1e1
  nodeSelector:
  containers:
  - name: a
    resources: {{limits: {{cpu: 1, memory: 0.5}}}}
    livenessProbe: {{httpGet: {{port: http}}}}
    readinessProbe: {{tcpSocket: {{port: 80}}}}
  volumes:
  - configMap: {{name: c, defaultMode: 0644}}
    name: c
status: {{}}
"
        ))
        .expect("YAML"),
    )
    .expect("pod");
    let spec = pod.spec.expect("spec");
    assert_eq!(spec.termination_grace_period_seconds, Some(10));
    let limits = spec.containers[0]
        .resources
        .clone()
        .and_then(|r| r.limits)
        .expect("limits");
    assert_eq!(
        (limits["cpu"].0.as_str(), limits["memory"].0.as_str()),
        ("1", "0.5")
    );
    let volume = &spec.volumes.expect("volumes")[0];
    assert_eq!(
        volume.config_map.as_ref().and_then(|c| c.default_mode),
        Some(0o644)
    );
}
