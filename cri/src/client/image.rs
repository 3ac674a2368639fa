//! Calls about images, but for pulling and importing.

use super::{Client, within};
use crate::error::{Call, Error};
use crate::v1;

impl Client {
    /// All images. (The interface has a filter, which containerd ignores: ask for one image's status instead.)
    pub async fn list_images(&self) -> Result<Vec<v1::Image>, Error> {
        let deadline = self.deadlines.usual;
        let mut service = self.image_service();
        let sent = service.list_images(within(deadline, v1::ListImagesRequest { filter: None }));
        Ok(self
            .answer(Call::runtime("list images"), deadline, sent)
            .await?
            .images)
    }

    /// The image that `image` (reference, digest or id) resolves to; `None` if there is none.
    pub async fn image_status(&self, image: &str) -> Result<Option<v1::Image>, Error> {
        Ok(self.image_status_response(image, false).await?.image)
    }

    /// The same with the runtime's free-form info (for containerd: the image's configuration).
    pub async fn image_status_verbose(&self, image: &str) -> Result<v1::ImageStatusResponse, Error> {
        self.image_status_response(image, true).await
    }

    async fn image_status_response(
        &self,
        image: &str,
        verbose: bool,
    ) -> Result<v1::ImageStatusResponse, Error> {
        let deadline = self.deadlines.usual;
        let request = v1::ImageStatusRequest {
            image: Some(spec(image)),
            verbose,
        };
        let mut service = self.image_service();
        let sent = service.image_status(within(deadline, request));
        self.answer(Call::image("look for", image), deadline, sent).await
    }

    /// Removes an image with all its names. May be repeated.
    pub async fn remove_image(&self, image: &str) -> Result<(), Error> {
        let deadline = self.deadlines.usual;
        let request = v1::RemoveImageRequest {
            image: Some(spec(image)),
        };
        let mut service = self.image_service();
        let sent = service.remove_image(within(deadline, request));
        self.answer(Call::image("remove", image), deadline, sent).await?;
        Ok(())
    }

    /// What images and containers take on disk.
    pub async fn image_fs_info(&self) -> Result<v1::ImageFsInfoResponse, Error> {
        let deadline = self.deadlines.usual;
        let mut service = self.image_service();
        let sent = service.image_fs_info(within(deadline, v1::ImageFsInfoRequest {}));
        self.answer(Call::runtime("read the image filesystem's use"), deadline, sent)
            .await
    }
}

/// A request's way of naming an image.
pub(crate) fn spec(image: &str) -> v1::ImageSpec {
    v1::ImageSpec {
        image: image.to_owned(),
        user_specified_image: image.to_owned(),
        ..Default::default()
    }
}
