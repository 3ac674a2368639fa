//! nftables through netlink: atomic batches of changes, and reads of set elements.
//!
//! Writes the kernel's attributes itself: the plugin needs a handful of messages and expressions, most of which
//! no crate has as types, and no other program's version of them.
//!
//! **Guarantees.** A [`Batch`] is carried out as a whole or not at all.
//!
//! Out of scope: what the rules are for. Changing rules in place: owners make their tables whole.

mod expression;
mod table;

pub use expression::{Expressions, FibFlag, MetaKey, NatKind, PayloadBase, Register};
pub use table::{BaseChain, Element, SetSpec};

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

use crate::netfilter::{Attributes, Message, header, open};
use crate::netlink::{Cause, Error, Reply, Socket};

/// `NFNL_SUBSYS_NFTABLES`.
const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// `NFPROTO_INET`: tables for both families.
pub const INET: u8 = 1;

/// A connection to nftables, bound to the network namespace in which it was opened.
#[derive(Debug)]
pub struct Nft {
    socket: Socket,
}

impl Nft {
    /// Opens a connection in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel refuses a netlink socket.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: open()? })
    }

    /// Carries out a batch, which changes `object`: everything in it, or nothing.
    ///
    /// # Errors
    /// The first refusal, on behalf of all.
    pub fn commit(&mut self, batch: &Batch, object: &str) -> Result<(), Error> {
        self.exchange(batch).map_err(|e| e.at("change nftables", object))
    }

    fn exchange(&mut self, batch: &Batch) -> Result<(), Cause> {
        let Some(last) = batch.messages.len().checked_sub(1) else {
            return Ok(());
        };
        let begin = self.socket.next_sequence();
        let mut bytes = Vec::new();
        control(&mut bytes, BATCH_BEGIN, begin);
        let mut end = begin;
        for (index, message) in batch.messages.iter().enumerate() {
            end = self.socket.next_sequence();
            let ack = if index == last { NLM_F_ACK } else { 0 };
            message.write(&mut bytes, ack, end);
        }
        control(&mut bytes, BATCH_END, self.socket.next_sequence());
        self.socket.send(&bytes)?;
        // Every refused message is answered, in order; of the others only the last one is.
        let mut refusal = None;
        let mut finished = false;
        while !finished {
            self.socket.receive(|reply| {
                match reply {
                    Reply::Ack(s) if s == end => finished = true,
                    Reply::Refused(s, cause) if (begin..=end).contains(&s) => {
                        // The batch's own beginning is refused when there is no nftables, or no permission.
                        finished |= s == end || s == begin;
                        refusal.get_or_insert(cause);
                    }
                    _ => {}
                }
                Ok(())
            })?;
        }
        refusal.map_or(Ok(()), Err)
    }
}

/// Changes to be made together.
#[derive(Debug, Default)]
pub struct Batch {
    messages: Vec<Message>,
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Adds a message of type `kind` (`NFT_MSG_*`).
    fn push(&mut self, kind: u16, flags: u16, write: impl FnOnce(&mut Attributes)) {
        self.messages.push(message(kind, flags, write));
    }
}

/// A message about an `inet` table.
fn message(kind: u16, flags: u16, write: impl FnOnce(&mut Attributes)) -> Message {
    Message::new(SUBSYSTEM, kind, INET, write).with(flags)
}

fn control(bytes: &mut Vec<u8>, kind: u16, sequence: u32) {
    header(bytes, 4, kind, NLM_F_REQUEST, sequence);
    bytes.extend([0, 0]);
    bytes.extend(SUBSYSTEM.to_be_bytes());
}
