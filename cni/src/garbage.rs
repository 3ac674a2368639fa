//! The node's own sweep: what GC does, for runtimes that do not ask for it (containerd 1.6 never does).

use serde_json::{Value, json};

use crate::install::NodeNetwork;
use crate::lease::Owner;
use crate::plugin::gc::gc;
use crate::plugin::{Code, Machine, NetConfig, PluginError, Version};

/// Removes leases, interfaces and address translation of the node's network that belong to none of `valid`.
///
/// *Expected flow.* At the node's start, with the sandboxes that the runtime lists, ready or not; in the
/// thread's network namespace.
///
/// *Assumptions.* No ADD or DEL is in progress: an attachment that is just being made is not in the list.
///
/// *Guarantees.* An address that an interface in an existing namespace still has is kept, whatever the list says.
///
/// # Errors
/// All failures together; what could be removed is.
pub fn collect_garbage(
    network: &NodeNetwork,
    valid: &[Owner],
    machine: &mut Machine<'_>,
) -> Result<(), PluginError> {
    let config = configuration(network, valid);
    let config = NetConfig::parse(config.to_string().as_bytes(), None, &machine.data_dir)?;
    if config.ipam.is_none() {
        return Err(PluginError::new(
            Code::InvalidConfig,
            "the node's network has no addresses",
        ));
    }
    gc(&config, machine)
}

/// What a runtime would hand to the plugin.
fn configuration(network: &NodeNetwork, valid: &[Owner]) -> Value {
    let list = network.conflist();
    let mut one = list["plugins"][0].clone();
    one["cniVersion"] = Version::CURRENT.as_str().into();
    one["name"] = list["name"].clone();
    let attachment = |o: &Owner| json!({ "containerID": o.container.as_str(), "ifname": o.ifname.as_str() });
    one["cni.dev/valid-attachments"] = valid.iter().map(attachment).collect();
    one
}
