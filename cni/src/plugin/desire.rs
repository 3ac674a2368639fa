//! From configuration and granted addresses to what one attachment shall be.

use std::net::IpAddr;

use ipnet::IpNet;

use super::plan::{Desired, DesiredRoute};
use super::{Attachment, Code, GatewayMode, NetConfig, PluginError, naming};
use crate::lease::{Granted, Owner};

/// What the attachment of `owner` shall be with these addresses.
///
/// # Errors
/// When a route has no address of its family to start from.
pub(super) fn desired(
    config: &NetConfig,
    attachment: &Attachment,
    owner: &Owner,
    addresses: &[Granted],
) -> Result<Desired, PluginError> {
    let gateways = gateways(config, addresses);
    let first = addresses
        .iter()
        .find(|g| g.net.addr().is_ipv4())
        .or(addresses.first());
    let own_mac = first.map_or_else(
        || naming::mac_of_hash(owner.hash()),
        |g| naming::mac_of(g.net.addr()),
    );
    let bridge_mac = gateways.first().map(|g| naming::mac_of(g.addr()));
    Ok(Desired {
        bridge: config.bridge.as_str().into(),
        bridge_mac: bridge_mac.unwrap_or_else(|| bridge_mac_of(config)),
        promiscuous: config.promiscuous,
        gateways,
        force_address: config.force_address,
        mtu: config.mtu,
        port: naming::host_ifname(owner),
        alias: naming::alias(&config.name, owner, attachment.pod().as_deref()),
        alias_stem: naming::alias(&config.name, owner, None),
        hairpin: config.hairpin,
        ifname: owner.ifname.as_str().into(),
        mac: config.mac.unwrap_or(own_mac),
        announce: config.mac.is_some_and(|m| m != own_mac),
        addresses: addresses.iter().map(|g| g.net).collect(),
        routes: routes(config, addresses)?,
    })
}

/// The addresses that the bridge has as a gateway.
fn gateways(config: &NetConfig, addresses: &[Granted]) -> Vec<IpNet> {
    if config.gateway == GatewayMode::None {
        return Vec::new();
    }
    let mut gateways: Vec<IpNet> = addresses
        .iter()
        .map(|g| IpNet::new_assert(g.gateway, g.net.prefix_len()))
        .collect();
    gateways.dedup();
    // The hardware address follows from the first one: prefer what does not depend on the order of ranges.
    gateways.sort_by_key(|g| g.addr().is_ipv6());
    gateways
}

/// A bridge without an address gets a hardware address after its network and name.
fn bridge_mac_of(config: &NetConfig) -> crate::netlink::Mac {
    let bytes = config
        .name
        .bytes()
        .chain([0])
        .chain(config.bridge.as_str().bytes());
    naming::mac_of_hash(bytes.fold(0xcbf2_9ce4_8422_2325, |h: u64, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// The configured routes, and the default ones where the bridge is to be the default gateway.
fn routes(config: &NetConfig, addresses: &[Granted]) -> Result<Vec<DesiredRoute>, PluginError> {
    let gateway_of = |destination: IpNet| -> Option<IpAddr> {
        let four = destination.addr().is_ipv4();
        addresses
            .iter()
            .find(|g| g.net.addr().is_ipv4() == four)
            .map(|g| g.gateway)
    };
    let mut routes = Vec::new();
    for route in config.ipam.iter().flat_map(|i| &i.routes) {
        let gateway = route
            .gateway
            .or_else(|| gateway_of(route.destination))
            .ok_or_else(|| {
                let message = format!(
                    "route to {}: there is no range of its address family",
                    route.destination
                );
                PluginError::new(Code::InvalidConfig, message)
            })?;
        routes.push(DesiredRoute {
            destination: route.destination,
            gateway,
            mtu: route.mtu,
            priority: route.priority,
        });
    }
    if config.gateway == GatewayMode::DefaultRoute {
        for granted in addresses {
            let any = if granted.net.addr().is_ipv4() {
                "0.0.0.0/0"
            } else {
                "::/0"
            };
            let Ok(destination) = any.parse::<IpNet>() else {
                continue;
            };
            if !routes.iter().any(|r| r.destination == destination) {
                routes.push(DesiredRoute {
                    destination,
                    gateway: granted.gateway,
                    mtu: None,
                    priority: None,
                });
            }
        }
    }
    Ok(routes)
}
