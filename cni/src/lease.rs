//! Address leases on disk: which container holds which address of a network.
//!
//! **Expected flow.** [`Store::acquire`] gives one address per range set, [`Store::release`] takes all of a
//! container's back, [`Store::all`] lists them for [`plugin`](crate::plugin)'s GC and for people.
//!
//! **On disk**, below `dataDir/NETWORK`:
//! - `ADDRESS`: one file per lease; its name is the lease. Lines (CR LF): container id, interface name,
//!   `boot=`, `netns=`, `pod=`. The first two are what the field's common allocator writes, so that a node that
//!   changes over keeps its leases.
//! - `owners/HASH`: the same file under its owner's name, linked there before any address.
//! - `lock`: held with `flock` over every change, by that allocator as well.
//! - `last_reserved_ip.N`: where range set N goes on.
//!
//! **Guarantees.** A lease's content is on disk before its name exists (write, sync, link), and a name is
//! taken with an operation that fails when it exists: a crash leaves whole leases or none, and no two
//! processes get one address. A second `acquire` for the same owner finds what the first one left.
//! Directories are not synced: after a power cut a lease may be missing, but its container is gone then too.
//!
//! **In doubt an address is in use**: unreadable leases and those without a boot id are never reclaimed.

mod range;
mod round;
mod store;
mod text;

pub(crate) use range::no_overlap;
pub use range::{Range, RangeError, RangeSet};
pub use store::{Error, Grant, Granted, Request, Store, Truth};
pub use text::{Lease, Owner};

/// Called with each step's name before the step is done; tests stop the process there.
pub type Steps<'a> = &'a mut dyn FnMut(&str);
