//! Users, capabilities, namespaces and seccomp.

use cri::v1::security_profile::ProfileType;
use cri::v1::{
    Capability, Int64Value, LinuxContainerSecurityContext, LinuxSandboxSecurityContext, NamespaceMode,
    NamespaceOption, SeLinuxOption, SecurityProfile, SupplementalGroupsPolicy, UserNamespace,
};
use k8s_openapi::api::core::v1::{
    AppArmorProfile, Capabilities, Container, Pod, PodSecurityContext, SELinuxOptions, SeccompProfile,
    SecurityContext,
};

use crate::kubelet::pod_id::PodId;
use crate::kubelet::podspec;
use crate::kubelet::worker::ImageUser;

/// Paths of /proc and /sys that containers do not see.
const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
/// Paths of /proc that containers may only read.
const READONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
/// Where profiles named by `localhostProfile` lie, under the kubelet's root.
const SECCOMP_DIR: &str = "seccomp";

/// The namespaces that a pod's containers share with each other and with the host.
fn namespaces(pod: &Pod) -> NamespaceOption {
    let spec = podspec::spec(pod);
    let mode = |host: Option<bool>| match host {
        Some(true) => NamespaceMode::Node,
        _ => NamespaceMode::Pod,
    };
    let pid = match (spec.host_pid, spec.share_process_namespace) {
        (Some(true), _) => NamespaceMode::Node,
        (_, Some(true)) => NamespaceMode::Pod,
        _ => NamespaceMode::Container,
    };
    NamespaceOption {
        network: mode(spec.host_network).into(),
        pid: pid.into(),
        ipc: mode(spec.host_ipc).into(),
        target_id: String::new(),
        userns_options: Some(UserNamespace {
            mode: NamespaceMode::Node.into(),
            uids: Vec::new(),
            gids: Vec::new(),
        }),
    }
}

fn pod_context(pod: &Pod) -> Option<&PodSecurityContext> {
    podspec::spec(pod).security_context.as_ref()
}

fn groups(pod: &Pod) -> Vec<i64> {
    let Some(context) = pod_context(pod) else {
        return Vec::new();
    };
    let more = context.supplemental_groups.iter().flatten();
    context.fs_group.iter().chain(more).copied().collect()
}

fn groups_policy(pod: &Pod) -> SupplementalGroupsPolicy {
    match pod_context(pod).and_then(|c| c.supplemental_groups_policy.as_deref()) {
        Some("Strict") => SupplementalGroupsPolicy::Strict,
        _ => SupplementalGroupsPolicy::Merge,
    }
}

fn number(value: Option<i64>) -> Option<Int64Value> {
    value.map(|value| Int64Value { value })
}

fn profile(kind: ProfileType) -> SecurityProfile {
    SecurityProfile {
        profile_type: kind.into(),
        localhost_ref: String::new(),
    }
}

fn selinux(options: &SELinuxOptions) -> SeLinuxOption {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    SeLinuxOption {
        user: text(&options.user),
        role: text(&options.role),
        r#type: text(&options.type_),
        level: text(&options.level),
    }
}

/// The sandbox's security context.
pub(super) fn of_sandbox(pod: &Pod) -> LinuxSandboxSecurityContext {
    let context = pod_context(pod);
    let privileged = podspec::containers(pod)
        .any(|(_, c)| c.security_context.as_ref().and_then(|s| s.privileged) == Some(true));
    LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces(pod)),
        selinux_options: context.and_then(|c| c.se_linux_options.as_ref()).map(selinux),
        run_as_user: number(context.and_then(|c| c.run_as_user)),
        // The runtime refuses a group without a user.
        run_as_group: number(
            context
                .filter(|c| c.run_as_user.is_some())
                .and_then(|c| c.run_as_group),
        ),
        supplemental_groups: groups(pod),
        supplemental_groups_policy: groups_policy(pod).into(),
        privileged,
        // The sandbox's own process needs nothing that the default profile forbids.
        seccomp: Some(profile(ProfileType::RuntimeDefault)),
        ..Default::default()
    }
}

/// A container's security context.
///
/// # Errors
/// `runAsNonRoot` cannot be kept, in the reference's words: bad input, which a new spec or image mends.
pub(super) fn of_container(
    pod: &Pod,
    id: &PodId,
    container: &Container,
    image_user: &ImageUser,
    root_dir: &std::path::Path,
) -> Result<LinuxContainerSecurityContext, String> {
    let own = container.security_context.as_ref();
    let whole = pod_context(pod);
    let user = own
        .and_then(|c| c.run_as_user)
        .or(whole.and_then(|c| c.run_as_user));
    let group = own
        .and_then(|c| c.run_as_group)
        .or(whole.and_then(|c| c.run_as_group));
    let non_root = own
        .and_then(|c| c.run_as_non_root)
        .or(whole.and_then(|c| c.run_as_non_root));
    if non_root == Some(true) {
        refuse_root(user, image_user, id, container)?;
    }
    let labels = own
        .and_then(|c| c.se_linux_options.as_ref())
        .or(whole.and_then(|c| c.se_linux_options.as_ref()));
    let filter = own
        .and_then(|c| c.seccomp_profile.as_ref())
        .or(whole.and_then(|c| c.seccomp_profile.as_ref()));
    let confinement = own
        .and_then(|c| c.app_armor_profile.as_ref())
        .or(whole.and_then(|c| c.app_armor_profile.as_ref()));
    let privileged = own.and_then(|c| c.privileged) == Some(true);
    let unmasked = own.is_some_and(|c| c.proc_mount.as_deref() == Some("Unmasked"));
    let (run_as_user, run_as_username) = run_as(user, image_user);
    Ok(LinuxContainerSecurityContext {
        capabilities: own.and_then(|c| c.capabilities.as_ref()).map(capabilities),
        privileged,
        namespace_options: Some(namespaces(pod)),
        selinux_options: labels.map(selinux),
        run_as_user: number(run_as_user),
        run_as_group: number(group),
        run_as_username,
        readonly_rootfs: own.and_then(|c| c.read_only_root_filesystem) == Some(true),
        supplemental_groups: groups(pod),
        supplemental_groups_policy: groups_policy(pod).into(),
        no_new_privs: own.is_some_and(no_new_privs),
        masked_paths: paths(&MASKED, unmasked),
        readonly_paths: paths(&READONLY, unmasked),
        seccomp: Some(seccomp(filter, privileged, root_dir)),
        apparmor: confinement.map(apparmor),
        ..Default::default()
    })
}

fn capabilities(wanted: &Capabilities) -> Capability {
    Capability {
        add_capabilities: wanted.add.clone().unwrap_or_default(),
        drop_capabilities: wanted.drop.clone().unwrap_or_default(),
        add_ambient_capabilities: Vec::new(),
    }
}

fn paths(list: &[&str], unmasked: bool) -> Vec<String> {
    match unmasked {
        true => Vec::new(),
        false => list.iter().map(|path| (*path).to_owned()).collect(),
    }
}

/// User id and name to run as: the pod's, else the image's, else root.
fn run_as(user: Option<i64>, image_user: &ImageUser) -> (Option<i64>, String) {
    match (user, image_user) {
        (Some(uid), _) => (Some(uid), String::new()),
        (None, ImageUser::Uid(uid)) => (Some(*uid), String::new()),
        (None, ImageUser::Unset) => (Some(0), String::new()),
        (None, ImageUser::Name(name)) => (None, name.clone()),
    }
}

/// `allowPrivilegeEscalation: false` takes effect unless the container could escalate anyway.
fn no_new_privs(context: &SecurityContext) -> bool {
    context.allow_privilege_escalation == Some(false)
}

fn seccomp(wanted: Option<&SeccompProfile>, privileged: bool, root_dir: &std::path::Path) -> SecurityProfile {
    match wanted {
        // A privileged container is not confined, whatever the pod says.
        _ if privileged => profile(ProfileType::Unconfined),
        None => profile(ProfileType::Unconfined),
        Some(wanted) => match wanted.type_.as_str() {
            "RuntimeDefault" => profile(ProfileType::RuntimeDefault),
            "Localhost" => SecurityProfile {
                profile_type: ProfileType::Localhost.into(),
                localhost_ref: root_dir
                    .join(SECCOMP_DIR)
                    .join(wanted.localhost_profile.as_deref().unwrap_or_default())
                    .to_string_lossy()
                    .into_owned(),
            },
            _ => profile(ProfileType::Unconfined),
        },
    }
}

fn apparmor(wanted: &AppArmorProfile) -> SecurityProfile {
    match wanted.type_.as_str() {
        "Localhost" => SecurityProfile {
            profile_type: ProfileType::Localhost.into(),
            localhost_ref: wanted.localhost_profile.clone().unwrap_or_default(),
        },
        "Unconfined" => profile(ProfileType::Unconfined),
        _ => profile(ProfileType::RuntimeDefault),
    }
}

fn refuse_root(
    user: Option<i64>,
    image_user: &ImageUser,
    id: &PodId,
    container: &Container,
) -> Result<(), String> {
    let place = format!("(pod: \"{id}\", container: {})", container.name);
    match (user, image_user) {
        (Some(0), _) => Err(format!("container's runAsUser breaks non-root policy {place}")),
        (Some(_), _) => Ok(()),
        (None, ImageUser::Uid(0) | ImageUser::Unset) => Err(format!(
            "container has runAsNonRoot and image will run as root {place}"
        )),
        (None, ImageUser::Name(name)) => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root {place}"
        )),
        (None, ImageUser::Uid(_)) => Ok(()),
    }
}
