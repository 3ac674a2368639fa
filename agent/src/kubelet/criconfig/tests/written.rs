//! CRI messages as JSON in the form of the recorded ones: field names of the contract, defaults left out.

use std::collections::HashMap;

use cri::v1::{
    Capability, ContainerConfig, DnsConfig, ImageSpec, Int64Value, LinuxContainerResources,
    LinuxContainerSecurityContext, LinuxSandboxSecurityContext, Mount, NamespaceOption, PodSandboxConfig,
    PortMapping, SecurityProfile,
};
use serde_json::{Map, Value, json};

/// An object without the fields that have their default.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let is_default = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        // A message that is there but empty is not the same as none.
        Value::Object(_) => false,
    };
    let fields = fields.into_iter().filter(|(_, value)| !is_default(value));
    Value::Object(
        fields
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

/// A map field: left out when empty.
fn map(entries: &HashMap<String, String>) -> Value {
    if entries.is_empty() {
        Value::Null
    } else {
        json!(entries)
    }
}

fn number(value: Option<&Int64Value>) -> Value {
    value.map_or(Value::Null, |v| object([("value", json!(v.value))]))
}

fn profile(profile: Option<&SecurityProfile>) -> Value {
    profile.map_or(Value::Null, |p| {
        object([
            ("profile_type", json!(p.profile_type)),
            ("localhost_ref", json!(p.localhost_ref)),
        ])
    })
}

fn namespaces(options: Option<&NamespaceOption>) -> Value {
    options.map_or(Value::Null, |o| {
        let users = o.userns_options.as_ref();
        object([
            ("network", json!(o.network)),
            ("pid", json!(o.pid)),
            ("ipc", json!(o.ipc)),
            ("target_id", json!(o.target_id)),
            (
                "userns_options",
                users.map_or(Value::Null, |u| object([("mode", json!(u.mode))])),
            ),
        ])
    })
}

fn resources(resources: Option<&LinuxContainerResources>) -> Value {
    resources.map_or(Value::Null, |r| {
        let pages = r.hugepage_limits.iter();
        let pages = pages.map(|p| object([("page_size", json!(p.page_size)), ("limit", json!(p.limit))]));
        object([
            ("cpu_period", json!(r.cpu_period)),
            ("cpu_quota", json!(r.cpu_quota)),
            ("cpu_shares", json!(r.cpu_shares)),
            ("memory_limit_in_bytes", json!(r.memory_limit_in_bytes)),
            ("memory_swap_limit_in_bytes", json!(r.memory_swap_limit_in_bytes)),
            ("oom_score_adj", json!(r.oom_score_adj)),
            ("cpuset_cpus", json!(r.cpuset_cpus)),
            ("cpuset_mems", json!(r.cpuset_mems)),
            ("hugepage_limits", Value::Array(pages.collect())),
            ("unified", map(&r.unified)),
        ])
    })
}

fn sandbox_security(context: &LinuxSandboxSecurityContext) -> Value {
    object([
        (
            "namespace_options",
            namespaces(context.namespace_options.as_ref()),
        ),
        ("run_as_user", number(context.run_as_user.as_ref())),
        ("run_as_group", number(context.run_as_group.as_ref())),
        ("readonly_rootfs", json!(context.readonly_rootfs)),
        ("supplemental_groups", json!(context.supplemental_groups)),
        (
            "supplemental_groups_policy",
            json!(context.supplemental_groups_policy),
        ),
        ("privileged", json!(context.privileged)),
        ("seccomp", profile(context.seccomp.as_ref())),
        ("apparmor", profile(context.apparmor.as_ref())),
    ])
}

fn dns(config: Option<&DnsConfig>) -> Value {
    config.map_or(Value::Null, |d| {
        object([
            ("servers", json!(d.servers)),
            ("searches", json!(d.searches)),
            ("options", json!(d.options)),
        ])
    })
}

fn port(mapping: &PortMapping) -> Value {
    object([
        ("protocol", json!(mapping.protocol)),
        ("container_port", json!(mapping.container_port)),
        ("host_port", json!(mapping.host_port)),
        ("host_ip", json!(mapping.host_ip)),
    ])
}

/// A sandbox configuration.
pub(super) fn sandbox(config: &PodSandboxConfig) -> Value {
    let meta = config.metadata.clone().unwrap_or_default();
    let linux = config.linux.clone().unwrap_or_default();
    object([
        (
            "metadata",
            object([
                ("name", json!(meta.name)),
                ("namespace", json!(meta.namespace)),
                ("uid", json!(meta.uid)),
                ("attempt", json!(meta.attempt)),
            ]),
        ),
        ("hostname", json!(config.hostname)),
        ("log_directory", json!(config.log_directory)),
        ("dns_config", dns(config.dns_config.as_ref())),
        (
            "port_mappings",
            Value::Array(config.port_mappings.iter().map(port).collect()),
        ),
        ("labels", map(&config.labels)),
        ("annotations", map(&config.annotations)),
        (
            "linux",
            object([
                ("cgroup_parent", json!(linux.cgroup_parent)),
                ("overhead", resources(linux.overhead.as_ref())),
                ("resources", resources(linux.resources.as_ref())),
                ("sysctls", map(&linux.sysctls)),
                (
                    "security_context",
                    linux
                        .security_context
                        .as_ref()
                        .map_or(Value::Null, sandbox_security),
                ),
            ]),
        ),
    ])
}

fn capabilities(capabilities: Option<&Capability>) -> Value {
    capabilities.map_or(Value::Null, |c| {
        object([
            ("add_capabilities", json!(c.add_capabilities)),
            ("drop_capabilities", json!(c.drop_capabilities)),
        ])
    })
}

fn security(context: &LinuxContainerSecurityContext) -> Value {
    object([
        ("capabilities", capabilities(context.capabilities.as_ref())),
        ("privileged", json!(context.privileged)),
        (
            "namespace_options",
            namespaces(context.namespace_options.as_ref()),
        ),
        ("run_as_user", number(context.run_as_user.as_ref())),
        ("run_as_group", number(context.run_as_group.as_ref())),
        ("run_as_username", json!(context.run_as_username)),
        ("readonly_rootfs", json!(context.readonly_rootfs)),
        ("supplemental_groups", json!(context.supplemental_groups)),
        (
            "supplemental_groups_policy",
            json!(context.supplemental_groups_policy),
        ),
        ("no_new_privs", json!(context.no_new_privs)),
        ("masked_paths", json!(context.masked_paths)),
        ("readonly_paths", json!(context.readonly_paths)),
        ("seccomp", profile(context.seccomp.as_ref())),
        ("apparmor", profile(context.apparmor.as_ref())),
    ])
}

fn mount(mount: &Mount) -> Value {
    object([
        ("container_path", json!(mount.container_path)),
        ("host_path", json!(mount.host_path)),
        ("readonly", json!(mount.readonly)),
        ("propagation", json!(mount.propagation)),
        ("selinux_relabel", json!(mount.selinux_relabel)),
        ("recursive_read_only", json!(mount.recursive_read_only)),
    ])
}

fn image(image: Option<&ImageSpec>) -> Value {
    image.map_or(Value::Null, |i| {
        object([
            ("image", json!(i.image)),
            ("user_specified_image", json!(i.user_specified_image)),
        ])
    })
}

/// A container configuration.
pub(super) fn container(config: &ContainerConfig) -> Value {
    let meta = config.metadata.clone().unwrap_or_default();
    let linux = config.linux.clone().unwrap_or_default();
    let variables = config.envs.iter().map(|v| {
        object([
            ("key", json!(v.key)),
            ("value", json!(String::from_utf8_lossy(&v.value))),
        ])
    });
    object([
        (
            "metadata",
            object([("name", json!(meta.name)), ("attempt", json!(meta.attempt))]),
        ),
        ("image", image(config.image.as_ref())),
        ("command", json!(config.command)),
        ("args", json!(config.args)),
        ("working_dir", json!(config.working_dir)),
        ("envs", Value::Array(variables.collect())),
        ("mounts", Value::Array(config.mounts.iter().map(mount).collect())),
        ("labels", map(&config.labels)),
        ("annotations", map(&config.annotations)),
        ("log_path", json!(config.log_path)),
        ("stdin", json!(config.stdin)),
        ("stdin_once", json!(config.stdin_once)),
        ("tty", json!(config.tty)),
        (
            "linux",
            object([
                ("resources", resources(linux.resources.as_ref())),
                (
                    "security_context",
                    linux.security_context.as_ref().map_or(Value::Null, security),
                ),
            ]),
        ),
    ])
}
