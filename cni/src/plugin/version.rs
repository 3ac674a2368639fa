//! The specification's versions.

use std::fmt;
use std::str::FromStr;

use super::{Code, PluginError};

/// A version of the CNI specification, in which configurations and results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The first with a name; a configuration without `cniVersion` means this one.
    V0_1_0,
    /// `VERSION` command.
    V0_2_0,
    /// Results list interfaces and any number of addresses.
    V0_3_0,
    /// Lists of plugins.
    V0_3_1,
    /// `CHECK` command, previous result on `DEL`.
    V0_4_0,
    /// Addresses without their family's number.
    V1_0_0,
    /// `STATUS` and `GC` commands, more about interfaces and routes.
    V1_1_0,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];
    /// The newest.
    pub const CURRENT: Self = Self::V1_1_0;

    /// As written in `cniVersion`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Version {
    type Err = PluginError;

    fn from_str(text: &str) -> Result<Self, PluginError> {
        if text.is_empty() {
            return Ok(Self::V0_1_0);
        }
        Self::ALL.into_iter().find(|v| v.as_str() == text).ok_or_else(|| {
            PluginError::new(
                Code::IncompatibleVersion,
                format!(
                    "cniVersion {text:?} is not supported: use one of 0.1.0 to {}",
                    Self::CURRENT
                ),
            )
        })
    }
}
