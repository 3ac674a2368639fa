//! nftables through netlink: atomic batches of changes, and reads of set elements.
//!
//! Writes the kernel's attributes itself: the plugin needs a handful of messages and expressions, most of which
//! no crate has as types, and no other program's version of them.
//!
//! **Guarantees.** A [`Batch`] is carried out as a whole or not at all.
//!
//! Out of scope: what the rules are for. Changing rules in place: owners make their tables whole.

mod attributes;
mod expression;
mod table;

pub use attributes::{Attribute, Attributes, attributes};
pub use expression::{Expressions, FibFlag, MetaKey, NatKind, PayloadBase, Register};
pub use table::{BaseChain, Element, SetSpec};

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};

use crate::netlink::{Cause, DUMP_ATTEMPTS, Error, Reply, Socket};

/// `NFNL_SUBSYS_NFTABLES`.
const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
/// Bytes of a netlink header and of the `nfgenmsg` behind it.
const HEADERS: usize = 20;

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
        let socket = Socket::open(netlink_sys::protocols::NETLINK_NETFILTER)
            .map_err(|e| e.at("open netlink socket", "NETLINK_NETFILTER"))?;
        Ok(Self { socket })
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
            message.write(&mut bytes, NLM_F_REQUEST | message.flags | ack, end);
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

    /// Reads one object, or a table of them with `NLM_F_DUMP`; hands each answer's attributes to `each`.
    fn read(&mut self, query: &Message, mut each: impl FnMut(&[u8])) -> Result<(), Cause> {
        let kind = if query.flags & NLM_F_DUMP != 0 {
            0
        } else {
            NLM_F_ACK
        };
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.socket.next_sequence();
            let mut bytes = Vec::new();
            query.write(&mut bytes, NLM_F_REQUEST | query.flags | kind, sequence);
            self.socket.send(&bytes)?;
            let mut answers = Vec::new();
            let done = self.socket.answers(sequence, |frame| {
                answers.push(frame.get(HEADERS..).unwrap_or_default().to_vec());
                Ok(())
            });
            match done {
                Err(Cause::Interrupted | Cause::Overrun) => {}
                Err(other) => return Err(other),
                Ok(()) => {
                    answers.iter().for_each(|a| each(a));
                    return Ok(());
                }
            }
        }
        Err(Cause::Interrupted)
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
        self.messages.push(Message::new(kind, flags, write));
    }
}

/// One message about an `inet` table.
#[derive(Debug)]
struct Message {
    kind: u16,
    flags: u16,
    attributes: Attributes,
}

impl Message {
    fn new(kind: u16, flags: u16, write: impl FnOnce(&mut Attributes)) -> Self {
        let mut attributes = Attributes::default();
        write(&mut attributes);
        Self {
            kind,
            flags,
            attributes,
        }
    }

    fn write(&self, bytes: &mut Vec<u8>, flags: u16, sequence: u32) {
        let attributes = self.attributes.bytes();
        header(
            bytes,
            HEADERS + attributes.len(),
            SUBSYSTEM << 8 | self.kind,
            flags,
            sequence,
        );
        bytes.extend([INET, 0, 0, 0]);
        bytes.extend(attributes);
    }
}

fn control(bytes: &mut Vec<u8>, kind: u16, sequence: u32) {
    header(bytes, HEADERS, kind, NLM_F_REQUEST, sequence);
    bytes.extend([0, 0]);
    bytes.extend(SUBSYSTEM.to_be_bytes());
}

fn header(bytes: &mut Vec<u8>, length: usize, kind: u16, flags: u16, sequence: u32) {
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
}
