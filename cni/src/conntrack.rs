//! Connection tracking: which flows the kernel knows, and forgetting some of them.
//!
//! Translation is decided at a flow's first packet. A UDP flow has no end, so one that began before its
//! destination changed goes on to where it went: whoever changes a translation forgets the flows.
//!
//! **Caveats.** The table may have a hundred thousand entries: read it only when something changed for UDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::NLM_F_DUMP;

use crate::netfilter::{Attribute, Message, attributes, open, read};
use crate::netlink::{Error, Socket};

/// `NFNL_SUBSYS_CTNETLINK`.
const SUBSYSTEM: u16 = 1;
const GET: u16 = 1;
const DELETE: u16 = 2;

const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ZONE: u16 = 18;

/// One direction of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// Who sends.
    pub source: IpAddr,
    /// Who receives.
    pub destination: IpAddr,
    /// Transport protocol's number.
    pub protocol: u8,
    /// The sender's port; 0 where the protocol has none.
    pub source_port: u16,
    /// The receiver's port; 0 where the protocol has none.
    pub destination_port: u16,
}

/// A flow: as its first packet came, and as the answers come, after translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// As the first packet came.
    pub original: Tuple,
    /// As the answers come.
    pub reply: Tuple,
    /// The kernel's form of `original`, by which it finds the flow again.
    key: Vec<u8>,
    zone: Option<Vec<u8>>,
}

/// A connection to the kernel's tracking, bound to the network namespace in which it was opened.
#[derive(Debug)]
pub struct Conntrack {
    socket: Socket,
}

impl Conntrack {
    /// Opens a connection in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel refuses a netlink socket.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: open()? })
    }

    /// Forgets the flows of both families that `which` picks; returns how many.
    ///
    /// # Errors
    /// When the table cannot be read, or a flow that is still there cannot be forgotten.
    pub fn forget(&mut self, which: impl Fn(&Flow) -> bool) -> Result<usize, Error> {
        let mut forgotten = 0;
        for family in [2, 10] {
            let mut picked = Vec::new();
            let query = Message::new(SUBSYSTEM, GET, family, |_| {}).with(NLM_F_DUMP);
            read(&mut self.socket, &query, |answer| {
                picked.extend(flow(answer).filter(&which))
            })
            .map_err(|e| e.at("list", "tracked connections"))?;
            for flow in &picked {
                forgotten += usize::from(self.delete(family, flow)?);
            }
        }
        Ok(forgotten)
    }

    fn delete(&mut self, family: u8, flow: &Flow) -> Result<bool, Error> {
        let message = Message::new(SUBSYSTEM, DELETE, family, |a| {
            a.put(TUPLE_ORIGINAL | 0x8000, &flow.key);
            if let Some(zone) = &flow.zone {
                a.put(ZONE, zone);
            }
        });
        match read(&mut self.socket, &message, |_| {}).map_err(|e| e.at("forget", "tracked connection")) {
            Ok(()) => Ok(true),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e),
        }
    }
}

fn flow(answer: &[u8]) -> Option<Flow> {
    let find = |kind: u16| attributes(answer).find(|a| a.kind == kind);
    let original = find(TUPLE_ORIGINAL)?;
    Some(Flow {
        original: tuple(original.value)?,
        reply: tuple(find(TUPLE_REPLY)?.value)?,
        key: original.value.to_vec(),
        zone: find(ZONE).map(|z| z.value.to_vec()),
    })
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let nest = |kind: u16| attributes(bytes).find(|a| a.kind == kind);
    let addresses: Vec<Attribute<'_>> = attributes(nest(1)?.value).collect();
    let address = |kinds: [u16; 2]| {
        addresses
            .iter()
            .find(|a| kinds.contains(&a.kind))
            .and_then(|a| ip(a.value))
    };
    let numbers: Vec<Attribute<'_>> = attributes(nest(2)?.value).collect();
    let number = |kind: u16| numbers.iter().find(|a| a.kind == kind).map(|a| a.value);
    let port = |kind: u16| match number(kind) {
        Some([high, low, ..]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    Some(Tuple {
        source: address([1, 3])?,
        destination: address([2, 4])?,
        protocol: *number(1)?.first()?,
        source_port: port(2),
        destination_port: port(3),
    })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netfilter::Attributes;

    fn write_tuple(list: &mut Attributes, kind: u16, addresses: [&str; 2], ports: [u16; 2]) {
        list.nest(kind, |t| {
            t.nest(1, |ips| {
                for (index, text) in addresses.into_iter().enumerate() {
                    match text.parse().unwrap() {
                        IpAddr::V4(a) => ips.put(1 + index as u16, &a.octets()),
                        IpAddr::V6(a) => ips.put(3 + index as u16, &a.octets()),
                    }
                }
            });
            t.nest(2, |p| {
                p.put(1, &[17]);
                p.put(2, &ports[0].to_be_bytes());
                p.put(3, &ports[1].to_be_bytes());
            });
        });
    }

    #[test]
    fn a_translated_flow_shows_both_its_ends() {
        for [client, node, pod] in [
            ["192.0.2.9", "192.0.2.1", "10.1.0.2"],
            ["2001:db8::9", "2001:db8::1", "fd00::2"],
        ] {
            let mut list = Attributes::default();
            write_tuple(&mut list, TUPLE_ORIGINAL, [client, node], [4000, 5353]);
            write_tuple(&mut list, TUPLE_REPLY, [pod, client], [53, 4000]);
            let flow = flow(list.bytes()).unwrap();
            assert_eq!(flow.original.destination, node.parse::<IpAddr>().unwrap());
            assert_eq!(
                (flow.original.protocol, flow.original.destination_port),
                (17, 5353)
            );
            assert_eq!(
                (flow.reply.source, flow.reply.source_port),
                (pod.parse().unwrap(), 53)
            );
        }
    }

    #[test]
    fn a_malformed_entry_is_no_flow() {
        assert_eq!(flow(&[]), None);
        let mut list = Attributes::default();
        write_tuple(&mut list, TUPLE_ORIGINAL, ["192.0.2.9", "192.0.2.1"], [1, 2]);
        assert_eq!(flow(list.bytes()), None, "without the answers' direction");
    }
}
