//! Commands that are run in containers.

use super::behaviour::{Behaviour, Run};
use crate::v1;
use std::time::Duration;
use tonic::Status;

/// Runs a command in a container, at most `limit`.
pub(super) async fn run_command(
    behaviour: Behaviour,
    limit: Option<Duration>,
) -> Result<v1::ExecSyncResponse, Status> {
    let (after, exit_code) = match behaviour.run {
        Run::Exit { code, after } => (after, code),
        Run::OutOfMemory => (Duration::ZERO, 137),
        Run::Forever => (Duration::MAX, 0),
        Run::CannotStart => {
            return Err(Status::unknown(
                "failed to exec in container: no such file or directory",
            ));
        }
    };
    match limit {
        Some(limit) if after > limit => {
            tokio::time::sleep(limit).await;
            let text =
                format!("failed to exec in container: timeout {limit:?} exceeded: context deadline exceeded");
            Err(Status::deadline_exceeded(text))
        }
        _ => {
            tokio::time::sleep(after).await;
            let (stdout, stderr) = (behaviour.out.into_bytes(), behaviour.err.into_bytes());
            Ok(v1::ExecSyncResponse {
                stdout,
                stderr,
                exit_code,
            })
        }
    }
}
