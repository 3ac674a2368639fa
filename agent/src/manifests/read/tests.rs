use super::*;

#[test]
fn a_pod_gets_the_defaults_of_the_api() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, image: i, ports: [{containerPort: 80}]}\n";
    let spec = read("a.yaml", text.as_bytes()).expect("pod").spec.expect("spec");
    let container = &spec.containers[0];
    assert_eq!(
        (
            spec.restart_policy.as_deref(),
            spec.dns_policy.as_deref(),
            spec.termination_grace_period_seconds,
            spec.scheduler_name.as_deref(),
            spec.security_context.is_some(),
            container.image_pull_policy.as_deref(),
            container.termination_message_path.as_deref(),
            container.termination_message_policy.as_deref(),
            container
                .ports
                .as_ref()
                .and_then(|ports| ports[0].protocol.as_deref()),
        ),
        (
            Some("Always"),
            Some("ClusterFirst"),
            Some(30),
            Some("default-scheduler"),
            true,
            Some("Always"),
            Some("/dev/termination-log"),
            Some("File"),
            Some("TCP"),
        )
    );
}

#[test]
fn values_are_judged_by_the_rules_of_the_api_each_with_its_place() {
    for (metadata, container, errors) in [
        ("{name: a}", "{name: c, image: i}", vec![]),
        (
            "{generateName: a-}",
            "{name: c, image: i}",
            vec!["3:11: metadata.name: Required value"],
        ),
        (
            "{name: a}",
            "{name: c}",
            vec!["6:5: spec.containers[0].image: Required value"],
        ),
        (
            "{name: a}",
            "{name: c, image: i, imagePullPolicy: Sometimes}",
            vec![
                "6:42: spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
            ],
        ),
        (
            "{name: a}",
            "{name: c, image: i, ports: [{containerPort: 70000}]}",
            vec![
                "6:49: spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            "{name: a}",
            "{name: c, image: i, volumeMounts: [{name: v, mountPath: /v}]}",
            vec!["6:47: spec.containers[0].volumeMounts[0].name: Not found: \"v\""],
        ),
        (
            "{name: a}",
            "{name: c, image: i}\n  - {name: c, image: i}\n  restartPolicy: Sometimes",
            vec![
                "7:12: spec.containers[1].name: Duplicate value: \"c\"",
                "8:18: spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
            ],
        ),
        (
            "{name: a}",
            "{name: c, image: i, resources: {limits: {cpu: 1x}}}",
            vec![
                "6:51: spec.containers[0].resources.limits[cpu]: expected a quantity such as 500m, 2 or 64Mi, found string \"1x\"",
            ],
        ),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec:\n  containers:\n  - {container}\n"
        );
        let found = read("a.yaml", text.as_bytes()).map_or_else(|error| error.to_string(), |_| String::new());
        let expected: Vec<String> = errors
            .into_iter()
            .map(|error| format!("a.yaml:{error}"))
            .collect();
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn what_is_no_pod_is_refused_in_one_line() {
    for (text, error) in [
        ("kind: Pod\n", "a.yaml:1:1: apiVersion: Required value: \"v1\""),
        (
            "apiVersion: v1\nkind: pod\n",
            "a.yaml:2:7: kind: expected \"Pod\", found \"pod\"; a manifest file holds a pod",
        ),
        (
            "apiVersion: v1\nkind: PodList\nitems: []\n",
            "a.yaml:2:7: kind: expected \"Pod\", found \"PodList\"; put each pod into a file of its own",
        ),
        (
            "hello\n",
            "a.yaml:1:1: expected an object with apiVersion, kind, metadata and spec",
        ),
    ] {
        assert_eq!(
            read("a.yaml", text.as_bytes()).expect_err(text).to_string(),
            error
        );
    }
    assert_eq!(
        read("a.yaml", b"a: \xff").expect_err("bytes").to_string(),
        "a.yaml: not UTF-8 at byte 3"
    );
}

#[test]
fn references_to_api_objects_are_refused_each_with_its_place() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  serviceAccountName: robot
  containers:
  - name: c
    image: i
    env:
    - name: A
      valueFrom: {secretKeyRef: {name: s, key: k}}
  volumes:
  - name: v
    configMap: {name: c}
";
    let tail = "a pod from a file runs without an API server";
    assert_eq!(
        read("a.yaml", text.as_bytes())
            .expect_err("refused")
            .to_string()
            .lines()
            .collect::<Vec<_>>(),
        [
            format!(
                "a.yaml:5:23: spec.serviceAccountName: Forbidden: static pods may not reference serviceaccounts; {tail}"
            ),
            format!(
                "a.yaml:11:33: spec.containers[0].env[0].valueFrom.secretKeyRef: Forbidden: static pods may not \
                     reference secrets; {tail}"
            ),
            format!(
                "a.yaml:14:16: spec.volumes[0].configMap: Forbidden: static pods may not reference configmaps; {tail}"
            ),
        ]
    );
}

#[test]
fn exports_of_kubectl_and_foreign_line_ends_are_read() {
    let text = "\u{feff}apiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: a\r\n  creationTimestamp: null\r\n  \
                managedFields: []\r\nspec:\r\n  containers:\r\n  - name: c\r\n    image: i\r\n    \
                resources: {}\r\nstatus: {}\r\n";
    assert_eq!(
        read("a.yaml", text.as_bytes())
            .expect("pod")
            .metadata
            .name
            .as_deref(),
        Some("a")
    );
    let json = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c", "image": "i", "command": ["a\/b", "\u00e9"]}]}}"#;
    let pod = read("a.json", json.as_bytes()).expect("pod");
    let command = pod.spec.and_then(|spec| spec.containers[0].command.clone());
    assert_eq!(command, Some(vec!["a/b".to_owned(), "\u{e9}".to_owned()]));
}

proptest::proptest! {
    /// Whatever a file holds, it is a pod or one error that names the file.
    #[test]
    fn any_text_is_a_pod_or_an_error(text in "(apiVersion: v1\nkind: Pod\n)?[ -~\n\t\u{e9}]{0,200}") {
        if let Err(error) = read("a.yaml", text.as_bytes()) {
            let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
            proptest::prop_assert!(error.to_string().starts_with("a.yaml:"));
            proptest::prop_assert!(error.position.is_none_or(|at| at.line <= lines + 1));
        }
    }
}
