//! Calls about pod sandboxes.

use super::{Client, pod_name, within};
use crate::error::{Call, Error, Object};
use crate::v1;

impl Client {
    /// Creates and starts a sandbox; answers its id. `handler` is the RuntimeClass's handler, empty for the
    /// runtime's default.
    ///
    /// # Errors
    /// [`Error::NameReserved`] if a sandbox with the same namespace, name, uid and attempt is there or being
    /// created: its holder is to be adopted or removed.
    pub async fn run_pod_sandbox(
        &self,
        config: v1::PodSandboxConfig,
        handler: &str,
    ) -> Result<String, Error> {
        let deadline = self.deadlines.run_sandbox;
        let call = Call {
            operation: "run",
            object: Object::Pod(pod_name(&config).into()),
        };
        let request = v1::RunPodSandboxRequest {
            config: Some(config),
            runtime_handler: handler.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.run_pod_sandbox(within(deadline, request));
        let answer = self.answer(call.clone(), deadline, sent).await?;
        if answer.pod_sandbox_id.is_empty() {
            return Err(Error::Incomplete {
                call,
                missing: "sandbox id",
            });
        }
        Ok(answer.pod_sandbox_id)
    }

    /// Stops all containers of a sandbox and gives its network back. May be repeated.
    ///
    /// # Errors
    /// [`Error::NotFound`] from some runtimes (containerd 1.6) for a sandbox that is gone: it is done.
    pub async fn stop_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        let deadline = self.deadlines.stop_sandbox;
        let request = v1::StopPodSandboxRequest {
            pod_sandbox_id: id.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.stop_pod_sandbox(within(deadline, request));
        self.answer(Call::sandbox("stop", id), deadline, sent).await?;
        Ok(())
    }

    /// Removes a sandbox with its containers. May be repeated.
    pub async fn remove_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        let deadline = self.deadlines.usual;
        let request = v1::RemovePodSandboxRequest {
            pod_sandbox_id: id.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.remove_pod_sandbox(within(deadline, request));
        self.answer(Call::sandbox("remove", id), deadline, sent).await?;
        Ok(())
    }

    /// The status of a sandbox; `verbose` also fills the free-form info.
    pub async fn pod_sandbox_status(
        &self,
        id: &str,
        verbose: bool,
    ) -> Result<v1::PodSandboxStatusResponse, Error> {
        let deadline = self.deadlines.usual;
        let call = Call::sandbox("read the status of", id);
        let request = v1::PodSandboxStatusRequest {
            pod_sandbox_id: id.to_owned(),
            verbose,
        };
        let mut service = self.runtime_service();
        let sent = service.pod_sandbox_status(within(deadline, request));
        let answer = self.answer(call.clone(), deadline, sent).await?;
        if answer.status.is_none() {
            return Err(Error::Incomplete {
                call,
                missing: "sandbox status",
            });
        }
        Ok(answer)
    }

    /// All sandboxes that pass `filter`; `None` for all there are.
    pub async fn list_pod_sandboxes(
        &self,
        filter: Option<v1::PodSandboxFilter>,
    ) -> Result<Vec<v1::PodSandbox>, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ListPodSandboxRequest { filter };
        let mut service = self.runtime_service();
        let sent = service.list_pod_sandbox(within(deadline, request));
        Ok(self
            .answer(Call::runtime("list sandboxes"), deadline, sent)
            .await?
            .items)
    }

    /// Changes the limits of a running sandbox as a whole.
    ///
    /// # Errors
    /// [`Error::Unimplemented`] from runtimes older than containerd 2.1.
    pub async fn update_pod_sandbox_resources(
        &self,
        id: &str,
        overhead: v1::LinuxContainerResources,
        resources: v1::LinuxContainerResources,
    ) -> Result<(), Error> {
        let deadline = self.deadlines.usual;
        let request = v1::UpdatePodSandboxResourcesRequest {
            pod_sandbox_id: id.to_owned(),
            overhead: Some(overhead),
            resources: Some(resources),
        };
        let mut service = self.runtime_service();
        let sent = service.update_pod_sandbox_resources(within(deadline, request));
        self.answer(Call::sandbox("change the resources of", id), deadline, sent)
            .await?;
        Ok(())
    }
}
