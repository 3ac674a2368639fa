//! PodSecurity: the Pod Security Standards (privileged, baseline, restricted), chosen per namespace by labels.
//!
//! Texts are the reference's: they reach people through `kubectl` as errors and warnings.
//! Source: "Pod Security Standards" and "Pod Security Admission" in the Kubernetes documentation.

mod checks;
mod pod;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use checks::{Check, Finding};
use pod::PodView;

/// How strict a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Everything is allowed.
    Privileged,
    /// Known privilege escalations are refused.
    Baseline,
    /// Hardened.
    Restricted,
}

impl Level {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "privileged" => Some(Self::Privileged),
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// Which release's standards apply: `latest` or `v1.N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Those of one minor release.
    Minor(u32),
    /// The newest that we know.
    Latest,
}

/// A level as of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How strict.
    pub level: Level,
    /// As of when.
    pub version: Version,
}

impl Policy {
    const PRIVILEGED: Self = Self {
        level: Level::Privileged,
        version: Version::Latest,
    };
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Version::Latest => write!(f, "{}:latest", self.level.as_str()),
            Version::Minor(minor) => write!(f, "{}:v1.{minor}", self.level.as_str()),
        }
    }
}

/// What a namespace asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// Pods that violate it are refused.
    pub enforce: Policy,
    /// Violations are noted in the audit log.
    pub audit: Policy,
    /// Violations are answered with a warning.
    pub warn: Policy,
}

/// A label of a namespace that cannot be read: label, value, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLabel {
    /// The label's key.
    pub label: String,
    /// Its value.
    pub value: String,
    /// The text for people.
    pub detail: String,
}

/// Reads a namespace's labels. A label that cannot be read counts as the strictest for enforcement (`restricted`)
/// and is returned as well, so that a write of the namespace can be refused.
#[must_use]
pub fn policies(labels: Option<&Value>) -> (Policies, Vec<BadLabel>) {
    let mut bad = Vec::new();
    let mut read = |mode: &str, fallback: Level| {
        let key = |suffix: &str| format!("pod-security.kubernetes.io/{mode}{suffix}");
        let value = |key: &str| labels.and_then(|labels| labels[key].as_str());
        let mut policy = Policy::PRIVILEGED;
        let level = key("");
        if let Some(text) = value(&level) {
            policy.level = Level::parse(text).unwrap_or_else(|| {
                let detail = "must be one of privileged, baseline, restricted".to_owned();
                bad.push(BadLabel {
                    label: level.clone(),
                    value: text.to_owned(),
                    detail,
                });
                fallback
            });
        }
        let version = key("-version");
        if let Some(text) = value(&version) {
            policy.version = parse_version(text).unwrap_or_else(|| {
                let detail = "must be \"latest\" or \"v1.x\"".to_owned();
                bad.push(BadLabel {
                    label: version.clone(),
                    value: text.to_owned(),
                    detail,
                });
                Version::Latest
            });
        }
        policy
    };
    let enforce = read("enforce", Level::Restricted);
    let audit = read("audit", Level::Privileged);
    let warn = read("warn", Level::Privileged);
    (Policies { enforce, audit, warn }, bad)
}

fn parse_version(text: &str) -> Option<Version> {
    if text == "latest" {
        return Some(Version::Latest);
    }
    let minor = text.strip_prefix("v1.")?;
    let plain = minor == "0" || (!minor.starts_with('0') && minor.bytes().all(|b| b.is_ascii_digit()));
    minor.parse().ok().filter(|_| plain).map(Version::Minor)
}

/// All that a pod does against a policy; empty when it is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Violations(Vec<Finding>);

impl Violations {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reasons with details, joined as the reference does.
    #[must_use]
    pub fn detail(&self) -> String {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|finding| match finding.detail.as_str() {
                "" => finding.reason.clone(),
                detail => format!("{} ({detail})", finding.reason),
            })
            .collect();
        parts.join(", ")
    }

    /// Reasons alone.
    #[must_use]
    pub fn reason(&self) -> String {
        let parts: Vec<&str> = self.0.iter().map(|finding| finding.reason.as_str()).collect();
        parts.join(", ")
    }
}

/// Compares a pod's metadata and spec with a policy.
#[must_use]
pub fn evaluate(policy: Policy, metadata: &Value, spec: &Value) -> Violations {
    let pod = PodView { metadata, spec };
    let restricted = policy.level == Level::Restricted;
    let applies = |check: &&Check| match check.level {
        _ if policy.level == Level::Privileged || check.since > policy.version => false,
        Level::Restricted => restricted,
        // A stricter check of the same matter takes the place of a baseline one.
        _ => !(restricted && check.overridden),
    };
    Violations(
        checks::ALL
            .iter()
            .filter(applies)
            .filter_map(|check| (check.run)(&pod, policy.version))
            .collect(),
    )
}

/// The refusal of a pod, as the text after `is forbidden: `.
#[must_use]
pub fn refusal(policy: Policy, violations: &Violations) -> String {
    format!(
        "violates PodSecurity {:?}: {}",
        policy.to_string(),
        violations.detail()
    )
}

/// The warning about a pod or a pod template.
#[must_use]
pub fn warning(policy: Policy, violations: &Violations) -> String {
    format!(
        "would violate PodSecurity {:?}: {}",
        policy.to_string(),
        violations.detail()
    )
}

/// Whether an update of a pod can change its standing: only images, seccomp annotations and new ephemeral containers
/// can, of what an update may change.
#[must_use]
pub fn is_significant(new: &Value, old: &Value) -> bool {
    let list = |object: &Value, field: &str| object["spec"][field].as_array().cloned().unwrap_or_default();
    let annotations = |object: &Value| -> Vec<(String, Value)> {
        let all = object["metadata"]["annotations"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        all.into_iter()
            .filter(|(key, _)| key.contains("seccomp.security.alpha.kubernetes.io"))
            .collect()
    };
    if annotations(new) != annotations(old) {
        return true;
    }
    let changed = |field: &str| {
        let (new, old) = (list(new, field), list(old, field));
        new.len() != old.len() || new.iter().zip(&old).any(|(n, o)| n["image"] != o["image"])
    };
    let older = list(old, "ephemeralContainers");
    let debug = list(new, "ephemeralContainers").into_iter().any(|container| {
        let before = older.iter().find(|o| o["name"] == container["name"]);
        before.is_none_or(|before| before["image"] != container["image"])
    });
    changed("containers") || changed("initContainers") || debug
}
