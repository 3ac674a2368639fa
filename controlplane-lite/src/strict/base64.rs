//! Bytes on the wire: standard base64 as Go reads it (line breaks are skipped, trailing bits are dropped).

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

/// The text that Go would write back, `None` if that is the same; an error is the offset of the bad byte.
pub(super) fn normalise(text: &str) -> Result<Option<String>, usize> {
    if STANDARD.decode(text).is_ok() {
        return Ok(None);
    }
    decode(text.as_bytes()).map(|bytes| Some(STANDARD.encode(bytes)))
}

/// The text of `bytes`.
pub(super) fn write(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes quantum by quantum, to find the offset that Go tells.
fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut quantum = [0u8; 4];
    let mut filled = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' | b'\r' => continue,
            b'=' => {
                padding(text, at, filled)?;
                let word = word(&quantum, filled);
                out.extend_from_slice(&word[..filled - 1]);
                return Ok(out);
            }
            _ => quantum[filled] = sextet(*byte).ok_or(at)?,
        }
        filled += 1;
        if filled == 4 {
            out.extend_from_slice(&word(&quantum, 4));
            filled = 0;
        }
    }
    match filled {
        0 => Ok(out),
        // without padding, the quantum that lacks it is at fault
        n => Err(text.len() - n),
    }
}

/// Checks what follows the first `=` (at `at`, after `filled` sextets).
fn padding(text: &[u8], at: usize, filled: usize) -> Result<(), usize> {
    let blank = |from: usize| {
        let rest = text[from..].iter();
        from + rest.take_while(|b| matches!(b, b'\n' | b'\r')).count()
    };
    let mut next = blank(at + 1);
    match filled {
        0 | 1 => return Err(at),
        2 if next == text.len() => return Err(text.len()),
        2 if text[next] != b'=' => return Err(next - 1),
        2 => next = blank(next + 1),
        _ => {}
    }
    if next < text.len() { Err(next) } else { Ok(()) }
}

fn word(quantum: &[u8; 4], filled: usize) -> [u8; 3] {
    let bits = quantum[..filled]
        .iter()
        .enumerate()
        .fold(0u32, |acc, (i, s)| acc | u32::from(*s) << (18 - 6 * i));
    let [_, a, b, c] = bits.to_be_bytes();
    [a, b, c]
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}
