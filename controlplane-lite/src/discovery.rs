//! Discovery: which groups, versions and resources there are, in the legacy and in the aggregated form.
//!
//! Everything is computed from the registry, so that a new row is visible in the answer to the next request.
//! Aggregated discovery is KEP-3352 (`apidiscovery.k8s.io/v2`, and `v2beta1` for older clients).

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::resource::{Resource, Subresource, Verb};
use crate::resources::Registry;

#[cfg(test)]
mod tests;

/// Which form of discovery a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregated {
    /// `apidiscovery.k8s.io/v2`.
    V2,
    /// `apidiscovery.k8s.io/v2beta1`, same content.
    V2Beta1,
}

impl Aggregated {
    /// The version's name.
    pub const fn version(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V2Beta1 => "v2beta1",
        }
    }

    /// The media type of the answer.
    pub fn content_type(self) -> String {
        format!(
            "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList",
            self.version()
        )
    }
}

/// Aggregated discovery of `/api` (`core`) or `/apis`.
pub fn aggregated(registry: &Registry, core: bool, form: Aggregated) -> Value {
    let items: Vec<Value> = if core {
        vec![json!({"metadata": {}, "versions": [version_discovery(registry, "", "v1")]})]
    } else {
        registry
            .groups()
            .into_iter()
            .map(|(group, versions)| {
                let versions: Vec<Value> = versions
                    .into_iter()
                    .map(|v| version_discovery(registry, group, v))
                    .collect();
                json!({"metadata": {"name": group}, "versions": versions})
            })
            .collect()
    };
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{}", form.version()),
        "metadata": {},
        "items": items,
    })
}

fn version_discovery(registry: &Registry, group: &str, version: &str) -> Value {
    let mut rows: Vec<&Resource> = registry.of_version(group, version).map(AsRef::as_ref).collect();
    rows.sort_by(|a, b| a.plural.cmp(&b.plural));
    let resources: Vec<Value> = rows.into_iter().map(resource_discovery).collect();
    json!({"version": version, "resources": resources, "freshness": "Current"})
}

fn resource_discovery(row: &Resource) -> Value {
    let kind =
        |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut out = json!({
        "resource": row.plural,
        "responseKind": kind("", "", &row.kind),
        "scope": if row.namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": row.singular,
        "verbs": verbs(row.verbs),
    });
    if !row.short_names.is_empty() {
        out["shortNames"] = json!(row.short_names);
    }
    if !row.categories.is_empty() {
        out["categories"] = json!(row.categories);
    }
    if !row.subresources.is_empty() {
        let one = |sub: &Subresource| {
            let (group, version, name) = &sub.response;
            json!({"subresource": sub.name, "responseKind": kind(group, version, name), "verbs": verbs(sub.verbs)})
        };
        out["subresources"] = row.subresources.iter().map(one).collect();
    }
    out
}

fn verbs(all: &[Verb]) -> Vec<&'static str> {
    all.iter().map(|v| v.as_str()).collect()
}

/// `GET /api`; `address` is the server's own `host:port`.
pub fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `GET /apis`.
pub fn group_list(registry: &Registry) -> Value {
    let groups: Vec<Value> = registry
        .groups()
        .into_iter()
        .map(|(group, versions)| group_body(group, &versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `GET /apis/GROUP`, if there is such a group.
pub fn group(registry: &Registry, name: &str) -> Option<Value> {
    let (group, versions) = registry.groups().into_iter().find(|(group, _)| *group == name)?;
    let mut out = group_body(group, &versions);
    out["kind"] = json!("APIGroup");
    out["apiVersion"] = json!("v1");
    Some(out)
}

fn group_body(name: &str, versions: &[&str]) -> Value {
    let version = |v: &&str| json!({"groupVersion": format!("{name}/{v}"), "version": v});
    let versions: Vec<Value> = versions.iter().map(version).collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

/// `GET /api/v1` or `/apis/GROUP/VERSION`, if there is such a version.
pub fn resource_list(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    let mut group_version = None;
    for row in registry.of_version(group, version) {
        group_version.get_or_insert_with(|| row.api_version());
        resources.push(resource_entry(row));
        resources.extend(row.subresources.iter().map(|sub| subresource_entry(row, sub)));
    }
    let group_version = group_version?;
    resources.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    }))
}

fn resource_entry(row: &Resource) -> Value {
    let mut out = json!({
        "name": row.plural,
        "singularName": row.singular,
        "namespaced": row.namespaced(),
        "kind": row.kind,
        "verbs": verbs(row.verbs),
    });
    if !row.short_names.is_empty() {
        out["shortNames"] = json!(row.short_names);
    }
    if !row.categories.is_empty() {
        out["categories"] = json!(row.categories);
    }
    if !row.storage.is_empty() {
        out["storageVersionHash"] = json!(storage_version_hash(row));
    }
    out
}

fn subresource_entry(row: &Resource, sub: &Subresource) -> Value {
    let (group, version, kind) = &sub.response;
    let mut out = json!({
        "name": format!("{}/{}", row.plural, sub.name),
        "singularName": "",
        "namespaced": row.namespaced(),
        "kind": kind,
        "verbs": verbs(sub.verbs),
    });
    if !version.is_empty() {
        out["group"] = json!(group);
        out["version"] = json!(version);
    }
    out
}

/// Tells storage migrators that the stored version changed: a hash of the stored group, version and kind.
fn storage_version_hash(row: &Resource) -> String {
    let stored_group = if row.convert.is_some() {
        ""
    } else {
        row.group.as_ref()
    };
    let stored = format!("{stored_group}/{}/{}", row.version, row.kind);
    let digest = Sha256::digest(stored.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(&digest[..8])
}
