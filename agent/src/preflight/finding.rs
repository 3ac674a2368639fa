//! What a check says.

use serde::Serialize;

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// The node works, something about it will not or may surprise.
    Warning,
    /// The node cannot work.
    Failure,
}

/// One line of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name such as `kernel.overlayfs`; the part before the dot is its group.
    pub id: &'static str,
    /// How serious it is.
    pub status: Status,
    /// What was found.
    pub message: String,
    /// The command or step that puts it right; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(id: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            status: Status::Ok,
            message: message.into(),
            fix: None,
        }
    }

    pub(super) fn warning(id: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            id,
            status: Status::Warning,
            message: message.into(),
            fix: Some(fix.into()),
        }
    }

    pub(super) fn failure(id: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            id,
            status: Status::Failure,
            message: message.into(),
            fix: Some(fix.into()),
        }
    }
}

/// How many findings there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Findings that are as they should be.
    pub ok: usize,
    /// Warnings.
    pub warnings: usize,
    /// Failures; the command's exit code is 1 when there are any.
    pub failures: usize,
}

/// The document of `agent check --output json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Counts.
    pub summary: Summary,
    /// All findings, group by group.
    pub findings: Vec<Finding>,
}

impl From<Vec<Finding>> for Report {
    fn from(findings: Vec<Finding>) -> Self {
        let count = |status| findings.iter().filter(|finding| finding.status == status).count();
        let summary = Summary {
            ok: count(Status::Ok),
            warnings: count(Status::Warning),
            failures: count(Status::Failure),
        };
        Self { summary, findings }
    }
}
