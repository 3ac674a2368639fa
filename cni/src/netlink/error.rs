//! What can go wrong in a netlink exchange.

use std::io;

use netlink_packet_core::DecodeError;
use nix::errno::Errno;

/// A failed netlink operation: what was attempted on which object, and the cause as source.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {object}")]
pub struct Error {
    /// What was attempted, as a verb phrase: `create veth pair`.
    pub operation: &'static str,
    /// The object by the name people know: an interface, an address, a route.
    pub object: String,
    /// Why it failed.
    #[source]
    pub cause: Cause,
}

/// Why a netlink exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The socket itself failed. Give up.
    #[error("netlink socket failed")]
    Io(#[from] io::Error),
    /// The kernel refused the request. Bad input, or a state that the caller may expect
    /// (see [`Error::is_exists`], [`Error::is_not_found`]).
    #[error("{}{}{}", errno.desc(), if message.is_empty() { "" } else { ": " }, message)]
    Refused {
        /// The error number of the refusal.
        errno: Errno,
        /// The kernel's explanation (extended acknowledgement), often empty.
        message: String,
    },
    /// A message from the kernel could not be understood. Give up.
    #[error("unreadable netlink message")]
    Decode(#[source] DecodeError),
    /// The kernel's answer was lost because the receive buffer overflowed: the state is unknown and
    /// must be read again.
    #[error("netlink answers were lost: receive buffer overrun")]
    Overrun,
    /// The dumped table changed under each of several attempts. Retry later.
    #[error("netlink dump was interrupted by concurrent changes too often")]
    Interrupted,
    /// An answer was larger than the receive buffer. Give up.
    #[error("netlink answer of {0} bytes is larger than the receive buffer")]
    Truncated(usize),
}

impl Cause {
    pub(crate) fn at(self, operation: &'static str, object: impl Into<String>) -> Error {
        Error {
            operation,
            object: object.into(),
            cause: self,
        }
    }
}

impl Error {
    /// An interface that had to be there is not.
    pub(crate) fn missing_link(name: &str) -> Self {
        Cause::Refused {
            errno: Errno::ENODEV,
            message: String::new(),
        }
        .at("find link", name)
    }

    /// A link did not come to carry packets in time.
    pub(crate) fn no_carrier(name: &str) -> Self {
        Cause::Refused {
            errno: Errno::ENETDOWN,
            message: String::new(),
        }
        .at("get a carrier on link", name)
    }

    /// The kernel's error number, when the kernel refused.
    pub fn errno(&self) -> Option<Errno> {
        match &self.cause {
            Cause::Refused { errno, .. } => Some(*errno),
            Cause::Io(e) => e.raw_os_error().map(Errno::from_raw),
            _ => None,
        }
    }

    /// Whether the object to create was there already.
    pub fn is_exists(&self) -> bool {
        self.errno() == Some(Errno::EEXIST)
    }

    /// Whether the object to read, change or delete is not there.
    ///
    /// Addresses answer `EADDRNOTAVAIL`, routes `ESRCH`, links `ENODEV`, the rest `ENOENT`.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.errno(),
            Some(Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL | Errno::ENXIO)
        )
    }

    /// Whether the same request may succeed when sent again after reading the state anew.
    pub fn is_retryable(&self) -> bool {
        matches!(self.cause, Cause::Overrun | Cause::Interrupted)
            || matches!(self.errno(), Some(Errno::EBUSY | Errno::EAGAIN | Errno::EINTR))
    }
}
