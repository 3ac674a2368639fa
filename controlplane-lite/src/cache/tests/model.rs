//! Random histories against a model that keeps everything.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::watching::take;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Write { name: usize, label: usize, node: usize },
    Delete { name: usize },
    Compact { back: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..6_usize, 0..3_usize, 0..3_usize).prop_map(|(name, label, node)| Step::Write { name, label, node }),
        3 => (0..6_usize).prop_map(|name| Step::Delete { name }),
        1 => (0..6_u64).prop_map(|back| Step::Compact { back }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What an object looks like to selectors: label, node.
type Look = (usize, usize);

/// State after each revision.
type History = Vec<(u64, std::collections::BTreeMap<usize, Look>)>;

const NAMES: [&str; 6] = ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"];

struct Question {
    scope: &'static str,
    label: Option<usize>,
    node: Option<usize>,
}

const QUESTIONS: [Question; 4] = [
    Question {
        scope: PODS,
        label: None,
        node: None,
    },
    Question {
        scope: "/registry/pods/a/",
        label: Some(1),
        node: None,
    },
    Question {
        scope: PODS,
        label: None,
        node: Some(2),
    },
    Question {
        scope: "/registry/pods/b/",
        label: Some(0),
        node: Some(1),
    },
];

impl Question {
    fn selector(&self) -> Selector {
        let text = |name: &str, prefix: &str, value: Option<usize>| {
            value.map_or(String::new(), |v| format!("{name}={prefix}{v}"))
        };
        selector(
            &text("app", "l", self.label),
            &text("spec.nodeName", "n", self.node),
        )
    }

    fn matches(&self, name: usize, look: Look) -> bool {
        key(NAMES[name]).starts_with(self.scope)
            && self.label.is_none_or(|l| l == look.0)
            && self.node.is_none_or(|n| n == look.1)
    }

    fn listed(&self, state: &std::collections::BTreeMap<usize, Look>) -> Vec<&'static str> {
        state
            .iter()
            .filter(|(n, l)| self.matches(**n, **l))
            .map(|(n, _)| NAMES[*n])
            .collect()
    }

    /// The events that a watch since `since` must show.
    fn events(&self, history: &History, since: u64) -> Vec<(char, String, u64)> {
        let mut out = Vec::new();
        for pair in history.windows(2) {
            let (before, (revision, after)) = (&pair[0].1, &pair[1]);
            for (name, text) in NAMES.iter().enumerate().filter(|_| *revision > since) {
                let (old, new) = (before.get(&name), after.get(&name));
                let passed = |look: Option<&Look>| look.is_some_and(|l| self.matches(name, *l));
                let kind = match (passed(old), passed(new)) {
                    (false, true) => 'A',
                    (true, true) if old != new => 'M',
                    (true, false) => 'D',
                    _ => continue,
                };
                out.push((kind, (*text).to_owned(), *revision));
            }
        }
        out
    }
}

async fn play(cache: &Cache, steps: &[Step]) -> (History, u64) {
    let mut history: History = vec![(1, std::collections::BTreeMap::new())];
    let mut compacted = 0;
    for step in steps {
        let (revision, mut state) = history.last().unwrap().clone();
        match *step {
            Step::Write { name, label, node } => {
                let (l, n) = (format!("l{label}"), format!("n{node}"));
                let outcome = replace(cache, NAMES[name], &l, &n).await;
                let unchanged = state.insert(name, (label, node)) == Some((label, node));
                assert_eq!(matches!(outcome, Outcome::Unchanged(_)), unchanged);
                if !unchanged {
                    assert_eq!(outcome.object().unwrap().revision, revision + 1);
                    history.push((revision + 1, state));
                }
            }
            Step::Delete { name } => {
                let gone = cache.delete(&key(NAMES[name]), yes).await;
                assert_eq!(gone.is_ok(), state.remove(&name).is_some());
                if let Ok(gone) = gone {
                    assert_eq!(gone.revision, revision + 1);
                    history.push((revision + 1, state));
                }
            }
            Step::Compact { back } => {
                compacted = compacted.max(revision.saturating_sub(back));
                cache.store().compact(compacted).await.unwrap();
            }
        }
    }
    (history, compacted)
}

async fn compare(cache: &Cache, history: &History, compacted: u64) {
    for question in &QUESTIONS {
        for (revision, state) in history {
            let request = ListRequest {
                when: When::Exactly(*revision),
                selector: question.selector(),
                ..ListRequest::all(question.scope)
            };
            let last = *revision == history.last().unwrap().0;
            let listing = cache.list(request).await;
            if *revision >= compacted || last {
                assert_eq!(
                    names(&listing.unwrap().objects),
                    question.listed(state),
                    "at {revision}"
                );
            }
            let request = WatchRequest {
                selector: question.selector(),
                ..WatchRequest::since(question.scope, *revision)
            };
            let mut watch = cache.watch(request).await.unwrap();
            if *revision >= compacted {
                let want = question.events(history, *revision);
                assert_eq!(take(&mut watch, want.len()).await, want, "since {revision}");
            }
        }
    }
}

#[test]
fn lists_and_watches_agree_with_a_model_of_the_history() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let ran = runner.run(&(steps(), 1..8_usize), |(steps, window_events)| {
        runtime.block_on(async {
            let fixture = Fixture::new(Options {
                window_events,
                ..Options::default()
            })
            .await;
            let (history, compacted) = play(&fixture.cache, &steps).await;
            compare(&fixture.cache, &history, compacted).await;
        });
        Ok(())
    });
    ran.unwrap();
}
