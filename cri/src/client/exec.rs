//! Calls that run something in a container or open a stream to it.

use super::container::whole_seconds;
use super::{Client, within};
use crate::error::{Call, Error};
use crate::v1;
use std::time::Duration;

/// Which streams of an exec or attach session are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streams {
    /// Send standard input.
    pub stdin: bool,
    /// Receive standard output.
    pub stdout: bool,
    /// Receive standard error. Not together with `tty`, which carries both as one.
    pub stderr: bool,
    /// A terminal.
    pub tty: bool,
}

impl Client {
    /// Runs `command` in a container and waits for its output and exit code. The runtime kills it after
    /// `limit` (whole seconds, rounded up; `None`: it may run for ever, and only dropping the future ends it).
    ///
    /// # Errors
    /// [`Error::Deadline`] after `limit`.
    pub async fn exec_sync(
        &self,
        id: &str,
        command: Vec<String>,
        limit: Option<Duration>,
    ) -> Result<v1::ExecSyncResponse, Error> {
        let call = Call::container("run a command in", id);
        let request = v1::ExecSyncRequest {
            container_id: id.to_owned(),
            cmd: command,
            timeout: whole_seconds(limit.unwrap_or_default()),
        };
        let mut service = self.runtime_service();
        let Some(limit) = limit else {
            let answer = service.exec_sync(request).await;
            return answer
                .map(tonic::Response::into_inner)
                .map_err(|status| self.error(call, None, &status));
        };
        let deadline = limit + self.deadlines.beyond_grace;
        let sent = service.exec_sync(within(deadline, request));
        match self.answer(call, deadline, sent).await {
            // The runtime's own timer fired, not ours: the command was given `limit`, no more.
            Err(Error::Deadline { call, .. }) => Err(Error::Deadline { call, after: limit }),
            other => other,
        }
    }

    /// Prepares a session with a new command; answers the URL of the runtime's streaming server.
    pub async fn exec(&self, id: &str, command: Vec<String>, streams: Streams) -> Result<String, Error> {
        let deadline = self.deadlines.usual;
        let call = Call::container("open a command in", id);
        let request = v1::ExecRequest {
            container_id: id.to_owned(),
            cmd: command,
            tty: streams.tty,
            stdin: streams.stdin,
            stdout: streams.stdout,
            stderr: streams.stderr && !streams.tty,
        };
        let mut service = self.runtime_service();
        let sent = service.exec(within(deadline, request));
        let answer = self.answer(call.clone(), deadline, sent).await?;
        url(answer.url, call)
    }

    /// Prepares a session with the container's first process; answers the URL of the streaming server.
    pub async fn attach(&self, id: &str, streams: Streams) -> Result<String, Error> {
        let deadline = self.deadlines.usual;
        let call = Call::container("attach to", id);
        let request = v1::AttachRequest {
            container_id: id.to_owned(),
            stdin: streams.stdin,
            tty: streams.tty,
            stdout: streams.stdout,
            stderr: streams.stderr && !streams.tty,
        };
        let mut service = self.runtime_service();
        let sent = service.attach(within(deadline, request));
        let answer = self.answer(call.clone(), deadline, sent).await?;
        url(answer.url, call)
    }

    /// Prepares port forwarding into a sandbox; answers the URL of the streaming server.
    pub async fn port_forward(&self, sandbox: &str, ports: &[u16]) -> Result<String, Error> {
        let deadline = self.deadlines.usual;
        let call = Call::sandbox("forward ports to", sandbox);
        let request = v1::PortForwardRequest {
            pod_sandbox_id: sandbox.to_owned(),
            port: ports.iter().copied().map(i32::from).collect(),
        };
        let mut service = self.runtime_service();
        let sent = service.port_forward(within(deadline, request));
        let answer = self.answer(call.clone(), deadline, sent).await?;
        url(answer.url, call)
    }
}

fn url(url: String, call: Call) -> Result<String, Error> {
    if url.is_empty() {
        Err(Error::Incomplete {
            call,
            missing: "streaming URL",
        })
    } else {
        Ok(url)
    }
}
