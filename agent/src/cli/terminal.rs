//! The terminal's size, from the kernel.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd};

nix::ioctl_read_bad!(window_size, libc::TIOCGWINSZ, libc::winsize);

/// The number of columns of the terminal behind `fd`; nothing for what is no terminal or has no size.
pub(super) fn width(fd: &impl AsFd) -> Option<u16> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the descriptor is open for the call's duration (it is borrowed), and TIOCGWINSZ writes exactly one
    // `winsize`, which `size` is.
    unsafe { window_size(fd.as_fd().as_raw_fd(), &raw mut size) }.ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}
