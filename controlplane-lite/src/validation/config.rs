//! Config maps and secrets.

use super::Rules;
use crate::field::{At, Errors, FieldError, Path};
use crate::names::text::config_key;

/// All data of a config map or secret, in bytes.
const DATA_MAX: usize = 1 << 20;
const FIXED: &str = "field is immutable when `immutable` is set";

/// Rules for `ConfigMap`.
pub(super) fn config_map_rules() -> Rules {
    Rules::new(config_map).again().update(|new, old, errs| {
        unchanged(new, old, &["data", "binaryData"], errs);
        config_map(new, errs);
    })
}

/// Rules for `Secret`.
pub(super) fn secret_rules() -> Rules {
    Rules::new(secret).again().update(|new, old, errs| {
        new.get("type").immutable(old.get("type").value, errs);
        unchanged(new, old, &["data"], errs);
        secret(new, errs);
    })
}

fn unchanged(new: &At<'_>, old: &At<'_>, fields: &[&'static str], errs: &mut Errors) {
    if !old.flag("immutable") {
        return;
    }
    if !new.flag("immutable") {
        errs.push(new.get("immutable").forbidden(FIXED));
    }
    for field in fields {
        let (now, was) = (new.get(field), old.get(field));
        if now.value != was.value && !(now.is_empty() && was.is_empty()) {
            errs.push(now.forbidden(FIXED));
        }
    }
}

fn keys(data: &At<'_>, errs: &mut Errors) {
    for (key, entry) in data.entries() {
        errs.extend(config_key(key).into_iter().map(|m| entry.invalid_as(key, m)));
    }
}

/// Bytes behind base64 text.
fn decoded_len(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn config_map(map: &At<'_>, errs: &mut Errors) {
    let (data, binary) = (map.get("data"), map.get("binaryData"));
    for (key, entry) in data.entries() {
        errs.extend(config_key(key).into_iter().map(|m| entry.invalid_as(key, m)));
        if binary.key(key).present() {
            errs.push(entry.invalid_as(key, "duplicate of key present in binaryData"));
        }
    }
    keys(&binary, errs);
    let text: usize = data.entries().map(|(_, v)| v.len()).sum();
    let bytes: usize = binary.entries().map(|(_, v)| decoded_len(v.str())).sum();
    if text + bytes > DATA_MAX {
        errs.push(FieldError::too_long(&Path::of(""), DATA_MAX));
    }
}

fn secret(secret: &At<'_>, errs: &mut Errors) {
    let data = secret.get("data");
    keys(&data, errs);
    if data.entries().map(|(_, v)| decoded_len(v.str())).sum::<usize>() > DATA_MAX {
        errs.push(FieldError::too_long(&data.path, DATA_MAX));
    }
    let need = |key: &str, errs: &mut Errors| {
        if !data.key(key).present() {
            errs.push(data.key(key).required(""));
        }
    };
    match secret.str_of("type") {
        "kubernetes.io/service-account-token" => {
            let name = secret
                .at(&["metadata", "annotations"])
                .key("kubernetes.io/service-account.name");
            if name.is_empty() {
                errs.push(name.required(""));
            }
        }
        "kubernetes.io/dockercfg" => json_at(&data.key(".dockercfg"), errs),
        "kubernetes.io/dockerconfigjson" => json_at(&data.key(".dockerconfigjson"), errs),
        "kubernetes.io/basic-auth" if !data.key("username").present() && !data.key("password").present() => {
            need("username", errs);
            need("password", errs);
        }
        "kubernetes.io/ssh-auth" if data.key("ssh-privatekey").is_empty() => {
            errs.push(data.key("ssh-privatekey").required(""));
        }
        "kubernetes.io/tls" => {
            need("tls.crt", errs);
            need("tls.key", errs);
        }
        _ => {}
    }
}

/// A file that must be a JSON object; its content is never shown.
fn json_at(at: &At<'_>, errs: &mut Errors) {
    use base64::Engine;
    if !at.present() {
        return errs.push(at.required(""));
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(at.str())
        .unwrap_or_default();
    let why = match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(value) if value.is_object() || value.is_null() => return,
        Ok(_) => "json: cannot unmarshal value into Go value of type map[string]interface {}",
        Err(_) if bytes.is_empty() => "unexpected end of JSON input",
        Err(_) => "invalid character in JSON input",
    };
    errs.push(at.invalid_as("<secret contents redacted>", why));
}
