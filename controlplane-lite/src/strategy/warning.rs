//! Warnings that go with an accepted object, in the reference's texts.

use crate::field::{At, quote};
use crate::names::net::{cidr_warnings, ip_warning};
use crate::quantity::Quantity;
use serde_json::Value;

/// What to warn of in an accepted object of this API group and kind; `old` is what was stored before.
pub fn warnings(group: &str, kind: &str, object: &Value, old: Option<&Value>) -> Vec<String> {
    let (at, mut found) = (At::root(object), Vec::new());
    let generation = |o: &Value| o["metadata"]["generation"].as_i64();
    match (group, kind) {
        ("", "Pod") if old.is_none() => pod(&at.get("metadata"), &at.get("spec"), &mut found),
        ("", "PodTemplate") if old.is_none() => template(&at.get("template"), &mut found),
        ("", "ReplicationController") | ("apps", _)
            if old.is_none_or(|o| generation(o) != generation(object)) && at.has("spec") =>
        {
            template(&at.at(&["spec", "template"]), &mut found);
        }
        ("batch", "Job") if old.is_none() => template(&at.at(&["spec", "template"]), &mut found),
        ("batch", "CronJob") => template(&at.at(&["spec", "jobTemplate", "spec", "template"]), &mut found),
        ("", "Service") => service(&at.get("spec"), &mut found),
        ("", "PersistentVolume") => persistent_volume(&at, &mut found),
        ("", "PersistentVolumeClaim") => claim(&at.get("spec"), &mut found),
        ("", "ComponentStatus") => found.push("v1 ComponentStatus is deprecated in v1.19+".into()),
        ("", "Endpoints") => {
            found.push("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".into())
        }
        ("networking.k8s.io", "Ingress") if old.is_none() => ingress(&at, &mut found),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(&at.get("spec"), &mut found),
        _ => {}
    }
    found
}

fn template(template: &At<'_>, found: &mut Vec<String>) {
    pod(&template.get("metadata"), &template.get("spec"), found);
}

fn pod(metadata: &At<'_>, spec: &At<'_>, found: &mut Vec<String>) {
    let selector = spec.get("nodeSelector");
    for (key, entry) in selector.entries() {
        if let Some(better) = better_label(key) {
            found.push(format!(
                "{}: deprecated since v1.14; use \"{better}\" instead",
                entry.path
            ));
        }
    }
    for (key, at) in metadata.get("annotations").entries() {
        annotation(key, &at, found);
    }
    volumes(&spec.get("volumes"), found);
    for list in ["initContainers", "containers"] {
        spec.get(list).items().for_each(|c| container(&c, found));
    }
    let overhead = spec.get("overhead");
    fractions(&overhead, found);
    if spec
        .int_of("terminationGracePeriodSeconds")
        .is_some_and(|s| s < 0)
    {
        let at = spec.get("terminationGracePeriodSeconds");
        found.push(format!(
            "{}: must be >= 0; negative values are invalid and will be treated as 1",
            at.path
        ));
    }
    for constraint in spec
        .get("topologySpreadConstraints")
        .items()
        .filter(|c| !c.has("labelSelector"))
    {
        let at = constraint.get("labelSelector");
        found.push(format!(
            "{}: a null labelSelector results in matching no pod",
            at.path
        ));
    }
    for alias in spec.get("hostAliases").items() {
        let at = alias.get("ip");
        found.extend(ip_warning(&at.path, at.str()));
    }
}

fn better_label(key: &str) -> Option<&'static str> {
    Some(match key {
        "beta.kubernetes.io/arch" => "kubernetes.io/arch",
        "beta.kubernetes.io/os" => "kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
        "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
        _ => return None,
    })
}

fn annotation(key: &str, at: &At<'_>, found: &mut Vec<String>) {
    let seccomp = key == "seccomp.security.alpha.kubernetes.io/pod"
        || key.starts_with("container.seccomp.security.alpha.kubernetes.io/");
    if seccomp {
        found.push(format!(
            "{}: non-functional in v1.27+; use the \"seccompProfile\" field instead",
            at.path
        ));
    } else if key.starts_with("container.apparmor.security.beta.kubernetes.io/") {
        found.push(format!(
            "{}: deprecated since v1.30; use the \"appArmorProfile\" field instead",
            at.path
        ));
    } else if key == "scheduler.alpha.kubernetes.io/critical-pod" {
        found.push(format!(
            "{}: non-functional in v1.16+; use the \"priorityClassName\" field instead",
            at.path
        ));
    }
}

/// Kinds of volumes that are gone or going.
const DEPRECATED_VOLUMES: &[(&str, &str)] = &[
    ("gitRepo", "deprecated in v1.11"),
    ("photonPersistentDisk", "non-functional in v1.16+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

fn volumes(list: &At<'_>, found: &mut Vec<String>) {
    for volume in list.items() {
        for (field, state) in DEPRECATED_VOLUMES.iter().filter(|(f, _)| volume.has(f)) {
            found.push(format!("{}: {state}", volume.get(field).path));
        }
    }
}

fn container(container: &At<'_>, found: &mut Vec<String>) {
    let resources = container.get("resources");
    for list in ["limits", "requests"] {
        fractions(&resources.get(list), found);
    }
    duplicates(container, found);
}

/// Parts of a byte mean nothing.
fn fractions(list: &At<'_>, found: &mut Vec<String>) {
    for name in ["memory", "ephemeral-storage"] {
        let at = list.key(name);
        let amount = Quantity::of(Some(at.value));
        if at.present() && !amount.is_whole() {
            let text = quote(&amount.to_string());
            found.push(format!(
                "{}: fractional byte value {text} is invalid, must be an integer",
                at.path
            ));
        }
    }
}

fn duplicates(container: &At<'_>, found: &mut Vec<String>) {
    let mut names = Vec::new();
    for variable in container.get("env").items() {
        let name = variable.str_of("name");
        if names.contains(&name) {
            let at = variable.path;
            found.push(format!(
                "{at}: hides previous definition of {}, which may be dropped when using apply",
                quote(name)
            ));
        }
        names.push(name);
    }
    let mut ports: Vec<(i64, &str)> = Vec::new();
    for port in container.get("ports").items() {
        let key = (port.int_of("containerPort").unwrap_or(0), port.str_of("protocol"));
        if let Some(first) = ports.iter().position(|p| *p == key) {
            found.push(format!(
                "{}: duplicate port definition with {}",
                port.path,
                container.get("ports").path.index(first)
            ));
        }
        ports.push(key);
    }
}

fn service(spec: &At<'_>, found: &mut Vec<String>) {
    let headless = spec.str_of("clusterIP") == "None";
    if !headless {
        for ip in spec.get("clusterIPs").items() {
            found.extend(ip_warning(&ip.path, ip.str()));
        }
    }
    let balancer = spec.get("loadBalancerIP");
    if !balancer.str().is_empty() {
        found.extend(ip_warning(&balancer.path, balancer.str()));
    }
    for ip in spec.get("externalIPs").items() {
        found.extend(ip_warning(&ip.path, ip.str()));
    }
    for range in spec.get("loadBalancerSourceRanges").items() {
        found.extend(cidr_warnings(&range.path, range.str()));
    }
    if headless && !balancer.str().is_empty() {
        found.push("spec.loadBalancerIP is ignored for headless services".into());
    }
    if headless && spec.str_of("sessionAffinity") == "ClientIP" {
        found.push("spec.SessionAffinity is ignored for headless services".into());
    }
    if spec.str_of("trafficDistribution") == "PreferClose" {
        found.push(
            "spec.trafficDistribution: \"PreferClose\" is deprecated in favor of \"PreferSameZone\"".into(),
        );
    }
}

fn persistent_volume(volume: &At<'_>, found: &mut Vec<String>) {
    let spec = volume.get("spec");
    for key in [
        "volume.beta.kubernetes.io/storage-class",
        "volume.beta.kubernetes.io/mount-options",
    ] {
        let at = volume.at(&["metadata", "annotations"]).key(key);
        let field = if key.ends_with("class") {
            "storageClassName"
        } else {
            "mountOptions"
        };
        if at.present() && field == "storageClassName" {
            found.push(format!(
                "{}: deprecated since v1.8; use \"storageClassName\" attribute instead",
                at.path
            ));
        } else if at.present() {
            found.push(format!(
                "{}: deprecated since v1.31; use \"mountOptions\" attribute instead",
                at.path
            ));
        }
    }
    if spec.str_of("persistentVolumeReclaimPolicy") == "Recycle" {
        let at = spec.get("persistentVolumeReclaimPolicy");
        found.push(format!("{}: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.", at.path));
    }
    for (field, state) in DEPRECATED_VOLUMES.iter().filter(|(f, _)| spec.has(f)) {
        found.push(format!("{}: {state}", spec.get(field).path));
    }
    fraction_of_storage(&spec.get("capacity"), found);
}

fn claim(spec: &At<'_>, found: &mut Vec<String>) {
    for list in ["requests", "limits"] {
        fraction_of_storage(&spec.get("resources").get(list), found);
    }
}

fn fraction_of_storage(list: &At<'_>, found: &mut Vec<String>) {
    let at = list.key("storage");
    let amount = Quantity::of(Some(at.value));
    if at.present() && !amount.is_whole() {
        let text = quote(&amount.to_string());
        found.push(format!(
            "{}: fractional byte value {text} is invalid, must be an integer",
            at.path
        ));
    }
}

fn ingress(ingress: &At<'_>, found: &mut Vec<String>) {
    if ingress
        .at(&["metadata", "annotations"])
        .key("kubernetes.io/ingress.class")
        .present()
    {
        found.push("annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead".into());
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
