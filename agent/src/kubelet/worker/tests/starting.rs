//! From nothing to a running container, with every step failing.

use super::*;

fn failed(text: &str) -> OpError {
    OpError::Runtime(text.into())
}

#[test]
fn volume_that_cannot_be_prepared_is_tried_again_with_growing_waits_and_without_a_look() {
    let mut machine = Machine::new(serde_json::json!({}));
    assert_eq!(machine.step(Event::Wake), ["run sandbox 0"]);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let error = OpError::Setup("MountVolume.SetUp failed".into());
        let actions = machine.actions(Event::Done(Completion::SandboxRun { result: Err(error) }));
        assert_eq!(reasons(&actions), ["!FailedMount"]);
        let (waited, next) = machine.wake();
        assert_eq!(next, ["run sandbox 0"]);
        waits.push(waited);
    }
    assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
}

#[test]
fn sandbox_whose_outcome_is_unknown_is_looked_for_before_the_next_try() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    let result = Err(failed("connection lost"));
    assert_eq!(machine.done(Completion::SandboxRun { result }), ["look"]);
    assert_eq!(
        machine.step(Event::Wake),
        [""; 0],
        "nothing is begun during a look"
    );
    assert_eq!(
        machine.step(looked(vec![sandbox("s0", 0, true)], Vec::new())),
        ["check image of c"]
    );
}

#[test]
fn half_made_sandbox_is_stopped_before_the_next_attempt() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.done(Completion::SandboxRun {
        result: Err(failed("no")),
    });
    assert_eq!(
        machine.step(looked(vec![sandbox("s0", 0, false)], Vec::new())),
        ["stop sandbox s0"]
    );
    assert_eq!(
        machine.done(Completion::SandboxStopped {
            id: "s0".into(),
            result: Ok(())
        }),
        [""; 0]
    );
    assert_eq!(machine.wake(), (1, vec!["run sandbox 1".into()]));
}

#[test]
fn look_that_fails_is_repeated_with_growing_waits() {
    let mut machine = Machine::adopted(serde_json::json!({}));
    assert_eq!(machine.step(Event::Wake), ["look"]);
    for expected in [1, 2, 4, 8, 10] {
        assert_eq!(machine.step(Event::Looked(Err("away".into()))), [""; 0]);
        assert_eq!(machine.wake(), (expected, vec!["look".into()]));
    }
}

#[test]
fn image_errors_block_with_their_reason_until_their_time() {
    let cases = [
        ("Never", Ok(None), "ErrImageNeverPull"),
        (
            "IfNotPresent",
            Err("broken store".to_owned()),
            "ImageInspectError",
        ),
    ];
    for (policy, result, reason) in cases {
        let containers =
            serde_json::json!({"containers": [{"name": "c", "image": "i:1", "imagePullPolicy": policy}]});
        let mut machine = Machine::new(containers);
        machine.step(Event::Wake);
        assert_eq!(machine.sandbox_runs(), ["check image of c"]);
        let actions = machine.actions(Event::Done(Completion::ImageChecked {
            container: "c".into(),
            result,
        }));
        assert_eq!(reasons(&actions).len(), 2);
        assert!(matches!(machine.phase(), Phase::Blocked { waiting, .. } if waiting.reason == reason));
        assert_eq!(machine.wake(), (10, vec!["check image of c".into()]));
    }
}

#[test]
fn image_policy_decides_whether_to_pull() {
    let there = || Ok(Some(image()));
    let cases = [
        ("Always", there(), "pull for c"),
        ("Always", Ok(None), "pull for c"),
        ("IfNotPresent", Ok(None), "pull for c"),
        ("IfNotPresent", there(), "create c 0 in s0"),
        ("Never", there(), "create c 0 in s0"),
    ];
    for (policy, result, next) in cases {
        let containers =
            serde_json::json!({"containers": [{"name": "c", "image": "i:1", "imagePullPolicy": policy}]});
        let mut machine = Machine::new(containers);
        machine.step(Event::Wake);
        machine.sandbox_runs();
        assert_eq!(
            machine.done(Completion::ImageChecked {
                container: "c".into(),
                result
            }),
            [next],
            "{policy}"
        );
    }
}

#[test]
fn failed_pull_is_shown_as_such_and_then_as_back_off() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.sandbox_runs();
    assert_eq!(
        machine.done(Completion::ImageChecked {
            container: "c".into(),
            result: Ok(None)
        }),
        ["pull for c"]
    );
    let pulled = Event::Done(Completion::ImagePulled {
        container: "c".into(),
        result: Err("no such host".into()),
    });
    assert_eq!(reasons(&machine.actions(pulled)), ["!Failed", "!Failed"]);
    assert!(matches!(machine.phase(), Phase::PullFailed { .. }));
    assert_eq!(machine.wake(), (2, Vec::new()));
    assert!(
        matches!(machine.phase(), Phase::Blocked { waiting, .. } if waiting.reason == "ImagePullBackOff")
    );
    assert_eq!(machine.wake(), (8, vec!["check image of c".into()]));
}

#[test]
fn configuration_that_cannot_be_made_blocks_until_the_spec_changes_or_ten_seconds_pass() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.sandbox_runs();
    assert_eq!(machine.image_is_there(), ["create c 0 in s0"]);
    let result = Err(OpError::Config("secret \"s\" not found".into()));
    assert_eq!(
        machine.done(Completion::ContainerCreated {
            container: "c".into(),
            result
        }),
        [""; 0]
    );
    assert!(
        matches!(machine.phase(), Phase::Blocked { waiting, .. } if waiting.reason == "CreateContainerConfigError")
    );
    let changed = Arc::new(pod(serde_json::json!({"activeDeadlineSeconds": 1000})));
    assert_eq!(machine.step(Event::Desired(changed)), ["check image of c"]);
}

#[test]
fn reserved_name_is_looked_for_and_given_up_after_three_tries() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.sandbox_runs();
    for attempt in [0, 0, 0, 1] {
        assert_eq!(machine.image_is_there(), [format!("create c {attempt} in s0")]);
        let result = Err(OpError::Reserved("name is reserved".into()));
        assert_eq!(
            machine.done(Completion::ContainerCreated {
                container: "c".into(),
                result
            }),
            ["look"]
        );
        assert_eq!(
            machine.step(looked(vec![sandbox("s0", 0, true)], Vec::new())),
            [""; 0]
        );
        assert_eq!(machine.wake().1, ["check image of c"]);
    }
}

#[test]
fn container_that_was_made_although_the_call_failed_is_started() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.sandbox_runs();
    machine.image_is_there();
    machine.done(Completion::ContainerCreated {
        container: "c".into(),
        result: Err(failed("lost")),
    });
    let seen = looked(
        vec![sandbox("s0", 0, true)],
        vec![container("c0", 0, SeenState::Created)],
    );
    assert_eq!(machine.step(seen), ["start c0"]);
}

#[test]
fn start_that_fails_is_looked_into_and_restarted_as_a_crash() {
    let mut machine = Machine::new(serde_json::json!({}));
    machine.step(Event::Wake);
    machine.sandbox_runs();
    machine.image_is_there();
    machine.done(Completion::ContainerCreated {
        container: "c".into(),
        result: Ok(made("c0", "s0")),
    });
    let result = Err(failed("exec: no such file"));
    assert_eq!(
        machine.done(Completion::ContainerStarted {
            container: "c".into(),
            result
        }),
        [""; 0]
    );
    assert_eq!(machine.wake(), (1, vec!["look".into()]));
    let seen = looked(
        vec![sandbox("s0", 0, true)],
        vec![container("c0", 0, exit("c0", 128, 0))],
    );
    assert_eq!(
        machine.step(seen),
        ["check image of c"],
        "the first restart is immediate"
    );
    assert_eq!(machine.image_is_there(), ["create c 1 in s0"]);
}

#[test]
fn regular_container_waits_for_every_init_container() {
    let mut machine = Machine::new(serde_json::json!({"initContainers": [{"name": "i", "image": "i:1"}]}));
    machine.step(Event::Wake);
    assert_eq!(machine.sandbox_runs(), ["check image of i"]);
    machine.done(Completion::ImageChecked {
        container: "i".into(),
        result: Ok(Some(image())),
    });
    machine.done(Completion::ContainerCreated {
        container: "i".into(),
        result: Ok(made("i0", "s0")),
    });
    let seen = |state| SeenContainer {
        name: "i".into(),
        ..container("i0", 0, state)
    };
    let result = Ok(seen(SeenState::Running(moment(0))));
    assert_eq!(
        machine.done(Completion::ContainerStarted {
            container: "i".into(),
            result
        }),
        [""; 0]
    );
    let exited = Event::Runtime {
        id: "i0".into(),
        what: RuntimeChange::Exited,
    };
    assert_eq!(machine.step(exited), ["inspect i0"]);
    let result = Ok(Some(seen(exit("i0", 0, 0))));
    assert_eq!(
        machine.step(Event::Inspected {
            id: "i0".into(),
            result
        }),
        ["check image of c"]
    );
}
