//! The call: command and parameters from the environment (specification, section 2, "Parameters").

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Code, PluginError, Version};

/// Longest interface name that the kernel takes.
const IFNAME_MAX: usize = 15;

/// What the runtime asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Attach a container to the network.
    Add(Attachment),
    /// Detach a container; everything but its name may be gone already.
    Del(Attachment),
    /// Compare an attachment with what was set up.
    Check(Attachment),
    /// Say whether an ADD could be served.
    Status,
    /// Remove what belongs to none of the valid attachments.
    Gc,
    /// List the supported versions.
    Version,
}

/// One container's interface in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The sandbox.
    pub container: ContainerId,
    /// Its network namespace. Always there but on DEL.
    pub netns: Option<PathBuf>,
    /// The interface's name inside.
    pub ifname: IfName,
    /// `CNI_ARGS`, in order.
    pub args: Vec<(String, String)>,
    /// `CNI_NETNS_OVERRIDE`: the runtime insists on using the plugin's own namespace.
    pub own_netns_allowed: bool,
}

/// A container's id as runtimes write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(String);

/// An interface's name that the kernel accepts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IfName(String);

/// A parameter that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Container ids start with a letter or digit, followed by letters, digits, `_`, `.` and `-`.
    #[error("container id {0:?} has other characters than letters, digits, '_', '.' and '-'")]
    ContainerId(String),
    /// Interface names are short and without separators.
    #[error("interface name {0:?} is empty, longer than {IFNAME_MAX}, or has '/', ':' or space in it")]
    IfName(String),
}

impl ContainerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IfName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` can be a container id or a network's name: also safe as a file name.
pub(super) fn is_plain_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

impl FromStr for ContainerId {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        if is_plain_name(text) {
            Ok(Self(text.into()))
        } else {
            Err(CallError::ContainerId(text.into()))
        }
    }
}

impl FromStr for IfName {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        let bad = text.is_empty()
            || text.len() > IFNAME_MAX
            || text == "."
            || text == ".."
            || text.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
        if bad {
            Err(CallError::IfName(text.into()))
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl Call {
    /// Reads command and parameters; `env` looks up a variable.
    ///
    /// # Errors
    /// [`Code::Environment`] naming every variable that is missing, or the first that is wrong.
    pub fn from_env(env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, PluginError> {
        match text(env, "CNI_COMMAND")?.as_deref() {
            Some("VERSION") => Ok(Self::Version),
            Some("STATUS") => Ok(Self::Status),
            Some("GC") => Ok(Self::Gc),
            Some("ADD") => attachment(env, true).map(Self::Add),
            Some("CHECK") => attachment(env, true).map(Self::Check),
            Some("DEL") => attachment(env, false).map(Self::Del),
            Some(other) => Err(wrong(format!("CNI_COMMAND {other:?} is unknown"))),
            None => Err(wrong(
                "CNI_COMMAND is missing: this program is a CNI plugin, called by a container runtime",
            )),
        }
    }
}

impl Call {
    /// The container's part, for the commands about one container.
    pub fn attachment(&self) -> Option<&Attachment> {
        match self {
            Self::Add(a) | Self::Del(a) | Self::Check(a) => Some(a),
            Self::Status | Self::Gc | Self::Version => None,
        }
    }

    /// Refuses commands that the configuration's version does not know.
    ///
    /// # Errors
    /// [`Code::IncompatibleVersion`].
    pub fn allowed_in(&self, version: Version) -> Result<(), PluginError> {
        let (name, since) = match self {
            Self::Check(_) => ("CHECK", Version::V0_4_0),
            Self::Status => ("STATUS", Version::V1_1_0),
            Self::Gc => ("GC", Version::V1_1_0),
            Self::Add(_) | Self::Del(_) | Self::Version => return Ok(()),
        };
        if version >= since {
            return Ok(());
        }
        let message = format!("{name} needs a configuration of cniVersion {since} or later, not {version}");
        Err(PluginError::new(Code::IncompatibleVersion, message))
    }
}

fn wrong(message: impl Into<String>) -> PluginError {
    PluginError::new(Code::Environment, message)
}

/// A variable's text; an empty one counts as missing.
fn text(env: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>, PluginError> {
    match env(name).filter(|v| !v.is_empty()) {
        None => Ok(None),
        Some(v) => v
            .into_string()
            .map(Some)
            .map_err(|_| wrong(format!("{name} is not UTF-8"))),
    }
}

fn attachment(
    env: &dyn Fn(&str) -> Option<OsString>,
    netns_required: bool,
) -> Result<Attachment, PluginError> {
    let container = text(env, "CNI_CONTAINERID")?;
    let ifname = text(env, "CNI_IFNAME")?;
    let netns = env("CNI_NETNS").filter(|v| !v.is_empty()).map(PathBuf::from);
    let missing: Vec<_> = [
        ("CNI_CONTAINERID", container.is_none()),
        ("CNI_NETNS", netns_required && netns.is_none()),
        ("CNI_IFNAME", ifname.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect();
    if !missing.is_empty() {
        return Err(wrong(format!(
            "missing from the environment: {}",
            missing.join(", ")
        )));
    }
    let bad = |e: CallError| wrong(e.to_string());
    Ok(Attachment {
        container: container.unwrap_or_default().parse().map_err(bad)?,
        netns,
        ifname: ifname.unwrap_or_default().parse().map_err(bad)?,
        args: args(text(env, "CNI_ARGS")?.as_deref().unwrap_or_default())?,
        own_netns_allowed: matches!(text(env, "CNI_NETNS_OVERRIDE")?.as_deref(), Some("1" | "true")),
    })
}

/// `KEY=value;KEY=value`.
fn args(text: &str) -> Result<Vec<(String, String)>, PluginError> {
    text.split(';')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(wrong(format!("CNI_ARGS has {pair:?} without '='"))),
        })
        .collect()
}

impl Attachment {
    /// The value of a key in `CNI_ARGS`.
    pub fn arg(&self, key: &str) -> Option<&str> {
        self.args
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
            .filter(|v| !v.is_empty())
    }

    /// The pod as `namespace/name`, where the runtime says it.
    pub fn pod(&self) -> Option<String> {
        Some(format!(
            "{}/{}",
            self.arg("K8S_POD_NAMESPACE")?,
            self.arg("K8S_POD_NAME")?
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(vars: &[(&str, &str)]) -> Result<Call, PluginError> {
        Call::from_env(&|name| vars.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).into()))
    }

    #[test]
    fn a_runtimes_call_is_read_with_its_pod() {
        let Ok(Call::Add(a)) = call(&[
            ("CNI_COMMAND", "ADD"),
            ("CNI_CONTAINERID", "1f0a"),
            ("CNI_NETNS", "/var/run/netns/cni-1"),
            ("CNI_IFNAME", "eth0"),
            (
                "CNI_ARGS",
                "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0",
            ),
        ]) else {
            panic!("not read")
        };
        assert_eq!(a.pod().as_deref(), Some("default/web-0"));
        assert_eq!(a.container.as_str(), "1f0a");
        assert!(!a.own_netns_allowed);
    }

    #[test]
    fn del_works_without_a_namespace_and_nothing_else_does() {
        let vars = [
            ("CNI_CONTAINERID", "a"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", ""),
        ];
        for (command, ok) in [("DEL", true), ("ADD", false), ("CHECK", false)] {
            let mut all = vec![("CNI_COMMAND", command)];
            all.extend(vars);
            assert_eq!(call(&all).is_ok(), ok, "{command}");
        }
    }

    #[test]
    fn every_missing_variable_is_named() {
        let error = call(&[("CNI_COMMAND", "ADD")]).unwrap_err();
        assert_eq!(
            error.message,
            "missing from the environment: CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME"
        );
    }

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for id in ["", "../x", "a/b", "-a", ".a", "a b", "ä"] {
            assert!(id.parse::<ContainerId>().is_err(), "{id}");
        }
        for name in ["", ".", "..", "a/b", "a:b", "a b", "sixteen-letters-"] {
            assert!(name.parse::<IfName>().is_err(), "{name}");
        }
    }
}
