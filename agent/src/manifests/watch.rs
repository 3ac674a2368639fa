//! The watch of the manifest directory: inotify for speed, a rescan for certainty.
//!
//! Invariants: the directory is looked at off the runtime's workers (it may be slow); a file that somebody is
//! writing is read when it is closed, or at the latest after [`PATIENCE`]; whatever inotify loses, the next
//! rescan finds.

mod descriptor;
mod notify;
mod pending;
mod scan;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::catalog::Catalog;
use super::event::ManifestEvent;
use super::last_good::LastGood;
use notify::Notifier;
use pending::Pending;

/// Events that fit between the watch and a busy receiver.
const CAPACITY: usize = 64;

/// What is watched.
#[derive(Debug, Clone)]
pub struct Options {
    /// The manifest directory. It may appear later; while it is missing it counts as empty.
    pub dir: PathBuf,
    /// Where last good versions are kept; without it a file that is broken at the start names no pod.
    pub last_good_dir: Option<PathBuf>,
    /// How often the directory is looked at without a notification; the reference's is 20 s.
    pub rescan: Duration,
}

/// Starts to watch; the task ends when `stop` is cancelled or the receiver is dropped.
///
/// Must be called in a tokio runtime.
pub fn watch(options: Options, stop: CancellationToken) -> mpsc::Receiver<ManifestEvent> {
    let (events, receiver) = mpsc::channel(CAPACITY);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = run(options, events) => {}
        }
    });
    receiver
}

/// Returns when the receiver is gone.
async fn run(options: Options, events: mpsc::Sender<ManifestEvent>) {
    let mut state = State::new(&options);
    let mut notifier = Notifier::new(&options.dir);
    let mut rescan = tokio::time::interval(options.rescan);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pending = Pending::default();
    let mut synced = false;
    loop {
        let due = pending.due();
        tokio::select! {
            _ = rescan.tick() => {
                notifier.ensure();
                pending.rescan();
            }
            changes = notifier.changes() => pending.note(changes, Instant::now()),
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            () = events.closed() => return,
        }
        let Some(look) = pending.take(Instant::now()) else {
            continue;
        };
        let (returned, mut found) = tokio::task::spawn_blocking(move || state.look(&look))
            .await
            .unwrap_or_else(|error| {
                // Only a panic ends the task otherwise; passing it on keeps its message.
                std::panic::resume_unwind(error.into_panic())
            });
        state = returned;
        if !synced {
            synced = true;
            found.push(ManifestEvent::Synced);
        }
        for event in found {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// What a look needs and changes; moves to the blocking thread and back.
struct State {
    dir: PathBuf,
    catalog: Catalog,
    last_good: Option<LastGood>,
    first: bool,
    /// The directory's last error, so that each is logged once.
    trouble: Option<String>,
}

impl State {
    fn new(options: &Options) -> Self {
        let last_good = options.last_good_dir.clone().map(LastGood::new);
        let known = last_good.as_ref().map(LastGood::load).unwrap_or_default();
        Self {
            dir: options.dir.clone(),
            catalog: Catalog::new(&options.dir, known),
            last_good,
            first: true,
            trouble: None,
        }
    }

    fn look(mut self, dirty: &pending::Look) -> (Self, Vec<ManifestEvent>) {
        let mut listing = match scan::list(&self.dir) {
            Ok(listing) => {
                self.trouble = None;
                listing
            }
            // A directory that cannot be read says nothing about its files.
            Err(error) => {
                let error = error.to_string();
                if self.trouble.as_ref() != Some(&error) {
                    warn!(dir = %self.dir.display(), %error, "cannot read the manifest directory; pods stay as they are");
                    self.trouble = Some(error);
                }
                return (self, Vec::new());
            }
        };
        let unread = self.catalog.unread(&listing, &dirty.changed);
        // A file in the middle of being written keeps its old content until it is closed.
        let unread: Vec<String> = unread
            .into_iter()
            .filter(|name| !dirty.open.contains(name))
            .collect();
        let contents = scan::read_all(&self.dir, &unread, &mut listing);
        let events = self.catalog.update(&listing, contents);
        self.remember(&events, &listing.keys().cloned().collect());
        (self, events)
    }

    fn remember(&mut self, events: &[ManifestEvent], present: &BTreeSet<String>) {
        let Some(last_good) = &self.last_good else { return };
        for event in events {
            if let Err(error) = last_good.follow(event) {
                debug!(%error, "cannot store the last good version of a manifest");
            }
        }
        if std::mem::take(&mut self.first) {
            last_good.keep_only(&|name| present.contains(name));
        }
    }
}

#[cfg(test)]
mod tests;
