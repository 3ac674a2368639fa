//! Which pod an id of the runtime belongs to: containerd's events name only the container.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kubelet::pod_id::PodUid;

/// Ids of sandboxes and containers with their pods.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pods: Mutex<HashMap<String, PodUid>>,
}

impl Index {
    /// `id` belongs to `pod`.
    pub(crate) fn insert(&self, id: &str, pod: &PodUid) {
        let mut pods = self.lock();
        if !pods.contains_key(id) {
            pods.insert(id.to_owned(), pod.clone());
        }
    }

    /// The pod that `id` belongs to.
    pub(crate) fn pod_of(&self, id: &str) -> Option<PodUid> {
        self.lock().get(id).cloned()
    }

    /// `id` is gone.
    pub(crate) fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// `pod` is gone, with every id of it.
    pub(crate) fn forget(&self, pod: &PodUid) {
        let mut pods = self.lock();
        pods.retain(|_, owner| owner != pod);
        pods.shrink_to_fit();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, PodUid>> {
        // Each change is one call on the map: a panic elsewhere leaves it whole.
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
