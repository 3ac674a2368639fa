//! Tables, chains, rules, sets and their elements.

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};

use super::{Batch, Expressions, Nft, message};
use crate::netfilter::{Attributes, attributes, read};
use crate::netlink::{Cause, Error};

const NEW_TABLE: u16 = 0;
const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_ELEMENT: u16 = 12;
const GET_ELEMENT: u16 = 13;
const DELETE_ELEMENT: u16 = 14;

const LIST_ELEMENT: u16 = 1;
/// `NFT_SET_MAP`.
const SET_MAP: u32 = 8;

/// A chain that the kernel's hook calls.
#[derive(Debug, Clone, Copy)]
pub struct BaseChain<'a> {
    /// Its name.
    pub name: &'a str,
    /// `nat` or `filter`.
    pub kind: &'a str,
    /// `NF_INET_*`: where in a packet's way.
    pub hook: u32,
    /// Order among chains of the same hook, lower first.
    pub priority: i32,
}

/// A set or map to create. The type numbers are for people: `nft` shows the content by them.
#[derive(Debug, Clone, Copy)]
pub struct SetSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// Type of the key; of several parts, six bits each.
    pub key_type: u32,
    /// Bytes of the key, each part padded to four.
    pub key_len: u32,
    /// Type and bytes of what a map's keys lead to.
    pub data: Option<(u32, u32)>,
    /// Whether the key is in the machine's byte order, so that `nft` shows it right.
    pub host_order: bool,
}

/// An element of a set, or of a map with what it leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// The key.
    pub key: Vec<u8>,
    /// What it leads to; empty in a set.
    pub data: Vec<u8>,
}

impl Batch {
    /// Creates a table; refused when it exists.
    pub fn create_table(&mut self, table: &str) {
        self.push(NEW_TABLE, NLM_F_CREATE | NLM_F_EXCL, |a| a.text(1, table));
    }

    /// Deletes a table with everything in it.
    pub fn delete_table(&mut self, table: &str) {
        self.push(DELETE_TABLE, 0, |a| a.text(1, table));
    }

    /// Creates a chain that rules jump to.
    pub fn create_chain(&mut self, table: &str, chain: &str) {
        self.push(NEW_CHAIN, NLM_F_CREATE, |a| {
            a.text(1, table);
            a.text(3, chain);
        });
    }

    /// Creates a chain that the kernel calls.
    pub fn create_base_chain(&mut self, table: &str, chain: BaseChain<'_>) {
        self.push(NEW_CHAIN, NLM_F_CREATE, |a| {
            a.text(1, table);
            a.text(3, chain.name);
            a.nest(4, |hook| {
                hook.number(1, chain.hook);
                hook.number(2, chain.priority.cast_unsigned());
            });
            a.text(7, chain.kind);
        });
    }

    /// Appends a rule.
    pub fn append_rule(&mut self, table: &str, chain: &str, expressions: &Expressions) {
        self.push(NEW_RULE, NLM_F_CREATE | NLM_F_APPEND, |a| {
            a.text(1, table);
            a.text(2, chain);
            a.put(4 | 0x8000, expressions.bytes());
        });
    }

    /// Creates a set or map.
    pub fn create_set(&mut self, table: &str, set: SetSpec<'_>) {
        // A number by which the same batch could refer to it.
        let id = self.messages.len() as u32 + 1;
        self.push(NEW_SET, NLM_F_CREATE, |a| {
            a.text(1, table);
            a.text(2, set.name);
            a.number(3, if set.data.is_some() { SET_MAP } else { 0 });
            a.number(4, set.key_type);
            a.number(5, set.key_len);
            if let Some((kind, length)) = set.data {
                a.number(6, kind);
                a.number(7, length);
            }
            a.number(10, id);
            if set.host_order {
                // As `nft` notes it for itself: key 0 (byte order of the set's key), length 4, 1 for the machine's.
                let [a0, a1, a2, a3] = 1u32.to_ne_bytes();
                a.put(13, &[0, 4, a0, a1, a2, a3]);
            }
        });
    }

    /// Adds an element; one with the same content may be there already, one that leads elsewhere may not
    /// (`EEXIST`, or `EBUSY` of some kernels).
    pub fn add_element(&mut self, table: &str, set: &str, element: &Element) {
        self.push(NEW_ELEMENT, NLM_F_CREATE, |a| {
            write_element(a, table, set, element)
        });
    }

    /// Deletes the element with this key; refused when there is none.
    pub fn delete_element(&mut self, table: &str, set: &str, element: &Element) {
        self.push(DELETE_ELEMENT, 0, |a| write_element(a, table, set, element));
    }
}

fn write_element(a: &mut Attributes, table: &str, set: &str, element: &Element) {
    a.text(1, table);
    a.text(2, set);
    a.nest(3, |list| {
        list.nest(LIST_ELEMENT, |e| {
            e.nest(1, |key| key.put(1, &element.key));
            if !element.data.is_empty() {
                e.nest(2, |data| data.put(1, &element.data));
            }
        });
    });
}

impl Nft {
    /// Whether the table exists.
    ///
    /// # Errors
    /// When the exchange with the kernel fails.
    pub fn has_table(&mut self, table: &str) -> Result<bool, Error> {
        let query = message(GET_TABLE, 0, |a| a.text(1, table));
        match read(&mut self.socket, &query, |_| {}).map_err(|e: Cause| e.at("read nftables table", table)) {
            Ok(()) => Ok(true),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The elements of a set or map.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such table or set.
    pub fn elements(&mut self, table: &str, set: &str) -> Result<Vec<Element>, Error> {
        let query = message(GET_ELEMENT, NLM_F_DUMP, |a| {
            a.text(1, table);
            a.text(2, set);
        });
        let mut elements = Vec::new();
        let read = read(&mut self.socket, &query, |answer| {
            let lists = attributes(answer).filter(|a| a.kind == 3);
            elements.extend(
                lists
                    .flat_map(|list| attributes(list.value))
                    .map(|e| read_element(e.value)),
            );
        });
        read.map_err(|e| e.at("list nftables set", set))?;
        Ok(elements)
    }
}

fn read_element(bytes: &[u8]) -> Element {
    let value = |kind: u16| {
        let nest = attributes(bytes).find(|a| a.kind == kind);
        let value = nest.and_then(|n| attributes(n.value).find(|a| a.kind == 1));
        value.map(|v| v.value.to_vec()).unwrap_or_default()
    };
    Element {
        key: value(1),
        data: value(2),
    }
}
