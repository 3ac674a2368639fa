//! The status of a pod.

use crate::field::{At, Errors, FieldError, Path};
use crate::names::net::{ip, parse_ip_sloppy};
use crate::names::text::unix_id;
use crate::names::{dns_subdomain, qualified_name};
use crate::quantity::pod::is_sidecar;
use serde_json::Value;

/// A change of the status.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    super::update::annotations(new, old, errs);
    conditions(&new.at(&["status", "conditions"]), errs);
    let (status, old_status) = (new.get("status"), old.get("status"));
    let node = status.get("nominatedNodeName");
    if node.str() != old_status.str_of("nominatedNodeName") && !node.str().is_empty() {
        node.invalid_each(dns_subdomain(node.str()), errs);
    }
    status
        .get("qosClass")
        .immutable(old_status.get("qosClass").value, errs);
    let policy = old.get("spec").str_of("restartPolicy");
    let sidecars: Vec<&str> = old
        .at(&["spec", "initContainers"])
        .items()
        .filter(|c| is_sidecar(c.value))
        .map(|c| c.str_of("name"))
        .collect();
    for (field, policy) in [
        ("containerStatuses", policy),
        ("initContainerStatuses", policy),
        ("ephemeralContainerStatuses", "Never"),
    ] {
        transitions(
            &status.get(field),
            &old_status.get(field),
            policy,
            &sidecars,
            errs,
        );
    }
    claims(
        &status.get("resourceClaimStatuses"),
        &new.at(&["spec", "resourceClaims"]),
        errs,
    );
    addresses(&status.get("podIPs"), errs);
    host_addresses(&status, errs);
    for field in [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ] {
        status.get(field).items().for_each(|s| user(&s, errs));
    }
}

/// Conditions that others than the system set have qualified names.
fn conditions(list: &At<'_>, errs: &mut Errors) {
    let list = At::new(Path::of("metadata").child("conditions"), list.value);
    for condition in list.items() {
        let kind = condition.str_of("type");
        if !matches!(kind, "PodScheduled" | "Ready" | "Initialized") {
            let at = condition.get("Type");
            errs.extend(qualified_name(kind).into_iter().map(|m| at.invalid_as(kind, m)));
        }
    }
}

/// A terminated container stays so unless it may be restarted.
fn transitions(new: &At<'_>, old: &At<'_>, policy: &str, sidecars: &[&str], errs: &mut Errors) {
    if policy == "Always" {
        return;
    }
    for (index, before) in old.items().enumerate() {
        let ended = before.at(&["state", "terminated"]);
        let failed = ended.int_of("exitCode").unwrap_or(0) != 0;
        let name = before.str_of("name");
        if !ended.present() || (failed && policy == "OnFailure") || sidecars.contains(&name) {
            continue;
        }
        if new
            .items()
            .any(|now| now.str_of("name") == name && !now.get("state").has("terminated"))
        {
            let path = new.path.index(index).child("state");
            errs.push(FieldError::forbidden(
                &path,
                "may not be transitioned to non-terminated state",
            ));
        }
    }
}

fn claims(list: &At<'_>, spec: &At<'_>, errs: &mut Errors) {
    let mut seen = Vec::new();
    for status in list.items() {
        let name = status.get("name");
        if !spec.items().any(|c| c.str_of("name") == name.str()) {
            errs.push(name.invalid("must match the name of an entry in `spec.resourceClaims`"));
        }
        if seen.contains(&name.str()) {
            errs.push(name.duplicate());
        }
        seen.push(name.str());
        let claim = status.get("resourceClaimName");
        if claim.present() {
            errs.extend(
                dns_subdomain(claim.str())
                    .into_iter()
                    .map(|m| name.invalid_as(claim.str(), m)),
            );
        }
    }
}

/// Addresses of a pod or host: at most one per family, none twice.
fn addresses(list: &At<'_>, errs: &mut Errors) {
    for entry in list.items() {
        ip(&At::new(entry.path.clone(), entry.get("ip").value), errs);
    }
    if list.len() < 2 {
        return;
    }
    let parsed: Vec<_> = list
        .items()
        .filter_map(|e| parse_ip_sloppy(e.str_of("ip")))
        .collect();
    let dual = parsed.iter().any(|a| a.is_ipv4()) && parsed.iter().any(|a| a.is_ipv6());
    if !dual || list.len() > 2 {
        errs.push(list.invalid("may specify no more than one IP for each IP family"));
    }
    let mut seen: Vec<&Value> = Vec::new();
    for entry in list.items() {
        if seen.contains(&entry.value) {
            errs.push(entry.duplicate());
        }
        seen.push(entry.value);
    }
}

fn host_addresses(status: &At<'_>, errs: &mut Errors) {
    let list = status.get("hostIPs");
    if let Some(first) = list.items().next()
        && first.str_of("ip") != status.str_of("hostIP")
    {
        errs.push(first.get("ip").invalid("must be equal to `hostIP`"));
    }
    addresses(&list, errs);
}

fn user(status: &At<'_>, errs: &mut Errors) {
    let linux = At::new(status.path.child("linux"), status.at(&["user", "linux"]).value);
    let groups = linux.get("supplementalGroups");
    for id in [linux.get("uid"), linux.get("gid")]
        .into_iter()
        .chain(groups.items())
    {
        if let Some(number) = id.int() {
            errs.extend(unix_id(number).into_iter().map(|m| id.invalid(m)));
        }
    }
}
