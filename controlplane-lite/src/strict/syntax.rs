//! What is wrong with a JSON text, in the words of Go's scanner.
//!
//! Only asked after reading failed, so it is short rather than fast.

/// Go's limit; ours is lower, see [`check`].
const TOO_DEEP: &str = "exceeded max depth";
/// Levels of nesting that are read.
const MAX_DEPTH: usize = 127;

const END: &str = "unexpected end of JSON input";

/// The first fault of `text`, `None` if it is JSON.
pub(crate) fn check(text: &[u8]) -> Option<String> {
    let mut scan = Scan { text, at: 0 };
    scan.document().err()
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

/// What encloses the value that was just read.
#[derive(Clone, Copy, PartialEq)]
enum In {
    Array,
    Object,
}

impl Scan<'_> {
    fn document(&mut self) -> Result<(), String> {
        let mut open: Vec<In> = Vec::new();
        loop {
            // a value, or the start of one
            match self.next_visible()? {
                b'[' => {
                    self.enter(&mut open, In::Array)?;
                    if self.peek_visible() != Some(b']') {
                        continue;
                    }
                    self.at += 1;
                    open.pop();
                }
                b'{' => {
                    self.enter(&mut open, In::Object)?;
                    if self.peek_visible() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                    self.at += 1;
                    open.pop();
                }
                b'"' => self.string()?,
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => return Err(self.bad("looking for beginning of value")),
            }
            if self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Reads what follows a value; true at the end of the text.
    fn close(&mut self, open: &mut Vec<In>) -> Result<bool, String> {
        loop {
            let Some(inside) = open.last().copied() else {
                return match self.peek_visible() {
                    None => Ok(true),
                    Some(_) => {
                        self.at += 1;
                        Err(self.bad("after top-level value"))
                    }
                };
            };
            match (inside, self.next_visible()?) {
                (In::Array, b',') => return Ok(false),
                (In::Object, b',') => {
                    self.key()?;
                    return Ok(false);
                }
                (In::Array, b']') | (In::Object, b'}') => open.pop(),
                (In::Array, _) => return Err(self.bad("after array element")),
                (In::Object, _) => return Err(self.bad("after object key:value pair")),
            };
        }
    }

    fn enter(&mut self, open: &mut Vec<In>, what: In) -> Result<(), String> {
        open.push(what);
        if open.len() > MAX_DEPTH {
            return Err(TOO_DEEP.to_owned());
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(), String> {
        if self.next_visible()? != b'"' {
            return Err(self.bad("looking for beginning of object key string"));
        }
        self.string()?;
        if self.next_visible()? != b':' {
            return Err(self.bad("after object key"));
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            if !self.next()?.is_ascii_hexdigit() {
                                return Err(self.bad("in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    _ => return Err(self.bad("in string escape code")),
                },
                0..=0x1f => return Err(self.bad("in string literal")),
                _ => {}
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for want in word.bytes().skip(1) {
            if self.next()? != want {
                let want = char::from(want);
                return Err(self.bad(&format!("in literal {word} (expecting '{want}')")));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let mut first = self.text[self.at - 1];
        if first == b'-' {
            first = self.next()?;
        }
        match first {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return Err(self.bad("in numeric literal")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.next()?.is_ascii_digit() {
                return Err(self.bad("after decimal point in numeric literal"));
            }
            self.skip_digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.next()?.is_ascii_digit() {
                return Err(self.bad("in exponent of numeric literal"));
            }
            self.skip_digits();
        }
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, String> {
        let byte = self.peek().ok_or(END)?;
        self.at += 1;
        Ok(byte)
    }

    fn peek_visible(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.peek()
    }

    fn next_visible(&mut self) -> Result<u8, String> {
        self.peek_visible();
        self.next()
    }

    /// The byte just read is wrong here.
    fn bad(&self, place: &str) -> String {
        let byte = self.text[self.at - 1];
        let shown = match byte {
            b'\'' => "\\'".to_owned(),
            b'"' => "\"".to_owned(),
            0x07 => "\\a".to_owned(),
            0x08 => "\\b".to_owned(),
            b'\t' => "\\t".to_owned(),
            b'\n' => "\\n".to_owned(),
            0x0b => "\\v".to_owned(),
            0x0c => "\\f".to_owned(),
            b'\r' => "\\r".to_owned(),
            b'\\' => "\\\\".to_owned(),
            0x20..=0x7e | 0xa1..=0xac | 0xae.. => char::from(byte).to_string(),
            _ if byte < 0x80 => format!("\\x{byte:02x}"),
            _ => format!("\\u{byte:04x}"),
        };
        format!("invalid character '{shown}' {place}")
    }
}
