//! API server, store, controllers and scheduler in one process.

pub mod admission;
pub mod apply;
pub mod auth;
pub mod authn;
pub mod authz;
pub mod cache;
pub mod decode;
pub mod defaults;
pub mod discovery;
pub mod field;
pub mod names;
pub mod openapi;
pub mod patch;
pub mod pki;
pub mod quantity;
pub mod resource;
pub mod resources;
pub mod schema;
pub mod status;
pub mod store;
mod strict;
pub mod table;
pub mod verbs;
pub mod yaml;
