//! `agent images`: what the container runtime has, and images from archives without a registry.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use cri::import::{ArchiveSource, ImportError, ImportOptions, ImportedImage};
use cri::reference::Reference;
use cri::v1;
use serde::Serialize;

use super::failure::{Code, Failure};
use super::output::{self, OutputArgs};
use super::progress::Progress;
use super::runtime::{self, RuntimeArgs};
use crate::images;

/// Arguments of `agent images`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import image archives, without a registry
    Import(ImportArgs),
    /// List the images that pods can use
    List(ListArgs),
}

/// Arguments of `agent images import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads OCI image layouts and `docker save` archives, plain or gzip-compressed, and makes them
usable by pods. An archive is taken whole or not at all.

The document of `--output json`:
  {\"images\": [{\"names\": [\"agent.local/web:1\"], \"id\": \"sha256:…\", \"digest\": \"sha256:…\"}]}

Examples:
  docker save example.org/web:1 | gzip > web.tar.gz && agent images import web.tar.gz
  agent images import web.tar --name example.org/web:2")]
struct ImportArgs {
    /// Archives
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Name for the image, in place of the archive's own
    #[arg(long, value_parser = parse_name)]
    name: Option<String>,
    /// Where containerd unpacks images; what the runtime is configured with if not given
    #[arg(long, value_name = "NAME")]
    snapshotter: Option<String>,
    /// Keep the images when the node makes room
    #[arg(long)]
    pin: bool,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Arguments of `agent images list`.
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls")]
#[command(after_help = "\
The document of `--output json`:
  {\"images\": [{\"id\": \"sha256:…\", \"tags\": [\"example.org/web:1\"],
               \"digests\": [\"example.org/web@sha256:…\"], \"size\": 1024, \"pinned\": false}]}")]
struct ListArgs {
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_name(text: &str) -> Result<String, String> {
    let reference = Reference::parse(text).map_err(|error| error.to_string())?;
    let tag = reference
        .tag
        .as_deref()
        .ok_or("a name with a tag is needed, such as example.org/web:1")?;
    Ok(format!("{}/{}:{tag}", reference.domain, reference.path))
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Import(args) => runtime::block_on(import(args)),
        Command::List(args) => runtime::block_on(list(args)),
    }
}

/// The document of `agent images import --output json`.
#[derive(Debug, Default, Serialize)]
struct Imported {
    images: Vec<ImportedRow>,
}

#[derive(Debug, Serialize)]
struct ImportedRow {
    names: Vec<String>,
    id: String,
    digest: String,
}

impl From<ImportedImage> for ImportedRow {
    fn from(image: ImportedImage) -> Self {
        Self {
            names: image.names,
            id: image.id.as_str().to_owned(),
            digest: image.manifest.as_str().to_owned(),
        }
    }
}

async fn import(args: ImportArgs) -> Result<(), Failure> {
    if args.name.is_some() && args.files.len() > 1 {
        return Err(Failure::plain(
            "import image archives",
            "--name names one image, and several files are given",
        )
        .code(Code::Usage)
        .fix("Import them one by one."));
    }
    let client = args.runtime.client();
    let options = ImportOptions {
        name: args.name.clone(),
        snapshotter: snapshotter(&client, args.snapshotter.clone()).await?,
        pinned: args.pin,
        ..ImportOptions::at(runtime::now())
    };
    let mut imported = Imported::default();
    for file in &args.files {
        let _progress = Progress::start(&format!("importing {}", file.display()));
        let images = client
            .import(ArchiveSource::File(file.clone()), options.clone())
            .await;
        let images = images.map_err(|error| import_failure(file, &error))?;
        imported.images.extend(images.into_iter().map(ImportedRow::from));
    }
    output::print(args.output.output, &imported, |out| {
        let rows = imported
            .images
            .iter()
            .flat_map(|image| image.names.iter().map(|name| [name.clone(), short_id(&image.id)]));
        output::write_table(out, &output::table(["IMPORTED", "IMAGE ID"], rows))
    })
}

async fn snapshotter(client: &cri::Client, given: Option<String>) -> Result<String, Failure> {
    if let Some(name) = given {
        return Ok(name);
    }
    let config_file = fs::read_to_string("/etc/containerd/config.toml").ok();
    let settings = images::settings(client, config_file.as_deref()).await;
    settings
        .map(|settings| settings.snapshotter)
        .map_err(|error| runtime::failure("ask the container runtime for its settings", &error))
}

fn import_failure(file: &Path, error: &ImportError) -> Failure {
    let failure = Failure::new(format!("import image archive {}", file.display()), error);
    match error {
        // What is no tar at all fails while it is read.
        ImportError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => failure,
        ImportError::Read { .. } | ImportError::NoImage | ImportError::Document { .. } | ImportError::MissingBlob { .. } => failure.fix(
            "Make the archive with `docker save NAME`, `skopeo copy … oci-archive:FILE` or `ctr images export FILE NAME`.",
        ),
        ImportError::DigestMismatch { .. } | ImportError::SizeMismatch { .. } => {
            failure.fix("The file is damaged: copy it again from where it was made.")
        }
        _ => failure,
    }
}

/// The document of `agent images list --output json`.
#[derive(Debug, Serialize)]
struct Listed {
    images: Vec<ListedImage>,
}

#[derive(Debug, Serialize)]
struct ListedImage {
    id: String,
    tags: Vec<String>,
    digests: Vec<String>,
    /// Bytes in the runtime's store.
    size: u64,
    pinned: bool,
}

impl From<v1::Image> for ListedImage {
    fn from(image: v1::Image) -> Self {
        let (mut tags, mut digests) = (image.repo_tags, image.repo_digests);
        tags.sort();
        digests.sort();
        Self {
            id: image.id,
            tags,
            digests,
            size: image.size,
            pinned: image.pinned,
        }
    }
}

impl ListedImage {
    /// One row per tag; an image that lost its tag is shown by its digest's name.
    fn rows(&self) -> Vec<[String; 4]> {
        let row = |name: &str, tag: &str| {
            [
                name.to_owned(),
                tag.to_owned(),
                short_id(&self.id),
                size(self.size),
            ]
        };
        if self.tags.is_empty() {
            let name = self
                .digests
                .first()
                .and_then(|digest| digest.split('@').next())
                .unwrap_or("<none>");
            return vec![row(name, "<none>")];
        }
        self.tags
            .iter()
            .map(|full| {
                full.rsplit_once(':')
                    .map_or_else(|| row(full, ""), |(name, tag)| row(name, tag))
            })
            .collect()
    }
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let images = args.runtime.client().list_images().await;
    let images = images.map_err(|error| runtime::failure("list images", &error))?;
    let mut listed = Listed {
        images: images.into_iter().map(ListedImage::from).collect(),
    };
    listed
        .images
        .sort_by(|a, b| (&a.tags, &a.id).cmp(&(&b.tags, &b.id)));
    output::print(args.output.output, &listed, |out| {
        let rows = listed.images.iter().flat_map(ListedImage::rows);
        output::write_table(out, &output::table(["IMAGE", "TAG", "IMAGE ID", "SIZE"], rows))
    })
}

/// The first digits of an id, as many as other tools show.
fn short_id(id: &str) -> String {
    id.trim_start_matches("sha256:").chars().take(13).collect()
}

/// Bytes for people, in decimal units as registries count.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match UNITS.into_iter().find(|(_, factor)| bytes >= *factor) {
        Some((unit, factor)) => {
            let tenths = bytes / (factor / 10);
            format!("{}.{}{unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_row_per_tag() {
        let image = |tags: &[&str], digests: &[&str]| {
            ListedImage::from(v1::Image {
                id: "sha256:0123456789abcdef".to_owned(),
                repo_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                repo_digests: digests.iter().map(|digest| (*digest).to_owned()).collect(),
                size: 2_340_000,
                ..v1::Image::default()
            })
        };
        let row = |name: &str, tag: &str| [name, tag, "0123456789abc", "2.3MB"].map(str::to_owned);
        assert_eq!(
            image(&["b:5000/w:2", "a/w:1"], &[]).rows(),
            [row("a/w", "1"), row("b:5000/w", "2")]
        );
        assert_eq!(image(&[], &["a/w@sha256:ff"]).rows(), [row("a/w", "<none>")]);
        assert_eq!(image(&[], &[]).rows(), [row("<none>", "<none>")]);
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (999, "999B"),
            (1000, "1.0kB"),
            (1_550_000, "1.5MB"),
            (12_000_000_000, "12.0GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_name_is_completed_or_refused() {
        assert_eq!(parse_name("web:1").as_deref(), Ok("docker.io/library/web:1"));
        assert_eq!(parse_name("a.b/web").as_deref(), Ok("a.b/web:latest"));
        assert!(parse_name("UPPER//x").is_err());
        assert!(
            parse_name("a.b/web@sha256:0123456789012345678901234567890123456789012345678901234567890123")
                .is_err()
        );
    }
}
