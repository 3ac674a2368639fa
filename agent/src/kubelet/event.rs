//! Pod events in the reference's reasons and words. They become log lines here; a later part sends them to the
//! API as well.

use std::fmt;

use super::podspec::Kind;

/// Whether an event tells of something expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Expected.
    Normal,
    /// Somebody may have to look.
    Warning,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The pod as a whole.
    Pod,
    /// One container.
    Container(Kind, String),
}

impl fmt::Display for About {
    /// The event's `fieldPath`, empty for the pod itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod => Ok(()),
            Self::Container(Kind::Regular, name) => write!(f, "spec.containers{{{name}}}"),
            Self::Container(_, name) => write!(f, "spec.initContainers{{{name}}}"),
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEvent {
    /// Normal or Warning.
    pub severity: Severity,
    /// One word in CamelCase: `Pulled`, `BackOff`, …
    pub reason: &'static str,
    /// Pod or container.
    pub about: About,
    /// One sentence.
    pub message: String,
}

impl PodEvent {
    /// An expected event.
    #[must_use]
    pub fn normal(reason: &'static str, about: About, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Normal,
            reason,
            about,
            message: message.into(),
        }
    }

    /// An event that somebody may have to look at.
    #[must_use]
    pub fn warning(reason: &'static str, about: About, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::normal(reason, about, message)
        }
    }
}
