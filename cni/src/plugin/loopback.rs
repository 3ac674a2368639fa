//! The `loopback` plugin: brings a container's loopback interface up.

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::add::open_netns;
use super::apply::loopback_up;
use super::{AddResult, Attachment, Code, Interface, Ip, PluginError, Version};
use crate::netlink::{LinkChange, Netlink};
use crate::netns::{self, Netns};

#[derive(Deserialize)]
struct Previous {
    #[serde(rename = "prevResult")]
    prev_result: Option<Value>,
}

/// Brings the loopback up; hands on the result of a plugin before it, where there is one.
pub(super) fn add(
    config: &[u8],
    attachment: &Attachment,
    version: Version,
) -> Result<AddResult, PluginError> {
    let netns = open_netns(attachment)?;
    let mut netlink = inside(&netns)?;
    loopback_up(&mut netlink).map_err(|e| PluginError::caused(Code::Network, "cannot bring lo up", &e))?;
    let previous: Previous = serde_json::from_slice(config)
        .map_err(|e| PluginError::caused(Code::Decode, "cannot decode the network configuration", &e))?;
    if let Some(previous) = previous.prev_result {
        return AddResult::from_json(&previous, version);
    }
    let ip = |net: &str| {
        let address = net.parse::<IpNet>().ok()?;
        Some(Ip {
            address,
            gateway: None,
            interface: Some(0),
        })
    };
    let lo = Interface {
        name: "lo".into(),
        mac: "00:00:00:00:00:00".into(),
        mtu: 0,
        sandbox: netns.path().display().to_string(),
    };
    let ips = ["127.0.0.1/8", "::1/128"].into_iter().filter_map(ip);
    Ok(AddResult {
        interfaces: vec![lo],
        ips: ips.collect(),
        ..AddResult::default()
    })
}

/// Takes the loopback down, where the namespace is still there.
pub(super) fn del(attachment: &Attachment) -> Result<(), PluginError> {
    let Some(path) = &attachment.netns else {
        return Ok(());
    };
    if let Err(netns::Error::Missing { .. } | netns::Error::NotANamespace { .. }) = Netns::open(path) {
        return Ok(());
    }
    let mut netlink = inside(&open_netns(attachment)?)?;
    let fail = |e| PluginError::caused(Code::Network, "cannot take lo down", &e);
    if let Some(lo) = netlink.link_by_name("lo").map_err(fail)? {
        netlink
            .change_link(
                lo.index,
                &LinkChange {
                    up: Some(false),
                    ..LinkChange::default()
                },
            )
            .map_err(fail)?;
    }
    Ok(())
}

/// Whether the loopback is up.
pub(super) fn check(attachment: &Attachment) -> Result<(), PluginError> {
    let mut netlink = inside(&open_netns(attachment)?)?;
    let lo = netlink
        .link_by_name("lo")
        .map_err(|e| PluginError::caused(Code::Network, "cannot read the present network", &e))?;
    if lo.is_some_and(|l| l.up) {
        return Ok(());
    }
    Err(PluginError::new(
        Code::CheckFailed,
        "the container's loopback is down",
    ))
}

fn inside(netns: &Netns) -> Result<Netlink, PluginError> {
    netns
        .netlink()
        .map_err(|e| PluginError::caused(Code::InvalidNetns, "cannot use netlink in the container", &e))
}
