//! The pods of this node with their statuses, for whoever asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{Pod, PodStatus};

use crate::kubelet::pod_id::PodUid;

/// The last reported status of each pod.
#[derive(Debug, Default)]
pub(super) struct Board {
    pods: Mutex<BTreeMap<PodUid, Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    pod: Arc<Pod>,
    status: Arc<PodStatus>,
}

impl Board {
    /// `pod` has this status now.
    pub(super) fn publish(&self, uid: &PodUid, pod: &Arc<Pod>, status: &Arc<PodStatus>) {
        let entry = Entry {
            pod: pod.clone(),
            status: status.clone(),
        };
        self.lock().insert(uid.clone(), entry);
    }

    /// The pod is gone.
    pub(super) fn remove(&self, uid: &PodUid) {
        self.lock().remove(uid);
    }

    /// All pods with their statuses, by namespace and name.
    pub(super) fn pods(&self) -> Vec<Pod> {
        let entries: Vec<Entry> = self.lock().values().cloned().collect();
        let mut pods: Vec<Pod> = entries
            .into_iter()
            .map(|entry| Pod {
                status: Some(PodStatus::clone(&entry.status)),
                ..Pod::clone(&entry.pod)
            })
            .collect();
        pods.sort_by(|a, b| {
            let key = |p: &Pod| (p.metadata.namespace.clone(), p.metadata.name.clone());
            key(a).cmp(&key(b))
        });
        pods
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PodUid, Entry>> {
        // Each change is one call on the map: a panic elsewhere leaves it whole.
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
