//! What concerns Windows: its options, and what a pod for it may not say.

use super::lists;
use crate::field::{At, Errors};
use crate::names::dns_subdomain;
use serde_json::Value;

const NOT_LINUX: &str = "windows options cannot be set for a linux pod";
const NOT_WINDOWS: &str = "cannot be set for a windows pod";

/// `windowsOptions` of a pod or container; absent ones pass.
pub(super) fn options(at: &At<'_>, errs: &mut Errors) {
    let name = at.get("gmsaCredentialSpecName");
    if name.present() {
        name.invalid_each(dns_subdomain(name.str()), errs);
    }
    let spec = at.get("gmsaCredentialSpec");
    if spec.present() && spec.is_empty() {
        errs.push(spec.invalid("gmsaCredentialSpec cannot be an empty string"));
    } else if spec.len() > 64 << 10 {
        errs.push(spec.invalid("gmsaCredentialSpec size must be under 64 KiB"));
    }
    let user = at.get("runAsUserName");
    if user.present() {
        user_name(&user, errs);
    }
}

fn user_name(at: &At<'_>, errs: &mut Errors) {
    let text = at.str();
    let parts: Vec<&str> = text.split('\\').collect();
    let (domain, user) = match parts[..] {
        _ if text.is_empty() => return errs.push(at.invalid("runAsUserName cannot be an empty string")),
        _ if text.chars().any(|c| c.is_ascii_control()) => {
            return errs.push(at.invalid("runAsUserName cannot contain control characters"));
        }
        [user] => (None, user),
        [domain, user] => (Some(domain), user),
        _ => return errs.push(at.invalid("runAsUserName cannot contain more than one backslash")),
    };
    if domain.is_some_and(|d| d.len() >= 256) {
        errs.push(at.invalid("runAsUserName's Domain length must be under 256 characters"));
    }
    if domain.is_some_and(|d| !is_domain(d)) {
        errs.push(at.invalid("runAsUserName's Domain doesn't match the NetBios nor the DNS format"));
    }
    if user.is_empty() {
        errs.push(at.invalid("runAsUserName's User cannot be empty"));
    } else if user.len() > 104 {
        errs.push(at.invalid("runAsUserName's User length must not be longer than 104 characters"));
    }
    if !user.is_empty() && user.chars().all(|c| c == '.' || c == ' ') {
        errs.push(at.invalid("runAsUserName's User cannot contain only periods or spaces"));
    }
    if user.contains(|c| "\"/\\:;|=,+*?<>@[]".contains(c)) {
        let why = "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]";
        errs.push(at.invalid(why));
    }
}

fn is_domain(text: &str) -> bool {
    let forbidden = |c: char| "\\/:*?\"<>|".contains(c);
    let net_bios =
        !text.is_empty() && text.len() <= 15 && !text.starts_with('.') && !text.contains(forbidden);
    net_bios || dns_subdomain(&text.to_ascii_lowercase()).is_empty()
}

/// Host processes: all containers or none, and on the host's network.
pub(super) fn host_process(spec: &At<'_>, errs: &mut Errors) {
    let flag = |holder: &At<'_>| {
        holder
            .at(&["securityContext", "windowsOptions", "hostProcess"])
            .value
            .as_bool()
    };
    let pod = flag(spec);
    let (mut all, mut host) = (0, 0);
    for container in lists::all(spec) {
        all += 1;
        let own = flag(&container);
        if let (Some(pod), Some(own)) = (pod, own)
            && pod != own
        {
            let why = format!("pod hostProcess value must be identical if both are specified, was {pod}");
            errs.push(
                container
                    .at(&["securityContext", "windowsOptions", "hostProcess"])
                    .invalid_as(own, why),
            );
        }
        host += u32::from(own.or(pod) == Some(true));
    }
    if host == 0 {
        return;
    }
    if host != all {
        let why =
            "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errs.push(spec.invalid_as("", why));
    }
    if !spec.flag("hostNetwork") {
        let why = "hostNetwork must be true if pod contains any hostProcess containers";
        errs.push(spec.get("hostNetwork").invalid_as(false, why));
    }
}

/// `os` of a pod, and the fields that do not fit it.
pub(super) fn os(spec: &At<'_>, errs: &mut Errors) {
    let os = spec.get("os");
    match os.str_of("name") {
        _ if !os.present() => {}
        "" => errs.push(os.get("name").required("cannot be empty")),
        "linux" => linux(spec, errs),
        "windows" => windows(spec, errs),
        name => errs.push(crate::field::FieldError::not_supported(
            &os.path,
            &Value::from(name),
            &["linux", "windows"],
        )),
    }
}

fn linux(spec: &At<'_>, errs: &mut Errors) {
    for holder in std::iter::once(spec.clone()).chain(lists::all(spec)) {
        let options = holder.at(&["securityContext", "windowsOptions"]);
        if options.present() {
            errs.push(options.forbidden(NOT_LINUX));
        }
    }
}

fn windows(spec: &At<'_>, errs: &mut Errors) {
    const POD: &[&str] = &[
        "securityContext.appArmorProfile",
        "securityContext.seLinuxOptions",
        "hostUsers",
        "hostPID",
        "hostIPC",
        "securityContext.seccompProfile",
        "securityContext.fsGroup",
        "securityContext.fsGroupChangePolicy",
        "securityContext.sysctls",
        "shareProcessNamespace",
        "securityContext.runAsUser",
        "securityContext.runAsGroup",
        "securityContext.supplementalGroups",
        "securityContext.supplementalGroupsPolicy",
        "securityContext.seLinuxChangePolicy",
    ];
    const CONTAINER: &[&str] = &[
        "appArmorProfile",
        "seLinuxOptions",
        "seccompProfile",
        "capabilities",
        "readOnlyRootFilesystem",
        "privileged",
        "allowPrivilegeEscalation",
        "procMount",
        "runAsUser",
        "runAsGroup",
    ];
    for path in POD {
        let at = match path.split_once('.') {
            Some((_, field)) => spec.get("securityContext").get(field),
            None => spec.get(path),
        };
        let plain_flag = matches!(*path, "hostPID" | "hostIPC");
        if at.present() && (!plain_flag || at.is_true()) {
            errs.push(at.forbidden(NOT_WINDOWS));
        }
    }
    for container in lists::all(spec) {
        let context = container.get("securityContext");
        for field in CONTAINER.iter().filter(|f| context.has(f)) {
            errs.push(context.get(field).forbidden(NOT_WINDOWS));
        }
    }
}
