//! Making a store file from entries that had their revisions elsewhere.

use std::path::Path;

use super::file::{DataFile, Mode, WriteFailure};
use super::tables::Writing;
use crate::store::{Entry, Result};

/// A new store file that is not in use yet. Blocks on the disk: not for async threads.
pub(crate) struct Filler(DataFile);

impl Filler {
    /// Makes an empty store file.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let (file, _) = DataFile::open(path, 8 << 20, Mode::New)?;
        Ok(Self(file))
    }

    /// Adds entries with their revisions, which must differ, in one commit.
    pub(crate) fn add(&mut self, entries: &[Entry]) -> Result<()> {
        self.commit(|tables| entries.iter().try_for_each(|entry| tables.adopt(entry)))
    }

    /// Sets the revision to go on from, higher than every other, and closes the file.
    pub(crate) fn finish(self, revision: u64) -> Result<()> {
        self.commit(|tables| tables.begin_at(revision))
    }

    fn commit(&self, work: impl FnOnce(&mut Writing<'_>) -> super::tables::Result<()>) -> Result<()> {
        let done = self.0.write(|txn| {
            let mut tables = Writing::open(txn)?;
            work(&mut tables)?;
            Ok(((), true))
        });
        done.map_err(|failure| match failure {
            WriteFailure::Refused(error) | WriteFailure::Broken(error) => error,
        })
    }
}
