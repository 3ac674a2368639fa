//! `metadata.managedFields`: who owns what, read and written.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::set::FieldSet;
use super::wire;

/// More entries from updates than this are merged into one.
const MAX_UPDATERS: usize = 10;
/// Manager of the merged entry.
const ANCIENT: &str = "ancient-changes";

/// How an owner wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Everything else.
    Update,
}

/// An owner and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Name that the client gave.
    pub name: String,
    /// How it wrote.
    pub operation: Operation,
    /// Version of the object in which the fields are named.
    pub api_version: String,
    /// Subresource that it wrote to, empty for the object itself.
    pub subresource: String,
    /// When, RFC 3339 to the second.
    pub time: Option<String>,
    /// What it owns.
    pub fields: FieldSet,
}

impl Manager {
    /// Whether both are the same owner: appliers count as one whatever version they use.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    fn seconds(&self) -> i64 {
        let time = self.time.as_deref().and_then(|t| t.parse::<Timestamp>().ok());
        time.map_or(0, Timestamp::as_second)
    }

    /// Sort key of the reference's identifier among owners of the same second.
    fn identifier(&self) -> (&str, Operation, &str, &str) {
        (&self.name, self.operation, &self.api_version, &self.subresource)
    }
}

/// The entries of an object; `None` if one of them can't be read.
pub fn decode(entries: Option<&Value>) -> Option<Vec<Manager>> {
    let entries = match entries {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(entries) => entries.as_array()?,
    };
    let mut out: Vec<Manager> = Vec::with_capacity(entries.len());
    for entry in entries {
        let manager = decode_entry(entry)?;
        out.retain(|m| !m.is_same(&manager));
        out.push(manager);
    }
    Some(out)
}

fn decode_entry(entry: &Value) -> Option<Manager> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return None,
    };
    if text("apiVersion").is_empty() || text("fieldsType") != "FieldsV1" {
        return None;
    }
    let fields = match entry.get("fieldsV1") {
        None | Some(Value::Null) => FieldSet::default(),
        Some(fields) => wire::decode(fields).ok()?,
    };
    Some(Manager {
        name: text("manager").to_owned(),
        operation,
        api_version: text("apiVersion").to_owned(),
        subresource: text("subresource").to_owned(),
        time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
        fields,
    })
}

/// Whether a client asks for the entries to be forgotten: `[]` or `[{}]`.
pub fn is_reset(entries: Option<&Value>) -> bool {
    let Some(Value::Array(entries)) = entries else {
        return false;
    };
    match entries.as_slice() {
        [] => true,
        [Value::Object(one)] => one.is_empty(),
        _ => false,
    }
}

/// Writes the entries into the object: appliers first, then by time and name. No entries: no field.
pub fn store(object: &mut Value, mut managers: Vec<Manager>) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    let metadata = object
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    let Some(metadata) = metadata.as_object_mut() else {
        return;
    };
    if managers.is_empty() {
        metadata.remove("managedFields");
        return;
    }
    managers.sort_by(|a, b| {
        let key = |m: &Manager| (m.operation, m.seconds());
        let rest = |m: &Manager| (m.name.clone(), m.api_version.clone(), m.subresource.clone());
        key(a).cmp(&key(b)).then_with(|| rest(a).cmp(&rest(b)))
    });
    metadata.insert(
        "managedFields".into(),
        managers.iter().map(encode_entry).collect(),
    );
}

fn encode_entry(manager: &Manager) -> Value {
    let mut entry = json!({
        "manager": manager.name,
        "operation": match manager.operation { Operation::Apply => "Apply", Operation::Update => "Update" },
        "apiVersion": manager.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": wire::encode(&manager.fields),
    });
    if let Some(time) = &manager.time {
        entry["time"] = time.as_str().into();
    }
    if !manager.subresource.is_empty() {
        entry["subresource"] = manager.subresource.as_str().into();
    }
    entry
}

/// Merges the oldest entries from updates until there are few enough; one bucket per version.
pub fn cap(managers: &mut Vec<Manager>) {
    let updaters = |managers: &[Manager]| {
        managers
            .iter()
            .filter(|m| m.operation == Operation::Update)
            .count()
    };
    if updaters(managers) <= MAX_UPDATERS {
        return;
    }
    managers.sort_by(|a, b| (a.seconds(), a.identifier()).cmp(&(b.seconds(), b.identifier())));
    let mut at = 0;
    while updaters(managers) > MAX_UPDATERS && at < managers.len() {
        let version = managers[at].api_version.clone();
        let earlier = managers[..at]
            .iter()
            .position(|m| m.operation == Operation::Update && m.api_version == version);
        match earlier {
            Some(first) if managers[at].operation == Operation::Update => {
                let moved = managers.remove(at);
                let bucket = &mut managers[first];
                bucket.name = ANCIENT.to_owned();
                bucket.subresource = String::new();
                bucket.fields = bucket.fields.union(&moved.fields);
                bucket.time = moved.time;
            }
            _ => at += 1,
        }
    }
}
