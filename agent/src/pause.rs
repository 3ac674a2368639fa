//! The pause image: the program that holds a pod's namespaces open, and the image around it.
//!
//! Purpose: pods start on a machine that can reach no registry. The program is built together with this binary
//! (see `pause/program.rs`), embedded in it, and imported into the runtime as an image.
//!
//! Out of scope: when and under which names it is imported (`images`).

use cri::oci_archive::{ArchiveError, Image, Layer, Platform, RunConfig};

/// The image's own name. `invalid` is a domain that no registry can have, so nothing else is ever pulled for it.
pub const IMAGE: &str = "agent.invalid/pause:1";

/// The program: a static ELF executable for the machine that this binary is for.
pub const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pause"));

/// User and group of the process, as in the reference's image: nobody that exists on the machine.
const USER: &str = "65535:65535";

/// An OCI archive of the image under `names`.
///
/// # Errors
/// [`ArchiveError::NoName`] without names.
pub fn archive(names: &[String]) -> Result<Vec<u8>, ArchiveError> {
    let image = Image {
        names: names.to_vec(),
        platform: Platform::current(),
        config: RunConfig {
            user: USER.to_owned(),
            entrypoint: vec!["/pause".to_owned()],
            ..RunConfig::default()
        },
        layers: vec![Layer::new().file("pause", 0o755, PROGRAM)],
    };
    let mut archive = Vec::with_capacity(PROGRAM.len() + (16 << 10));
    image.write_to(&mut archive)?;
    Ok(archive)
}

#[cfg(test)]
mod tests;
