//! The tables of the file, and every operation on them as a function of a transaction.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format`, `revision`, `compacted`, `cleaned` | number |
//! | `log` | revision | [`Record`]: what that revision did, with the value |
//! | `index` | key, revision | create revision, 0 for a delete |
//! | `expiry` | deadline (Unix seconds), key | revision of the put that set it |
//!
//! The log is appended to, so values are written once and never moved; the index is small and tells which
//! revision of each key to look up. Invariants: an index row and the log row of its revision exist both or
//! neither, and agree; rows at or below `compacted` are only those a read at `compacted` needs, once `cleaned`
//! has caught up with it.

use std::ops::RangeInclusive;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::record::Record;
use crate::store::{At, Entry, Event, EventKind, FIRST_REVISION, ListQuery, Page, StoreError};

mod write;

pub(super) use write::Writing;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const INDEX: TableDefinition<'_, (&str, u64), u64> = TableDefinition::new("index");
const EXPIRY: TableDefinition<'_, (u64, &str), u64> = TableDefinition::new("expiry");

/// Version of this layout.
const FORMAT: u64 = 1;

/// An operation failed: what it asked for does not hold, or the file is at fault.
#[derive(Debug)]
pub(super) enum Fault {
    /// An answer to the caller.
    Answer(StoreError),
    /// The file could not be read or written.
    File(redb::Error),
    /// The file contradicts itself.
    Damage(String),
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

fn answer<T>(error: StoreError) -> Result<T> {
    Err(Fault::Answer(error))
}

fn damage<T>(what: impl Into<String>) -> Result<T> {
    Err(Fault::Damage(what.into()))
}

/// Where the store stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) revision: u64,
    /// Reads below this fail.
    pub(super) compacted: u64,
    /// Rows up to this have been removed as far as compaction allows.
    pub(super) cleaned: u64,
}

/// Makes the tables of a new file, or checks those that are there.
pub(super) fn prepare(txn: &WriteTransaction) -> Result<Standing> {
    let mut meta = txn.open_table(META)?;
    let format = meta.get("format")?.map(|v| v.value());
    match format {
        Some(FORMAT) => {}
        Some(other) => {
            return damage(format!(
                "its format is {other}, this version of the program knows {FORMAT}"
            ));
        }
        None => {
            for (name, value) in [
                ("format", FORMAT),
                ("revision", FIRST_REVISION),
                ("compacted", 0),
                ("cleaned", 0),
            ] {
                meta.insert(name, value)?;
            }
        }
    }
    txn.open_table(INDEX)?;
    txn.open_table(EXPIRY)?;
    let standing = standing(&meta)?;
    let last = txn
        .open_table(LOG)?
        .last()?
        .map_or(0, |(revision, _)| revision.value());
    if last > standing.revision {
        return damage(format!(
            "its log reaches revision {last} but its counter {}",
            standing.revision
        ));
    }
    Ok(standing)
}

fn standing(meta: &impl ReadableTable<&'static str, u64>) -> Result<Standing> {
    let number = |name| match meta.get(name)? {
        Some(value) => Ok(value.value()),
        None => damage(format!("its {name} is missing")),
    };
    Ok(Standing {
        revision: number("revision")?,
        compacted: number("compacted")?,
        cleaned: number("cleaned")?,
    })
}

type Log<'a> = dyn LogRead + 'a;

/// The log for reading, in either kind of transaction.
trait LogRead {
    fn read(&self, revision: u64, take: &mut dyn FnMut(Record<'_>)) -> Result<bool>;
}

impl<T: ReadableTable<u64, &'static [u8]>> LogRead for T {
    fn read(&self, revision: u64, take: &mut dyn FnMut(Record<'_>)) -> Result<bool> {
        let Some(row) = self.get(revision)? else {
            return Ok(false);
        };
        match Record::decode(revision, row.value()) {
            Ok(record) => take(record),
            Err(what) => return damage(format!("{what} at revision {revision}")),
        }
        Ok(true)
    }
}

/// The entry that `revision` left behind, which must be one of `key`.
fn entry(log: &Log<'_>, key: &str, revision: u64) -> Result<Entry> {
    let mut found = None;
    log.read(revision, &mut |record| {
        if record.key == key && record.kind == EventKind::Put {
            found = Some(record.entry(revision));
        }
    })?;
    found.ok_or_else(|| Fault::Damage(format!("the log has no value of {key} at revision {revision}")))
}

/// The revision a read looks at, if that can be read.
fn resolve(txn: &ReadTransaction, at: At) -> Result<u64> {
    let now = standing(&txn.open_table(META)?)?;
    let requested = match at {
        At::Latest => return Ok(now.revision),
        At::NotOlderThan(requested) | At::Exactly(requested) => requested,
    };
    if requested > now.revision {
        return answer(StoreError::Future {
            requested,
            current: now.revision,
        });
    }
    if matches!(at, At::NotOlderThan(_)) {
        return Ok(now.revision);
    }
    if requested < now.compacted {
        return answer(StoreError::Compacted {
            requested,
            oldest: now.compacted,
        });
    }
    Ok(requested)
}

/// One key at a moment, and the revision of the answer.
pub(super) fn get(txn: &ReadTransaction, key: &str, at: At) -> Result<(Option<Entry>, u64)> {
    let revision = resolve(txn, at)?;
    let index = txn.open_table(INDEX)?;
    let version = index.range((key, 0)..=(key, revision))?.next_back().transpose()?;
    let live = version
        .map(|(at, created)| (at.value().1, created.value()))
        .filter(|(_, created)| *created != 0);
    let entry = live
        .map(|(at, _)| entry(&txn.open_table(LOG)?, key, at))
        .transpose()?;
    Ok((entry, revision))
}

/// One page of a prefix at a moment.
pub(super) fn list(txn: &ReadTransaction, query: &ListQuery) -> Result<Page> {
    let revision = resolve(txn, query.at)?;
    let limit = if query.limit == 0 { usize::MAX } else { query.limit };
    let (mut chosen, mut remaining) = (Vec::new(), 0);
    live_keys(txn, query, revision, &mut |key, at| {
        if chosen.len() < limit {
            chosen.push((key.to_owned(), at));
        } else {
            remaining += 1;
        }
    })?;
    let log = txn.open_table(LOG)?;
    let entries = chosen
        .iter()
        .map(|(key, at)| entry(&log, key, *at))
        .collect::<Result<Vec<_>>>()?;
    let next = chosen.pop().filter(|_| remaining > 0).map(|(key, _)| key);
    Ok(Page {
        entries,
        revision,
        remaining,
        next,
    })
}

/// Calls `take` with every key of the query that lives at `revision`, and the revision of its value.
fn live_keys(
    txn: &ReadTransaction,
    query: &ListQuery,
    revision: u64,
    take: &mut dyn FnMut(&str, u64),
) -> Result<()> {
    let index = txn.open_table(INDEX)?;
    let start = match &query.start_after {
        Some(key) if *key >= query.prefix => (key.as_str(), u64::MAX),
        _ => (query.prefix.as_str(), 0),
    };
    let mut last: Option<(String, u64, u64)> = None;
    let mut give = |version: &Option<(String, u64, u64)>| {
        if let Some((key, at, created)) = version
            && *created != 0
        {
            take(key, *at);
        }
    };
    for row in index.range(start..)? {
        let (at, created) = row?;
        let (key, at) = at.value();
        if !key.starts_with(&query.prefix) {
            break;
        }
        if at > revision || query.start_after.as_deref() == Some(key) {
            continue;
        }
        match &mut last {
            Some((same, newest, alive)) if same == key => (*newest, *alive) = (at, created.value()),
            _ => {
                give(&last);
                last = Some((key.to_owned(), at, created.value()));
            }
        }
    }
    give(&last);
    Ok(())
}

/// The events of `revisions` below `prefix`. Fails with `Compacted` if the first of them may be gone.
pub(super) fn events(
    txn: &ReadTransaction,
    prefix: &str,
    revisions: RangeInclusive<u64>,
) -> Result<Vec<Event>> {
    let compacted = standing(&txn.open_table(META)?)?.compacted;
    let requested = *revisions.start();
    if requested <= compacted {
        return answer(StoreError::Compacted {
            requested,
            oldest: compacted,
        });
    }
    let log = txn.open_table(LOG)?;
    let mut out = Vec::new();
    for row in log.range(revisions)? {
        let (revision, record) = row?;
        let revision = revision.value();
        let record = match Record::decode(revision, record.value()) {
            Ok(record) => record,
            Err(what) => return damage(format!("{what} at revision {revision}")),
        };
        if record.key.starts_with(prefix) {
            let previous = Some(record.previous).filter(|p| *p != 0);
            let previous = previous.map(|at| entry(&log, record.key, at)).transpose()?;
            out.push(Event {
                kind: record.kind,
                entry: record.entry(revision),
                previous,
            });
        }
    }
    Ok(out)
}
