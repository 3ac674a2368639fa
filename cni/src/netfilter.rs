//! What nftables and connection tracking share on the wire: messages, attributes, reads.

mod attributes;

pub use attributes::{Attribute, Attributes, attributes};

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};

use crate::netlink::{Cause, DUMP_ATTEMPTS, Error, Socket};

/// Bytes of a netlink header and of the `nfgenmsg` behind it.
const HEADERS: usize = 20;

/// Opens a connection in the calling thread's network namespace.
pub(crate) fn open() -> Result<Socket, Error> {
    Socket::open(netlink_sys::protocols::NETLINK_NETFILTER)
        .map_err(|e| e.at("open netlink socket", "NETLINK_NETFILTER"))
}

/// One message to a subsystem of netfilter.
#[derive(Debug)]
pub(crate) struct Message {
    kind: u16,
    family: u8,
    flags: u16,
    attributes: Attributes,
}

impl Message {
    /// A message of type `kind` about `family`.
    pub(crate) fn new(subsystem: u16, kind: u16, family: u8, write: impl FnOnce(&mut Attributes)) -> Self {
        let mut attributes = Attributes::default();
        write(&mut attributes);
        Self {
            kind: subsystem << 8 | kind,
            family,
            flags: NLM_F_REQUEST,
            attributes,
        }
    }

    /// The message with further flags.
    pub(crate) fn with(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// Appends the message to `bytes`.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>, flags: u16, sequence: u32) {
        let attributes = self.attributes.bytes();
        header(
            bytes,
            4 + attributes.len(),
            self.kind,
            self.flags | flags,
            sequence,
        );
        bytes.extend([self.family, 0, 0, 0]);
        bytes.extend(attributes);
    }
}

/// Appends a netlink header for a body of `length` bytes.
pub(crate) fn header(bytes: &mut Vec<u8>, length: usize, kind: u16, flags: u16, sequence: u32) {
    bytes.extend(((HEADERS - 4 + length) as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
}

/// Sends a change or a read, a table's with `NLM_F_DUMP`; hands each answer's attributes to `each`.
pub(crate) fn read(socket: &mut Socket, query: &Message, mut each: impl FnMut(&[u8])) -> Result<(), Cause> {
    let end = if query.flags & NLM_F_DUMP == NLM_F_DUMP {
        0
    } else {
        NLM_F_ACK
    };
    for _ in 0..DUMP_ATTEMPTS {
        let sequence = socket.next_sequence();
        let mut bytes = Vec::new();
        query.write(&mut bytes, end, sequence);
        socket.send(&bytes)?;
        let mut answers = Vec::new();
        let done = socket.answers(sequence, |frame| {
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
