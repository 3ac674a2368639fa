//! Capped, jittered waiting between attempts to connect.

use std::time::Duration;

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffSettings {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// Seeds the jitter, so that tests repeat. Nodes should differ in it.
    pub seed: u64,
}

impl Default for BackoffSettings {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(2),
            seed: 0x5eed,
        }
    }
}

/// Doubles from attempt to attempt; each wait is between half and all of its nominal length.
#[derive(Debug)]
pub(super) struct Backoff {
    settings: BackoffSettings,
    nominal: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new(settings: BackoffSettings) -> Self {
        Self {
            settings,
            nominal: settings.first,
            random: settings.seed,
        }
    }

    /// The connection stood: begin with short waits again.
    pub(super) fn reset(&mut self) {
        self.nominal = self.settings.first;
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let nominal = self.nominal.min(self.settings.longest);
        self.nominal = (nominal * 2).min(self.settings.longest);
        nominal.mul_f64(0.5 + 0.5 * self.fraction())
    }

    /// A number in [0, 1), by splitmix64: jitter needs no better.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // 53 bits are what a double holds.
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_over_after_a_reset() {
        let settings = BackoffSettings {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(1),
            seed: 7,
        };
        let mut backoff = Backoff::new(settings);
        for nominal in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next().as_millis();
            assert!((nominal / 2..=nominal).contains(&wait), "{wait} of {nominal}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }

    #[test]
    fn waits_differ_by_seed() {
        let waits = |seed| {
            let mut backoff = Backoff::new(BackoffSettings {
                seed,
                ..BackoffSettings::default()
            });
            [backoff.next(), backoff.next(), backoff.next()]
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
