//! Names and hardware addresses that follow from what they stand for, so that leftovers are recognised and
//! nothing has to be remembered.

use std::net::IpAddr;

use crate::lease::Owner;
use crate::netlink::Mac;

/// Longest alias that the kernel takes.
const ALIAS_MAX: usize = 255;

/// The node's end of a container's veth pair: the same for the same container and interface.
pub fn host_ifname(owner: &Owner) -> String {
    let hash = owner.hash();
    format!("veth{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// What the alias of every interface of `network` that this plugin made begins with.
pub fn alias_prefix(network: &str) -> String {
    format!("agent-cni {network} ")
}

/// The alias of the node's end: who made it for what, in words that `ip link` shows.
pub fn alias(network: &str, owner: &Owner, pod: Option<&str>) -> String {
    let mut alias = format!("{}{} {}", alias_prefix(network), owner.container, owner.ifname);
    if let Some(pod) = pod.filter(|p| alias.len() + 1 + p.len() <= ALIAS_MAX) {
        alias.push(' ');
        alias.push_str(pod);
    }
    alias.truncate(ALIAS_MAX);
    alias
}

/// Whether `seen` is the alias of `owner`'s interface in `network`, whatever pod it names.
pub fn is_alias_of(seen: &str, network: &str, owner: &Owner) -> bool {
    let own = alias(network, owner, None);
    seen.strip_prefix(own.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// A hardware address that follows from an IP address.
///
/// When an address goes to another container, its hardware address goes with it: what neighbours
/// remember stays true, and no gratuitous ARP is needed. `0a:58` is what the field uses for this.
pub fn mac_of(address: IpAddr) -> Mac {
    let [a, b, c, d] = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => fold(v6.to_bits()),
    };
    Mac::new([0x0a, 0x58, a, b, c, d])
}

/// A hardware address for an interface without an IP address.
pub fn mac_of_hash(hash: u64) -> Mac {
    let [a, b, c, d] = fold(u128::from(hash));
    Mac::new([0x0a, 0x59, a, b, c, d])
}

/// All bits on four bytes. The multiplication spreads neighbours apart: addresses differ in few bits.
fn fold(bits: u128) -> [u8; 4] {
    let [a, b] = [(bits >> 64) as u64, bits as u64];
    let mixed = (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 32) as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn owner(container: &str, ifname: &str) -> Owner {
        Owner {
            container: container.parse().unwrap(),
            ifname: ifname.parse().unwrap(),
        }
    }

    #[test]
    fn the_hosts_name_is_short_stable_and_different_per_interface() {
        let name = host_ifname(&owner("c1", "eth0"));
        assert_eq!(name, "veth4ad64bf1");
        assert!(name.len() <= 15);
        let many: BTreeSet<String> = (0..1000)
            .flat_map(|i| ["eth0", "net1"].map(|n| host_ifname(&owner(&format!("c{i}"), n))))
            .collect();
        assert_eq!(many.len(), 2000);
    }

    #[test]
    fn an_alias_belongs_to_one_owner_whatever_its_length() {
        let (a, longer) = (owner("abc", "eth0"), owner("abc", "eth01"));
        let text = alias("net", &a, Some("default/web"));
        assert_eq!(text, "agent-cni net abc eth0 default/web");
        assert!(is_alias_of(&text, "net", &a));
        assert!(!is_alias_of(&alias("net", &longer, None), "net", &a));
        assert!(!is_alias_of(&text, "other", &a) && !is_alias_of("", "net", &a));
        let huge = owner(&"x".repeat(300), "eth0");
        let text = alias("net", &huge, Some("default/web"));
        assert_eq!(text.len(), ALIAS_MAX);
        assert!(is_alias_of(&text, "net", &huge));
    }

    #[test]
    fn hardware_addresses_follow_addresses_and_are_unicast_and_local() {
        assert_eq!(
            mac_of("10.244.0.5".parse().unwrap()).to_string(),
            "0a:58:0a:f4:00:05"
        );
        let six: BTreeSet<Mac> = (1..5000u128)
            .map(|i| mac_of(IpAddr::V6((0xfd00_u128 << 112 | i).into())))
            .collect();
        assert_eq!(six.len(), 4999);
        assert!(six.iter().all(|m| m.octets()[0] & 3 == 2));
    }
}
