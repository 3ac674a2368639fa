//! Environment variables, and `$(NAME)` in values, commands and arguments.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{Container, EnvVarSource, ObjectFieldSelector, Pod, ResourceFieldSelector};

use super::NodeFacts;
use crate::kubelet::pod_id::PodId;
use crate::kubelet::podspec::{self, milli};

/// What a variable's value can come from.
pub(super) struct Scope<'a> {
    /// The pod.
    pub(super) pod: &'a Pod,
    /// Its identity.
    pub(super) id: &'a PodId,
    /// The container that gets the variable.
    pub(super) container: &'a Container,
    /// The pod's addresses.
    pub(super) ips: &'a [String],
    /// The node.
    pub(super) node: &'a NodeFacts,
}

/// The variables of the scope's container in the order in which the spec names them, later ones replacing earlier ones.
///
/// # Errors
/// A source is not there, in the reference's words: shown as CreateContainerConfigError.
pub(super) fn variables(scope: &Scope<'_>) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for source in scope.container.env_from.iter().flatten() {
        let secret = source
            .secret_ref
            .as_ref()
            .map(|r| ("secret", &r.name, r.optional));
        let map = source
            .config_map_ref
            .as_ref()
            .map(|r| ("configmap", &r.name, r.optional));
        if let Some((kind, name, optional)) = secret.or(map) {
            absent(kind, name, optional)?;
        }
    }
    for variable in scope.container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(text), _) if !text.is_empty() => Some(expand(text, &lookup(&found))),
            (_, Some(source)) => from(source, scope)?,
            _ => Some(String::new()),
        };
        let Some(value) = value else { continue };
        match found.iter_mut().find(|(name, _)| *name == variable.name) {
            Some((_, there)) => *there = value,
            None => found.push((variable.name.clone(), value)),
        }
    }
    Ok(found)
}

/// The variables as a map for [`expand`].
pub(super) fn lookup(variables: &[(String, String)]) -> HashMap<&str, &str> {
    variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// ConfigMaps and Secrets live in the API, which a standalone node does not have.
fn absent(kind: &str, name: &str, optional: Option<bool>) -> Result<Option<String>, String> {
    match optional {
        Some(true) => Ok(None),
        _ => Err(format!("{kind} \"{name}\" not found")),
    }
}

fn from(source: &EnvVarSource, scope: &Scope<'_>) -> Result<Option<String>, String> {
    if let Some(field) = &source.field_ref {
        return self::field(field, scope).map(Some);
    }
    if let Some(wanted) = &source.resource_field_ref {
        return resource(wanted, scope).map(Some);
    }
    if let Some(key) = &source.secret_key_ref {
        return absent("secret", &key.name, key.optional);
    }
    if let Some(key) = &source.config_map_key_ref {
        return absent("configmap", &key.name, key.optional);
    }
    Err("environment variables from files need a later version".into())
}

fn field(field: &ObjectFieldSelector, scope: &Scope<'_>) -> Result<String, String> {
    let Scope {
        pod, id, ips, node, ..
    } = *scope;
    let spec = podspec::spec(pod);
    let path = field.field_path.as_str();
    let entry = |map: &Option<std::collections::BTreeMap<String, String>>, prefix: &str| {
        let key = path.strip_prefix(prefix)?.strip_suffix("']")?;
        Some(map.as_ref().and_then(|m| m.get(key)).cloned().unwrap_or_default())
    };
    // On the host's network the pod's addresses are the node's.
    let node_ip = || node.node_ip().map(|ip| ip.to_string());
    let pod_ips = || match spec.host_network {
        Some(true) => node_ip().into_iter().collect(),
        _ => ips.to_vec(),
    };
    let found = match path {
        "metadata.name" => Some(id.name.to_string()),
        "metadata.namespace" => Some(id.namespace.to_string()),
        "metadata.uid" => Some(id.uid.to_string()),
        "spec.nodeName" => Some(spec.node_name.clone().unwrap_or_default()),
        "spec.serviceAccountName" => Some(spec.service_account_name.clone().unwrap_or_default()),
        "status.hostIP" | "status.hostIPs" => Some(node_ip().unwrap_or_default()),
        "status.podIP" => Some(pod_ips().into_iter().next().unwrap_or_default()),
        "status.podIPs" => Some(pod_ips().join(",")),
        _ => entry(&pod.metadata.labels, "metadata.labels['")
            .or_else(|| entry(&pod.metadata.annotations, "metadata.annotations['")),
    };
    found.ok_or_else(|| format!("unsupported fieldPath: {path}"))
}

/// A container's request or limit in units of the divisor, rounded up; what the node has where it is not limited.
fn resource(wanted: &ResourceFieldSelector, scope: &Scope<'_>) -> Result<String, String> {
    let Scope {
        pod, container, node, ..
    } = *scope;
    let container = match wanted.container_name.as_deref() {
        Some(name) if !name.is_empty() => podspec::container(pod, name)
            .map(|(_, c)| c)
            .ok_or_else(|| format!("container {name} not found"))?,
        _ => container,
    };
    let unknown = || format!("unsupported container resource : {}", wanted.resource);
    let (side, name) = wanted.resource.split_once('.').ok_or_else(unknown)?;
    let quantity = match side {
        "limits" => podspec::limit(container, name),
        "requests" => podspec::request(container, name),
        _ => return Err(unknown()),
    };
    // Thousandths throughout: CPUs come in fractions, and so do divisors.
    let amount = match (quantity.and_then(milli), side, name) {
        (Some(amount), ..) => amount,
        (None, "limits", "cpu") => node.cpu_milli,
        (None, "limits", "memory") => node.memory.saturating_mul(1000),
        (None, _, "cpu" | "memory" | "ephemeral-storage") => 0,
        (None, _, other) if other.starts_with("hugepages-") => 0,
        _ => return Err(unknown()),
    };
    let divisor = wanted
        .divisor
        .as_ref()
        .and_then(milli)
        .filter(|d| *d > 0)
        .unwrap_or(1000);
    Ok((amount / divisor + i64::from(amount % divisor != 0)).to_string())
}

/// Replaces `$(NAME)` by the variable's value; `$$` stands for `$`; an unknown name stays as it is written.
pub(super) fn expand(text: &str, variables: &HashMap<&str, &str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match variables.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_escapes_kept_and_unknown_names_left() {
        let variables = HashMap::from([("A", "1"), ("EMPTY", "")]);
        let cases = [
            ("$(A)", "1"),
            ("$(A)-$(NOPE)-$$(A)", "1-$(NOPE)-$(A)"),
            ("$$$(A)", "$1"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
            ("x$(EMPTY)y", "xy"),
            ("$()", "$()"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
