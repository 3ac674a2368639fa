//! Finding a few members of a JSON object without parsing the rest.
//!
//! Every object is looked at once when it enters the cache: where its `metadata` begins (the resource version
//! goes there), its labels, its selectable fields. A full parse would cost more than everything else at start,
//! so this walks the text and skips what nobody asked for.
//!
//! Invariants: answers byte ranges of the input; never reads past its end; depth is bounded.
//! Out of scope: validating. The bytes were written by this program; what is skipped is only checked as far as
//! skipping needs it (balanced brackets, terminated strings).

use std::ops::Range;

/// Deeper nesting than this is refused; the API refuses it on the way in already.
const MAX_DEPTH: usize = 256;

/// The text is not a JSON object as far as it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object, found out at byte {at}")]
pub struct Malformed {
    /// Offset of the first byte that does not fit.
    pub at: usize,
}

/// Finds the values at `paths`; the answer has one range per path, `None` where there is no such member. If a
/// member occurs twice, the last one counts, as in Go's decoder. At most 64 paths.
pub fn find(text: &[u8], paths: &[&[&str]]) -> Result<Vec<Option<Range<usize>>>, Malformed> {
    assert!(paths.len() <= 64, "at most 64 paths, not {}", paths.len());
    let mut walk = Walk {
        text,
        at: 0,
        paths,
        found: vec![None; paths.len()],
    };
    let all = if paths.len() == 64 {
        u64::MAX
    } else {
        (1 << paths.len()) - 1
    };
    walk.space();
    walk.object(0, all)?;
    walk.space();
    if walk.at != text.len() {
        return Err(Malformed { at: walk.at });
    }
    Ok(walk.found)
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    paths: &'a [&'a [&'a str]],
    found: Vec<Option<Range<usize>>>,
}

impl Walk<'_> {
    fn peek(&self) -> Result<u8, Malformed> {
        self.text.get(self.at).copied().ok_or(Malformed { at: self.at })
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek()? != byte {
            return Err(Malformed { at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// Walks an object whose members are looked up as element `depth` of the paths in `wanted`.
    fn object(&mut self, depth: usize, wanted: u64) -> Result<(), Malformed> {
        self.expect(b'{')?;
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            self.member(depth, wanted, key)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Malformed { at: self.at }),
            }
        }
    }

    fn member(&mut self, depth: usize, wanted: u64, key: Range<usize>) -> Result<(), Malformed> {
        let (mut below, mut here) = (0_u64, 0_u64);
        for (i, path) in self.paths.iter().enumerate() {
            if wanted & (1 << i) != 0
                && path
                    .get(depth)
                    .is_some_and(|p| p.as_bytes() == &self.text[key.clone()])
            {
                *(if path.len() == depth + 1 {
                    &mut here
                } else {
                    &mut below
                }) |= 1 << i;
            }
        }
        let start = self.at;
        if below != 0 && self.peek()? == b'{' {
            self.object(depth + 1, below)?;
        } else {
            self.skip()?;
        }
        for i in 0..self.paths.len() {
            if here & (1 << i) != 0 {
                self.found[i] = Some(start..self.at);
            }
        }
        Ok(())
    }

    /// Moves behind a string and answers the range between its quotes, escapes as they stand.
    fn string(&mut self) -> Result<Range<usize>, Malformed> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            match rest.iter().position(|b| matches!(b, b'"' | b'\\')) {
                None => return Err(Malformed { at: self.text.len() }),
                Some(i) if rest[i] == b'"' => {
                    self.at += i + 1;
                    return Ok(start..self.at - 1);
                }
                Some(i) => self.at += i + 2,
            }
        }
    }

    /// Moves behind a value of any kind.
    fn skip(&mut self) -> Result<(), Malformed> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    if depth > MAX_DEPTH {
                        return Err(Malformed { at: self.at });
                    }
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(Malformed { at: self.at })?;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth > 0 => self.at += 1,
                _ => self.scalar()?,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Moves behind a number or one of `true`, `false`, `null`.
    fn scalar(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'a'..=b'z' | b'E') = self.text.get(self.at) {
            self.at += 1;
        }
        if self.at == start {
            Err(Malformed { at: start })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(text: &'a str, path: &[&str]) -> Option<&'a str> {
        find(text.as_bytes(), &[path]).unwrap()[0]
            .clone()
            .map(|r| &text[r])
    }

    #[test]
    fn members_are_found_wherever_they_stand() {
        let text = r#" { "a" : [1,{"b":2}], "metadata":{"x\"}":"}","name":"n","labels":{}}, "spec":{"deep":{"n":-1.5e3}},"n":null } "#;
        for (path, want) in [
            (&["a"][..], Some(r#"[1,{"b":2}]"#)),
            (&["metadata", "name"], Some(r#""n""#)),
            (&["metadata", "labels"], Some("{}")),
            (&["spec", "deep", "n"], Some("-1.5e3")),
            (&["n"], Some("null")),
            (&["b"], None),
            (&["a", "b"], None),
            (&["n", "x"], None),
        ] {
            assert_eq!(at(text, path), want, "{path:?}");
        }
    }

    #[test]
    fn a_path_and_its_parent_are_both_found_in_one_walk() {
        let text = br#"{"m":{"k":"v"}}"#;
        let found = find(text, &[&["m"], &["m", "k"]]).unwrap();
        assert_eq!(found, vec![Some(5..14), Some(10..13)]);
    }

    #[test]
    fn broken_text_is_refused_where_it_breaks() {
        for text in [
            "",
            "{",
            "[]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":{]",
            "{} x",
            "k8s\0",
        ] {
            assert!(find(text.as_bytes(), &[&["a", "b"]]).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends_with_an_error() {
        let text = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(find(text.as_bytes(), &[]).is_err());
    }
}
