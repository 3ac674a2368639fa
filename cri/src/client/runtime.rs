//! Calls about the runtime itself.

use super::{Client, within};
use crate::error::{Call, Error};
use crate::v1;

impl Client {
    /// Name and versions of the runtime.
    pub async fn version(&self) -> Result<v1::VersionResponse, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::VersionRequest {
            version: "v1".to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.version(within(deadline, request));
        self.answer(Call::runtime("read the runtime's version"), deadline, sent)
            .await
    }

    /// Conditions, handlers and features; `verbose` also fills the free-form info.
    pub async fn status(&self, verbose: bool) -> Result<v1::StatusResponse, Error> {
        let deadline = self.deadlines.usual;
        let mut service = self.runtime_service();
        let sent = service.status(within(deadline, v1::StatusRequest { verbose }));
        self.answer(Call::runtime("read the runtime's status"), deadline, sent)
            .await
    }

    /// What the runtime wants the kubelet to agree with: the cgroup driver.
    ///
    /// # Errors
    /// [`Error::Unimplemented`] from containerd before 2.0.
    pub async fn runtime_config(&self) -> Result<v1::RuntimeConfigResponse, Error> {
        let deadline = self.deadlines.usual;
        let mut service = self.runtime_service();
        let sent = service.runtime_config(within(deadline, v1::RuntimeConfigRequest {}));
        self.answer(Call::runtime("read the runtime's configuration"), deadline, sent)
            .await
    }

    /// Tells the runtime the node's pod CIDR (one, or one per family with a comma between).
    pub async fn update_runtime_config(&self, pod_cidr: &str) -> Result<(), Error> {
        let deadline = self.deadlines.usual;
        let network_config = Some(v1::NetworkConfig {
            pod_cidr: pod_cidr.to_owned(),
        });
        let request = v1::UpdateRuntimeConfigRequest {
            runtime_config: Some(v1::RuntimeConfig { network_config }),
        };
        let mut service = self.runtime_service();
        let sent = service.update_runtime_config(within(deadline, request));
        self.answer(Call::runtime("tell the runtime the pod CIDR"), deadline, sent)
            .await?;
        Ok(())
    }
}
