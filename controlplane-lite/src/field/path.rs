//! Paths into an object, rendered on demand.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// Where a field is: `spec.containers[0].ports[1].name`, `spec.limits[cpu]`. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Path(Option<Rc<Node>>);

#[derive(Debug)]
struct Node {
    parent: Path,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Field(Cow<'static, str>),
    Index(usize),
    Key(String),
}

impl Path {
    /// The object itself: renders as nothing in front of a field, as `<nil>` alone.
    pub fn root() -> Self {
        Self(None)
    }

    /// A path made of one field, or of several joined by dots.
    pub fn of(field: impl Into<Cow<'static, str>>) -> Self {
        Self::root().child(field)
    }

    /// The field `name` below this path.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        self.step(Step::Field(name.into()))
    }

    /// The list item `index` below this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// The map entry `key` below this path.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.step(Step::Key(key.to_owned()))
    }

    fn step(&self, step: Step) -> Self {
        Self(Some(Rc::new(Node {
            parent: self.clone(),
            step,
        })))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nodes = Vec::new();
        let mut next = self.0.as_ref();
        while let Some(node) = next {
            nodes.push(node);
            next = node.parent.0.as_ref();
        }
        if nodes.is_empty() {
            return f.write_str("<nil>");
        }
        for (depth, node) in nodes.into_iter().rev().enumerate() {
            match &node.step {
                Step::Field(name) if depth == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key}]")?,
            }
        }
        Ok(())
    }
}
