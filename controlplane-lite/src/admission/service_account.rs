//! ServiceAccount: every pod runs as one, with its token mounted unless somebody said no.

use serde_json::{Value, json};

use super::{Cluster, Refusal, list_mut, text};

/// Where the token is mounted.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Begins the name of the token's volume.
const VOLUME_PREFIX: &str = "kube-api-access-";
/// Seconds that a mounted token lives: an hour and a bit, which tells it apart from others in audit logs.
const TOKEN_SECONDS: i64 = 3607;
/// Marks the API's copy of a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Completes a new pod. `suffix` is five random characters for the volume's name.
///
/// # Errors
/// The account does not exist, or a mirror pod refers to what a static pod cannot have.
pub fn complete(
    cluster: &dyn Cluster,
    namespace: &str,
    pod: &mut Value,
    suffix: &str,
) -> Result<(), Refusal> {
    if pod["metadata"]["annotations"][MIRROR].is_string() {
        return check_mirror(pod);
    }
    let Some(spec) = pod.get_mut("spec").filter(|spec| spec.is_object()) else {
        return Ok(());
    };
    if text(spec, "serviceAccountName").is_empty() {
        spec["serviceAccountName"] = "default".into();
    }
    let name = text(spec, "serviceAccountName").to_owned();
    spec["serviceAccount"] = name.clone().into();
    let account = cluster.get("serviceaccounts", namespace, &name).ok_or_else(|| {
        format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found")
    })?;
    if wants_token(spec, &account) {
        mount_token(spec, suffix);
    }
    let secrets = &account["imagePullSecrets"];
    if spec["imagePullSecrets"].as_array().is_none_or(Vec::is_empty)
        && secrets.as_array().is_some_and(|secrets| !secrets.is_empty())
    {
        spec["imagePullSecrets"] = secrets.clone();
    }
    Ok(())
}

/// The pod's word counts before the account's.
fn wants_token(spec: &Value, account: &Value) -> bool {
    let said = |object: &Value| object["automountServiceAccountToken"].as_bool();
    said(spec).or_else(|| said(account)).unwrap_or(true)
}

fn mount_token(spec: &mut Value, suffix: &str) {
    let existing = spec["volumes"].as_array().into_iter().flatten();
    let existing = existing
        .map(|volume| text(volume, "name"))
        .find(|name| name.starts_with(VOLUME_PREFIX));
    let name = existing.map_or_else(|| format!("{VOLUME_PREFIX}{suffix}"), str::to_owned);
    let had_volume = existing.is_some();
    let mut mounted = false;
    for field in ["initContainers", "containers"] {
        let containers = spec
            .get_mut(field)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        for container in containers {
            mounted |= mount_in(container, &name);
        }
    }
    if mounted && !had_volume {
        let volume = json!({"name": name, "projected": {"defaultMode": 0o644, "sources": sources()}});
        if let Some(volumes) = list_mut(spec, "volumes") {
            volumes.push(volume);
        }
    }
}

/// Mounts the token where the container has nothing mounted at its place.
fn mount_in(container: &mut Value, volume: &str) -> bool {
    let Some(mounts) = list_mut(container, "volumeMounts") else {
        return false;
    };
    if mounts.iter().any(|mount| mount["mountPath"] == MOUNT_PATH) {
        return false;
    }
    mounts.push(json!({"name": volume, "readOnly": true, "mountPath": MOUNT_PATH}));
    true
}

fn sources() -> Value {
    let namespace = json!({
        "path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
    });
    json!([
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ])
}

/// A static pod has no account: its copy in the API must not pretend otherwise.
fn check_mirror(pod: &Value) -> Result<(), Refusal> {
    let spec = &pod["spec"];
    if !text(spec, "serviceAccountName").is_empty() {
        return Err("a mirror pod may not reference service accounts".into());
    }
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    let sources = volumes
        .clone()
        .flat_map(|volume| volume["projected"]["sources"].as_array())
        .flatten();
    if sources
        .into_iter()
        .any(|source| !source["serviceAccountToken"].is_null())
    {
        return Err("a mirror pod may not use ServiceAccountToken volume projections".into());
    }
    if volumes.into_iter().any(|volume| !volume["secret"].is_null()) {
        return Err("a mirror pod may not reference secrets".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::test_cluster::Objects;
    use super::*;

    fn account(extra: &Value) -> Objects {
        let mut account = json!({"metadata": {"name": "default", "namespace": "web"}});
        for (key, value) in extra.as_object().unwrap() {
            account[key] = value.clone();
        }
        Objects(vec![("serviceaccounts", account)])
    }

    fn completed(cluster: &Objects, spec: Value) -> Result<Value, Refusal> {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": spec});
        complete(cluster, "web", &mut pod, "abcde").map(|()| pod["spec"].clone())
    }

    #[test]
    fn a_plain_pod_gets_account_and_token() {
        let spec = completed(&account(&json!({})), json!({"containers": [{"name": "c"}]})).unwrap();
        assert_eq!(spec["serviceAccountName"], "default");
        let mount = json!([{"name": "kube-api-access-abcde", "readOnly": true, "mountPath": MOUNT_PATH}]);
        assert_eq!(spec["containers"][0]["volumeMounts"], mount);
        assert_eq!(
            spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"],
            3607
        );
    }

    #[test]
    fn pod_and_account_can_do_without_the_token() {
        let off = json!({"automountServiceAccountToken": false});
        let table = [
            (json!({}), json!({"automountServiceAccountToken": false}), false),
            (off.clone(), json!({}), false),
            (off, json!({"automountServiceAccountToken": true}), true),
        ];
        for (of_account, of_pod, wanted) in table {
            let mut spec = of_pod;
            spec["containers"] = json!([{"name": "c"}]);
            let spec = completed(&account(&of_account), spec).unwrap();
            assert_eq!(!spec["volumes"].is_null(), wanted, "{spec}");
        }
    }

    #[test]
    fn a_container_with_its_own_mount_there_keeps_it() {
        let own = json!([{"name": "own", "mountPath": MOUNT_PATH}]);
        let containers = json!([{"name": "c", "volumeMounts": own}]);
        let spec = completed(&account(&json!({})), json!({"containers": containers})).unwrap();
        assert_eq!(spec["containers"][0]["volumeMounts"], own);
        assert!(spec["volumes"].is_null(), "no container mounts the token");
    }

    #[test]
    fn pull_secrets_come_from_the_account_where_the_pod_has_none() {
        let cluster = account(&json!({"imagePullSecrets": [{"name": "a"}]}));
        let pod = |secrets: Value| json!({"containers": [], "imagePullSecrets": secrets});
        assert_eq!(
            completed(&cluster, pod(Value::Null)).unwrap()["imagePullSecrets"],
            json!([{"name": "a"}])
        );
        let own = json!([{"name": "b"}]);
        assert_eq!(
            completed(&cluster, pod(own.clone())).unwrap()["imagePullSecrets"],
            own
        );
    }

    #[test]
    fn a_missing_account_is_named() {
        let error = completed(&Objects(Vec::new()), json!({"serviceAccountName": "x"})).unwrap_err();
        assert_eq!(
            error,
            "error looking up service account web/x: serviceaccount \"x\" not found"
        );
    }

    #[test]
    fn a_mirror_pod_refers_to_nothing_secret() {
        let mirror = |spec: Value| {
            let mut pod = json!({"metadata": {"annotations": {MIRROR: "h"}}, "spec": spec});
            complete(&Objects(Vec::new()), "web", &mut pod, "abcde")
        };
        assert!(mirror(json!({"containers": []})).is_ok());
        assert!(mirror(json!({"serviceAccountName": "x"})).is_err());
        assert!(mirror(json!({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]})).is_err());
    }
}
