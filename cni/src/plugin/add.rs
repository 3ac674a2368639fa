//! ADD: lease, interfaces, addresses, routes; or nothing at all.

use std::fs;
use std::net::IpAddr;

use super::apply::Executor;
use super::desire::desired;
use super::machine::truth;
use super::observe::{observe, sysctl_error};
use super::plan::plan;
use super::undo::Undo;
use super::{
    AddResult, Attachment, Code, Dns, Interface, Ip, Machine, NetConfig, PluginError, ResultRoute, nat,
    resolv,
};
use crate::lease::{self, Granted, Owner, Request, Store};
use crate::netlink::Netlink;
use crate::netns::Netns;

/// Attaches a container.
///
/// *Guarantees.* On an error everything that this call made is taken back. An attachment that an earlier,
/// killed call left half done is completed, with the same addresses.
pub(super) fn add(
    config: &NetConfig,
    attachment: &Attachment,
    machine: &mut Machine<'_>,
) -> Result<AddResult, PluginError> {
    let netns = open_netns(attachment)?;
    let (mut host, inside) = connections(&netns)?;
    let dns = dns(config)?;
    let owner = Owner {
        container: attachment.container.clone(),
        ifname: attachment.ifname.clone(),
    };
    let task = Task {
        config,
        attachment,
        netns: &netns,
    };
    let mut undo = Undo::new(&mut host, &owner);
    match set_up(&task, inside, &mut undo, machine) {
        Ok(result) => {
            undo.commit();
            Ok(AddResult { dns, ..result })
        }
        Err(error) => Err(undo.roll_back(error)),
    }
}

/// Opens the container's namespace, and makes sure that it is not the node's own.
pub(super) fn open_netns(attachment: &Attachment) -> Result<Netns, PluginError> {
    let path = attachment.netns.clone().unwrap_or_default();
    let fail = |e: &crate::netns::Error| {
        PluginError::caused(
            Code::InvalidNetns,
            format!("cannot use network namespace {}", path.display()),
            e,
        )
    };
    let netns = Netns::open(&path).map_err(|e| fail(&e))?;
    let own = Netns::current().map_err(|e| fail(&e))?;
    if netns.id().map_err(|e| fail(&e))? == own.id().map_err(|e| fail(&e))? && !attachment.own_netns_allowed {
        let message = format!("network namespace {} is the node's own", path.display());
        return Err(PluginError::new(Code::InvalidNetns, message));
    }
    Ok(netns)
}

/// Netlink on the node and in the container.
pub(super) fn connections(netns: &Netns) -> Result<(Netlink, Netlink), PluginError> {
    let host = Netlink::open()
        .map_err(|e| PluginError::caused(Code::Network, "cannot use netlink on the node", &e))?;
    let inside = netns
        .netlink()
        .map_err(|e| PluginError::caused(Code::InvalidNetns, "cannot use netlink in the container", &e))?;
    Ok((host, inside))
}

/// The configured resolver settings, else those of the configured file.
fn dns(config: &NetConfig) -> Result<Dns, PluginError> {
    let file = config.ipam.as_ref().and_then(|i| i.resolv_conf.as_ref());
    let Some(file) = file.filter(|_| config.dns == Dns::default()) else {
        return Ok(config.dns.clone());
    };
    let text = fs::read_to_string(file).map_err(|e| {
        PluginError::caused(Code::Io, format!("cannot read resolvConf {}", file.display()), &e)
    })?;
    Ok(resolv::parse(&text))
}

/// What is to be attached to what.
struct Task<'a> {
    config: &'a NetConfig,
    attachment: &'a Attachment,
    netns: &'a Netns,
}

fn set_up(
    task: &Task<'_>,
    mut inside: Netlink,
    undo: &mut Undo<'_>,
    machine: &mut Machine<'_>,
) -> Result<AddResult, PluginError> {
    let Task {
        config,
        attachment,
        netns,
    } = *task;
    let addresses = lease(config, attachment, undo, machine)?;
    let desired = desired(config, attachment, undo.owner(), &addresses)?;
    let sysctl = machine.sysctl.clone();
    let seen = observe(&desired, undo.host(), &mut inside, &sysctl)?;
    let actions = plan(&desired, &seen)?;
    undo.will_connect(&desired.port, seen.port.as_ref());
    let mut executor = Executor {
        desired: &desired,
        host: undo.host(),
        inside: &mut inside,
        netns,
        sysctl: &sysctl,
        seen,
    };
    for action in &actions {
        (machine.steps)(action.name());
        executor.apply(action)?;
    }
    let result = result(&mut executor, &addresses)?;
    if nat::is_needed(config) {
        translate(config, &addresses, undo, machine)?;
    }
    (machine.steps)("answer");
    Ok(result)
}

/// Masquerading and ports of the node.
fn translate(
    config: &NetConfig,
    addresses: &[Granted],
    undo: &mut Undo<'_>,
    machine: &mut Machine<'_>,
) -> Result<(), PluginError> {
    let addresses: Vec<IpAddr> = addresses.iter().map(|g| g.net.addr()).collect();
    undo.will_translate(&addresses);
    if !config.port_mappings.is_empty() {
        // The node reaches its own port over 127.0.0.1 too; the kernel drops that by default.
        (machine.steps)("route localnet");
        let parameter = format!("ipv4/conf/{}/route_localnet", config.bridge);
        machine.sysctl.set(parameter, "1").map_err(|e| sysctl_error(&e))?;
    }
    (machine.steps)("address translation");
    nat::set_up(config, &addresses)
}

/// The container's addresses; none for a network without address management.
fn lease(
    config: &NetConfig,
    attachment: &Attachment,
    undo: &mut Undo<'_>,
    machine: &mut Machine<'_>,
) -> Result<Vec<Granted>, PluginError> {
    let Some(ipam) = &config.ipam else {
        return Ok(Vec::new());
    };
    let store = Store::new(&ipam.data_dir, &config.name);
    let boot = machine.boot()?;
    let netns = attachment.netns.as_ref().and_then(|p| p.to_str());
    let pod = attachment.pod();
    let owner = undo.owner().clone();
    let request = Request {
        owner: &owner,
        netns,
        pod: pod.as_deref(),
        sets: &ipam.sets,
        wanted: &ipam.wanted,
    };
    undo.will_lease(&store);
    let grant = store.acquire(&request, &truth(&boot), &mut *machine.steps);
    grant.map(|g| g.addresses).map_err(|e| {
        let code = if matches!(e, lease::Error::Io { .. }) {
            Code::Io
        } else {
            Code::TryAgainLater
        };
        PluginError::caused(code, format!("cannot lease an address for {owner}: {e}"), &e)
    })
}

fn result(executor: &mut Executor<'_>, addresses: &[Granted]) -> Result<AddResult, PluginError> {
    let sandbox = executor.netns.path().display().to_string();
    let fail = |e| PluginError::caused(Code::Network, "cannot read what was set up", &e);
    let mut interfaces = Vec::new();
    let links = [
        executor.bridge().map_err(fail)?.clone(),
        executor.port().map_err(fail)?.clone(),
        executor.inside_link().map_err(fail)?.clone(),
    ];
    for (index, link) in links.into_iter().enumerate() {
        interfaces.push(Interface {
            name: link.name,
            mac: link.mac.map(|m| m.to_string()).unwrap_or_default(),
            mtu: link.mtu,
            sandbox: if index == 2 {
                sandbox.clone()
            } else {
                String::new()
            },
        });
    }
    let ips = addresses.iter().map(|g| Ip {
        address: g.net,
        gateway: Some(g.gateway),
        interface: Some(2),
    });
    let routes = executor.desired.routes.iter().map(|r| ResultRoute {
        dst: r.destination,
        gw: Some(r.gateway),
        mtu: r.mtu,
        priority: r.priority,
    });
    Ok(AddResult {
        interfaces,
        ips: ips.collect(),
        routes: routes.collect(),
        dns: Dns::default(),
    })
}
