//! The configuration of one container.

use std::collections::HashMap;
use std::path::PathBuf;

use cri::v1::{ContainerConfig, ContainerMetadata, ImageSpec, KeyValue, LinuxContainerConfig, Mount};
use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod};

use super::{
    CONTAINER_NAME, GRACE, HASH, MESSAGE_PATH, MESSAGE_POLICY, NodeFacts, POD_NAME, POD_NAMESPACE, POD_UID,
    PORTS, RESTART_COUNT, env, mounts, resources, security,
};
use crate::kubelet::pod_id::PodId;
use crate::kubelet::worker::Image;
use crate::kubelet::{container_hash, podspec};

/// Where a container leaves its last words when its spec does not say.
pub(crate) const DEFAULT_MESSAGE_PATH: &str = "/dev/termination-log";
/// Annotation: what to run before the container is stopped, so that an orphan can be ended properly.
const PRE_STOP: &str = "io.kubernetes.container.preStopHandler";

/// What a container's configuration is made from.
pub(crate) struct ContainerInput<'a> {
    /// The pod.
    pub(crate) pod: &'a Pod,
    /// Its identity.
    pub(crate) id: &'a PodId,
    /// The container's spec.
    pub(crate) spec: &'a Container,
    /// Restart count.
    pub(crate) attempt: u32,
    /// Image to run.
    pub(crate) image: &'a Image,
    /// The pod's addresses.
    pub(crate) ips: &'a [String],
    /// The pod's hosts file, when it has a managed one.
    pub(crate) hosts_file: Option<PathBuf>,
    /// File that takes the last words.
    pub(crate) message_file: Option<PathBuf>,
}

/// The configuration of a container.
///
/// # Errors
/// What the spec asks for is not there or not possible, in the reference's words (CreateContainerConfigError).
pub(crate) fn container(input: &ContainerInput<'_>, node: &NodeFacts) -> Result<ContainerConfig, String> {
    let ContainerInput { pod, id, spec, .. } = *input;
    let variables = env::variables(&env::Scope {
        pod,
        id,
        container: spec,
        ips: input.ips,
        node,
    })?;
    let known = env::lookup(&variables);
    let expanded = |list: &Option<Vec<String>>| -> Vec<String> {
        list.iter()
            .flatten()
            .map(|text| env::expand(text, &known))
            .collect()
    };
    let root = &node.config.root_dir;
    let security = security::of_container(pod, id, spec, &input.image.user, root)?;
    Ok(ContainerConfig {
        metadata: Some(ContainerMetadata {
            name: spec.name.clone(),
            attempt: input.attempt,
        }),
        image: Some(image(input)),
        command: expanded(&spec.command),
        args: expanded(&spec.args),
        working_dir: spec.working_dir.clone().unwrap_or_default(),
        mounts: all_mounts(input, node)?,
        labels: labels(input),
        annotations: annotations(input),
        log_path: log_path(&spec.name, input.attempt),
        stdin: spec.stdin == Some(true),
        stdin_once: spec.stdin_once == Some(true),
        tty: spec.tty == Some(true),
        linux: Some(LinuxContainerConfig {
            resources: Some(resources::of_container(pod, spec, node)),
            security_context: Some(security),
        }),
        envs: variables
            .into_iter()
            .map(|(key, value)| KeyValue {
                key,
                value: value.into(),
            })
            .collect(),
        ..Default::default()
    })
}

fn image(input: &ContainerInput<'_>) -> ImageSpec {
    ImageSpec {
        image: input.image.id.clone(),
        user_specified_image: input.spec.image.clone().unwrap_or_default(),
        ..Default::default()
    }
}

/// A container's log file under its pod's log directory.
pub(crate) fn log_path(name: &str, attempt: u32) -> String {
    format!("{name}/{attempt}.log")
}

/// The path in the container of its last words.
pub(crate) fn message_path(spec: &Container) -> &str {
    spec.termination_message_path
        .as_deref()
        .unwrap_or(DEFAULT_MESSAGE_PATH)
}

fn all_mounts(input: &ContainerInput<'_>, node: &NodeFacts) -> Result<Vec<Mount>, String> {
    let mut list = mounts::of_volumes(
        input.pod,
        input.id.uid.as_str(),
        input.spec,
        &node.config.root_dir,
    )?;
    if let Some(hosts) = &input.hosts_file
        && !mounts::mounts_hosts(input.spec)
    {
        list.push(mounts::file(hosts, "/etc/hosts"));
    }
    if let Some(message) = &input.message_file {
        list.push(mounts::file(message, message_path(input.spec)));
    }
    Ok(list)
}

fn labels(input: &ContainerInput<'_>) -> HashMap<String, String> {
    let id = input.id;
    HashMap::from([
        (CONTAINER_NAME.to_owned(), input.spec.name.clone()),
        (POD_NAME.to_owned(), id.name.to_string()),
        (POD_NAMESPACE.to_owned(), id.namespace.to_string()),
        (POD_UID.to_owned(), id.uid.to_string()),
    ])
}

fn annotations(input: &ContainerInput<'_>) -> HashMap<String, String> {
    let spec = input.spec;
    let mut found = HashMap::from([
        (HASH.to_owned(), format!("{:x}", container_hash::of(spec))),
        (RESTART_COUNT.to_owned(), input.attempt.to_string()),
        (MESSAGE_PATH.to_owned(), message_path(spec).to_owned()),
        (
            MESSAGE_POLICY.to_owned(),
            spec.termination_message_policy
                .clone()
                .unwrap_or_else(|| "File".into()),
        ),
        (GRACE.to_owned(), podspec::grace(input.pod).as_secs().to_string()),
    ]);
    if let Some(ports) = spec.ports.as_deref().filter(|ports| !ports.is_empty()) {
        let ports: Vec<String> = ports.iter().map(port).collect();
        found.insert(PORTS.to_owned(), format!("[{}]", ports.join(",")));
    }
    let pre_stop = spec.lifecycle.as_ref().and_then(|l| l.pre_stop.as_ref());
    if let Some(text) = pre_stop.and_then(|hook| serde_json::to_string(hook).ok()) {
        found.insert(PRE_STOP.to_owned(), text);
    }
    found
}

/// A port as the reference writes it: fields in the order of the API's type, defaults filled in.
fn port(port: &ContainerPort) -> String {
    let mut fields = Vec::new();
    let text = |text: &str| serde_json::Value::from(text).to_string();
    if let Some(name) = port.name.as_deref().filter(|n| !n.is_empty()) {
        fields.push(format!("\"name\":{}", text(name)));
    }
    if let Some(host) = port.host_port.filter(|p| *p != 0) {
        fields.push(format!("\"hostPort\":{host}"));
    }
    fields.push(format!("\"containerPort\":{}", port.container_port));
    fields.push(format!(
        "\"protocol\":{}",
        text(port.protocol.as_deref().unwrap_or("TCP"))
    ));
    if let Some(ip) = port.host_ip.as_deref().filter(|ip| !ip.is_empty()) {
        fields.push(format!("\"hostIP\":{}", text(ip)));
    }
    format!("{{{}}}", fields.join(","))
}
