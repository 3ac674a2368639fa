//! What the manifest directory reports, and why a manifest is refused.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

/// The file that a pod comes from. Cheap to clone; equal paths are the same source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(Arc<Path>);

impl Source {
    /// The source at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into().into())
    }

    /// The file, as the manifest directory was given joined with the file's name.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file's name without its directory, as messages show it.
    pub fn file_name(&self) -> std::borrow::Cow<'_, str> {
        self.0
            .file_name()
            .map_or_else(|| self.0.to_string_lossy(), |name| name.to_string_lossy())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// One change of the manifest directory.
///
/// Order: the events of the first scan, then one [`ManifestEvent::Synced`], then changes as they happen. Until
/// `Synced` arrives nothing may be concluded from a pod's absence.
#[derive(Debug, Clone)]
pub enum ManifestEvent {
    /// The file names this pod from now on; it replaces the pod that the source named before. The same pod is sent
    /// again when a broken file is put right without a change to its pod.
    Set {
        /// The file.
        source: Source,
        /// The pod with the API's defaults, without identity on the node.
        pod: Arc<Pod>,
    },
    /// The file is gone, and with it the pod that it named, if it ever named one.
    Removed {
        /// The file.
        source: Source,
    },
    /// The file cannot be used. A pod that an earlier version of it named goes on unchanged. Sent once per content
    /// of the file; the receiver logs it.
    Broken {
        /// The file.
        source: Source,
        /// What is wrong and where.
        error: ManifestError,
    },
    /// Every file that was there at the start has been reported.
    Synced,
}

/// A place in a file, both numbers from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
}

/// Why a manifest cannot be used: bad input, to be corrected in the file that it names.
///
/// Displayed as `web.yaml:7:11: spec.containers[0].image: Required value`, the form that editors jump to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct ManifestError {
    /// The file's name as shown, without its directory.
    pub file: String,
    /// Where in the file, when the place is known.
    pub position: Option<Position>,
    /// Path of the field, such as `spec.containers[0].image`; empty for the whole document.
    pub field: String,
    /// What is wrong with it, and how to put it right where that is known.
    pub message: String,
    /// Problems of the same file that follow this first one, each as its own complete error.
    pub more: Vec<ManifestError>,
}

impl ManifestError {
    /// An error about a whole file.
    pub fn file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            position: None,
            field: String::new(),
            message: message.into(),
            more: Vec::new(),
        }
    }

    fn describe(&self) -> String {
        let mut text = self.file.clone();
        if let Some(Position { line, column }) = self.position {
            text.push_str(&format!(":{line}:{column}"));
        }
        text.push_str(": ");
        if !self.field.is_empty() {
            text.push_str(&self.field);
            text.push_str(": ");
        }
        text.push_str(&self.message);
        for error in &self.more {
            text.push('\n');
            text.push_str(&error.describe());
        }
        text
    }
}
