//! The error that a plugin reports to the runtime.

use std::error::Error;

use serde_json::{Value, json};

use super::Version;

/// What kind of error it is, by the specification's numbers (section "Error").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// The configuration's version is not supported.
    IncompatibleVersion = 1,
    /// A field of the configuration asks for what the plugin does not do.
    UnsupportedField = 2,
    /// The container is unknown or does not exist.
    UnknownContainer = 3,
    /// A parameter in the environment is missing or wrong.
    Environment = 4,
    /// Reading or writing failed.
    Io = 5,
    /// The configuration cannot be decoded.
    Decode = 6,
    /// The configuration contradicts itself or is incomplete.
    InvalidConfig = 7,
    /// The network namespace cannot be used.
    InvalidNetns = 8,
    /// A passing condition: try again later.
    TryAgainLater = 11,
    /// `STATUS`: the plugin cannot serve an ADD now.
    NotAvailable = 50,
    /// `STATUS`: the plugin cannot serve an ADD now, and existing containers may have limited connectivity.
    LimitedConnectivity = 51,
    /// The kernel refused a change of the network (a number of this plugin's own).
    Network = 100,
    /// `CHECK` found that the network is not as it was set up (a number of this plugin's own).
    CheckFailed = 101,
}

/// An error for the runtime: a short message, and details that carry the chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PluginError {
    /// The kind.
    pub code: Code,
    /// What failed, in one line; runtimes show it to people.
    pub message: String,
    /// Why; may be empty.
    pub details: String,
}

impl PluginError {
    /// An error that needs no further explanation.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: String::new(),
        }
    }

    /// An error with its chain of causes as details.
    pub fn caused(code: Code, message: impl Into<String>, cause: &dyn Error) -> Self {
        let mut details = cause.to_string();
        let mut next = cause.source();
        while let Some(cause) = next {
            details.push_str(": ");
            details.push_str(&cause.to_string());
            next = cause.source();
        }
        Self {
            code,
            message: message.into(),
            details,
        }
    }

    /// In the form that goes to standard output.
    pub fn to_json(&self, version: Version) -> Value {
        let mut value = json!({
            "cniVersion": version.as_str(),
            "code": self.code as u32,
            "msg": self.message,
        });
        if !self.details.is_empty() {
            value["details"] = self.details.clone().into();
        }
        value
    }
}
