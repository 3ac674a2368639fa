//! The row that describes one resource: everything the generic verbs, discovery, tables and selectors need.
//!
//! Invariant: a verb never asks "is this a Pod?"; what differs between resources is a field of the row (or a
//! hook registered beside it), so that a custom resource is one more row made at run time. The built-in rows
//! are in [`crate::resources`] and are compared with the reference's discovery by a test.
//!
//! Out of scope: defaulting and validation (`defaults`, `validation`), which are looked up by group and kind.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use crate::status::GroupResource;

/// A name that is static for built-in rows and owned for custom ones.
pub type Text = Cow<'static, str>;

/// What can be done with a resource, in the order of discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// POST to the collection.
    Create,
    /// DELETE of one object.
    Delete,
    /// DELETE of the collection.
    DeleteCollection,
    /// GET of one object.
    Get,
    /// GET of the collection.
    List,
    /// PATCH.
    Patch,
    /// PUT.
    Update,
    /// GET with `watch=true`.
    Watch,
}

impl Verb {
    /// Every verb.
    pub const ALL: &'static [Self] = &[
        Self::Create,
        Self::Delete,
        Self::DeleteCollection,
        Self::Get,
        Self::List,
        Self::Patch,
        Self::Update,
        Self::Watch,
    ];

    /// The name in discovery, RBAC rules and audit events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Watch => "watch",
        }
    }
}

/// Where objects of a resource live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster.
    Cluster,
}

/// One column of `kubectl get` (`metav1.TableColumnDefinition`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: Text,
    /// OpenAPI type of the cells.
    pub kind: Text,
    /// OpenAPI format; `name` marks the column that names the object.
    pub format: Text,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: u8,
    /// Help text.
    pub description: Text,
}

/// Makes the cells of one object's table row, in the order of the columns.
pub type CellsFn = fn(&Value, Timestamp) -> Vec<Value>;

/// Makes the status of a new object, `None` for none.
pub type InitialStatus = fn(&Value, Timestamp) -> Option<Value>;

/// A field that `fieldSelector` may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectableField {
    /// The name in the selector, for example `spec.nodeName`.
    pub label: Text,
    /// The path in the stored object, mostly the same.
    pub path: Text,
    /// The value of an object without the field (empty, `false` or `0`).
    pub absent: Text,
}

/// When `metadata.generation` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// The resource has none.
    #[default]
    None,
    /// A change of anything but metadata and status.
    Spec,
    /// Also a change of the annotations (Deployment).
    SpecAndAnnotations,
}

/// How a subresource is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubresourceKind {
    /// The status half of the object.
    Status,
    /// `autoscaling/v1` Scale.
    Scale,
    /// Finalizers of a namespace's spec.
    Finalize,
    /// Conditions of a certificate request.
    Approval,
    /// Debug containers of a pod.
    EphemeralContainers,
    /// Resources of a running pod.
    Resize,
    /// Assigns a pod to a node.
    Binding,
    /// Deletes a pod if its disruption budget allows it.
    Eviction,
    /// Makes a token for a service account.
    Token,
    /// A connection to a node, pod or service.
    Connect,
}

/// A subresource as discovery shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subresource {
    /// The last path segment.
    pub name: Text,
    /// Group, version and kind of what is exchanged; group and version are empty where they are the resource's.
    pub response: (Text, Text, Text),
    /// What it takes.
    pub verbs: &'static [Verb],
    /// Who serves it.
    pub served: SubresourceKind,
}

/// Turns an object into another version's form (only Event is served in two).
pub type ConvertFn = fn(Value) -> Value;

/// One resource.
#[derive(Debug, Clone)]
pub struct Resource {
    /// API group, empty for core.
    pub group: Text,
    /// Version.
    pub version: Text,
    /// Kind of one object.
    pub kind: Text,
    /// Plural name: the path segment.
    pub plural: Text,
    /// Singular name.
    pub singular: Text,
    /// For the command line.
    pub short_names: Vec<Text>,
    /// Groups of resources on the command line, such as `all`.
    pub categories: Vec<Text>,
    /// Namespaced or not.
    pub scope: Scope,
    /// What it takes, sorted.
    pub verbs: &'static [Verb],
    /// Key segment below `/registry/` (`services/specs`), empty for resources that are not stored.
    pub storage: Text,
    /// Sorted by name.
    pub subresources: Vec<Subresource>,
    /// Columns of `kubectl get`.
    pub columns: Vec<Column>,
    /// Cells for these columns.
    pub cells: CellsFn,
    /// Beyond `metadata.name` and `metadata.namespace`.
    pub fields: Vec<SelectableField>,
    /// Rule for `metadata.generation`.
    pub generation: Generation,
    /// Status of a new object, if it has one from the start.
    pub initial_status: InitialStatus,
    /// Served form to stored form, and back.
    pub convert: Option<(ConvertFn, ConvertFn)>,
}

impl Resource {
    /// A stored, namespaced resource with all verbs; the other properties are added with the methods below.
    pub fn new(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: kind.to_ascii_lowercase().into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: Scope::Namespaced,
            verbs: Verb::ALL,
            storage: plural.into(),
            subresources: Vec::new(),
            columns: crate::table::default_columns(),
            cells: crate::table::default_cells,
            fields: Vec::new(),
            generation: Generation::None,
            initial_status: |_, _| None,
            convert: None,
        }
    }

    /// Not in a namespace.
    #[must_use]
    pub fn cluster(mut self) -> Self {
        self.scope = Scope::Cluster;
        self
    }

    /// Short names.
    #[must_use]
    pub fn short(mut self, names: &[&'static str]) -> Self {
        self.short_names = names.iter().map(|n| Text::Borrowed(*n)).collect();
        self
    }

    /// Part of `kubectl get all`.
    #[must_use]
    pub fn in_all(mut self) -> Self {
        self.categories.push("all".into());
        self
    }

    /// Stored under another key segment than the plural name.
    #[must_use]
    pub fn stored_as(mut self, segment: &'static str) -> Self {
        self.storage = segment.into();
        self
    }

    /// Takes only these verbs.
    #[must_use]
    pub fn only(mut self, verbs: &'static [Verb]) -> Self {
        self.verbs = verbs;
        self
    }

    /// Not stored: answered by a handler.
    #[must_use]
    pub fn not_stored(mut self) -> Self {
        self.storage = "".into();
        self
    }

    /// Columns and cells of `kubectl get`.
    #[must_use]
    pub fn table(mut self, columns: Vec<Column>, cells: CellsFn) -> Self {
        (self.columns, self.cells) = (columns, cells);
        self
    }

    /// A selectable field; `absent` is its value in objects without it.
    #[must_use]
    pub fn field(mut self, label: &'static str, absent: &'static str) -> Self {
        self.fields.push(SelectableField {
            label: label.into(),
            path: label.into(),
            absent: absent.into(),
        });
        self
    }

    /// Has `metadata.generation`.
    #[must_use]
    pub fn generation(mut self, rule: Generation) -> Self {
        self.generation = rule;
        self
    }

    /// Status that a new object gets.
    #[must_use]
    pub fn starts_with(mut self, status: InitialStatus) -> Self {
        self.initial_status = status;
        self
    }

    /// Adds a subresource that exchanges the resource's own kind.
    #[must_use]
    pub fn sub(self, name: &'static str, verbs: &'static [Verb], served: SubresourceKind) -> Self {
        let kind = self.kind.clone();
        self.sub_of(name, ("".into(), "".into(), kind), verbs, served)
    }

    /// Adds a subresource that exchanges another kind (group, version, kind).
    #[must_use]
    pub fn sub_of(
        mut self,
        name: &'static str,
        response: (Text, Text, Text),
        verbs: &'static [Verb],
        served: SubresourceKind,
    ) -> Self {
        self.subresources.push(Subresource {
            name: name.into(),
            response,
            verbs,
            served,
        });
        self.subresources.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// Has a `status` subresource.
    #[must_use]
    pub fn status(self) -> Self {
        self.sub(
            "status",
            &[Verb::Get, Verb::Patch, Verb::Update],
            SubresourceKind::Status,
        )
    }

    /// Has a `scale` subresource.
    #[must_use]
    pub fn scale(self) -> Self {
        let scale = ("autoscaling".into(), "v1".into(), "Scale".into());
        self.sub_of(
            "scale",
            scale,
            &[Verb::Get, Verb::Patch, Verb::Update],
            SubresourceKind::Scale,
        )
    }

    /// Group and plural name, as error texts name the resource.
    pub fn group_resource(&self) -> GroupResource<'_> {
        GroupResource::new(&self.group, &self.plural)
    }

    /// `apps/v1`, or `v1` for core.
    pub fn api_version(&self) -> String {
        match self.group.as_ref() {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// Kind of a list.
    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// Whether objects live in namespaces.
    pub fn namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// Key prefix of all objects, or of one namespace's; ends with a slash, so that `a` is no prefix of `ab`.
    pub fn key_prefix(&self, namespace: Option<&str>) -> String {
        match namespace {
            Some(ns) => format!("/registry/{}/{ns}/", self.storage),
            None => format!("/registry/{}/", self.storage),
        }
    }

    /// Key of one object.
    pub fn key(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}{name}", self.key_prefix(namespace))
    }

    /// The subresource of this name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// Whether objects have a status that only the subresource writes.
    pub fn has_status(&self) -> bool {
        self.subresources
            .iter()
            .any(|s| s.served == SubresourceKind::Status)
    }

    /// The values of the selectable fields of a stored object, `metadata.name` first.
    pub fn selectable(&self, object: &Value) -> Vec<(Text, String)> {
        let mut out = vec![("metadata.name".into(), text_at(object, "metadata.name", ""))];
        if self.namespaced() {
            out.push((
                "metadata.namespace".into(),
                text_at(object, "metadata.namespace", ""),
            ));
        }
        out.extend(
            self.fields
                .iter()
                .map(|f| (f.label.clone(), text_at(object, &f.path, &f.absent))),
        );
        out
    }
}

/// The scalar at a dotted path as text.
fn text_at(object: &Value, path: &str, absent: &str) -> String {
    let found = path.split('.').try_fold(object, |at, segment| at.get(segment));
    match found {
        Some(Value::String(s)) if !s.is_empty() => s.clone(),
        Some(Value::Bool(b)) => b.to_string(),
        Some(Value::Number(n)) => n.to_string(),
        _ => absent.to_owned(),
    }
}
