//! Turns definitions into types: anonymous types are made once, references may run in circles.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::{Field, Gvk, Omit, Relation, Schema, Shape, Strategy, Struct, Type, TypeId};

/// An OpenAPI v2 schema (or a custom resource's structural schema), as far as it matters here.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definition {
    /// `object`, `array`, `string`, …; none for "anything".
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Narrows the type: `int32`, `int-or-string`, `byte`, ….
    pub format: Option<String>,
    /// `#/definitions/…`.
    #[serde(rename = "$ref")]
    pub reference: Option<String>,
    /// Fields of an object.
    pub properties: BTreeMap<String, Definition>,
    /// Fields that must be there.
    pub required: Vec<String>,
    /// Type of an array's items.
    pub items: Option<Box<Definition>>,
    /// Type of a free map's values.
    pub additional_properties: Option<Box<Definition>>,
    /// Value where there is none.
    pub default: Option<Value>,
    /// `atomic`, `set` or `map`.
    #[serde(rename = "x-kubernetes-list-type")]
    pub list_type: Option<String>,
    /// Keys of a list of type `map`.
    #[serde(rename = "x-kubernetes-list-map-keys")]
    pub list_map_keys: Vec<String>,
    /// `atomic` or `granular`.
    #[serde(rename = "x-kubernetes-map-type")]
    pub map_type: Option<String>,
    /// `merge`, `replace`, `retainKeys`, or two of them.
    #[serde(rename = "x-kubernetes-patch-strategy")]
    pub patch_strategy: Option<String>,
    /// Key of the items in strategic merge patches.
    #[serde(rename = "x-kubernetes-patch-merge-key")]
    pub patch_merge_key: Option<String>,
    /// Unknown fields stay.
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    pub preserve_unknown_fields: bool,
    /// A number or text, in the custom resources' way of saying it.
    #[serde(rename = "x-kubernetes-int-or-string")]
    pub int_or_string: bool,
    /// The kinds that have this schema.
    #[serde(rename = "x-kubernetes-group-version-kind")]
    pub kinds: Vec<KindRef>,
}

/// A kind that a definition belongs to.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct KindRef {
    group: String,
    version: String,
    kind: String,
}

/// What Go's struct tag and type say about a field.
#[derive(Debug, Clone, Copy)]
pub struct GoField<'a> {
    /// When the field is left out.
    pub omit: Omit,
    /// The field is a pointer.
    pub pointer: bool,
    /// Type behind the pointer: `v1.PodSpec`.
    pub type_name: &'a str,
    /// Embedded structs that hold it: `ProbeHandler`.
    pub via: &'a str,
}

/// The Go fields of one type, by wire name.
pub type GoFields<'a> = HashMap<&'a str, GoField<'a>>;

/// What makes two anonymous types the same.
#[derive(PartialEq, Eq, Hash)]
enum Form {
    Scalar(u8, u8),
    List(TypeId, Relation),
    Map(TypeId, bool),
}

/// Collects definitions and makes a [`Schema`] of them.
pub struct Builder {
    schema: Schema,
    anonymous: HashMap<(Form, Box<str>), TypeId>,
    /// Types that are like another but for `x-kubernetes-map-type`: the id, the other's, whether it is atomic.
    overrides: Vec<(TypeId, TypeId, bool)>,
}

impl Builder {
    /// An empty one, or one on top of `base`.
    pub(super) fn new(base: Option<Arc<Schema>>) -> Self {
        let first = base.as_ref().map_or(0, |b| b.len() as u32);
        let schema = Schema {
            base,
            first,
            ..Schema::default()
        };
        Self {
            schema,
            anonymous: HashMap::new(),
            overrides: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Schema {
        for (id, of, atomic) in std::mem::take(&mut self.overrides) {
            let Type { mut shape, go, .. } = self.schema.get(of).clone();
            if let Shape::Struct(s) = &mut shape {
                s.atomic = atomic;
            }
            let at = (id.0 - self.schema.first) as usize;
            self.schema.types[at].shape = shape;
            self.schema.types[at].go = go;
        }
        let shown: Vec<(usize, Box<[u16]>)> = self
            .schema
            .types
            .iter()
            .enumerate()
            .filter_map(|(at, t)| Some((at, self.shown(t.as_struct()?))))
            .collect();
        for (at, places) in shown {
            if let Shape::Struct(s) = &mut self.schema.types[at].shape {
                s.shown = places;
            }
        }
        self.schema.types.shrink_to_fit();
        self.schema.by_name.shrink_to_fit();
        self.schema.by_gvk.shrink_to_fit();
        self.schema
    }

    /// The id that `name` has or will have; [`Builder::define`] fills it.
    pub fn declare(&mut self, name: &str) -> TypeId {
        if let Some(id) = self.schema.by_name(name) {
            return id;
        }
        let id = self.push(Shape::Any { atomic: true }, name.into(), "".into());
        self.schema.by_name.insert(name.into(), id);
        id
    }

    /// Fills the type `name` from its definition and binds its kinds to it.
    ///
    /// `go` has the Go fields for built-in types, none for custom resources.
    pub fn define(&mut self, name: &str, definition: &Definition, go: Option<&GoFields<'_>>) -> TypeId {
        let id = self.declare(name);
        let go_name = if go.is_some() {
            go_type_name(name)
        } else {
            Box::from("")
        };
        let shape = named_scalar(name, definition).unwrap_or_else(|| self.shape(definition, go, &go_name));
        let at = (id.0 - self.schema.first) as usize;
        self.schema.types[at].shape = shape;
        self.schema.types[at].go = go_name;
        for k in &definition.kinds {
            self.schema
                .by_gvk
                .insert(Gvk::new(&k.group, &k.version, &k.kind), id);
        }
        id
    }

    /// Fields that Go writes although nothing set them: those without `omitempty`, and structs with it.
    fn shown(&self, s: &Struct) -> Box<[u16]> {
        let is_go_struct = |f: &Field| match &self.schema.get(f.ty).shape {
            Shape::Struct(s) => s.go,
            shape => matches!(
                shape,
                Shape::Time | Shape::MicroTime | Shape::Quantity | Shape::IntOrString | Shape::Any { .. }
            ),
        };
        let fields = s.fields.iter().zip(0u16..);
        let shown = fields.filter(|(f, _)| match f.omit {
            Omit::Never => true,
            Omit::Empty => !f.pointer && is_go_struct(f),
            Omit::Zero | Omit::Given => false,
        });
        shown.map(|(_, at)| at).collect()
    }

    /// Binds a kind to a type.
    pub fn bind(&mut self, gvk: Gvk, id: TypeId) {
        self.schema.by_gvk.insert(gvk, id);
    }

    fn push(&mut self, shape: Shape, name: Box<str>, go: Box<str>) -> TypeId {
        let id = TypeId(self.schema.len() as u32);
        self.schema.types.push(Type { shape, name, go });
        id
    }

    /// The type of a field, an item or a map's value.
    fn anonymous(&mut self, d: &Definition, go: &str) -> TypeId {
        if let Some(reference) = &d.reference {
            let name = reference.trim_start_matches("#/definitions/");
            let id = self.declare(name);
            return match &d.map_type {
                None => id,
                Some(map_type) => self.overridden(name, id, map_type),
            };
        }
        let go_fields = None;
        let shape = self.shape(d, go_fields, go);
        let form = match &shape {
            Shape::Struct(_) => return self.push(shape, "".into(), go.into()),
            Shape::List { item, relation } => Form::List(*item, relation.clone()),
            Shape::Map { value, atomic } => Form::Map(*value, *atomic),
            Shape::Integer(bits) => Form::Scalar(0, *bits),
            Shape::Any { atomic } => Form::Scalar(1, u8::from(*atomic)),
            Shape::Bool => Form::Scalar(2, 0),
            Shape::Float => Form::Scalar(3, 0),
            Shape::String => Form::Scalar(4, 0),
            Shape::Bytes => Form::Scalar(5, 0),
            Shape::Time => Form::Scalar(6, 0),
            Shape::MicroTime => Form::Scalar(7, 0),
            Shape::Quantity => Form::Scalar(8, 0),
            Shape::IntOrString => Form::Scalar(9, 0),
        };
        let key = (form, Box::from(go));
        if let Some(id) = self.anonymous.get(&key) {
            return *id;
        }
        let id = self.push(shape, "".into(), go.into());
        self.anonymous.insert(key, id);
        id
    }

    /// A reference may give the type another map type (`PersistentVolume`'s `claimRef`): that is a type of its
    /// own, `NAME#MAPTYPE`.
    fn overridden(&mut self, name: &str, of: TypeId, map_type: &str) -> TypeId {
        let own = format!("{name}#{map_type}");
        if let Some(id) = self.schema.by_name(&own) {
            return id;
        }
        let id = self.declare(&own);
        self.overrides.push((id, of, map_type == "atomic"));
        id
    }

    fn shape(&mut self, d: &Definition, go: Option<&GoFields<'_>>, go_name: &str) -> Shape {
        if d.int_or_string {
            return Shape::IntOrString;
        }
        match (d.kind.as_deref(), d.format.as_deref()) {
            (Some("boolean"), _) => Shape::Bool,
            (Some("integer"), Some("int32")) => Shape::Integer(32),
            (Some("integer"), _) => Shape::Integer(64),
            (Some("number"), _) => Shape::Float,
            (Some("string"), Some("byte")) => Shape::Bytes,
            (Some("string"), Some("int-or-string")) => Shape::IntOrString,
            (Some("string"), _) => Shape::String,
            (Some("array"), _) => self.list(d, go_name),
            (Some("object"), _) => self.object(d, go, go_name),
            _ if !d.properties.is_empty() => self.object(d, go, go_name),
            _ => Shape::Any { atomic: false },
        }
    }

    fn list(&mut self, d: &Definition, go_name: &str) -> Shape {
        let item_go = go_name.strip_prefix("[]").unwrap_or_default();
        let item = match &d.items {
            Some(items) => self.anonymous(items, item_go),
            None => self.anonymous(&Definition::default(), item_go),
        };
        Shape::List {
            item,
            relation: relation(d),
        }
    }

    fn object(&mut self, d: &Definition, go: Option<&GoFields<'_>>, go_name: &str) -> Shape {
        let atomic = d.map_type.as_deref() == Some("atomic");
        if let Some(values) = &d.additional_properties {
            let value_go = go_name.split_once(']').map_or("", |(_, v)| v);
            let value = self.anonymous(values, value_go);
            return Shape::Map { value, atomic };
        }
        let mut fields: Vec<Field> = Vec::with_capacity(d.properties.len());
        for (name, property) in &d.properties {
            let tag = go.and_then(|fields| fields.get(name.as_str()));
            fields.push(Field {
                name: name.as_str().into(),
                ty: self.anonymous(property, tag.map_or("", |t| t.type_name)),
                via: tag.map_or("", |t| t.via).into(),
                required: d.required.contains(name),
                pointer: tag.is_some_and(|t| t.pointer),
                omit: tag.map_or(Omit::Given, |t| t.omit),
                strategy: strategy(property.patch_strategy.as_deref()),
                merge_key: property.patch_merge_key.as_deref().map(Box::from),
                default: property.default.clone().map(Box::new),
            });
        }
        Shape::Struct(Struct {
            fields: fields.into(),
            atomic,
            open: d.preserve_unknown_fields,
            go: go.is_some(),
            shown: Box::default(),
        })
    }
}

/// `io.k8s.api.core.v1.Pod` → `v1.Pod`.
fn go_type_name(definition: &str) -> Box<str> {
    let cut = definition.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
    definition[cut..].into()
}

/// Types that have a wire form of their own.
fn named_scalar(name: &str, d: &Definition) -> Option<Shape> {
    let short = name.strip_prefix("io.k8s.apimachinery.pkg.")?;
    Some(match short {
        "api.resource.Quantity" => Shape::Quantity,
        "apis.meta.v1.Time" => Shape::Time,
        "apis.meta.v1.MicroTime" => Shape::MicroTime,
        "util.intstr.IntOrString" => Shape::IntOrString,
        "runtime.RawExtension" => Shape::Any { atomic: true },
        _ if d.kind.as_deref() == Some("object") && d.properties.is_empty() => Shape::Any { atomic: false },
        _ => return None,
    })
}

/// The list's kind; a list without one follows its patch strategy, as the reference's converter does.
fn relation(d: &Definition) -> Relation {
    let keys = |of: &[String]| Relation::Map(of.iter().map(|k| k.as_str().into()).collect());
    match d.list_type.as_deref() {
        Some("map") => keys(&d.list_map_keys),
        Some("set") => Relation::Set,
        Some(_) => Relation::Atomic,
        None if strategy(d.patch_strategy.as_deref()).merge => match &d.patch_merge_key {
            Some(key) => keys(std::slice::from_ref(key)),
            None => Relation::Set,
        },
        None => Relation::Atomic,
    }
}

fn strategy(text: Option<&str>) -> Strategy {
    let mut out = Strategy::default();
    for word in text.unwrap_or_default().split(',') {
        match word {
            "merge" => out.merge = true,
            "replace" => out.replace = true,
            "retainKeys" => out.retain_keys = true,
            _ => {}
        }
    }
    out
}
