//! The help texts are an interface: each is kept as a file, and a change shows as a diff.
//!
//! `UPDATE_GOLDEN=1 cargo test -p agent help` writes them anew.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use super::*;

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/golden")
}

/// Help texts of a command and everything below it, by file name.
fn helps(command: &Command, name: &str, found: &mut Vec<(String, String)>) {
    let mut shown = command.clone().bin_name(name.replace('-', " ")).term_width(100);
    let text = shown.render_long_help().to_string();
    let text: Vec<&str> = text.lines().map(str::trim_end).collect();
    found.push((format!("{name}.txt"), text.join("\n") + "\n"));
    for below in command.get_subcommands() {
        helps(below, &format!("{name}-{}", below.get_name()), found);
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_texts_are_as_kept() {
    let mut found = Vec::new();
    helps(&Cli::command(), "agent", &mut found);
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if update {
        std::fs::create_dir_all(golden_dir()).expect("directory");
    }
    for (file, text) in found {
        let path = golden_dir().join(&file);
        if update {
            std::fs::write(&path, &text).expect("written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            text, kept,
            "{file} differs; UPDATE_GOLDEN=1 cargo test -p agent help, and look at the diff"
        );
    }
}

#[test]
fn wrong_usage_and_help_have_their_exit_codes() {
    let code = |args: &[&str]| {
        main(
            std::iter::once("agent")
                .chain(args.iter().copied())
                .map(OsString::from),
        )
    };
    for (args, expected) in [
        (&["--help"][..], failure::Code::Done),
        (&["--version"], failure::Code::Done),
        (&["nonsense"], failure::Code::Usage),
        (&["images", "import"], failure::Code::Usage),
        (&["node"], failure::Code::Usage),
        (
            &["check", "--container-runtime-endpoint", "tcp://x"],
            failure::Code::Usage,
        ),
    ] {
        let (found, expected) = (
            format!("{:?}", code(args)),
            format!("{:?}", ExitCode::from(expected)),
        );
        assert_eq!(found, expected, "{args:?}");
    }
}

#[test]
fn a_completion_script_knows_the_commands() {
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::Bash,
        &mut Cli::command(),
        "agent",
        &mut script,
    );
    let script = String::from_utf8(script).expect("text");
    for word in ["images", "--container-runtime-endpoint", "import"] {
        assert!(script.contains(word), "{word}");
    }
}
