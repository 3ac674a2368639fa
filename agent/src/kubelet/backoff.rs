//! The reference's two back-offs: restarting a container that ends, and pulling an image that fails.
//!
//! Both start at 10 s and double up to 5 min; a container that ran for more than twice the maximum (10 min)
//! after its last restart starts over. Values are those of the reference kubelet (`MaxCrashLoopBackOff`,
//! `imageBackOffPeriod`).

use std::time::Duration;

use super::clock::Mono;

/// First wait.
pub const FIRST: Duration = Duration::from_secs(10);
/// Longest wait.
pub const LONGEST: Duration = Duration::from_secs(300);
/// A failure this long after the last one counts as the first.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Waits that double from [`FIRST`] to [`LONGEST`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backoff {
    /// Nothing failed yet, or long ago: the next try is immediate.
    #[default]
    Clear,
    /// The try after the next failure waits for `delay`.
    Armed {
        /// Wait after the next failure.
        delay: Duration,
        /// When the delay was set: the last restart, or the last failed pull.
        since: Mono,
    },
}

impl Backoff {
    /// How long to wait after a failure at `failed_at` before the next try.
    #[must_use]
    pub fn wait_after(self, failed_at: Mono) -> Duration {
        match self {
            Self::Armed { delay, since } if failed_at.since(since) <= FORGET_AFTER => delay,
            _ => Duration::ZERO,
        }
    }

    /// The back-off after one more try, made at `at` following a failure at `failed_at`.
    #[must_use]
    pub fn after_try(self, failed_at: Mono, at: Mono) -> Self {
        let delay = match self {
            Self::Armed { delay, since } if failed_at.since(since) <= FORGET_AFTER => {
                (delay * 2).min(LONGEST)
            }
            _ => FIRST,
        };
        Self::Armed { delay, since: at }
    }
}

/// A duration as the reference prints it: `10s`, `1m20s`, `5m0s`.
#[must_use]
pub fn spoken(duration: Duration) -> String {
    let secs = duration.as_secs();
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Mono {
        Mono(Duration::from_secs(secs))
    }

    #[test]
    fn first_failure_is_tried_again_at_once_then_waits_double_to_five_minutes() {
        let mut backoff = Backoff::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = backoff.wait_after(now);
            waits.push(wait.as_secs());
            let tried = now + wait;
            backoff = backoff.after_try(now, tried);
            now = tried + Duration::from_secs(1);
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_run_of_more_than_ten_minutes_starts_over() {
        let armed = Backoff::Armed {
            delay: LONGEST,
            since: at(0),
        };
        assert_eq!(armed.wait_after(at(600)), LONGEST);
        assert_eq!(armed.wait_after(at(601)), Duration::ZERO);
        assert_eq!(
            armed.after_try(at(601), at(601)),
            Backoff::Armed {
                delay: FIRST,
                since: at(601)
            }
        );
    }

    #[test]
    fn durations_read_like_the_references() {
        let cases = [
            (10, "10s"),
            (40, "40s"),
            (80, "1m20s"),
            (160, "2m40s"),
            (300, "5m0s"),
            (3600, "1h0m0s"),
        ];
        for (secs, text) in cases {
            assert_eq!(spoken(Duration::from_secs(secs)), text);
        }
    }
}
