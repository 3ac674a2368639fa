//! The protobuf wire: tags, varints and lengths. Knows no messages.

use super::{ProtobufError, Result};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// Numbers and booleans.
    Varint(u64),
    /// Doubles.
    Fixed64(u64),
    /// Texts, bytes, messages.
    Bytes(&'a [u8]),
}

/// The fields of a message: number and payload. Ends behind the first error.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u64, Payload<'_>)>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_err() {
            rest = b"";
        }
        Some(field)
    })
}

/// Numbers that stand behind one another without tags.
pub(super) fn packed(bytes: &[u8]) -> impl Iterator<Item = Result<u64>> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let number = varint(&mut rest);
        if number.is_err() {
            rest = b"";
        }
        Some(number)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Payload<'a>)> {
    let tag = varint(rest)?;
    let payload = match tag & 7 {
        0 => Payload::Varint(varint(rest)?),
        1 => Payload::Fixed64(u64::from_le_bytes(take(rest, 8)?.try_into().unwrap_or_default())),
        2 => {
            let length = usize::try_from(varint(rest)?).unwrap_or(usize::MAX);
            Payload::Bytes(take(rest, length)?)
        }
        5 => {
            let bytes: [u8; 4] = take(rest, 4)?.try_into().unwrap_or_default();
            Payload::Varint(u32::from_le_bytes(bytes).into())
        }
        _ => return Err(ProtobufError::Malformed("an unknown wire type")),
    };
    Ok((tag >> 3, payload))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, left) = rest
        .split_at_checked(length)
        .ok_or(ProtobufError::Malformed("it breaks off"))?;
    *rest = left;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut out = 0_u64;
    for (i, byte) in rest.iter().enumerate().take(10) {
        out |= u64::from(byte & 0x7f) << (7 * i).min(63);
        if byte & 0x80 == 0 {
            *rest = &rest[i + 1..];
            return Ok(out);
        }
    }
    Err(ProtobufError::Malformed("a number breaks off"))
}
