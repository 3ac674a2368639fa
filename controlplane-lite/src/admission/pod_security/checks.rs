//! The checks, one function each, in the order in which the reference reports them.

mod access;
mod confinement;
mod identity;

use super::pod::PodView;
use super::{Level, Version};

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) reason: String,
    pub(super) detail: String,
}

impl Finding {
    fn new(reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            detail: detail.into(),
        }
    }
}

/// One check of the standards.
pub(super) struct Check {
    pub(super) level: Level,
    /// The release that brought it.
    pub(super) since: Version,
    /// A restricted check covers the same matter.
    pub(super) overridden: bool,
    pub(super) run: fn(&PodView<'_>, Version) -> Option<Finding>,
}

const fn baseline(run: fn(&PodView<'_>, Version) -> Option<Finding>) -> Check {
    Check {
        level: Level::Baseline,
        since: Version::Minor(0),
        overridden: false,
        run,
    }
}

const fn overridden(run: fn(&PodView<'_>, Version) -> Option<Finding>) -> Check {
    Check {
        overridden: true,
        ..baseline(run)
    }
}

const fn restricted(since: u32, run: fn(&PodView<'_>, Version) -> Option<Finding>) -> Check {
    Check {
        level: Level::Restricted,
        since: Version::Minor(since),
        overridden: false,
        run,
    }
}

/// Baseline checks, then restricted ones, each in the order of their names.
pub(super) const ALL: &[Check] = &[
    baseline(confinement::app_armor),
    overridden(confinement::capabilities_baseline),
    baseline(access::host_namespaces),
    overridden(access::host_path_volumes),
    baseline(access::host_ports),
    Check {
        since: Version::Minor(34),
        ..baseline(access::host_probes)
    },
    baseline(access::privileged),
    baseline(confinement::proc_mount),
    baseline(confinement::selinux),
    overridden(confinement::seccomp_baseline),
    baseline(access::sysctls),
    baseline(access::windows_host_process),
    restricted(8, identity::privilege_escalation),
    restricted(22, confinement::capabilities_restricted),
    restricted(0, access::restricted_volumes),
    restricted(0, identity::run_as_non_root),
    restricted(23, identity::run_as_user),
    restricted(19, confinement::seccomp_restricted),
];
