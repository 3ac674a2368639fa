//! The kernel's notifications about one directory.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;
use tracing::{debug, warn};

use super::descriptor::{self, Descriptor};
use super::pending::Change;
use super::scan::is_manifest;

/// The watch of one directory; without it (limits, missing directory) changes are found by rescans alone.
pub(super) struct Notifier {
    dir: PathBuf,
    descriptor: Option<AsyncFd<Descriptor>>,
    watch: Option<WatchDescriptor>,
}

impl Notifier {
    pub(super) fn new(dir: &Path) -> Self {
        let descriptor = descriptor::open()
            .map_err(|error| {
                warn!(
                    %error,
                    fix = "sysctl -w fs.inotify.max_user_instances=512",
                    "no notifications about manifests; changes are found by rescans"
                );
            })
            .ok();
        Self {
            dir: dir.to_owned(),
            descriptor,
            watch: None,
        }
    }

    /// Watches the directory if that is not so yet, for example because it did not exist.
    pub(super) fn ensure(&mut self) {
        let (Some(descriptor), None) = (&self.descriptor, &self.watch) else {
            return;
        };
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        match descriptor.get_ref().0.add_watch(&self.dir, flags) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => debug!(dir = %self.dir.display(), %error, "manifest directory is not watched yet"),
        }
    }

    /// Waits for changes. Cancel safe: events stay in the kernel until they are read here.
    pub(super) async fn changes(&mut self) -> Vec<Change> {
        let Some(descriptor) = &self.descriptor else {
            return std::future::pending().await;
        };
        loop {
            let Ok(mut ready) = descriptor.readable().await else {
                return std::future::pending().await;
            };
            match descriptor.get_ref().0.read_events() {
                Ok(events) => return self.translate(events),
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(error) => {
                    debug!(%error, "cannot read notifications");
                    ready.clear_ready();
                }
            }
        }
    }

    fn translate(&mut self, events: Vec<InotifyEvent>) -> Vec<Change> {
        let mut changes = Vec::new();
        for event in events {
            if event.mask.contains(AddWatchFlags::IN_MOVE_SELF)
                && let (Some(descriptor), Some(watch)) = (&self.descriptor, self.watch)
            {
                // The directory lives on under another name, which is not ours to watch.
                let _ = descriptor.get_ref().0.rm_watch(watch);
            }
            if event.mask.intersects(AddWatchFlags::IN_IGNORED) && self.watch == Some(event.wd) {
                self.watch = None;
                self.ensure();
            }
            changes.push(change_of(event));
        }
        changes
    }
}

fn change_of(event: InotifyEvent) -> Change {
    let name = event.name.and_then(|name| name.into_string().ok());
    match name {
        Some(name) if is_manifest(&name) && event.mask.contains(AddWatchFlags::IN_MODIFY) => {
            Change::Writing(name)
        }
        Some(name) if is_manifest(&name) => Change::Settled(name),
        // A hidden file may be what links point to (`..data`), and an overflow has no name.
        _ => Change::Anything,
    }
}
