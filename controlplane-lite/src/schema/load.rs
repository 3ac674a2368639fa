//! Reads the embedded data: OpenAPI definitions and the Go fields of the same types.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use super::build::{Builder, Definition, GoField, GoFields};
use super::{Omit, Schema};

/// The definitions as the reference publishes them, without descriptions (gzip, JSON).
pub(super) static DEFINITIONS: &[u8] = include_bytes!("../../data/definitions.json.gz");

/// One line per definition, followed by ` field flags type [embedded]` for each field; flags are `e`
/// (omitempty), `z` (omitzero), `p` (pointer) or `-`; embedded names the structs between (gzip, text).
static GO_TYPES: &[u8] = include_bytes!("../../data/go-types.txt.gz");

/// Value of a list key that an item leaves out, where the reference's published schema (v3) has a default and
/// the v2 definitions have none: definition, field, value.
const KEY_DEFAULTS: [(&str, &str, &str); 2] = [
    ("io.k8s.api.core.v1.ContainerPort", "protocol", "TCP"),
    ("io.k8s.api.core.v1.ServicePort", "protocol", "TCP"),
];

/// Builds the schema of the built-in kinds.
///
/// # Panics
/// If the embedded data is damaged, which a test excludes.
pub(super) fn builtin() -> Schema {
    let text = gunzip(GO_TYPES);
    let text = String::from_utf8(text).expect("embedded Go types are text");
    let go = go_types(&text);
    let mut definitions: BTreeMap<String, Definition> =
        serde_json::from_slice(&gunzip(DEFINITIONS)).expect("embedded definitions are JSON");
    for (name, field, value) in KEY_DEFAULTS {
        if let Some(p) = definitions
            .get_mut(name)
            .and_then(|d| d.properties.get_mut(field))
        {
            p.default = Some(value.into());
        }
    }
    split_overrides(&mut definitions);
    let none = GoFields::new();
    let mut builder = Builder::new(None);
    for (name, definition) in &definitions {
        let plain = name.split('#').next().unwrap_or_default();
        builder.define(name, definition, Some(go.get(plain).unwrap_or(&none)));
    }
    builder.finish()
}

/// A field may refer to a type and give it another map type (`PersistentVolume`'s `claimRef`): such a field gets
/// a definition of its own, `NAME#MAPTYPE`.
fn split_overrides(definitions: &mut BTreeMap<String, Definition>) {
    let mut added = Vec::new();
    for property in definitions.values_mut().flat_map(|d| d.properties.values_mut()) {
        if let (Some(reference), Some(map_type)) = (&property.reference, &property.map_type) {
            let plain = reference.trim_start_matches("#/definitions/").to_owned();
            let name = format!("{plain}#{map_type}");
            property.reference = Some(name.clone());
            added.push((name, plain, map_type.clone()));
        }
    }
    for (name, plain, map_type) in added {
        if let Some(mut copy) = definitions.get(&plain).cloned() {
            copy.map_type = Some(map_type);
            copy.kinds.clear();
            definitions.insert(name, copy);
        }
    }
}

/// The content of an embedded gzip member.
pub(super) fn gunzip(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() * 12);
    flate2::read::GzDecoder::new(data)
        .read_to_end(&mut out)
        .expect("embedded data is gzip");
    out
}

fn go_types(text: &str) -> HashMap<&str, GoFields<'_>> {
    let mut out: HashMap<&str, GoFields<'_>> = HashMap::new();
    let mut current = "";
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(' ') else {
            current = line;
            continue;
        };
        let mut words = rest.splitn(4, ' ');
        let (Some(name), Some(flags), Some(type_name)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let omit = match flags {
            f if f.contains('z') => Omit::Zero,
            f if f.contains('e') => Omit::Empty,
            _ => Omit::Never,
        };
        let pointer = flags.contains('p');
        out.entry(current).or_default().insert(
            name,
            GoField {
                omit,
                pointer,
                type_name,
                via: words.next().unwrap_or_default(),
            },
        );
    }
    out
}
