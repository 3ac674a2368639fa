//! Between etcd's messages and the store's types.

use std::sync::Arc;

use tonic::{Code, Status};

use super::pb;
use crate::store::{Entry, Event, EventKind, StoreError};

/// etcd's revisions are signed and never negative.
pub(super) fn revision(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(super) fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

pub(super) fn header_revision(header: Option<&pb::ResponseHeader>) -> u64 {
    header.map_or(0, |h| revision(h.revision))
}

/// The end of the range of all keys that start with `prefix`.
pub(super) fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    // No key is greater: etcd writes that as a zero byte.
    vec![0]
}

/// The first key behind `key`.
pub(super) fn behind(key: &str) -> Vec<u8> {
    [key.as_bytes(), b"\0"].concat()
}

pub(super) fn entry(kv: pb::KeyValue) -> Result<Entry, StoreError> {
    let key = std::str::from_utf8(&kv.key).map_err(|_| StoreError::Corrupt {
        place: "etcd".to_owned(),
        what: format!("the key {:?} is not UTF-8", kv.key),
    })?;
    Ok(Entry {
        key: Arc::from(key),
        value: kv.value,
        create_revision: revision(kv.create_revision),
        mod_revision: revision(kv.mod_revision),
    })
}

pub(super) fn event(event: pb::Event) -> Result<Event, StoreError> {
    let kind = if event.r#type == pb::event::EventType::Delete as i32 {
        EventKind::Delete
    } else {
        EventKind::Put
    };
    let entry_of = |kv: Option<pb::KeyValue>| kv.map(entry).transpose();
    let mut now = entry_of(event.kv)?.ok_or_else(|| StoreError::Corrupt {
        place: "etcd".to_owned(),
        what: "an event without a key".to_owned(),
    })?;
    if kind == EventKind::Delete {
        now.create_revision = 0;
    }
    Ok(Event {
        kind,
        entry: now,
        previous: entry_of(event.prev_kv)?,
    })
}

/// What a refusal means. Compacted and future revisions are told apart by their texts, the codes are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Compacted,
    Future,
    Full,
    TooLarge,
    LeaseGone,
    Other,
}

pub(super) fn refusal(status: &Status) -> Refusal {
    let text = status.message();
    match status.code() {
        Code::OutOfRange if text.contains("has been compacted") => Refusal::Compacted,
        Code::OutOfRange if text.contains("future revision") => Refusal::Future,
        Code::ResourceExhausted if text.contains("space exceeded") => Refusal::Full,
        Code::ResourceExhausted => Refusal::TooLarge,
        Code::InvalidArgument if text.contains("too large") => Refusal::TooLarge,
        Code::NotFound if text.contains("lease not found") => Refusal::LeaseGone,
        _ => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_have_it() {
        for (prefix, end) in [("/a/", &b"/a0"[..]), ("a", b"b"), ("", b"\0")] {
            assert_eq!(prefix_end(prefix), end, "{prefix}");
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (code, text, want) in [
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
                Refusal::Compacted,
            ),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
                Refusal::Future,
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded",
                Refusal::Full,
            ),
            (
                Code::InvalidArgument,
                "etcdserver: request is too large",
                Refusal::TooLarge,
            ),
            (
                Code::NotFound,
                "etcdserver: requested lease not found",
                Refusal::LeaseGone,
            ),
            (
                Code::PermissionDenied,
                "etcdserver: permission denied",
                Refusal::Other,
            ),
        ] {
            assert_eq!(refusal(&Status::new(code, text)), want, "{text}");
        }
    }
}
