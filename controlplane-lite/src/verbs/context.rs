//! What every verb is given: the server, who asks, for what, and how the answer is to look.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::{encode, errors, shape};
use crate::auth::User;
use crate::cache::Object;
use crate::decode::Target;
use crate::serve::Response;
use crate::serve::access::{Operation, Review};
use crate::serve::info::ResourcePath;
use crate::serve::negotiate::Accepted;
use crate::serve::query::Query;
use crate::serve::respond::{self, Encoding};
use crate::server::ApiServer;
use crate::status::{Result, Status};

/// One resource request.
pub struct Context<'a> {
    /// The server.
    pub server: &'a ApiServer,
    /// Row of the resource.
    pub row: super::Row,
    /// Its parts.
    pub path: &'a ResourcePath,
    /// `get`, `list`, …
    pub verb: &'static str,
    /// Parameters.
    pub query: Query,
    /// Form of the answer.
    pub accepted: Accepted,
    /// Indented.
    pub pretty: bool,
    /// May be compressed.
    pub gzip: bool,
    /// Who asks.
    pub user: User,
    /// When.
    pub now: Timestamp,
    /// Texts for `Warning` headers.
    pub warnings: parking_lot::Mutex<Vec<String>>,
}

impl Context<'_> {
    /// The object's name; the empty text for collections.
    pub fn name(&self) -> &str {
        self.path.name.as_deref().unwrap_or_default()
    }

    /// The namespace; the empty text without one.
    pub fn namespace(&self) -> &str {
        self.path.namespace.as_deref().unwrap_or_default()
    }

    /// The subresource; the empty text for the object itself.
    pub fn subresource(&self) -> &str {
        self.path.subresource.as_deref().unwrap_or_default()
    }

    /// Key prefix of what the request is about.
    pub fn scope(&self) -> String {
        self.row.key_prefix(self.path.namespace.as_deref())
    }

    /// Key of the object of this name.
    pub fn key(&self, name: &str) -> String {
        self.row.key(self.path.namespace.as_deref(), name)
    }

    /// How answers are written.
    pub fn encoding(&self) -> Encoding {
        Encoding {
            format: self.accepted.format,
            pretty: self.pretty,
            gzip: self.gzip,
        }
    }

    /// Adds a warning for the client.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().push(text.into());
    }

    /// The kind that the path takes.
    ///
    /// # Errors
    /// 500 for a row without a type, which is a mistake in the table.
    pub fn target(&self) -> Result<Target> {
        let row = &self.row;
        Target::builtin(&row.group, &row.version, &row.kind)
            .ok_or_else(|| Status::internal(format!("no type for {} {}", row.api_version(), row.kind)))
    }

    /// The object as the cache has it, in its served form.
    pub fn served(&self, object: &Object) -> Result<Value> {
        encode::served(&self.row, &object.json)
    }

    /// The write as admission sees it.
    pub fn review<'b>(
        &'b self,
        operation: Operation,
        name: &'b str,
        old: Option<&'b Value>,
        dry_run: bool,
    ) -> Review<'b> {
        Review {
            operation,
            resource: &self.row,
            subresource: self.subresource(),
            namespace: self.namespace(),
            name,
            user: &self.user,
            dry_run,
            old,
            warnings: &self.warnings,
        }
    }

    /// An error of the cache as the API tells it.
    pub fn failed(&self, error: crate::cache::CacheError) -> Status {
        errors::status(error, &self.row, self.name())
    }

    /// Answers with an object in the shape that was asked for.
    pub fn respond(&self, code: u16, object: Value) -> Result<Response> {
        let value = shape::object(self, object)?;
        Ok(respond::object(code, &value, self.encoding()))
    }

    /// Answers with an object of the cache: its bytes as they are, if that is what was asked for.
    pub fn respond_stored(&self, code: u16, object: &Object) -> Result<Response> {
        let plain = self.accepted == Accepted::default() && !self.pretty && self.row.convert.is_none();
        if !plain {
            return self.respond(code, self.served(object)?);
        }
        let text: Bytes = object.json.clone();
        Ok(respond::bytes(code, text, self.gzip, "application/json"))
    }
}
