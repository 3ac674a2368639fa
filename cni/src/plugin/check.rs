//! CHECK: compares an attachment with what ADD returned.

use super::add::{connections, open_netns};
use super::desire::desired;
use super::observe::observe;
use super::plan::plan;
use super::{AddResult, Attachment, Code, Machine, NetConfig, PluginError, nat};
use crate::lease::{Granted, Owner, Store};

/// Whether the attachment is still what the previous result says.
///
/// The question is the one that ADD asks: what would have to be done? Nothing, if all is well.
///
/// # Errors
/// [`Code::CheckFailed`] with everything that is wrong.
pub(super) fn check(
    config: &NetConfig,
    attachment: &Attachment,
    machine: &mut Machine<'_>,
) -> Result<(), PluginError> {
    let previous = config.prev_result.as_ref().ok_or_else(|| {
        PluginError::new(
            Code::InvalidConfig,
            "CHECK needs prevResult, which the configuration lacks",
        )
    })?;
    let previous = AddResult::from_json(previous, config.version)?;
    let owner = Owner {
        container: attachment.container.clone(),
        ifname: attachment.ifname.clone(),
    };
    let addresses = granted(&previous, &owner);
    let mut complaints = leases(config, &owner, &addresses)?;

    let desired = desired(config, attachment, &owner, &addresses)?;
    let netns = open_netns(attachment)?;
    let (mut host, mut inside) = connections(&netns)?;
    let seen = observe(&desired, &mut host, &mut inside, &machine.sysctl)?;
    match plan(&desired, &seen) {
        Ok(actions) => complaints.extend(actions.iter().map(|a| a.complaint(&desired))),
        Err(conflict) => complaints.push(conflict.message),
    }
    if nat::is_needed(config) {
        let addresses: Vec<_> = addresses.iter().map(|g| g.net.addr()).collect();
        complaints.extend(nat::missing(config, &addresses)?);
    }
    let said = interface(&previous, &owner)
        .map(|i| i.mac.to_lowercase())
        .filter(|m| !m.is_empty());
    let mac = seen.inside.and_then(|l| l.mac).map(|m| m.to_string());
    if let (Some(said), Some(mac)) = (said, mac)
        && said != mac
    {
        complaints.push(format!(
            "interface {} has hardware address {mac}, not {said}",
            owner.ifname
        ));
    }
    if complaints.is_empty() {
        return Ok(());
    }
    let message = format!(
        "attachment {owner} is not as it was set up: {}",
        complaints.join("; ")
    );
    Err(PluginError::new(Code::CheckFailed, message))
}

/// The container's interface in a result; results before 0.3.0 list none.
fn interface<'r>(result: &'r AddResult, owner: &Owner) -> Option<&'r super::Interface> {
    result
        .interfaces
        .iter()
        .find(|i| i.name == owner.ifname.as_str() && !i.sandbox.is_empty())
}

/// The addresses of the container's interface, out of a result that other plugins may have added to.
fn granted(result: &AddResult, owner: &Owner) -> Vec<Granted> {
    let own = |index: usize| {
        let interface = result.interfaces.get(index);
        interface.is_some_and(|i| i.name == owner.ifname.as_str() && !i.sandbox.is_empty())
    };
    let ips = result.ips.iter().filter(|ip| ip.interface.is_none_or(own));
    ips.map(|ip| Granted {
        net: ip.address,
        gateway: ip.gateway.unwrap_or(ip.address.addr()),
    })
    .collect()
}

/// Complaints about addresses that are not leased to `owner`.
fn leases(config: &NetConfig, owner: &Owner, addresses: &[Granted]) -> Result<Vec<String>, PluginError> {
    let Some(ipam) = &config.ipam else {
        return Ok(Vec::new());
    };
    let held = Store::new(&ipam.data_dir, &config.name)
        .all()
        .map_err(|e| PluginError::caused(Code::Io, "cannot read the leases", &e))?;
    let is_held = |g: &&Granted| {
        held.iter()
            .any(|l| l.address == g.net.addr() && l.owner.as_ref() == Some(owner))
    };
    let missing = addresses.iter().filter(|g| !is_held(g));
    Ok(missing
        .map(|g| format!("address {} is not leased to it", g.net.addr()))
        .collect())
}
