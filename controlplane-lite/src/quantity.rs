//! Amounts of resources: `500m`, `1.5Gi`, `2e3`.
//!
//! A [`Quantity`] is exact to a billionth and at most 2⁶³−1, as the reference's is; finer amounts are rounded
//! away from zero, larger ones are capped. Its canonical text keeps the family of suffixes in which it was
//! written, so that `1024Mi` reads back as `1Gi` and `1000m` as `1`.
//!
//! Equality and order are of amounts, not of texts.

pub mod pod;

use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;

#[cfg(test)]
mod tests;

/// The family of suffixes in which an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `n`, `u`, `m`, none, `k`, `M`, `G`, `T`, `P`, `E`.
    #[default]
    DecimalSi,
    /// `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei`.
    BinarySi,
    /// `e3`, `e6`, …
    DecimalExponent,
}

/// Why a text is no quantity. The texts are the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text as a whole is malformed.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The letters after the number are no known suffix.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// An amount of a resource.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    /// Billionths.
    nanos: i128,
    format: Format,
}

const NANO: i128 = 1_000_000_000;
const MAX: i128 = i64::MAX as i128 * NANO;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Suffixes for exponents of ten from −9 in steps of three.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self {
        nanos: 0,
        format: Format::DecimalSi,
    };

    /// A whole number of units, written with decimal suffixes.
    pub fn units(n: i64) -> Self {
        Self {
            nanos: i128::from(n) * NANO,
            format: Format::DecimalSi,
        }
    }

    /// A whole number of thousandths, written with decimal suffixes.
    pub fn millis(n: i64) -> Self {
        Self {
            nanos: i128::from(n) * NANO / 1000,
            format: Format::DecimalSi,
        }
    }

    /// A number of bytes, written with binary suffixes.
    pub fn bytes(n: i64) -> Self {
        Self {
            nanos: i128::from(n) * NANO,
            format: Format::BinarySi,
        }
    }

    /// Reads a quantity.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        if number.is_empty() || !suffix_shape(suffix) {
            return Err(QuantityError::Format);
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') {
            return Err(QuantityError::Format);
        }
        let (base_two, exponent, mut format) = read_suffix(suffix)?;
        let nanos = scale(whole, fraction, base_two, exponent).min(MAX);
        if format == Format::BinarySi && nanos > 0 && nanos < NANO {
            format = Format::DecimalSi;
        }
        Ok(Self {
            nanos: if negative { -nanos } else { nanos },
            format,
        })
    }

    /// Reads a JSON string or number; `null` is nothing.
    ///
    /// # Errors
    /// What is wrong with the text, or [`QuantityError::Format`] for another type.
    pub fn from_value(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::String(text) => Self::parse(text.trim()),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Null => Ok(Self::ZERO),
            _ => Err(QuantityError::Format),
        }
    }

    /// The amount at `value`, nothing if it is absent or malformed: for objects that were validated.
    pub fn of(value: Option<&Value>) -> Self {
        value.and_then(|v| Self::from_value(v).ok()).unwrap_or(Self::ZERO)
    }

    /// Whether the amount is zero.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whether the amount is below zero.
    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// Whether the amount is a whole number of units.
    pub fn is_whole(&self) -> bool {
        self.nanos % NANO == 0
    }

    /// Whether the amount is a whole number of thousandths.
    pub fn is_whole_milli(&self) -> bool {
        self.nanos % (NANO / 1000) == 0
    }

    /// Units, rounded away from zero.
    pub fn value(&self) -> i64 {
        round_up(self.nanos, NANO)
    }

    /// Thousandths, rounded away from zero.
    pub fn milli_value(&self) -> i64 {
        round_up(self.nanos, NANO / 1000)
    }

    /// The sum, in the format of `self` unless that is zero.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self {
            nanos: self.nanos.saturating_add(other.nanos),
            format,
        }
    }

    /// The difference, in the format of `self` unless that is zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&Self {
            nanos: -other.nanos,
            format: other.format,
        })
    }

    /// The amount as many times.
    #[must_use]
    pub fn times(&self, n: i64) -> Self {
        Self {
            nanos: self.nanos.saturating_mul(n.into()),
            format: self.format,
        }
    }
}

fn round_up(nanos: i128, unit: i128) -> i64 {
    let up = nanos.abs().div_euclid(unit) + i128::from(nanos % unit != 0);
    i64::try_from(up * nanos.signum()).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Letters of suffixes, then an optional sign, then digits.
fn suffix_shape(suffix: &str) -> bool {
    let rest = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    rest.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the base is 1024, the exponent (of 1024 or of 10), and the family.
fn read_suffix(suffix: &str) -> Result<(bool, i32, Format), QuantityError> {
    if let Some(exponent) = DECIMAL.iter().position(|s| *s == suffix) {
        let exponent = i32::try_from(exponent).unwrap_or(0) * 3 - 9;
        return Ok((false, exponent, Format::DecimalSi));
    }
    if let Some(exponent) = BINARY.iter().position(|s| *s == suffix) {
        return Ok((true, i32::try_from(exponent).unwrap_or(0), Format::BinarySi));
    }
    match suffix.strip_prefix(['e', 'E']).map(str::parse::<i32>) {
        Some(Ok(exponent)) => Ok((false, exponent, Format::DecimalExponent)),
        _ => Err(QuantityError::Suffix),
    }
}

/// The digits as billionths, rounded up, capped somewhere above the maximum.
fn scale(whole: &str, fraction: &str, base_two: bool, exponent: i32) -> i128 {
    let (mut nanos, mut inexact) = (0_i128, false);
    let shift = if base_two { 9 } else { exponent.saturating_add(9) };
    // One digit at a time, `place` being the power of ten (in billionths) for which it counts.
    let digits = whole.trim_start_matches('0');
    let top = i32::try_from(digits.len())
        .unwrap_or(i32::MAX)
        .saturating_add(shift);
    let factor = if base_two { 1_i128 << (10 * exponent) } else { 1 };
    for (i, digit) in digits.bytes().chain(fraction.bytes()).enumerate() {
        let place = top
            .saturating_sub(1)
            .saturating_sub(i32::try_from(i).unwrap_or(i32::MAX));
        let digit = i128::from(digit - b'0');
        if place < 0 && base_two {
            // A binary multiple can lift a digit behind the ninth place back into range.
            let drop = 10_i128.checked_pow(place.unsigned_abs()).unwrap_or(i128::MAX);
            let lifted = digit * factor;
            nanos = nanos.saturating_add(lifted / drop);
            inexact |= lifted % drop != 0;
        } else if place < 0 {
            inexact |= digit != 0;
        } else if digit != 0 {
            let unit = 10_i128.checked_pow(place.unsigned_abs()).unwrap_or(i128::MAX);
            nanos = nanos.saturating_add(unit.saturating_mul(digit).saturating_mul(factor));
        }
    }
    nanos.saturating_add(inexact.into())
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && self.nanos.abs() >= 1024 * NANO && self.is_whole() {
            return self.fmt_binary(f);
        }
        let (mut number, mut exponent) = (self.nanos, -9);
        while number % 10 == 0 {
            (number, exponent) = (number / 10, exponent + 1);
        }
        while exponent % 3 != 0 {
            (number, exponent) = (number * 10, exponent - 1);
        }
        match (
            self.format,
            usize::try_from((exponent + 9) / 3)
                .ok()
                .and_then(|i| DECIMAL.get(i)),
        ) {
            (Format::DecimalExponent, _) if exponent == 0 => write!(f, "{number}"),
            (Format::DecimalExponent, _) | (_, None) => write!(f, "{number}e{exponent}"),
            (_, Some(suffix)) => write!(f, "{number}{suffix}"),
        }
    }
}

impl Quantity {
    fn fmt_binary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = round_up(self.nanos, NANO);
        let mut suffix = 0;
        while number % 1024 == 0 && suffix + 1 < BINARY.len() {
            (number, suffix) = (number / 1024, suffix + 1);
        }
        write!(f, "{number}{}", BINARY[suffix])
    }
}
