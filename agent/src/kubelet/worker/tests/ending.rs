//! From any state to nothing, with every step failing.

use super::*;

const DELETE: Event = Event::Delete { grace: None };

#[test]
fn deletion_stops_container_sandbox_and_files_in_this_order() {
    let mut machine = Machine::running();
    let actions = machine.actions(DELETE);
    assert_eq!(reasons(&actions), ["Killing"]);
    assert_eq!(
        actions.iter().filter_map(spoken).collect::<Vec<_>>(),
        ["stop c0 in 7 s"]
    );
    let result = Ok(Some(container("c0", 0, exit("c0", 0, 1))));
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
        ["remove sandbox s0"]
    );
    assert_eq!(
        machine.done(Completion::SandboxRemoved {
            id: "s0".into(),
            result: Ok(())
        }),
        ["clean up"]
    );
    assert_eq!(machine.done(Completion::CleanedUp(Ok(()))), [""; 0]);
    assert_eq!(machine.state().lifecycle, Lifecycle::Gone);
}

#[test]
fn every_step_of_the_end_is_tried_again() {
    let mut machine = Machine::running();
    let no = || Err(OpError::Runtime("no".into()));
    machine.step(DELETE);
    assert_eq!(
        machine.done(Completion::ContainerStopped {
            id: "c0".into(),
            result: no().map(|()| None)
        }),
        [""; 0]
    );
    machine.seconds += 1;
    assert_eq!(
        machine.step(Event::Wake),
        ["stop c0 in 6 s"],
        "the grace goes on counting"
    );
    let result = Ok(Some(container("c0", 0, exit("c0", 137, 1))));
    machine.done(Completion::ContainerStopped {
        id: "c0".into(),
        result,
    });
    machine.done(Completion::SandboxStopped {
        id: "s0".into(),
        result: no(),
    });
    assert_eq!(machine.wake().1, ["stop sandbox s0"]);
    machine.done(Completion::SandboxStopped {
        id: "s0".into(),
        result: Ok(()),
    });
    machine.done(Completion::SandboxRemoved {
        id: "s0".into(),
        result: no(),
    });
    assert_eq!(machine.wake().1, ["remove sandbox s0"]);
    machine.done(Completion::SandboxRemoved {
        id: "s0".into(),
        result: Ok(()),
    });
    machine.done(Completion::CleanedUp(Err("busy".into())));
    assert_eq!(machine.wake().1, ["clean up"]);
}

#[test]
fn deletion_waits_for_a_sandbox_that_is_being_made_and_ends_it() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    assert_eq!(machine.step(DELETE), [""; 0]);
    assert_eq!(machine.sandbox_runs(), ["stop sandbox s0"]);
}

#[test]
fn deletion_waits_for_a_container_that_is_being_started_and_stops_it() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.sandbox_runs();
    machine.image_is_there();
    machine.done(Completion::ContainerCreated {
        container: "c".into(),
        result: Ok(made("c0", "s0")),
    });
    assert_eq!(machine.step(DELETE), [""; 0]);
    assert_eq!(
        machine.done(started("c0", SeenState::Running(moment(0)))),
        ["stop c0 in 7 s"]
    );
}

#[test]
fn deletion_gives_a_pull_up() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.sandbox_runs();
    machine.done(Completion::ImageChecked {
        container: "c".into(),
        result: Ok(None),
    });
    assert_eq!(machine.step(DELETE), ["cancel pull for c", "stop sandbox s0"]);
}

#[test]
fn deletion_of_a_pod_that_never_began_only_cleans_up() {
    let mut machine = Machine::adopted(serde_json::json!({}));
    assert_eq!(machine.step(DELETE), ["look"]);
    assert_eq!(machine.step(looked(Vec::new(), Vec::new())), ["clean up"]);
}

#[test]
fn second_deletion_may_only_shorten_the_grace_and_changes_nothing_else() {
    let mut machine = Machine::running();
    machine.step(DELETE);
    let before = machine.state().lifecycle.clone();
    assert_eq!(
        machine.step(Event::Delete {
            grace: Some(Duration::from_secs(100))
        }),
        [""; 0]
    );
    assert_eq!(machine.state().lifecycle, before);
}

#[test]
fn container_gets_two_seconds_even_without_grace() {
    let mut machine = Machine::running();
    assert_eq!(
        machine.step(Event::Delete {
            grace: Some(Duration::ZERO)
        }),
        ["stop c0 in 2 s"]
    );
}

#[test]
fn deadline_ends_the_pod_once_and_says_so() {
    let mut machine = Machine::running();
    let changed = Arc::new(pod(serde_json::json!({"activeDeadlineSeconds": 60})));
    machine.step(Event::Desired(changed));
    machine.seconds = 59;
    assert_eq!(
        machine.state().wake_at(at(59)),
        Some(Mono(Duration::from_secs(60)))
    );
    machine.seconds = 60;
    let actions = machine.actions(Event::Wake);
    assert_eq!(reasons(&actions), ["DeadlineExceeded", "Killing"]);
    let result = Ok(Some(container("c0", 0, exit("c0", 137, 61))));
    assert_eq!(
        machine.done(Completion::ContainerStopped {
            id: "c0".into(),
            result
        }),
        ["stop sandbox s0"]
    );
    machine.done(Completion::SandboxStopped {
        id: "s0".into(),
        result: Ok(()),
    });
    assert_eq!(
        machine.state().lifecycle,
        Lifecycle::Done {
            why: EndReason::DeadlineExceeded
        }
    );
    assert_eq!(
        machine.step(DELETE),
        ["remove sandbox s0"],
        "a pod that has ended is removed without another stop"
    );
}
