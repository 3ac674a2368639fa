//! Controllers: what keeps the cluster's objects as they should be. They run inside the server's process and write
//! through its verbs, so that admission, validation and field ownership hold for them as for any client.

pub mod namespaces;
