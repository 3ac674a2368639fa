//! Sets of field paths, as trees.
//!
//! Invariants: the nodes of a set are sorted by element and each of them is a member or has children, so that
//! equal sets are equal values. All operations keep that.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

/// One step of a path (structured-merge-diff's `PathElement`).
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// A field of a struct or a key of a map.
    Field(Box<str>),
    /// The list item whose key fields have these values; sorted by name.
    Key(Box<[(Box<str>, Value)]>),
    /// The item of a set.
    Value(Value),
    /// The item of a list at this place.
    Index(i64),
}

impl Eq for Element {}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Element {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => {
                let fields = a.iter().zip(b.iter());
                let differs = fields.map(|(x, y)| x.0.cmp(&y.0).then_with(|| compare(&x.1, &y.1)));
                let first = differs.into_iter().find(|o| o.is_ne());
                first.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Value(a), Self::Value(b)) => compare(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Element {
    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

/// A total order of JSON values: numbers, text, booleans, the rest by its text.
fn compare(a: &Value, b: &Value) -> Ordering {
    let rank = |v: &Value| match v {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    };
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x.as_f64().unwrap_or(0.0).total_cmp(&y.as_f64().unwrap_or(0.0)),
        },
        (Value::String(x), Value::String(y)) => x.cmp(y),
        (Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            a.to_string().cmp(&b.to_string())
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

impl fmt::Display for Element {
    /// `.name`, `[name="c"]`, `[="v"]` or `[0]`, as conflicts are told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                for (n, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}={value}", if n == 0 { "[" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(at) => write!(f, "[{at}]"),
        }
    }
}

/// A member, a parent of members, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Last step of the path.
    pub element: Element,
    /// Whether the path itself is in the set.
    pub member: bool,
    /// What is below.
    pub below: FieldSet,
}

/// A set of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: Vec<Node>,
}

impl FieldSet {
    /// The set with one path per item; a path is a list of field names.
    pub fn of(paths: &[&[&str]]) -> Self {
        let mut out = Self::default();
        for path in paths {
            let elements: Vec<Element> = path.iter().map(|f| Element::Field((*f).into())).collect();
            out.insert(&elements);
        }
        out
    }

    /// Whether no path is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Its first level, sorted.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What is at `element`.
    pub fn get(&self, element: &Element) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|n| n.element.cmp(element)).ok()?;
        Some(&self.nodes[at])
    }

    /// Whether `path` is in the set.
    pub fn has(&self, path: &[Element]) -> bool {
        match path {
            [] => false,
            [last] => self.get(last).is_some_and(|n| n.member),
            [first, rest @ ..] => self.get(first).is_some_and(|n| n.below.has(rest)),
        }
    }

    /// Adds a path; the empty one is ignored.
    pub fn insert(&mut self, path: &[Element]) {
        if let [first, rest @ ..] = path {
            let node = self.node_mut(first.clone());
            node.member |= rest.is_empty();
            node.below.insert(rest);
        }
    }

    /// Adds one element with what is below it; nothing if that is nothing.
    pub fn put(&mut self, element: Element, member: bool, below: Self) {
        if member || !below.is_empty() {
            let node = self.node_mut(element);
            node.member |= member;
            node.below.absorb(below);
        }
    }

    fn node_mut(&mut self, element: Element) -> &mut Node {
        // mostly appended: walks go in order
        let at = match self.nodes.last() {
            Some(last) if last.element < element => Err(self.nodes.len()),
            _ => self.nodes.binary_search_by(|n| n.element.cmp(&element)),
        };
        let at = at.unwrap_or_else(|at| {
            let node = Node {
                element,
                member: false,
                below: Self::default(),
            };
            self.nodes.insert(at, node);
            at
        });
        &mut self.nodes[at]
    }

    /// Paths in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        self.zip(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => Some((a.member || b.member, a.below.union(&b.below))),
            (Some(one), None) | (None, Some(one)) => Some((one.member, one.below.clone())),
            (None, None) => None,
        })
    }

    /// Paths in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |a, b| {
            let (a, b) = (a?, b?);
            Some((a.member && b.member, a.below.intersection(&b.below)))
        })
    }

    /// Paths in `self` that are not in `other`; what is below a path of `other` stays.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.zip(other, |a, b| {
            let a = a?;
            Some(match b {
                Some(b) => (a.member && !b.member, a.below.difference(&b.below)),
                None => (a.member, a.below.clone()),
            })
        })
    }

    /// Paths in `self` that are neither in `other` nor below one of its paths.
    #[must_use]
    pub fn without_below(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.zip(other, |a, b| {
            let a = a?;
            match b {
                Some(b) if b.member => None,
                Some(b) => Some((a.member, a.below.without_below(&b.below))),
                None => Some((a.member, a.below.clone())),
            }
        })
    }

    /// Adds the paths of `other`.
    pub fn absorb(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for node in other.nodes {
            self.put(node.element, node.member, node.below);
        }
    }

    /// Takes the paths of `other` out: [`FieldSet::difference`] in place.
    pub fn subtract(&mut self, other: &Self) {
        self.prune(other, |node, gone| {
            node.member &= !gone.member;
            node.below.subtract(&gone.below);
        });
    }

    /// Takes the paths of `other` out, and what is below them: [`FieldSet::without_below`] in place.
    pub fn cut(&mut self, other: &Self) {
        self.prune(other, |node, gone| {
            if gone.member {
                node.member = false;
                node.below = Self::default();
            } else {
                node.below.cut(&gone.below);
            }
        });
    }

    /// Changes the nodes that `other` has too and drops those that are left empty.
    fn prune(&mut self, other: &Self, change: impl Fn(&mut Node, &Node)) {
        if other.is_empty() {
            return;
        }
        let mut rest = other.nodes.iter().peekable();
        self.nodes.retain_mut(|node| {
            while rest.next_if(|gone| gone.element < node.element).is_some() {}
            match rest.peek() {
                Some(gone) if gone.element == node.element => {
                    change(node, gone);
                    node.member || !node.below.is_empty()
                }
                _ => true,
            }
        });
    }

    /// Calls `f` with each path: the members of a level first, then what is below them.
    pub fn each(&self, f: &mut impl FnMut(&[&Element])) {
        self.each_below(&mut Vec::new(), f);
    }

    fn each_below<'a>(&'a self, prefix: &mut Vec<&'a Element>, f: &mut impl FnMut(&[&Element])) {
        for node in self.nodes.iter().filter(|n| n.member) {
            prefix.push(&node.element);
            f(prefix);
            prefix.pop();
        }
        for node in &self.nodes {
            prefix.push(&node.element);
            node.below.each_below(prefix, f);
            prefix.pop();
        }
    }

    /// Walks both sets in order; `f` says what becomes of an element.
    fn zip(&self, other: &Self, f: impl Fn(Option<&Node>, Option<&Node>) -> Option<(bool, Self)>) -> Self {
        let mut nodes = Vec::with_capacity(self.nodes.len().max(other.nodes.len()));
        let (mut a, mut b) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        loop {
            let order = match (a.peek(), b.peek()) {
                (None, None) => return Self { nodes },
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.element.cmp(&b.element),
            };
            let left = if order.is_le() { a.next() } else { None };
            let right = if order.is_ge() { b.next() } else { None };
            let Some((member, below)) = f(left, right) else {
                continue;
            };
            if (member || !below.is_empty())
                && let Some(node) = left.or(right)
            {
                nodes.push(Node {
                    element: node.element.clone(),
                    member,
                    below,
                });
            }
        }
    }
}
