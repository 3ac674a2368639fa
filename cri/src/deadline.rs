//! How long each kind of call may take.

use std::time::Duration;

/// Deadlines by kind of call. A call that has passed its own fails with [`crate::Error::Deadline`], and the
/// runtime is told the same deadline, so that both give up together.
///
/// The defaults are the reference kubelet's (`--runtime-request-timeout=2m` and what it derives from it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// Everything without a line of its own.
    pub usual: Duration,
    /// Running a sandbox: network setup by CNI is part of it.
    pub run_sandbox: Duration,
    /// Stopping a sandbox: kills its containers, network teardown is part of it.
    pub stop_sandbox: Duration,
    /// Starting a container: the mounts of a big image or a slow volume are part of it.
    pub start_container: Duration,
    /// Added to the grace time when a container is stopped, and to the caller's own time limit of a
    /// command that is run in a container or of a checkpoint.
    pub beyond_grace: Duration,
    /// A pull that has moved no byte for this long is given up (only where progress can be seen).
    pub pull_without_progress: Duration,
}

impl Deadlines {
    /// The defaults, scaled to another `--runtime-request-timeout`.
    #[must_use]
    pub fn from_request_timeout(timeout: Duration) -> Self {
        Self {
            usual: timeout,
            run_sandbox: timeout * 2,
            stop_sandbox: timeout * 2,
            start_container: timeout * 2,
            beyond_grace: timeout,
            pull_without_progress: Duration::from_secs(60),
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::from_request_timeout(Duration::from_secs(120))
    }
}
