//! Warnings that go with an accepted object, in the reference's texts.

mod pod;

use crate::field::{At, quote};
use crate::names::dns_label;
use crate::names::net::{cidr_warnings, ip_warning};
use crate::quantity::Quantity;
use serde_json::Value;

/// What to warn of in an accepted object of this API group and kind; `old` is what was stored before, `None` for a
/// new object.
pub fn warnings(group: &str, kind: &str, object: &Value, old: Option<&Value>) -> Vec<String> {
    let (at, mut found) = (At::root(object), Vec::new());
    if old.is_none() {
        host_names(group, kind, &at, &mut found);
    }
    let spec = at.get("spec");
    let changed = old.is_none_or(|o| o["metadata"]["generation"] != object["metadata"]["generation"]);
    match (group, kind) {
        // Pods change too often to look at every change.
        ("", "Pod") if old.is_none() => pod::warnings(&at, true, &mut found),
        ("", "PodTemplate") => pod::warnings(&at.get("template"), false, &mut found),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet")
            if changed =>
        {
            pod::warnings(&spec.get("template"), false, &mut found);
        }
        ("batch", "Job") if old.is_none() => pod::warnings(&spec.get("template"), false, &mut found),
        ("batch", "CronJob") if changed => {
            pod::warnings(&spec.at(&["jobTemplate", "spec", "template"]), false, &mut found);
        }
        ("", "Service") => service(&spec, &mut found),
        ("", "PersistentVolume") => persistent_volume(&at, &mut found),
        ("", "PersistentVolumeClaim") => claim(&spec, &mut found),
        ("networking.k8s.io", "Ingress") if old.is_none() => ingress(&at, &mut found),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(&spec, &mut found),
        _ => {}
    }
    found
}

/// Names that become host names of pods had better be DNS labels.
fn host_names(group: &str, kind: &str, at: &At<'_>, found: &mut Vec<String>) {
    let used_in = match (group, kind) {
        ("", "Pod") => "the Pod's hostname",
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet")
        | ("batch", "Job" | "CronJob") => "Pod names and hostnames",
        _ => return,
    };
    let wrong = dns_label(at.at(&["metadata", "name"]).str());
    if !wrong.is_empty() {
        found.push(format!(
            "metadata.name: this is used in {used_in}, which can result in surprising behavior; a DNS label is recommended: [{}]",
            wrong.join(" ")
        ));
    }
}

/// Part of a byte at an amount of storage or memory means nothing.
fn fraction(at: &At<'_>, found: &mut Vec<String>) {
    let amount = Quantity::of(Some(at.value));
    if at.present() && !amount.is_whole() {
        let text = quote(&amount.to_string());
        found.push(format!(
            "{}: fractional byte value {text} is invalid, must be an integer",
            at.path
        ));
    }
}

/// What to use instead of a node label from before 1.14.
fn better_label(key: &str) -> Option<String> {
    let better = match key {
        "beta.kubernetes.io/arch" => "kubernetes.io/arch",
        "beta.kubernetes.io/os" => "kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
        "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
        _ => return None,
    };
    let since = if key.ends_with("instance-type") || key.contains("failure-domain") {
        "v1.17"
    } else {
        "v1.14"
    };
    Some(format!("deprecated since {since}; use {} instead", quote(better)))
}

fn service(spec: &At<'_>, found: &mut Vec<String>) {
    let headless = spec.str_of("clusterIP") == "None";
    if headless {
        if !spec.str_of("loadBalancerIP").is_empty() {
            found.push("spec.loadBalancerIP is ignored for headless services".into());
        }
        if !spec.get("externalIPs").is_empty() {
            found.push("spec.externalIPs is ignored when spec.clusterIP is \"None\"".into());
        }
        if spec.str_of("sessionAffinity") == "ClientIP" {
            found.push("spec.SessionAffinity is ignored for headless services".into());
        }
    } else {
        let ips = spec.get("clusterIPs");
        ips.items()
            .for_each(|ip| found.extend(ip_warning(&ip.path, ip.str())));
    }
    let balancer = spec.get("loadBalancerIP");
    if !balancer.str().is_empty() {
        found.extend(ip_warning(&balancer.path, balancer.str()));
    }
    spec.get("externalIPs")
        .items()
        .for_each(|ip| found.extend(ip_warning(&ip.path, ip.str())));
    for range in spec.get("loadBalancerSourceRanges").items() {
        found.extend(cidr_warnings(&range.path, range.str()));
    }
    if spec.str_of("trafficDistribution") == "PreferClose" {
        found.push("spec.trafficDistribution: \"PreferClose\" is deprecated, use \"PreferSameZone\"".into());
    }
}

fn persistent_volume(volume: &At<'_>, found: &mut Vec<String>) {
    let spec = volume.get("spec");
    let notes = volume.at(&["metadata", "annotations"]);
    let class = notes.key("volume.beta.kubernetes.io/storage-class");
    if class.present() {
        found.push(format!(
            "{}: deprecated since v1.8; use \"storageClassName\" attribute instead",
            class.path
        ));
    }
    let options = notes.key("volume.beta.kubernetes.io/mount-options");
    if options.present() {
        found.push(format!(
            "{}: deprecated since v1.31; use \"mountOptions\" attribute instead",
            options.path
        ));
    }
    let policy = spec.get("persistentVolumeReclaimPolicy");
    if policy.str() == "Recycle" {
        found.push(format!("{}: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.", policy.path));
    }
    pod::deprecated_volume(&spec, found);
    fraction(&spec.get("capacity").key("storage"), found);
}

fn claim(spec: &At<'_>, found: &mut Vec<String>) {
    fraction(&spec.at(&["resources", "requests"]).key("storage"), found);
}

fn ingress(ingress: &At<'_>, found: &mut Vec<String>) {
    if ingress
        .at(&["metadata", "annotations"])
        .key("kubernetes.io/ingress.class")
        .present()
    {
        found.push(
            "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead".into(),
        );
    }
}

fn network_policy(spec: &At<'_>, found: &mut Vec<String>) {
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for block in spec
            .get(rules)
            .items()
            .flat_map(|r| r.get(peers).items())
            .map(|p| p.get("ipBlock"))
        {
            let all = std::iter::once(block.get("cidr")).chain(block.get("except").items());
            all.for_each(|range| found.extend(cidr_warnings(&range.path, range.str())));
        }
    }
}
