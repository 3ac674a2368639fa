//! NamespaceLifecycle: nothing new in a namespace that is missing or ending; the system's namespaces stay.

use serde_json::Value;

use super::Cluster;

/// Namespaces that cannot be deleted.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// What is wrong with the namespace of a new object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// There is no such namespace.
    Missing,
    /// It is being deleted; the text for people, the cause `NamespaceTerminating`, and since when.
    Terminating {
        /// The text after `is forbidden: `.
        message: String,
        /// The text of the cause.
        cause: String,
    },
}

/// Looks at the namespace of an object that is about to be created.
///
/// # Errors
/// Nothing can be created there.
pub fn check_creation(cluster: &dyn Cluster, namespace: &str) -> Result<(), Unfit> {
    let Some(object) = cluster.get("namespaces", "", namespace) else {
        return Err(Unfit::Missing);
    };
    if !is_ending(&object) {
        return Ok(());
    }
    let message =
        format!("unable to create new content in namespace {namespace} because it is being terminated");
    let cause = format!("namespace {namespace} is being terminated");
    Err(Unfit::Terminating { message, cause })
}

/// Whether the namespace may be deleted; the error is the text after `is forbidden: `.
///
/// # Errors
/// It is one that every cluster has.
pub fn check_deletion(namespace: &str) -> Result<(), &'static str> {
    if IMMORTAL.contains(&namespace) {
        Err("this namespace may not be deleted")
    } else {
        Ok(())
    }
}

fn is_ending(namespace: &Value) -> bool {
    !namespace["metadata"]["deletionTimestamp"].is_null() || namespace["status"]["phase"] == "Terminating"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_cluster::Objects;
    use super::*;

    #[test]
    fn only_a_living_namespace_takes_new_objects() {
        let cluster = Objects(vec![
            ("namespaces", json!({"metadata": {"name": "web"}})),
            (
                "namespaces",
                json!({"metadata": {"name": "old", "deletionTimestamp": "2026-11-21T10:00:00Z"}}),
            ),
        ]);
        assert_eq!(check_creation(&cluster, "web"), Ok(()));
        assert_eq!(check_creation(&cluster, "none"), Err(Unfit::Missing));
        assert!(matches!(
            check_creation(&cluster, "old"),
            Err(Unfit::Terminating { .. })
        ));
    }

    #[test]
    fn the_systems_namespaces_stay() {
        assert!(check_deletion("kube-system").is_err() && check_deletion("default").is_err());
        assert!(check_deletion("kube-node-lease").is_ok() && check_deletion("web").is_ok());
    }
}
