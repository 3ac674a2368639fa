//! Making, starting, stopping and removing containers.

use std::time::Duration;

use k8s_openapi::api::core::v1::Container;

use super::error::{ended, failed};
use super::look::seen;
use super::{Executor, Subject, files, logs};
use crate::kubelet::criconfig::{self, ContainerInput};
use crate::kubelet::podspec;
use crate::kubelet::worker::{Made, NewContainer, OpError, SeenContainer};

impl Executor {
    pub(super) async fn create(&self, subject: &Subject, new: &NewContainer) -> Result<Made, OpError> {
        let (_, spec) = podspec::container(&subject.pod, &new.name)
            .ok_or_else(|| OpError::Config(format!("container {} is not in the spec", new.name)))?;
        let input = self.input(subject, spec, new)?;
        let config = criconfig::container(&input, &self.facts).map_err(OpError::Config)?;
        let sandbox = criconfig::sandbox(&subject.pod, &subject.id, 0, &self.facts);
        let id = subject
            .account
            .call(self.client.create_container(&new.sandbox_id, config, sandbox))
            .await
            .map_err(|error| failed(&error))?;
        self.index.insert(&id, &subject.id.uid);
        Ok(Made {
            id,
            sandbox_id: new.sandbox_id.clone(),
            image: spec.image.clone().unwrap_or_default(),
            image_id: new.image.id.clone(),
            hash: Some(crate::kubelet::container_hash::of(spec)),
            user: None,
        })
    }

    /// Writes the files that the container mounts and gathers what its configuration is made from.
    fn input<'a>(
        &self,
        subject: &'a Subject,
        spec: &'a Container,
        new: &'a NewContainer,
    ) -> Result<ContainerInput<'a>, OpError> {
        let config = &self.facts.config;
        logs::prepare(config, &subject.id, &spec.name).map_err(OpError::Setup)?;
        let hosts_file =
            files::write_hosts(&subject.pod, &subject.id, &new.ips, &self.facts).map_err(OpError::Setup)?;
        let message_file =
            files::new_message_file(config, &subject.id, &spec.name).map_err(OpError::Setup)?;
        Ok(ContainerInput {
            pod: &subject.pod,
            id: &subject.id,
            spec,
            attempt: new.attempt,
            image: &new.image,
            ips: &new.ips,
            hosts_file: Some(hosts_file),
            message_file: Some(message_file),
        })
    }

    pub(super) async fn start(
        &self,
        subject: &Subject,
        container: &str,
        id: &str,
        attempt: u32,
    ) -> Result<SeenContainer, OpError> {
        let account = &subject.account;
        account
            .call(self.client.start_container(id))
            .await
            .map_err(|error| failed(&error))?;
        // Log collectors lose a line at worst; the container is not at fault.
        if let Err(error) = logs::link(&self.facts.config, &subject.id, container, id, attempt) {
            tracing::warn!(pod = %subject.id, container, error, "log link not made");
        }
        let status = account
            .call(self.client.container_status(id))
            .await
            .map_err(|error| failed(&error))?;
        Ok(seen(status, String::new()))
    }

    pub(super) async fn stop(
        &self,
        subject: &Subject,
        id: &str,
        grace: Duration,
    ) -> Result<Option<SeenContainer>, OpError> {
        ended(subject.account.call(self.client.stop_container(id, grace)).await)?;
        self.inspect(subject, id).await.map_err(OpError::Runtime)
    }

    pub(super) async fn remove(
        &self,
        subject: &Subject,
        container: &str,
        id: &str,
        attempt: u32,
    ) -> Result<(), OpError> {
        ended(subject.account.call(self.client.remove_container(id)).await)?;
        self.index.remove(id);
        logs::remove(&self.facts.config, &subject.id, container, id, attempt);
        Ok(())
    }
}
