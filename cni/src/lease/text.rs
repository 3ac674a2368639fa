//! What a lease file says.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::plugin::{ContainerId, IfName};

/// Who holds an address: a container's interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The sandbox.
    pub container: ContainerId,
    /// The interface inside.
    pub ifname: IfName,
}

impl Owner {
    /// A number that stays the same for this owner in every version of this program (FNV-1a, 64 bits).
    pub fn hash(&self) -> u64 {
        let bytes = self
            .container
            .as_str()
            .bytes()
            .chain([0])
            .chain(self.ifname.as_str().bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container, self.ifname)
    }
}

/// A lease as found on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address, which is the file's name.
    pub address: IpAddr,
    /// Who holds it; none when the file is unreadable.
    pub owner: Option<Owner>,
    /// The boot in which it was given; none in another allocator's leases.
    pub boot: Option<String>,
    /// The container's network namespace at that time.
    pub netns: Option<PathBuf>,
    /// The pod as `namespace/name`, for people.
    pub pod: Option<String>,
}

/// The content of a lease file.
pub(super) fn write(owner: &Owner, boot: &str, netns: Option<&str>, pod: Option<&str>) -> String {
    let mut text = format!("{}\r\n{}\r\nboot={boot}\r\n", owner.container, owner.ifname);
    for (key, value) in [("netns", netns), ("pod", pod)] {
        // A value that would look like another line is left out: it is only there for looking things up.
        if let Some(value) = value.filter(|v| !v.contains(['\r', '\n'])) {
            text.push_str(&format!("{key}={value}\r\n"));
        }
    }
    text
}

/// The owner in a lease file's first two lines.
pub(super) fn owner(text: &str) -> Option<Owner> {
    let mut lines = text.lines().map(str::trim);
    let container = lines.next()?.parse().ok()?;
    Some(Owner {
        container,
        ifname: lines.next()?.parse().ok()?,
    })
}

/// Reads a lease file; what cannot be read stays empty, and the lease stays a lease.
pub(super) fn read(address: IpAddr, text: &str) -> Lease {
    let owner = owner(text);
    let mut lease = Lease {
        address,
        owner,
        boot: None,
        netns: None,
        pod: None,
    };
    for line in text.lines().map(str::trim).skip(2) {
        match line.split_once('=') {
            Some(("boot", v)) if !v.is_empty() => lease.boot = Some(v.into()),
            Some(("netns", v)) if !v.is_empty() => lease.netns = Some(v.into()),
            Some(("pod", v)) if !v.is_empty() => lease.pod = Some(v.into()),
            _ => {}
        }
    }
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            container: "c1".parse().unwrap(),
            ifname: "eth0".parse().unwrap(),
        }
    }

    #[test]
    fn a_lease_reads_back_as_written() {
        let address = "10.0.0.2".parse().unwrap();
        let text = write(&owner(), "b1", Some("/run/netns/x=y"), Some("default/web"));
        let lease = read(address, &text);
        assert_eq!(
            lease,
            Lease {
                address,
                owner: Some(owner()),
                boot: Some("b1".into()),
                netns: Some("/run/netns/x=y".into()),
                pod: Some("default/web".into())
            }
        );
        assert!(
            text.starts_with("c1\r\neth0\r\n"),
            "what the common allocator looks for"
        );
        assert_eq!(
            read(address, &write(&owner(), "b1", Some("a\nboot=b2"), None))
                .boot
                .as_deref(),
            Some("b1")
        );
    }

    #[test]
    fn another_allocators_lease_has_an_owner_and_no_boot() {
        let lease = read("10.0.0.2".parse().unwrap(), "c1\r\neth0");
        assert_eq!((lease.owner, lease.boot), (Some(owner()), None));
    }

    #[test]
    fn garbage_is_a_lease_without_an_owner() {
        for text in ["", "\r\n", "../x\r\neth0", "c1"] {
            assert_eq!(read("10.0.0.2".parse().unwrap(), text).owner, None, "{text:?}");
        }
    }

    #[test]
    fn an_owners_number_never_changes() {
        assert_eq!(owner().hash(), 0xf53f_02b3_bfe9_4942);
    }
}
