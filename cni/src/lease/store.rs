//! The directory of a network's leases.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use nix::fcntl::{Flock, FlockArg};

use super::round::Round;
use super::{Lease, Owner, RangeSet, Steps, text};

/// A lease that could not be given, taken back or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed: the disk, or permissions. Retry later.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// All addresses are given away. Retry when pods have gone, or enlarge the range.
    #[error("no address is free in {ranges} of network {network}: {taken} of {capacity} are leased")]
    Exhausted {
        /// The network's name.
        network: String,
        /// The range set.
        ranges: String,
        /// How many addresses the set has.
        capacity: u128,
        /// How many of them are leased.
        taken: usize,
    },
    /// The address that was asked for belongs to another container.
    #[error("address {address} is leased to {holder}")]
    Taken {
        /// The address.
        address: IpAddr,
        /// Who has it.
        holder: String,
    },
    /// The address that was asked for is in no range. Bad input.
    #[error("address {0} was asked for and is in none of the network's ranges")]
    OutOfRange(IpAddr),
}

/// What makes a lease valid or not, apart from its file.
pub struct Truth<'a> {
    /// This boot's id.
    pub boot: &'a str,
    /// Whether a network namespace's path still exists.
    pub netns_exists: &'a dyn Fn(&Path) -> bool,
}

/// A request for one address out of each range set.
pub struct Request<'a> {
    /// For whom.
    pub owner: &'a Owner,
    /// The container's network namespace, recorded for GC.
    pub netns: Option<&'a str>,
    /// The pod as `namespace/name`, recorded for people.
    pub pod: Option<&'a str>,
    /// The sets, each of which gives one address.
    pub sets: &'a [RangeSet],
    /// Addresses that it must be, in the sets that contain them.
    pub wanted: &'a [IpAddr],
}

impl Request<'_> {
    /// A wanted address that no set can give.
    fn odd(&self) -> Option<IpAddr> {
        let given = |address: IpAddr| self.sets.iter().any(|s| s.range_of(address).is_some());
        self.wanted.iter().copied().find(|w| !given(*w))
    }
}

/// The addresses that a container has now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// One per range set, in their order.
    pub addresses: Vec<Granted>,
    /// Whether an earlier attempt for the same owner was found, so that some were leased already.
    pub resumed: bool,
}

/// One address with what the container needs to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The address with its subnet's prefix length.
    pub net: IpNet,
    /// The subnet's gateway.
    pub gateway: IpAddr,
}

/// One network's leases.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    network: String,
}

impl Store {
    /// The leases of `network` below `data_dir`. Nothing is made until the first lease.
    pub fn new(data_dir: &Path, network: &str) -> Self {
        Self {
            dir: data_dir.join(network),
            network: network.to_owned(),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Gives `request.owner` one address per set: those it has already, else the next free ones.
    ///
    /// # Errors
    /// When a set is exhausted, a wanted address cannot be had, or the disk fails. What was leased until then
    /// stays leased to the owner: undo with [`Store::release`].
    pub fn acquire(
        &self,
        request: &Request<'_>,
        truth: &Truth<'_>,
        steps: Steps<'_>,
    ) -> Result<Grant, Error> {
        if let Some(odd) = request.odd() {
            return Err(Error::OutOfRange(odd));
        }
        steps("stage lease");
        let (owner_file, staged) = self.stage(request, truth)?;

        let _lock = self.lock()?;
        let resumed = owner_file.exists();
        steps("name owner");
        fs::rename(&staged, &owner_file).map_err(|e| fail("rename", &staged, e))?;
        let held = if resumed {
            self.addresses_of(request.owner)?
        } else {
            Vec::new()
        };
        let mut round = Round {
            store: self,
            request,
            truth,
            held,
            taken: self.taken()?,
        };
        let mut grant = Grant {
            addresses: Vec::new(),
            resumed,
        };
        for (index, set) in request.sets.iter().enumerate() {
            let address = round.pick(index, set)?;
            steps("lease address");
            self.name(&owner_file, address, round.held.contains(&address))?;
            self.remember(index, address);
            grant.addresses.extend(set.range_of(address).map(|range| Granted {
                net: IpNet::new_assert(address, range.subnet().prefix_len()),
                gateway: range.gateway(),
            }));
        }
        Ok(grant)
    }

    /// Writes the lease's content, synced, beside the name that it will have; returns both names.
    ///
    /// Before the lock is taken: several at once wait for the disk together.
    fn stage(&self, request: &Request<'_>, truth: &Truth<'_>) -> Result<(PathBuf, PathBuf), Error> {
        let owners = self.dir.join("owners");
        fs::create_dir_all(&owners).map_err(|e| fail("make directory", &owners, e))?;
        let name = format!("{:016x}", request.owner.hash());
        let staged = owners.join(format!(".{name}"));
        let content = text::write(request.owner, truth.boot, request.netns, request.pod);
        write_synced(&staged, &content)?;
        Ok((owners.join(name), staged))
    }

    /// Takes back all addresses of `owner`; returns them. Nothing there is no error.
    ///
    /// # Errors
    /// When the disk fails; what was taken back until then stays so.
    pub fn release(&self, owner: &Owner, steps: Steps<'_>) -> Result<Vec<IpAddr>, Error> {
        if !self.dir.exists() {
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        let held = self.addresses_of(owner)?;
        for address in &held {
            steps("release address");
            remove(&self.path_of(*address))?;
        }
        steps("forget owner");
        self.forget(owner)?;
        Ok(held)
    }

    /// Removes the owner's own file, finished or not.
    pub(super) fn forget(&self, owner: &Owner) -> Result<(), Error> {
        let name = format!("{:016x}", owner.hash());
        remove(&self.dir.join("owners").join(format!(".{name}")))?;
        remove(&self.dir.join("owners").join(name))
    }

    /// Whether an `acquire` for `owner` was begun and not taken back.
    pub fn knows(&self, owner: &Owner) -> bool {
        self.dir
            .join("owners")
            .join(format!("{:016x}", owner.hash()))
            .exists()
    }

    /// All owners for whom an `acquire` was begun, also those without an address.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn owners(&self) -> Result<Vec<Owner>, Error> {
        let dir = self.dir.join("owners");
        let entries = match fs::read_dir(&dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|e| fail("list", &dir, e))?,
        };
        let mut owners = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| fail("list", &dir, e))?.path();
            // One that goes away meanwhile is not there; an unreadable one has no address to give back.
            let text = fs::read_to_string(&path).unwrap_or_default();
            owners.extend(text::owner(&text));
        }
        Ok(owners)
    }

    /// All leases, in the order of their addresses.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn all(&self) -> Result<Vec<Lease>, Error> {
        self.taken()?
            .into_iter()
            .filter_map(|address| self.read(address).transpose())
            .collect()
    }

    /// How many addresses of `set` are leased.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn leased_of(&self, set: &RangeSet) -> Result<usize, Error> {
        Ok(self
            .taken()?
            .iter()
            .filter(|a| set.range_of(**a).is_some())
            .count())
    }

    /// The file of a leased address.
    pub(super) fn path_of(&self, address: IpAddr) -> PathBuf {
        self.dir.join(address.to_string())
    }

    /// The network's name.
    pub(super) fn network(&self) -> &str {
        &self.network
    }

    fn lock(&self) -> Result<Flock<File>, Error> {
        let path = self.dir.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.map_err(|e| fail("open lock", &path, e))?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| fail("lock", &path, e.into()))
    }

    /// Gives the owner's file the address as a further name.
    fn name(&self, owner_file: &Path, address: IpAddr, held: bool) -> Result<(), Error> {
        let path = self.path_of(address);
        if !held {
            return fs::hard_link(owner_file, &path).map_err(|e| fail("name lease", &path, e));
        }
        // Already ours: the name moves to the new content in one step.
        let next = self.dir.join(format!(".{address}"));
        remove(&next)?;
        fs::hard_link(owner_file, &next).map_err(|e| fail("name lease", &next, e))?;
        fs::rename(&next, &path).map_err(|e| fail("renew lease", &path, e))?;
        // Two names of one file: renaming does nothing, and says so to nobody.
        remove(&next)
    }

    /// The leased addresses, by their files' names alone.
    pub(super) fn taken(&self) -> Result<BTreeSet<IpAddr>, Error> {
        let entries = match fs::read_dir(&self.dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            other => other.map_err(|e| fail("list", &self.dir, e))?,
        };
        let mut taken = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|e| fail("list", &self.dir, e))?;
            taken.extend(entry.file_name().to_str().and_then(|n| n.parse::<IpAddr>().ok()));
        }
        Ok(taken)
    }

    pub(super) fn read(&self, address: IpAddr) -> Result<Option<Lease>, Error> {
        let path = self.path_of(address);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(text::read(address, &String::from_utf8_lossy(&bytes)))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(fail("read lease", &path, e)),
        }
    }

    /// The addresses that `owner` holds.
    ///
    /// # Errors
    /// When a lease cannot be read.
    pub fn addresses_of(&self, owner: &Owner) -> Result<Vec<IpAddr>, Error> {
        let leases = self.all()?.into_iter();
        Ok(leases
            .filter(|l| l.owner.as_ref() == Some(owner))
            .map(|l| l.address)
            .collect())
    }

    pub(super) fn remembered(&self, index: usize) -> Option<IpAddr> {
        let text = fs::read_to_string(self.dir.join(format!("last_reserved_ip.{index}"))).ok()?;
        text.trim().parse().ok()
    }

    /// Only decides where the search begins next time: neither synced nor worth an error.
    fn remember(&self, index: usize, address: IpAddr) {
        let _ = fs::write(
            self.dir.join(format!("last_reserved_ip.{index}")),
            address.to_string(),
        );
    }
}

fn fail(operation: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

fn write_synced(path: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    };
    write().map_err(|e| fail("write", path, e))
}

pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(fail("remove", path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
