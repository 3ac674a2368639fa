//! Which kernel features there are: files say it for most, a trial in a network namespace of its own for the rest.
//!
//! The trial is the only certain way: a feature may be built in without a trace in `/sys/module`, or be a module
//! that the kernel loads at the first use.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cni::netlink::{BridgeOptions, Cause, Netlink, Reply, Socket, VethPair};
use nix::sched::{CloneFlags, unshare};

use super::super::facts::{Feature, Support};
use super::firewall::nft_tables;

pub(super) fn look(proc: &Path) -> BTreeMap<Feature, Support> {
    let mut found = trial();
    let there = |yes: bool| if yes { Support::Present } else { Support::Missing };
    let exists = |path: &str| there(proc.join(path).exists());
    let namespaces = ["mnt", "pid", "net", "ipc", "uts"]
        .iter()
        .all(|kind| proc.join("self/ns").join(kind).exists());
    let filesystems = fs::read_to_string(proc.join("filesystems")).unwrap_or_default();
    let overlay = filesystems.split_whitespace().any(|name| name == "overlay");
    found.extend([
        (Feature::Namespaces, there(namespaces)),
        (Feature::UserNamespaces, user_namespaces(proc)),
        (Feature::Overlayfs, there(overlay)),
        (Feature::Seccomp, exists("sys/kernel/seccomp/actions_avail")),
        (Feature::Conntrack, exists("sys/net/netfilter/nf_conntrack_max")),
        (
            Feature::BridgeNetfilter,
            exists("sys/net/bridge/bridge-nf-call-iptables"),
        ),
    ]);
    found
}

fn user_namespaces(proc: &Path) -> Support {
    let most = fs::read_to_string(proc.join("sys/user/max_user_namespaces")).unwrap_or_default();
    match most.trim().parse::<u64>() {
        Ok(most) if most > 0 => Support::Present,
        _ => Support::Missing,
    }
}

/// Tries the network features in a namespace that ends with its thread.
fn trial() -> BTreeMap<Feature, Support> {
    let features = [Feature::Veth, Feature::Bridge, Feature::Vxlan, Feature::Nftables];
    let tried = std::thread::spawn(|| {
        // Only this thread moves into the new namespace.
        unshare(CloneFlags::CLONE_NEWNET).ok()?;
        let works = |tried: bool| if tried { Support::Present } else { Support::Missing };
        let mut netlink = Netlink::open().ok()?;
        let veth = VethPair {
            name: "try0",
            master: None,
            peer_name: "try1",
            peer_netns: None,
            peer_mac: None,
            mtu: None,
            up: false,
        };
        Some(BTreeMap::from([
            (Feature::Veth, works(netlink.create_veth(&veth).is_ok())),
            (
                Feature::Bridge,
                works(netlink.create_bridge("try2", &BridgeOptions::default()).is_ok()),
            ),
            (Feature::Vxlan, works(create_vxlan().is_ok())),
            (Feature::Nftables, works(nft_tables().is_ok())),
        ]))
    });
    let unknown = || features.map(|feature| (feature, Support::Unknown)).into();
    tried.join().ok().flatten().unwrap_or_else(unknown)
}

/// Asks for a vxlan device: `RTM_NEWLINK` with the kind and its one mandatory property, the network id.
fn create_vxlan() -> Result<(), Cause> {
    const NETLINK_ROUTE: isize = 0;
    let mut socket = Socket::open(NETLINK_ROUTE)?;
    let sequence = socket.next_sequence();
    socket.send(&vxlan_request(sequence))?;
    let mut answer = Ok(());
    socket.receive(|reply| {
        if let Reply::Refused(_, cause) = reply {
            answer = Err(cause);
        }
        Ok(())
    })?;
    answer
}

fn vxlan_request(sequence: u32) -> Vec<u8> {
    const RTM_NEWLINK: u16 = 16;
    /// `REQUEST | ACK | EXCL | CREATE`.
    const FLAGS: u16 = 0x0605;
    const IFLA_LINKINFO: u16 = 18;
    const INFO_KIND: u16 = 1;
    const INFO_DATA: u16 = 2;
    const VXLAN_ID: u16 = 1;
    /// `struct ifinfomsg`, all zero: any index, no flags.
    const LINK_HEADER: usize = 16;
    let attribute = |kind: u16, value: &[u8]| {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let data = attribute(INFO_DATA, &attribute(VXLAN_ID, &1_u32.to_ne_bytes()));
    let info = attribute(IFLA_LINKINFO, &[attribute(INFO_KIND, b"vxlan"), data].concat());
    let length = u32::try_from(16 + LINK_HEADER + info.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(RTM_NEWLINK.to_ne_bytes());
    bytes.extend(FLAGS.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4 + LINK_HEADER]);
    bytes.extend(info);
    bytes
}
