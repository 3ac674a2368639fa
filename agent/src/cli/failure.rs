//! Errors as people read them: what was attempted, why it failed, how to put it right.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

/// The program's exit codes; scripts rely on them, so they are never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The command did what it was asked to.
    Done = 0,
    /// The command failed, or a check found a failure.
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// The container runtime or the node process cannot be reached.
    Unreachable = 3,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What was attempted, as in "import image archive web.tar".
    pub what: String,
    /// Why it failed, outermost reason first.
    pub why: Vec<String>,
    /// What the person can do about it, as complete sentences or commands.
    pub fix: Option<String>,
}

impl Failure {
    /// A failure of `what` because of `error` and its sources.
    pub fn new(what: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        Self {
            code: Code::Failed,
            what: what.into(),
            why: chain(error),
            fix: None,
        }
    }

    /// A failure of `what` for a reason that is no error of a call.
    pub fn plain(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            code: Code::Failed,
            what: what.into(),
            why: vec![why.into()],
            fix: None,
        }
    }

    /// The same failure with another exit code.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// The same failure with advice.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Prints the failure to standard error.
    pub fn print(&self) {
        let mut stderr = anstream::stderr().lock();
        // Nothing can be said when standard error itself is gone.
        let _ = self.write_to(&mut stderr);
    }

    fn write_to(&self, out: &mut impl Write) -> std::io::Result<()> {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        let green = Style::new().fg_color(Some(AnsiColor::Green.into())).bold();
        writeln!(out, "{red}error:{red:#} cannot {}", self.what)?;
        for why in &self.why {
            writeln!(out, "  because: {}", why.replace('\n', "\n           "))?;
        }
        if let Some(fix) = &self.fix {
            writeln!(out, "{green}fix:{green:#} {fix}")?;
        }
        Ok(())
    }
}

/// The texts of an error and its sources; a source that repeats its parent's text is left out.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.ends_with(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("open the file")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_says_what_why_and_how_to_fix_it() {
        let error = Outer(std::io::Error::other("disk is gone"));
        let failure = Failure::new("read a.tar", &error).fix("Plug it in.");
        let mut text = anstream::StripStream::new(Vec::new());
        failure.write_to(&mut text).expect("written");
        assert_eq!(
            String::from_utf8(text.into_inner()).expect("text"),
            "error: cannot read a.tar\n  because: open the file\n  because: disk is gone\nfix: Plug it in.\n"
        );
    }
}
