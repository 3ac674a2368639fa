//! Environment variables and the downward API.

use super::spec::Context;
use crate::field::{At, Errors, Path};
use crate::names::text::{config_key, env_name};
use crate::names::{dns_subdomain, name_is_subdomain, qualified_name};
use crate::quantity::Quantity;

const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Paths that a volume of the downward API can show.
pub(super) const VOLUME_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const BYTE_DIVISORS: &[&str] = &[
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];

/// `env` of a container.
pub(super) fn env(list: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    for variable in list.items() {
        let name = variable.get("name");
        match name.str() {
            "" => errs.push(name.required("")),
            text => name.invalid_each(env_name(text), errs),
        }
        if variable.has("valueFrom") {
            value_from(&variable, context, errs);
        }
    }
}

fn value_from(variable: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let from = variable.get("valueFrom");
    let mut sources = 0;
    if from.has("fieldRef") {
        sources += 1;
        field_ref(&from.get("fieldRef"), ENV_FIELDS, errs);
    }
    if from.has("resourceFieldRef") {
        sources += 1;
        resource_ref(&from.get("resourceFieldRef"), false, errs);
    }
    for key_ref in ["configMapKeyRef", "secretKeyRef"] {
        if from.has(key_ref) {
            sources += 1;
            key_selector(&from.get(key_ref), errs);
        }
    }
    if from.has("fileKeyRef") {
        sources += 1;
        file_key(&from.get("fileKeyRef"), context, errs);
    }
    let problem = if sources == 0 {
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
    } else if !variable.str_of("value").is_empty() {
        "may not be specified when `value` is not empty"
    } else if sources > 1 {
        "may not have more than one field specified at a time"
    } else {
        return;
    };
    errs.push(from.invalid_as("", problem));
}

/// KEP-3721: a key in a file of an empty directory.
fn file_key(at: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let key = at.get("key");
    match key.str() {
        "" => errs.push(key.required("")),
        text => key.invalid_each(env_name(text), errs),
    }
    let volume = at.get("volumeName");
    match volume.str() {
        "" => errs.push(volume.required("")),
        name if !context.volumes.contains_key(name) => errs.push(volume.not_found()),
        name if !context.volumes[name].has("emptyDir") => {
            errs.push(volume.invalid("referenced volume must be of type emptyDir"));
        }
        _ => {}
    }
    let path = at.get("path");
    match path.str() {
        "" => errs.push(path.required("")),
        _ => super::super::volume_source::local_path(&path, errs),
    }
}

/// A field of the pod, for a variable or a volume.
pub(super) fn field_ref(at: &At<'_>, fields: &[&str], errs: &mut Errors) {
    if at.str_of("apiVersion").is_empty() {
        return errs.push(at.get("apiVersion").required(""));
    }
    let path = at.get("fieldPath");
    if path.str().is_empty() {
        return errs.push(path.required(""));
    }
    let text = path.str();
    if at.str_of("apiVersion") != "v1" {
        return errs.push(path.invalid(format!(
            "error converting fieldPath: unsupported pod version: {}",
            at.str_of("apiVersion")
        )));
    }
    let subscripted = text.strip_suffix("']").and_then(|t| t.split_once("['"));
    if let Some((base, key)) = subscripted {
        let key = match base {
            "metadata.annotations" => key.to_lowercase(),
            "metadata.labels" => key.to_owned(),
            _ => return errs.push(path.invalid(unknown_field(text))),
        };
        return errs.extend(
            qualified_name(&key)
                .into_iter()
                .map(|m| at.invalid_as(key.as_str(), m)),
        );
    }
    let known = [
        "metadata.annotations",
        "metadata.labels",
        "spec.restartPolicy",
        "status.phase",
    ];
    if !known.contains(&text) && !ENV_FIELDS.contains(&text) {
        return errs.push(path.invalid(unknown_field(text)));
    }
    if !fields.contains(&text) {
        errs.push(path.unsupported(fields));
    }
}

fn unknown_field(path: &str) -> String {
    format!("error converting fieldPath: field label not supported: {path}")
}

/// A request or limit of a container, for a variable or a volume.
pub(super) fn resource_ref(at: &At<'_>, in_volume: bool, errs: &mut Errors) {
    let resource = at.get("resource");
    let name = resource.str();
    let huge = name.starts_with("requests.hugepages-") || name.starts_with("limits.hugepages-");
    if in_volume && at.str_of("containerName").is_empty() {
        errs.push(at.get("containerName").required(""));
    } else if name.is_empty() {
        errs.push(resource.required(""));
    } else if !RESOURCES.contains(&name) && !huge {
        errs.push(resource.unsupported(RESOURCES));
    }
    let divisor = Quantity::of(Some(at.get("divisor").value));
    if divisor.is_zero() {
        return;
    }
    let text = divisor.to_string();
    let bytes = |what: &str| {
        let all = BYTE_DIVISORS.join(", ");
        format!("only divisor's values {all} are supported with the {what} resource")
    };
    let wrong = match name.split_once('.').map_or("", |(_, resource)| resource) {
        "cpu" if !matches!(text.as_str(), "1m" | "1") => {
            "only divisor's values 1m and 1 are supported with the cpu resource".to_owned()
        }
        "cpu" => return,
        _ if BYTE_DIVISORS.contains(&text.as_str()) => return,
        "memory" => bytes("memory"),
        "ephemeral-storage" => bytes("local ephemeral storage"),
        _ if huge => bytes("hugepages"),
        _ => return,
    };
    errs.push(at.get("divisor").invalid_as(name, wrong));
}

fn key_selector(at: &At<'_>, errs: &mut Errors) {
    let (name, key) = (at.get("name"), at.get("key"));
    name.invalid_each(dns_subdomain(name.str()), errs);
    match key.str() {
        "" => errs.push(key.required("")),
        text => key.invalid_each(config_key(text), errs),
    }
}

/// `envFrom` of a container. A fault of the choice is reported at the list.
pub(super) fn env_from(list: &At<'_>, errs: &mut Errors) {
    for source in list.items() {
        let prefix = source.get("prefix");
        if !prefix.str().is_empty() {
            prefix.invalid_each(env_name(prefix.str()), errs);
        }
        let given: Vec<_> = ["configMapRef", "secretRef"]
            .into_iter()
            .filter(|f| source.has(f))
            .collect();
        for field in &given {
            let name = source.get(field).get("name");
            match name.str() {
                "" => errs.push(name.required("")),
                text => name.invalid_each(name_is_subdomain(text, true), errs),
            }
        }
        match given.len() {
            0 => errs.push(list.invalid_as("", "must specify one of: `configMapRef` or `secretRef`")),
            1 => {}
            _ => errs.push(list.invalid_as("", "may not have more than one field specified at a time")),
        }
    }
}

/// A file of the downward API; faults are reported at the volume's source.
pub(super) fn downward_file(file: &At<'_>, source: &Path, errs: &mut Errors) {
    let file = At::new(source.clone(), file.value);
    let path = file.get("path");
    if path.str().is_empty() {
        errs.push(path.required(""));
    }
    super::super::volume_source::local_path(&path, errs);
    match (file.has("fieldRef"), file.has("resourceFieldRef")) {
        (true, both) => {
            field_ref(&file.get("fieldRef"), VOLUME_FIELDS, errs);
            if both {
                let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errs.push(file.invalid_as("resource", why));
            }
        }
        (false, true) => resource_ref(&file.get("resourceFieldRef"), true, errs),
        (false, false) => errs.push(file.required("one of fieldRef and resourceFieldRef is required")),
    }
    super::super::volume_source::file_mode(&file.get("mode"), errs);
}
