//! Security contexts: identities, seccomp, AppArmor, sysctls.

use super::{APPARMOR_PREFIX, lists, windows};
use crate::field::{At, ErrorKind, Errors, FieldError, show_struct};
use crate::names::text::unix_id;
use crate::validation::volume_source::local_descending;

const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const PROFILES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];

fn id(at: &At<'_>, errs: &mut Errors) {
    if let Some(number) = at.int() {
        errs.extend(unix_id(number).into_iter().map(|m| at.invalid(m)));
    }
}

/// The security context of a pod.
pub(super) fn pod(spec: &At<'_>, errs: &mut Errors) {
    let context = spec.get("securityContext");
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        id(&context.get(field), errs);
    }
    context
        .get("supplementalGroups")
        .items()
        .for_each(|group| id(&group, errs));
    if spec.flag("shareProcessNamespace") && spec.flag("hostPID") {
        let at = context.get("shareProcessNamespace");
        errs.push(at.invalid_as(true, "ShareProcessNamespace and HostPID cannot both be enabled"));
    }
    sysctls(spec, errs);
    context
        .get("fsGroupChangePolicy")
        .one_of_if_set(&["Always", "OnRootMismatch"], errs);
    seccomp(&context.get("seccompProfile"), errs);
    windows::options(&context.get("windowsOptions"), errs);
    app_armor(&context.get("appArmorProfile"), errs);
    context
        .get("supplementalGroupsPolicy")
        .one_of_if_set(&["Merge", "Strict"], errs);
    context
        .get("seLinuxChangePolicy")
        .one_of_if_set(&["MountOption", "Recursive"], errs);
}

fn sysctls(spec: &At<'_>, errs: &mut Errors) {
    let mut seen = Vec::new();
    for sysctl in spec.at(&["securityContext", "sysctls"]).items() {
        let name = sysctl.get("name");
        let text = name.str();
        if text.is_empty() {
            errs.push(name.required(""));
        } else if !is_sysctl(text) {
            errs.push(name.invalid("must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"));
        } else if seen.contains(&text) {
            errs.push(name.duplicate());
        }
        seen.push(text);
        let dotted = text.replace('/', ".");
        let ipc = ["kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue."]
            .iter()
            .any(|p| dotted.starts_with(p));
        if spec.flag("hostNetwork") && dotted.starts_with("net.") {
            errs.push(name.invalid("may not be specified when 'hostNetwork' is true"));
        } else if spec.flag("hostIPC") && ipc {
            errs.push(name.invalid("may not be specified when 'hostIPC' is true"));
        }
    }
}

fn is_sysctl(text: &str) -> bool {
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 253
        && text.split(['.', '/']).all(|part| {
            let bytes = part.as_bytes();
            bytes.first().is_some_and(|b| edge(*b))
                && bytes.last().is_some_and(|b| edge(*b))
                && bytes.iter().all(|b| edge(*b) || *b == b'-' || *b == b'_')
        })
}

fn seccomp(at: &At<'_>, errs: &mut Errors) {
    if !at.present() {
        return;
    }
    let (kind, local) = (at.get("type"), at.get("localhostProfile"));
    match kind.str() {
        "" => errs.push(kind.required("type is required when seccompProfile is set")),
        text if !PROFILES.contains(&text) => errs.push(kind.unsupported(PROFILES)),
        _ => {}
    }
    match (kind.str() == "Localhost", local.present()) {
        (true, false) => errs.push(local.required("must be set when seccomp type is Localhost")),
        (true, true) => local_descending(&local, errs),
        (false, true) => {
            let why = "can only be set when seccomp type is Localhost";
            let shown = show_struct(
                at.value,
                &[
                    ("Type", "type", "\"\""),
                    ("LocalhostProfile", "localhostProfile", "null"),
                ],
            );
            errs.push(FieldError::with_shown(
                ErrorKind::Invalid,
                &local.path,
                shown,
                why,
            ));
        }
        (false, false) => {}
    }
}

fn app_armor(at: &At<'_>, errs: &mut Errors) {
    if !at.present() {
        return;
    }
    let (kind, local) = (at.get("type"), at.get("localhostProfile"));
    match kind.str() {
        "Localhost" => {
            if local.str().trim() != local.str() {
                errs.push(local.invalid("must not be padded with whitespace"));
            } else if local.str().is_empty() {
                errs.push(local.required("must be set when AppArmor type is Localhost"));
            }
            if local.len() > 4095 {
                errs.push(FieldError::too_long(&local.path, 4095));
            }
        }
        "RuntimeDefault" | "Unconfined" if local.present() => {
            errs.push(local.invalid("can only be set when AppArmor type is Localhost"));
        }
        "RuntimeDefault" | "Unconfined" => {}
        "" => errs.push(kind.required("type is required when appArmorProfile is set")),
        _ => errs.push(kind.unsupported(PROFILES)),
    }
}

/// A fault of a container's security context as a whole, which is shown as the reference's struct.
fn shown_context(context: &At<'_>, why: &str) -> FieldError {
    let mut copy = context.value.clone();
    let capabilities = context.get("capabilities");
    let lists = [("Add", "add", "null"), ("Drop", "drop", "null")];
    let text = show_struct(capabilities.value, &lists);
    if let (true, Ok(value)) = (capabilities.present(), serde_json::from_str(&text)) {
        copy["capabilities"] = value;
    }
    let names = [
        ("Capabilities", "capabilities"),
        ("Privileged", "privileged"),
        ("SELinuxOptions", "seLinuxOptions"),
        ("WindowsOptions", "windowsOptions"),
        ("RunAsUser", "runAsUser"),
        ("RunAsGroup", "runAsGroup"),
        ("RunAsNonRoot", "runAsNonRoot"),
        ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem"),
        ("AllowPrivilegeEscalation", "allowPrivilegeEscalation"),
        ("ProcMount", "procMount"),
        ("SeccompProfile", "seccompProfile"),
        ("AppArmorProfile", "appArmorProfile"),
    ];
    let fields = names.map(|(go, wire)| (go, wire, "null"));
    FieldError::with_shown(
        ErrorKind::Invalid,
        &context.path,
        show_struct(&copy, &fields),
        why,
    )
}

/// The security context of a container.
pub(super) fn container(context: &At<'_>, host_users: bool, errs: &mut Errors) {
    id(&context.get("runAsUser"), errs);
    id(&context.get("runAsGroup"), errs);
    let mount = context.get("procMount");
    mount.one_of_if_set(&["Default", "Unmasked"], errs);
    if host_users && mount.str() == "Unmasked" {
        errs.push(mount.invalid("`hostUsers` must be false to use `Unmasked`"));
    }
    seccomp(&context.get("seccompProfile"), errs);
    if context.get("allowPrivilegeEscalation").value == &serde_json::Value::Bool(false) {
        if context.flag("privileged") {
            errs.push(shown_context(
                context,
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            ));
        }
        let added = context.at(&["capabilities", "add"]);
        for _ in added.items().filter(|c| c.str() == "CAP_SYS_ADMIN") {
            let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errs.push(shown_context(context, why));
        }
    }
    windows::options(&context.get("windowsOptions"), errs);
    app_armor(&context.get("appArmorProfile"), errs);
}

/// Seccomp profiles in annotations, the form before there were fields.
pub(super) fn seccomp_annotations(notes: &At<'_>, errs: &mut Errors) {
    for (key, value) in notes
        .entries()
        .filter(|(k, _)| *k == SECCOMP_POD || k.starts_with(SECCOMP_CONTAINER))
    {
        let at = At::new(notes.path.child(key.to_owned()), value.value);
        match at.str() {
            "runtime/default" | "docker/default" | "unconfined" => {}
            text => match text.strip_prefix("localhost/") {
                Some(path) => {
                    let path = serde_json::Value::from(path);
                    local_descending(&At::new(at.path.clone(), &path), errs);
                }
                None => errs.push(at.invalid("must be a valid seccomp profile")),
            },
        }
    }
}

/// Fields and annotations that say the same must say it alike.
pub(super) fn annotations_match(metadata: &At<'_>, spec: &At<'_>, errs: &mut Errors) {
    let notes = metadata.get("annotations");
    let seccomp = |holder: &At<'_>, key: &str, errs: &mut Errors| {
        let (profile, note) = (holder.at(&["securityContext", "seccompProfile"]), notes.key(key));
        if profile.present() && note.present() {
            profile_matches(&profile, note.str(), "seccomp", errs);
        }
    };
    seccomp(spec, SECCOMP_POD, errs);
    for container in lists::all(spec) {
        seccomp(
            &container,
            &format!("{SECCOMP_CONTAINER}{}", container.str_of("name")),
            errs,
        );
    }
    if spec.at(&["os", "name"]).str() == "windows" {
        return;
    }
    for container in lists::all(spec) {
        let own = container.at(&["securityContext", "appArmorProfile"]);
        let pod = spec.at(&["securityContext", "appArmorProfile"]);
        let profile = if own.present() { own.value } else { pod.value };
        let note = notes.key(&format!("{APPARMOR_PREFIX}{}", container.str_of("name")));
        if !profile.is_null() && note.present() {
            profile_matches(&At::new(own.path.clone(), profile), note.str(), "apparmor", errs);
        }
    }
}

fn profile_matches(profile: &At<'_>, note: &str, what: &str, errs: &mut Errors) {
    let same_type = match profile.str_of("type") {
        "Unconfined" => note == "unconfined",
        "RuntimeDefault" => note == "runtime/default" || (what == "seccomp" && note == "docker/default"),
        "Localhost" => note.starts_with("localhost/"),
        _ => true,
    };
    if !same_type {
        errs.push(
            profile
                .get("type")
                .forbidden(format!("{what} type in annotation and field must match")),
        );
    } else if let Some(path) = note.strip_prefix("localhost/")
        && path != profile.str_of("localhostProfile")
    {
        let at = profile.get("localhostProfile");
        errs.push(at.forbidden(format!("{what} profile in annotation and field must match")));
    }
}
