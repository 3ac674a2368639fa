//! The network configuration, parsed into types that cannot be wrong.
//!
//! Field names and meanings are the field's common ones (`bridge` and `host-local`), so that a configuration
//! written for them works unchanged. A field that asks for something this plugin does not do is refused,
//! never ignored; fields that nobody knows are left alone, as the specification demands.

mod ipam;
mod raw;

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::call::is_plain_name;
use super::{Attachment, Code, ContainerId, IfName, PluginError, Version};
use crate::lease::{Owner, RangeSet};
use crate::netlink::Mac;
use raw::Raw;

pub use ipam::RouteConfig;
pub use raw::PortMapping;

/// Bridge used when the configuration names none.
const DEFAULT_BRIDGE: &str = "cni0";

/// A network, as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct NetConfig {
    /// The version in which the configuration is written and results are wanted.
    pub version: Version,
    /// The network's name; also a directory's name.
    pub name: String,
    /// The bridge's interface name.
    pub bridge: IfName,
    /// What the bridge is to the containers.
    pub gateway: GatewayMode,
    /// Whether traffic that leaves the network gets the node's address.
    pub masquerade: bool,
    /// Whether a container may reach itself through the bridge.
    pub hairpin: bool,
    /// Whether the bridge interface is promiscuous.
    pub promiscuous: bool,
    /// Whether another address of the bridge in the same subnet is replaced.
    pub force_address: bool,
    /// Largest packet in bytes; the kernel's default when none.
    pub mtu: Option<u32>,
    /// The hardware address that the container must get.
    pub mac: Option<Mac>,
    /// Addresses and routes; none for a network without addresses.
    pub ipam: Option<Ipam>,
    /// Resolver settings handed on to the runtime.
    pub dns: Dns,
    /// Ports of the node that lead to the container.
    pub port_mappings: Vec<PortMapping>,
    /// What an earlier ADD returned; only looked at by CHECK.
    pub prev_result: Option<serde_json::Value>,
    /// All attachments that the runtime knows; only in GC.
    pub valid_attachments: Option<Vec<Owner>>,
}

/// What the bridge is to the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GatewayMode {
    /// A switch without an address.
    None,
    /// It has the gateway's address.
    Address,
    /// The containers' default route leads to it as well.
    DefaultRoute,
}

/// Where addresses come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipam {
    /// Each set gives a container one address.
    pub sets: Vec<RangeSet>,
    /// Routes for the containers.
    pub routes: Vec<RouteConfig>,
    /// Where leases are kept.
    pub data_dir: PathBuf,
    /// Addresses that the container must get.
    pub wanted: Vec<IpAddr>,
    /// A `resolv.conf` whose content is handed to the runtime.
    pub resolv_conf: Option<PathBuf>,
}

/// Resolver settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// Addresses of resolvers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// The local domain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Domains to try for short names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Resolver options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl NetConfig {
    /// Parses a configuration; `attachment` supplies what the runtime asks for in `CNI_ARGS`.
    ///
    /// # Errors
    /// [`Code::Decode`] for what is no such JSON, [`Code::IncompatibleVersion`], [`Code::UnsupportedField`] for
    /// what this plugin does not do, [`Code::InvalidConfig`] for contradictions.
    pub fn parse(
        bytes: &[u8],
        attachment: Option<&Attachment>,
        default_data_dir: &std::path::Path,
    ) -> Result<Self, PluginError> {
        let raw: Raw = serde_json::from_slice(bytes)
            .map_err(|e| PluginError::caused(Code::Decode, "cannot decode the network configuration", &e))?;
        let version: Version = raw.cni_version.parse()?;
        if !is_plain_name(&raw.name) {
            return Err(invalid(format!(
                "name {:?} of the network is empty or has other characters than letters, digits, '_', '.' and '-'",
                raw.name
            )));
        }
        raw.refuse_unsupported()?;
        let bridge = bridge(&raw)?;
        let ipam = ipam::parse(&raw, attachment, default_data_dir)?;
        let port_mappings = raw.port_mappings()?;
        if ipam.is_none() && (raw.ip_masq || !port_mappings.is_empty()) {
            return Err(invalid("ipMasq and portMappings need addresses: configure ipam"));
        }
        Ok(Self {
            version,
            bridge,
            gateway: gateway_mode(&raw),
            masquerade: raw.ip_masq,
            hairpin: raw.hairpin_mode,
            promiscuous: raw.promisc_mode,
            force_address: raw.force_address,
            mtu: (raw.mtu != 0).then_some(raw.mtu),
            mac: mac(&raw, attachment)?,
            ipam,
            dns: raw.dns.clone().unwrap_or_default(),
            port_mappings,
            valid_attachments: valid_attachments(&raw)?,
            prev_result: raw.prev_result,
            name: raw.name,
        })
    }
}

/// The bridge's name, once its modes are known to fit together.
fn bridge(raw: &Raw) -> Result<IfName, PluginError> {
    if raw.hairpin_mode && raw.promisc_mode {
        return Err(invalid(
            "hairpinMode and promiscMode exclude each other: frames would arrive twice",
        ));
    }
    let name = if raw.bridge.is_empty() {
        DEFAULT_BRIDGE
    } else {
        &raw.bridge
    };
    name.parse().map_err(|e| invalid(format!("bridge: {e}")))
}

fn gateway_mode(raw: &Raw) -> GatewayMode {
    match (raw.is_default_gateway, raw.is_gateway) {
        (true, _) => GatewayMode::DefaultRoute,
        (false, true) => GatewayMode::Address,
        (false, false) => GatewayMode::None,
    }
}

fn invalid(message: impl Into<String>) -> PluginError {
    PluginError::new(Code::InvalidConfig, message)
}

fn unsupported(message: impl Into<String>) -> PluginError {
    PluginError::new(Code::UnsupportedField, message)
}

/// The hardware address asked for: by the runtime's capability, else by `CNI_ARGS`.
fn mac(raw: &Raw, attachment: Option<&Attachment>) -> Result<Option<Mac>, PluginError> {
    let asked = raw.runtime_config.mac.as_deref().filter(|m| !m.is_empty());
    let asked = asked.or_else(|| attachment.and_then(|a| a.arg("MAC")));
    asked
        .map(str::parse)
        .transpose()
        .map_err(|e| invalid(format!("mac: {e}")))
}

fn valid_attachments(raw: &Raw) -> Result<Option<Vec<Owner>>, PluginError> {
    let Some(list) = &raw.valid_attachments else {
        return Ok(None);
    };
    let owner = |a: &raw::RawAttachment| {
        let container: ContainerId = a.container_id.parse().map_err(|e| format!("{e}"))?;
        let ifname: IfName = a.ifname.parse().map_err(|e| format!("{e}"))?;
        Ok(Owner { container, ifname })
    };
    let owners: Result<Vec<Owner>, String> = list.iter().map(owner).collect();
    owners
        .map(Some)
        .map_err(|e| invalid(format!("cni.dev/valid-attachments: {e}")))
}

#[cfg(test)]
mod tests;
