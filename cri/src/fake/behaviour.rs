//! What a pretended process does.

use std::time::Duration;

/// How a process runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Until something ends it.
    Forever,
    /// For a time.
    Exit {
        /// The exit code.
        code: i32,
        /// How long after its start.
        after: Duration,
    },
    /// Until the kernel kills it for lack of memory, a moment after its start.
    OutOfMemory,
    /// Not at all: the program is not there.
    CannotStart,
}

/// What a process does at SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTerm {
    /// Nothing, as a first process without a handler.
    Ignore,
    /// It ends.
    Exit {
        /// The exit code.
        code: i32,
        /// How long after the signal.
        after: Duration,
    },
}

/// A pretended process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// By itself.
    pub run: Run,
    /// At SIGTERM.
    pub on_term: OnTerm,
    /// Said on standard output, with line ends.
    pub out: String,
    /// Said on standard error, with line ends.
    pub err: String,
}

impl Behaviour {
    /// A server that ends with 0 at once when asked to: what a container without a known command is.
    #[must_use]
    pub fn serve() -> Self {
        Self {
            run: Run::Forever,
            on_term: OnTerm::Exit {
                code: 0,
                after: Duration::ZERO,
            },
            out: String::new(),
            err: String::new(),
        }
    }

    /// A process that ends by itself.
    #[must_use]
    pub fn exit(code: i32, after: Duration) -> Self {
        Self {
            run: Run::Exit { code, after },
            on_term: OnTerm::Ignore,
            ..Self::serve()
        }
    }

    /// What a command line does.
    ///
    /// `sh -c LINE` understands, separated by `;`: `exit N`, `echo WORDS [>&2]`, `sleep S`, `trap 'exit N' TERM`,
    /// `trap '' TERM`, `while …` (for ever) and `exec dd …` (eats memory). `sleep S` is known without a shell. A
    /// command under `/no/` cannot start. Everything else serves.
    #[must_use]
    pub fn of_command(command: &[String]) -> Self {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let program = words.first().copied().unwrap_or_default();
        match (
            program.rsplit('/').next().unwrap_or_default(),
            &words[words.len().min(1)..],
        ) {
            ("sh", ["-c", line, ..]) => of_line(line),
            ("sleep", [time, ..]) => Self::exit(0, seconds(time)),
            _ if program.starts_with("/no/") => Self {
                run: Run::CannotStart,
                ..Self::serve()
            },
            _ => Self::serve(),
        }
    }
}

fn of_line(line: &str) -> Behaviour {
    let mut behaviour = Behaviour::exit(0, Duration::ZERO);
    let mut elapsed = Duration::ZERO;
    let mut code = 0;
    for statement in statements(line) {
        let (verb, rest) = statement.split_once(' ').unwrap_or((statement, ""));
        match verb {
            "echo" => match rest.strip_suffix(" >&2") {
                Some(words) => behaviour.err += &format!("{words}\n"),
                None => behaviour.out += &format!("{rest}\n"),
            },
            "sleep" => elapsed += seconds(rest),
            "trap" => {
                if let Some(handler) = rest.strip_suffix(" TERM") {
                    behaviour.on_term = on_term(handler.trim_matches('\''));
                }
            }
            "while" => {
                return Behaviour {
                    run: Run::Forever,
                    ..behaviour
                };
            }
            "exec" => {
                return Behaviour {
                    run: Run::OutOfMemory,
                    ..behaviour
                };
            }
            "exit" => {
                code = rest.parse().unwrap_or(2);
                break;
            }
            // A shell says so, and goes on.
            _ => code = 127,
        }
    }
    behaviour.run = Run::Exit { code, after: elapsed };
    behaviour
}

fn statements(line: &str) -> impl Iterator<Item = &str> {
    line.split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
}

fn on_term(handler: &str) -> OnTerm {
    match handler.strip_prefix("exit ").and_then(|code| code.parse().ok()) {
        Some(code) => OnTerm::Exit {
            code,
            after: Duration::ZERO,
        },
        None => OnTerm::Ignore,
    }
}

fn seconds(text: &str) -> Duration {
    text.trim()
        .parse()
        .ok()
        .and_then(|time| Duration::try_from_secs_f64(time).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_lines_are_understood() {
        let exit = |code, millis| Run::Exit {
            code,
            after: Duration::from_millis(millis),
        };
        let term = OnTerm::Exit {
            code: 4,
            after: Duration::ZERO,
        };
        let cases = [
            ("exit 3", exit(3, 0), OnTerm::Ignore),
            ("sleep 0.2; exit 1", exit(1, 200), OnTerm::Ignore),
            (
                "trap 'exit 4' TERM; while :; do sleep 1; done",
                Run::Forever,
                term,
            ),
            (
                "trap '' TERM; while :; do sleep 1; done",
                Run::Forever,
                OnTerm::Ignore,
            ),
            ("exec dd if=/dev/zero", Run::OutOfMemory, OnTerm::Ignore),
            ("frobnicate", exit(127, 0), OnTerm::Ignore),
        ];
        for (line, run, on_term) in cases {
            let command = ["/bin/sh", "-c", line].map(str::to_owned);
            let behaviour = Behaviour::of_command(&command);
            assert_eq!((behaviour.run, behaviour.on_term), (run, on_term), "{line}");
        }
        let said = Behaviour::of_command(&["sh", "-c", "echo a b; echo c >&2"].map(str::to_owned));
        assert_eq!((said.out.as_str(), said.err.as_str()), ("a b\n", "c\n"));
    }

    #[test]
    fn other_commands_serve_or_cannot_start() {
        assert_eq!(Behaviour::of_command(&[]), Behaviour::serve());
        assert_eq!(Behaviour::of_command(&["nginx".to_owned()]), Behaviour::serve());
        assert_eq!(
            Behaviour::of_command(&["/no/such".to_owned()]).run,
            Run::CannotStart
        );
        let sleep = Behaviour::of_command(&["/bin/sleep", "2"].map(str::to_owned));
        assert_eq!(
            sleep.run,
            Run::Exit {
                code: 0,
                after: Duration::from_secs(2)
            }
        );
    }
}
