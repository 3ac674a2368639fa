//! What the API's types look like: fields, list and map kinds, merge keys, Go's names for them.
//!
//! Purpose: one compact table that decoding, patching and field ownership walk together with an object. It is
//! built once from two data files: the OpenAPI definitions, and the Go types and JSON tags of the same fields
//! (which say how an object is written back and how a type error is worded).
//!
//! Invariants: a [`TypeId`] is valid in the schema that gave it and in every schema extended from that one;
//! [`Struct::fields`] is sorted by name; a schema never changes after it is built.
//!
//! Out of scope: descriptions (see `openapi`), defaulting and validation of built-in kinds.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

mod build;
mod load;
#[cfg(test)]
mod tests;

pub use build::{Builder, Definition, GoField, GoFields, KindRef};

/// A type of a [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(u32);

/// How a list's items are told apart (`x-kubernetes-list-type`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The list is one value; it has one owner.
    Atomic,
    /// Scalars, each of which is its own key.
    Set,
    /// Objects, told apart by the values of these fields.
    Map(Box<[Box<str>]>),
}

/// The form of a value.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Anything goes and nothing is known about it: `RawExtension`, `JSON`, `FieldsV1`, `Patch`.
    Any {
        /// The value has one owner, whatever it is; else objects are told apart by field.
        atomic: bool,
    },
    /// `true` or `false`.
    Bool,
    /// A signed integer of this many bits.
    Integer(u8),
    /// A floating-point number.
    Float,
    /// Text.
    String,
    /// Bytes, base64 on the wire.
    Bytes,
    /// RFC 3339 to the second (`metav1.Time`), or null.
    Time,
    /// RFC 3339 to the microsecond (`metav1.MicroTime`), or null.
    MicroTime,
    /// `resource.Quantity`, as text or number on the wire and as canonical text in store.
    Quantity,
    /// A 32-bit number or text.
    IntOrString,
    /// A sequence.
    List {
        /// Type of the items.
        item: TypeId,
        /// How they are told apart.
        relation: Relation,
    },
    /// An object with free keys.
    Map {
        /// Type of the values.
        value: TypeId,
        /// The map is one value with one owner.
        atomic: bool,
    },
    /// An object with known fields.
    Struct(Struct),
}

/// An object type.
#[derive(Debug, Clone)]
pub struct Struct {
    /// Sorted by name.
    pub fields: Box<[Field]>,
    /// The object is one value with one owner (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
    /// Unknown fields are kept (`x-kubernetes-preserve-unknown-fields`).
    pub open: bool,
    /// Whether values pass through a Go struct, which normalises them: fields that are never left out appear
    /// with their zero value. False for custom resources.
    pub go: bool,
    /// Places of the fields that Go writes even if nothing set them.
    pub shown: Box<[u16]>,
}

impl Struct {
    /// The field called `name`.
    pub fn field(&self, name: &str) -> Option<&Field> {
        Some(&self.fields[self.position(name)?])
    }

    /// Place of the field called `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.binary_search_by(|f| f.name.as_ref().cmp(name)).ok()
    }
}

/// When Go leaves a field out of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omit {
    /// Never: a field without a value is written with its zero value.
    Never,
    /// `omitempty`: empty text, list and map, zero, false, null. Structs stay.
    Empty,
    /// `omitzero`: also a struct (or time) without a value.
    Zero,
    /// Not a Go field: what was given stays as given.
    Given,
}

/// What a strategic merge patch does with a field (`x-kubernetes-patch-strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strategy {
    /// Items are merged by key (or as a set), not replaced as a whole.
    pub merge: bool,
    /// The list or object is replaced as a whole.
    pub replace: bool,
    /// `$retainKeys` may clear the fields of other members of a union.
    pub retain_keys: bool,
}

/// A field of a [`Struct`].
#[derive(Debug, Clone)]
pub struct Field {
    /// Name on the wire.
    pub name: Box<str>,
    /// Type of the value.
    pub ty: TypeId,
    /// Go structs between the type and the field (`ProbeHandler`), which type errors name; mostly empty.
    pub via: Box<str>,
    /// Listed in the definition's `required`.
    pub required: bool,
    /// Null and absent are the same, and a zero value is kept (a Go pointer).
    pub pointer: bool,
    /// When it is left out.
    pub omit: Omit,
    /// For strategic merge patches.
    pub strategy: Strategy,
    /// Key of the items for strategic merge patches.
    pub merge_key: Option<Box<str>>,
    /// Value where the object has none, when the definition tells one.
    pub default: Option<Box<Value>>,
}

/// A type: its shape and its names.
#[derive(Debug, Clone)]
pub struct Type {
    /// Form of the value.
    pub shape: Shape,
    /// Name among the definitions; empty for an anonymous type.
    pub name: Box<str>,
    /// Go's name, `v1.PodSpec` or `[]string`, as type errors tell it; empty for custom resources.
    pub go: Box<str>,
}

impl Type {
    /// The struct, if it is one.
    pub fn as_struct(&self) -> Option<&Struct> {
        match &self.shape {
            Shape::Struct(s) => Some(s),
            _ => None,
        }
    }

    /// Last part of the Go name: `PodSpec`.
    pub fn short_name(&self) -> &str {
        self.go.rsplit('.').next().unwrap_or_default()
    }
}

/// Group, version and kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gvk {
    /// API group, empty for core.
    pub group: Box<str>,
    /// Version within the group.
    pub version: Box<str>,
    /// Kind.
    pub kind: Box<str>,
}

impl Gvk {
    /// From its three parts.
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
        }
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// The table of types.
///
/// Cheap to look things up in from many threads. A schema made with [`Schema::extend`] (custom resources) shares
/// its base.
#[derive(Debug, Default)]
pub struct Schema {
    base: Option<Arc<Schema>>,
    first: u32,
    types: Vec<Type>,
    by_name: HashMap<Box<str>, TypeId>,
    by_gvk: HashMap<Gvk, TypeId>,
}

static BUILTIN: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(load::builtin()));

impl Schema {
    /// The schema of the built-in kinds, loaded on first use (a few milliseconds).
    pub fn builtin() -> &'static Arc<Self> {
        &BUILTIN
    }

    /// A schema that has everything of `base` and what `add` defines.
    pub fn extend(base: &Arc<Self>, add: impl FnOnce(&mut Builder)) -> Self {
        let mut builder = Builder::new(Some(base.clone()));
        add(&mut builder);
        builder.finish()
    }

    /// The type behind an id of this schema or of its base.
    ///
    /// # Panics
    /// If the id comes from another schema.
    pub fn get(&self, id: TypeId) -> &Type {
        match &self.base {
            Some(base) if id.0 < self.first => base.get(id),
            _ => &self.types[(id.0 - self.first) as usize],
        }
    }

    /// The type of a definition, by its full name.
    pub fn by_name(&self, name: &str) -> Option<TypeId> {
        let here = self.by_name.get(name).copied();
        here.or_else(|| self.base.as_ref()?.by_name(name))
    }

    /// The type of a kind.
    pub fn by_gvk(&self, gvk: &Gvk) -> Option<TypeId> {
        let here = self.by_gvk.get(gvk).copied();
        here.or_else(|| self.base.as_ref()?.by_gvk(gvk))
    }

    /// The type of a kind, from the two fields that objects carry.
    pub fn by_kind(&self, api_version: &str, kind: &str) -> Option<TypeId> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.by_gvk(&Gvk::new(group, version, kind))
    }

    /// The field `name` of type `id`: a struct's field, or a map's value as a field of that name.
    pub fn field(&self, id: TypeId, name: &str) -> Option<&Field> {
        self.get(id).as_struct()?.field(name)
    }

    /// Type of the value under `name` in an object of type `id`, if it is known.
    pub fn child(&self, id: TypeId, name: &str) -> Option<TypeId> {
        match &self.get(id).shape {
            Shape::Struct(s) => s.field(name).map(|f| f.ty),
            Shape::Map { value, .. } => Some(*value),
            _ => None,
        }
    }

    /// Number of types, those of the base included.
    pub fn len(&self) -> usize {
        self.first as usize + self.types.len()
    }

    /// Whether there is no type at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
