//! Looking images up and pulling them.

use tokio::time::Instant;

use super::{Executor, Subject, error};
use crate::kubelet::criconfig;
use crate::kubelet::image_name::with_default_tag;
use crate::kubelet::podspec;
use crate::kubelet::worker::{Image, ImageUser, Pulled};

impl Executor {
    /// The image of a container, if the runtime has it.
    pub(super) async fn check_image(
        &self,
        subject: &Subject,
        container: &str,
    ) -> Result<Option<Image>, String> {
        let name = image_of(subject, container)?;
        let found = subject.account.call(self.client.image_status(&name)).await;
        Ok(found.map_err(|e| error::words(&e))?.map(|image| known(&image)))
    }

    /// Pulls the image of a container.
    pub(super) async fn pull_image(&self, subject: &Subject, container: &str) -> Result<Pulled, String> {
        let name = image_of(subject, container)?;
        let sandbox = criconfig::sandbox(&subject.pod, &subject.id, 0, &self.facts);
        let begun = Instant::now();
        let pull = self.client.pull_image(&name, &[], Some(&sandbox), |_| ());
        subject.account.call(pull).await.map_err(|e| error::words(&e))?;
        let took = begun.elapsed();
        let found = subject.account.call(self.client.image_status(&name)).await;
        let image = found
            .map_err(|e| error::words(&e))?
            .ok_or_else(|| format!("image \"{name}\" is not there after its pull"))?;
        Ok(Pulled {
            image: known(&image),
            took,
            bytes: image.size,
        })
    }
}

fn image_of(subject: &Subject, container: &str) -> Result<String, String> {
    let spec = podspec::container(&subject.pod, container).map(|(_, spec)| spec);
    let name = spec.and_then(|s| s.image.as_deref()).unwrap_or_default();
    with_default_tag(name).map_err(|error| error.to_string())
}

fn known(image: &cri::v1::Image) -> Image {
    let user = match (&image.uid, image.username.as_str()) {
        (Some(uid), _) => ImageUser::Uid(uid.value),
        (None, "") => ImageUser::Unset,
        (None, name) => ImageUser::Name(name.to_owned()),
    };
    Image {
        id: image.id.clone(),
        user,
    }
}
