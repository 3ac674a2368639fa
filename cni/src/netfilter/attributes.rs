//! Netlink attributes: written in network byte order, as nftables wants them, and read.

use crate::netlink::u16_at;

const HEADER: usize = 4;
const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;

/// A list of attributes being written.
#[derive(Debug, Default, Clone)]
pub struct Attributes(Vec<u8>);

impl Attributes {
    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends an attribute with these bytes.
    pub fn put(&mut self, kind: u16, value: &[u8]) {
        self.0.extend(((HEADER + value.len()) as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// Appends a number.
    pub fn number(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// Appends a text with its ending zero.
    pub fn text(&mut self, kind: u16, value: &str) {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.put(kind, &bytes);
    }

    /// Appends an attribute that holds attributes.
    pub fn nest(&mut self, kind: u16, write: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.put(kind | NESTED, &[]);
        write(self);
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

/// One attribute that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number, without flags.
    pub kind: u16,
    /// Its content.
    pub value: &'a [u8],
}

/// Reads a list of attributes; ends at the first malformed one.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        if bytes.len() < HEADER {
            return None;
        }
        let length = usize::from(u16_at(bytes, 0));
        let value = bytes.get(HEADER..length)?;
        let attribute = Attribute {
            kind: u16_at(bytes, 2) & TYPE_MASK,
            value,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(attribute)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_with_its_nesting() {
        let mut list = Attributes::default();
        list.text(1, "abc");
        list.nest(4, |inner| {
            inner.number(1, 7);
            inner.put(2, &[1, 2, 3, 4, 5]);
        });
        assert_eq!(list.bytes().len() % 4, 0);
        let read: Vec<_> = attributes(list.bytes()).collect();
        assert_eq!(
            read[0],
            Attribute {
                kind: 1,
                value: b"abc\0"
            }
        );
        let inner: Vec<_> = attributes(read[1].value).collect();
        assert_eq!(inner[0].value, [0, 0, 0, 7]);
        assert_eq!(
            inner[1],
            Attribute {
                kind: 2,
                value: &[1, 2, 3, 4, 5]
            }
        );
    }

    #[test]
    fn malformed_lists_end_instead_of_going_astray() {
        for bytes in [&[][..], &[1, 2, 3], &[200, 0, 1, 0, 9], &[2, 0, 1, 0], &[0; 8]] {
            assert_eq!(attributes(bytes).count(), 0, "{bytes:?}");
        }
    }
}
