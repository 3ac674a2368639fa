//! Running, stopping and removing sandboxes.

use cri::v1;
use tracing::{info, warn};

use super::error::{ended, failed, words};
use super::{Executor, Subject, files, volumes};
use crate::images;
use crate::kubelet::clock::Clock;
use crate::kubelet::worker::{OpError, SeenSandbox};
use crate::kubelet::{criconfig, unsupported};

impl Executor {
    /// Prepares the pod's directories and volumes, then runs a sandbox.
    pub(super) async fn run_sandbox(&self, subject: &Subject, attempt: u32) -> Result<SeenSandbox, OpError> {
        if let Some(why) = unsupported::refused(&subject.pod) {
            return Err(OpError::Config(why));
        }
        // A volume may hang (a dead server behind hostPath): that blocks this pod alone, on its own thread.
        let (pod, id) = (subject.pod.clone(), subject.id.clone());
        let config = self.facts.config.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            files::prepare(&config, &id)?;
            volumes::prepare(&config.root_dir, &pod, &id).map_err(|error| error.to_string())
        });
        prepared
            .await
            .map_err(|error| OpError::Setup(error.to_string()))?
            .map_err(OpError::Setup)?;
        let config = criconfig::sandbox(&subject.pod, &subject.id, attempt, &self.facts);
        let id = self
            .run_with_image(subject, config)
            .await
            .map_err(|error| failed(&error))?;
        self.index.insert(&id, &subject.id.uid);
        let seen = self
            .see_sandbox(subject, &id)
            .await
            .map_err(|error| failed(&error))?;
        seen.ok_or_else(|| OpError::Runtime(format!("sandbox {id} is gone as soon as it was run")))
    }

    /// Runs a sandbox. Where the runtime has lost the image that sandboxes are made of, or looks for it under
    /// another name than it told, the built-in one is given to it and the sandbox is tried once more.
    async fn run_with_image(
        &self,
        subject: &Subject,
        config: v1::PodSandboxConfig,
    ) -> Result<String, cri::Error> {
        let run = |config| subject.account.call(self.client.run_pod_sandbox(config, ""));
        let error = match run(config.clone()).await {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        let text = words(&error);
        let Some(image) = images::missing_sandbox_image(&text) else {
            return Err(error);
        };
        let now = Clock::start().now().wall.into();
        match images::provide_pause_as(&self.client, image, now).await {
            Ok(_) => info!(image, "gave the runtime the pause image that it was missing"),
            Err(problem) => {
                warn!(image, %problem, "cannot give the runtime its sandbox image");
                return Err(error);
            }
        }
        run(config).await
    }

    pub(super) async fn stop_sandbox(&self, subject: &Subject, id: &str) -> Result<(), OpError> {
        ended(subject.account.call(self.client.stop_pod_sandbox(id)).await)
    }

    pub(super) async fn remove_sandbox(&self, subject: &Subject, id: &str) -> Result<(), OpError> {
        ended(subject.account.call(self.client.remove_pod_sandbox(id)).await)?;
        self.index.remove(id);
        Ok(())
    }

    /// Removes what the node itself made for the pod.
    pub(super) async fn clean_up(&self, subject: &Subject) -> Result<(), String> {
        let (config, id) = (self.facts.config.clone(), subject.id.clone());
        tokio::task::spawn_blocking(move || files::clean_up(&config, &id))
            .await
            .map_err(|error| error.to_string())?
    }
}
