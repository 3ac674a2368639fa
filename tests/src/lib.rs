//! The rig: what end-to-end tests and benches are built from.
