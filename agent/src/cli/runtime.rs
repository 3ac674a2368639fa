//! What the commands share: the container runtime's address, and a small async runtime to talk to it.

use std::future::Future;
use std::path::PathBuf;

use cri::{Client, Deadlines};

use super::failure::{Code, Failure};

/// The option that names the container runtime.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RuntimeArgs {
    /// Where the container runtime listens
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CONTAINER_RUNTIME_ENDPOINT",
        hide_env_values = true,
        default_value = "unix:///run/containerd/containerd.sock",
        value_parser = parse_endpoint
    )]
    pub(super) container_runtime_endpoint: Endpoint,
}

/// A Unix socket, written as a path or with `unix://` in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint(pub(super) PathBuf);

fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    if path.starts_with('/') {
        return Ok(Endpoint(path.into()));
    }
    Err("expected a Unix socket such as unix:///run/containerd/containerd.sock".to_owned())
}

impl RuntimeArgs {
    /// A client for the runtime; touches nothing yet. Must be called inside [`block_on`].
    pub(super) fn client(&self) -> Client {
        Client::new(&self.container_runtime_endpoint.0, Deadlines::default())
    }
}

/// Runs a command's async part on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("start the async runtime", &error))?;
    runtime.block_on(work)
}

/// The time now, which commands hand to what they call.
#[allow(clippy::disallowed_methods, reason = "the command line reads the clock")]
pub(super) fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// A failure of `what` because of a call to the runtime, with the exit code and the advice that fit.
pub(super) fn failure(what: impl Into<String>, error: &cri::Error) -> Failure {
    use cri::Error;
    let failure = Failure::new(what, error);
    match error {
        // The error's own text says how to start it.
        Error::SocketMissing { .. } | Error::SocketRefused { .. } => failure
            .code(Code::Unreachable)
            .fix("`agent check` finds the cause; --container-runtime-endpoint names another socket."),
        Error::SocketForbidden { .. } => failure.code(Code::Unreachable).fix("Run the command as root."),
        Error::CriDisabled { .. } => failure
            .code(Code::Unreachable)
            .fix("`agent check` shows the command."),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_unix_socket() {
        for (text, path) in [
            ("unix:///run/c.sock", Some("/run/c.sock")),
            ("/run/c.sock", Some("/run/c.sock")),
            ("tcp://localhost:1", None),
            ("c.sock", None),
        ] {
            assert_eq!(
                parse_endpoint(text).ok(),
                path.map(|path| Endpoint(path.into())),
                "{text}"
            );
        }
    }
}
