//! Waiting for a condition of the outside world, which sends no event to a test.

use std::time::{Duration, Instant};

/// Asks `check` until it answers `Ok`, or fails with its last complaint after `within`.
///
/// The pause between two questions grows from 2 ms to 50 ms, so that a quick answer is seen quickly
/// and a slow one does not keep a core busy.
///
/// # Panics
/// When `within` has passed, with `what` and the last complaint.
pub fn eventually<T, E: std::fmt::Display>(
    what: &str,
    within: Duration,
    mut check: impl FnMut() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        match check() {
            Ok(value) => return value,
            Err(last) if start.elapsed() > within => {
                panic!("{what}: not so after {within:?}; last seen: {last}")
            }
            Err(_) => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
