//! The last good version of each manifest, so that a file that is broken when the agent starts keeps its pod.
//!
//! Invariants: one JSON file per manifest, readable by root only (a manifest may hold passwords in its
//! environment), written to a temporary file, synced and renamed; a file that cannot be read counts as absent.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;

use super::event::ManifestEvent;

/// A directory of last good versions.
#[derive(Debug)]
pub(super) struct LastGood {
    dir: PathBuf,
}

impl LastGood {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// All stored pods by the name of their manifest.
    pub(super) fn load(&self) -> BTreeMap<String, Pod> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let manifest = name.strip_suffix(".json").filter(|name| !name.starts_with('.'))?;
                let pod = serde_json::from_slice(&fs::read(entry.path()).ok()?).ok()?;
                Some((manifest.to_owned(), pod))
            })
            .collect()
    }

    /// Stores or removes what the event changes.
    ///
    /// # Errors
    /// When the directory cannot be written; the watch goes on without the store.
    pub(super) fn follow(&self, event: &ManifestEvent) -> io::Result<()> {
        match event {
            ManifestEvent::Set { source, pod } => self.store(&source.file_name(), pod),
            ManifestEvent::Removed { source } => self.remove(&source.file_name()),
            ManifestEvent::Broken { .. } | ManifestEvent::Synced => Ok(()),
        }
    }

    /// Removes the versions of manifests that are not among `present`.
    pub(super) fn keep_only(&self, present: &dyn Fn(&str) -> bool) {
        for manifest in self.load().into_keys().filter(|name| !present(name)) {
            // Left for the next start: a stale version alone starts nothing.
            let _ = self.remove(&manifest);
        }
    }

    fn path(&self, manifest: &str) -> PathBuf {
        self.dir.join(format!("{manifest}.json"))
    }

    fn store(&self, manifest: &str, pod: &Pod) -> io::Result<()> {
        let path = self.path(manifest);
        let bytes = serde_json::to_vec(pod)?;
        if fs::read(&path).is_ok_and(|stored| stored == bytes) {
            return Ok(());
        }
        fs::create_dir_all(&self.dir)?;
        let temporary = self.dir.join(format!(".{manifest}.json"));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        sync_directory(&self.dir)
    }

    fn remove(&self, manifest: &str) -> io::Result<()> {
        match fs::remove_file(self.path(manifest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn sync_directory(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use super::super::event::Source;
    use super::*;

    #[test]
    fn a_set_pod_is_loaded_again_and_a_removed_one_is_not() {
        let root = tempfile::tempdir().expect("directory");
        let store = LastGood::new(root.path().join("manifests"));
        assert!(store.load().is_empty());
        let source = Source::new("/m/web.yaml");
        let pod = Arc::new(Pod::default());
        store
            .follow(&ManifestEvent::Set {
                source: source.clone(),
                pod,
            })
            .expect("stored");
        assert_eq!(
            store.load(),
            BTreeMap::from([("web.yaml".to_owned(), Pod::default())])
        );
        let mode = fs::metadata(root.path().join("manifests/web.yaml.json"))
            .expect("file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        store.keep_only(&|name| name == "web.yaml");
        assert_eq!(store.load().len(), 1);
        store.follow(&ManifestEvent::Removed { source }).expect("removed");
        assert!(store.load().is_empty());
    }

    #[test]
    fn half_written_and_foreign_files_count_as_absent() {
        let root = tempfile::tempdir().expect("directory");
        for (name, text) in [(".web.yaml.json", "{}"), ("a.yaml.json", "{"), ("README", "{}")] {
            fs::write(root.path().join(name), text).expect("file");
        }
        assert!(LastGood::new(root.path().to_owned()).load().is_empty());
    }
}
