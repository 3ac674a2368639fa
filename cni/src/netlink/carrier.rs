//! Waiting for a link to carry packets.

use std::time::Duration;

use super::{Cause, Error, Netlink, Result};

/// Multicast group of changes of links (`RTNLGRP_LINK`).
const LINK_EVENTS: u32 = 1;
/// How long to wait for one change, and for how many.
const WAIT: Duration = Duration::from_millis(100);
const WAITS: usize = 10;

impl Netlink {
    /// Waits until packets pass over the link, for at most about a second; `false` when they still do not.
    ///
    /// The kernel notes a link's other end in the background, and until then a bridge drops what goes through
    /// the port: the first packet of a connection would be lost, and a second with it. Current kernels (6.8)
    /// catch up when asked about the link; for others this listens to changes.
    ///
    /// # Errors
    /// When the link has gone, or the exchange with the kernel fails.
    pub fn wait_running(&mut self, index: u32) -> Result<bool> {
        let object = format!("number {index}");
        let ready = |nl: &mut Self| match nl.link_by_index(index)? {
            Some(link) => Ok(link.running && !link.port_disabled),
            None => Err(Error::missing_link(&object)),
        };
        if ready(self)? {
            return Ok(true);
        }
        let fail = |e: Cause| e.at("watch link", object.as_str());
        self.socket.join(LINK_EVENTS).map_err(fail)?;
        let mut running = ready(self);
        for _ in 0..WAITS {
            if !matches!(running, Ok(false)) {
                break;
            }
            running = self.socket.wait(WAIT).map_err(fail).and_then(|()| ready(self));
        }
        self.socket.leave(LINK_EVENTS).map_err(fail)?;
        running
    }
}
