//! Transitions of the pod worker, errors first. Whole lives are driven in `node::tests`.

mod ending;
mod observing;
mod starting;

use super::*;
use crate::kubelet::event::Severity;

/// A state with its clock: each step is asserted by its actions.
struct Machine {
    state: Option<PodState>,
    seconds: u64,
}

impl Machine {
    /// A pod with one container `c` and these additions to its spec, of which the runtime has nothing.
    fn new(spec: serde_json::Value) -> Self {
        let pod = pod(spec);
        let id = PodId::of(&pod).expect("an identity");
        Self {
            state: Some(PodState::new(Arc::new(pod), id, at(0))),
            seconds: 0,
        }
    }

    /// A pod that the runtime may have something of.
    fn adopted(spec: serde_json::Value) -> Self {
        let pod = pod(spec);
        let id = PodId::of(&pod).expect("an identity");
        Self {
            state: Some(PodState::adopt(Arc::new(pod), id, at(0))),
            seconds: 0,
        }
    }

    /// A pod whose container runs.
    fn running() -> Self {
        let mut machine = Self::new(serde_json::json!({}));
        machine.step(Event::Wake);
        machine.sandbox_runs();
        machine.image_is_there();
        machine.done(Completion::ContainerCreated {
            container: "c".into(),
            result: Ok(made("c0", "s0")),
        });
        machine.done(started("c0", SeenState::Running(moment(0))));
        assert!(matches!(machine.phase(), Phase::Running(_)));
        machine
    }

    fn state(&self) -> &PodState {
        self.state.as_ref().expect("a state")
    }

    fn phase(&self) -> &Phase {
        &self.state().containers.last().expect("a container").phase
    }

    /// Feeds an event and gives the actions in short, without the events for people.
    fn step(&mut self, event: Event) -> Vec<String> {
        self.actions(event).iter().filter_map(spoken).collect()
    }

    fn actions(&mut self, event: Event) -> Vec<Action> {
        let (state, actions) = step(self.state.take().expect("a state"), event, at(self.seconds));
        self.state = Some(state);
        actions
    }

    fn done(&mut self, completion: Completion) -> Vec<String> {
        self.step(Event::Done(completion))
    }

    /// Moves to the time that the state waits for, and wakes it there.
    fn wake(&mut self) -> (u64, Vec<String>) {
        let wake = self
            .state()
            .wake_at(at(self.seconds))
            .expect("a time to wait for");
        let waited = wake.0.as_secs() - self.seconds;
        self.seconds = wake.0.as_secs();
        (waited, self.step(Event::Wake))
    }

    fn sandbox_runs(&mut self) -> Vec<String> {
        self.done(Completion::SandboxRun {
            result: Ok(sandbox("s0", 0, true)),
        })
    }

    fn image_is_there(&mut self) -> Vec<String> {
        self.done(Completion::ImageChecked {
            container: "c".into(),
            result: Ok(Some(image())),
        })
    }
}

fn pod(spec: serde_json::Value) -> Pod {
    let mut object = serde_json::json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
        "spec": {"terminationGracePeriodSeconds": 7, "containers": [{"name": "c", "image": "i:1"}]}
    });
    if let (Some(into), serde_json::Value::Object(more)) = (object["spec"].as_object_mut(), spec) {
        into.extend(more);
    }
    serde_json::from_value(object).expect("a pod")
}

fn at(seconds: u64) -> Now {
    Now {
        mono: Mono(Duration::from_secs(seconds)),
        wall: moment(seconds),
    }
}

fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_second(1_000_000 + i64::try_from(seconds).expect("a time")).expect("a time")
}

fn image() -> Image {
    Image {
        id: "sha256:1".into(),
        user: ImageUser::Unset,
    }
}

fn made(id: &str, sandbox_id: &str) -> Made {
    Made {
        id: id.into(),
        sandbox_id: sandbox_id.into(),
        image: "i:1".into(),
        image_id: "sha256:1".into(),
        hash: None,
        user: None,
    }
}

fn sandbox(id: &str, attempt: u32, ready: bool) -> SeenSandbox {
    SeenSandbox {
        id: id.into(),
        attempt,
        ready,
        created_at: moment(0),
        ips: vec!["10.0.0.2".into()],
    }
}

fn container(id: &str, attempt: u32, state: SeenState) -> SeenContainer {
    SeenContainer {
        name: "c".into(),
        attempt,
        made: made(id, "s0"),
        state,
    }
}

fn exit(id: &str, code: i32, finished: u64) -> SeenState {
    SeenState::Exited(Exit {
        id: id.into(),
        code,
        reason: "Error".into(),
        message: String::new(),
        started_at: Some(moment(0)),
        finished_at: moment(finished),
    })
}

fn started(id: &str, state: SeenState) -> Completion {
    Completion::ContainerStarted {
        container: "c".into(),
        result: Ok(container(id, 0, state)),
    }
}

fn looked(sandboxes: Vec<SeenSandbox>, containers: Vec<SeenContainer>) -> Event {
    Event::Looked(Ok(Observed {
        sandboxes,
        containers,
    }))
}

/// An action in a few words; `None` for events.
fn spoken(action: &Action) -> Option<String> {
    Some(match action {
        Action::Look => "look".into(),
        Action::Inspect { id } => format!("inspect {id}"),
        Action::CheckImage { container } => format!("check image of {container}"),
        Action::PullImage { container } => format!("pull for {container}"),
        Action::CancelPull { container } => format!("cancel pull for {container}"),
        Action::RunSandbox { attempt } => format!("run sandbox {attempt}"),
        Action::CreateContainer(new) => format!("create {} {} in {}", new.name, new.attempt, new.sandbox_id),
        Action::StartContainer { id, .. } => format!("start {id}"),
        Action::StopContainer { id, grace, .. } => format!("stop {id} in {} s", grace.as_secs()),
        Action::RemoveContainer { id, .. } => format!("remove {id}"),
        Action::StopSandbox { id } => format!("stop sandbox {id}"),
        Action::RemoveSandbox { id } => format!("remove sandbox {id}"),
        Action::CleanUp => "clean up".into(),
        Action::Emit(_) => return None,
    })
}

/// Reasons of the events for people, warnings with an exclamation mark.
fn reasons(actions: &[Action]) -> Vec<String> {
    let of = |action: &Action| match action {
        Action::Emit(event) => {
            let mark = if event.severity == Severity::Warning {
                "!"
            } else {
                ""
            };
            Some(format!("{mark}{}", event.reason))
        }
        _ => None,
    };
    actions.iter().filter_map(of).collect()
}
