//! The live object with an applied object laid over it, and objects with paths taken out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::{Element, FieldSet};
use super::walk::{Place, Split, Walker, as_list, as_map};

impl Walker<'_> {
    /// `config` over `live`: leaves of `config` win, lists are merged by key, nothing is removed.
    ///
    /// Items that both have take the order of `config`; the others keep their place among them.
    pub(super) fn merge(&self, place: Place, live: &Value, config: &Value) -> Value {
        self.merge_part(place, Some(live), Some(config))
            .unwrap_or(Value::Null)
    }

    fn merge_part(&self, place: Place, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
        let winner = config.or(live);
        let empty = |v: Option<&Value>| match v {
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Null) | None => true,
            Some(_) => false,
        };
        match self.split(place, winner) {
            Split::Fields if !(empty(live) && empty(config)) => self.merge_fields(place, live, config),
            Split::Items { item, keys } if !(empty(live) && empty(config)) => {
                let out = self.merge_items((item, keys), as_list(live), as_list(config));
                (!out.is_empty()).then(|| out.into())
            }
            _ => winner.cloned(),
        }
    }

    fn merge_fields(&self, place: Place, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
        let (live, config) = (as_map(live), as_map(config));
        let mut out = Map::new();
        for (name, value) in live.into_iter().flatten() {
            let over = config.and_then(|m| m.get(name));
            let merged = match over {
                None => Some(value.clone()),
                Some(_) => self.merge_part(self.field(place, name), Some(value), over),
            };
            if let Some(merged) = merged {
                out.insert(name.clone(), merged);
            }
        }
        for (name, value) in config.into_iter().flatten() {
            if live.is_none_or(|m| !m.contains_key(name))
                && let Some(value) = self.merge_part(self.field(place, name), None, Some(value))
            {
                out.insert(name.clone(), value);
            }
        }
        (!out.is_empty()).then_some(Value::Object(out))
    }

    fn merge_items(&self, list: (Place, &[Box<str>]), live: &[Value], config: &[Value]) -> Vec<Value> {
        let (item, keys) = list;
        let elements = |list: &[Value]| -> Vec<Option<Element>> {
            list.iter().map(|v| self.item(item, keys, v).ok()).collect()
        };
        let (left, right) = (elements(live), elements(config));
        let mut first: BTreeMap<&Element, (usize, bool)> = BTreeMap::new();
        for (at, element) in left.iter().enumerate() {
            if let Some(element) = element {
                // several items with one key are not merged with the new one
                first
                    .entry(element)
                    .and_modify(|e| e.1 = true)
                    .or_insert((at, false));
            }
        }
        let over: BTreeMap<&Element, usize> = right
            .iter()
            .enumerate()
            .filter_map(|(at, e)| Some((e.as_ref()?, at)))
            .collect();
        let merged = |at: usize| {
            let under = match right[at].as_ref().and_then(|e| first.get(e)) {
                Some((_, true)) => Some(&Value::Null),
                Some((at, false)) => Some(&live[*at]),
                None => None,
            };
            self.merge_part(item, under, Some(&config[at]))
        };
        let mut out = Vec::with_capacity(live.len().max(config.len()));
        let order = interleave(&left, &right, |e| first.contains_key(e), |e| over.contains_key(e));
        for take in order {
            match take {
                Take::Left(at) => out.push(live[at].clone()),
                Take::Right(at) => out.extend(merged(at)),
            }
        }
        out
    }

    /// `value` without the paths of `gone` and what is below them; `None` if nothing is left of a list or map
    /// that had something.
    pub(super) fn without(&self, place: Place, value: &Value, gone: &FieldSet) -> Option<Value> {
        match (self.split(place, Some(value)), value) {
            (Split::Fields, Value::Object(map)) => {
                let mut out = Map::new();
                for (name, value) in map {
                    match gone.get(&Element::Field(name.as_str().into())) {
                        Some(node) if node.member => {}
                        Some(node) => {
                            let rest = self.without(self.field(place, name), value, &node.below);
                            out.insert(name.clone(), rest.unwrap_or(Value::Null));
                        }
                        None => {
                            out.insert(name.clone(), value.clone());
                        }
                    }
                }
                (!out.is_empty()).then_some(Value::Object(out))
            }
            (Split::Items { item, keys }, Value::Array(list)) => {
                let mut out = Vec::with_capacity(list.len());
                for value in list {
                    let element = self.item(item, keys, value).ok();
                    match element.and_then(|e| gone.get(&e)) {
                        Some(node) if node.member => {}
                        Some(node) => out.extend(self.without(item, value, &node.below)),
                        None => out.push(value.clone()),
                    }
                }
                (!out.is_empty()).then(|| out.into())
            }
            (Split::Leaf, Value::Array(_) | Value::Object(_)) if !gone.is_empty() => None,
            _ => Some(value.clone()),
        }
    }
}

/// Which item comes next.
#[derive(Debug, PartialEq)]
enum Take {
    /// A live item that the applied list doesn't have.
    Left(usize),
    /// An applied item, merged with the live one of its key.
    Right(usize),
}

/// The order of a merged list (structured-merge-diff's): shared items in the order of the right side, the rest
/// of each side between the shared items that it stood between.
fn interleave(
    left: &[Option<Element>],
    right: &[Option<Element>],
    in_left: impl Fn(&Element) -> bool,
    in_right: impl Fn(&Element) -> bool,
) -> Vec<Take> {
    let mut shared = right.iter().flatten().filter(|e| in_left(e));
    let mut next = shared.next();
    let mut taken: Vec<&Element> = Vec::new();
    let mut out = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        let mine = left.get(l).map(Option::as_ref);
        if let (Some(Some(mine)), Some(Some(other))) = (mine, right.get(r).map(Option::as_ref)) {
            if mine == other {
                taken.push(mine);
                out.push(Take::Right(r));
                (l, r) = (l + 1, r + 1);
                next = shared.next();
                continue;
            }
            if in_right(mine) && next.is_some_and(|n| n != mine) {
                // shared, but not the one to come in this round
                l += 1;
                continue;
            }
        }
        match mine {
            Some(Some(mine)) if in_right(mine) => l += usize::from(taken.contains(&mine)),
            Some(_) => {
                out.push(Take::Left(l));
                l += 1;
                continue;
            }
            None => {}
        }
        if let Some(other) = right.get(r) {
            out.push(Take::Right(r));
            r += 1;
            if let Some(other) = other {
                taken.push(other);
                if next == Some(other) {
                    next = shared.next();
                }
            }
        }
    }
    out
}
