//! The cluster as decisions see it: objects by the plural names of their resources, read from the cache without
//! waiting.

use std::collections::HashMap;

use serde_json::Value;

use crate::admission::Cluster;
use crate::authn::Objects;
use crate::cache::Cache;
use crate::resources::Registry;

/// Reads built-in resources by plural name. Where two groups use one name (`events`), the core group's counts.
#[derive(Clone)]
pub struct Known {
    cache: Cache,
    prefixes: HashMap<String, String>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

impl Known {
    /// The resources of a registry over a cache.
    #[must_use]
    pub fn new(cache: Cache, registry: &Registry) -> Self {
        let stored = registry.rows().iter().filter(|row| !row.storage.is_empty());
        let mut prefixes = HashMap::new();
        for row in stored {
            prefixes
                .entry(row.plural.to_string())
                .or_insert_with(|| row.key_prefix(None));
        }
        Self { cache, prefixes }
    }

    /// Key prefix of a resource.
    #[must_use]
    pub fn prefix(&self, resource: &str) -> Option<&str> {
        self.prefixes.get(resource).map(String::as_str)
    }

    /// The cache below.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    fn scope(&self, resource: &str, namespace: &str) -> Option<String> {
        let prefix = self.prefix(resource)?;
        Some(if namespace.is_empty() {
            prefix.to_owned()
        } else {
            format!("{prefix}{namespace}/")
        })
    }
}

impl Cluster for Known {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = format!("{}{name}", self.scope(resource, namespace)?);
        serde_json::from_slice(&self.cache.peek(&key)?.json).ok()
    }

    fn list(&self, resource: &str, namespace: &str) -> Vec<Value> {
        let scope = self.scope(resource, namespace);
        let objects = scope.map(|scope| self.cache.peek_all(&scope)).unwrap_or_default();
        objects
            .iter()
            .filter_map(|object| serde_json::from_slice(&object.json).ok())
            .collect()
    }
}

impl Objects for Known {
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.get(resource, namespace, name)
    }
}
