//! Time as an input: a moment on both clocks, passed to everything that decides.
//!
//! Waiting is done on the monotonic clock, which a changed date cannot move; what people read, and what the
//! runtime reports, is on the wall clock. [`Now::since`] is the only bridge between the two, and it is clamped.

use std::ops::Add;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

/// A moment on the monotonic clock, counted from the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub Duration);

impl Mono {
    /// How long `self` is after `earlier`; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For waiting.
    pub mono: Mono,
    /// For people and for comparing with the runtime's times.
    pub wall: Timestamp,
}

impl Now {
    /// Time passed since `past` on the wall clock; zero when `past` lies in the future.
    #[must_use]
    pub fn since(self, past: Timestamp) -> Duration {
        Duration::try_from(self.wall.duration_since(past)).unwrap_or(Duration::ZERO)
    }
}

/// The clocks, read by the loops at the edge.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: tokio::time::Instant,
    wall: Wall,
}

/// Where the wall clock comes from.
#[derive(Clone, Copy, Debug)]
enum Wall {
    /// The system, which may be set at any time.
    System,
    /// A moment at the start, and the monotonic clock since then.
    Paced(Timestamp),
}

impl Clock {
    /// The machine's clocks; the monotonic side starts at zero now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall: Wall::System,
        }
    }

    /// A clock whose wall side shows `wall` now and then keeps step with the runtime's (possibly paused) time.
    #[must_use]
    pub fn paced(wall: Timestamp) -> Self {
        Self {
            wall: Wall::Paced(wall),
            ..Self::start()
        }
    }

    /// This moment.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the edge at which the clocks are read")]
    pub fn now(&self) -> Now {
        let mono = self.start.elapsed();
        Now {
            mono: Mono(mono),
            wall: match self.wall {
                Wall::System => Timestamp::now(),
                Wall::Paced(start) => start.saturating_add(mono).unwrap_or(start),
            },
        }
    }

    /// `at` as the timer wants it.
    #[must_use]
    pub fn instant(&self, at: Mono) -> tokio::time::Instant {
        self.start + at.0
    }
}
