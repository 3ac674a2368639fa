//! What the container runtime says about itself.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use cri::Error;
use cri::v1;

use super::super::facts::{Runtime, RuntimeTrouble};
use super::Roots;

/// Asks the runtime behind `client`.
pub(super) async fn ask(client: &cri::Client, roots: &Roots) -> Result<Runtime, RuntimeTrouble> {
    let version = client.version().await.map_err(|error| trouble(&error, roots))?;
    let status = client
        .status(true)
        .await
        .map_err(|error| trouble(&error, roots))?;
    // Before containerd 2.0 there is no such call; the verbose status tells the same.
    let config = client.runtime_config().await.ok();
    let handlers = status
        .runtime_handlers
        .iter()
        .map(|handler| handler.name.clone())
        .collect();
    Ok(Runtime {
        name: version.runtime_name,
        version: version.runtime_version,
        unmet: status.status.map(unmet).unwrap_or_default(),
        systemd_cgroups: config.and_then(driver).or_else(|| driver_of_info(&status.info)),
        handlers,
    })
}

fn unmet(status: v1::RuntimeStatus) -> Vec<(String, String, String)> {
    let unmet = status
        .conditions
        .into_iter()
        .filter(|condition| !condition.status);
    unmet
        .map(|condition| (condition.r#type, condition.reason, condition.message))
        .collect()
}

fn driver(config: v1::RuntimeConfigResponse) -> Option<bool> {
    Some(config.linux?.cgroup_driver() == v1::CgroupDriver::Systemd)
}

/// containerd 1.6 and 1.7 put their CRI configuration as JSON into the verbose status.
fn driver_of_info(info: &HashMap<String, String>) -> Option<bool> {
    let config: serde_json::Value = serde_json::from_str(info.get("config")?).ok()?;
    let containerd = &config["containerd"];
    let default = containerd["defaultRuntimeName"].as_str()?;
    Some(
        containerd["runtimes"][default]["options"]["SystemdCgroup"]
            .as_bool()
            .unwrap_or(false),
    )
}

fn trouble(error: &Error, roots: &Roots) -> RuntimeTrouble {
    match error {
        Error::SocketMissing { .. } => RuntimeTrouble::SocketMissing,
        Error::SocketRefused { .. } => RuntimeTrouble::Refused,
        Error::SocketForbidden { .. } => RuntimeTrouble::Forbidden,
        Error::CriDisabled { .. } => RuntimeTrouble::CriDisabled(disabling_file(roots)),
        other => RuntimeTrouble::Other(other.to_string()),
    }
}

/// containerd's configuration, if it is what switches CRI off.
fn disabling_file(roots: &Roots) -> Option<PathBuf> {
    let file = roots.etc.join("containerd/config.toml");
    let text = fs::read_to_string(&file).ok()?;
    disables_cri(&text).then_some(file)
}

/// Whether `disabled_plugins` names the CRI plugin, by its short or its full name.
pub(super) fn disables_cri(config: &str) -> bool {
    let lines: Vec<&str> = config
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let config = lines.join("\n");
    let Some((_, rest)) = config.split_once("disabled_plugins") else {
        return false;
    };
    // The list may span lines.
    let list = rest.split(']').next().unwrap_or_default();
    ["\"cri\"", "'cri'", "io.containerd.grpc.v1.cri"]
        .iter()
        .any(|name| list.contains(name))
}
