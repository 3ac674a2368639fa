//! Entry point of the one binary.
//!
//! The name under which the program was called is looked at first, before a runtime, a logger or an allocator
//! setting exists: the network plugin starts in well under a millisecond.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = network_plugin() {
        return code;
    }
    agent::cli::main(std::env::args_os())
}

/// Acts as the CNI plugin by whose name the program was called, if it was.
fn network_plugin() -> Option<ExitCode> {
    let plugin = cni::plugin::Plugin::called_as(&std::env::args_os().next()?)?;
    let code = plugin.main(
        |name| std::env::var_os(name),
        &mut std::io::stdin(),
        &mut std::io::stdout(),
    );
    Some(code.into())
}
