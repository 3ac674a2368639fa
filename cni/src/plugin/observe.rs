//! Reads what is there, for [`plan`](super::plan).

use super::plan::{Desired, Observed};
use super::{Code, PluginError};
use crate::netlink::{self, Netlink};
use crate::sysctl::{self, Sysctl};

/// What there is of `desired`, on the node and inside the container.
pub(super) fn observe(
    desired: &Desired,
    host: &mut Netlink,
    inside: &mut Netlink,
    sysctl: &Sysctl,
) -> Result<Observed, PluginError> {
    let mut seen = Observed {
        forwarding: forwarding(desired, sysctl)?,
        ..Observed::default()
    };
    let accepts = sysctl.get(format!("ipv6/conf/{}/accept_ra", desired.bridge));
    // There is no such parameter without a bridge, or without IPv6.
    seen.bridge_accepts_ra = accepts.is_ok_and(|v| v != "0");
    read_links(desired, host, inside, &mut seen)
        .map_err(|e| PluginError::caused(Code::Network, "cannot read the present network", &e))?;
    Ok(seen)
}

fn read_links(
    desired: &Desired,
    host: &mut Netlink,
    inside: &mut Netlink,
    seen: &mut Observed,
) -> netlink::Result<()> {
    seen.bridge = host.link_by_name(&desired.bridge)?;
    if let Some(bridge) = seen.bridge.as_ref().filter(|_| !desired.gateways.is_empty()) {
        seen.bridge_addresses = nets(host, bridge.index)?;
    }
    seen.port = host.link_by_name(&desired.port)?;
    seen.loopback_up = inside.link_by_name("lo")?.is_some_and(|l| l.up);
    seen.inside = inside.link_by_name(&desired.ifname)?;
    if let Some(link) = &seen.inside {
        seen.addresses = nets(inside, link.index)?;
        let routes = inside.routes()?.into_iter().filter(|r| r.link == link.index);
        seen.routes = routes.map(|r| (r.destination, r.gateway)).collect();
    }
    Ok(())
}

fn nets(netlink: &mut Netlink, link: u32) -> netlink::Result<Vec<ipnet::IpNet>> {
    Ok(netlink
        .addresses(Some(link))?
        .into_iter()
        .map(|a| a.net)
        .collect())
}

/// Whether the node forwards each family; families without a gateway are not looked at.
fn forwarding(desired: &Desired, sysctl: &Sysctl) -> Result<[bool; 2], PluginError> {
    let mut on = [false; 2];
    for (index, name) in [FORWARD_V4, FORWARD_V6].into_iter().enumerate() {
        let four = index == 0;
        if desired.gateways.iter().any(|g| g.addr().is_ipv4() == four) {
            on[index] = sysctl.get(name).map_err(|e| sysctl_error(&e))? != "0";
        }
    }
    Ok(on)
}

/// Forwarding of IPv4 packets.
pub(super) const FORWARD_V4: &str = "ipv4/ip_forward";
/// Forwarding of IPv6 packets.
pub(super) const FORWARD_V6: &str = "ipv6/conf/all/forwarding";

pub(super) fn sysctl_error(error: &sysctl::Error) -> PluginError {
    let message = if error.is_missing() {
        "the kernel lacks a network feature"
    } else {
        "cannot set up the kernel"
    };
    PluginError::caused(Code::Network, message, error)
}
