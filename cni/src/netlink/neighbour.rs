//! Neighbour entries (ARP and NDP), and bridge forwarding entries, which share the message.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage as Rtnl;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteType;

use super::address::family;
use super::{Mac, Netlink, Result};

/// A neighbour entry: which hardware address answers for an IP address on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Index of the interface.
    pub link: u32,
    /// The neighbour's IP address.
    pub address: IpAddr,
    /// Its hardware address; none while unresolved.
    pub mac: Option<Mac>,
    /// Set by somebody for good, not learnt.
    pub permanent: bool,
}

impl Netlink {
    /// Sets a permanent neighbour entry, in place of whatever was known.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn set_neighbour(&mut self, link: u32, address: IpAddr, mac: Mac) -> Result<()> {
        let mut message = neighbour_message(link, address);
        message.header.state = NeighbourState::Permanent;
        message.header.kind = RouteType::Unicast;
        message
            .attributes
            .push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
        self.acked(
            Rtnl::NewNeighbour(message),
            NLM_F_CREATE | NLM_F_REPLACE,
            "set neighbour",
            &address.to_string(),
        )
    }

    /// Forgets a neighbour entry, learnt or permanent.
    ///
    /// # Errors
    /// [`Error::is_not_found`](super::Error::is_not_found) when there is none.
    pub fn delete_neighbour(&mut self, link: u32, address: IpAddr) -> Result<()> {
        let message = neighbour_message(link, address);
        self.acked(
            Rtnl::DelNeighbour(message),
            0,
            "delete neighbour",
            &address.to_string(),
        )
    }

    /// All neighbour entries of both families.
    ///
    /// # Errors
    /// When the exchange with the kernel fails.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>> {
        let answers = self
            .socket
            .dump(&Rtnl::GetNeighbour(NeighbourMessage::default()))
            .map_err(|e| e.at("list", "neighbours"))?;
        Ok(answers
            .into_iter()
            .filter_map(|m| match m {
                Rtnl::NewNeighbour(n) => decode(&n),
                _ => None,
            })
            .collect())
    }
}

fn neighbour_message(link: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = link;
    let address = match address {
        IpAddr::V4(a) => NeighbourAddress::Inet(a),
        IpAddr::V6(a) => NeighbourAddress::Inet6(a),
    };
    message.attributes.push(NeighbourAttribute::Destination(address));
    message
}

fn decode(message: &NeighbourMessage) -> Option<Neighbour> {
    let mut address = None;
    let mut mac = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(a)) => address = Some(IpAddr::V4(*a)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(a)) => address = Some(IpAddr::V6(*a)),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Mac::from_slice(bytes),
            _ => {}
        }
    }
    Some(Neighbour {
        link: message.header.ifindex,
        address: address?,
        mac,
        permanent: message.header.state == NeighbourState::Permanent,
    })
}
