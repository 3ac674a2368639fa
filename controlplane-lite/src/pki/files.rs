//! Reading and writing key files: whole or not at all, secrets unreadable for others from the first byte.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::PkiError;

/// Mode of a private key.
pub(crate) const SECRET: u32 = 0o600;
/// Mode of a certificate.
pub(crate) const PUBLIC: u32 = 0o644;

/// The file's text, or `None` where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PkiError::File {
            operation: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

/// Makes the directory with its parents; what is secret in it has a mode of its own.
pub(crate) fn make_directory(path: &Path) -> Result<(), PkiError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|source| PkiError::File {
            operation: "make the directory",
            path: path.to_owned(),
            source,
        })
}

/// Writes a temporary file beside the target, syncs it and renames it.
pub(crate) fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    write_whole(path, text, mode).map_err(|source| PkiError::File {
        operation: "write",
        path: path.to_owned(),
        source,
    })
}

fn write_whole(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let temporary = path.with_added_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
