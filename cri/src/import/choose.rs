//! Walks from an index to the manifest for one platform.

use super::archive::Contents;
use super::layout::{self, Config, Descriptor, Index, Manifest, PlatformField};
use super::plan::{blob_path, document};
use super::{ImportError, Platform};
use std::collections::BTreeSet;

/// Indexes in indexes deeper than this are somebody's joke.
const DEEPEST: usize = 4;

/// Looks for one platform, and notes those that it met.
#[derive(Debug)]
pub(super) struct Chooser<'a> {
    contents: &'a Contents,
    platform: &'a Platform,
    met: BTreeSet<String>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(contents: &'a Contents, platform: &'a Platform) -> Self {
        Self {
            contents,
            platform,
            met: BTreeSet::new(),
        }
    }

    /// The manifest for the platform that `descriptor` is or leads to. `needed_by` is the document it is from.
    pub(super) fn choose(
        &mut self,
        needed_by: &str,
        descriptor: &Descriptor,
        depth: usize,
    ) -> Result<Option<Descriptor>, ImportError> {
        if !is_index(descriptor) {
            return self.accept(needed_by, descriptor);
        }
        let (path, bytes) = document(self.contents, descriptor, needed_by)?;
        if depth == DEEPEST {
            return Err(ImportError::Document {
                path,
                fault: "indexes are nested too deeply".to_owned(),
            });
        }
        let index: Index = layout::parse(&path, bytes)?;
        for inner in &index.manifests {
            // An index without its other platforms' images is usual, and nothing is missed.
            if !self.contents.has(&blob_path(&inner.digest)) && !self.may_fit(inner) {
                self.note(inner.platform.as_ref());
                continue;
            }
            if let Some(manifest) = self.choose(&path, inner, depth + 1)? {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// What to say when no manifest was chosen.
    pub(super) fn nothing_found(self) -> ImportError {
        let Platform { os, architecture } = self.platform;
        let met: Vec<String> = self.met.into_iter().collect();
        let found = if met.is_empty() {
            "no platform at all".to_owned()
        } else {
            met.join(", ")
        };
        ImportError::NoPlatform {
            wanted: format!("{os}/{architecture}"),
            found,
        }
    }

    fn accept(&mut self, needed_by: &str, manifest: &Descriptor) -> Result<Option<Descriptor>, ImportError> {
        let own = match &manifest.platform {
            Some(platform) => platform.clone(),
            None => self.platform_of_config(needed_by, manifest)?,
        };
        if self.fits(&own) {
            return Ok(Some(manifest.clone()));
        }
        self.note(Some(&own));
        Ok(None)
    }

    fn platform_of_config(
        &self,
        needed_by: &str,
        manifest: &Descriptor,
    ) -> Result<PlatformField, ImportError> {
        let (path, bytes) = document(self.contents, manifest, needed_by)?;
        let manifest: Manifest = layout::parse(&path, bytes)?;
        let (path, bytes) = document(self.contents, &manifest.config, &path)?;
        let config: Config = layout::parse(&path, bytes)?;
        Ok(PlatformField {
            os: config.os,
            architecture: config.architecture,
            variant: config.variant,
        })
    }

    fn may_fit(&self, descriptor: &Descriptor) -> bool {
        descriptor
            .platform
            .as_ref()
            .is_none_or(|platform| self.fits(platform))
    }

    fn fits(&self, platform: &PlatformField) -> bool {
        platform.os == self.platform.os && platform.architecture == self.platform.architecture
    }

    fn note(&mut self, platform: Option<&PlatformField>) {
        let Some(PlatformField {
            os,
            architecture,
            variant,
        }) = platform
        else {
            return;
        };
        // Attestations hang in an index as images for "unknown/unknown".
        if os == "unknown" {
            return;
        }
        let variant = if variant.is_empty() {
            String::new()
        } else {
            format!("/{variant}")
        };
        self.met.insert(format!("{os}/{architecture}{variant}"));
    }
}

fn is_index(descriptor: &Descriptor) -> bool {
    matches!(
        descriptor.media_type.as_str(),
        layout::OCI_INDEX | layout::DOCKER_LIST
    )
}
