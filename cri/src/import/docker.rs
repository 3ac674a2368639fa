//! Plans an archive of `docker save`: it has no manifest, so one is made.

use super::archive::{Contents, Entry, clean};
use super::layout::{
    self, Config, Descriptor, Manifest, OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_MANIFEST, SavedImage,
};
use super::plan::{Blob, ImagePlan, Wanted, missing, normalised};
use super::{Digest, ImportError};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;

const MANIFEST: &str = "manifest.json";

/// What to store of a `docker save` archive.
pub(super) fn plan_saved(contents: &Contents, wanted: &Wanted) -> Result<Vec<ImagePlan>, ImportError> {
    let bytes = contents
        .document(MANIFEST)
        .ok_or_else(|| missing(MANIFEST, "the archive"))?;
    let saved: Vec<SavedImage> = layout::parse(MANIFEST, bytes)?;
    if saved.is_empty() {
        return Err(ImportError::NoImage);
    }
    saved
        .iter()
        .map(|image| plan_image(contents, image, wanted))
        .collect()
}

fn plan_image(contents: &Contents, saved: &SavedImage, wanted: &Wanted) -> Result<ImagePlan, ImportError> {
    let config_path = clean(Path::new(&saved.config))?;
    let config_bytes = contents
        .document(&config_path)
        .ok_or_else(|| missing(&config_path, MANIFEST))?;
    let config = Blob {
        digest: Digest::of(config_bytes),
        size: config_bytes.len() as u64,
        media_type: OCI_CONFIG.to_owned(),
        path: config_path,
    };
    check_name_is_digest(&config)?;
    let parsed: Config = layout::parse(&config.path, config_bytes)?;
    check_platform(&parsed, wanted)?;
    let diff_ids = parsed.diff_ids(&config.path, saved.layers.len())?;
    let layers = saved.layers.iter().zip(&diff_ids);
    let layers: Vec<Blob> = layers
        .map(|(path, diff_id)| plan_layer(contents, path, diff_id))
        .collect::<Result<_, _>>()?;

    let (manifest, manifest_bytes) = make_manifest(&config, &layers)?;
    let names = if wanted.name.is_some() {
        &[][..]
    } else {
        saved.repo_tags.as_deref().unwrap_or_default()
    };
    Ok(ImagePlan {
        names: names
            .iter()
            .map(|name| normalised(name))
            .collect::<Result<_, _>>()?,
        manifest,
        manifest_bytes,
        config,
        config_bytes: config_bytes.clone(),
        layers,
        diff_ids,
    })
}

/// The manifest that the archive lacks.
fn make_manifest(config: &Blob, layers: &[Blob]) -> Result<(Blob, Bytes), ImportError> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: OCI_MANIFEST.to_owned(),
        config: descriptor(config),
        layers: layers.iter().map(descriptor).collect(),
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|error| ImportError::Document {
        path: MANIFEST.to_owned(),
        fault: error.to_string(),
    })?;
    let blob = Blob {
        path: MANIFEST.to_owned(),
        digest: Digest::of(&bytes),
        size: bytes.len() as u64,
        media_type: OCI_MANIFEST.to_owned(),
    };
    Ok((blob, bytes.into()))
}

fn plan_layer(contents: &Contents, named: &str, diff_id: &Digest) -> Result<Blob, ImportError> {
    let named = clean(Path::new(named))?;
    let (path, entry) = contents
        .resolve(&named)
        .ok_or_else(|| missing(&named, MANIFEST))?;
    let (size, gzip, digest) = match entry {
        Entry::Blob { size, gzip, digest } => (*size, *gzip, digest.clone()),
        // A small layer whose first file has a name like "[" looks like a document at first.
        Entry::Document(bytes) => (bytes.len() as u64, false, Some(Digest::of(bytes))),
        Entry::Link(_) => return Err(missing(&path, MANIFEST)),
    };
    let (digest, media_type) = match (gzip, digest) {
        // A plain layer's digest is its diff id; the content is compared when it is streamed.
        (false, None) => (diff_id.clone(), OCI_LAYER),
        (false, Some(actual)) if actual != *diff_id => {
            let expected = diff_id.clone();
            return Err(ImportError::DigestMismatch {
                path,
                expected,
                actual,
            });
        }
        (false, Some(actual)) => (actual, OCI_LAYER),
        (true, Some(actual)) => (actual, OCI_LAYER_GZIP),
        (true, None) => {
            let hex = path.rsplit('/').next().unwrap_or_default();
            (
                layout::digest(MANIFEST, &format!("sha256:{hex}"))?,
                OCI_LAYER_GZIP,
            )
        }
    };
    Ok(Blob {
        path,
        digest,
        size,
        media_type: media_type.to_owned(),
    })
}

fn descriptor(blob: &Blob) -> Descriptor {
    Descriptor {
        media_type: blob.media_type.clone(),
        digest: blob.digest.to_string(),
        size: blob.size,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

/// A configuration's file name is its digest, with or without `.json`; a damaged one shows here.
fn check_name_is_digest(config: &Blob) -> Result<(), ImportError> {
    let name = config.path.rsplit('/').next().unwrap_or_default();
    match Digest::parse(&format!("sha256:{}", name.trim_end_matches(".json"))) {
        Some(expected) if expected != config.digest => Err(ImportError::DigestMismatch {
            path: config.path.clone(),
            expected,
            actual: config.digest.clone(),
        }),
        _ => Ok(()),
    }
}

fn check_platform(config: &Config, wanted: &Wanted) -> Result<(), ImportError> {
    let platform = &wanted.platform;
    if config.os == platform.os && config.architecture == platform.architecture {
        return Ok(());
    }
    Err(ImportError::NoPlatform {
        wanted: format!("{}/{}", platform.os, platform.architecture),
        found: format!("{}/{}", config.os, config.architecture),
    })
}
