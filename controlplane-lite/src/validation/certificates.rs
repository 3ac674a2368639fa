//! Certificate signing requests.

use super::Rules;
use crate::field::{At, Errors, FieldError, Path, quote};
use crate::names::{Messages, dns_label, dns_subdomain, name_is_path_segment};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509CertificationRequest};

/// Usages that a certificate may be asked for.
const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// Rules for `CertificateSigningRequest`.
pub(super) fn rules() -> Rules {
    Rules::new(request)
        .cluster()
        .named(name_is_path_segment)
        .again()
        .update(|new, old, errs| {
            request(new, errs);
            conditions(new, old, &[], errs);
            certificate_kept(new, old, errs);
        })
        .status(|new, old, errs| {
            request(new, errs);
            conditions(new, old, &["Failed"], errs);
        })
}

/// The `approval` subresource.
pub(super) fn approval(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    request(new, errs);
    conditions(new, old, &["Approved", "Denied"], errs);
    certificate_kept(new, old, errs);
}

fn request(csr: &At<'_>, errs: &mut Errors) {
    let spec = csr.get("spec");
    let at = spec.get("request");
    if let Err(why) = parse(at.str()) {
        errs.push(at.invalid_str(why));
    }
    let usages = spec.get("usages");
    if usages.is_empty() {
        errs.push(usages.required(""));
    }
    let mut seen = Vec::new();
    for usage in usages.items() {
        if !USAGES.contains(&usage.str()) {
            errs.push(usage.unsupported(USAGES));
        }
        if seen.contains(&usage.str()) {
            errs.push(usage.duplicate());
        }
        seen.push(usage.str());
    }
    let signer = spec.get("signerName");
    if signer.str() == "kubernetes.io/legacy-unknown" {
        errs.push(signer.invalid("the legacy signerName is not allowed via this API version"));
    } else {
        signer_name(&signer, errs);
    }
    let seconds = spec.get("expirationSeconds");
    if seconds.int().is_some_and(|s| s < 600) {
        errs.push(seconds.invalid("may not specify a duration less than 600 seconds (10 minutes)"));
    }
    condition_list(csr, errs);
}

/// Whether the base64 text holds a PEM block with a request in it.
fn parse(text: &str) -> Result<(), String> {
    const TYPE: &str = "PEM block type must be CERTIFICATE REQUEST";
    let bytes = STANDARD.decode(text).map_err(|_| TYPE.to_owned())?;
    let pem = Pem::iter_from_buffer(&bytes)
        .next()
        .and_then(Result::ok)
        .ok_or(TYPE)?;
    if pem.label != "CERTIFICATE REQUEST" {
        return Err(TYPE.into());
    }
    let malformed = |_| "asn1: structure error: malformed certificate request".to_owned();
    X509CertificationRequest::from_der(&pem.contents)
        .map(|_| ())
        .map_err(malformed)
}

/// The name of a signer: a domain and a path.
pub(super) fn signer_name(at: &At<'_>, errs: &mut Errors) {
    let text = at.str();
    if text.is_empty() {
        return errs.push(at.required(""));
    }
    let Some((domain, path)) = text.split_once('/').filter(|(_, path)| !path.contains('/')) else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return errs.push(at.invalid(why));
    };
    if domain.len() > 253 {
        errs.push(FieldError::too_long(&at.path, 253));
    }
    labels(at, domain, dns_label, errs);
    if !domain.contains('.') {
        errs.push(at.invalid_as(
            domain,
            "should be a domain with at least two segments separated by dots",
        ));
    }
    labels(at, path, dns_subdomain, errs);
    for (length, max) in [(path.len(), 317), (text.len(), 571)] {
        if length > max {
            errs.push(FieldError::too_long(&at.path, max));
        }
    }
}

/// The labels of one half of a signer's name.
fn labels(at: &At<'_>, part: &str, check: fn(&str) -> Messages, errs: &mut Errors) {
    for label in part.split('.') {
        for message in check(label) {
            errs.push(at.invalid_as(part, format!("validating label {}: {message}", quote(label))));
        }
    }
}

fn condition_list(csr: &At<'_>, errs: &mut Errors) {
    let list = csr.at(&["status", "conditions"]);
    let (mut approved, mut denied) = (false, false);
    let mut seen = Vec::new();
    for condition in list.items() {
        let (kind, status) = (condition.get("type"), condition.get("status"));
        match kind.str() {
            "" => errs.push(kind.required("")),
            "Approved" => approved = true,
            "Denied" => denied = true,
            _ => {}
        }
        if approved && denied {
            errs.push(condition.invalid("Approved and Denied conditions are mutually exclusive"));
        }
        let decision = matches!(kind.str(), "Approved" | "Denied" | "Failed");
        match status.str() {
            "" => errs.push(status.required("")),
            "True" => {}
            "False" | "Unknown" if !decision => {}
            _ if decision => errs.push(status.unsupported(&["True"])),
            _ => errs.push(status.unsupported(&["False", "True", "Unknown"])),
        }
        if seen.contains(&kind.str()) {
            errs.push(condition.get("type").duplicate());
        }
        seen.push(kind.str());
    }
}

/// Decisions appear through their own doors and never go away.
fn conditions(new: &At<'_>, old: &At<'_>, allowed: &[&str], errs: &mut Errors) {
    let of = |csr: &At<'_>, kind: &str| -> Vec<serde_json::Value> {
        let list = csr.at(&["status", "conditions"]);
        list.items()
            .filter(|c| c.str_of("type") == kind)
            .map(|c| c.value.clone())
            .collect()
    };
    let path = Path::of("status").child("conditions");
    for kind in ["Approved", "Denied", "Failed"] {
        let (now, before) = (of(new, kind), of(old, kind));
        if before.is_empty() && !now.is_empty() && !allowed.contains(&kind) {
            errs.push(FieldError::forbidden(
                &path,
                format!("updates may not add a condition of type \"{kind}\""),
            ));
        } else if before.iter().any(|b| !now.contains(b)) {
            let why = format!("updates may not remove a condition of type \"{kind}\"");
            let changed = format!("updates may not modify a condition of type \"{kind}\"");
            errs.push(FieldError::forbidden(
                &path,
                if now.is_empty() { why } else { changed },
            ));
        }
    }
}

fn certificate_kept(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let at = new.at(&["status", "certificate"]);
    if at.value != old.at(&["status", "certificate"]).value {
        errs.push(at.forbidden("updates may not set certificate content"));
    }
}
