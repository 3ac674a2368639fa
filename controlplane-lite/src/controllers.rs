//! Controllers: what keeps the cluster's objects as they should be. They run inside the server's process and write
//! through its cache.

pub mod namespace_content;
