//! x
use super::Facts;
/// x
pub struct Roots;
/// x
pub fn collect(_r: &Roots) -> Facts {
    Facts::default()
}
