//! Interface addresses.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Rtnl};

use super::{Netlink, Result};

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Index of the interface.
    pub link: u32,
    /// The address with its prefix length (host bits kept).
    pub net: IpNet,
    /// Whether it is only valid on this link (`fe80::/10` and the like).
    pub link_local: bool,
    /// IPv6: duplicate address detection has not finished; the address cannot be used yet.
    pub tentative: bool,
    /// Set by the kernel for good, as opposed to one with a lifetime.
    pub permanent: bool,
}

impl Netlink {
    /// Adds `net` to interface `link`, usable at once.
    ///
    /// IPv6 duplicate address detection is off for this address (`IFA_F_NODAD`): the allocator
    /// already guarantees uniqueness, and detection would make a pod wait for seconds.
    ///
    /// # Errors
    /// [`Error::is_exists`](super::Error::is_exists) when the interface has the address already.
    pub fn add_address(&mut self, link: u32, net: IpNet) -> Result<()> {
        let mut message = address_message(link, net);
        message.header.flags |= AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(
            AddressFlags::Nodad | AddressFlags::Permanent,
        ));
        if let IpNet::V4(v4) = net
            && v4.prefix_len() < 31
        {
            message
                .attributes
                .push(AddressAttribute::Broadcast(v4.broadcast()));
        }
        self.acked(
            Rtnl::NewAddress(message),
            NLM_F_CREATE | NLM_F_EXCL,
            "add address",
            &net.to_string(),
        )
    }

    /// Removes `net` from interface `link`.
    ///
    /// # Errors
    /// [`Error::is_not_found`](super::Error::is_not_found) when the interface has no such address.
    pub fn delete_address(&mut self, link: u32, net: IpNet) -> Result<()> {
        self.acked(
            Rtnl::DelAddress(address_message(link, net)),
            0,
            "delete address",
            &net.to_string(),
        )
    }

    /// The addresses of interface `link`, or of all interfaces.
    ///
    /// # Errors
    /// When the exchange with the kernel fails.
    pub fn addresses(&mut self, link: Option<u32>) -> Result<Vec<Address>> {
        let mut message = AddressMessage::default();
        message.header.index = link.unwrap_or(0);
        let answers = self
            .socket
            .dump(&Rtnl::GetAddress(message))
            .map_err(|e| e.at("list addresses of", link_name(link)))?;
        let all = answers.into_iter().filter_map(|m| match m {
            Rtnl::NewAddress(a) => decode(&a),
            _ => None,
        });
        // Kernels without strict checking ignore the filter.
        Ok(all.filter(|a| link.is_none_or(|l| l == a.link)).collect())
    }
}

fn link_name(link: Option<u32>) -> String {
    link.map_or_else(|| "all interfaces".into(), |l| format!("interface {l}"))
}

fn address_message(link: u32, net: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = link;
    message.header.prefix_len = net.prefix_len();
    message.header.family = family(net.addr());
    message.header.scope = if is_link_local(net.addr()) {
        AddressScope::Link
    } else {
        AddressScope::Universe
    };
    message.attributes.push(AddressAttribute::Address(net.addr()));
    message.attributes.push(AddressAttribute::Local(net.addr()));
    message
}

pub(super) fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}

fn decode(message: &AddressMessage) -> Option<Address> {
    let mut peer = None;
    let mut local = None;
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Address(a) => peer = Some(*a),
            // On a point-to-point link `Address` is the far end's.
            AddressAttribute::Local(a) => local = Some(*a),
            AddressAttribute::Flags(f) => flags = *f,
            _ => {}
        }
    }
    Some(Address {
        link: message.header.index,
        net: IpNet::new(local.or(peer)?, message.header.prefix_len).ok()?,
        link_local: message.header.scope == AddressScope::Link,
        tentative: flags.contains(AddressFlags::Tentative),
        permanent: flags.contains(AddressFlags::Permanent),
    })
}
