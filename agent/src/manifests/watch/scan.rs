//! Looks at the directory: which files are manifests, and what they hold.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::super::catalog::{Contents, Listing, Stamp};
use super::super::read::MAX_SIZE;

/// Endings of files that editors and package managers leave beside the real one. The reference reads these as
/// pods; a backup that fights its original over a name is never what somebody wants.
const LEFTOVERS: [&str; 12] = [
    "~",
    ".swp",
    ".swx",
    ".tmp",
    ".bak",
    ".orig",
    ".rej",
    ".dpkg-old",
    ".dpkg-new",
    ".dpkg-dist",
    ".rpmsave",
    ".rpmnew",
];

/// Whether a file of this name is read at all.
pub(super) fn is_manifest(name: &str) -> bool {
    let hidden = name.starts_with('.') || (name.starts_with('#') && name.ends_with('#'));
    !hidden && !LEFTOVERS.iter().any(|ending| name.ends_with(ending))
}

/// The manifests in `dir`; links are followed, directories in it are not entered. A missing directory is empty.
///
/// # Errors
/// When the directory exists and cannot be listed.
pub(super) fn list(dir: &Path) -> io::Result<Listing> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listing::new()),
        Err(error) => return Err(error),
    };
    let mut listing = Listing::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !is_manifest(&name) {
            continue;
        }
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_file() => {
                listing.insert(name, stamp(&metadata));
            }
            Ok(_) => {}
            // Gone between the two calls, or a link to nowhere: not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // The file is there; reading it will say what is wrong with it.
            Err(_) => {
                listing.insert(name, Stamp::default());
            }
        }
    }
    Ok(listing)
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp {
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// Reads the files `names`; one that went away meanwhile leaves the listing too.
pub(super) fn read_all(dir: &Path, names: &[String], listing: &mut Listing) -> Contents {
    let mut contents = Contents::new();
    let mut gone = BTreeSet::new();
    for name in names {
        match read(&dir.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                gone.insert(name.clone());
            }
            Err(error) => {
                contents.insert(name.clone(), Err(format!("cannot be read: {error}")));
            }
            Ok(bytes) if bytes.len() as u64 > MAX_SIZE => {
                contents.insert(name.clone(), Err(format!("larger than {} MiB", MAX_SIZE >> 20)));
            }
            Ok(bytes) => {
                contents.insert(name.clone(), Ok(bytes));
            }
        }
    }
    listing.retain(|name, _| !gone.contains(name));
    contents
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more.
    fs::File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_and_leftovers_of_editors_are_no_manifests() {
        for (name, read) in [
            ("web.yaml", true),
            ("web.json", true),
            ("web", true),
            (".web.yaml", false),
            (".web.yaml.swp", false),
            ("web.yaml~", false),
            ("#web.yaml#", false),
            ("web.yaml.bak", false),
            ("web.yaml.dpkg-new", false),
        ] {
            assert_eq!(is_manifest(name), read, "{name}");
        }
    }

    #[test]
    fn a_missing_directory_is_empty_and_only_files_are_listed() {
        let root = tempfile::tempdir().expect("directory");
        assert!(list(&root.path().join("none")).expect("empty").is_empty());
        fs::create_dir(root.path().join("sub.yaml")).expect("directory");
        fs::write(root.path().join("a.yaml"), "x").expect("file");
        std::os::unix::fs::symlink("a.yaml", root.path().join("b.yaml")).expect("link");
        std::os::unix::fs::symlink("nowhere", root.path().join("c.yaml")).expect("link");
        let mut listing = list(root.path()).expect("listing");
        assert_eq!(listing.keys().collect::<Vec<_>>(), ["a.yaml", "b.yaml"]);
        fs::remove_file(root.path().join("a.yaml")).expect("removed");
        let names = ["a.yaml".to_owned(), "b.yaml".to_owned()];
        assert!(read_all(root.path(), &names, &mut listing).is_empty());
        assert!(listing.is_empty());
    }
}
