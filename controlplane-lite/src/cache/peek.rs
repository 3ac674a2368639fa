//! Reads without waiting, for decisions that are made on every request (who may, admission).
//!
//! What is seen may lag behind the store when other servers write to it, as the reference's informers do; it never
//! goes back. A resource that is not loaded yet is empty.

use std::sync::Arc;

use super::Cache;
use super::object::Object;
use super::selector::Selector;
use super::shard::Span;
use super::watchers::Filter;

impl Cache {
    /// The object under a key, as it is known here.
    pub fn peek(&self, key: &str) -> Option<Arc<Object>> {
        self.hub.find(key)?.get(key)
    }

    /// All objects below a prefix that ends in a slash, as they are known here.
    pub fn peek_all(&self, scope: &str) -> Vec<Arc<Object>> {
        let want = Filter {
            scope: scope.to_owned(),
            selector: Selector::default(),
        };
        let span = Span {
            want,
            start_after: None,
            limit: 0,
        };
        let shard = self.hub.find(scope);
        let selection = shard.and_then(|shard| shard.select(&span, &self.hub.progress, None));
        selection.map(|selection| selection.objects).unwrap_or_default()
    }
}
