//! Calls about containers, but for what runs inside them.

use super::{Client, within};
use crate::error::{Call, Error, Object};
use crate::v1;
use std::time::Duration;

impl Client {
    /// Creates a container in a sandbox; answers its id. `pod` is the configuration the sandbox was run with.
    ///
    /// # Errors
    /// [`Error::NameReserved`] if the sandbox has a container with the same name and attempt;
    /// [`Error::NotFound`] if the sandbox or the image is not there (the source says which).
    pub async fn create_container(
        &self,
        sandbox: &str,
        config: v1::ContainerConfig,
        pod: v1::PodSandboxConfig,
    ) -> Result<String, Error> {
        let deadline = self.deadlines.usual;
        let name = config.metadata.as_ref().map_or("", |metadata| &metadata.name);
        let object = Object::NewContainer {
            name: name.into(),
            sandbox: sandbox.into(),
        };
        let call = Call {
            operation: "create",
            object,
        };
        let request = v1::CreateContainerRequest {
            pod_sandbox_id: sandbox.to_owned(),
            config: Some(config),
            sandbox_config: Some(pod),
        };
        let mut service = self.runtime_service();
        let sent = service.create_container(within(deadline, request));
        let answer = self.answer(call.clone(), deadline, sent).await?;
        if answer.container_id.is_empty() {
            return Err(Error::Incomplete {
                call,
                missing: "container id",
            });
        }
        Ok(answer.container_id)
    }

    /// Starts a created container.
    pub async fn start_container(&self, id: &str) -> Result<(), Error> {
        let deadline = self.deadlines.start_container;
        let request = v1::StartContainerRequest {
            container_id: id.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.start_container(within(deadline, request));
        self.answer(Call::container("start", id), deadline, sent).await?;
        Ok(())
    }

    /// Sends the stop signal, waits up to `grace` (whole seconds; rounded up), then kills. May be repeated.
    ///
    /// # Errors
    /// [`Error::NotFound`] from some runtimes (containerd 1.6) for a container that is gone: it is done.
    pub async fn stop_container(&self, id: &str, grace: Duration) -> Result<(), Error> {
        let deadline = grace + self.deadlines.beyond_grace;
        let request = v1::StopContainerRequest {
            container_id: id.to_owned(),
            timeout: whole_seconds(grace),
        };
        let mut service = self.runtime_service();
        let sent = service.stop_container(within(deadline, request));
        self.answer(Call::container("stop", id), deadline, sent).await?;
        Ok(())
    }

    /// Removes a container, by force if it runs. May be repeated.
    pub async fn remove_container(&self, id: &str) -> Result<(), Error> {
        let deadline = self.deadlines.usual;
        let request = v1::RemoveContainerRequest {
            container_id: id.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.remove_container(within(deadline, request));
        self.answer(Call::container("remove", id), deadline, sent).await?;
        Ok(())
    }

    /// All containers that pass `filter`; `None` for all there are.
    pub async fn list_containers(
        &self,
        filter: Option<v1::ContainerFilter>,
    ) -> Result<Vec<v1::Container>, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ListContainersRequest { filter };
        let mut service = self.runtime_service();
        let sent = service.list_containers(within(deadline, request));
        Ok(self
            .answer(Call::runtime("list containers"), deadline, sent)
            .await?
            .containers)
    }

    /// The status of a container.
    pub async fn container_status(&self, id: &str) -> Result<v1::ContainerStatus, Error> {
        let call = Call::container("read the status of", id);
        let answer = self.container_status_response(&call, id, false).await?;
        answer.status.ok_or(Error::Incomplete {
            call,
            missing: "container status",
        })
    }

    /// The status of a container with the runtime's free-form info (for containerd: pid, OCI spec, …).
    pub async fn container_status_verbose(&self, id: &str) -> Result<v1::ContainerStatusResponse, Error> {
        let call = Call::container("read the status of", id);
        let answer = self.container_status_response(&call, id, true).await?;
        if answer.status.is_none() {
            return Err(Error::Incomplete {
                call,
                missing: "container status",
            });
        }
        Ok(answer)
    }

    async fn container_status_response(
        &self,
        call: &Call,
        id: &str,
        verbose: bool,
    ) -> Result<v1::ContainerStatusResponse, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose,
        };
        let mut service = self.runtime_service();
        let sent = service.container_status(within(deadline, request));
        self.answer(call.clone(), deadline, sent).await
    }

    /// Changes the limits of a container.
    pub async fn update_container_resources(
        &self,
        id: &str,
        linux: v1::LinuxContainerResources,
    ) -> Result<(), Error> {
        let deadline = self.deadlines.usual;
        let request = v1::UpdateContainerResourcesRequest {
            container_id: id.to_owned(),
            linux: Some(linux),
            ..Default::default()
        };
        let mut service = self.runtime_service();
        let sent = service.update_container_resources(within(deadline, request));
        self.answer(Call::container("change the resources of", id), deadline, sent)
            .await?;
        Ok(())
    }

    /// Makes the runtime open the container's log file anew, after it was renamed.
    pub async fn reopen_container_log(&self, id: &str) -> Result<(), Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ReopenContainerLogRequest {
            container_id: id.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.reopen_container_log(within(deadline, request));
        self.answer(Call::container("reopen the log of", id), deadline, sent)
            .await?;
        Ok(())
    }

    /// Writes a checkpoint of a running container to the archive `location`.
    ///
    /// # Errors
    /// [`Error::Unimplemented`] from runtimes without CRIU support.
    pub async fn checkpoint_container(
        &self,
        id: &str,
        location: &str,
        limit: Option<Duration>,
    ) -> Result<(), Error> {
        let deadline = limit.unwrap_or_default() + self.deadlines.beyond_grace;
        let request = v1::CheckpointContainerRequest {
            container_id: id.to_owned(),
            location: location.to_owned(),
            timeout: whole_seconds(limit.unwrap_or_default()),
        };
        let mut service = self.runtime_service();
        let sent = service.checkpoint_container(within(deadline, request));
        self.answer(Call::container("checkpoint", id), deadline, sent)
            .await?;
        Ok(())
    }
}

/// CRI counts in seconds; a fraction must not become zero, which means "at once" or "for ever".
pub(super) fn whole_seconds(duration: Duration) -> i64 {
    let rounded_up = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i64::try_from(rounded_up).unwrap_or(i64::MAX)
}
