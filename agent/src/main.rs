//! Entry point of the one binary.
//!
//! The name under which the program was called is looked at first, before a runtime, a logger or an allocator
//! setting exists: the network plugin starts in well under a millisecond.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent::cli::main(std::env::args_os())
}
