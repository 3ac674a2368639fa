//! The expressions that rules are made of, as the kernel numbers them (`linux/netfilter/nf_tables.h`).

use crate::netfilter::Attributes;

const LIST_ELEMENT: u16 = 1;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
/// `NFT_REG_VERDICT`.
const VERDICT: u32 = 0;
/// `NFT_JUMP`, a negative number.
const JUMP: u32 = -3i32 as u32;

/// One of the kernel's sixteen four-byte registers (`NFT_REG32_00` and on); longer values use several in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register(
    /// Its number, from 0 to 15.
    pub u8,
);

impl Register {
    fn number(self) -> u32 {
        8 + u32::from(self.0)
    }
}

/// What `meta` reads about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MetaKey {
    /// The packet's mark.
    Mark = 3,
    /// Name of the interface that it came in by.
    IifName = 6,
    /// Name of the interface that it goes out by.
    OifName = 7,
    /// Address family of the packet in an `inet` table.
    NfProto = 15,
    /// Number of the transport protocol.
    L4Proto = 16,
}

/// Where `payload` counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum PayloadBase {
    /// The IP header.
    Network = 1,
    /// The transport header.
    Transport = 2,
}

/// Which address `fib` looks up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum FibFlag {
    /// The packet's destination.
    Destination = 2,
}

/// Which address is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum NatKind {
    /// The source.
    Source = 0,
    /// The destination.
    Destination = 1,
}

/// A rule's expressions, in order: each is evaluated while those before it matched.
#[derive(Debug, Default, Clone)]
pub struct Expressions(Attributes);

impl Expressions {
    /// The list's attributes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn push(mut self, name: &str, write: impl FnOnce(&mut Attributes)) -> Self {
        self.0.nest(LIST_ELEMENT, |e| {
            e.text(1, name);
            e.nest(2, write);
        });
        self
    }

    /// Loads a property of the packet.
    #[must_use]
    pub fn meta(self, key: MetaKey, to: Register) -> Self {
        self.push("meta", |e| {
            e.number(1, to.number());
            e.number(2, key as u32);
        })
    }

    /// Sets a property of the packet.
    #[must_use]
    pub fn set_meta(self, key: MetaKey, from: Register) -> Self {
        self.push("meta", |e| {
            e.number(2, key as u32);
            e.number(3, from.number());
        })
    }

    /// Loads `length` bytes of the packet.
    #[must_use]
    pub fn payload(self, base: PayloadBase, offset: u32, length: u32, to: Register) -> Self {
        self.push("payload", |e| {
            e.number(1, to.number());
            e.number(2, base as u32);
            e.number(3, offset);
            e.number(4, length);
        })
    }

    /// Goes on when the register equals `value`.
    #[must_use]
    pub fn equal(self, register: Register, value: &[u8]) -> Self {
        self.compare(register, 0, value)
    }

    /// Goes on when the register differs from `value`.
    #[must_use]
    pub fn different(self, register: Register, value: &[u8]) -> Self {
        self.compare(register, 1, value)
    }

    fn compare(self, register: Register, operator: u32, value: &[u8]) -> Self {
        self.push("cmp", |e| {
            e.number(1, register.number());
            e.number(2, operator);
            e.nest(3, |d| d.put(DATA_VALUE, value));
        })
    }

    /// `register = (register & mask) ^ xor`.
    #[must_use]
    pub fn bitwise(self, register: Register, mask: &[u8], xor: &[u8]) -> Self {
        self.push("bitwise", |e| {
            e.number(1, register.number());
            e.number(2, register.number());
            e.number(3, mask.len() as u32);
            e.nest(4, |d| d.put(DATA_VALUE, mask));
            e.nest(5, |d| d.put(DATA_VALUE, xor));
        })
    }

    /// Goes on when the value in the register is, or with `inverted` is not, in the set.
    #[must_use]
    pub fn lookup(self, set: &str, register: Register, inverted: bool) -> Self {
        self.push("lookup", |e| {
            e.text(1, set);
            e.number(2, register.number());
            if inverted {
                e.number(5, 1);
            }
        })
    }

    /// Goes on when the map has the key; loads what it leads to.
    #[must_use]
    pub fn map(self, map: &str, key: Register, to: Register) -> Self {
        self.push("lookup", |e| {
            e.text(1, map);
            e.number(2, key.number());
            e.number(3, to.number());
        })
    }

    /// Loads the kind of route (`RTN_*`, in the machine's byte order) that an address has.
    #[must_use]
    pub fn address_type(self, of: FibFlag, to: Register) -> Self {
        self.push("fib", |e| {
            e.number(1, to.number());
            e.number(2, 3);
            e.number(3, of as u32);
        })
    }

    /// Goes on in another chain, and comes back.
    #[must_use]
    pub fn jump(self, chain: &str) -> Self {
        self.push("immediate", |e| {
            e.number(1, VERDICT);
            e.nest(2, |d| {
                d.nest(DATA_VERDICT, |v| {
                    v.number(1, JUMP);
                    v.text(2, chain);
                });
            });
        })
    }

    /// Translates to the address and port in these registers.
    #[must_use]
    pub fn nat(self, kind: NatKind, family: u8, address: Register, port: Register) -> Self {
        self.push("nat", |e| {
            e.number(1, kind as u32);
            e.number(2, u32::from(family));
            e.number(3, address.number());
            e.number(5, port.number());
        })
    }

    /// Gives the packet the outgoing interface's address, and a random port: two flows that choose the same
    /// one at the same time would lose a packet.
    #[must_use]
    pub fn masquerade(self) -> Self {
        const FULLY_RANDOM: u32 = 0x10;
        self.push("masq", |e| e.number(1, FULLY_RANDOM))
    }
}
