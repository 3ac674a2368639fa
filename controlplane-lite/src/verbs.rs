//! The verbs: what a request does to stored objects, generic over the resource's row.

pub mod pod;
