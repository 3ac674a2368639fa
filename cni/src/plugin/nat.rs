//! Address translation for pods: masquerading, and ports of the node that lead to pods.
//!
//! One nftables table, `inet agent-cni`, for all networks of the node. Its rules never change: pods are elements
//! of its sets, so that an ADD or DEL is one element more or less, whatever the number of pods.
//!
//! | set | holds |
//! |---|---|
//! | `inside` | names of interfaces that lead to pods; what leaves by them keeps its source |
//! | `masq4`, `masq6` | pods whose traffic to anywhere else gets the node's address |
//! | `ports4`, `ports6` | protocol and port of the node → pod and its port |
//! | `addrports4`, `addrports6` | the same for one address of the node |
//!
//! UDP flows to a port of the node are forgotten when its pod comes or goes: they would go on to where they went.
//!
//! Out of scope: service addresses, which are the proxy's.

mod element;
mod rules;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Code, NetConfig, PluginError};
use crate::conntrack::{Conntrack, Flow};
use crate::netlink;
use crate::nft::{Batch, Element, Nft};
use element::{TABLE, UDP, is_of};

/// Maps that lead to pods, with whether they are for IPv4.
const PORT_MAPS: [(&str, bool); 4] = [
    ("ports4", true),
    ("ports6", false),
    ("addrports4", true),
    ("addrports6", false),
];
/// Sets of masqueraded pods, with whether they are for IPv4.
const MASQUERADED: [(&str, bool); 2] = [("masq4", true), ("masq6", false)];

/// Whether a configuration needs address translation at all.
pub(super) fn is_needed(config: &NetConfig) -> bool {
    config.masquerade || !config.port_mappings.is_empty()
}

/// Makes the node translate for a pod with these addresses, in place of what an earlier holder of them had.
///
/// # Errors
/// When the kernel refuses, or a port of the node is in use by another pod.
pub(super) fn set_up(config: &NetConfig, addresses: &[IpAddr]) -> Result<(), PluginError> {
    let fail = |e: netlink::Error| {
        let hint = "ipMasq and port mappings need nf_tables in the kernel";
        PluginError::caused(
            Code::Network,
            format!("cannot set up address translation: {hint}"),
            &e,
        )
    };
    let mut nft = Nft::open().map_err(fail)?;
    if !nft.has_table(TABLE).map_err(fail)? {
        match nft.commit(&rules::table(), TABLE) {
            // Another ADD made it meanwhile.
            Err(e) if e.is_exists() => {}
            other => other.map_err(fail)?,
        }
    }
    let wanted = element::wanted(config, addresses);
    let mut batch = Batch::default();
    for (map, stale) in led_to(&mut nft, &addresses.iter().copied().collect()).map_err(fail)? {
        if !wanted.contains(&(map, stale.clone())) {
            batch.delete_element(TABLE, map, &stale);
        }
    }
    for (set, element) in &wanted {
        batch.add_element(TABLE, set, element);
    }
    match nft.commit(&batch, TABLE) {
        // The key is there and leads elsewhere; kernels differ in how they say so.
        Err(e) if e.is_exists() || e.errno() == Some(nix::errno::Errno::EBUSY) => {
            let ports: Vec<String> = config
                .port_mappings
                .iter()
                .map(|m| format!("{}/{}", m.host_port, m.protocol))
                .collect();
            let message = format!("a host port out of {} is in use by another pod", ports.join(", "));
            return Err(PluginError::new(Code::TryAgainLater, message));
        }
        other => other.map_err(fail)?,
    }
    let udp = config.port_mappings.iter().filter(|m| m.protocol == "udp");
    forget_udp(&udp.map(|m| m.host_port).collect()).map_err(fail)
}

/// Forgets UDP flows to these ports of the node, whose first packet found another pod behind it, or none.
fn forget_udp(ports: &BTreeSet<u16>) -> netlink::Result<()> {
    if ports.is_empty() {
        return Ok(());
    }
    let stale = |f: &Flow| f.original.protocol == UDP && ports.contains(&f.original.destination_port);
    Conntrack::open()?.forget(stale).map(drop)
}

/// What of [`set_up`] is not there, for CHECK.
///
/// # Errors
/// When the kernel's rules cannot be read.
pub(super) fn missing(config: &NetConfig, addresses: &[IpAddr]) -> Result<Vec<String>, PluginError> {
    let fail = |e| PluginError::caused(Code::Network, "cannot read address translation", &e);
    let mut nft = Nft::open().map_err(fail)?;
    if !nft.has_table(TABLE).map_err(fail)? {
        return Ok(vec!["the node's address translation is missing".into()]);
    }
    let present: BTreeSet<_> = all(&mut nft)
        .map_err(fail)?
        .into_iter()
        .map(|(set, pod)| (set, pod.0))
        .collect();
    let wanted = element::wanted(config, addresses).into_iter();
    let pods = wanted.filter(|(set, _)| is_of(set, &PORT_MAPS) || is_of(set, &MASQUERADED));
    let missing = pods.filter(|pod| !present.contains(pod));
    Ok(missing
        .map(|(set, _)| format!("an entry of the node's address translation is missing in {set}"))
        .collect())
}

/// Forgets pods with these addresses; what is not there is no error.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn remove(addresses: &BTreeSet<IpAddr>) -> Result<(), PluginError> {
    remove_where(&|address| addresses.contains(&address))
}

/// Forgets every pod whose address `gone` says is nobody's.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn remove_where(gone: &dyn Fn(IpAddr) -> bool) -> Result<(), PluginError> {
    let fail =
        |e: netlink::Error| PluginError::caused(Code::Network, "cannot remove address translation", &e);
    let mut nft = Nft::open().map_err(fail)?;
    // The table may be missing, and so may the kernel's nftables: there is nothing to forget then.
    if !nft.has_table(TABLE).unwrap_or(false) {
        return Ok(());
    }
    // Two at once may want to forget the same; the second one finds nothing when it looks again.
    for attempt in 0.. {
        let mut batch = Batch::default();
        let mut udp = BTreeSet::new();
        for (map, element) in all(&mut nft).map_err(fail)? {
            if element.1.is_some_and(gone) {
                batch.delete_element(TABLE, map, &element.0);
                udp.extend(element::udp_port(map, &element.0));
            }
        }
        match nft.commit(&batch, TABLE) {
            Err(e) if e.is_not_found() && attempt < 5 => {}
            Err(e) => return Err(fail(e)),
            Ok(()) => return forget_udp(&udp).map_err(fail),
        }
    }
    Ok(())
}

/// An element with the pod's address in it.
type Pod = (Element, Option<IpAddr>);

/// All elements that stand for pods.
fn all(nft: &mut Nft) -> netlink::Result<Vec<(&'static str, Pod)>> {
    let mut found = Vec::new();
    for (set, four) in MASQUERADED {
        let elements = nft.elements(TABLE, set)?.into_iter();
        found.extend(elements.map(|e| (set, (e.clone(), element::address(&e.key, four)))));
    }
    for (map, four) in PORT_MAPS {
        let elements = nft.elements(TABLE, map)?.into_iter();
        found.extend(elements.map(|e| (map, (e.clone(), element::address(&e.data, four)))));
    }
    Ok(found)
}

/// Ports of the node that lead to any of `addresses`.
fn led_to(nft: &mut Nft, addresses: &BTreeSet<IpAddr>) -> netlink::Result<Vec<(&'static str, Element)>> {
    let all = all(nft)?.into_iter();
    let own =
        all.filter(|(set, pod)| is_of(set, &PORT_MAPS) && pod.1.is_some_and(|a| addresses.contains(&a)));
    Ok(own.map(|(map, pod)| (map, pod.0)).collect())
}
