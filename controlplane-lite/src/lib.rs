//! API server, store, controllers and scheduler in one process.

pub mod status;
pub mod store;
