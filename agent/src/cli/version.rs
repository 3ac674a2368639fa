//! `agent version`.

use serde::Serialize;

use super::failure::Failure;
use super::output::{self, OutputArgs};
use crate::version;

/// Arguments of `agent version`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

/// The document of `agent version --output json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    /// What the node reports as `kubeletVersion`.
    kubelet_version: &'static str,
    /// The Kubernetes version that is spoken.
    kubernetes_version: &'static str,
    /// The version of the program's packages.
    agent_version: &'static str,
    /// Operating system and processor.
    platform: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let document = Document {
        kubelet_version: version::KUBELET,
        kubernetes_version: version::KUBERNETES,
        agent_version: version::AGENT,
        platform: version::platform(),
    };
    output::print(args.output.output, &document, |out| {
        writeln!(out, "{}", version::KUBELET)
    })
}
