//! What the containers of the contract run.

/// A program, as a shell line for a real runtime; the fake knows each by its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// Ends at once with this code.
    Exit(u8),
    /// Says a line on standard output and one on standard error, and ends with 0.
    Speak {
        /// For standard output.
        out: &'static str,
        /// For standard error.
        err: &'static str,
    },
    /// Says "ready", runs until it is asked to end, and then ends with 0.
    Serve,
    /// Says "ready", and runs until it is killed.
    IgnoreTerm,
    /// Uses more memory than [`Program::MEMORY_LIMIT`] until the kernel kills it.
    EatMemory,
    /// A program that the image does not have.
    Missing,
}

impl Program {
    /// The limit to run [`Program::EatMemory`] with, in bytes.
    pub const MEMORY_LIMIT: i64 = 24 << 20;

    /// The command line.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        let line = match self {
            Self::Exit(code) => format!("exit {code}"),
            Self::Speak { out, err } => format!("echo {out}; echo {err} >&2"),
            // A shell waits for its foreground child before it runs a trap: keep the child short.
            Self::Serve => "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done".to_owned(),
            Self::IgnoreTerm => "trap '' TERM; echo ready; while :; do sleep 0.05; done".to_owned(),
            Self::EatMemory => "exec dd if=/dev/zero of=/dev/null bs=256M".to_owned(),
            Self::Missing => return vec!["/no/such/program".to_owned()],
        };
        vec!["/bin/sh".to_owned(), "-c".to_owned(), line]
    }
}
