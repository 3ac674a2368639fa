//! Decides what to store from what the archive has. No IO.

use super::archive::{Contents, Entry};
use super::choose::Chooser;
use super::digest::chain_ids;
use super::layout::{self, CONTAINERD_NAME, Config, Descriptor, Index, Manifest, REF_NAME};
use super::{Digest, ImportError, ImportedImage, Platform, docker};
use crate::reference::Reference;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the caller asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) name: Option<String>,
    pub(super) platform: Platform,
}

/// A file of the archive that containerd shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) path: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) media_type: String,
}

/// One image, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImagePlan {
    pub(super) names: Vec<String>,
    pub(super) manifest: Blob,
    pub(super) manifest_bytes: Bytes,
    pub(super) config: Blob,
    pub(super) config_bytes: Bytes,
    pub(super) layers: Vec<Blob>,
    /// As many as layers.
    pub(super) diff_ids: Vec<Digest>,
}

impl ImagePlan {
    /// What has to be streamed; manifest and configuration are in memory.
    pub(super) fn blobs_in_archive(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter()
    }

    /// What the manifest keeps from being collected.
    pub(super) fn manifest_labels(&self) -> HashMap<String, String> {
        let config = (
            "containerd.io/gc.ref.content.config".to_owned(),
            self.config.digest.to_string(),
        );
        let layers = self.layers.iter().enumerate();
        let layers = layers.map(|(i, layer)| {
            (
                format!("containerd.io/gc.ref.content.l.{i}"),
                layer.digest.to_string(),
            )
        });
        std::iter::once(config).chain(layers).collect()
    }

    /// What the configuration keeps from being collected: the unpacked layers.
    pub(super) fn config_labels(&self, snapshotter: &str) -> HashMap<String, String> {
        let top = chain_ids(&self.diff_ids).pop();
        let label = format!("containerd.io/gc.ref.snapshot.{snapshotter}");
        top.map(|top| (label, top.to_string())).into_iter().collect()
    }

    pub(super) fn into_imported(self) -> ImportedImage {
        ImportedImage {
            id: self.config.digest,
            manifest: self.manifest.digest,
            names: self.names,
        }
    }
}

/// What to store.
pub(super) fn plan(contents: &Contents, wanted: &Wanted) -> Result<Vec<ImagePlan>, ImportError> {
    // Docker since 25 writes both; the layout says more.
    let mut images = if contents.entries.contains_key("index.json") {
        plan_layout(contents, wanted)?
    } else if contents.entries.contains_key("manifest.json") {
        docker::plan_saved(contents, wanted)?
    } else {
        return Err(ImportError::NoImage);
    };
    if let Some(name) = &wanted.name {
        if images.len() > 1 {
            return Err(ImportError::ManyImages { count: images.len() });
        }
        images[0].names = vec![normalised(name)?];
    }
    if images.iter().any(|image| image.names.is_empty()) {
        return Err(ImportError::NoName);
    }
    Ok(images)
}

fn plan_layout(contents: &Contents, wanted: &Wanted) -> Result<Vec<ImagePlan>, ImportError> {
    let path = "index.json";
    let bytes = contents
        .document(path)
        .ok_or_else(|| missing(path, "the layout"))?;
    let index: Index = layout::parse(path, bytes)?;
    let mut chooser = Chooser::new(contents, &wanted.platform);
    let mut by_manifest: BTreeMap<String, (Descriptor, BTreeSet<String>)> = BTreeMap::new();
    for top in &index.manifests {
        let Some(manifest) = chooser.choose(path, top, 0)? else {
            continue;
        };
        let names = &mut by_manifest
            .entry(manifest.digest.clone())
            .or_insert((manifest, BTreeSet::new()))
            .1;
        names.extend(name_of(top, wanted.name.is_some())?);
    }
    if by_manifest.is_empty() {
        return Err(chooser.nothing_found());
    }
    let plan_one = |(descriptor, names): (Descriptor, BTreeSet<String>)| {
        plan_manifest(contents, path, &descriptor, names.into_iter().collect())
    };
    by_manifest.into_values().map(plan_one).collect()
}

fn plan_manifest(
    contents: &Contents,
    needed_by: &str,
    descriptor: &Descriptor,
    names: Vec<String>,
) -> Result<ImagePlan, ImportError> {
    let (path, manifest_bytes) = document(contents, descriptor, needed_by)?;
    let manifest: Manifest = layout::parse(&path, manifest_bytes)?;
    let (config_path, config_bytes) = document(contents, &manifest.config, &path)?;
    let config: Config = layout::parse(&config_path, config_bytes)?;
    let diff_ids = config.diff_ids(&config_path, manifest.layers.len())?;
    let layers = manifest
        .layers
        .iter()
        .map(|layer| plan_layer(contents, layer, &path));
    let layers = layers.collect::<Result<_, _>>()?;
    let descriptor = Descriptor {
        media_type: manifest_type(&path, descriptor, &manifest)?,
        ..descriptor.clone()
    };
    Ok(ImagePlan {
        names,
        manifest: blob(path.clone(), &descriptor, needed_by)?,
        manifest_bytes: manifest_bytes.clone(),
        config: blob(config_path, &manifest.config, &path)?,
        config_bytes: config_bytes.clone(),
        layers,
        diff_ids,
    })
}

/// What a manifest is. The index that says so is under no digest: it may be damaged where all else is well.
fn manifest_type(path: &str, descriptor: &Descriptor, manifest: &Manifest) -> Result<String, ImportError> {
    let said = [&descriptor.media_type, &manifest.media_type];
    let mut said = said.into_iter().filter(|media_type| !media_type.is_empty());
    let media_type = said.next().map_or(layout::OCI_MANIFEST, String::as_str);
    let known = [layout::OCI_MANIFEST, layout::DOCKER_MANIFEST].contains(&media_type);
    if !known || said.any(|other| other != media_type) {
        let fault =
            format!("is said to be {media_type:?}, which is no image manifest or not what it says itself");
        return Err(ImportError::Document {
            path: path.to_owned(),
            fault,
        });
    }
    Ok(media_type.to_owned())
}

fn plan_layer(contents: &Contents, layer: &Descriptor, needed_by: &str) -> Result<Blob, ImportError> {
    let named = blob_path(&layer.digest);
    layout::digest(needed_by, &layer.digest)?;
    let (path, entry) = contents
        .resolve(&named)
        .ok_or_else(|| missing(&named, needed_by))?;
    let actual = match entry {
        Entry::Document(bytes) => bytes.len() as u64,
        Entry::Blob { size, .. } => *size,
        Entry::Link(_) => 0,
    };
    if actual != layer.size {
        return Err(ImportError::SizeMismatch {
            path,
            expected: layer.size,
            actual,
        });
    }
    blob(path, layer, needed_by)
}

fn blob(path: String, descriptor: &Descriptor, needed_by: &str) -> Result<Blob, ImportError> {
    let digest = layout::digest(needed_by, &descriptor.digest)?;
    Ok(Blob {
        path,
        digest,
        size: descriptor.size,
        media_type: descriptor.media_type.clone(),
    })
}

/// The JSON document that a descriptor names, checked.
pub(super) fn document<'a>(
    contents: &'a Contents,
    descriptor: &Descriptor,
    needed_by: &str,
) -> Result<(String, &'a Bytes), ImportError> {
    let expected = layout::digest(needed_by, &descriptor.digest)?;
    let path = blob_path(&descriptor.digest);
    let Some(bytes) = contents.document(&path) else {
        return Err(match contents.resolve(&path) {
            None => missing(&path, needed_by),
            Some(_) => ImportError::Document {
                path,
                fault: "is no JSON document, or too large".to_owned(),
            },
        });
    };
    let actual = Digest::of(bytes);
    if actual != expected {
        return Err(ImportError::DigestMismatch {
            path,
            expected,
            actual,
        });
    }
    if bytes.len() as u64 != descriptor.size {
        let (expected, actual) = (descriptor.size, bytes.len() as u64);
        return Err(ImportError::SizeMismatch {
            path,
            expected,
            actual,
        });
    }
    Ok((path, bytes))
}

pub(super) fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

pub(super) fn missing(path: &str, needed_by: &str) -> ImportError {
    ImportError::MissingBlob {
        path: path.to_owned(),
        needed_by: needed_by.to_owned(),
    }
}

/// The name that an entry of index.json gives its image. `None` if it gives none, or only a tag.
fn name_of(descriptor: &Descriptor, named_by_caller: bool) -> Result<Option<String>, ImportError> {
    if named_by_caller {
        return Ok(None);
    }
    let annotations = &descriptor.annotations;
    if let Some(name) = annotations.get(CONTAINERD_NAME) {
        return normalised(name).map(Some);
    }
    match annotations.get(REF_NAME) {
        Some(name) if name.contains(['/', ':']) => normalised(name).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn normalised(name: &str) -> Result<String, ImportError> {
    let reference = Reference::parse(name);
    reference
        .map(|reference| reference.to_string())
        .map_err(|source| ImportError::Name {
            name: name.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests;
