//! When the directory is looked at next: changes are gathered for a moment, and files that are being written are
//! waited for. Pure: the caller brings the time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// How long changes are gathered: an editor's save is several events.
const GATHER: Duration = Duration::from_millis(20);
/// How long a file that is being written is waited for; after that it is read as it is.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One change that the kernel reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The file's content is being written.
    Writing(String),
    /// The file appeared, was closed after writing, renamed or removed.
    Settled(String),
    /// Events were lost or the directory itself changed: anything may be different.
    Anything,
}

/// What a look at the directory has to know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Files to read even if their stamps look the same.
    pub changed: BTreeSet<String>,
    /// Files that are being written and are left alone.
    pub open: BTreeSet<String>,
}

/// Changes that have not been looked at.
#[derive(Debug, Default)]
pub(super) struct Pending {
    changed: BTreeSet<String>,
    writing: BTreeMap<String, Instant>,
    wanted: Option<Instant>,
    at_once: bool,
}

impl Pending {
    /// A look is due now, whatever changed.
    pub(super) fn rescan(&mut self) {
        self.at_once = true;
    }

    /// Takes changes over.
    pub(super) fn note(&mut self, changes: Vec<Change>, now: Instant) {
        for change in changes {
            match change {
                Change::Writing(name) => {
                    self.changed.insert(name.clone());
                    self.writing.entry(name).or_insert(now);
                }
                Change::Settled(name) => {
                    self.writing.remove(&name);
                    self.changed.insert(name);
                    self.want(now + GATHER);
                }
                Change::Anything => self.want(now + GATHER),
            }
        }
    }

    fn want(&mut self, at: Instant) {
        self.wanted.get_or_insert(at);
    }

    /// When the next look is due, if one is.
    pub(super) fn due(&self) -> Option<Instant> {
        let patience = self.writing.values().min().map(|since| *since + PATIENCE);
        [self.wanted, patience].into_iter().flatten().min()
    }

    /// The look that is due at `now`, if one is.
    pub(super) fn take(&mut self, now: Instant) -> Option<Look> {
        if !std::mem::take(&mut self.at_once) && self.due().is_none_or(|due| due > now) {
            return None;
        }
        self.writing.retain(|_, since| *since + PATIENCE > now);
        self.wanted = None;
        let open: BTreeSet<String> = self.writing.keys().cloned().collect();
        let changed = std::mem::take(&mut self.changed);
        self.changed = changed.intersection(&open).cloned().collect();
        Some(Look {
            changed: changed.difference(&open).cloned().collect(),
            open,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn changes_are_gathered_into_one_look() {
        let start = Instant::now();
        let mut pending = Pending::default();
        assert_eq!((pending.due(), pending.take(start)), (None, None));
        pending.note(vec![Change::Settled("a".into())], start);
        pending.note(vec![Change::Settled("b".into())], start + GATHER / 2);
        assert_eq!(pending.take(start + GATHER / 2), None);
        assert_eq!(pending.due(), Some(start + GATHER));
        assert_eq!(
            pending.take(start + GATHER),
            Some(Look {
                changed: names(&["a", "b"]),
                open: names(&[])
            })
        );
        assert_eq!(pending.due(), None);
    }

    #[test]
    fn a_file_that_is_being_written_is_read_when_closed_or_when_patience_ends() {
        let start = Instant::now();
        let mut pending = Pending::default();
        pending.note(
            vec![Change::Writing("a".into()), Change::Writing("b".into())],
            start,
        );
        pending.note(vec![Change::Settled("a".into())], start);
        let look = pending.take(start + GATHER).expect("look");
        assert_eq!(
            look,
            Look {
                changed: names(&["a"]),
                open: names(&["b"])
            }
        );
        assert_eq!(pending.due(), Some(start + PATIENCE));
        let look = pending.take(start + PATIENCE).expect("look");
        assert_eq!(
            look,
            Look {
                changed: names(&["b"]),
                open: names(&[])
            }
        );
    }

    #[test]
    fn a_rescan_looks_at_once_and_leaves_open_files_alone() {
        let start = Instant::now();
        let mut pending = Pending::default();
        pending.note(vec![Change::Writing("a".into())], start);
        pending.rescan();
        assert_eq!(
            pending.take(start),
            Some(Look {
                changed: names(&[]),
                open: names(&["a"])
            })
        );
        pending.note(vec![Change::Anything], start);
        assert!(pending.take(start + GATHER).is_some());
    }
}
