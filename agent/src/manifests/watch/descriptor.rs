//! An inotify instance that tokio can wait for.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::inotify::{InitFlags, Inotify};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Owns the inotify descriptor.
pub(super) struct Descriptor(pub Inotify);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Opens an instance and registers it with the current runtime.
pub(super) fn open() -> io::Result<AsyncFd<Descriptor>> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    // SAFETY: `Descriptor` owns the one descriptor that `as_raw_fd` returns, never replaces it, and is itself owned
    // by the `AsyncFd`, so the descriptor stays open and the same until that is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(Descriptor(inotify), Interest::READABLE) }?)
}
