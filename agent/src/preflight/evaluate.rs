//! From facts to findings. Pure: the same facts give the same findings.

mod kernel;
mod machine;
mod network;
mod runtime;

use super::facts::Facts;
use super::finding::Finding;

/// Judges the machine.
///
/// Every fact gives a line, also when all is well, so that a reader sees what was looked at.
pub fn evaluate(facts: &Facts) -> Vec<Finding> {
    [
        kernel::evaluate(facts),
        machine::evaluate(facts),
        network::evaluate(facts),
        runtime::evaluate(facts),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
