//! The choice of addresses for one request, under the network's lock.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::RangeSet;
use super::store::{Error, Request, Store, Truth, remove};

/// One request's view of the network while the lock is held.
pub(super) struct Round<'a> {
    pub(super) store: &'a Store,
    pub(super) request: &'a Request<'a>,
    pub(super) truth: &'a Truth<'a>,
    /// What the owner has from an earlier attempt.
    pub(super) held: Vec<IpAddr>,
    /// What anybody has.
    pub(super) taken: BTreeSet<IpAddr>,
}

impl Round<'_> {
    /// The address for set number `index`: a held one, the wanted one, or the next free one.
    pub(super) fn pick(&mut self, index: usize, set: &RangeSet) -> Result<IpAddr, Error> {
        let inside = |a: &&IpAddr| set.range_of(**a).is_some();
        if let Some(held) = self.held.iter().find(inside) {
            return Ok(*held);
        }
        if let Some(wanted) = self.request.wanted.iter().find(inside) {
            return if self.taken.insert(*wanted) {
                Ok(*wanted)
            } else {
                Err(self.taken_error(*wanted)?)
            };
        }
        let last = self.store.remembered(index);
        let mut free = set.next_free(&self.taken, last);
        if free.is_none() {
            self.reclaim()?;
            free = set.next_free(&self.taken, last);
        }
        let address = free.ok_or_else(|| Error::Exhausted {
            network: self.store.network().to_owned(),
            ranges: set.to_string(),
            capacity: set.capacity(),
            taken: self.taken.iter().filter(inside).count(),
        })?;
        self.taken.insert(address);
        Ok(address)
    }

    fn taken_error(&self, address: IpAddr) -> Result<Error, Error> {
        let holder = self.store.read(address)?.and_then(|l| l.owner);
        let holder = holder.map_or_else(|| "an unknown container".into(), |o| o.to_string());
        Ok(Error::Taken { address, holder })
    }

    /// Drops leases of an earlier boot whose namespace is not there: no container outlives a boot.
    fn reclaim(&mut self) -> Result<(), Error> {
        for lease in self.store.all()? {
            let earlier = lease.boot.as_deref().is_some_and(|b| b != self.truth.boot);
            if earlier && !lease.netns.as_deref().is_some_and(self.truth.netns_exists) {
                remove(&self.store.path_of(lease.address))?;
                self.taken.remove(&lease.address);
                if let Some(owner) = &lease.owner {
                    self.store.forget(owner)?;
                }
            }
        }
        Ok(())
    }
}
