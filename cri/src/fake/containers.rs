//! Processes that are not there: starting, signalling and ending them.

use super::behaviour::{Behaviour, OnTerm, Run};
use super::handler::Handler;
use crate::v1::ContainerState::ContainerRunning;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use tonic::Status;

/// The exit code of a process that was killed.
const KILLED: i32 = 137;

impl Handler {
    pub(super) fn start(&self, id: &str) -> Result<(), Status> {
        let cannot = self.state().container(id)?.behaviour.run == Run::CannotStart;
        if cannot {
            // The container has had its try, as with runc.
            let now = self.now();
            self.state().finish(id, 128, "StartError", now);
            return Err(Status::unknown(
                "failed to create containerd task: exec: no such file or directory: unknown",
            ));
        }
        let behaviour = self.state().start(id, self.now())?;
        self.write_log(id, &behaviour);
        let (after, code, oom) = match behaviour.run {
            Run::Exit { code, after } => (after, code, false),
            Run::OutOfMemory => (Duration::from_millis(5), KILLED, true),
            Run::Forever | Run::CannotStart => return Ok(()),
        };
        let handler = self.clone();
        let mut ended = self.state().container(id)?.ended.subscribe();
        let id = id.to_owned();
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(after) => handler.finish(&id, code, oom),
                _ = ended.wait_for(|ended| *ended) => {}
            }
        });
        Ok(())
    }

    pub(super) fn finish(&self, id: &str, exit_code: i32, oom: bool) {
        let reason = match exit_code {
            _ if oom => "OOMKilled",
            0 => "Completed",
            _ => "Error",
        };
        self.state().finish(id, exit_code, reason, self.now());
    }

    /// SIGTERM, grace time, SIGKILL; returns when the process has ended.
    pub(super) async fn stop(&self, id: &str, grace: Duration) -> Result<(), Status> {
        let (behaviour, mut ended) = {
            let state = self.state();
            let container = state.container(id)?;
            if container.status.state() != ContainerRunning {
                return Ok(());
            }
            (container.behaviour.clone(), container.ended.subscribe())
        };
        let (after, code) = match behaviour.on_term {
            OnTerm::Exit { code, after } if after <= grace && !grace.is_zero() => (after, code),
            _ => (grace, KILLED),
        };
        tokio::select! {
            () = tokio::time::sleep(after) => self.finish(id, code, false),
            _ = ended.wait_for(|ended| *ended) => {}
        }
        Ok(())
    }

    /// Removes a container, by force if it runs.
    pub(super) fn remove(&self, id: &str) {
        let now = self.now();
        let mut state = self.state();
        if state
            .containers
            .get(id)
            .is_some_and(|container| container.status.state() == ContainerRunning)
        {
            state.finish(id, KILLED, "Error", now);
        }
        state.remove_container(id, now);
    }

    /// Kills what runs in a sandbox, then the sandbox.
    pub(super) fn end_sandbox(&self, id: &str) {
        let now = self.now();
        let mut state = self.state();
        for container in state.containers_of(id) {
            if state.containers[&container].status.state() == ContainerRunning {
                state.finish(&container, KILLED, "Error", now);
            }
        }
        state.stop_sandbox(id, now);
    }

    /// Writes what the process says, in CRI's log format. A log that cannot be written is nobody's error
    /// here: most tests have no log directory.
    fn write_log(&self, id: &str, behaviour: &Behaviour) {
        let path = match self.state().container(id) {
            Ok(container) if !container.status.log_path.is_empty() => container.status.log_path.clone(),
            _ => return,
        };
        let Ok(mut log) = open_log(&path) else { return };
        let nanos = self.now();
        let nanos_part = i32::try_from(nanos % 1_000_000_000).unwrap_or_default();
        let time = prost_types::Timestamp {
            seconds: nanos / 1_000_000_000,
            nanos: nanos_part,
        };
        for (stream, said) in [("stdout", &behaviour.out), ("stderr", &behaviour.err)] {
            for line in said.lines() {
                if writeln!(log, "{time} {stream} F {line}").is_err() {
                    return;
                }
            }
        }
    }
}

/// The log file, made if it is not there.
pub(super) fn open_log(path: impl AsRef<Path>) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path)
}
