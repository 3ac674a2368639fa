//! Links: read, create (bridge, veth pair), change, delete.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::link::{
    BridgePortState, InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth,
    LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Rtnl};

use super::{Mac, Netlink, Result};

/// Packet counters of a link since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it, as the kernel counts them")]
pub struct LinkStats {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

/// A link as the kernel describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Index, unique in its namespace.
    pub index: u32,
    /// Name, unique in its namespace.
    pub name: String,
    /// Driver's name (`veth`, `bridge`); empty for a physical device or the loopback.
    pub kind: String,
    /// Hardware address; none for links without one.
    pub mac: Option<Mac>,
    /// Largest packet, in bytes.
    pub mtu: u32,
    /// Administratively up.
    pub up: bool,
    /// Up and usable: the other end is up as well, and the kernel has taken note of it.
    pub running: bool,
    /// Index of the bridge (or other master) that this link is a port of.
    pub master: Option<u32>,
    /// Index of the other end (veth) or the link below (vlan), in its own namespace.
    pub peer: Option<u32>,
    /// Local id of the namespace that `peer` is in; none when it is this one.
    pub peer_netns: Option<i32>,
    /// Free text for people.
    pub alias: String,
    /// Whether a frame may leave through the bridge port that it came in by; none when not a bridge port.
    pub hairpin: Option<bool>,
    /// Whether it is a bridge port that the bridge has switched off; it does that until the link is running.
    pub port_disabled: bool,
    /// Promiscuous by request.
    pub promiscuous: bool,
    /// Counters.
    pub stats: LinkStats,
}

/// A bridge to create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgeOptions {
    /// Hardware address. Setting it keeps the kernel from changing it as ports come and go.
    pub mac: Option<Mac>,
    /// Largest packet in bytes; the kernel's default when none.
    pub mtu: Option<u32>,
    /// Whether ports are separated by VLAN.
    pub vlan_filtering: bool,
    /// Whether it comes up at once.
    pub up: bool,
}

/// A veth pair to create: one end here, the other directly in another namespace.
#[derive(Debug)]
pub struct VethPair<'a> {
    /// Name of the end in this namespace.
    pub name: &'a str,
    /// Bridge that this end becomes a port of.
    pub master: Option<u32>,
    /// Name of the other end.
    pub peer_name: &'a str,
    /// Namespace of the other end; this one when none.
    pub peer_netns: Option<BorrowedFd<'a>>,
    /// Hardware address of the other end; random when none.
    pub peer_mac: Option<Mac>,
    /// Largest packet of both ends, in bytes; the kernel's default when none.
    pub mtu: Option<u32>,
    /// Whether this end comes up at once. The other one cannot: the kernel would open it before the
    /// pair is joined (`ENOTCONN`).
    pub up: bool,
}

/// What to change about a link; `None` leaves a property alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkChange<'a> {
    /// Up or down.
    pub up: Option<bool>,
    /// New name.
    pub name: Option<&'a str>,
    /// New free text, at most 255 bytes.
    pub alias: Option<&'a str>,
    /// New largest packet, in bytes.
    pub mtu: Option<u32>,
    /// New hardware address.
    pub mac: Option<Mac>,
    /// Bridge to become a port of; index 0 leaves the present one.
    pub master: Option<u32>,
    /// Promiscuous mode.
    pub promiscuous: Option<bool>,
}

impl Netlink {
    /// The link of this name, or none.
    ///
    /// # Errors
    /// When the exchange with the kernel fails.
    pub fn link_by_name(&mut self, name: &str) -> Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.get_link(message, name)
    }

    /// The link of this index, or none.
    ///
    /// # Errors
    /// When the exchange with the kernel fails.
    pub fn link_by_index(&mut self, index: u32) -> Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.get_link(message, &format!("number {index}"))
    }

    fn get_link(&mut self, message: LinkMessage, object: &str) -> Result<Option<Link>> {
        match self
            .socket
            .get(Rtnl::GetLink(message))
            .map_err(|e| e.at("read link", object))
        {
            Ok(Some(Rtnl::NewLink(m))) => Ok(Some(decode(&m))),
            Ok(_) => Ok(None),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// All links of the namespace.
    ///
    /// # Errors
    /// When the exchange with the kernel fails.
    pub fn links(&mut self) -> Result<Vec<Link>> {
        let answers = self
            .socket
            .dump(&Rtnl::GetLink(LinkMessage::default()))
            .map_err(|e| e.at("list", "links"))?;
        Ok(answers
            .into_iter()
            .filter_map(|m| match m {
                Rtnl::NewLink(l) => Some(decode(&l)),
                _ => None,
            })
            .collect())
    }

    /// Creates a bridge.
    ///
    /// # Errors
    /// [`Error::is_exists`](super::Error::is_exists) when the name is taken.
    pub fn create_bridge(&mut self, name: &str, options: &BridgeOptions) -> Result<()> {
        let mut message = LinkMessage::default();
        set_up(&mut message, options.up);
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        message.attributes.extend(options.mac.map(mac_attribute));
        message.attributes.extend(options.mtu.map(LinkAttribute::Mtu));
        let mut info = vec![LinkInfo::Kind(InfoKind::Bridge)];
        if options.vlan_filtering {
            info.push(LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::VlanFiltering(
                true,
            )])));
        }
        message.attributes.push(LinkAttribute::LinkInfo(info));
        self.acked(
            Rtnl::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
            "create bridge",
            name,
        )
    }

    /// Creates a veth pair, each end where it belongs, in one request.
    ///
    /// # Errors
    /// [`Error::is_exists`](super::Error::is_exists) when either name is taken in its namespace.
    pub fn create_veth(&mut self, pair: &VethPair<'_>) -> Result<()> {
        let mut peer = LinkMessage::default();
        peer.attributes
            .push(LinkAttribute::IfName(pair.peer_name.to_owned()));
        peer.attributes.extend(pair.mtu.map(LinkAttribute::Mtu));
        peer.attributes.extend(pair.peer_mac.map(mac_attribute));
        peer.attributes
            .extend(pair.peer_netns.map(|fd| LinkAttribute::NetNsFd(fd.as_raw_fd())));

        let mut message = LinkMessage::default();
        set_up(&mut message, pair.up);
        message
            .attributes
            .push(LinkAttribute::IfName(pair.name.to_owned()));
        message.attributes.extend(pair.mtu.map(LinkAttribute::Mtu));
        message
            .attributes
            .extend(pair.master.map(LinkAttribute::Controller));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.acked(
            Rtnl::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
            "create veth pair",
            pair.name,
        )
    }

    /// Changes properties of the link `index`.
    ///
    /// # Errors
    /// When the kernel refuses one of them; others may have been changed already.
    pub fn change_link(&mut self, index: u32, change: &LinkChange<'_>) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        if let Some(up) = change.up {
            set_up(&mut message, up);
        }
        if let Some(on) = change.promiscuous {
            message.header.change_mask |= LinkFlags::Promisc;
            message.header.flags.set(LinkFlags::Promisc, on);
        }
        let attributes = &mut message.attributes;
        attributes.extend(change.name.map(|n| LinkAttribute::IfName(n.to_owned())));
        attributes.extend(change.alias.map(|a| LinkAttribute::IfAlias(a.to_owned())));
        attributes.extend(change.mtu.map(LinkAttribute::Mtu));
        attributes.extend(change.mac.map(mac_attribute));
        attributes.extend(change.master.map(LinkAttribute::Controller));
        self.acked(
            Rtnl::SetLink(message),
            0,
            "change link",
            &format!("number {index}"),
        )
    }

    /// Sets whether a frame may leave through the bridge port by which it came in, which a pod needs
    /// to reach itself through a service address.
    ///
    /// # Errors
    /// When the link is not a port of a bridge.
    pub fn set_hairpin(&mut self, index: u32, on: bool) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(on)])),
        ]));
        self.acked(
            Rtnl::NewLink(message),
            0,
            "set hairpin mode of link",
            &format!("number {index}"),
        )
    }

    /// Deletes the link `index`; of a veth pair both ends go.
    ///
    /// # Errors
    /// [`Error::is_not_found`](super::Error::is_not_found) when there is no such link.
    pub fn delete_link(&mut self, index: u32) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.acked(
            Rtnl::DelLink(message),
            0,
            "delete link",
            &format!("number {index}"),
        )
    }

    /// Deletes the link of this name; `false` when there is none.
    ///
    /// # Errors
    /// When the kernel refuses, or the exchange fails.
    pub fn delete_link_by_name(&mut self, name: &str) -> Result<bool> {
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Unspec;
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.acked(Rtnl::DelLink(message), 0, "delete link", name) {
            Ok(()) => Ok(true),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e),
        }
    }
}

fn set_up(message: &mut LinkMessage, up: bool) {
    message.header.change_mask |= LinkFlags::Up;
    message.header.flags.set(LinkFlags::Up, up);
}

fn mac_attribute(mac: Mac) -> LinkAttribute {
    LinkAttribute::Address(mac.octets().to_vec())
}

fn decode(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        up: message.header.flags.contains(LinkFlags::Up),
        running: message.header.flags.contains(LinkFlags::Running),
        promiscuous: message.header.flags.contains(LinkFlags::Promisc),
        ..Link::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::IfAlias(alias) => link.alias.clone_from(alias),
            LinkAttribute::Address(bytes) => link.mac = Mac::from_slice(bytes),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Controller(index) => link.master = Some(*index),
            LinkAttribute::Link(index) => link.peer = Some(*index),
            LinkAttribute::LinkNetNsId(id) => link.peer_netns = Some(*id),
            LinkAttribute::LinkInfo(infos) => decode_info(infos, &mut link),
            LinkAttribute::Stats64(s) => {
                link.stats = LinkStats {
                    rx_bytes: s.rx_bytes,
                    rx_packets: s.rx_packets,
                    rx_errors: s.rx_errors,
                    rx_dropped: s.rx_dropped,
                    tx_bytes: s.tx_bytes,
                    tx_packets: s.tx_packets,
                    tx_errors: s.tx_errors,
                    tx_dropped: s.tx_dropped,
                };
            }
            _ => {}
        }
    }
    link
}

fn decode_info(infos: &[LinkInfo], link: &mut Link) {
    for info in infos {
        match info {
            LinkInfo::Kind(kind) => link.kind = kind.to_string(),
            LinkInfo::PortData(InfoPortData::BridgePort(port)) => {
                link.hairpin = port.iter().find_map(|p| match p {
                    InfoBridgePort::HairpinMode(on) => Some(*on),
                    _ => None,
                });
                link.port_disabled = port.contains(&InfoBridgePort::State(BridgePortState::Disabled));
            }
            _ => {}
        }
    }
}
