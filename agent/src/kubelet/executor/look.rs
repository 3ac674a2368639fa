//! Reading what the runtime has of a pod.

use std::collections::HashMap;

use k8s_openapi::jiff::Timestamp;

use super::{Executor, Subject, message};
use crate::kubelet::criconfig::{HASH, POD_UID};
use crate::kubelet::worker::{Exit, Made, Observed, SeenContainer, SeenSandbox, SeenState, User};

impl Executor {
    /// Everything of one pod, with details.
    pub(super) async fn look(&self, subject: &Subject) -> Result<Observed, String> {
        let mine = HashMap::from([(POD_UID.to_owned(), subject.id.uid.to_string())]);
        let sandboxes = cri::v1::PodSandboxFilter {
            label_selector: mine.clone(),
            ..Default::default()
        };
        let containers = cri::v1::ContainerFilter {
            label_selector: mine,
            ..Default::default()
        };
        let account = &subject.account;
        let text = |error: cri::Error| super::error::words(&error);
        let sandboxes = account
            .call(self.client.list_pod_sandboxes(Some(sandboxes)))
            .await
            .map_err(text)?;
        let containers = account
            .call(self.client.list_containers(Some(containers)))
            .await
            .map_err(text)?;
        let mut observed = Observed::default();
        for sandbox in sandboxes {
            self.index.insert(&sandbox.id, &subject.id.uid);
            observed
                .sandboxes
                .extend(self.see_sandbox(subject, &sandbox.id).await.map_err(text)?);
        }
        for container in containers {
            self.index.insert(&container.id, &subject.id.uid);
            match account.call(self.client.container_status(&container.id)).await {
                Ok(status) => observed.containers.push(seen(status, container.pod_sandbox_id)),
                Err(cri::Error::NotFound { .. }) => {}
                Err(error) => return Err(text(error)),
            }
        }
        Ok(observed)
    }

    /// One sandbox; `None` when it is gone.
    pub(super) async fn see_sandbox(
        &self,
        subject: &Subject,
        id: &str,
    ) -> Result<Option<SeenSandbox>, cri::Error> {
        let status = match subject
            .account
            .call(self.client.pod_sandbox_status(id, false))
            .await
        {
            Ok(answer) => answer.status.unwrap_or_default(),
            Err(cri::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let network = status.network.unwrap_or_default();
        let more = network.additional_ips.into_iter().map(|ip| ip.ip);
        Ok(Some(SeenSandbox {
            id: id.to_owned(),
            attempt: status.metadata.map(|m| m.attempt).unwrap_or_default(),
            ready: status.state == i32::from(cri::v1::PodSandboxState::SandboxReady),
            created_at: moment(status.created_at),
            ips: std::iter::once(network.ip)
                .chain(more)
                .filter(|ip| !ip.is_empty())
                .collect(),
        }))
    }

    /// One container; `None` when it is gone.
    pub(super) async fn inspect(&self, subject: &Subject, id: &str) -> Result<Option<SeenContainer>, String> {
        match subject.account.call(self.client.container_status(id)).await {
            Ok(status) => Ok(Some(seen(status, String::new()))),
            Err(cri::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(super::error::words(&error)),
        }
    }
}

/// Nanoseconds since 1970, as the runtime counts.
fn moment(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A container's status as workers read it. The status does not name the sandbox; whoever listed it knows.
pub(super) fn seen(status: cri::v1::ContainerStatus, sandbox_id: String) -> SeenContainer {
    use cri::v1::ContainerState as State;
    let state = match State::try_from(status.state) {
        Ok(State::ContainerCreated) => SeenState::Created,
        Ok(State::ContainerRunning) => SeenState::Running(moment(status.started_at)),
        Ok(State::ContainerExited) => SeenState::Exited(exit(&status)),
        Ok(State::ContainerUnknown) | Err(_) => SeenState::Unknown,
    };
    let metadata = status.metadata.unwrap_or_default();
    let user = status.user.and_then(|u| u.linux).map(|u| User {
        uid: u.uid,
        gid: u.gid,
        groups: u.supplemental_groups,
    });
    SeenContainer {
        name: metadata.name,
        attempt: metadata.attempt,
        made: Made {
            id: status.id,
            sandbox_id,
            image: status.image.map(|i| i.image).unwrap_or_default(),
            image_id: status.image_ref,
            hash: status
                .annotations
                .get(HASH)
                .and_then(|h| u32::from_str_radix(h, 16).ok()),
            user,
        },
        state,
    }
}

fn exit(status: &cri::v1::ContainerStatus) -> Exit {
    let reason = match (status.reason.as_str(), status.exit_code) {
        ("", 0) => "Completed",
        ("", _) => "Error",
        (said, _) => said,
    };
    Exit {
        id: status.id.clone(),
        code: status.exit_code,
        reason: reason.to_owned(),
        message: message::last_words(status),
        started_at: (status.started_at != 0).then(|| moment(status.started_at)),
        finished_at: moment(status.finished_at),
    }
}
