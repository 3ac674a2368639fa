//! How one write lies in the log table: a checksum, what happened to which key, and the value.
//!
//! ```text
//! crc32 (over the revision and all that follows) u32 | kind u8 | create revision u64 | previous revision u64
//! | length of key u32 | key | value                                     all numbers little-endian
//! ```
//!
//! Invariant: a record that decodes is the one that was encoded for this revision; nothing read from the file
//! is believed before its checksum was compared.

use std::sync::Arc;

use bytes::Bytes;

use crate::store::{Entry, EventKind};

const HEADER: usize = 4 + 1 + 8 + 8 + 4;

/// What one revision did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: EventKind,
    /// Revision at which the key came into being; 0 for a delete.
    pub(super) created: u64,
    /// Revision of the key's write before this one, 0 if there was none (or that was a delete).
    pub(super) previous: u64,
    pub(super) key: &'a str,
    pub(super) value: &'a [u8],
}

fn checksum(revision: u64, rest: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&revision.to_le_bytes());
    crc.update(rest);
    crc.sum()
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self, revision: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.key.len() + self.value.len());
        out.extend_from_slice(&[0; 4]);
        out.push(match self.kind {
            EventKind::Delete => 0,
            EventKind::Put => 1,
        });
        out.extend_from_slice(&self.created.to_le_bytes());
        out.extend_from_slice(&self.previous.to_le_bytes());
        // A key is at most some hundred bytes; the API refuses longer names.
        out.extend_from_slice(&(self.key.len() as u32).to_le_bytes());
        out.extend_from_slice(self.key.as_bytes());
        out.extend_from_slice(self.value);
        let crc = checksum(revision, &out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Decodes a record, or says what is wrong with it.
    pub(super) fn decode(revision: u64, bytes: &'a [u8]) -> Result<Self, &'static str> {
        let (stored, rest) = bytes.split_first_chunk::<4>().ok_or("a record is cut off")?;
        if u32::from_le_bytes(*stored) != checksum(revision, rest) {
            return Err("a record's checksum does not fit");
        }
        let (&kind, rest) = rest.split_first().ok_or("a record is cut off")?;
        let (created, rest) = rest.split_first_chunk().ok_or("a record is cut off")?;
        let (previous, rest) = rest.split_first_chunk().ok_or("a record is cut off")?;
        let (length, rest) = rest.split_first_chunk().ok_or("a record is cut off")?;
        let length = u32::from_le_bytes(*length) as usize;
        let (key, value) = rest.split_at_checked(length).ok_or("a record is cut off")?;
        Ok(Self {
            kind: match kind {
                0 => EventKind::Delete,
                1 => EventKind::Put,
                _ => return Err("a record is of no known kind"),
            },
            created: u64::from_le_bytes(*created),
            previous: u64::from_le_bytes(*previous),
            key: std::str::from_utf8(key).map_err(|_| "a key is not UTF-8")?,
            value,
        })
    }

    /// The entry this record left behind (for a delete: its key with nothing in it).
    pub(super) fn entry(&self, revision: u64) -> Entry {
        Entry {
            key: Arc::from(self.key),
            value: Bytes::copy_from_slice(self.value),
            create_revision: self.created,
            mod_revision: revision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record<'_> = Record {
        kind: EventKind::Put,
        created: 3,
        previous: 5,
        key: "/registry/pods/a/b",
        value: b"{\"x\":1}",
    };

    #[test]
    fn a_record_comes_back_as_it_was() {
        for record in [
            RECORD,
            Record {
                kind: EventKind::Delete,
                value: b"",
                ..RECORD
            },
        ] {
            assert_eq!(Record::decode(7, &record.encode(7)), Ok(record));
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let good = RECORD.encode(7);
        for i in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[i / 8] ^= 1 << (i % 8);
            assert!(Record::decode(7, &bad).is_err(), "bit {i}");
        }
        for cut in 0..good.len() {
            assert!(Record::decode(7, &good[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Record::decode(8, &good).is_err(), "a record in another's place");
    }
}
