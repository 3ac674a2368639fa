//! `agent completions` and `agent man`: files that packages install, made from the command line's definition.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::failure::Failure;

/// Arguments of `agent completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  agent completions bash > /etc/bash_completion.d/agent
  agent completions zsh > \"${fpath[1]}/_agent\"")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Arguments of `agent man`.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Directory for the pages; it is created
    dir: PathBuf,
}

pub(super) fn print(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "agent", &mut script);
    match io::stdout().lock().write_all(&script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new("write to standard output", &error))
        }
        _ => Ok(()),
    }
}

pub(super) fn write_man_pages(args: &ManArgs) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.dir))
        .map_err(|error| Failure::new(format!("write manual pages to {}", args.dir.display()), &error))
}
