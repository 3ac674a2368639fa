//! STATUS: whether an ADD could be served.

use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::observe::{FORWARD_V4, FORWARD_V6};
use super::{Code, GatewayMode, Ipam, Machine, NetConfig, PluginError};
use crate::lease::Store;
use crate::netlink::{Link, Netlink};

/// # Errors
/// [`Code::NotAvailable`] when an ADD would fail now; [`Code::LimitedConnectivity`] when moreover containers
/// that exist have reason to complain.
pub(super) fn status(config: &NetConfig, machine: &mut Machine<'_>) -> Result<(), PluginError> {
    let no = |e: &dyn std::error::Error| PluginError::caused(Code::NotAvailable, "netlink does not work", e);
    let mut host = Netlink::open().map_err(|e| no(&e))?;
    if let Some(bridge) = host.link_by_name(config.bridge.as_str()).map_err(|e| no(&e))? {
        let addresses = host.addresses(Some(bridge.index)).map_err(|e| no(&e))?;
        let addressed = addresses.iter().any(|a| !a.link_local);
        bridge_serves(config, &bridge, addressed, machine)?;
    }
    config
        .ipam
        .as_ref()
        .map_or(Ok(()), |ipam| addresses_left(config, ipam))
}

fn bridge_serves(
    config: &NetConfig,
    bridge: &Link,
    addressed: bool,
    machine: &Machine<'_>,
) -> Result<(), PluginError> {
    let limited = |text: String| Err(PluginError::new(Code::LimitedConnectivity, text));
    let name = &config.bridge;
    if bridge.kind != "bridge" {
        let message = format!("interface {name} is not a bridge: name another one in the configuration");
        return Err(PluginError::new(Code::NotAvailable, message));
    }
    if !bridge.up {
        return limited(format!("bridge {name} is down: ip link set {name} up"));
    }
    if config.gateway == GatewayMode::None {
        return Ok(());
    }
    if !addressed {
        return limited(format!("bridge {name} has lost its gateway address"));
    }
    let families: Vec<bool> = config.ipam.iter().flat_map(|i| &i.sets).map(is_v4).collect();
    for (four, parameter) in [(true, FORWARD_V4), (false, FORWARD_V6)] {
        let off = machine.sysctl.get(parameter).is_ok_and(|v| v == "0");
        if off && families.contains(&four) {
            return limited(format!(
                "the node does not forward packets: set net/{parameter} to 1"
            ));
        }
    }
    Ok(())
}

fn is_v4(set: &crate::lease::RangeSet) -> bool {
    set.ranges().iter().all(|r| r.gateway().is_ipv4())
}

fn addresses_left(config: &NetConfig, ipam: &Ipam) -> Result<(), PluginError> {
    let store = Store::new(&ipam.data_dir, &config.name);
    let place = store
        .dir()
        .ancestors()
        .find(|d| d.exists())
        .unwrap_or(Path::new("/"));
    access(place, AccessFlags::W_OK).map_err(|e| {
        PluginError::caused(
            Code::NotAvailable,
            format!("cannot write leases to {}", place.display()),
            &e,
        )
    })?;
    for set in &ipam.sets {
        let leased = store
            .leased_of(set)
            .map_err(|e| PluginError::caused(Code::NotAvailable, "cannot read the leases", &e))?;
        if leased as u128 >= set.capacity() {
            let message = format!(
                "no address is free in {set}: {leased} of {} are leased",
                set.capacity()
            );
            return Err(PluginError::new(Code::NotAvailable, message));
        }
    }
    Ok(())
}
