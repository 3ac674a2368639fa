//! Operations of a write transaction.

use std::ops::RangeInclusive;

use redb::{ReadableTable, Table, WriteTransaction};

use super::{EXPIRY, Fault, INDEX, LOG, META, Result, Standing, answer, damage, entry, standing};
use crate::store::embedded::record::Record;
use crate::store::{Entry, Event, EventKind, Expect, Put, StoreError};

/// The open tables of a write transaction.
pub(in crate::store::embedded) struct Writing<'t> {
    meta: Table<'t, &'static str, u64>,
    log: Table<'t, u64, &'static [u8]>,
    index: Table<'t, (&'static str, u64), u64>,
    expiry: Table<'t, (u64, &'static str), u64>,
    revision: u64,
}

/// The live version of a key: its revision and the one at which it was created.
#[derive(Debug, Clone, Copy)]
struct Live {
    revision: u64,
    created: u64,
}

impl<'t> Writing<'t> {
    pub(in crate::store::embedded) fn open(txn: &'t WriteTransaction) -> Result<Self> {
        let meta = txn.open_table(META)?;
        let revision = standing(&meta)?.revision;
        Ok(Self {
            meta,
            log: txn.open_table(LOG)?,
            index: txn.open_table(INDEX)?,
            expiry: txn.open_table(EXPIRY)?,
            revision,
        })
    }

    fn live(&self, key: &str) -> Result<Option<Live>> {
        let mut versions = self.index.range((key, 0)..=(key, u64::MAX))?;
        let Some(last) = versions.next_back() else {
            return Ok(None);
        };
        let (at, created) = last?;
        let (revision, created) = (at.value().1, created.value());
        Ok((created != 0).then_some(Live { revision, created }))
    }

    /// Puts if the condition holds; `deadline` in Unix seconds.
    pub(in crate::store::embedded) fn put(&mut self, put: &Put, deadline: Option<u64>) -> Result<Event> {
        let live = self.live(&put.key)?;
        match (live, put.expect) {
            (None, Expect::Absent) => {}
            (Some(live), Expect::Revision(expected)) if live.revision == expected => {}
            (Some(live), Expect::Absent) => {
                let current = Box::new(entry(&self.log, &put.key, live.revision)?);
                return answer(StoreError::Exists { current });
            }
            (Some(live), Expect::Revision(_)) => {
                let current = Box::new(entry(&self.log, &put.key, live.revision)?);
                return answer(StoreError::Conflict { current });
            }
            (None, Expect::Revision(_)) => {
                return answer(StoreError::Absent {
                    key: put.key.to_string(),
                });
            }
        }
        let created = live.map_or(self.revision + 1, |live| live.created);
        if let Some(deadline) = deadline {
            self.expiry.insert((deadline, &*put.key), self.revision + 1)?;
        }
        let (key, value) = (&*put.key, &*put.value);
        self.append(
            live,
            Record {
                kind: EventKind::Put,
                created,
                previous: 0,
                key,
                value,
            },
        )
    }

    /// Deletes if the condition holds.
    pub(in crate::store::embedded) fn delete(&mut self, key: &str, expected: u64) -> Result<Event> {
        match self.live(key)? {
            None => answer(StoreError::Absent { key: key.to_owned() }),
            Some(live) if live.revision == expected => {
                let record = Record {
                    kind: EventKind::Delete,
                    created: 0,
                    previous: 0,
                    key,
                    value: b"",
                };
                self.append(Some(live), record)
            }

            Some(live) => {
                let current = Box::new(entry(&self.log, key, live.revision)?);
                answer(StoreError::Conflict { current })
            }
        }
    }

    /// Writes a record as the next revision, as what follows the live version.
    fn append(&mut self, live: Option<Live>, record: Record<'_>) -> Result<Event> {
        let key = record.key;
        let previous = live
            .map(|live| entry(&self.log, key, live.revision))
            .transpose()?;
        let revision = self.revision + 1;
        let record = Record {
            previous: live.map_or(0, |l| l.revision),
            ..record
        };
        self.log.insert(revision, record.encode(revision).as_slice())?;
        self.index.insert((key, revision), record.created)?;
        self.revision = revision;
        Ok(Event {
            kind: record.kind,
            entry: record.entry(revision),
            previous,
        })
    }

    /// Deletes up to `max` keys whose time is over and that were not put again since.
    pub(in crate::store::embedded) fn expire(&mut self, now: u64, max: usize) -> Result<Vec<Event>> {
        let mut due = Vec::new();
        for row in self.expiry.range((0, "")..(now, ""))?.take(max) {
            let (at, revision) = row?;
            due.push((at.value().0, at.value().1.to_owned(), revision.value()));
        }
        let mut events = Vec::new();
        for (deadline, key, revision) in due {
            self.expiry.remove((deadline, key.as_str()))?;
            match self.delete(&key, revision) {
                Ok(event) => events.push(event),
                Err(Fault::Answer(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(events)
    }

    /// Compacts to `upto` and removes the rows of at most `max` revisions; answers the new standing.
    pub(in crate::store::embedded) fn compact(&mut self, upto: u64, max: u64) -> Result<Standing> {
        let mut now = standing(&self.meta)?;
        if upto > self.revision {
            return answer(StoreError::Future {
                requested: upto,
                current: self.revision,
            });
        }
        now.compacted = now.compacted.max(upto);
        let last = now.compacted.min(now.cleaned.saturating_add(max));
        self.clean(now.cleaned + 1..=last)?;
        now.cleaned = last;
        self.meta.insert("compacted", now.compacted)?;
        self.meta.insert("cleaned", now.cleaned)?;
        Ok(now)
    }

    /// Removes what the writes at `revisions` superseded, and those that were deletes.
    fn clean(&mut self, revisions: RangeInclusive<u64>) -> Result<()> {
        let mut rows = Vec::new();
        for row in self.log.range(revisions)? {
            let (revision, record) = row?;
            let revision = revision.value();
            match Record::decode(revision, record.value()) {
                Ok(r) => rows.push((revision, r.kind, r.previous, r.key.to_owned())),
                Err(what) => return damage(format!("{what} at revision {revision}")),
            }
        }
        for (revision, kind, previous, key) in rows {
            let dead = [(previous, previous != 0), (revision, kind == EventKind::Delete)];
            for (revision, _) in dead.into_iter().filter(|(_, dead)| *dead) {
                self.log.remove(revision)?;
                self.index.remove((key.as_str(), revision))?;
            }
        }
        Ok(())
    }

    /// Puts an entry as it was elsewhere, with its revisions (restoring a backup).
    pub(in crate::store::embedded) fn adopt(&mut self, entry: &Entry) -> Result<()> {
        let (key, revision, created) = (&*entry.key, entry.mod_revision, entry.create_revision);
        let record = Record {
            kind: EventKind::Put,
            created,
            previous: 0,
            key,
            value: &entry.value,
        };
        self.log.insert(revision, record.encode(revision).as_slice())?;
        self.index.insert((key, revision), created)?;
        Ok(())
    }

    /// Sets the counter and forgets all history before it (restoring a backup).
    pub(in crate::store::embedded) fn begin_at(&mut self, revision: u64) -> Result<()> {
        self.revision = revision;
        self.meta.insert("compacted", revision)?;
        self.meta.insert("cleaned", revision)?;
        self.finish()
    }

    /// Records the counter; the last thing before a commit.
    pub(in crate::store::embedded) fn finish(&mut self) -> Result<()> {
        self.meta.insert("revision", self.revision)?;
        Ok(())
    }
}
