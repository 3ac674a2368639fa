//! Address management: ranges, routes and addresses asked for.

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use super::raw::{Raw, RawRange};
use super::{Attachment, Ipam, PluginError, invalid, unsupported};
use crate::lease::{Range, RangeSet};

/// A route that containers get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// Destination.
    pub destination: IpNet,
    /// Next hop; the address family's gateway when none.
    pub gateway: Option<IpAddr>,
    /// Largest packet on the route, in bytes.
    pub mtu: Option<u32>,
    /// Preference, lower wins.
    pub priority: Option<u32>,
}

/// The `ipam` section with what the runtime adds to it; none when there is no section.
pub(super) fn parse(
    raw: &Raw,
    attachment: Option<&Attachment>,
    default_data_dir: &Path,
) -> Result<Option<Ipam>, PluginError> {
    let ipam = &raw.ipam;
    match ipam.kind.as_str() {
        "host-local" => {}
        "" if ipam.single.subnet.is_none() && ipam.ranges.is_empty() => return Ok(None),
        "" => return Err(invalid("ipam has no type: use host-local, which is built in")),
        other => {
            return Err(unsupported(format!(
                "ipam type {other:?} is not supported: use host-local, which is built in"
            )));
        }
    }
    let sets = range_sets(raw)?;
    let routes = ipam.routes.iter().map(|r| RouteConfig {
        destination: r.dst.trunc(),
        gateway: r.gw,
        mtu: r.mtu,
        priority: r.priority,
    });
    let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    Ok(Some(Ipam {
        sets,
        routes: routes.collect(),
        data_dir: text(&ipam.data_dir).map_or_else(|| default_data_dir.to_owned(), Into::into),
        wanted: wanted(raw, attachment)?,
        resolv_conf: text(&ipam.resolv_conf).map(Into::into),
    }))
}

/// All range sets: the runtime's, the single one at the top, the list. None may overlap another.
fn range_sets(raw: &Raw) -> Result<Vec<RangeSet>, PluginError> {
    let mut lists: Vec<&[RawRange]> = raw.runtime_config.ip_ranges.iter().map(Vec::as_slice).collect();
    if raw.ipam.single.subnet.is_some() {
        lists.push(std::slice::from_ref(&raw.ipam.single));
    }
    lists.extend(raw.ipam.ranges.iter().map(Vec::as_slice));
    let mut sets = Vec::new();
    for list in lists {
        let ranges: Result<Vec<Range>, PluginError> = list.iter().map(range).collect();
        sets.push(RangeSet::new(ranges?).map_err(|e| invalid(format!("ipam: {e}")))?);
    }
    let all: Vec<&Range> = sets.iter().flat_map(RangeSet::ranges).collect();
    crate::lease::no_overlap(&all).map_err(|e| invalid(format!("ipam: {e}")))?;
    if sets.is_empty() {
        return Err(invalid("ipam has no range: set ranges or subnet"));
    }
    Ok(sets)
}

fn range(raw: &RawRange) -> Result<Range, PluginError> {
    let subnet = raw.subnet.ok_or_else(|| invalid("ipam: a range has no subnet"))?;
    Range::new(subnet, raw.range_start, raw.range_end, raw.gateway).map_err(|e| invalid(format!("ipam: {e}")))
}

/// The addresses asked for: capability `ips`, `args.cni.ips` and `IP=` in `CNI_ARGS`, with or without a prefix length.
fn wanted(raw: &Raw, attachment: Option<&Attachment>) -> Result<Vec<IpAddr>, PluginError> {
    let by_args = attachment.and_then(|a| a.arg("IP"));
    let all = raw
        .runtime_config
        .ips
        .iter()
        .chain(&raw.args.cni.ips)
        .map(String::as_str)
        .chain(by_args);
    let address = |text: &str| {
        let parsed = text
            .parse::<IpAddr>()
            .or_else(|_| text.parse::<IpNet>().map(|n| n.addr()));
        parsed.map_err(|_| invalid(format!("{text:?}, asked for by the runtime, is not an address")))
    };
    all.map(address).collect()
}
