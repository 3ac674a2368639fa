//! Admission: what changes and refuses writes after they are decoded and before they are stored.
//!
//! Each plug-in is a module with a pure core over the object and what it needs to know of the cluster. Names of
//! plug-ins are those of `--enable-admission-plugins`.
//!
//! Invariant: a plug-in reads memory only ([`Cluster`]); it never waits for another request.

pub mod chain;
pub mod lifecycle;
pub mod limit_ranger;
pub mod node_restriction;
pub mod pod_security;
pub mod priority;
pub mod quota;
pub mod runtime_class;
pub mod service_account;
pub mod storage;
pub mod toleration;

use serde_json::Value;

/// What plug-ins may know of the cluster, answered from the cache.
pub trait Cluster: Send + Sync {
    /// One object by the plural name of its resource; the namespace is empty for cluster-wide ones.
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value>;
    /// All objects of a resource in a namespace, or everywhere if it is empty.
    fn list(&self, resource: &str, namespace: &str) -> Vec<Value>;
}

/// The text after `pods "x" is forbidden: `, or of another refusal that its caller completes.
pub type Refusal = String;

/// The list at `field`, made if it is not there. An object of another shape is left to validation.
fn list_mut<'a>(object: &'a mut Value, field: &str) -> Option<&'a mut Vec<Value>> {
    let object = object.as_object_mut()?;
    let list = object.entry(field).or_insert(Value::Null);
    if list.is_null() {
        *list = Value::Array(Vec::new());
    }
    list.as_array_mut()
}

/// A string field, empty where it is absent.
fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod test_cluster {
    //! A cluster in a list, for the plug-ins' tables.

    use serde_json::Value;

    pub(super) struct Objects(pub(super) Vec<(&'static str, Value)>);

    impl super::Cluster for Objects {
        fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
            let named = |o: &Value| super::text(&o["metadata"], "name") == name;
            self.list(resource, namespace).into_iter().find(named)
        }

        fn list(&self, resource: &str, namespace: &str) -> Vec<Value> {
            let here =
                |o: &Value| namespace.is_empty() || super::text(&o["metadata"], "namespace") == namespace;
            self.0
                .iter()
                .filter(|(r, o)| *r == resource && here(o))
                .map(|(_, o)| o.clone())
                .collect()
        }
    }
}
