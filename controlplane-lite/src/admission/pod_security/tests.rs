use serde_json::json;

use super::*;

const RESTRICTED: Policy = Policy {
    level: Level::Restricted,
    version: Version::Latest,
};
const BASELINE: Policy = Policy {
    level: Level::Baseline,
    version: Version::Latest,
};

fn detail(policy: Policy, spec: &Value) -> String {
    evaluate(policy, &Value::Null, spec).detail()
}

fn hardened() -> Value {
    json!({
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "c",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}
        }]
    })
}

fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[key] = value;
    spec
}

#[test]
fn a_plain_pod_violates_restricted_in_four_points() {
    let violations = evaluate(RESTRICTED, &Value::Null, &json!({"containers": [{"name": "c"}]}));
    assert_eq!(
        refusal(RESTRICTED, &violations),
        "violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"c\" must set \
         securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set \
         securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must set \
         securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set \
         securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
    );
    assert!(evaluate(BASELINE, &Value::Null, &json!({"containers": [{"name": "c"}]})).is_empty());
}

#[test]
fn a_hardened_pod_is_allowed_and_each_step_back_is_named() {
    assert_eq!(detail(RESTRICTED, &hardened()), "");
    let c = "/containers/0";
    let table = [
        ("/hostNetwork", json!(true), "host namespaces (hostNetwork=true)"),
        (
            "/containers/0/securityContext/privileged",
            json!(true),
            "privileged (container \"c\" must not set securityContext.privileged=true)",
        ),
        (
            "/volumes",
            json!([{"name": "v", "hostPath": {"path": "/"}}, {"name": "t", "emptyDir": {}}]),
            "restricted volume types (volume \"v\" uses restricted volume type \"hostPath\")",
        ),
        (
            "/containers/0/ports",
            json!([{"hostPort": 81}, {"hostPort": 80}, {"containerPort": 1}]),
            "hostPort (container \"c\" uses hostPorts 80, 81)",
        ),
        (
            "/containers/0/livenessProbe",
            json!({"httpGet": {"host": "192.0.2.1"}}),
            "probe or lifecycle host (container \"c\" uses probe or lifecycle host \"192.0.2.1\")",
        ),
        (
            "/securityContext/sysctls",
            json!([{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_syncookies"}]),
            "forbidden sysctl (kernel.msgmax)",
        ),
        (
            "/securityContext/runAsUser",
            json!(0),
            "runAsUser=0 (pod must not set runAsUser=0)",
        ),
        (
            "/securityContext/runAsNonRoot",
            json!(false),
            "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
        ),
        (
            "/containers/0/securityContext/seccompProfile",
            json!({"type": "Unconfined"}),
            "seccompProfile (container \"c\" must not set securityContext.seccompProfile.type to \"Unconfined\")",
        ),
        (
            "/containers/0/securityContext/capabilities/add",
            json!(["SYS_ADMIN", "NET_BIND_SERVICE"]),
            "unrestricted capabilities (container \"c\" must not include \"SYS_ADMIN\" in \
             securityContext.capabilities.add)",
        ),
        (
            "/securityContext/seLinuxOptions",
            json!({"type": "spc_t", "user": "u"}),
            "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"spc_t\"; user may not be set)",
        ),
        (
            "/securityContext/appArmorProfile",
            json!({"type": "Unconfined"}),
            "forbidden AppArmor profile (pod must not set AppArmor profile type to \"Unconfined\")",
        ),
        (
            "/containers/0/securityContext/procMount",
            json!("Unmasked"),
            "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")",
        ),
    ];
    assert!(hardened().pointer(c).is_some());
    for (pointer, value, wanted) in table {
        assert_eq!(
            detail(RESTRICTED, &with(hardened(), pointer, value)),
            wanted,
            "{pointer}"
        );
    }
}

#[test]
fn an_older_version_has_fewer_checks() {
    let pod = with(hardened(), "/securityContext/runAsUser", json!(0));
    let old = Policy {
        version: Version::Minor(22),
        ..RESTRICTED
    };
    assert_eq!(detail(old, &pod), "");
    assert_eq!(old.to_string(), "restricted:v1.22");
}

#[test]
fn labels_choose_policies_and_bad_ones_fail_safe() {
    let labels = json!({
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/enforce-version": "v1.30",
        "pod-security.kubernetes.io/warn": "restricted",
    });
    let (chosen, bad) = policies(Some(&labels));
    assert!(bad.is_empty());
    assert_eq!(
        chosen.enforce,
        Policy {
            level: Level::Baseline,
            version: Version::Minor(30)
        }
    );
    assert_eq!((chosen.warn, chosen.audit), (RESTRICTED, Policy::PRIVILEGED));
    let (chosen, bad) = policies(Some(&json!({
        "pod-security.kubernetes.io/enforce": "strict",
        "pod-security.kubernetes.io/warn-version": "v1.030",
    })));
    assert_eq!(chosen.enforce.level, Level::Restricted);
    assert_eq!(bad.len(), 2, "{bad:?}");
}

#[test]
fn only_images_and_debug_containers_make_an_update_significant() {
    let old = json!({"metadata": {}, "spec": {"containers": [{"name": "c", "image": "a"}]}});
    let labelled = with(old.clone(), "/metadata/labels", json!({"x": "y"}));
    assert!(!is_significant(&labelled, &old));
    assert!(is_significant(
        &with(old.clone(), "/spec/containers/0/image", json!("b")),
        &old
    ));
    let debugged = with(
        old.clone(),
        "/spec/ephemeralContainers",
        json!([{"name": "d", "image": "x"}]),
    );
    assert!(is_significant(&debugged, &old));
    assert!(!is_significant(&debugged, &debugged));
}
