//! Event, which core/v1 and events.k8s.io/v1 serve in two forms over one stored form (core's).

use serde_json::Value;

use crate::resource::{Resource, SelectableField};
use crate::table::core;

/// Field of core/v1 and its name in events.k8s.io/v1.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

const REFERENCE: &[&str] = &[
    "kind",
    "namespace",
    "name",
    "uid",
    "apiVersion",
    "resourceVersion",
    "fieldPath",
];

/// core/v1 events.
pub fn core() -> Resource {
    let mut row = Resource::new("", "v1", "Event", "events")
        .short(&["ev"])
        .table(core::event_columns(), core::event)
        .field("reason", "")
        .field("reportingComponent", "")
        .field("type", "");
    row.fields.push(SelectableField {
        label: "source".into(),
        path: "source.component".into(),
        absent: "".into(),
    });
    row.fields.extend(reference_fields("involvedObject"));
    row
}

/// events.k8s.io/v1 events.
pub fn grouped() -> Resource {
    let mut row = Resource::new("events.k8s.io", "v1", "Event", "events")
        .short(&["ev"])
        .table(core::event_columns(), core::event)
        .field("reason", "")
        .field("type", "");
    row.fields.push(SelectableField {
        label: "reportingController".into(),
        path: "reportingComponent".into(),
        absent: "".into(),
    });
    row.fields.extend(reference_fields("regarding"));
    row.convert = Some((to_core, from_core));
    row
}

fn reference_fields(label: &'static str) -> impl Iterator<Item = SelectableField> {
    REFERENCE.iter().map(move |field| SelectableField {
        label: format!("{label}.{field}").into(),
        path: format!("involvedObject.{field}").into(),
        absent: "".into(),
    })
}

fn renamed(mut event: Value, api_version: &str, name: impl Fn(&(&str, &str)) -> (String, String)) -> Value {
    if let Some(map) = event.as_object_mut() {
        for pair in RENAMED {
            let (from, to) = name(pair);
            if let Some(value) = map.remove(&from) {
                map.insert(to, value);
            }
        }
        map.insert("apiVersion".into(), api_version.into());
    }
    event
}

fn to_core(event: Value) -> Value {
    renamed(event, "v1", |(core, grouped)| ((*grouped).into(), (*core).into()))
}

fn from_core(event: Value) -> Value {
    renamed(event, "events.k8s.io/v1", |(core, grouped)| {
        ((*core).into(), (*grouped).into())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_comes_back_unchanged_from_the_stored_form() {
        let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
            "regarding": {"kind": "Pod"}, "note": "n", "reportingController": "c", "action": "a"});
        let stored = to_core(event.clone());
        assert_eq!(
            (&stored["apiVersion"], &stored["message"]),
            (&json!("v1"), &json!("n"))
        );
        assert_eq!(from_core(stored), event);
    }
}
