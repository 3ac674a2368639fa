//! What to change, from what is wanted and what is there: no kernel, no clock.
//!
//! A plan for a network that is complete is empty; for one that an earlier ADD left half done it holds what is
//! missing. The order matters: interfaces before addresses, addresses before the interface comes up (so
//! that an announcement on coming up carries them), routes last.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Code, PluginError};
use crate::netlink::{Link, Mac};

/// How one container's attachment shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// The bridge's interface name.
    pub bridge: String,
    /// Its hardware address, if it has to be made.
    pub bridge_mac: Mac,
    /// Whether the bridge interface is promiscuous.
    pub promiscuous: bool,
    /// Gateway addresses that the bridge has.
    pub gateways: Vec<IpNet>,
    /// Whether other addresses of the bridge in the same subnets give way.
    pub force_address: bool,
    /// Largest packet of bridge and pair, in bytes; the kernel's default when none.
    pub mtu: Option<u32>,
    /// Name of the pair's end on the node.
    pub port: String,
    /// Alias of that end.
    pub alias: String,
    /// What that end's alias must begin with to be this container's.
    pub alias_stem: String,
    /// Whether the bridge sends frames back through this port.
    pub hairpin: bool,
    /// Name of the pair's end in the container.
    pub ifname: String,
    /// Its hardware address.
    pub mac: Mac,
    /// Whether the hardware address is not the one that follows from the IP address, so that neighbours may
    /// remember another one and have to be told.
    pub announce: bool,
    /// Its addresses.
    pub addresses: Vec<IpNet>,
    /// Its routes.
    pub routes: Vec<DesiredRoute>,
}

/// A route in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRoute {
    /// Destination.
    pub destination: IpNet,
    /// Next hop.
    pub gateway: IpAddr,
    /// Largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Preference, lower wins.
    pub priority: Option<u32>,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The link with the bridge's name.
    pub bridge: Option<Link>,
    /// Whether the bridge takes routers from advertisements.
    pub bridge_accepts_ra: bool,
    /// The bridge's addresses.
    pub bridge_addresses: Vec<IpNet>,
    /// The link with the name of the pair's end on the node.
    pub port: Option<Link>,
    /// The link with the interface's name in the container.
    pub inside: Option<Link>,
    /// The addresses of that link.
    pub addresses: Vec<IpNet>,
    /// The container's routes, as destination and next hop.
    pub routes: Vec<(IpNet, Option<IpAddr>)>,
    /// Whether the container's loopback is up.
    pub loopback_up: bool,
    /// Whether the node forwards IPv4 and IPv6.
    pub forwarding: [bool; 2],
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Let the node forward packets of a family.
    Forward(Family),
    /// Make the bridge, down.
    CreateBridge,
    /// Set the bridge's IPv6 parameters. No duplicate address detection: the node asks for pods' hardware
    /// addresses from its link-local address, and until that is usable, for a second or two, IPv6 would not get
    /// through. No router advertisements: a pod could make itself the node's router (CVE-2020-10749).
    HardenBridge,
    /// Bring the bridge up.
    BridgeUp,
    /// Give the bridge the wanted largest packet.
    BridgeMtu(u32),
    /// Set or clear the bridge's promiscuous mode.
    BridgePromiscuous(bool),
    /// Take a gateway address of another configuration off the bridge.
    RemoveGateway(IpNet),
    /// Give the bridge a gateway address.
    AddGateway(IpNet),
    /// Delete the node's end of a pair that leads elsewhere: a leftover of the same container.
    DeletePort,
    /// Make the pair: one end up on the bridge, the other down in the container.
    CreatePair,
    /// Write down on the node's end whom it is for.
    Label,
    /// Make an existing node's end an up port of the bridge.
    Enslave,
    /// Set or clear hairpin mode of the port.
    Hairpin(bool),
    /// Bring the container's loopback up.
    LoopbackUp,
    /// Let the container's interface have IPv6 addresses where the machine's default forbids it, and have its
    /// link-local one without waiting for duplicate address detection.
    EnableIpv6,
    /// Let the container not take its routers from advertisements, which any other container could send.
    IgnoreAdvertisements,
    /// Let the interface announce its addresses when it comes up.
    Announce,
    /// Add an address inside.
    AddAddress(IpNet),
    /// Bring the container's interface up.
    InsideUp,
    /// Add a route inside.
    AddRoute(DesiredRoute),
    /// Wait until packets pass through both ends of the pair.
    AwaitCarrier,
}

impl Action {
    /// What is wrong while this has not been done, for CHECK.
    pub fn complaint(&self, desired: &Desired) -> String {
        let Desired {
            bridge, port, ifname, ..
        } = desired;
        match self {
            Self::Forward(family) => format!("the node does not forward {family}"),
            Self::CreateBridge => format!("bridge {bridge} is missing"),
            Self::HardenBridge => format!("bridge {bridge} accepts router advertisements"),
            Self::BridgeUp => format!("bridge {bridge} is down"),
            Self::BridgeMtu(mtu) => format!("bridge {bridge} has another mtu than {mtu}"),
            Self::BridgePromiscuous(_) => format!("bridge {bridge} is not promiscuous"),
            Self::RemoveGateway(net) => format!("bridge {bridge} has address {net}"),
            Self::AddGateway(net) => format!("bridge {bridge} lacks address {net}"),
            Self::DeletePort => format!("interface {port} of the node leads elsewhere"),
            Self::CreatePair => format!("interface {ifname} of the container is missing"),
            Self::Label => format!("interface {port} of the node has no alias"),
            Self::Enslave => format!("interface {port} of the node is down or not a port of bridge {bridge}"),
            Self::Hairpin(on) => format!("hairpin mode of {port} is not {}", if *on { "on" } else { "off" }),
            Self::LoopbackUp => "the container's loopback is down".into(),
            Self::EnableIpv6 => format!("interface {ifname} of the container has no IPv6"),
            Self::IgnoreAdvertisements => {
                format!("interface {ifname} of the container accepts router advertisements")
            }
            Self::Announce => format!("interface {ifname} of the container has announced nothing"),
            Self::AddAddress(net) => format!("interface {ifname} of the container lacks address {net}"),
            Self::InsideUp => format!("interface {ifname} of the container is down"),
            Self::AwaitCarrier => format!("interface {ifname} of the container has no carrier"),
            Self::AddRoute(r) => format!(
                "the container lacks the route to {} via {}",
                r.destination, r.gateway
            ),
        }
    }

    /// The action's name, without its object.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Forward(_) => "forward",
            Self::CreateBridge => "create bridge",
            Self::HardenBridge => "harden bridge",
            Self::BridgeUp => "bridge up",
            Self::BridgeMtu(_) => "bridge mtu",
            Self::BridgePromiscuous(_) => "bridge promiscuous",
            Self::RemoveGateway(_) => "remove gateway",
            Self::AddGateway(_) => "add gateway",
            Self::DeletePort => "delete port",
            Self::CreatePair => "create pair",
            Self::Label => "label",
            Self::Enslave => "enslave",
            Self::Hairpin(_) => "hairpin",
            Self::LoopbackUp => "loopback up",
            Self::EnableIpv6 => "enable ipv6",
            Self::IgnoreAdvertisements => "ignore advertisements",
            Self::Announce => "announce",
            Self::AddAddress(_) => "add address",
            Self::InsideUp => "inside up",
            Self::AddRoute(_) => "add route",
            Self::AwaitCarrier => "await carrier",
        }
    }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::V4 { "IPv4" } else { "IPv6" })
    }
}

/// What must be done.
///
/// # Errors
/// When something of another purpose is in the place.
pub fn plan(desired: &Desired, observed: &Observed) -> Result<Vec<Action>, PluginError> {
    let mut actions = Vec::new();
    plan_bridge(desired, observed, &mut actions)?;
    let new_pair = plan_pair(desired, observed, &mut actions)?;
    plan_inside(desired, observed, new_pair, &mut actions);
    Ok(actions)
}

fn conflict(message: String) -> PluginError {
    PluginError::new(Code::InvalidConfig, message)
}

fn plan_bridge(desired: &Desired, observed: &Observed, actions: &mut Vec<Action>) -> Result<(), PluginError> {
    for (family, on, four) in [
        (Family::V4, observed.forwarding[0], true),
        (Family::V6, observed.forwarding[1], false),
    ] {
        if !on && desired.gateways.iter().any(|g| g.addr().is_ipv4() == four) {
            actions.push(Action::Forward(family));
        }
    }
    match &observed.bridge {
        None => actions.extend([Action::CreateBridge, Action::HardenBridge, Action::BridgeUp]),
        Some(link) if link.kind != "bridge" => {
            let kind = if link.kind.is_empty() {
                "device"
            } else {
                &link.kind
            };
            return Err(conflict(format!(
                "interface {} is a {kind}, not a bridge",
                desired.bridge
            )));
        }
        Some(link) => {
            if let Some(mtu) = desired.mtu.filter(|m| *m != link.mtu) {
                actions.push(Action::BridgeMtu(mtu));
            }
            if observed.bridge_accepts_ra {
                actions.push(Action::HardenBridge);
            }
            if !link.up {
                actions.push(Action::BridgeUp);
            }
        }
    }
    if desired.promiscuous && !observed.bridge.as_ref().is_some_and(|l| l.promiscuous) {
        actions.push(Action::BridgePromiscuous(true));
    }
    for gateway in &desired.gateways {
        let same_subnet = |a: &&IpNet| a.trunc() == gateway.trunc() && *a != gateway;
        for other in observed.bridge_addresses.iter().filter(same_subnet) {
            if !desired.force_address {
                return Err(conflict(format!(
                    "bridge {} has address {other} where {gateway} is to be: remove it, or set forceAddress",
                    desired.bridge
                )));
            }
            actions.push(Action::RemoveGateway(*other));
        }
        if !observed.bridge_addresses.contains(gateway) {
            actions.push(Action::AddGateway(*gateway));
        }
    }
    Ok(())
}

/// Returns whether a new pair is made.
fn plan_pair(desired: &Desired, observed: &Observed, actions: &mut Vec<Action>) -> Result<bool, PluginError> {
    let labelled = |l: &Link| {
        let rest = l.alias.strip_prefix(desired.alias_stem.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let in_the_way = || {
        let message = format!("interface {} exists in the container already", desired.ifname);
        Err(PluginError::new(Code::InvalidConfig, message))
    };
    match (&observed.port, &observed.inside) {
        (None, None) => {}
        (None, Some(_)) => return in_the_way(),
        (Some(port), Some(inside)) if is_pair(port, inside) => {
            if !labelled(port) {
                actions.push(Action::Label);
            }
            if port.master.is_none() || port.master != observed.bridge.as_ref().map(|b| b.index) || !port.up {
                actions.push(Action::Enslave);
            }
            if port.hairpin.unwrap_or(false) != desired.hairpin {
                actions.push(Action::Hairpin(desired.hairpin));
            }
            return Ok(false);
        }
        (Some(port), _) if !labelled(port) => {
            return Err(PluginError::new(
                Code::TryAgainLater,
                format!(
                    "interface {} of the node belongs to something else: {:?}",
                    port.name, port.alias
                ),
            ));
        }
        (Some(_), Some(_)) => return in_the_way(),
        (Some(_), None) => actions.push(Action::DeletePort),
    }
    actions.push(Action::CreatePair);
    actions.push(Action::Label);
    if desired.hairpin {
        actions.push(Action::Hairpin(true));
    }
    Ok(true)
}

/// Whether the two are each other's ends.
fn is_pair(port: &Link, inside: &Link) -> bool {
    port.kind == "veth"
        && inside.kind == "veth"
        && port.peer == Some(inside.index)
        && inside.peer == Some(port.index)
}

fn plan_inside(desired: &Desired, observed: &Observed, new_pair: bool, actions: &mut Vec<Action>) {
    if !observed.loopback_up {
        actions.push(Action::LoopbackUp);
    }
    let seen = |a: &IpNet| !new_pair && observed.addresses.contains(a);
    let missing: Vec<IpNet> = desired.addresses.iter().copied().filter(|a| !seen(a)).collect();
    if missing.iter().any(|a| a.addr().is_ipv6()) {
        actions.push(Action::EnableIpv6);
    }
    let inside_up = !new_pair && observed.inside.as_ref().is_some_and(|l| l.up);
    // Without addresses of ours the container may live on a network that has routers.
    if !inside_up && !desired.addresses.is_empty() {
        actions.push(Action::IgnoreAdvertisements);
    }
    if desired.announce && !inside_up {
        actions.push(Action::Announce);
    }
    actions.extend(missing.into_iter().map(Action::AddAddress));
    if !inside_up {
        actions.push(Action::InsideUp);
    }
    for route in &desired.routes {
        let seen = |(d, g): &(IpNet, Option<IpAddr>)| *d == route.destination && *g == Some(route.gateway);
        if new_pair || !observed.routes.iter().any(seen) {
            actions.push(Action::AddRoute(route.clone()));
        }
    }
    let carries = |l: &Option<Link>| l.as_ref().is_some_and(|l| l.running && !l.port_disabled);
    if new_pair || !carries(&observed.inside) || !carries(&observed.port) {
        actions.push(Action::AwaitCarrier);
    }
}

#[cfg(test)]
mod tests;
