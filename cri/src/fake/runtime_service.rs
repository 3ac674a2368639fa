//! The runtime service.

use super::behaviour::Behaviour;
use super::containers::open_log;
use super::exec::run_command;
use super::handler::Handler;
use super::inspect::conditions;
use crate::v1;
use crate::v1::runtime_service_server::RuntimeService;
use futures_util::stream::BoxStream;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};

type Answer<A> = Result<Response<A>, Status>;

#[tonic::async_trait]
impl RuntimeService for Handler {
    async fn version(&self, _: Request<v1::VersionRequest>) -> Answer<v1::VersionResponse> {
        let work = async {
            Ok(v1::VersionResponse {
                version: "0.1.0".to_owned(),
                runtime_name: "fake".to_owned(),
                runtime_version: self.options().version.clone(),
                runtime_api_version: "v1".to_owned(),
            })
        };
        self.serve("Version", "", work).await
    }

    async fn status(&self, _: Request<v1::StatusRequest>) -> Answer<v1::StatusResponse> {
        let conditions = conditions(self.options().network_ready);
        let status = Some(v1::RuntimeStatus { conditions });
        self.serve("Status", "", async {
            Ok(v1::StatusResponse {
                status,
                ..Default::default()
            })
        })
        .await
    }

    async fn runtime_config(
        &self,
        _: Request<v1::RuntimeConfigRequest>,
    ) -> Answer<v1::RuntimeConfigResponse> {
        let linux = v1::LinuxRuntimeConfiguration {
            cgroup_driver: v1::CgroupDriver::Cgroupfs as i32,
        };
        self.serve("RuntimeConfig", "", async {
            Ok(v1::RuntimeConfigResponse { linux: Some(linux) })
        })
        .await
    }

    async fn update_runtime_config(
        &self,
        request: Request<v1::UpdateRuntimeConfigRequest>,
    ) -> Answer<v1::UpdateRuntimeConfigResponse> {
        let network = request
            .into_inner()
            .runtime_config
            .and_then(|config| config.network_config);
        let pod_cidr = network.unwrap_or_default().pod_cidr;
        let work = async {
            self.state().pod_cidr.clone_from(&pod_cidr);
            Ok(v1::UpdateRuntimeConfigResponse {})
        };
        self.serve("UpdateRuntimeConfig", &pod_cidr, work).await
    }

    async fn run_pod_sandbox(
        &self,
        request: Request<v1::RunPodSandboxRequest>,
    ) -> Answer<v1::RunPodSandboxResponse> {
        let request = request.into_inner();
        let config = request.config.unwrap_or_default();
        let about = config
            .metadata
            .as_ref()
            .map(|pod| format!("{}/{}", pod.namespace, pod.name));
        let work = async {
            let pod_sandbox_id = self
                .state()
                .add_sandbox(config, request.runtime_handler, self.now())?;
            Ok(v1::RunPodSandboxResponse { pod_sandbox_id })
        };
        self.serve("RunPodSandbox", &about.unwrap_or_default(), work)
            .await
    }

    async fn stop_pod_sandbox(
        &self,
        request: Request<v1::StopPodSandboxRequest>,
    ) -> Answer<v1::StopPodSandboxResponse> {
        let id = request.into_inner().pod_sandbox_id;
        let work = async {
            self.end_sandbox(&id);
            Ok(v1::StopPodSandboxResponse {})
        };
        self.serve("StopPodSandbox", &id, work).await
    }

    async fn remove_pod_sandbox(
        &self,
        request: Request<v1::RemovePodSandboxRequest>,
    ) -> Answer<v1::RemovePodSandboxResponse> {
        let id = request.into_inner().pod_sandbox_id;
        let work = async {
            self.end_sandbox(&id);
            let containers = self.state().containers_of(&id);
            containers.iter().for_each(|container| self.remove(container));
            self.state().remove_sandbox(&id, self.now());
            Ok(v1::RemovePodSandboxResponse {})
        };
        self.serve("RemovePodSandbox", &id, work).await
    }

    async fn pod_sandbox_status(
        &self,
        request: Request<v1::PodSandboxStatusRequest>,
    ) -> Answer<v1::PodSandboxStatusResponse> {
        let id = request.into_inner().pod_sandbox_id;
        let work = async {
            let state = self.state();
            let status = Some(state.sandbox(&id)?.status.clone());
            let containers = state
                .containers
                .values()
                .filter(|container| container.sandbox == id);
            let containers_statuses = containers.map(|container| container.status.clone()).collect();
            let timestamp = self.now();
            Ok(v1::PodSandboxStatusResponse {
                status,
                containers_statuses,
                timestamp,
                ..Default::default()
            })
        };
        self.serve("PodSandboxStatus", &id, work).await
    }

    async fn list_pod_sandbox(
        &self,
        request: Request<v1::ListPodSandboxRequest>,
    ) -> Answer<v1::ListPodSandboxResponse> {
        let filter = request.into_inner().filter;
        let work = async {
            Ok(v1::ListPodSandboxResponse {
                items: self.state().list_sandboxes(filter),
            })
        };
        self.serve("ListPodSandbox", "", work).await
    }

    async fn create_container(
        &self,
        request: Request<v1::CreateContainerRequest>,
    ) -> Answer<v1::CreateContainerResponse> {
        let request = request.into_inner();
        let config = request.config.unwrap_or_default();
        let about = config
            .metadata
            .as_ref()
            .map_or_else(String::new, |metadata| metadata.name.clone());
        let work = async {
            let container_id = self
                .state()
                .add_container(&request.pod_sandbox_id, config, self.now())?;
            Ok(v1::CreateContainerResponse { container_id })
        };
        self.serve("CreateContainer", &about, work).await
    }

    async fn start_container(
        &self,
        request: Request<v1::StartContainerRequest>,
    ) -> Answer<v1::StartContainerResponse> {
        let id = request.into_inner().container_id;
        let work = async { self.start(&id).map(|()| v1::StartContainerResponse {}) };
        self.serve("StartContainer", &id, work).await
    }

    async fn stop_container(
        &self,
        request: Request<v1::StopContainerRequest>,
    ) -> Answer<v1::StopContainerResponse> {
        let request = request.into_inner();
        let grace = Duration::from_secs(request.timeout.try_into().unwrap_or_default());
        let id = &request.container_id;
        let work = async { self.stop(id, grace).await.map(|()| v1::StopContainerResponse {}) };
        self.serve("StopContainer", id, work).await
    }

    async fn remove_container(
        &self,
        request: Request<v1::RemoveContainerRequest>,
    ) -> Answer<v1::RemoveContainerResponse> {
        let id = request.into_inner().container_id;
        let work = async {
            self.remove(&id);
            Ok(v1::RemoveContainerResponse {})
        };
        self.serve("RemoveContainer", &id, work).await
    }

    async fn list_containers(
        &self,
        request: Request<v1::ListContainersRequest>,
    ) -> Answer<v1::ListContainersResponse> {
        let filter = request.into_inner().filter;
        let work = async {
            Ok(v1::ListContainersResponse {
                containers: self.state().list_containers(filter),
            })
        };
        self.serve("ListContainers", "", work).await
    }

    async fn container_status(
        &self,
        request: Request<v1::ContainerStatusRequest>,
    ) -> Answer<v1::ContainerStatusResponse> {
        let id = request.into_inner().container_id;
        let work = async {
            let status = Some(self.state().container(&id)?.status.clone());
            Ok(v1::ContainerStatusResponse {
                status,
                ..Default::default()
            })
        };
        self.serve("ContainerStatus", &id, work).await
    }

    async fn update_container_resources(
        &self,
        request: Request<v1::UpdateContainerResourcesRequest>,
    ) -> Answer<v1::UpdateContainerResourcesResponse> {
        let request = request.into_inner();
        let id = &request.container_id;
        let work = async {
            let resources = v1::ContainerResources {
                linux: request.linux.clone(),
                windows: None,
            };
            let mut state = self.state();
            state.container(id)?;
            if let Some(container) = state.containers.get_mut(id) {
                container.status.resources = Some(resources);
            }
            Ok(v1::UpdateContainerResourcesResponse {})
        };
        self.serve("UpdateContainerResources", id, work).await
    }

    async fn reopen_container_log(
        &self,
        request: Request<v1::ReopenContainerLogRequest>,
    ) -> Answer<v1::ReopenContainerLogResponse> {
        let id = request.into_inner().container_id;
        let work = async {
            let path = self.state().container(&id)?.status.log_path.clone();
            open_log(path).map_err(|error| Status::unknown(error.to_string()))?;
            Ok(v1::ReopenContainerLogResponse {})
        };
        self.serve("ReopenContainerLog", &id, work).await
    }

    async fn exec_sync(&self, request: Request<v1::ExecSyncRequest>) -> Answer<v1::ExecSyncResponse> {
        let request = request.into_inner();
        let limit = u64::try_from(request.timeout)
            .ok()
            .filter(|limit| *limit > 0)
            .map(Duration::from_secs);
        let work = async {
            self.state().container(&request.container_id)?;
            let taught = self.state().taught.get(&request.cmd).cloned();
            let behaviour = taught.unwrap_or_else(|| Behaviour::of_command(&request.cmd));
            run_command(behaviour, limit).await
        };
        self.serve("ExecSync", &request.container_id, work).await
    }

    async fn exec(&self, request: Request<v1::ExecRequest>) -> Answer<v1::ExecResponse> {
        let id = request.into_inner().container_id;
        let work = async {
            self.state().container(&id)?;
            Ok(v1::ExecResponse {
                url: format!("http://127.0.0.1:1/exec/{id}"),
            })
        };
        self.serve("Exec", &id, work).await
    }

    async fn attach(&self, request: Request<v1::AttachRequest>) -> Answer<v1::AttachResponse> {
        let id = request.into_inner().container_id;
        let work = async {
            self.state().container(&id)?;
            Ok(v1::AttachResponse {
                url: format!("http://127.0.0.1:1/attach/{id}"),
            })
        };
        self.serve("Attach", &id, work).await
    }

    async fn port_forward(
        &self,
        request: Request<v1::PortForwardRequest>,
    ) -> Answer<v1::PortForwardResponse> {
        let id = request.into_inner().pod_sandbox_id;
        let work = async {
            self.state().sandbox(&id)?;
            Ok(v1::PortForwardResponse {
                url: format!("http://127.0.0.1:1/portforward/{id}"),
            })
        };
        self.serve("PortForward", &id, work).await
    }

    async fn container_stats(
        &self,
        request: Request<v1::ContainerStatsRequest>,
    ) -> Answer<v1::ContainerStatsResponse> {
        let id = request.into_inner().container_id;
        let work = async {
            let state = self.state();
            state.container(&id)?;
            let filter = v1::ContainerStatsFilter {
                id: id.clone(),
                ..Default::default()
            };
            Ok(v1::ContainerStatsResponse {
                stats: state.list_stats(Some(filter), self.now()).pop(),
            })
        };
        self.serve("ContainerStats", &id, work).await
    }

    async fn list_container_stats(
        &self,
        request: Request<v1::ListContainerStatsRequest>,
    ) -> Answer<v1::ListContainerStatsResponse> {
        let filter = request.into_inner().filter;
        let work = async {
            Ok(v1::ListContainerStatsResponse {
                stats: self.state().list_stats(filter, self.now()),
            })
        };
        self.serve("ListContainerStats", "", work).await
    }

    async fn pod_sandbox_stats(
        &self,
        request: Request<v1::PodSandboxStatsRequest>,
    ) -> Answer<v1::PodSandboxStatsResponse> {
        let id = request.into_inner().pod_sandbox_id;
        let work = async {
            let state = self.state();
            state.sandbox(&id)?;
            let filter = v1::PodSandboxStatsFilter {
                id: id.clone(),
                ..Default::default()
            };
            Ok(v1::PodSandboxStatsResponse {
                stats: state.list_sandbox_stats(Some(filter), self.now()).pop(),
            })
        };
        self.serve("PodSandboxStats", &id, work).await
    }

    async fn list_pod_sandbox_stats(
        &self,
        request: Request<v1::ListPodSandboxStatsRequest>,
    ) -> Answer<v1::ListPodSandboxStatsResponse> {
        let filter = request.into_inner().filter;
        let work = async {
            Ok(v1::ListPodSandboxStatsResponse {
                stats: self.state().list_sandbox_stats(filter, self.now()),
            })
        };
        self.serve("ListPodSandboxStats", "", work).await
    }

    async fn get_container_events(
        &self,
        _: Request<v1::GetEventsRequest>,
    ) -> Answer<BoxStream<'static, Result<v1::ContainerEventResponse, Status>>> {
        let work = async {
            if !self.options().events {
                return Err(Status::unimplemented("unknown method GetContainerEvents"));
            }
            let (listener, events) = mpsc::unbounded_channel();
            self.state().listeners.push(listener);
            let events: BoxStream<'static, _> = Box::pin(UnboundedReceiverStream::new(events));
            Ok(events)
        };
        self.serve("GetContainerEvents", "", work).await
    }
}
