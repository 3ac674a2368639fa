//! A small synchronous netlink layer: links, addresses, routes and neighbours.
//!
//! **Expected flow.** Open a [`Netlink`] in the namespace to work on (see
//! [`Netns::netlink`](crate::netns::Netns::netlink)); it stays bound to that namespace whatever
//! thread uses it afterwards. Every call sends one request and waits for the kernel's answer, which
//! comes at once: rtnetlink works in the caller's context.
//!
//! **Guarantees.** Each error names the operation and the object, and carries the kernel's own
//! explanation (extended acknowledgement) where it gives one. Dumps that raced with a change are
//! repeated, never returned half.
//!
//! **Caveats.** Writes use `NLM_F_EXCL` where creating: "already there" is an error that the caller
//! may ask for with [`Error::is_exists`].
//!
//! Out of scope: deciding what to change; see `plugin::plan`.

mod address;
mod carrier;
mod error;
mod link;
mod mac;
mod neighbour;
mod route;
mod socket;

pub use address::Address;
pub use error::{Cause, Error};
pub use link::{BridgeOptions, Link, LinkChange, LinkStats, VethPair};
pub use mac::{Mac, ParseMacError};
pub use neighbour::Neighbour;
pub use route::Route;
pub(crate) use socket::{DUMP_ATTEMPTS, u16_at};
pub use socket::{Reply, Socket};

use netlink_packet_route::RouteNetlinkMessage;

/// Result of a netlink operation.
pub type Result<T> = std::result::Result<T, Error>;

/// An rtnetlink connection, bound to the network namespace in which it was opened.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens a connection in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel refuses a netlink socket.
    pub fn open() -> Result<Self> {
        let socket = Socket::open(netlink_sys::protocols::NETLINK_ROUTE)
            .map_err(|e| e.at("open netlink socket", "NETLINK_ROUTE"))?;
        Ok(Self { socket })
    }

    /// Sends `message` and waits for its acknowledgement.
    fn acked(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        operation: &'static str,
        object: &str,
    ) -> Result<()> {
        self.socket
            .request(message, flags)
            .map(drop)
            .map_err(|e| e.at(operation, object))
    }
}
