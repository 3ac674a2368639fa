//! What the runtime shows: adoption, lists, exits, and objects that nobody expected.

use super::*;

fn listing(sandboxes: &[(&str, bool)], containers: &[(&str, ListedState)]) -> Event {
    Event::Listed(Listing {
        sandboxes: sandboxes
            .iter()
            .map(|(id, ready)| ((*id).to_owned(), *ready))
            .collect(),
        containers: containers
            .iter()
            .map(|(id, state)| ((*id).to_owned(), *state))
            .collect(),
    })
}

#[test]
fn list_that_agrees_changes_nothing_and_one_that_differs_is_looked_into() {
    use ListedState::{Exited, Running};
    let cases: [(&str, Event, bool); 6] = [
        ("same", listing(&[("s0", true)], &[("c0", Running)]), true),
        (
            "container ended",
            listing(&[("s0", true)], &[("c0", Exited)]),
            false,
        ),
        ("container gone", listing(&[("s0", true)], &[]), false),
        (
            "sandbox dead",
            listing(&[("s0", false)], &[("c0", Running)]),
            false,
        ),
        ("sandbox gone", listing(&[], &[("c0", Running)]), false),
        (
            "another container",
            listing(&[("s0", true)], &[("c0", Running), ("x", Running)]),
            false,
        ),
    ];
    for (case, event, agrees) in cases {
        let expected: &[&str] = if agrees { &[] } else { &["look"] };
        assert_eq!(Machine::running().step(event), expected, "{case}");
    }
}

#[test]
fn adoption_keeps_what_runs() {
    let mut machine = Machine::adopted(serde_json::json!({}));
    machine.step(Event::Wake);
    let seen = looked(
        vec![sandbox("s0", 0, true)],
        vec![
            container("c2", 2, SeenState::Running(moment(0))),
            container("c1", 1, exit("c1", 9, 0)),
        ],
    );
    assert_eq!(machine.step(seen), [""; 0]);
    let container = &machine.state().containers[0];
    assert_eq!(container.restart_count(), 2);
    assert_eq!(container.last.as_ref().map(|l| l.code), Some(9));
}

#[test]
fn of_two_ready_sandboxes_the_newer_is_used_and_the_other_ended() {
    let mut machine = Machine::adopted(serde_json::json!({}));
    machine.step(Event::Wake);
    let seen = looked(vec![sandbox("s0", 0, true), sandbox("s1", 1, true)], Vec::new());
    assert_eq!(machine.step(seen), ["check image of c", "stop sandbox s0"]);
    machine.done(Completion::SandboxStopped {
        id: "s0".into(),
        result: Ok(()),
    });
    assert_eq!(machine.state().sandboxes[1].phase, SandboxPhase::Removing);
}

#[test]
fn container_of_no_name_in_the_spec_is_stopped_and_removed() {
    let mut machine = Machine::adopted(serde_json::json!({}));
    machine.step(Event::Wake);
    let stranger = |state| SeenContainer {
        name: "x".into(),
        ..container("x0", 0, state)
    };
    let mine = || container("c0", 0, SeenState::Running(moment(0)));
    let sandboxes = || vec![sandbox("s0", 0, true)];
    let seen = looked(sandboxes(), vec![mine(), stranger(SeenState::Running(moment(0)))]);
    assert_eq!(machine.step(seen), ["stop x0 in 7 s"]);
    machine.done(Completion::ContainerStopped {
        id: "x0".into(),
        result: Ok(None),
    });
    assert_eq!(machine.wake().1, ["look"]);
    let seen = looked(sandboxes(), vec![mine(), stranger(exit("x0", 0, 0))]);
    assert_eq!(machine.step(seen), ["remove x0"]);
}

#[test]
fn older_ended_containers_are_removed_but_for_one() {
    let mut machine = Machine::adopted(serde_json::json!({}));
    machine.step(Event::Wake);
    let old = |id: &str, attempt| container(id, attempt, exit(id, 1, 0));
    let seen = looked(
        vec![sandbox("s0", 0, true)],
        vec![
            old("c0", 0),
            container("c3", 3, SeenState::Running(moment(0))),
            old("c2", 2),
            old("c1", 1),
        ],
    );
    assert_eq!(machine.step(seen), ["remove c1", "remove c0"]);
}

#[test]
fn container_whose_state_the_runtime_lost_counts_as_killed() {
    let mut machine = Machine::running();
    let result = Ok(Some(container("c0", 0, SeenState::Unknown)));
    machine.step(Event::Inspected {
        id: "c0".into(),
        result,
    });
    let last = machine.state().containers[0].last.clone().expect("an end");
    assert_eq!((last.code, last.reason.as_str()), (137, "ContainerStatusUnknown"));
}

#[test]
fn event_of_an_unknown_id_means_nothing() {
    let mut machine = Machine::running();
    let event = Event::Runtime {
        id: "other".into(),
        what: RuntimeChange::Exited,
    };
    assert_eq!(machine.step(event), [""; 0]);
}

#[test]
fn container_removed_by_somebody_else_is_looked_into() {
    let mut machine = Machine::running();
    let event = Event::Runtime {
        id: "c0".into(),
        what: RuntimeChange::Deleted,
    };
    assert_eq!(machine.step(event), ["look"]);
    assert_eq!(
        machine.step(looked(vec![sandbox("s0", 0, true)], Vec::new())),
        ["check image of c"]
    );
}

#[test]
fn dead_sandbox_ends_its_containers_then_is_replaced() {
    let mut machine = Machine::running();
    let event = Event::Runtime {
        id: "s0".into(),
        what: RuntimeChange::Exited,
    };
    assert_eq!(machine.step(event), ["stop c0 in 7 s"]);
    let result = Ok(Some(container("c0", 0, exit("c0", 137, 0))));
    assert_eq!(
        machine.done(Completion::ContainerStopped {
            id: "c0".into(),
            result
        }),
        ["stop sandbox s0"]
    );
    assert_eq!(
        machine.done(Completion::SandboxStopped {
            id: "s0".into(),
            result: Ok(())
        }),
        ["run sandbox 1"]
    );
    let result = Ok(sandbox("s1", 1, true));
    assert_eq!(
        machine.done(Completion::SandboxRun { result }),
        ["check image of c"]
    );
}

#[test]
fn changed_image_restarts_the_container() {
    let mut machine = Machine::adopted(serde_json::json!({}));
    machine.step(Event::Wake);
    let mut seen = container("c0", 0, SeenState::Running(moment(0)));
    seen.made.hash = Some(machine.state().containers[0].hash);
    assert_eq!(
        machine.step(looked(vec![sandbox("s0", 0, true)], vec![seen])),
        [""; 0]
    );
    let changed = pod(serde_json::json!({"containers": [{"name": "c", "image": "i:2"}]}));
    assert_eq!(
        machine.step(Event::Desired(Arc::new(changed))),
        ["stop c0 in 7 s"]
    );
    let result = Ok(Some(container("c0", 0, exit("c0", 0, 0))));
    let next = machine.done(Completion::ContainerStopped {
        id: "c0".into(),
        result,
    });
    assert_eq!(next, ["check image of c"]);
}

#[test]
fn late_answers_of_another_time_change_nothing() {
    let late = [
        Completion::ImageChecked {
            container: "c".into(),
            result: Ok(None),
        },
        Completion::ImagePulled {
            container: "c".into(),
            result: Err("x".into()),
        },
        Completion::SandboxRun {
            result: Err(OpError::Runtime("x".into())),
        },
        Completion::ContainerCreated {
            container: "c".into(),
            result: Err(OpError::Runtime("x".into())),
        },
        Completion::ContainerStarted {
            container: "c".into(),
            result: Err(OpError::Runtime("x".into())),
        },
        Completion::ContainerStopped {
            id: "other".into(),
            result: Ok(None),
        },
        Completion::SandboxStopped {
            id: "other".into(),
            result: Ok(()),
        },
    ];
    for completion in late {
        let mut machine = Machine::running();
        let case = format!("{completion:?}");
        assert_eq!(machine.done(completion), [""; 0], "{case}");
        assert!(matches!(machine.phase(), Phase::Running(_)), "{case}");
        assert_eq!(machine.state().knowledge, Knowledge::Sure, "{case}");
    }
}

#[test]
fn events_of_a_removal_under_way_cause_no_look() {
    let mut machine = Machine::running();
    machine.step(Event::Delete { grace: None });
    let result = Ok(Some(container("c0", 0, exit("c0", 0, 1))));
    machine.done(Completion::ContainerStopped {
        id: "c0".into(),
        result,
    });
    machine.done(Completion::SandboxStopped {
        id: "s0".into(),
        result: Ok(()),
    });
    for id in ["c0", "s0"] {
        let event = Event::Runtime {
            id: id.into(),
            what: RuntimeChange::Deleted,
        };
        assert_eq!(machine.step(event), [""; 0]);
    }
    assert_eq!(
        machine.done(Completion::SandboxRemoved {
            id: "s0".into(),
            result: Ok(())
        }),
        ["clean up"]
    );
}
