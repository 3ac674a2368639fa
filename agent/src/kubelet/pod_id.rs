//! Who a pod is: uid, namespace and name, as values that cannot be mixed up.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

/// Uid of a pod: names its directories, cgroup and worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodUid(Arc<str>);

impl PodUid {
    /// The uid `text`, or `None` when it could not be part of a path (empty, a separator, or only dots).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let usable = !text.is_empty()
            && text.len() <= 253
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && text.bytes().any(|b| b != b'.');
        usable.then(|| Self(text.into()))
    }

    /// The uid as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A pod's uid with the name that people use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodId {
    /// Unique over time.
    pub uid: PodUid,
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name, unique in the namespace at one time.
    pub name: Arc<str>,
}

impl PodId {
    /// The identity of `pod`, or `None` when it has no usable uid, namespace or name.
    #[must_use]
    pub fn of(pod: &Pod) -> Option<Self> {
        let meta = &pod.metadata;
        Self::new(
            meta.uid.as_deref()?,
            meta.namespace.as_deref()?,
            meta.name.as_deref()?,
        )
    }

    /// The identity with these parts, or `None` when one of them could not be part of a path.
    #[must_use]
    pub fn new(uid: &str, namespace: &str, name: &str) -> Option<Self> {
        // The same alphabet holds for names: they become parts of log paths.
        let (namespace, name) = (PodUid::parse(namespace)?, PodUid::parse(name)?);
        Some(Self {
            uid: PodUid::parse(uid)?,
            namespace: namespace.0,
            name: name.0,
        })
    }

    /// `namespace/name`, the key of the rule that one name is worked on once.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// `<namespace>_<name>_<uid>`, the name of the pod's log directory.
    #[must_use]
    pub fn log_dir_name(&self) -> String {
        format!("{}_{}_{}", self.namespace, self.name, self.uid)
    }
}

impl fmt::Display for PodId {
    /// The form of the reference's messages: `name_namespace(uid)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}({})", self.name, self.namespace, self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_would_leave_their_directory_are_refused() {
        for bad in ["", ".", "..", "a/b", "../x", "a\0", "a b"] {
            assert_eq!(PodUid::parse(bad), None, "{bad:?}");
            assert_eq!(PodId::new("u", bad, "n"), None, "{bad:?}");
        }
        let id = PodId::new("u-1", "ns", "a.b").expect("usable");
        assert_eq!(
            (id.to_string(), id.log_dir_name()),
            ("a.b_ns(u-1)".into(), "ns_a.b_u-1".into())
        );
    }
}
