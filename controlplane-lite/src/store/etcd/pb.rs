//! The generated etcd messages and clients (`proto/etcd.proto`).

#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]
#![allow(
    clippy::all,
    clippy::redundant_clone,
    clippy::needless_pass_by_value,
    reason = "generated code"
)]

tonic::include_proto!("etcdserverpb");
