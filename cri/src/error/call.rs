//! What was being done, to what: the first half of every error message.

use std::fmt;

/// The object of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// The runtime as a whole.
    Runtime,
    /// A sandbox by id.
    Sandbox(Box<str>),
    /// A sandbox that has no id yet: `namespace/name`.
    Pod(Box<str>),
    /// A container by id.
    Container(Box<str>),
    /// A container that has no id yet.
    NewContainer {
        /// Name in the pod.
        name: Box<str>,
        /// Id of its sandbox.
        sandbox: Box<str>,
    },
    /// An image by reference or id.
    Image(Box<str>),
    /// An image archive by the name the caller gave it.
    Archive(Box<str>),
}

/// An operation and its object. Prints as `create container "web" in sandbox 5f…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// A verb, perhaps with its noun: `stop`, `read the stats of`.
    pub operation: &'static str,
    /// What it was done to.
    pub object: Object,
}

impl Call {
    pub(crate) fn runtime(operation: &'static str) -> Self {
        Self {
            operation,
            object: Object::Runtime,
        }
    }

    pub(crate) fn sandbox(operation: &'static str, id: &str) -> Self {
        Self {
            operation,
            object: Object::Sandbox(id.into()),
        }
    }

    pub(crate) fn container(operation: &'static str, id: &str) -> Self {
        Self {
            operation,
            object: Object::Container(id.into()),
        }
    }

    pub(crate) fn image(operation: &'static str, image: &str) -> Self {
        Self {
            operation,
            object: Object::Image(image.into()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = self.operation;
        match &self.object {
            Object::Runtime => write!(f, "{operation}"),
            Object::Sandbox(id) => write!(f, "{operation} sandbox {id}"),
            Object::Pod(name) => write!(f, "{operation} sandbox of pod {name}"),
            Object::Container(id) => write!(f, "{operation} container {id}"),
            Object::NewContainer { name, sandbox } => {
                write!(f, "{operation} container {name:?} in sandbox {sandbox}")
            }
            Object::Image(image) => write!(f, "{operation} image {image}"),
            Object::Archive(name) => write!(f, "{operation} image archive {name}"),
        }
    }
}
