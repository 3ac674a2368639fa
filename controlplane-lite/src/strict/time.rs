//! RFC 3339 as Go's `time.Parse` reads it, with its error texts, and as `metav1.Time` writes it.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::DateTime;

/// Layout of `metav1.Time`.
const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
/// Layout of `metav1.MicroTime`.
const MICROS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// `metav1.Time`: any fraction is accepted and dropped, the zone becomes UTC.
pub(crate) fn seconds(text: &str) -> Result<String, String> {
    let (at, _) = parse(text, SECONDS)?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `metav1.MicroTime`: exactly six digits of fraction, the zone becomes UTC.
pub(crate) fn micro(text: &str) -> Result<String, String> {
    let (at, nanos) = parse(text, MICROS)?;
    let mut out = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let _ = write!(out, ".{:06}Z", nanos / 1000);
    Ok(out)
}

/// Reads `text` along `layout`; the answer is in UTC, with the fraction apart.
fn parse(text: &str, layout: &str) -> Result<(DateTime, i32), String> {
    let mut cursor = Cursor {
        text,
        layout,
        rest: text,
    };
    let year = cursor.digits(4, "2006")?;
    cursor.literal("-")?;
    let month = cursor.ranged(2, "01", 1..=12, "month")?;
    cursor.literal("-")?;
    let day = cursor.digits(2, "02")?;
    cursor.literal("T")?;
    let hour = cursor.ranged(2, "15", 0..=23, "hour")?;
    cursor.literal(":")?;
    let minute = cursor.ranged(2, "04", 0..=59, "minute")?;
    cursor.literal(":")?;
    let second = cursor.ranged(2, "05", 0..=59, "second")?;
    let nanos = cursor.fraction(layout == MICROS)?;
    let offset = cursor.zone()?;
    if !cursor.rest.is_empty() {
        return Err(cursor.error(&format!(": extra text: {:?}", cursor.rest)));
    }
    let civil = DateTime::new(
        year as i16,
        month as i8,
        day as i8,
        hour as i8,
        minute as i8,
        second as i8,
        0,
    )
    .map_err(|_| cursor.error(": day out of range"))?;
    let utc = civil
        .to_zoned(jiff::tz::TimeZone::UTC)
        .and_then(|z| z.timestamp().checked_sub(jiff::SignedDuration::from_secs(offset)))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    Ok((utc.to_zoned(jiff::tz::TimeZone::UTC).datetime(), nanos))
}

/// What is left of a time, for parsing and for errors.
struct Cursor<'a> {
    text: &'a str,
    layout: &'a str,
    rest: &'a str,
}

impl Cursor<'_> {
    fn error(&self, what: &str) -> String {
        format!("parsing time {:?}{what}", self.text)
    }

    /// The text at `rest` is not what `element` of the layout wants.
    fn cannot(&self, element: &str) -> String {
        let (rest, layout) = (self.rest, self.layout);
        self.error(&format!(" as {layout:?}: cannot parse {rest:?} as {element:?}"))
    }

    fn literal(&mut self, want: &str) -> Result<(), String> {
        match self.rest.strip_prefix(want) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.cannot(want)),
        }
    }

    fn digits(&mut self, n: usize, element: &str) -> Result<i64, String> {
        let number = self
            .rest
            .get(..n)
            .filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        let Some(number) = number.and_then(|d| d.parse().ok()) else {
            return Err(self.cannot(element));
        };
        self.rest = &self.rest[n..];
        Ok(number)
    }

    fn ranged(
        &mut self,
        n: usize,
        element: &str,
        range: std::ops::RangeInclusive<i64>,
        name: &str,
    ) -> Result<i64, String> {
        let value = self.digits(n, element)?;
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(self.error(&format!(": {name} out of range")))
        }
    }

    /// Nanoseconds after the point; `exact` wants six digits, else any number of them may be there.
    fn fraction(&mut self, exact: bool) -> Result<i32, String> {
        let digits = self.rest.strip_prefix(['.', ',']).unwrap_or_default();
        let len = digits.bytes().take_while(u8::is_ascii_digit).count();
        if exact && (len < 6 || !self.rest.starts_with('.')) {
            return Err(self.cannot(".000000"));
        }
        if len == 0 {
            return Ok(0);
        }
        let take = if exact { 6 } else { len };
        let nanos = digits[..take.min(9)].parse::<i32>().unwrap_or(0) * 10_i32.pow(9 - take.min(9) as u32);
        self.rest = &digits[take..];
        Ok(nanos)
    }

    /// Seconds east of Greenwich.
    fn zone(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let bytes = self.rest.as_bytes();
        let form = bytes.len() >= 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && [1, 2, 4, 5].iter().all(|i| bytes[*i].is_ascii_digit());
        if !form {
            return Err(self.cannot("Z07:00"));
        }
        let two = |at: usize| i64::from(bytes[at] - b'0') * 10 + i64::from(bytes[at + 1] - b'0');
        let (hours, minutes) = (two(1), two(4));
        if hours > 24 {
            return Err(self.error(": time zone offset hour out of range"));
        }
        if minutes > 60 {
            return Err(self.error(": time zone offset minute out of range"));
        }
        let sign = if bytes[0] == b'-' { -1 } else { 1 };
        self.rest = &self.rest[6..];
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}
