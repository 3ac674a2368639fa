//! The configuration's fields as they are written.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Dns, PluginError, invalid, unsupported};

/// A network configuration before any check.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Raw {
    pub(super) cni_version: String,
    pub(super) name: String,
    pub(super) bridge: String,
    pub(super) is_gateway: bool,
    pub(super) is_default_gateway: bool,
    pub(super) force_address: bool,
    pub(super) ip_masq: bool,
    pub(super) ip_masq_backend: Option<String>,
    pub(super) mtu: u32,
    pub(super) hairpin_mode: bool,
    pub(super) promisc_mode: bool,
    pub(super) ipam: RawIpam,
    pub(super) dns: Option<Dns>,
    pub(super) runtime_config: RawRuntimeConfig,
    pub(super) args: RawArgs,
    pub(super) prev_result: Option<Value>,
    #[serde(rename = "cni.dev/valid-attachments", deserialize_with = "present")]
    pub(super) valid_attachments: Option<Vec<RawAttachment>>,
    // Asked for by some, not done here: read only to be refused.
    vlan: u32,
    vlan_trunk: Vec<Value>,
    macspoofchk: bool,
    enabledad: bool,
    disable_container_interface: bool,
    port_isolation: bool,
}

/// `ipam`, as written for `host-local`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawIpam {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) ranges: Vec<Vec<RawRange>>,
    #[serde(flatten)]
    pub(super) single: RawRange,
    pub(super) routes: Vec<RawRoute>,
    pub(super) data_dir: String,
    pub(super) resolv_conf: String,
}

/// One range; of the single one at the top all fields may be missing.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawRange {
    pub(super) subnet: Option<IpNet>,
    pub(super) range_start: Option<IpAddr>,
    pub(super) range_end: Option<IpAddr>,
    pub(super) gateway: Option<IpAddr>,
}

/// A route for the containers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawRoute {
    pub(super) dst: IpNet,
    pub(super) gw: Option<IpAddr>,
    pub(super) mtu: Option<u32>,
    pub(super) priority: Option<u32>,
    advmss: Option<u32>,
    table: Option<u32>,
    scope: Option<u32>,
}

/// What the runtime adds for one container, where the configuration declares the capability.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawRuntimeConfig {
    pub(super) mac: Option<String>,
    pub(super) ips: Vec<String>,
    pub(super) ip_ranges: Vec<Vec<RawRange>>,
    port_mappings: Vec<PortMapping>,
}

/// The older way to hand over settings for one container.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawArgs {
    pub(super) cni: RawArgsCni,
}

/// `args.cni`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawArgsCni {
    pub(super) ips: Vec<String>,
}

/// One entry of `cni.dev/valid-attachments`.
#[derive(Debug, Deserialize)]
pub(super) struct RawAttachment {
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
    pub(super) ifname: String,
}

/// A port of the node that leads to a port of the container (capability `portMappings`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// Port on the node.
    pub host_port: u16,
    /// Port in the container.
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`, in lower case.
    #[serde(default)]
    pub protocol: String,
    /// The node's address to listen on; all when empty.
    #[serde(rename = "hostIP", default)]
    pub host_ip: String,
}

/// A list that is there: runtimes write an empty one as `null`.
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Vec<RawAttachment>>, D::Error> {
    Option::deserialize(field).map(|list| Some(list.unwrap_or_default()))
}

impl Raw {
    /// Refuses fields that ask for what is not done.
    pub(super) fn refuse_unsupported(&self) -> Result<(), PluginError> {
        let fields = [
            ("vlan", self.vlan != 0),
            ("vlanTrunk", !self.vlan_trunk.is_empty()),
            ("macspoofchk", self.macspoofchk),
            ("enabledad", self.enabledad),
            ("disableContainerInterface", self.disable_container_interface),
            ("portIsolation", self.port_isolation),
        ];
        if let Some((field, _)) = fields.iter().find(|(_, set)| *set) {
            return Err(unsupported(format!(
                "{field} is not supported: remove it from the configuration"
            )));
        }
        if let Some(backend) = self
            .ip_masq_backend
            .as_deref()
            .filter(|b| !b.is_empty() && *b != "nftables")
        {
            return Err(unsupported(format!(
                "ipMasqBackend {backend:?} is not supported: only nftables is"
            )));
        }
        let route = self
            .ipam
            .routes
            .iter()
            .find(|r| r.advmss.or(r.table).or(r.scope).is_some());
        if let Some(route) = route {
            return Err(unsupported(format!(
                "route {} has advmss, table or scope, which are not supported",
                route.dst
            )));
        }
        Ok(())
    }

    /// The port mappings, checked.
    pub(super) fn port_mappings(&self) -> Result<Vec<PortMapping>, PluginError> {
        let mut mappings = self.runtime_config.port_mappings.clone();
        for m in &mut mappings {
            m.protocol = if m.protocol.is_empty() {
                "tcp".into()
            } else {
                m.protocol.to_lowercase()
            };
            if !["tcp", "udp", "sctp"].contains(&m.protocol.as_str()) {
                return Err(invalid(format!(
                    "portMappings: protocol {:?} is none of tcp, udp, sctp",
                    m.protocol
                )));
            }
            if m.container_port == 0 {
                return Err(invalid(format!(
                    "portMappings: containerPort of hostPort {} is 0",
                    m.host_port
                )));
            }
            if !m.host_ip.is_empty() && m.host_ip.parse::<IpAddr>().is_err() {
                return Err(invalid(format!(
                    "portMappings: hostIP {:?} is not an address",
                    m.host_ip
                )));
            }
        }
        // Runtimes hand over container ports without a host port as well.
        mappings.retain(|m| m.host_port != 0);
        Ok(mappings)
    }
}
