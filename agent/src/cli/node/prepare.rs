//! What has to be in place before the first pod starts: a runtime that answers, the pause image, a pod network.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use cni::install::{NodeNetwork, Places, install};
use cri::{Client, Deadlines};
use ipnet::IpNet;
use tracing::{info, warn};

use super::network::{self, Choice};
use super::{Args, notify};
use crate::cli::runtime::now;
use crate::images;

/// Wait after the first failure; doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The bridge of the pods, under the name that other tools expect.
const BRIDGE: &str = "cni0";
/// containerd's configuration, for what its status does not tell.
const CONTAINERD_CONFIG: &str = "/etc/containerd/config.toml";

/// The inputs of the preparation.
pub(super) struct Preparation {
    endpoint: PathBuf,
    cni_conf_dir: PathBuf,
    cni_bin_dir: PathBuf,
    pod_cidrs: Vec<IpNet>,
}

impl From<&Args> for Preparation {
    fn from(args: &Args) -> Self {
        Self {
            endpoint: args.runtime.container_runtime_endpoint.0.clone(),
            cni_conf_dir: args.cni_conf_dir.clone(),
            cni_bin_dir: args.cni_bin_dir.clone(),
            pod_cidrs: args.pod_cidr.clone(),
        }
    }
}

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
enum PrepareError {
    #[error("ask the container runtime for its settings")]
    Settings(#[source] cri::Error),
    #[error(transparent)]
    Pause(images::PauseError),
    #[error("put the pod network in place")]
    Network(#[source] cni::install::Error),
    #[error("find the path of this program, to which network plugins are linked")]
    Program(#[source] std::io::Error),
}

impl Preparation {
    /// Returns when all is in place. Tries for as long as it takes, and logs each new reason once.
    pub(super) async fn run(self) {
        let client = Client::new(&self.endpoint, Deadlines::default());
        let mut wait = FIRST_WAIT;
        let mut said = String::new();
        while let Err(error) = self.attempt(&client).await {
            let reason = reason(&error);
            if reason != said {
                warn!(%reason, "not ready to start pods yet; trying again");
                notify(&[sd_notify::NotifyState::Status(&format!("waiting: {reason}"))]);
                said = reason;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn attempt(&self, client: &Client) -> Result<(), PrepareError> {
        self.network()?;
        let config_file = std::fs::read_to_string(CONTAINERD_CONFIG).ok();
        let settings = images::settings(client, config_file.as_deref())
            .await
            .map_err(PrepareError::Settings)?;
        let imported = images::provide_pause(client, &settings, now())
            .await
            .map_err(PrepareError::Pause)?;
        if !imported.is_empty() {
            info!(names = imported.join(", "), "imported the pause image");
        }
        Ok(())
    }

    fn network(&self) -> Result<(), PrepareError> {
        let dir = self.cni_conf_dir.display();
        match network::choose(&network::names(&self.cni_conf_dir)) {
            Choice::Foreign(name) => {
                info!(%dir, name, "pods use the network configuration that is there");
                return Ok(());
            }
            Choice::Both(name) => {
                warn!(%dir, used = name, "there is another network configuration beside the node's own");
            }
            Choice::Own => {}
        }
        let program = std::env::current_exe().map_err(PrepareError::Program)?;
        let network = NodeNetwork {
            name: "agent".to_owned(),
            bridge: BRIDGE.to_owned(),
            pod_cidrs: self.pod_cidrs.clone(),
            mtu: None,
            masquerade: true,
            data_dir: None,
        };
        let places = Places {
            bin_dir: &self.cni_bin_dir,
            conf_dir: &self.cni_conf_dir,
        };
        if install(&program, places, &network).map_err(PrepareError::Network)? {
            info!(%dir, "wrote the pod network's configuration");
        }
        Ok(())
    }
}

/// An error and its sources in one line.
fn reason(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
