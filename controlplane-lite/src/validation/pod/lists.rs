//! Walks over the containers of a pod.

use crate::field::At;

/// Init containers, containers and ephemeral containers, in the order in which the reference visits them.
pub(super) fn all<'v>(spec: &At<'v>) -> impl Iterator<Item = At<'v>> + use<'v> {
    let lists = ["initContainers", "containers", "ephemeralContainers"].map(|field| spec.get(field));
    lists.into_iter().flat_map(|list| list.items())
}
