//! Writes blobs, labels and names to containerd.

use super::digest::Hasher;
use super::lease::Lease;
use super::plan::{Blob, ImagePlan};
use super::{Digest, ImportError};
use crate::Client;
use crate::error::{Call, Error, Object};
use bytes::Bytes;
use containerd_client::services::v1::content_client::ContentClient;
use containerd_client::services::v1::images_client::ImagesClient;
use containerd_client::services::v1::{
    CreateImageRequest, Image, Info, UpdateImageRequest, UpdateRequest, WriteAction, WriteContentRequest,
    WriteContentResponse,
};
use containerd_client::types::Descriptor;
use prost_types::FieldMask;
use std::collections::HashMap;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

/// Marks an image as CRI's own; without it CRI's plugin would have to do so later.
const MANAGED: (&str, &str) = ("io.cri-containerd.image", "managed");
/// Keeps an image from being removed to make room.
const PINNED: (&str, &str) = ("io.cri-containerd.pinned", "pinned");

/// containerd, as one import sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store<'a> {
    pub(super) client: &'a Client,
    pub(super) lease: &'a Lease,
}

impl<'a> Store<'a> {
    pub(super) fn new(client: &'a Client, lease: &'a Lease) -> Self {
        Self { client, lease }
    }

    pub(super) fn call(blob: &Blob, operation: &'static str) -> Call {
        Call {
            operation,
            object: Object::Archive(format!("entry {}", blob.path).into()),
        }
    }

    /// Writes a blob that is in memory.
    pub(super) async fn put(&self, blob: &Blob, bytes: &Bytes) -> Result<(), ImportError> {
        let mut writing = self.begin(blob).await?;
        writing.write(bytes.clone()).await?;
        writing.commit().await
    }

    /// Begins to write a blob. If containerd has it already, what follows is checked and dropped.
    pub(super) async fn begin(&self, blob: &Blob) -> Result<Writing<'a>, ImportError> {
        let (sender, receiver) = mpsc::channel(1);
        let mut writing = Writing {
            client: self.client,
            blob: blob.clone(),
            hasher: Hasher::default(),
            written: 0,
            remote: None,
        };
        let first = WriteContentRequest {
            action: WriteAction::Stat as i32,
            r#ref: format!("{}-{}", self.lease.id(), blob.digest),
            total: i64::try_from(blob.size).unwrap_or(i64::MAX),
            expected: blob.digest.to_string(),
            ..Default::default()
        };
        let _ = sender.try_send(first);
        let mut service = ContentClient::new(self.client.channel());
        let sent = service.write(self.lease.request(ReceiverStream::new(receiver)));
        let deadline = self.client.deadlines().usual;
        match self
            .client
            .answer(Self::call(blob, "write"), deadline, sent)
            .await
        {
            Ok(mut answers) => match writing.answer(&mut answers).await {
                Ok(_) => writing.remote = Some((sender, answers)),
                Err(Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(error.into()),
            },
            Err(Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(writing)
    }

    /// Adds labels to a blob.
    pub(super) async fn label(
        &self,
        digest: &Digest,
        labels: HashMap<String, String>,
    ) -> Result<(), ImportError> {
        let paths = labels.keys().map(|key| format!("labels.{key}")).collect();
        let request = UpdateRequest {
            info: Some(Info {
                digest: digest.to_string(),
                labels,
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths }),
        };
        let mut service = ContentClient::new(self.client.channel());
        let sent = service.update(self.lease.request(request));
        let call = Call::image("label the content of", digest.as_str());
        self.client
            .answer(call, self.client.deadlines().usual, sent)
            .await?;
        Ok(())
    }

    /// Gives an image its names: first its id, by which CRI knows it, then the others.
    pub(super) async fn name(&self, plan: &ImagePlan, pinned: bool) -> Result<(), ImportError> {
        let labels = [MANAGED].into_iter().chain(pinned.then_some(PINNED));
        let labels: HashMap<String, String> = labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let target = Descriptor {
            media_type: plan.manifest.media_type.clone(),
            digest: plan.manifest.digest.to_string(),
            size: i64::try_from(plan.manifest.size).unwrap_or(i64::MAX),
            annotations: HashMap::new(),
        };
        let id = plan.config.digest.to_string();
        for name in std::iter::once(&id).chain(&plan.names) {
            let image = Image {
                name: name.clone(),
                labels: labels.clone(),
                target: Some(target.clone()),
                ..Default::default()
            };
            self.create_or_update(image).await?;
        }
        Ok(())
    }

    async fn create_or_update(&self, image: Image) -> Result<(), Error> {
        let mut service = ImagesClient::new(self.client.channel());
        let deadline = self.client.deadlines().usual;
        let call = Call::image("name", &image.name);
        let create = CreateImageRequest {
            image: Some(image.clone()),
            ..Default::default()
        };
        match self
            .client
            .answer(call.clone(), deadline, service.create(self.lease.request(create)))
            .await
        {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. }) => {
                let paths = ["target".to_owned()].into_iter();
                let paths = paths
                    .chain(image.labels.keys().map(|key| format!("labels.{key}")))
                    .collect();
                let update_mask = Some(FieldMask { paths });
                let update = UpdateImageRequest {
                    image: Some(image),
                    update_mask,
                    ..Default::default()
                };
                let sent = service.update(self.lease.request(update));
                self.client.answer(call, deadline, sent).await.map(drop)
            }
            Err(error) => Err(error),
        }
    }
}

type Remote = (mpsc::Sender<WriteContentRequest>, Streaming<WriteContentResponse>);

/// A blob being written.
pub(super) struct Writing<'a> {
    client: &'a Client,
    blob: Blob,
    hasher: Hasher,
    written: u64,
    /// `None`: containerd has the blob.
    remote: Option<Remote>,
}

impl Writing<'_> {
    /// Appends a piece.
    pub(super) async fn write(&mut self, piece: Bytes) -> Result<(), ImportError> {
        self.hasher.update(&piece);
        let offset = self.written;
        self.written += piece.len() as u64;
        let Some((sender, mut answers)) = self.remote.take() else {
            return Ok(());
        };
        let message = WriteContentRequest {
            action: WriteAction::Write as i32,
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            data: piece.to_vec(),
            ..Default::default()
        };
        // A closed channel shows in the answer, which says why.
        let _ = sender.send(message).await;
        self.answer(&mut answers).await?;
        self.remote = Some((sender, answers));
        Ok(())
    }

    /// Compares size and digest, and makes the blob part of the store.
    pub(super) async fn commit(mut self) -> Result<(), ImportError> {
        let (path, expected) = (self.blob.path.clone(), self.blob.digest.clone());
        if self.written != self.blob.size {
            let (expected, actual) = (self.blob.size, self.written);
            return Err(ImportError::SizeMismatch {
                path,
                expected,
                actual,
            });
        }
        let actual = std::mem::take(&mut self.hasher).finish();
        if actual != expected {
            return Err(ImportError::DigestMismatch {
                path,
                expected,
                actual,
            });
        }
        let Some((sender, mut answers)) = self.remote.take() else {
            return Ok(());
        };
        let message = WriteContentRequest {
            action: WriteAction::Commit as i32,
            offset: i64::try_from(self.written).unwrap_or(i64::MAX),
            total: i64::try_from(self.written).unwrap_or(i64::MAX),
            expected: expected.to_string(),
            ..Default::default()
        };
        let _ = sender.send(message).await;
        match self.answer(&mut answers).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn answer(
        &self,
        answers: &mut Streaming<WriteContentResponse>,
    ) -> Result<WriteContentResponse, Error> {
        let call = Store::call(&self.blob, "write");
        let deadline = self.client.deadlines().usual;
        let status = match tokio::time::timeout(deadline, answers.message()).await {
            Ok(Ok(Some(answer))) => return Ok(answer),
            Ok(Ok(None)) => Status::new(Code::Unavailable, "containerd ended the stream"),
            Ok(Err(status)) => status,
            Err(_) => {
                return Err(Error::Deadline {
                    call,
                    after: deadline,
                });
            }
        };
        Err(self.client.error(call, Some(deadline), &status))
    }
}
