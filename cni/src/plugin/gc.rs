//! GC: removes what belongs to none of the attachments that the runtime knows.
//!
//! The runtime's list alone is not believed: an address is only given back when no interface has it any more.
//! An attachment that is missing in the list but whose namespace still has the interface with the address is
//! left alone, since a wrong list would otherwise lead to one address in two containers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Code, Ipam, Machine, NetConfig, PluginError, naming, nat};
use crate::lease::{Lease, Owner, Store};
use crate::netlink::Netlink;
use crate::netns::Netns;

/// Removes leftovers; goes on after failures.
///
/// # Errors
/// All failures together.
pub(crate) fn gc(config: &NetConfig, machine: &mut Machine<'_>) -> Result<(), PluginError> {
    let valid = config.valid_attachments.as_ref().ok_or_else(|| {
        PluginError::new(
            Code::InvalidConfig,
            "GC needs cni.dev/valid-attachments, which the configuration lacks",
        )
    })?;
    let store = config
        .ipam
        .as_ref()
        .map(|i| Store::new(&i.data_dir, &config.name));
    let leases = match &store {
        Some(s) => s
            .all()
            .map_err(|e| PluginError::caused(Code::Io, "cannot read the leases", &e))?,
        None => Vec::new(),
    };
    let owners = match &store {
        Some(s) => s
            .owners()
            .map_err(|e| PluginError::caused(Code::Io, "cannot read the leases", &e))?,
        None => Vec::new(),
    };
    let verdict = judge(valid, &leases, owners, &in_use);
    let mut failures = remove_links(config, &verdict.keep, machine);
    for owner in &verdict.drop {
        // An interface that could not be removed keeps its address.
        if failures.is_empty()
            && let Some(store) = &store
            && let Err(e) = store.release(owner, &mut *machine.steps)
        {
            failures.push(e.to_string());
        }
    }
    if let (Some(ipam), Some(store)) = (&config.ipam, &store)
        && let Err(e) = forget_addresses(ipam, store)
    {
        failures.push(format!("{e}: {}", e.details));
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(PluginError {
        details: failures.join("; "),
        ..PluginError::new(Code::Network, "cannot remove every leftover")
    })
}

/// Removes address translation for addresses of this network that nobody holds.
fn forget_addresses(ipam: &Ipam, store: &Store) -> Result<(), PluginError> {
    let leases = store
        .all()
        .map_err(|e| PluginError::caused(Code::Io, "cannot read the leases", &e))?;
    let held: BTreeSet<IpAddr> = leases.iter().map(|l| l.address).collect();
    let of_ours = |a: IpAddr| ipam.sets.iter().any(|s| s.range_of(a).is_some());
    nat::remove_where(&|address| of_ours(address) && !held.contains(&address))
}

/// Whose things stay and whose go.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    keep: BTreeSet<Owner>,
    drop: BTreeSet<Owner>,
}

fn judge(valid: &[Owner], leases: &[Lease], owners: Vec<Owner>, in_use: &dyn Fn(&Lease) -> bool) -> Verdict {
    let mut verdict = Verdict {
        keep: valid.iter().cloned().collect(),
        ..Verdict::default()
    };
    for lease in leases {
        if let Some(owner) = &lease.owner
            && !verdict.keep.contains(owner)
            && in_use(lease)
        {
            verdict.keep.insert(owner.clone());
        }
    }
    let all = leases.iter().filter_map(|l| l.owner.clone()).chain(owners);
    verdict.drop = all.filter(|o| !verdict.keep.contains(o)).collect();
    verdict
}

/// Whether the container's interface still has the leased address. What cannot be found out counts as yes.
fn in_use(lease: &Lease) -> bool {
    let (Some(owner), Some(path)) = (&lease.owner, &lease.netns) else {
        return false;
    };
    let netns = match Netns::open(path) {
        Ok(netns) => netns,
        Err(crate::netns::Error::Missing { .. } | crate::netns::Error::NotANamespace { .. }) => return false,
        Err(_) => return true,
    };
    let has_address = || {
        let mut netlink = netns.netlink().ok()?;
        let Some(link) = netlink.link_by_name(owner.ifname.as_str()).ok()? else {
            return Some(false);
        };
        let addresses = netlink.addresses(Some(link.index)).ok()?;
        Some(addresses.iter().any(|a| a.net.addr() == lease.address))
    };
    has_address().unwrap_or(true)
}

/// Deletes the node's ends of this network's pairs, but those of `keep`; returns failures.
fn remove_links(config: &NetConfig, keep: &BTreeSet<Owner>, machine: &mut Machine<'_>) -> Vec<String> {
    let names: BTreeSet<String> = keep.iter().map(naming::host_ifname).collect();
    let prefix = naming::alias_prefix(&config.name);
    let mut host = match Netlink::open() {
        Ok(host) => host,
        Err(e) => return vec![e.to_string()],
    };
    let links = match host.links() {
        Ok(links) => links,
        Err(e) => return vec![e.to_string()],
    };
    let mut failures = Vec::new();
    for link in links
        .iter()
        .filter(|l| l.kind == "veth" && l.alias.starts_with(&prefix))
    {
        if names.contains(&link.name) {
            continue;
        }
        (machine.steps)("delete leftover");
        match host.delete_link(link.index) {
            Err(e) if !e.is_not_found() => failures.push(format!("{e} ({})", link.name)),
            _ => {}
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(container: &str) -> Owner {
        Owner {
            container: container.parse().unwrap(),
            ifname: "eth0".parse().unwrap(),
        }
    }

    fn lease(address: &str, container: Option<&str>) -> Lease {
        Lease {
            address: address.parse().unwrap(),
            owner: container.map(owner),
            boot: Some("b".into()),
            netns: Some("/n".into()),
            pod: None,
        }
    }

    #[test]
    fn only_leases_that_are_neither_valid_nor_in_use_go() {
        let leases = [
            lease("10.0.0.2", Some("valid")),
            lease("10.0.0.3", Some("stale")),
            lease("10.0.0.4", Some("forgotten-but-running")),
            lease("fd00::4", Some("forgotten-but-running")),
            lease("10.0.0.5", None),
        ];
        let in_use = |l: &Lease| l.address.to_string() == "10.0.0.4";
        let verdict = judge(
            &[owner("valid")],
            &leases,
            vec![owner("half-done"), owner("valid")],
            &in_use,
        );
        assert_eq!(verdict.drop, BTreeSet::from([owner("half-done"), owner("stale")]));
        assert_eq!(
            verdict.keep,
            BTreeSet::from([owner("valid"), owner("forgotten-but-running")])
        );
    }
}
