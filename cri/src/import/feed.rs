//! Second reading: streams the planned blobs into containerd, in the order in which the archive has them.

use super::ImportError;
use super::archive::{ArchiveSource, clean, read_some};
use super::plan::Blob;
use super::store::Store;
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes per message to containerd: well under its 16 MiB, and few enough messages for a large layer.
const PIECE: usize = 1 << 20;

/// What the reading thread says.
enum Read {
    Begin { path: String },
    Piece(Bytes),
    End,
}

/// Streams every blob of `blobs` (by path). Memory use does not grow with their size.
pub(super) async fn stream_blobs(
    store: &Store<'_>,
    source: Arc<ArchiveSource>,
    blobs: BTreeMap<String, Blob>,
) -> Result<(), ImportError> {
    if blobs.is_empty() {
        return Ok(());
    }
    // One piece in flight, one being read.
    let (sender, mut pieces) = mpsc::channel(1);
    let paths: HashSet<String> = blobs.keys().cloned().collect();
    let reading = tokio::task::spawn_blocking(move || read(&source, &paths, &sender));
    let mut current = None;
    let mut done = 0;
    while let Some(message) = pieces.recv().await {
        match message {
            Read::Begin { path } => {
                let Some(blob) = blobs.get(&path) else { continue };
                current = Some(store.begin(blob).await?);
            }
            Read::Piece(piece) => {
                if let Some(writing) = &mut current {
                    writing.write(piece).await?;
                }
            }
            Read::End => {
                if let Some(writing) = current.take() {
                    writing.commit().await?;
                    done += 1;
                }
            }
        }
    }
    reading
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    if done < blobs.len() {
        // The first reading saw them, so the file has changed meanwhile.
        return Err(ImportError::NoImage);
    }
    Ok(())
}

/// The blocking side. Ends early, without an error, if nobody listens any more.
fn read(
    source: &ArchiveSource,
    paths: &HashSet<String>,
    sender: &mpsc::Sender<Read>,
) -> Result<(), ImportError> {
    let unreadable = |error| source.unreadable(error);
    let mut archive = tar::Archive::new(source.open()?);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = clean(&entry.path().map_err(unreadable)?)?;
        let kind = entry.header().entry_type();
        if !paths.contains(&path) || !(kind.is_file() || kind.is_contiguous()) {
            continue;
        }
        if sender.blocking_send(Read::Begin { path }).is_err() {
            return Ok(());
        }
        loop {
            let piece = fill(&mut entry).map_err(unreadable)?;
            let message = if piece.is_empty() {
                Read::End
            } else {
                Read::Piece(piece)
            };
            let end = matches!(message, Read::End);
            if sender.blocking_send(message).is_err() {
                return Ok(());
            }
            if end {
                break;
            }
        }
    }
    Ok(())
}

/// Up to one piece; empty at the end.
fn fill(reader: &mut impl std::io::Read) -> std::io::Result<Bytes> {
    let mut piece = vec![0; PIECE];
    let mut filled = 0;
    while filled < PIECE {
        match read_some(reader, &mut piece[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    piece.truncate(filled);
    Ok(piece.into())
}
