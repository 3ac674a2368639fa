//! First reading: what is in the archive. Documents are kept, everything else is measured.

use super::digest::Hasher;
use super::{Digest, ImportError};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Documents larger than this are not kept; real ones have a few kB.
const DOCUMENT_LIMIT: u64 = 4 << 20;
/// All kept documents together.
const DOCUMENTS_LIMIT: u64 = 64 << 20;
/// How gzip data begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Where an archive comes from. It must be possible to read it twice: a pipe goes to a file first.
#[derive(Debug, Clone)]
pub enum ArchiveSource {
    /// A file.
    File(PathBuf),
    /// Bytes in memory, such as an image built into the program, with a name for error messages.
    Bytes(&'static str, Bytes),
}

impl ArchiveSource {
    /// Reads from the beginning, unpacking gzip if it is that.
    pub(super) fn open(&self) -> Result<Box<dyn Read + Send>, ImportError> {
        match self {
            Self::File(path) => File::open(path)
                .map(|file| BufReader::with_capacity(1 << 18, file))
                .and_then(unzip),
            Self::Bytes(_, bytes) => unzip(Cursor::new(bytes.clone())),
        }
        .map_err(|source| self.unreadable(source))
    }

    pub(super) fn unreadable(&self, source: io::Error) -> ImportError {
        let archive = match self {
            Self::File(path) => path.display().to_string(),
            Self::Bytes(name, _) => (*name).to_owned(),
        };
        ImportError::Read { archive, source }
    }
}

fn unzip(reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = BufReader::new(reader);
    let zipped = io::BufRead::fill_buf(&mut reader)?.starts_with(&GZIP);
    Ok(if zipped {
        Box::new(MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    })
}

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A file that may be a JSON document.
    Document(Bytes),
    /// Anything else. `digest` is `None` where the path already promises one.
    Blob {
        size: u64,
        gzip: bool,
        digest: Option<Digest>,
    },
    /// A link inside the archive, to this path.
    Link(String),
}

/// Everything in the archive by its cleaned path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) entries: HashMap<String, Entry>,
}

impl Contents {
    /// The file at `path`, through at most a few links, with its own path.
    pub(super) fn resolve(&self, path: &str) -> Option<(String, &Entry)> {
        let mut path = path.to_owned();
        for _ in 0..8 {
            match self.entries.get(&path)? {
                Entry::Link(target) => path.clone_from(target),
                entry => return Some((path, entry)),
            }
        }
        None
    }

    /// Whether there is a file at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.resolve(path).is_some()
    }

    /// The document at `path`.
    pub(super) fn document(&self, path: &str) -> Option<&Bytes> {
        match self.resolve(path)? {
            (_, Entry::Document(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

/// Reads the whole archive once, on a thread that may block.
pub(super) async fn scan(source: Arc<ArchiveSource>) -> Result<Contents, ImportError> {
    let reading = tokio::task::spawn_blocking(move || scan_blocking(&source));
    reading
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// The blocking part of [`scan`].
pub(super) fn scan_blocking(source: &ArchiveSource) -> Result<Contents, ImportError> {
    let mut contents = Contents::default();
    let mut kept = 0;
    let mut archive = tar::Archive::new(source.open()?);
    let entries = archive.entries().map_err(|error| source.unreadable(error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| source.unreadable(error))?;
        let kind = entry.header().entry_type();
        let path = clean(&entry.path().map_err(|error| source.unreadable(error))?)?;
        let file = if kind.is_file() || kind.is_contiguous() {
            let size = entry.size();
            let may_keep = size <= DOCUMENT_LIMIT && kept + size <= DOCUMENTS_LIMIT;
            let file = read_entry(&mut entry, &path, size, may_keep);
            let file = file.map_err(|error| source.unreadable(error))?;
            if let Entry::Document(bytes) = &file {
                kept += bytes.len() as u64;
            }
            file
        } else if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name().map_err(|error| source.unreadable(error))?;
            Entry::Link(link_target(
                &path,
                &target.unwrap_or_default(),
                kind.is_hard_link(),
            )?)
        } else {
            continue;
        };
        if contents.entries.insert(path.clone(), file).is_some() {
            return Err(ImportError::Entry {
                path,
                fault: "is there twice",
            });
        }
    }
    Ok(contents)
}

/// Reads a file: keeps it if it may be a document, else hashes it unless its name is its digest.
fn read_entry(reader: &mut impl Read, path: &str, size: u64, may_keep: bool) -> io::Result<Entry> {
    let mut buffer = vec![0; 1 << 16];
    let mut first = read_some(reader, &mut buffer)?;
    let gzip = buffer[..first].starts_with(&GZIP);
    if may_keep
        && buffer[..first]
            .trim_ascii_start()
            .first()
            .is_some_and(|byte| matches!(byte, b'{' | b'['))
    {
        let mut document = buffer[..first].to_vec();
        reader.read_to_end(&mut document)?;
        return Ok(Entry::Document(document.into()));
    }
    if path.starts_with("blobs/sha256/") {
        return Ok(Entry::Blob {
            size,
            gzip,
            digest: None,
        });
    }
    let mut hasher = Hasher::default();
    while first > 0 {
        hasher.update(&buffer[..first]);
        first = read_some(reader, &mut buffer)?;
    }
    Ok(Entry::Blob {
        size,
        gzip,
        digest: Some(hasher.finish()),
    })
}

/// Reads once, going on after an interruption; zero at the end.
pub(super) fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A path without `./` and doubled slashes; one that could mean a place outside is an error.
pub(super) fn clean(path: &Path) -> Result<String, ImportError> {
    let refuse = |fault| ImportError::Entry {
        path: path.display().to_string(),
        fault,
    };
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(|| refuse("is not UTF-8"))?),
            Component::CurDir => {}
            Component::ParentDir => return Err(refuse("climbs out of the archive")),
            Component::RootDir | Component::Prefix(_) => return Err(refuse("is absolute")),
        }
    }
    Ok(parts.join("/"))
}

/// Where a link points, as a path of the archive.
fn link_target(from: &str, target: &Path, hard: bool) -> Result<String, ImportError> {
    let refuse = |fault| ImportError::Entry {
        path: from.to_owned(),
        fault,
    };
    let mut parts: Vec<&str> = if hard {
        Vec::new()
    } else {
        from.split('/').collect()
    };
    parts.pop();
    for part in target.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(|| refuse("links to no UTF-8"))?),
            Component::CurDir => {}
            Component::ParentDir if parts.pop().is_some() => {}
            _ => return Err(refuse("links out of the archive")),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests;
