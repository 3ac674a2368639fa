//! Admission: what changes and refuses writes after they are decoded and before they are stored.
//!
//! Each plug-in is a module with a pure core over the object and what it needs to know of the cluster; the chain that
//! calls them in the reference's order comes last. Names of plug-ins are those of `--enable-admission-plugins`.

pub mod pod_security;
