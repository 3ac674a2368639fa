//! The files of one image layer and their tar form.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use super::ArchiveError;

/// Files of one layer, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    path: String,
    mode: u32,
    owner: (u32, u32),
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Directory,
    File(Cow<'static, [u8]>),
    Symlink(String),
}

impl Layer {
    /// A layer without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory; missing parents are added by the writer with mode 0755.
    #[must_use]
    pub fn directory(self, path: impl Into<String>, mode: u32) -> Self {
        self.with(path.into(), mode, Content::Directory)
    }

    /// Adds a regular file.
    #[must_use]
    pub fn file(self, path: impl Into<String>, mode: u32, content: impl Into<Cow<'static, [u8]>>) -> Self {
        self.with(path.into(), mode, Content::File(content.into()))
    }

    /// Adds a symbolic link; `target` is stored as given.
    #[must_use]
    pub fn symlink(self, path: impl Into<String>, target: impl Into<String>) -> Self {
        self.with(path.into(), 0o777, Content::Symlink(target.into()))
    }

    /// Gives the entry that was added last to another owner than root.
    #[must_use]
    pub fn owned_by(mut self, uid: u32, gid: u32) -> Self {
        if let Some(last) = self.entries.last_mut() {
            last.owner = (uid, gid);
        }
        self
    }

    fn with(mut self, path: String, mode: u32, content: Content) -> Self {
        self.entries.push(Entry {
            path,
            mode,
            owner: (0, 0),
            content,
        });
        self
    }

    /// The layer as an uncompressed tar.
    ///
    /// # Errors
    /// [`ArchiveError::Entry`] for a path that no container could have.
    pub(super) fn to_tar(&self) -> Result<Vec<u8>, ArchiveError> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut directories = BTreeSet::new();
        for entry in &self.entries {
            let path = clean(&entry.path)?;
            for parent in parents(&path) {
                if directories.insert(parent.to_owned()) {
                    append(
                        &mut tar,
                        &format!("{parent}/"),
                        tar::EntryType::Directory,
                        0o755,
                        &[],
                    )
                    .map_err(ArchiveError::Write)?;
                }
            }
            if matches!(entry.content, Content::Directory) && !directories.insert(path.clone()) {
                return Err(ArchiveError::Entry {
                    path,
                    reason: "directory is listed twice or after a file in it",
                });
            }
            entry.append_to(&mut tar, &path).map_err(ArchiveError::Write)?;
        }
        tar.into_inner().map_err(ArchiveError::Write)
    }
}

impl Entry {
    fn append_to(&self, tar: &mut tar::Builder<Vec<u8>>, path: &str) -> io::Result<()> {
        let mut header = header(self.mode);
        header.set_uid(u64::from(self.owner.0));
        header.set_gid(u64::from(self.owner.1));
        match &self.content {
            Content::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, format!("{path}/"), io::empty())
            }
            Content::File(bytes) => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(bytes.len() as u64);
                tar.append_data(&mut header, path, bytes.as_ref())
            }
            Content::Symlink(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, path, target)
            }
        }
    }
}

/// Appends one root-owned entry with the fixed metadata that keeps archives reproducible.
pub(super) fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = header(mode);
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}

fn header(mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// The path relative to the image's root, without `.` and empty parts.
fn clean(path: &str) -> Result<String, ArchiveError> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.is_empty() {
        return Err(ArchiveError::Entry {
            path: path.to_owned(),
            reason: "names no file",
        });
    }
    if parts.contains(&"..") {
        return Err(ArchiveError::Entry {
            path: path.to_owned(),
            reason: "climbs out with ..",
        });
    }
    Ok(parts.join("/"))
}

/// The directories above a cleaned path, outermost first.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
