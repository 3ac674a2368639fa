//! What differs between two objects, as sets of paths.

use serde_json::Value;

use super::set::{Element, FieldSet};
use super::walk::{Place, Split, Walker, as_list, as_map};

/// The paths that a change touches.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

/// The comparison at one place: whether the place itself is touched, and what is below.
#[derive(Default)]
struct Part {
    added: bool,
    modified: bool,
    removed: bool,
    below: Comparison,
}

impl Comparison {
    /// Attaches a part below `element`.
    fn attach(&mut self, element: Element, part: Part) {
        let Part {
            added,
            modified,
            removed,
            below,
        } = part;
        // mostly only one of the three has something
        let mut left = [
            (&mut self.added, added, below.added),
            (&mut self.modified, modified, below.modified),
            (&mut self.removed, removed, below.removed),
        ]
        .into_iter()
        .filter(|(_, member, below)| *member || !below.is_empty())
        .peekable();
        while let Some((set, member, below)) = left.next() {
            if left.peek().is_none() {
                set.put(element, member, below);
                return;
            }
            set.put(element.clone(), member, below);
        }
    }

    /// Leaves out the paths of `reset` and what is below them.
    pub(super) fn cut(&mut self, reset: &FieldSet) {
        self.added.cut(reset);
        self.modified.cut(reset);
        self.removed.cut(reset);
    }
}

impl Walker<'_> {
    /// Compares two objects at `place`.
    pub(super) fn compare(&self, place: Place, old: &Value, new: &Value) -> Comparison {
        self.part(place, Some(old), Some(new)).below
    }

    fn part(&self, place: Place, old: Option<&Value>, new: Option<&Value>) -> Part {
        let mut part = Part {
            added: old.is_none(),
            removed: new.is_none(),
            ..Part::default()
        };
        // most of an object is equal on both sides
        if old == new {
            return part;
        }
        let split = match (self.split(place, old), self.split(place, new)) {
            (_, split) if old.is_none() => split,
            (split, _) if new.is_none() => split,
            (Split::Leaf, _) | (_, Split::Leaf) => Split::Leaf,
            (split, _) => split,
        };
        match split {
            Split::Fields if has_content(old) || has_content(new) => {
                self.compare_fields(place, old, new, &mut part.below);
            }
            Split::Items { item, keys } if has_content(old) || has_content(new) => {
                self.compare_items((item, keys), as_list(old), as_list(new), &mut part);
            }
            _ => part.modified = old.is_some() && new.is_some(),
        }
        part
    }

    fn compare_fields(&self, place: Place, old: Option<&Value>, new: Option<&Value>, out: &mut Comparison) {
        let (old, new) = (as_map(old), as_map(new));
        for (name, before) in old.into_iter().flatten() {
            let after = new.and_then(|m| m.get(name));
            if after != Some(before) {
                let part = self.part(self.field(place, name), Some(before), after);
                out.attach(Element::Field(name.as_str().into()), part);
            }
        }
        for (name, after) in new.into_iter().flatten() {
            if old.is_none_or(|m| !m.contains_key(name)) {
                let part = self.part(self.field(place, name), None, Some(after));
                out.attach(Element::Field(name.as_str().into()), part);
            }
        }
    }

    /// Items are matched by key. Several items with one key count as one value.
    fn compare_items(&self, list: (Place, &[Box<str>]), old: &[Value], new: &[Value], part: &mut Part) {
        let (item, keys) = list;
        let old = self.index(item, keys, old);
        let new = self.index(item, keys, new);
        let out = &mut part.below;
        for (element, before) in &old {
            let after = find(&new, element);
            match (before.as_slice(), after) {
                ([before], [after]) => {
                    out.attach(element.clone(), self.part(item, Some(before), Some(after)))
                }
                ([before], []) => out.attach(element.clone(), self.part(item, Some(before), None)),
                ([before], _) => {
                    out.attach(element.clone(), self.part(item, Some(before), None));
                    out.added.put(element.clone(), true, FieldSet::default());
                }
                (_, [after]) => {
                    out.attach(element.clone(), self.part(item, None, Some(after)));
                    out.removed.put(element.clone(), true, FieldSet::default());
                }
                (_, []) => out.removed.put(element.clone(), true, FieldSet::default()),
                (before, after) if before != after => {
                    out.modified.put(element.clone(), true, FieldSet::default());
                }
                _ => {}
            }
        }
        for (element, after) in &new {
            if !find(&old, element).is_empty() {
                continue;
            }
            match after.as_slice() {
                [after] => out.attach(element.clone(), self.part(item, None, Some(after))),
                _ => out.added.put(element.clone(), true, FieldSet::default()),
            }
        }
    }

    /// The items by key, sorted; items without a key are left out.
    fn index<'v>(&self, item: Place, keys: &[Box<str>], list: &'v [Value]) -> Vec<(Element, Vec<&'v Value>)> {
        let mut all: Vec<(Element, &Value)> = list
            .iter()
            .filter_map(|value| Some((self.item(item, keys, value).ok()?, value)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let mut out: Vec<(Element, Vec<&Value>)> = Vec::with_capacity(all.len());
        for (element, value) in all {
            match out.last_mut() {
                Some((last, values)) if *last == element => values.push(value),
                _ => out.push((element, vec![value])),
            }
        }
        out
    }
}

fn find<'a, 'v>(index: &'a [(Element, Vec<&'v Value>)], element: &Element) -> &'a [&'v Value] {
    match index.binary_search_by(|(e, _)| e.cmp(element)) {
        Ok(at) => &index[at].1,
        Err(_) => &[],
    }
}

fn has_content(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        _ => false,
    }
}
