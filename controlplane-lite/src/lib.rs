//! API server, store, controllers and scheduler in one process.

pub mod decode;
pub mod patch;
pub mod pki;
pub mod schema;
pub mod status;
pub mod store;
