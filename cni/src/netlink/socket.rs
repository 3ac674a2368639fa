//! The wire layer: one blocking netlink socket, requests with acknowledgement, and dumps.
//!
//! Knows message framing, sequence numbers, errors with extended acknowledgement, dump interruption
//! and buffer overrun. Knows nothing about links or rules: message types are the caller's.

use std::fmt::Debug;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::SocketAddr;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Cause;

/// Larger than any datagram the kernel builds for a dump (32 KiB).
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Attempts of a dump whose table changes while it is read.
pub(crate) const DUMP_ATTEMPTS: usize = 10;
const HEADER_LEN: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
/// `NLM_F_CAPPED`: the refused request is not repeated in the answer beyond its header.
const NLM_F_CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow the refused request's header.
const NLM_F_ACK_TLVS: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`: the kernel's explanation.
const ATTR_MSG: u16 = 1;

/// A blocking netlink socket of any protocol family.
#[derive(Debug)]
pub struct Socket {
    socket: netlink_sys::Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

/// One frame from the kernel, as [`Socket::receive`] hands it out.
#[derive(Debug)]
pub enum Reply<'a> {
    /// The request with this sequence number was carried out.
    Ack(u32),
    /// The request with this sequence number was refused.
    Refused(u32, Cause),
    /// End of a dump.
    Done(u32),
    /// Any other message: the whole frame with its header.
    Message {
        /// Sequence number of the request that this answers.
        sequence: u32,
        /// `NLM_F_*` of the frame.
        flags: u16,
        /// The frame with its header, to be decoded by the caller.
        frame: &'a [u8],
    },
}

impl Socket {
    /// Opens a socket of `protocol` (`NETLINK_*`) in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel refuses the socket.
    pub fn open(protocol: isize) -> Result<Self, Cause> {
        let mut socket = netlink_sys::Socket::new(protocol)?;
        socket.bind_auto()?;
        // Explanations in refusals, and no copy of the request in front of them. Strict checking makes
        // dumps filter in the kernel. All three are newer than some kernels; none is needed for correctness.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        let _ = socket.set_netlink_get_strict_chk(true);
        Ok(Self {
            socket,
            buffer: vec![0; RECEIVE_BUFFER],
            sequence: 0,
        })
    }

    /// The next request's sequence number.
    pub fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends prepared bytes: one message, or a batch of several.
    ///
    /// # Errors
    /// When the socket fails; `ENOBUFS` and `EMSGSIZE` mean that the batch is too large for the send buffer.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Cause> {
        let kernel = SocketAddr::new(0, 0);
        loop {
            match self.socket.send_to(bytes, &kernel, 0) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Waits for one datagram and hands each of its frames to `each`.
    ///
    /// # Errors
    /// When the socket fails, answers were lost, a frame is malformed, or `each` fails.
    pub fn receive(&mut self, mut each: impl FnMut(Reply<'_>) -> Result<(), Cause>) -> Result<(), Cause> {
        let length = loop {
            match self.socket.recv(&mut &mut self.buffer[..], libc::MSG_TRUNC) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => return Err(Cause::Overrun),
                Err(e) => return Err(e.into()),
                Ok(n) => break n,
            }
        };
        if length > self.buffer.len() {
            return Err(Cause::Truncated(length));
        }
        let mut rest = &self.buffer[..length];
        while rest.len() >= HEADER_LEN {
            let frame_len = u32_at(rest, 0) as usize;
            if frame_len < HEADER_LEN || frame_len > rest.len() {
                return Err(Cause::Decode(
                    format!("frame of {frame_len} in {} bytes", rest.len()).into(),
                ));
            }
            each(reply(&rest[..frame_len])?)?;
            rest = &rest[frame_len.next_multiple_of(4).min(rest.len())..];
        }
        Ok(())
    }

    /// Subscribes to a multicast group of notifications, which requests' answers are told from.
    ///
    /// # Errors
    /// When the kernel has no such group.
    pub fn join(&mut self, group: u32) -> Result<(), Cause> {
        Ok(self.socket.add_membership(group)?)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// When the kernel has no such group.
    pub fn leave(&mut self, group: u32) -> Result<(), Cause> {
        Ok(self.socket.drop_membership(group)?)
    }

    /// Waits for a datagram for at most `timeout`, and drops it: somebody will look at the state itself.
    ///
    /// # Errors
    /// When the socket fails. Lost notifications are no error.
    pub fn wait(&mut self, timeout: Duration) -> Result<(), Cause> {
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(io::Error::from(e).into()),
        }
        match self.receive(|_| Ok(())) {
            Err(Cause::Overrun) => Ok(()),
            other => other,
        }
    }

    /// Sends one message and waits for its acknowledgement; returns the messages that came before it.
    ///
    /// # Errors
    /// When the kernel refuses, or the exchange fails.
    pub fn request<M>(&mut self, message: M, flags: u16) -> Result<Vec<M>, Cause>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        let sequence = self.send_message(message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        self.collect(sequence)
    }

    /// Sends a read of one object: answered by the object alone, without an acknowledgement.
    ///
    /// # Errors
    /// When the kernel refuses, or the exchange fails.
    pub fn get<M>(&mut self, message: M) -> Result<Option<M>, Cause>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        // With an acknowledgement asked for, the end is always marked in the same way.
        Ok(self.request(message, 0)?.into_iter().next())
    }

    /// Reads a whole table, again when it changed while being read.
    ///
    /// # Errors
    /// When the kernel refuses, the exchange fails, or the table never stands still.
    pub fn dump<M>(&mut self, message: &M) -> Result<Vec<M>, Cause>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug + Clone,
    {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.send_message(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            match self.collect(sequence) {
                Err(Cause::Interrupted | Cause::Overrun) => {}
                other => return other,
            }
        }
        Err(Cause::Interrupted)
    }

    fn send_message<M: NetlinkSerializable>(&mut self, message: M, flags: u16) -> Result<u32, Cause> {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.next_sequence();
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.send(&bytes)?;
        Ok(self.sequence)
    }

    fn collect<M: NetlinkDeserializable + Debug>(&mut self, sequence: u32) -> Result<Vec<M>, Cause> {
        let mut messages = Vec::new();
        self.answers(sequence, |frame| {
            let decoded = NetlinkMessage::<M>::deserialize(frame).map_err(Cause::Decode)?;
            if let NetlinkPayload::InnerMessage(inner) = decoded.payload {
                messages.push(inner);
            }
            Ok(())
        })?;
        Ok(messages)
    }

    /// Hands the frames that answer request `sequence` to `each` until its end, and drains an interrupted dump
    /// to its end before saying so. Answers to older requests are what an error left behind: skipped.
    ///
    /// # Errors
    /// When the kernel refuses, the exchange fails, a dump was interrupted, or `each` fails.
    pub fn answers(
        &mut self,
        sequence: u32,
        mut each: impl FnMut(&[u8]) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        let mut interrupted = false;
        let mut finished = None;
        while finished.is_none() {
            self.receive(|reply| {
                match reply {
                    Reply::Ack(s) | Reply::Done(s) if s == sequence => finished = Some(Ok(())),
                    Reply::Refused(s, cause) if s == sequence => finished = Some(Err(cause)),
                    Reply::Message {
                        sequence: s,
                        flags,
                        frame,
                    } if s == sequence => {
                        interrupted |= flags & NLM_F_MULTIPART != 0 && flags & NLM_F_DUMP_INTR != 0;
                        each(frame)?;
                    }
                    _ => {}
                }
                Ok(())
            })?;
        }
        match finished {
            Some(Err(cause)) => Err(cause),
            _ if interrupted => Err(Cause::Interrupted),
            _ => Ok(()),
        }
    }
}

/// Reads a frame's header and, of a control message, its meaning.
fn reply(frame: &[u8]) -> Result<Reply<'_>, Cause> {
    let kind = u16_at(frame, 4);
    let flags = u16_at(frame, 6);
    let sequence = u32_at(frame, 8);
    let code = |body: &[u8]| {
        body.get(..4)
            .map_or(0, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]))
    };
    let body = &frame[HEADER_LEN..];
    Ok(match kind {
        NLMSG_OVERRUN => return Err(Cause::Overrun),
        NLMSG_ERROR => match code(body) {
            0 => Reply::Ack(sequence),
            code => Reply::Refused(sequence, refusal(code, flags, body)),
        },
        // A dump that fails half-way says so in its last message.
        NLMSG_DONE => match code(body) {
            0 => Reply::Done(sequence),
            _ if flags & NLM_F_DUMP_INTR != 0 => Reply::Refused(sequence, Cause::Interrupted),
            code => Reply::Refused(sequence, refusal(code, 0, body)),
        },
        _ => Reply::Message {
            sequence,
            flags,
            frame,
        },
    })
}

fn refusal(code: i32, flags: u16, body: &[u8]) -> Cause {
    Cause::Refused {
        errno: Errno::from_raw(code.unsigned_abs().cast_signed()),
        message: explanation(flags, body).unwrap_or_default(),
    }
}

/// The text of `NLMSGERR_ATTR_MSG` in an error's body: code, the request's header, (the request,) attributes.
fn explanation(flags: u16, body: &[u8]) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request = body.get(4..)?;
    let request_len = match flags & NLM_F_CAPPED {
        0 => (u32_at(request.get(..4)?, 0) as usize).next_multiple_of(4),
        _ => HEADER_LEN,
    };
    let mut attributes = request.get(request_len..)?;
    while attributes.len() >= 4 {
        let length = usize::from(u16_at(attributes, 0));
        let value = attributes.get(4..length)?;
        if u16_at(attributes, 2) & 0x3fff == ATTR_MSG {
            let text = value.strip_suffix(&[0]).unwrap_or(value);
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
    None
}

pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_ne_bytes([bytes[offset], bytes[offset + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes([
        bytes[offset],
        bytes[offset + 1],
        bytes[offset + 2],
        bytes[offset + 3],
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let mut f = u32::try_from(HEADER_LEN + body.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        f.extend(kind.to_ne_bytes());
        f.extend(flags.to_ne_bytes());
        f.extend(7u32.to_ne_bytes());
        f.extend([0; 4]);
        f.extend(body);
        f
    }

    fn error_body(code: i32, request: &[u8], text: &str) -> Vec<u8> {
        let mut b = code.to_ne_bytes().to_vec();
        b.extend(request);
        b.extend(u16::try_from(text.len() + 5).unwrap().to_ne_bytes());
        b.extend(ATTR_MSG.to_ne_bytes());
        b.extend(text.as_bytes());
        b.push(0);
        b
    }

    #[test]
    fn an_error_without_code_is_an_acknowledgement() {
        let f = frame(NLMSG_ERROR, 0, &[0; 20]);
        assert!(matches!(reply(&f), Ok(Reply::Ack(7))));
    }

    #[test]
    fn a_refusal_carries_the_kernels_explanation() {
        let capped = frame(
            NLMSG_ERROR,
            NLM_F_CAPPED | NLM_F_ACK_TLVS,
            &error_body(-22, &frame(16, 0, &[])[..HEADER_LEN], "Invalid mtu"),
        );
        let whole_request = frame(16, 0, &[1; 12]);
        let uncapped = frame(
            NLMSG_ERROR,
            NLM_F_ACK_TLVS,
            &error_body(-22, &whole_request, "Invalid mtu"),
        );
        for f in [capped, uncapped] {
            let Ok(Reply::Refused(7, cause)) = reply(&f) else {
                panic!("not refused")
            };
            assert_eq!(cause.to_string(), "Invalid argument: Invalid mtu");
        }
    }

    #[test]
    fn a_cut_off_refusal_keeps_its_error_number() {
        let f = frame(
            NLMSG_ERROR,
            NLM_F_CAPPED | NLM_F_ACK_TLVS,
            &(-17i32).to_ne_bytes(),
        );
        let Ok(Reply::Refused(7, Cause::Refused { errno, message })) = reply(&f) else {
            panic!("not refused")
        };
        assert_eq!((errno, message.as_str()), (Errno::EEXIST, ""));
    }

    #[test]
    fn a_dump_that_fails_at_its_end_is_refused() {
        assert!(matches!(
            reply(&frame(NLMSG_DONE, 0, &[0; 4])),
            Ok(Reply::Done(7))
        ));
        let f = frame(NLMSG_DONE, 0, &(-12i32).to_ne_bytes());
        assert!(matches!(
            reply(&f),
            Ok(Reply::Refused(
                7,
                Cause::Refused {
                    errno: Errno::ENOMEM,
                    ..
                }
            ))
        ));
    }
}
