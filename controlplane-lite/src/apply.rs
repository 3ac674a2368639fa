//! Field ownership and server-side apply.
//!
//! *Expected flow.* A write is decoded and defaulted, then its ownership is tracked, then come admission,
//! preparation and validation: what those change belongs to nobody, as in the reference.
//! - create, update and patches: [`track_update`] with the live object (none on create) and the new one;
//! - apply patches: [`server_side_apply`] with the live object and the applied one as the client sent it; the
//!   outcome still has to be normalised and defaulted.
//!
//! *Guarantees.* Both are pure: the time is an input. Tracking never fails; entries that can't be read are
//! forgotten. A write that changes nothing changes no entry.
//!
//! *Caveats.* Entries in versions that this server doesn't have for the object's kind are dropped when the
//! object is next written.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;

use crate::schema::{Schema, TypeId};
use crate::status::{Cause, Reason, Result, Status};
use crate::strict;

mod compare;
mod content;
#[cfg(test)]
mod conversations;
mod last_applied;
pub mod managers;
mod merge;
mod reset;
pub mod set;
#[cfg(test)]
mod tests;
mod walk;
pub mod wire;

pub use reset::reset_fields;

use compare::Comparison;
use managers::{Manager, Operation};
use set::{Element, FieldSet};
use walk::{Place, Walker};

/// Manager of what an object had before its first apply.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Metadata that nobody owns.
const UNOWNED: [&[&str]; 12] = [
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "clusterName"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

fn unowned() -> &'static FieldSet {
    static SET: LazyLock<FieldSet> = LazyLock::new(|| FieldSet::of(&UNOWNED));
    &SET
}

/// Who writes, and how.
#[derive(Debug, Clone)]
pub struct Writer<'a> {
    /// The `fieldManager` parameter, or what the client's user agent begins with.
    pub manager: &'a str,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// `apps/v1`.
    pub api_version: &'a str,
    /// Fields that a write through this path can't change (see [`reset_fields`]).
    pub reset: &'a FieldSet,
    /// Apply takes fields over from others instead of refusing (the `force` parameter).
    pub force: bool,
    /// Now.
    pub now: Timestamp,
}

impl Writer<'_> {
    fn entry(&self, operation: Operation, fields: FieldSet) -> Manager {
        let name = if self.manager.is_empty() {
            "unknown"
        } else {
            self.manager
        };
        Manager {
            name: name.to_owned(),
            operation,
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
            time: Some(self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            fields,
        }
    }
}

/// The new object with the entries that follow from the change.
///
/// `live` is the stored object, `None` on create. `new` may carry entries of its own: a client may edit them,
/// or ask for them to be forgotten with `[]` or `[{}]`.
pub fn track_update(
    schema: &Schema,
    ty: TypeId,
    live: Option<&Value>,
    mut new: Value,
    writer: &Writer<'_>,
) -> Value {
    let given = take_entries(&mut new);
    let stored = live.and_then(entries);
    let ownership = Ownership {
        walker: Walker { schema },
        root: Place::Typed(ty),
        writer,
    };
    let known = if !writer.subresource.is_empty() {
        managers::decode(stored).unwrap_or_default()
    } else if managers::is_reset(given.as_ref()) {
        Vec::new()
    } else {
        match managers::decode(given.as_ref()) {
            Some(known) if !known.is_empty() => known,
            _ => managers::decode(stored).unwrap_or_default(),
        }
    };
    // an object whose entries were cleared is not tracked again before it is applied
    let is_create = live.is_none_or(|l| l.pointer("/metadata/uid").is_none());
    if known.is_empty() && !is_create {
        return new;
    }
    let mut managers = ownership.update(known, live, &new, writer.manager);
    managers::cap(&mut managers);
    managers::store(&mut new, managers);
    new
}

/// The live object with the applied one merged into it: fields that the manager applied before and not now are
/// removed unless somebody else owns them.
///
/// `live` is `None` if the object doesn't exist yet.
///
/// # Errors
/// 409 with one cause per field that others own (not with [`Writer::force`]); 400 for another kind or version or if the
/// applied object has entries; 500 with the reference's text for an object that doesn't fit its type.
pub fn server_side_apply(
    schema: &Schema,
    ty: TypeId,
    live: Option<&Value>,
    config: &Value,
    writer: &Writer<'_>,
) -> Result<Value> {
    let ownership = Ownership {
        walker: Walker { schema },
        root: Place::Typed(ty),
        writer,
    };
    ownership.check_config(config)?;
    let empty = ownership.empty();
    let live = live.unwrap_or(&empty);
    let mut known = managers::decode(entries(live)).ok_or_else(|| {
        failure("failed to decode managed fields: a managed fields entry is malformed".into())
    })?;
    let mut live_bare = live.clone();
    take_entries(&mut live_bare);
    if known.is_empty() {
        known = ownership.update(known, None, &live_bare, BEFORE_FIRST_APPLY);
    }
    let applied = ownership.apply(known.clone(), &live_bare, config, writer.force);
    let (mut object, mut managers) = match applied {
        Ok(applied) => applied,
        Err(conflicts) => {
            let rest = last_applied::unresolved(&ownership, &live_bare, conflicts);
            match rest {
                None => ownership
                    .apply(known, &live_bare, config, true)
                    .map_err(|c| conflict(&c))?,
                Some(rest) => return Err(conflict(&rest)),
            }
        }
    };
    if writer.manager == last_applied::KUBECTL {
        last_applied::refresh(&mut object, config);
    }
    managers.retain(|m| !m.fields.is_empty());
    managers::store(&mut object, managers);
    Ok(object)
}

/// The owned field that an apply would change, and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Conflict {
    owner: Manager,
    path: Vec<Element>,
}

impl Conflict {
    fn path(&self) -> String {
        self.path.iter().map(Element::to_string).collect()
    }

    /// `"kubectl" with subresource "status" using apps/v1 at …`.
    ///
    /// The time is not told: the reference leaves it out of the identifier that it prints from.
    fn owner(&self) -> String {
        let owner = &self.owner;
        let mut out = format!("{:?}", owner.name);
        if !owner.subresource.is_empty() {
            out.push_str(&format!(" with subresource {:?}", owner.subresource));
        }
        if owner.operation == Operation::Update {
            out.push_str(&format!(" using {}", owner.api_version));
        }
        out
    }
}

/// The 409 of the reference.
fn conflict(conflicts: &[Conflict]) -> Status {
    let causes = conflicts.iter().map(|c| Cause {
        reason: "FieldManagerConflict".into(),
        message: format!("conflict with {}", c.owner()),
        field: c.path(),
    });
    let message = match conflicts {
        [one] => format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            one.owner(),
            one.path()
        ),
        many => {
            let mut lines = Vec::new();
            for (n, c) in many.iter().enumerate() {
                if n == 0 || many[n - 1].owner != c.owner {
                    lines.push(format!("conflicts with {}:", c.owner()));
                }
                lines.push(format!("- {}", c.path()));
            }
            format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
        }
    };
    Status::apply_conflict(message, causes.collect())
}

/// An error that the reference doesn't turn into a status of its own.
fn failure(message: String) -> Status {
    Status {
        code: 500,
        reason: Reason::Unknown,
        message,
        details: None,
        continue_token: None,
    }
}

fn entries(object: &Value) -> Option<&Value> {
    object.pointer("/metadata/managedFields")
}

fn take_entries(object: &mut Value) -> Option<Value> {
    object
        .get_mut("metadata")?
        .as_object_mut()?
        .remove("managedFields")
}

/// One write against one type.
struct Ownership<'a> {
    walker: Walker<'a>,
    root: Place,
    writer: &'a Writer<'a>,
}

impl Ownership<'_> {
    /// What the reference compares a new object with.
    fn empty(&self) -> Value {
        match self.root {
            Place::Typed(ty) => strict::zero(self.walker.schema, ty),
            _ => Value::Null,
        }
    }

    fn compare(&self, old: &Value, new: &Value) -> Comparison {
        let mut changes = self.walker.compare(self.root, old, new);
        changes.cut(self.writer.reset);
        changes
    }

    /// The owners after `live` became `new`: who changes a field owns it, alone.
    fn update(&self, mut known: Vec<Manager>, live: Option<&Value>, new: &Value, name: &str) -> Vec<Manager> {
        let empty;
        let live = match live {
            Some(live) => live,
            None => {
                empty = self.empty();
                &empty
            }
        };
        let Comparison {
            added,
            modified: mut own,
            removed,
        } = self.compare(live, new);
        own.absorb(added);
        known.retain_mut(|m| {
            m.fields.subtract(&own);
            m.fields.subtract(&removed);
            m.api_version == self.writer.api_version && !m.fields.is_empty()
        });
        own.subtract(unowned());
        if !own.is_empty() {
            let mut entry = self.writer.entry(Operation::Update, own);
            if !name.is_empty() {
                entry.name = name.to_owned();
            }
            if let Some(at) = known.iter().position(|m| m.is_same(&entry)) {
                entry.fields.absorb(known.remove(at).fields);
            }
            known.push(entry);
        }
        known
    }

    /// Checks what an applied object must look like.
    fn check_config(&self, config: &Value) -> Result<()> {
        let text = |pointer: &str| {
            config
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (version, kind) = (text("/apiVersion"), text("/kind"));
        let slash = if version.contains('/') { "" } else { "/" };
        let ty = self.walker.schema.by_kind(version, kind);
        if ty.map(Place::Typed) != Some(self.root) {
            return Err(Status::bad_request(format!(
                "invalid object type: {slash}{version}, Kind={kind}"
            )));
        }
        if entries(config).is_some_and(|e| !e.is_null()) {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        self.walker.check(self.root, config).map_err(|fault| {
            let text = |pointer: &str| {
                config
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            let (version, kind) = (text("/apiVersion"), text("/kind"));
            failure(format!(
                "failed to create typed patch object ({namespace}/{name}; {slash}{version}, Kind={kind}): {fault}"
            ))
        })
    }

    /// The merged object and its owners, or the conflicts.
    fn apply(
        &self,
        mut known: Vec<Manager>,
        live: &Value,
        config: &Value,
        force: bool,
    ) -> std::result::Result<(Value, Vec<Manager>), Vec<Conflict>> {
        known.retain(|m| m.api_version == self.writer.api_version);
        let merged = self.walker.merge(self.root, live, config);
        let mut content = self.walker.content(self.root, config);
        content.cut(self.writer.reset);
        let mut entry = self.writer.entry(Operation::Apply, content);
        let last = known
            .iter()
            .position(|m| m.is_same(&entry))
            .map(|at| known.remove(at));
        let object = match &last {
            Some(last) if !last.fields.is_empty() => {
                let owners = known
                    .iter()
                    .fold(entry.fields.clone(), |all, m| all.union(&m.fields));
                self.prune(&merged, &last.fields, &owners)
            }
            _ => merged,
        };
        let Comparison {
            added,
            modified: mut set,
            removed,
        } = self.compare(live, &object);
        set.absorb(added);
        if !force {
            let conflicts = conflicts(&known, &set);
            if !conflicts.is_empty() {
                return Err(conflicts);
            }
        }
        for manager in &mut known {
            manager.fields.subtract(&set);
            manager.fields.subtract(&removed);
        }
        entry.fields.subtract(unowned());
        if object == *live {
            // nothing changed: the entry keeps its time, or has none yet
            entry.time = last.and_then(|m| m.time);
        }
        known.push(entry);
        Ok((object, known))
    }

    /// `merged` without what the manager applied last time and nobody owns now.
    fn prune(&self, merged: &Value, last: &FieldSet, owners: &FieldSet) -> Value {
        let (walker, root) = (self.walker, self.root);
        let named = |set: &FieldSet| walker.with_named_parents(root, set);
        let content = |value: &Value| named(&walker.content(root, value));
        let without = |gone: &FieldSet| walker.without(root, merged, gone).unwrap_or(Value::Null);
        let last = named(last);
        let all = content(merged);
        let pruned = without(&last);
        let kept = content(&pruned).union(&named(owners));
        let pruned = without(&all.difference(&kept));
        // only what this manager owned goes
        without(&all.difference(&content(&pruned)).intersection(&last))
    }
}

/// The fields of `set` that others own, by owner.
fn conflicts(known: &[Manager], set: &FieldSet) -> Vec<Conflict> {
    let mut owners: Vec<&Manager> = known.iter().collect();
    owners
        .sort_by(|a, b| (&a.name, a.operation, &a.subresource).cmp(&(&b.name, b.operation, &b.subresource)));
    let mut out = Vec::new();
    for owner in owners {
        owner.fields.intersection(set).each(&mut |path| {
            out.push(Conflict {
                owner: owner.clone(),
                path: path.iter().map(|e| (*e).clone()).collect(),
            });
        });
    }
    out
}
