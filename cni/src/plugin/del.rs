//! DEL: takes an attachment away, whatever is left of it.

use super::{Attachment, Code, Machine, NetConfig, PluginError, naming, nat};
use crate::lease::{Owner, Store};
use crate::netlink::{self, Netlink};
use crate::netns::{self, Netns};

/// Detaches a container. Runs to its end whatever fails, and can be repeated.
///
/// The interface goes first: only then is the address free for another container.
///
/// # Errors
/// All failures together; the runtime tries again.
pub(super) fn del(
    config: &NetConfig,
    attachment: &Attachment,
    machine: &mut Machine<'_>,
) -> Result<(), PluginError> {
    let owner = Owner {
        container: attachment.container.clone(),
        ifname: attachment.ifname.clone(),
    };
    (machine.steps)("delete interface");
    remove_interface(config, attachment, &owner)?;
    let Some(ipam) = &config.ipam else { return Ok(()) };
    let store = Store::new(&ipam.data_dir, &config.name);
    let fail = |e| PluginError::caused(Code::Io, format!("cannot release the addresses of {owner}"), &e);
    let held = store.addresses_of(&owner).map_err(fail)?;
    if !held.is_empty() {
        (machine.steps)("remove address translation");
        nat::remove(&held.into_iter().collect())?;
    }
    store.release(&owner, &mut *machine.steps).map(drop).map_err(fail)
}

/// Deletes the pair: by its end on the node, whose name follows from the owner, so that a vanished
/// namespace does not matter; else by its end in the container.
fn remove_interface(config: &NetConfig, attachment: &Attachment, owner: &Owner) -> Result<(), PluginError> {
    let fail = |e: netlink::Error| {
        PluginError::caused(
            Code::Network,
            format!("cannot remove interface {}", attachment.ifname),
            &e,
        )
    };
    let mut host = Netlink::open().map_err(fail)?;
    let name = naming::host_ifname(owner);
    if let Some(port) = host.link_by_name(&name).map_err(fail)? {
        // Without an alias: the ADD was killed right after making it.
        let own = port.alias.is_empty() || naming::is_alias_of(&port.alias, &config.name, owner);
        if own && port.kind == "veth" {
            return gone(host.delete_link(port.index)).map_err(fail);
        }
    }
    // A pair made by another plugin has another name on the node.
    let Some(path) = &attachment.netns else {
        return Ok(());
    };
    let netns = match Netns::open(path) {
        Ok(netns) => netns,
        Err(netns::Error::Missing { .. } | netns::Error::NotANamespace { .. }) => return Ok(()),
        Err(e) => {
            return Err(PluginError::caused(
                Code::InvalidNetns,
                "cannot open the network namespace",
                &e,
            ));
        }
    };
    let in_own = Netns::current().and_then(|own| Ok(own.id()? == netns.id()?));
    if in_own.unwrap_or(true) && !attachment.own_netns_allowed {
        // Never look for `eth0` among the node's own interfaces.
        return Ok(());
    }
    let mut inside = netns
        .netlink()
        .map_err(|e| PluginError::caused(Code::InvalidNetns, "cannot use netlink in the container", &e))?;
    match inside.link_by_name(owner.ifname.as_str()).map_err(fail)? {
        Some(link) if link.kind == "veth" => gone(inside.delete_link(link.index)).map_err(fail),
        _ => Ok(()),
    }
}

fn gone(result: netlink::Result<()>) -> netlink::Result<()> {
    result.or_else(|e| if e.is_not_found() { Ok(()) } else { Err(e) })
}
