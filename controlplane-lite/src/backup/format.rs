//! The backup file, version 1.
//!
//! A gzip stream (`zcat` reads it) of these pieces, all numbers little-endian:
//!
//! ```text
//! "agent-backup" | version u32 (1) | revision of the store u64
//! per object, in key order:
//!   'E' | length of key u32 | length of value u32 | create revision u64 | mod revision u64 | key | value
//! at the end:
//!   'Z' | number of objects u64 | SHA-256 of everything before the 'Z' (32 bytes)
//! ```
//!
//! Invariant: a file that was cut off, changed or continued anywhere does not decode to its end.

use std::io::{BufRead, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::store::Entry;

const MAGIC: &[u8; 12] = b"agent-backup";
const VERSION: u32 = 1;

/// Longest key and value that are believed; the API allows far less.
const LIMITS: (u32, u32) = (64 << 10, 256 << 20);

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It ends early or its compression is broken.
    #[error("it cannot be read to its end: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It does not begin as a backup does.
    #[error("it does not begin like a backup")]
    Foreign,
    /// It was made by a newer program.
    #[error("its version is {0}, this program knows {VERSION}")]
    Version(u32),
    /// Something in it cannot be.
    #[error("{0}")]
    Nonsense(&'static str),
}

/// Makes a backup piece by piece.
pub struct Encoder {
    out: GzEncoder<Vec<u8>>,
    hash: Sha256,
    count: u64,
}

impl Encoder {
    /// Begins a backup of a store at `revision`.
    pub fn new(revision: u64) -> Self {
        let mut encoder = Self {
            out: GzEncoder::new(Vec::new(), Compression::fast()),
            hash: Sha256::new(),
            count: 0,
        };
        let start = [&MAGIC[..], &VERSION.to_le_bytes(), &revision.to_le_bytes()].concat();
        // Writing to memory does not fail.
        let _ = encoder.add(&start);
        encoder
    }

    fn add(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }

    /// Adds an object.
    ///
    /// # Errors
    /// Its key or value is longer than the format can say.
    pub fn entry(&mut self, entry: &Entry) -> std::io::Result<()> {
        let length = |n: usize, limit: u32| match u32::try_from(n) {
            Ok(n) if n <= limit => Ok(n),
            _ => Err(std::io::Error::other(format!(
                "{} is too large for a backup",
                entry.key
            ))),
        };
        let (key, value) = (
            length(entry.key.len(), LIMITS.0)?,
            length(entry.value.len(), LIMITS.1)?,
        );
        let mut head = Vec::with_capacity(25 + entry.key.len());
        head.push(b'E');
        head.extend_from_slice(&key.to_le_bytes());
        head.extend_from_slice(&value.to_le_bytes());
        head.extend_from_slice(&entry.create_revision.to_le_bytes());
        head.extend_from_slice(&entry.mod_revision.to_le_bytes());
        head.extend_from_slice(entry.key.as_bytes());
        self.count += 1;
        self.add(&head)?;
        self.add(&entry.value)
    }

    /// What has been made so far and not taken yet.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.out.get_mut())
    }

    /// Ends the backup and answers its last bytes.
    ///
    /// # Errors
    /// None but those of the compression.
    pub fn finish(mut self) -> std::io::Result<Vec<u8>> {
        self.out.write_all(b"Z")?;
        self.out.write_all(&self.count.to_le_bytes())?;
        self.out.write_all(&self.hash.finalize())?;
        self.out.finish()
    }
}

/// Reads a backup piece by piece.
pub struct Decoder<R: BufRead> {
    input: GzDecoder<R>,
    hash: Sha256,
    revision: u64,
    count: u64,
}

impl<R: BufRead> Decoder<R> {
    /// Reads the beginning of a backup.
    ///
    /// # Errors
    /// It is none, or of a newer version.
    pub fn new(input: R) -> Result<Self, Damage> {
        let mut decoder = Self {
            input: GzDecoder::new(input),
            hash: Sha256::new(),
            revision: 0,
            count: 0,
        };
        let magic: [u8; 12] = decoder.read().map_err(|_| Damage::Foreign)?;
        if magic != *MAGIC {
            return Err(Damage::Foreign);
        }
        let version = u32::from_le_bytes(decoder.read()?);
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        decoder.revision = u64::from_le_bytes(decoder.read()?);
        Ok(decoder)
    }

    /// The store's revision that the backup shows.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.hash.update(bytes);
        Ok(bytes)
    }

    /// Reads so many bytes; memory is taken as they come, not as the file promises.
    fn read_long(&mut self, length: u32, limit: u32) -> Result<Vec<u8>, Damage> {
        if length > limit {
            return Err(Damage::Nonsense("an object is larger than any can be"));
        }
        let mut bytes = Vec::with_capacity((length as usize).min(1 << 20));
        let read = (&mut self.input)
            .take(u64::from(length))
            .read_to_end(&mut bytes)?;
        if read != length as usize {
            return Err(Damage::Nonsense("it ends within an object"));
        }
        self.hash.update(&bytes);
        Ok(bytes)
    }

    /// The next object, or `None` when the end was reached and is right.
    ///
    /// # Errors
    /// The file is damaged here, or somewhere before if this is the end.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator of results could be read past its error"
    )]
    pub fn next(&mut self) -> Result<Option<Entry>, Damage> {
        let mut tag = [0];
        self.input.read_exact(&mut tag)?;
        match tag[0] {
            b'E' => self.hash.update(tag),
            b'Z' => return self.end().map(|()| None),
            _ => return Err(Damage::Nonsense("something in it is no object")),
        }
        let (key, value) = (u32::from_le_bytes(self.read()?), u32::from_le_bytes(self.read()?));
        let (create_revision, mod_revision) =
            (u64::from_le_bytes(self.read()?), u64::from_le_bytes(self.read()?));
        let key = String::from_utf8(self.read_long(key, LIMITS.0)?);
        let key = key.map_err(|_| Damage::Nonsense("a key is not UTF-8"))?;
        let value = Bytes::from(self.read_long(value, LIMITS.1)?);
        self.count += 1;
        Ok(Some(Entry {
            key: Arc::from(key),
            value,
            create_revision,
            mod_revision,
        }))
    }

    fn end(&mut self) -> Result<(), Damage> {
        let hash = std::mem::take(&mut self.hash).finalize();
        let count = u64::from_le_bytes(self.read()?);
        let stored: [u8; 32] = self.read()?;
        if count != self.count || stored[..] != hash[..] {
            return Err(Damage::Nonsense("its checksum does not fit"));
        }
        // Reading on makes gzip compare its own checksum, too.
        if self.input.read(&mut [0])? != 0 || !self.input.get_mut().fill_buf()?.is_empty() {
            return Err(Damage::Nonsense("something follows its end"));
        }
        Ok(())
    }
}
