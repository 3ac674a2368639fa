//! The CNI plugins in this binary: `agent-bridge` (bridge, veth pair, address leases) and `loopback`.
//!
//! **Expected flow.** `main` of the binary asks [`Plugin::called_as`] before anything else, so that no
//! runtime, logger or command line parser starts; [`Plugin::main`] then reads the parameters from the
//! environment and the configuration from standard input, does one command, and writes its result or
//! error as JSON to standard output (CNI specification 1.1.0, sections 2 and 5).
//!
//! **Guarantees.** No program is executed, no other process is asked: the plugin works while the node
//! process is down. ADD either completes or leaves nothing; DEL can be repeated and always runs to its end.
//!
//! Out of scope: chained plugins of others, which the runtime calls itself.

mod add;
mod apply;
mod call;
mod check;
mod config;
mod del;
mod desire;
mod error;
pub(crate) mod gc;
mod loopback;
mod machine;
pub mod naming;
mod nat;
mod observe;
pub mod plan;
mod resolv;
mod result;
mod status;
mod undo;
mod version;

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

pub use call::{Attachment, Call, CallError, ContainerId, IfName};
pub use config::{Dns, GatewayMode, Ipam, NetConfig, PortMapping, RouteConfig};
pub use error::{Code, PluginError};
pub use machine::Machine;
pub use result::{AddResult, Interface, Ip, ResultRoute};
pub use version::Version;

/// The names under which the binary is a CNI plugin; each is a link in the runtime's plugin directory.
///
/// `loopback` is there because containerd 1.6 sets up every pod's loopback by a plugin of that name.
pub const NAMES: [&str; 2] = ["agent-bridge", "loopback"];

/// Most configuration that is read: far above any real one, far below what would hurt.
const CONFIG_LIMIT: u64 = 1 << 20;

/// Which plugin was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plugin {
    /// Bridge, veth pair, address lease and loopback.
    Bridge,
    /// Only brings the loopback interface up.
    Loopback,
}

impl Plugin {
    /// The plugin that a program name stands for, by its last path component.
    pub fn called_as(argv0: &OsStr) -> Option<Self> {
        match Path::new(argv0).file_name()?.to_str()? {
            "agent-bridge" => Some(Self::Bridge),
            "loopback" => Some(Self::Loopback),
            _ => None,
        }
    }

    /// Does what the environment asks for; returns the exit code.
    ///
    /// `env` looks up an environment variable. The result, or the error in the specification's form,
    /// goes to `stdout`.
    pub fn main(
        self,
        env: impl Fn(&str) -> Option<OsString>,
        stdin: &mut dyn Read,
        stdout: &mut dyn Write,
    ) -> u8 {
        self.run(&env, stdin, stdout, &mut Machine::this(&mut |_| {}))
    }

    /// As [`Plugin::main`], on a given machine.
    pub fn run(
        self,
        env: &dyn Fn(&str) -> Option<OsString>,
        stdin: &mut dyn Read,
        stdout: &mut dyn Write,
        machine: &mut Machine<'_>,
    ) -> u8 {
        let mut version = Version::CURRENT;
        let (text, code) = match self.answer(env, stdin, &mut version, machine) {
            Ok(text) => (text, 0),
            Err(e) => (e.to_json(version).to_string(), 1),
        };
        // Nobody is left to be told when standard output is closed; the exit code still speaks.
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => code,
            Err(_) => 1,
        }
    }

    fn answer(
        self,
        env: &dyn Fn(&str) -> Option<OsString>,
        stdin: &mut dyn Read,
        version: &mut Version,
        machine: &mut Machine<'_>,
    ) -> Result<String, PluginError> {
        let call = Call::from_env(env)?;
        let mut config = Vec::new();
        stdin
            .take(CONFIG_LIMIT)
            .read_to_end(&mut config)
            .map_err(|e| PluginError::caused(Code::Io, "cannot read the network configuration", &e))?;
        if call == Call::Version {
            return version_answer(&config);
        }
        *version = asked_version(&config)?;
        call.allowed_in(*version)?;
        let result = match self {
            Self::Bridge => bridge(&call, &config, machine)?,
            Self::Loopback => loopback(&call, &config, *version)?,
        };
        // Only ADD and VERSION have something to say.
        Ok(result
            .map(|r| r.to_json(*version).to_string())
            .unwrap_or_default())
    }
}

fn bridge(call: &Call, config: &[u8], machine: &mut Machine<'_>) -> Result<Option<AddResult>, PluginError> {
    let config = NetConfig::parse(config, call.attachment(), &machine.data_dir)?;
    match call {
        Call::Add(attachment) => return add::add(&config, attachment, machine).map(Some),
        Call::Del(attachment) => del::del(&config, attachment, machine)?,
        Call::Check(attachment) => check::check(&config, attachment, machine)?,
        Call::Status => status::status(&config, machine)?,
        Call::Gc => gc::gc(&config, machine)?,
        Call::Version => {}
    }
    Ok(None)
}

fn loopback(call: &Call, config: &[u8], version: Version) -> Result<Option<AddResult>, PluginError> {
    match call {
        Call::Add(attachment) => return loopback::add(config, attachment, version).map(Some),
        Call::Del(attachment) => loopback::del(attachment)?,
        Call::Check(attachment) => loopback::check(attachment)?,
        // It keeps nothing, and nothing can be missing.
        Call::Status | Call::Gc | Call::Version => {}
    }
    Ok(None)
}

#[derive(Deserialize)]
struct VersionOnly {
    #[serde(rename = "cniVersion", default)]
    cni_version: String,
}

/// The version that the configuration is written in; the oldest when it says none.
fn asked_version(config: &[u8]) -> Result<Version, PluginError> {
    let only: VersionOnly = serde_json::from_slice(config)
        .map_err(|e| PluginError::caused(Code::Decode, "cannot decode the network configuration", &e))?;
    only.cni_version.parse()
}

/// The answer to `VERSION`: it repeats the caller's version, also one that is not supported.
fn version_answer(config: &[u8]) -> Result<String, PluginError> {
    let asked = if config.iter().all(u8::is_ascii_whitespace) {
        // Callers before 0.2.0 send nothing.
        String::new()
    } else {
        let only: VersionOnly = serde_json::from_slice(config)
            .map_err(|e| PluginError::caused(Code::Decode, "cannot decode the version request", &e))?;
        only.cni_version
    };
    let asked = if asked.is_empty() {
        Version::CURRENT.to_string()
    } else {
        asked
    };
    Ok(json!({ "cniVersion": asked, "supportedVersions": Version::ALL.map(Version::as_str) }).to_string())
}

#[cfg(test)]
mod tests;
