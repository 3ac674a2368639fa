//! Calls about resource use.

use super::{Client, within};
use crate::error::{Call, Error};
use crate::v1;

impl Client {
    /// What one container uses. `None` where the runtime has nothing to say (it does not run).
    pub async fn container_stats(&self, id: &str) -> Result<Option<v1::ContainerStats>, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ContainerStatsRequest {
            container_id: id.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.container_stats(within(deadline, request));
        Ok(self
            .answer(Call::container("read the stats of", id), deadline, sent)
            .await?
            .stats)
    }

    /// What all containers that pass `filter` use.
    pub async fn list_container_stats(
        &self,
        filter: Option<v1::ContainerStatsFilter>,
    ) -> Result<Vec<v1::ContainerStats>, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ListContainerStatsRequest { filter };
        let mut service = self.runtime_service();
        let sent = service.list_container_stats(within(deadline, request));
        Ok(self
            .answer(Call::runtime("list container stats"), deadline, sent)
            .await?
            .stats)
    }

    /// What one sandbox uses as a whole.
    pub async fn pod_sandbox_stats(&self, id: &str) -> Result<v1::PodSandboxStats, Error> {
        let deadline = self.deadlines.usual;
        let call = Call::sandbox("read the stats of", id);
        let request = v1::PodSandboxStatsRequest {
            pod_sandbox_id: id.to_owned(),
        };
        let mut service = self.runtime_service();
        let sent = service.pod_sandbox_stats(within(deadline, request));
        let answer = self.answer(call.clone(), deadline, sent).await?;
        answer.stats.ok_or(Error::Incomplete {
            call,
            missing: "sandbox stats",
        })
    }

    /// What all sandboxes that pass `filter` use.
    pub async fn list_pod_sandbox_stats(
        &self,
        filter: Option<v1::PodSandboxStatsFilter>,
    ) -> Result<Vec<v1::PodSandboxStats>, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ListPodSandboxStatsRequest { filter };
        let mut service = self.runtime_service();
        let sent = service.list_pod_sandbox_stats(within(deadline, request));
        Ok(self
            .answer(Call::runtime("list sandbox stats"), deadline, sent)
            .await?
            .stats)
    }

    /// Names, help and label names of the metrics the runtime has.
    ///
    /// # Errors
    /// [`Error::Unimplemented`] from containerd before 2.2.
    pub async fn list_metric_descriptors(&self) -> Result<Vec<v1::MetricDescriptor>, Error> {
        let deadline = self.deadlines.usual;
        let mut service = self.runtime_service();
        let sent = service.list_metric_descriptors(within(deadline, v1::ListMetricDescriptorsRequest {}));
        Ok(self
            .answer(Call::runtime("list metric descriptors"), deadline, sent)
            .await?
            .descriptors)
    }

    /// Metrics of all sandboxes.
    ///
    /// # Errors
    /// [`Error::Unimplemented`] from containerd before 2.2.
    pub async fn list_pod_sandbox_metrics(&self) -> Result<Vec<v1::PodSandboxMetrics>, Error> {
        let deadline = self.deadlines.usual;
        let mut service = self.runtime_service();
        let sent = service.list_pod_sandbox_metrics(within(deadline, v1::ListPodSandboxMetricsRequest {}));
        Ok(self
            .answer(Call::runtime("list sandbox metrics"), deadline, sent)
            .await?
            .pod_metrics)
    }
}
