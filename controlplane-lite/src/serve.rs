//! HTTP: from a TLS connection to a parsed request, and from an answer to bytes.
//!
//! Expected flow: [`listener`] accepts and terminates TLS, hyper reads a request, [`crate::server::ApiServer`]
//! handles it with [`info`] (what is asked), [`negotiate`] (in which form) and [`respond`] (the answer's bytes).
//! Handlers are plain async functions of `Request<Body>`, so that tests need no socket.
//!
//! Guarantees: headers, bodies, handshakes, streams and requests in flight are bounded (see [`limits`]).

pub mod access;
pub mod body;
pub mod info;
pub mod limits;
pub mod listener;
pub mod negotiate;
pub mod query;
pub mod respond;
pub mod tls;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

/// Why a body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of requests and answers.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;
/// A request.
pub type Request = http::Request<Body>;
/// An answer.
pub type Response = http::Response<Body>;
