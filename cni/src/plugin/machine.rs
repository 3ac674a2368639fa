//! The machine as the plugin's commands see it: the places outside the kernel's network, as inputs.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Code, PluginError};
use crate::lease::{Steps, Truth};
use crate::sysctl::Sysctl;

/// Files and directories that commands use, and the observer of their steps.
pub struct Machine<'a> {
    /// Where leases are kept when the configuration does not say: the field's common place, so that a node
    /// that changes over keeps its leases.
    pub data_dir: PathBuf,
    /// The file with this boot's id.
    pub boot_id: PathBuf,
    /// Kernel parameters.
    pub sysctl: Sysctl,
    /// Called with each step's name before it is done. Does nothing but in tests.
    pub steps: Steps<'a>,
}

impl<'a> Machine<'a> {
    /// The machine that this process runs on.
    pub fn this(steps: Steps<'a>) -> Self {
        Self {
            data_dir: "/var/lib/cni/networks".into(),
            boot_id: "/proc/sys/kernel/random/boot_id".into(),
            sysctl: Sysctl::default(),
            steps,
        }
    }

    /// This boot's id.
    pub(super) fn boot(&self) -> Result<String, PluginError> {
        let text = fs::read_to_string(&self.boot_id).map_err(|e| {
            PluginError::caused(Code::Io, format!("cannot read {}", self.boot_id.display()), &e)
        })?;
        Ok(text.trim().to_owned())
    }
}

/// What decides about leases, on this machine.
pub(super) fn truth(boot: &str) -> Truth<'_> {
    Truth {
        boot,
        netns_exists: &|path: &Path| path.exists(),
    }
}
