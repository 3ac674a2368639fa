//! The result of an ADD, and its forms in the specification's versions.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Code, Dns, PluginError, Version};

/// What was set up, in the newest version's terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AddResult {
    /// Interfaces made or used, on the node and inside.
    pub interfaces: Vec<Interface>,
    /// The container's addresses.
    pub ips: Vec<Ip>,
    /// The container's routes.
    pub routes: Vec<ResultRoute>,
    /// Resolver settings.
    pub dns: Dns,
}

/// An interface of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address, as text.
    pub mac: String,
    /// Its largest packet in bytes; since 1.1.0.
    pub mtu: u32,
    /// The container's network namespace; empty for an interface of the node.
    pub sandbox: String,
}

/// An address of a result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ip {
    /// With its prefix length.
    pub address: IpNet,
    /// The default gateway of its subnet.
    pub gateway: Option<IpAddr>,
    /// Which of the interfaces has it.
    pub interface: Option<usize>,
}

/// A route of a result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResultRoute {
    /// Destination.
    pub dst: IpNet,
    /// Next hop.
    pub gw: Option<IpAddr>,
    /// Largest packet in bytes; since 1.1.0.
    pub mtu: Option<u32>,
    /// Preference; since 1.1.0.
    pub priority: Option<u32>,
}

impl AddResult {
    /// In the form of `version`.
    pub fn to_json(&self, version: Version) -> Value {
        let mut top = Map::new();
        top.insert("cniVersion".into(), version.as_str().into());
        if version < Version::V0_3_0 {
            // One address of each family, and no interfaces.
            for (key, four) in [("ip4", true), ("ip6", false)] {
                if let Some(ip) = self.ips.iter().find(|ip| ip.address.addr().is_ipv4() == four) {
                    top.insert(key.into(), self.legacy_ip(ip));
                }
            }
        } else {
            let interfaces: Vec<Value> = self
                .interfaces
                .iter()
                .map(|i| interface_json(i, version))
                .collect();
            top.insert("interfaces".into(), interfaces.into());
            let ips: Vec<Value> = self.ips.iter().map(|ip| ip_json(ip, version)).collect();
            top.insert("ips".into(), ips.into());
            if !self.routes.is_empty() {
                let routes: Vec<Value> = self.routes.iter().map(|r| route_json(r, version)).collect();
                top.insert("routes".into(), routes.into());
            }
        }
        top.insert("dns".into(), dns_json(&self.dns));
        top.into()
    }

    fn legacy_ip(&self, ip: &Ip) -> Value {
        let mut value = json!({ "ip": ip.address });
        if let Some(gateway) = ip.gateway {
            value["gateway"] = json!(gateway);
        }
        let four = ip.address.addr().is_ipv4();
        let routes = self.routes.iter().filter(|r| r.dst.addr().is_ipv4() == four);
        let routes: Vec<Value> = routes.map(|r| route_json(r, Version::V0_2_0)).collect();
        if !routes.is_empty() {
            value["routes"] = routes.into();
        }
        value
    }

    /// Reads a result of any version; `version` is the configuration's, for a result that says none.
    ///
    /// # Errors
    /// [`Code::Decode`] when it is none.
    pub fn from_json(value: &Value, version: Version) -> Result<Self, PluginError> {
        let said = value
            .get("cniVersion")
            .and_then(Value::as_str)
            .filter(|v| !v.is_empty());
        let version = said.map_or(Ok(version), str::parse)?;
        let bad = |e: serde_json::Error| PluginError::caused(Code::Decode, "cannot decode prevResult", &e);
        if version >= Version::V0_3_0 {
            // Newer versions only add fields, and the address's family number says nothing new.
            return Self::deserialize(value).map_err(bad);
        }
        let legacy = Legacy::deserialize(value).map_err(bad)?;
        let mut result = Self {
            dns: legacy.dns,
            ..Self::default()
        };
        for ip in [legacy.ip4, legacy.ip6].into_iter().flatten() {
            result.ips.push(Ip {
                address: ip.ip,
                gateway: ip.gateway,
                interface: None,
            });
            result.routes.extend(ip.routes);
        }
        Ok(result)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Legacy {
    ip4: Option<LegacyIp>,
    ip6: Option<LegacyIp>,
    dns: Dns,
}

#[derive(Deserialize)]
struct LegacyIp {
    ip: IpNet,
    gateway: Option<IpAddr>,
    #[serde(default)]
    routes: Vec<ResultRoute>,
}

fn interface_json(interface: &Interface, version: Version) -> Value {
    let mut value = json!({ "name": interface.name });
    if !interface.mac.is_empty() {
        value["mac"] = interface.mac.clone().into();
    }
    if version >= Version::V1_1_0 && interface.mtu != 0 {
        value["mtu"] = interface.mtu.into();
    }
    if !interface.sandbox.is_empty() {
        value["sandbox"] = interface.sandbox.clone().into();
    }
    value
}

fn ip_json(ip: &Ip, version: Version) -> Value {
    let mut value = json!({ "address": ip.address });
    if version < Version::V1_0_0 {
        value["version"] = if ip.address.addr().is_ipv4() { "4" } else { "6" }.into();
    }
    if let Some(gateway) = ip.gateway {
        value["gateway"] = json!(gateway);
    }
    if let Some(index) = ip.interface {
        value["interface"] = index.into();
    }
    value
}

fn route_json(route: &ResultRoute, version: Version) -> Value {
    let mut value = json!({ "dst": route.dst });
    if let Some(gw) = route.gw {
        value["gw"] = json!(gw);
    }
    if version >= Version::V1_1_0 {
        for (key, number) in [("mtu", route.mtu), ("priority", route.priority)] {
            if let Some(number) = number {
                value[key] = number.into();
            }
        }
    }
    value
}

fn dns_json(dns: &Dns) -> Value {
    serde_json::to_value(dns).unwrap_or_else(|_| json!({}))
}

#[cfg(test)]
mod tests;
