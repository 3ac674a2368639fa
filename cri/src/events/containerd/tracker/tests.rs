//! One test per transition; `c` is a container, `s` a sandbox.

use super::*;

const STOPPED: Change = Change::Stopped { exit_code: Some(3) };

fn happened(id: &str, change: Change) -> Input {
    let id = id.to_owned();
    Input::Happened(match change {
        Change::Created => Happening::Created { id },
        Change::Started => Happening::Started { id },
        Change::Stopped { exit_code } => Happening::Exited {
            id,
            exit_code: exit_code.unwrap_or_default(),
        },
        Change::Deleted => Happening::Deleted { id },
        Change::OutOfMemory => Happening::OutOfMemory { id },
    })
}

fn identity(id: &str) -> Option<Identity> {
    match id {
        "c" => Some(Identity {
            is_sandbox: false,
            pod_uid: Some("uid".into()),
        }),
        "s" => Some(Identity {
            is_sandbox: true,
            pod_uid: None,
        }),
        _ => None,
    }
}

fn identified(id: &str) -> Input {
    Input::Identified {
        id: id.to_owned(),
        identity: identity(id),
    }
}

fn confirmed(id: &str) -> Input {
    Input::Confirmed { id: id.to_owned() }
}

fn emits(id: &str, change: Change) -> Action {
    emit(id, &identity(id).unwrap(), change)
}

fn identify(id: &str) -> Action {
    Action::Identify { id: id.to_owned() }
}

fn confirm(id: &str) -> Action {
    Action::Confirm {
        id: id.to_owned(),
        is_sandbox: id == "s",
    }
}

/// Feeds inputs and compares the actions of each.
fn run(steps: Vec<(Input, Vec<Action>)>) -> Tracker {
    let mut tracker = Tracker::default();
    for (number, (input, expected)) in steps.into_iter().enumerate() {
        let text = format!("step {number}: {input:?}");
        assert_eq!(tracker.step(input), expected, "{text}");
    }
    tracker
}

#[test]
fn new_id_is_asked_for_once_and_its_events_follow_in_order() {
    run(vec![
        (happened("c", Change::Created), vec![identify("c")]),
        (happened("c", Change::Started), vec![]),
        (
            identified("c"),
            vec![emits("c", Change::Created), emits("c", Change::Started)],
        ),
        (
            happened("c", Change::OutOfMemory),
            vec![emits("c", Change::OutOfMemory)],
        ),
    ]);
}

#[test]
fn end_is_held_back_until_it_is_confirmed() {
    run(vec![
        (happened("s", Change::Started), vec![identify("s")]),
        (identified("s"), vec![emits("s", Change::Started)]),
        (happened("s", STOPPED), vec![confirm("s")]),
        (confirmed("s"), vec![emits("s", STOPPED)]),
        (confirmed("s"), vec![]),
    ]);
}

#[test]
fn end_that_came_before_the_identity_is_confirmed_too() {
    run(vec![
        (happened("c", STOPPED), vec![identify("c")]),
        (identified("c"), vec![confirm("c")]),
        (confirmed("c"), vec![emits("c", STOPPED)]),
    ]);
}

#[test]
fn event_behind_an_unconfirmed_end_waits() {
    run(vec![
        (happened("c", Change::Created), vec![identify("c")]),
        (identified("c"), vec![emits("c", Change::Created)]),
        (happened("c", STOPPED), vec![confirm("c")]),
        (happened("c", Change::OutOfMemory), vec![]),
        (
            confirmed("c"),
            vec![emits("c", STOPPED), emits("c", Change::OutOfMemory)],
        ),
    ]);
}

#[test]
fn deletion_lets_an_unconfirmed_end_go_and_forgets_the_id() {
    let tracker = run(vec![
        (happened("c", Change::Created), vec![identify("c")]),
        (identified("c"), vec![emits("c", Change::Created)]),
        (happened("c", STOPPED), vec![confirm("c")]),
        (
            happened("c", Change::Deleted),
            vec![emits("c", STOPPED), emits("c", Change::Deleted)],
        ),
        (confirmed("c"), vec![]),
    ]);
    assert!(tracker.known.is_empty());
}

#[test]
fn id_of_somebody_else_is_asked_for_once_and_ignored() {
    let tracker = run(vec![
        (happened("x", Change::Started), vec![identify("x")]),
        (identified("x"), vec![]),
        (happened("x", STOPPED), vec![]),
        (happened("x", Change::Deleted), vec![]),
    ]);
    assert!(tracker.known.is_empty());
}

#[test]
fn deletion_of_an_id_never_seen_is_nobodys_event() {
    run(vec![(happened("c", Change::Deleted), vec![])]);
}

#[test]
fn listed_id_is_known_without_asking() {
    let mut tracker = Tracker::default();
    tracker.seed("s".to_owned(), identity("s").unwrap());
    assert_eq!(
        tracker.step(happened("s", Change::Deleted)),
        vec![emits("s", Change::Deleted)]
    );
    assert!(tracker.known.is_empty());
}
