//! The command line: what the program can be asked to do, and how it answers people and scripts.
//!
//! Invariants:
//! - results go to standard output, everything else (logs, progress, errors) to standard error;
//! - `--output json` and `yaml` print one document whose schema only grows (fields are added, never renamed);
//! - an error says what was attempted, why it failed and how to put it right, and sets the exit code of
//!   [`failure::Code`];
//! - colour and progress bars appear on terminals only, and `NO_COLOR` is honoured.
//!
//! Out of scope: the work itself; each command calls the module that does it.

mod check;
mod completions;
mod control_plane;
pub mod failure;
mod images;
mod logging;
mod node;
pub mod output;
mod pods;
mod progress;
mod runtime;
mod terminal;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// The program's arguments.
#[derive(Debug, Parser)]
#[command(
    name = "agent",
    version = crate::version::KUBELET,
    about = "A Kubernetes node in one binary",
    long_about = "A Kubernetes node in one binary: kubelet, service proxy and pod network over containerd.",
    after_help = EXIT_CODES,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, or `agent check` found a failure
  2  wrong usage: unknown option, missing argument, value that cannot be read
  3  what the command talks to (container runtime, node process) cannot be reached";

/// What the program can be asked to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Make this machine a node and run pods
    Node(Box<node::Args>),
    /// Check whether this machine is ready to be a node
    Check(check::Args),
    /// Import and list container images
    Images(images::Args),
    /// List the pods of this machine
    Pods(pods::Args),
    /// Run the API server of a cluster of its own
    ControlPlane(Box<control_plane::Args>),
    /// Print the version
    Version(version::Args),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Man(completions::ManArgs),
}

/// Parses the arguments and runs the command; what `main` returns.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        // Help and version are "errors" with code 0 that go to standard output.
        Err(error) => {
            let code = if error.use_stderr() {
                failure::Code::Usage
            } else {
                failure::Code::Done
            };
            // A closed pipe (`agent --help | head -1`) is no failure of ours.
            let _ = error.print();
            return code.into();
        }
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            failure.code.into()
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let done = |result: Result<(), Failure>| result.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Node(args) => node::run(&args),
        Command::Check(args) => check::run(&args),
        Command::ControlPlane(args) => control_plane::run(*args),
        Command::Images(args) => done(images::run(args)),
        Command::Pods(args) => done(pods::run(&args)),
        Command::Version(args) => done(version::run(&args)),
        Command::Completions(args) => done(completions::print(&args)),
        Command::Man(args) => done(completions::write_man_pages(&args)),
    }
}

#[cfg(test)]
mod tests;
