//! Routes of the main table.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Rtnl};

use super::address::family;
use super::{Netlink, Result};

/// A unicast route of the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Destination; the zero network is the default route.
    pub destination: IpNet,
    /// Next hop; none for a destination on the link itself.
    pub gateway: Option<IpAddr>,
    /// Outgoing interface's index.
    pub link: u32,
    /// Preference among routes to one destination, lower wins. For a write, `None` leaves it to the kernel.
    pub priority: Option<u32>,
    /// Largest packet on this route, in bytes.
    pub mtu: Option<u32>,
    /// Set by the kernel itself, as a consequence of an address.
    pub by_kernel: bool,
}

impl Route {
    /// A route through `gateway`, or on the link itself.
    pub fn new(destination: IpNet, gateway: Option<IpAddr>, link: u32) -> Self {
        Self {
            destination,
            gateway,
            link,
            priority: None,
            mtu: None,
            by_kernel: false,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        write!(f, " on interface {}", self.link)
    }
}

impl Netlink {
    /// Adds a route.
    ///
    /// # Errors
    /// [`Error::is_exists`](super::Error::is_exists) when there is one with this destination and priority.
    pub fn add_route(&mut self, route: &Route) -> Result<()> {
        self.acked(
            Rtnl::NewRoute(route_message(route)),
            NLM_F_CREATE | NLM_F_EXCL,
            "add route",
            &route.to_string(),
        )
    }

    /// Adds a route, or puts it in the place of the one with the same destination and priority.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn replace_route(&mut self, route: &Route) -> Result<()> {
        self.acked(
            Rtnl::NewRoute(route_message(route)),
            NLM_F_CREATE | NLM_F_REPLACE,
            "replace route",
            &route.to_string(),
        )
    }

    /// Removes a route.
    ///
    /// # Errors
    /// [`Error::is_not_found`](super::Error::is_not_found) when there is no such route.
    pub fn delete_route(&mut self, route: &Route) -> Result<()> {
        self.acked(
            Rtnl::DelRoute(route_message(route)),
            0,
            "delete route",
            &route.to_string(),
        )
    }

    /// The unicast routes of the main table, of both families.
    ///
    /// # Errors
    /// When the exchange with the kernel fails.
    pub fn routes(&mut self) -> Result<Vec<Route>> {
        let mut routes = Vec::new();
        for wanted in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = wanted;
            let answers = self
                .socket
                .dump(&Rtnl::GetRoute(message))
                .map_err(|e| e.at("list", "routes"))?;
            routes.extend(answers.into_iter().filter_map(|m| match m {
                Rtnl::NewRoute(r) => decode(&r),
                _ => None,
            }));
        }
        Ok(routes)
    }
}

fn route_message(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(route.destination.addr()),
        destination_prefix_length: route.destination.prefix_len(),
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Boot,
        scope: if route.gateway.is_some() {
            RouteScope::Universe
        } else {
            RouteScope::Link
        },
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    // IPv6 has no link scope.
    if route.destination.addr().is_ipv6() {
        message.header.scope = RouteScope::Universe;
    }
    if route.destination.prefix_len() > 0 {
        message
            .attributes
            .push(RouteAttribute::Destination(route.destination.network().into()));
    }
    if let Some(gateway) = route.gateway {
        message.attributes.push(RouteAttribute::Gateway(gateway.into()));
    }
    message.attributes.push(RouteAttribute::Oif(route.link));
    if let Some(priority) = route.priority {
        message.attributes.push(RouteAttribute::Priority(priority));
    }
    if let Some(mtu) = route.mtu {
        message
            .attributes
            .push(RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)]));
    }
    message
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(a) => Some((*a).into()),
        RouteAddress::Inet6(a) => Some((*a).into()),
        _ => None,
    }
}

fn decode(message: &RouteMessage) -> Option<Route> {
    if message.header.table != RouteHeader::RT_TABLE_MAIN || message.header.kind != RouteType::Unicast {
        return None;
    }
    let any: IpAddr = match message.header.address_family {
        AddressFamily::Inet => [0; 4].into(),
        AddressFamily::Inet6 => [0; 16].into(),
        _ => return None,
    };
    let mut route = Route::new(IpNet::new(any, 0).ok()?, None, 0);
    route.by_kernel = message.header.protocol == RouteProtocol::Kernel;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(a) => {
                route.destination = IpNet::new(ip(a)?, message.header.destination_prefix_length).ok()?;
            }
            RouteAttribute::Gateway(a) => route.gateway = ip(a),
            RouteAttribute::Oif(link) => route.link = *link,
            RouteAttribute::Priority(p) => route.priority = Some(*p),
            RouteAttribute::Metrics(metrics) => {
                route.mtu = metrics.iter().find_map(|m| match m {
                    RouteMetric::Mtu(mtu) => Some(*mtu),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    Some(route)
}
