//! Pulls, with credentials, progress and an end to standing still.
//!
//! CRI's pull says nothing until it is done. Where the runtime is containerd, its content service is asked
//! meanwhile what is being written; with other runtimes progress stays unknown, and so does standing still:
//! then only the runtime's own limits end a pull.
//!
//! # Caveats
//! containerd does not tell which pull writes what. With several pulls at once each sees the sum, and one
//! that stands still is noticed when nothing moves at all.

mod watch;

use crate::client::spec;
use crate::containerd::in_namespace;
use crate::error::{Call, Error};
use crate::{Client, v1};
use containerd_client::services::v1::ListStatusesRequest;
use containerd_client::services::v1::content_client::ContentClient;
use std::time::Duration;
use tokio::time::Instant;
pub use watch::PullProgress;
use watch::{Ingest, Watch};

/// How often progress is looked at. The first look comes as late, so that a small pull causes none.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What containerd calls its writes of a pull begins so; an import's own do not.
const PULL_REFS: [&str; 4] = ["layer-", "config-", "manifest-", "index-"];

impl Client {
    /// Pulls an image; answers its id (for containerd) or digest.
    ///
    /// `credentials` are tried in their order until one works; none at all means to try without.
    /// `pod` is the sandbox that the image is for, if there is one. `progress` is called while bytes arrive.
    ///
    /// # Errors
    /// [`Error::Stalled`] after [`crate::Deadlines::pull_without_progress`] without a byte. With several
    /// credentials the last one's error; errors of the connection end the attempts.
    pub async fn pull_image(
        &self,
        image: &str,
        credentials: &[v1::AuthConfig],
        pod: Option<&v1::PodSandboxConfig>,
        mut progress: impl FnMut(PullProgress),
    ) -> Result<String, Error> {
        let Some((last, others)) = credentials.split_last() else {
            return self.pull_once(request(image, None, pod), &mut progress).await;
        };
        for auth in others {
            match self
                .pull_once(request(image, Some(auth), pod), &mut progress)
                .await
            {
                Err(Error::Failed { .. } | Error::NotFound { .. } | Error::Invalid { .. }) => {}
                done_or_worse => return done_or_worse,
            }
        }
        self.pull_once(request(image, Some(last), pod), &mut progress)
            .await
    }

    async fn pull_once(
        &self,
        request: v1::PullImageRequest,
        progress: &mut impl FnMut(PullProgress),
    ) -> Result<String, Error> {
        let image = request.image.as_ref().map_or("", |spec| &spec.image);
        let call = Call::image("pull", image);
        let mut service = self.image_service();
        // Dropped if it stands still, which cancels it.
        let pull = service.pull_image(request);
        tokio::select! {
            answer = pull => match answer {
                Ok(answer) => Ok(answer.into_inner().image_ref),
                Err(status) => Err(self.error(call, None, &status)),
            },
            () = self.watch(progress) => {
                Err(Error::Stalled { call, after: self.deadlines().pull_without_progress })
            }
        }
    }

    /// Reports progress; returns when there was none for too long. Pends for ever where it cannot be seen.
    async fn watch(&self, progress: &mut impl FnMut(PullProgress)) {
        let mut watch = Watch::new(self.deadlines().pull_without_progress);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(ingests) = self.ingests().await else {
                return std::future::pending().await;
            };
            let seen = watch.step(&ingests, Instant::now());
            if let Some(moved) = seen.moved {
                progress(moved);
            }
            if seen.stalled {
                return;
            }
        }
    }

    /// What containerd is writing; `None` if it is not containerd, or does not answer.
    async fn ingests(&self) -> Option<Vec<Ingest>> {
        let mut service = ContentClient::new(self.channel());
        let sent = service.list_statuses(in_namespace(ListStatusesRequest { filters: Vec::new() }));
        let call = Call::runtime("look at a pull's progress");
        let answer = self.answer(call, self.deadlines().usual, sent).await.ok()?;
        let of_pulls = answer
            .statuses
            .into_iter()
            .filter(|status| PULL_REFS.iter().any(|prefix| status.r#ref.starts_with(prefix)));
        let ingest = |status: containerd_client::services::v1::Status| Ingest {
            name: status.r#ref,
            offset: u64::try_from(status.offset).unwrap_or_default(),
            total: u64::try_from(status.total).unwrap_or_default(),
        };
        Some(of_pulls.map(ingest).collect())
    }
}

fn request(
    image: &str,
    auth: Option<&v1::AuthConfig>,
    pod: Option<&v1::PodSandboxConfig>,
) -> v1::PullImageRequest {
    v1::PullImageRequest {
        image: Some(spec(image)),
        auth: auth.cloned(),
        sandbox_config: pod.cloned(),
    }
}

#[cfg(test)]
mod tests;
