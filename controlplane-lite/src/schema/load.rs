//! Reads the embedded data: OpenAPI definitions and the Go fields of the same types.

use std::collections::HashMap;
use std::io::Read;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};

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

/// Builds the schema of the built-in kinds, one definition at a time, so that the whole text is never held as
/// a tree.
///
/// # Panics
/// If the embedded data is damaged, which a test excludes.
pub(super) fn builtin() -> Schema {
    let text = gunzip(GO_TYPES);
    let text = String::from_utf8(text).expect("embedded Go types are text");
    let mut builder = Builder::new(None);
    let definitions = Definitions {
        go: go_types(&text),
        builder: &mut builder,
    };
    let input = flate2::read::GzDecoder::new(DEFINITIONS);
    let mut input = serde_json::Deserializer::from_reader(std::io::BufReader::new(input));
    input
        .deserialize_map(definitions)
        .expect("embedded definitions are JSON");
    builder.finish()
}

/// Feeds each definition into the builder as it is read.
struct Definitions<'a> {
    go: HashMap<&'a str, GoFields<'a>>,
    builder: &'a mut Builder,
}

impl<'de> Visitor<'de> for Definitions<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("definitions by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let none = GoFields::new();
        while let Some((name, mut definition)) = map.next_entry::<String, Definition>()? {
            for (owner, field, value) in KEY_DEFAULTS {
                if owner == name
                    && let Some(property) = definition.properties.get_mut(field)
                {
                    property.default = Some(value.into());
                }
            }
            let go = self.go.get(name.as_str()).unwrap_or(&none);
            self.builder.define(&name, &definition, Some(go));
        }
        Ok(())
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
