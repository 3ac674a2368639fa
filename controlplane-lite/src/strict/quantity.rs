//! The text that a `resource.Quantity` has after a trip through Go.

use crate::quantity::{Quantity, QuantityError};

/// Canonical text of a quantity: `1000m` → `1`, `1024Ki` → `1Mi`.
///
/// A text that looks canonical is kept as it is, even if it isn't quite (`+1`, `5.`): Go parses such texts on a
/// fast path and remembers them.
///
/// # Errors
/// The reference's text about what is wrong.
pub(super) fn normalise(text: &str) -> Result<String, QuantityError> {
    let quantity = Quantity::parse(text)?;
    Ok(if is_kept(text) == Some(true) {
        text.to_owned()
    } else {
        quantity.to_string()
    })
}

/// `ParseQuantity`'s test for texts to keep; `None` where it doesn't apply.
fn is_kept(text: &str) -> Option<bool> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.trim_start_matches('0');
    if let Some(power) = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
        .iter()
        .position(|s| *s == suffix)
    {
        let exponent = (power as i32 + 1) * 10;
        let precise = 14 - whole.len() as i32 - exponent * 3 / 10 >= 0;
        let value: i64 = whole.parse().ok()?;
        return Some(fraction.is_empty() && precise && value & 7 != 0);
    }
    let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    let exponent: i32 = match decimal.iter().position(|s| *s == suffix) {
        Some(at) => at as i32 * 3 - 9,
        None => suffix.strip_prefix(['e', 'E'])?.parse().ok()?,
    };
    let digits = format!("{whole}{fraction}");
    let scale = exponent - fraction.len() as i32;
    let plain = scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0');
    Some(!digits.is_empty() && digits.len() <= 18 && scale >= -9 && plain)
}
