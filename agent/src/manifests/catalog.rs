//! What the manifest directory holds and what has been told about it: the pure part of the watch.
//!
//! Invariants:
//! - one pod per file, and no two files name the same pod: the file that named it first keeps it;
//! - a file with an error keeps the pod that it named before (`announced`), which came from an earlier version of
//!   the file or, after a restart, from the store of last good versions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::event::{ManifestError, ManifestEvent, Position, Source};
use super::read::read;

/// What tells two versions of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    pub inode: u64,
    pub size: u64,
    /// Seconds and nanoseconds of the last change of content.
    pub modified: (i64, i64),
    /// Seconds and nanoseconds of the last change of content or metadata.
    pub changed: (i64, i64),
}

/// The files of the directory, by name.
pub(super) type Listing = BTreeMap<String, Stamp>;

/// Files that have been read: their content, or why it could not be read.
pub(super) type Contents = BTreeMap<String, Result<Vec<u8>, String>>;

#[derive(Debug, Default)]
struct Known {
    stamp: Stamp,
    content: Option<Result<Vec<u8>, String>>,
    /// What the content says, before other files are looked at.
    parsed: Option<Result<Arc<Pod>, ManifestError>>,
    /// The pod of the last `Set`.
    announced: Option<Arc<Pod>>,
    /// The error of the last `Broken`, until the next `Set`.
    reported: Option<ManifestError>,
}

/// The directory as it was last seen.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    dir: PathBuf,
    files: BTreeMap<String, Known>,
    /// Pods of an earlier run, used for files that are broken at the first look.
    last_good: BTreeMap<String, Pod>,
}

impl Catalog {
    pub(super) fn new(dir: &Path, last_good: BTreeMap<String, Pod>) -> Self {
        Self {
            dir: dir.to_owned(),
            files: BTreeMap::new(),
            last_good,
        }
    }

    /// The files of `listing` whose content has to be read: new ones, changed ones, and the `dirty` ones, of which
    /// a change was seen that the stamp may not show.
    pub(super) fn unread(&self, listing: &Listing, dirty: &BTreeSet<String>) -> Vec<String> {
        let changed = |(name, stamp): (&String, &Stamp)| {
            let same = self.files.get(name).is_some_and(|known| known.stamp == *stamp);
            (!same || dirty.contains(name)).then(|| name.clone())
        };
        listing.iter().filter_map(changed).collect()
    }

    /// Takes over a look at the directory and returns what is new. A listed file without content is unchanged; a
    /// file that is not in `listing` is gone.
    pub(super) fn update(&mut self, listing: &Listing, contents: Contents) -> Vec<ManifestEvent> {
        let mut events = self.forget_missing(listing);
        for (name, content) in contents {
            let known = self.files.entry(name.clone()).or_default();
            known.stamp = listing.get(&name).copied().unwrap_or_default();
            if known.content.as_ref() != Some(&content) {
                known.parsed = Some(parse(&name, &content));
                known.content = Some(content);
            }
            if known.announced.is_none() && matches!(known.parsed, Some(Err(_))) {
                // Not announced as new: `settle` does that through `effective`.
                known.announced = self.last_good.remove(&name).map(Arc::new).inspect(|pod| {
                    events.push(ManifestEvent::Set {
                        source: source(&self.dir, &name),
                        pod: pod.clone(),
                    });
                });
            }
        }
        events.extend(self.settle());
        events
    }

    fn forget_missing(&mut self, listing: &Listing) -> Vec<ManifestEvent> {
        let gone: Vec<String> = self
            .files
            .keys()
            .filter(|name| !listing.contains_key(*name))
            .cloned()
            .collect();
        gone.into_iter()
            .map(|name| {
                self.files.remove(&name);
                ManifestEvent::Removed {
                    source: source(&self.dir, &name),
                }
            })
            .collect()
    }

    /// Decides which file owns which pod name and reports the differences to what was told before.
    fn settle(&mut self) -> Vec<ManifestEvent> {
        let mut owners = self.holders();
        let mut events = Vec::new();
        // Files that already run a pod come before new ones, so that a new file never takes a name away.
        let mut order: Vec<String> = self.files.keys().cloned().collect();
        order.sort_by_key(|name| self.files[name].announced.is_none());
        for name in order {
            let Some(known) = self.files.get_mut(&name) else {
                continue;
            };
            let outcome = match &known.parsed {
                Some(Ok(pod)) => {
                    let owner = owners.entry(identity(pod)).or_insert_with(|| name.clone());
                    if *owner == name {
                        Ok(pod.clone())
                    } else {
                        Err(duplicate(&name, owner, pod, known))
                    }
                }
                Some(Err(error)) => Err(error.clone()),
                None => continue,
            };
            let source = source(&self.dir, &name);
            match outcome {
                Ok(pod) => {
                    let same = known.announced.as_ref() == Some(&pod);
                    if known.reported.take().is_some() || !same {
                        known.announced = Some(pod.clone());
                        events.push(ManifestEvent::Set { source, pod });
                    }
                }
                Err(error) => {
                    if known.reported.as_ref() != Some(&error) {
                        known.reported = Some(error.clone());
                        events.push(ManifestEvent::Broken { source, error });
                    }
                }
            }
        }
        events
    }

    /// Names that files keep: they announced a pod, and their content still names it or is broken.
    fn holders(&self) -> BTreeMap<String, String> {
        let held = |(name, known): (&String, &Known)| {
            let announced = identity(known.announced.as_ref()?);
            let moved = matches!(&known.parsed, Some(Ok(pod)) if identity(pod) != announced);
            (!moved).then(|| (announced, name.clone()))
        };
        self.files.iter().filter_map(held).collect()
    }
}

fn parse(name: &str, content: &Result<Vec<u8>, String>) -> Result<Arc<Pod>, ManifestError> {
    match content {
        Ok(bytes) => read(name, bytes).map(Arc::new),
        Err(why) => Err(ManifestError::file(name, why.clone())),
    }
}

fn source(dir: &Path, name: &str) -> Source {
    Source::new(dir.join(name))
}

/// `namespace/name` as the pod will be known.
fn identity(pod: &Arc<Pod>) -> String {
    let namespace = pod
        .metadata
        .namespace
        .as_deref()
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or("default");
    format!("{namespace}/{}", pod.metadata.name.as_deref().unwrap_or_default())
}

fn duplicate(file: &str, owner: &str, pod: &Pod, known: &Known) -> ManifestError {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    ManifestError {
        position: known
            .content
            .as_ref()
            .and_then(|content| name_position(content.as_ref().ok()?)),
        field: "metadata.name".to_owned(),
        ..ManifestError::file(
            file,
            format!("Duplicate value: {name:?}: {owner} names the same pod"),
        )
    }
}

fn name_position(bytes: &[u8]) -> Option<Position> {
    let root = super::document::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    Some(super::problem::locate(&root, "metadata.name"))
}

#[cfg(test)]
mod tests;
