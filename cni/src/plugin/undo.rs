//! Taking back what an ADD made, when it fails.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{PluginError, nat};
use crate::lease::{Owner, Store};
use crate::netlink::{Link, Netlink};

/// Rolls back on drop unless committed. The bridge stays: other containers may use it by now.
pub(super) struct Undo<'a> {
    host: &'a mut Netlink,
    owner: Owner,
    /// The node's end of the pair, once this call is about to make it.
    port: Option<String>,
    /// The leases, when this call is the first to ask for them.
    store: Option<Store>,
    /// Addresses for which this call is about to set up translation.
    translated: BTreeSet<IpAddr>,
}

impl<'a> Undo<'a> {
    /// A guard for the attachment of `owner`, with nothing to take back yet.
    pub(super) fn new(host: &'a mut Netlink, owner: &Owner) -> Self {
        Self {
            host,
            owner: owner.clone(),
            port: None,
            store: None,
            translated: BTreeSet::new(),
        }
    }

    /// Netlink on the node.
    pub(super) fn host(&mut self) -> &mut Netlink {
        self.host
    }

    /// Whom the attachment is for.
    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Leases are about to be taken from `store`. Those of an earlier call that was killed are not taken back:
    /// the runtime will come with a DEL, or with another ADD that completes them.
    pub(super) fn will_lease(&mut self, store: &Store) {
        self.store = (!store.knows(&self.owner)).then(|| store.clone());
    }

    /// Interfaces are about to be made; `seen` is the node's end as it was before.
    pub(super) fn will_connect(&mut self, port: &str, seen: Option<&Link>) {
        self.port = seen.is_none().then(|| port.to_owned());
    }

    /// Address translation is about to be set up.
    pub(super) fn will_translate(&mut self, addresses: &[IpAddr]) {
        self.translated = addresses.iter().copied().collect();
    }

    /// The attachment is complete: nothing will be taken back.
    pub(super) fn commit(mut self) {
        self.port = None;
        self.store = None;
        self.translated.clear();
    }

    /// Takes everything back because of `error`, to which failures on the way are added.
    pub(super) fn roll_back(mut self, mut error: PluginError) -> PluginError {
        for failure in self.take_back() {
            error.details.push_str("; while undoing: ");
            error.details.push_str(&failure);
        }
        error
    }

    fn take_back(&mut self) -> Vec<String> {
        let mut failures = Vec::new();
        if let Some(port) = self.port.take()
            && let Err(e) = self.host.delete_link_by_name(&port)
        {
            failures.push(e.to_string());
            // The container may still use its addresses.
            self.store = None;
        }
        let translated = std::mem::take(&mut self.translated);
        if !translated.is_empty()
            && let Err(e) = nat::remove(&translated)
        {
            failures.push(e.to_string());
        }
        if let Some(store) = self.store.take()
            && let Err(e) = store.release(&self.owner, &mut |_| {})
        {
            failures.push(e.to_string());
        }
        failures
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        // Only a panic gets here with something left, and its message is the one to be heard.
        let _ = self.take_back();
    }
}
