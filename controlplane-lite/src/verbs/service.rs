//! Cluster addresses and node ports of services.
//!
//! What is taken is read from the stored services each time; there is no bitmap beside them that could disagree
//! after a crash. Allocations whose service is not stored yet are held in memory by a [`Held`] guard, so that two
//! requests cannot choose the same.
//!
//! Out of scope: IPv6 and dual stack (one IPv4 range), load balancers.

mod prepare;

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::Ipv4Net;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::context::Context;
use super::options;
use crate::cache::{Cache, ListRequest, When};
use crate::field::{ErrorKind, FieldError, Path};
use crate::status::{Result, Status};

pub(crate) use prepare::prepare;

#[cfg(test)]
mod tests;

/// What can be given out.
#[derive(Debug, Clone)]
pub struct Ranges {
    /// `--service-cluster-ip-range`.
    pub addresses: Ipv4Net,
    /// `--service-node-port-range`.
    pub node_ports: RangeInclusive<u16>,
}

impl Ranges {
    /// The address of `default/kubernetes`: the first of the range.
    pub fn first(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.addresses.network()).saturating_add(1))
    }
}

/// Something that a service has for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Claim {
    Address(Ipv4Addr),
    /// TCP, UDP and SCTP of one number are different ports.
    Port(String, u16),
}

/// Gives out addresses and ports.
#[derive(Debug)]
pub struct Allocator {
    ranges: Ranges,
    pending: Arc<Mutex<HashSet<Claim>>>,
}

/// Allocations of a request that is not stored yet.
#[derive(Debug, Default)]
pub(crate) struct Held {
    claims: Vec<Claim>,
    pending: Option<Arc<Mutex<HashSet<Claim>>>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(pending) = &self.pending {
            let mut pending = pending.lock();
            for claim in &self.claims {
                pending.remove(claim);
            }
        }
    }
}

impl Allocator {
    /// An allocator over these ranges.
    pub fn new(ranges: Ranges) -> Self {
        Self {
            ranges,
            pending: Arc::default(),
        }
    }

    /// The ranges.
    pub fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Gives the service what it needs and does not have. `taken` is what stored services (without this one) have.
    fn fill(&self, service: &mut Value, taken: &HashSet<Claim>) -> std::result::Result<Held, FieldError> {
        let mut round = Round {
            ranges: &self.ranges,
            taken,
            pending: self.pending.lock(),
            new: Vec::new(),
        };
        round.address(service)?;
        round.ports(service)?;
        let Round { mut pending, new, .. } = round;
        pending.extend(new.iter().cloned());
        drop(pending);
        Ok(Held {
            claims: new,
            pending: Some(Arc::clone(&self.pending)),
        })
    }
}

/// One allocation, while the lock is held.
struct Round<'a> {
    ranges: &'a Ranges,
    taken: &'a HashSet<Claim>,
    pending: parking_lot::MutexGuard<'a, HashSet<Claim>>,
    new: Vec<Claim>,
}

impl Round<'_> {
    fn is_free(&self, claim: &Claim) -> bool {
        !self.taken.contains(claim) && !self.pending.contains(claim) && !self.new.contains(claim)
    }

    fn address(&mut self, service: &mut Value) -> std::result::Result<(), FieldError> {
        let spec = &service["spec"];
        if spec["type"] == "ExternalName" || spec["clusterIP"] == "None" {
            return Ok(());
        }
        let path = Path::of("spec").child("clusterIPs");
        let wished = spec["clusterIP"].as_str().unwrap_or_default().to_owned();
        let address = if wished.is_empty() {
            let free = self.free_address();
            free.ok_or_else(|| FieldError::internal(&path, "failed to allocate a serviceIP: range is full"))?
        } else {
            let refuse = |why: &str| {
                let detail = format!("failed to allocate IP {wished}: {why}");
                FieldError::invalid(&path, &json!([wished]), detail)
            };
            let outside = || refuse("the provided network does not match the current range");
            let address: Ipv4Addr = wished.parse().map_err(|_| outside())?;
            if !self.ranges.addresses.contains(&address) {
                return Err(outside());
            }
            if !self.is_free(&Claim::Address(address)) {
                return Err(refuse("provided IP is already allocated"));
            }
            address
        };
        self.new.push(Claim::Address(address));
        service["spec"]["clusterIP"] = json!(address);
        service["spec"]["clusterIPs"] = json!([address]);
        Ok(())
    }

    /// A random free address: in the upper part of the range first, so that the lower part stays free for
    /// addresses that people choose (KEP-3070).
    fn free_address(&self) -> Option<Ipv4Addr> {
        let network = u32::from(self.ranges.addresses.network());
        let size = u32::from(self.ranges.addresses.broadcast()) - network;
        let reserved = (size / 16).clamp(16.min(size), 256);
        let search = |from: u32, to: u32| {
            let span = to.checked_sub(from).filter(|s| *s > 0)?;
            let start = fastrand::u32(..span);
            (0..span)
                .map(|i| Ipv4Addr::from(network + from + (start + i) % span))
                .find(|a| self.is_free(&Claim::Address(*a)))
        };
        search(reserved.max(1), size).or_else(|| search(1, reserved.max(1)))
    }

    fn ports(&mut self, service: &mut Value) -> std::result::Result<(), FieldError> {
        if !needs_node_ports(&service["spec"]) {
            return Ok(());
        }
        let count = service["spec"]["ports"].as_array().map_or(0, Vec::len);
        for i in 0..count {
            let port = &service["spec"]["ports"][i];
            let protocol = port["protocol"].as_str().unwrap_or("TCP").to_owned();
            let wished = port["nodePort"].as_i64().unwrap_or(0);
            // One number may serve the same port of several protocols.
            let shared = self.shared(service, i);
            let path = Path::of("spec").child("ports").index(i).child("nodePort");
            let number = self.port(
                &protocol,
                if wished == 0 { shared.unwrap_or(0) } else { wished },
                &path,
            )?;
            service["spec"]["ports"][i]["nodePort"] = json!(number);
        }
        self.health_port(service)
    }

    fn shared(&self, service: &Value, i: usize) -> Option<i64> {
        let ports = service["spec"]["ports"].as_array()?;
        let same = ports[..i]
            .iter()
            .find(|p| p["port"] == ports[i]["port"] && p["protocol"] != ports[i]["protocol"])?;
        same["nodePort"].as_i64().filter(|n| *n > 0)
    }

    fn port(&mut self, protocol: &str, wished: i64, path: &Path) -> std::result::Result<u16, FieldError> {
        let claim = |number| Claim::Port(protocol.to_owned(), number);
        let range = self.ranges.node_ports.clone();
        let number = if wished == 0 {
            let span = u32::from(range.end() - range.start()) + 1;
            let start = fastrand::u32(..span);
            let at = |i| u16::try_from(u32::from(*range.start()) + (start + i) % span).ok();
            let free = (0..span).filter_map(at).find(|n| self.is_free(&claim(*n)));
            free.ok_or_else(|| FieldError::internal(path, "failed to allocate a nodePort: range is full"))?
        } else {
            let refuse = |why: &str| FieldError::new(ErrorKind::Invalid, path, &json!(wished), why);
            let number = u16::try_from(wished)
                .ok()
                .filter(|n| range.contains(n))
                .ok_or_else(|| {
                    let (low, high) = (range.start(), range.end());
                    refuse(&format!(
                        "provided port is not in the valid range. The range of valid ports is {low}-{high}"
                    ))
                })?;
            if !self.is_free(&claim(number)) {
                return Err(refuse("provided port is already allocated"));
            }
            number
        };
        self.new.push(claim(number));
        Ok(number)
    }

    /// Load balancers that keep the client's address ask nodes whether they have endpoints.
    fn health_port(&mut self, service: &mut Value) -> std::result::Result<(), FieldError> {
        if !needs_health_port(&service["spec"]) {
            return Ok(());
        }
        let wished = service["spec"]["healthCheckNodePort"].as_i64().unwrap_or(0);
        let path = Path::of("spec").child("healthCheckNodePort");
        let number = self.port("TCP", wished, &path)?;
        service["spec"]["healthCheckNodePort"] = json!(number);
        Ok(())
    }
}

/// Whether the ports of this spec get node ports.
fn needs_node_ports(spec: &Value) -> bool {
    match spec["type"].as_str() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    }
}

fn needs_health_port(spec: &Value) -> bool {
    spec["type"] == "LoadBalancer" && spec["externalTrafficPolicy"] == "Local"
}

/// What a service has.
fn claims(service: &Value, out: &mut HashSet<Claim>) {
    let spec = &service["spec"];
    out.extend(
        spec["clusterIP"]
            .as_str()
            .and_then(|a| a.parse().ok())
            .map(Claim::Address),
    );
    for port in spec["ports"].as_array().into_iter().flatten() {
        let number = port["nodePort"]
            .as_u64()
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| *n > 0);
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        out.extend(number.map(|n| Claim::Port(protocol.to_owned(), n)));
    }
    let health = spec["healthCheckNodePort"]
        .as_u64()
        .and_then(|n| u16::try_from(n).ok())
        .filter(|n| *n > 0);
    out.extend(health.map(|n| Claim::Port("TCP".into(), n)));
}

/// What the stored services have, but for the one under `except`.
async fn taken(cache: &Cache, prefix: String, except: &str) -> Result<HashSet<Claim>> {
    let request = ListRequest {
        when: When::Cached,
        ..ListRequest::all(prefix)
    };
    let listing = cache.list(request).await.map_err(Status::internal)?;
    let mut out = HashSet::new();
    for object in listing.objects.iter().filter(|o| *o.key != *except) {
        // Parsing is only worth it where there are ports.
        if matches!(object.fields.get("spec.type"), Some("NodePort" | "LoadBalancer")) {
            claims(
                &serde_json::from_slice(&object.json).unwrap_or_default(),
                &mut out,
            );
        } else {
            let address = object.fields.get("spec.clusterIP").and_then(|a| a.parse().ok());
            out.extend(address.map(Claim::Address));
        }
    }
    Ok(out)
}

/// Gives a service what it needs. Nothing to do for other resources. The guard is to be kept until the write is
/// done.
///
/// # Errors
/// 422 for a wish that cannot be met.
pub(crate) async fn allocate(context: &Context<'_>, name: &str, object: &mut Value) -> Result<Held> {
    let row = &context.row;
    if !row.group.is_empty() || row.kind != "Service" || !matches!(context.subresource(), "") {
        return Ok(Held::default());
    }
    let taken = taken(&context.server.cache, row.key_prefix(None), &context.key(name)).await?;
    context
        .server
        .services
        .fill(object, &taken)
        .map_err(|error| Status::invalid("", "Service", name, vec![options::cause(&error)]))
}
