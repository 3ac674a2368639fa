//! The image service.

use super::handler::Handler;
use crate::v1;
use crate::v1::image_service_server::ImageService;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// What a pull does.
#[derive(Debug, Clone)]
pub struct Registry {
    /// How long it takes.
    pub takes: Duration,
    /// The user that may pull, if not everybody.
    pub only_for: Option<String>,
    /// How it fails, if it does.
    pub fails: Option<Status>,
}

impl Registry {
    /// An image that everybody can pull at once.
    #[must_use]
    pub fn public() -> Self {
        Self {
            takes: Duration::ZERO,
            only_for: None,
            fails: None,
        }
    }
}

fn name(spec: Option<v1::ImageSpec>) -> String {
    spec.unwrap_or_default().image
}

#[tonic::async_trait]
impl ImageService for Handler {
    async fn list_images(
        &self,
        _: Request<v1::ListImagesRequest>,
    ) -> Result<Response<v1::ListImagesResponse>, Status> {
        let work = async {
            Ok(v1::ListImagesResponse {
                images: self.state().images.values().cloned().collect(),
            })
        };
        self.serve("ListImages", "", work).await
    }

    async fn image_status(
        &self,
        request: Request<v1::ImageStatusRequest>,
    ) -> Result<Response<v1::ImageStatusResponse>, Status> {
        let name = name(request.into_inner().image);
        let work = async {
            let image = self.state().image(&name).cloned();
            Ok(v1::ImageStatusResponse {
                image,
                ..Default::default()
            })
        };
        self.serve("ImageStatus", &name, work).await
    }

    async fn pull_image(
        &self,
        request: Request<v1::PullImageRequest>,
    ) -> Result<Response<v1::PullImageResponse>, Status> {
        let request = request.into_inner();
        let name = name(request.image);
        let work = async {
            let registry = self.state().registry.get(&name).cloned();
            let registry = registry.ok_or_else(|| {
                Status::not_found(format!(
                    "failed to pull and unpack image {name:?}: {name}: not found"
                ))
            })?;
            tokio::time::sleep(registry.takes).await;
            let user = request.auth.map(|auth| auth.username);
            if registry.only_for.is_some() && registry.only_for != user {
                return Err(Status::unknown(format!(
                    "failed to pull and unpack image {name:?}: pull access denied: 401 Unauthorized"
                )));
            }
            if let Some(status) = registry.fails {
                return Err(status);
            }
            Ok(v1::PullImageResponse {
                image_ref: self.state().add_image(&name),
            })
        };
        self.serve("PullImage", &name, work).await
    }

    async fn remove_image(
        &self,
        request: Request<v1::RemoveImageRequest>,
    ) -> Result<Response<v1::RemoveImageResponse>, Status> {
        let name = name(request.into_inner().image);
        let work = async {
            let mut state = self.state();
            if let Some(id) = state.image(&name).map(|image| image.id.clone()) {
                state.images.remove(&id);
            }
            Ok(v1::RemoveImageResponse {})
        };
        self.serve("RemoveImage", &name, work).await
    }

    async fn image_fs_info(
        &self,
        _: Request<v1::ImageFsInfoRequest>,
    ) -> Result<Response<v1::ImageFsInfoResponse>, Status> {
        let work = async {
            let used = self.state().images.values().map(|image| image.size).sum();
            let usage = v1::FilesystemUsage {
                timestamp: self.now(),
                fs_id: Some(v1::FilesystemIdentifier {
                    mountpoint: "/fake/images".to_owned(),
                }),
                used_bytes: Some(v1::UInt64Value { value: used }),
                inodes_used: Some(v1::UInt64Value { value: 1 }),
            };
            Ok(v1::ImageFsInfoResponse {
                image_filesystems: vec![usage],
                container_filesystems: Vec::new(),
            })
        };
        self.serve("ImageFsInfo", "", work).await
    }
}
