//! State of a watched pull: what has arrived, and since when nothing has.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How far a pull is. Layers that have not begun are not in `total` yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullProgress {
    /// Bytes that have arrived.
    pub downloaded: u64,
    /// Bytes of everything that has begun; zero while unknown.
    pub total: u64,
}

/// Something that containerd is writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ingest {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) total: u64,
}

/// What a look showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// The new state, if it is one.
    pub(super) moved: Option<PullProgress>,
    /// Nothing has moved for too long.
    pub(super) stalled: bool,
}

#[derive(Debug)]
pub(super) struct Watch {
    limit: Duration,
    /// Everything that was ever seen, with its offset and its total.
    known: BTreeMap<String, (u64, u64)>,
    last: Option<PullProgress>,
    /// Since when downloads are open and nothing moves.
    still_since: Option<Instant>,
}

impl Watch {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            known: BTreeMap::new(),
            last: None,
            still_since: None,
        }
    }

    /// Takes in what is being written now. What is gone since the last look is complete.
    ///
    /// Only open downloads can stand still: before the first and after the last one the runtime resolves and
    /// unpacks, which takes what it takes.
    pub(super) fn step(&mut self, open: &[Ingest], now: Instant) -> Seen {
        for (name, (offset, total)) in &mut self.known {
            if !open.iter().any(|ingest| ingest.name == *name) {
                *offset = (*offset).max(*total);
            }
        }
        for ingest in open {
            self.known
                .insert(ingest.name.clone(), (ingest.offset, ingest.total));
        }
        let progress = PullProgress {
            downloaded: self.known.values().map(|(offset, _)| offset).sum(),
            total: self.known.values().map(|(_, total)| total).sum(),
        };
        let moved = (self.last != Some(progress) && !self.known.is_empty()).then_some(progress);
        self.last = Some(progress);
        if moved.is_some() || open.is_empty() {
            self.still_since = None;
            return Seen {
                moved,
                stalled: false,
            };
        }
        let since = *self.still_since.get_or_insert(now);
        Seen {
            moved,
            stalled: now.duration_since(since) >= self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(layers: &[(&str, u64, u64)]) -> Vec<Ingest> {
        let ingest = |&(name, offset, total): &(&str, u64, u64)| Ingest {
            name: name.to_owned(),
            offset,
            total,
        };
        layers.iter().map(ingest).collect()
    }

    fn moved(downloaded: u64, total: u64) -> Seen {
        Seen {
            moved: Some(PullProgress { downloaded, total }),
            stalled: false,
        }
    }

    const STILL: Seen = Seen {
        moved: None,
        stalled: false,
    };

    #[tokio::test(start_paused = true)]
    async fn bytes_add_up_and_what_is_gone_is_complete() {
        let now = Instant::now();
        let mut watch = Watch::new(Duration::from_secs(10));
        assert_eq!(watch.step(&[], now), STILL);
        assert_eq!(watch.step(&open(&[("a", 1, 10)]), now), moved(1, 10));
        assert_eq!(
            watch.step(&open(&[("a", 5, 10), ("b", 0, 20)]), now),
            moved(5, 30)
        );
        assert_eq!(watch.step(&open(&[("b", 7, 20)]), now), moved(17, 30));
        assert_eq!(watch.step(&[], now), moved(30, 30));
        assert_eq!(watch.step(&[], now), STILL);
    }

    #[tokio::test(start_paused = true)]
    async fn only_open_downloads_stand_still() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut watch = Watch::new(Duration::from_secs(10));
        assert!(!watch.step(&[], at(100)).stalled, "resolving takes what it takes");
        assert_eq!(watch.step(&open(&[("a", 1, 10)]), at(101)), moved(1, 10));
        assert_eq!(watch.step(&open(&[("a", 1, 10)]), at(102)), STILL);
        assert_eq!(watch.step(&open(&[("a", 1, 10)]), at(111)), STILL);
        assert_eq!(watch.step(&open(&[("a", 2, 10)]), at(111)), moved(2, 10));
        assert_eq!(watch.step(&open(&[("a", 2, 10)]), at(112)), STILL);
        assert!(watch.step(&open(&[("a", 2, 10)]), at(122)).stalled);
        assert_eq!(watch.step(&[], at(200)), moved(10, 10), "done after all");
        assert!(!watch.step(&[], at(900)).stalled, "unpacking takes what it takes");
    }
}
