//! `agent check`: is this machine ready to be a node, and if not, which command makes it so.
//!
//! Purpose: every known reason why a node does not start or a pod does not run on a fresh machine is one line with
//! its fix, before anybody meets it as a hanging pod.
//!
//! Invariants: [`collect()`] changes nothing on the machine (what it has to try, it tries in a network namespace of
//! its own that ends with the trial); [`evaluate()`] is pure; ids of findings never change their meaning.
//!
//! Out of scope: putting things right.

pub mod collect;
mod evaluate;
pub mod facts;
mod finding;

pub use collect::{Roots, collect};
pub use evaluate::evaluate;
pub use facts::Facts;
pub use finding::{Finding, Report, Status, Summary};
