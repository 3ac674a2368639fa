//! Typed CRI v1 client, runtime events, image import, and a fake runtime for tests.

pub mod oci_archive;
