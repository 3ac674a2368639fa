//! End-to-end tests on real containerd: each module is one subject.

#![allow(clippy::disallowed_methods, reason = "tests are an edge")]

mod e2e {
    mod cli_check;
    mod cli_images;
    mod cli_node;
    mod cri_contract;
    mod cri_events;
    mod cri_import;
    mod cri_pull;
    mod pods;
    mod pods_basic;
    mod pods_faults;
    mod pods_lifecycle;
    mod rig;
}
