//! Requests from inside the process: components (controllers, scheduler, the server's own upkeep) use the same
//! verbs, admission and validation as clients over the network, without sockets and TLS.

use std::sync::Arc;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http_body_util::BodyExt;
use serde_json::Value;

use super::ApiServer;
use crate::auth::User;
use crate::serve::body;
use crate::status::{Result, Status};

/// A client of the server in the same process.
#[derive(Clone)]
pub struct LocalClient {
    server: Arc<ApiServer>,
    user: User,
    agent: HeaderValue,
}

impl LocalClient {
    /// A client that acts as `user`; `agent` becomes the field manager of what it writes.
    pub fn new(server: Arc<ApiServer>, user: User, agent: &'static str) -> Self {
        Self {
            server,
            user,
            agent: HeaderValue::from_static(agent),
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn send(&self, method: Method, uri: &str, object: Option<&Value>) -> Result<Value> {
        self.send_as(method, uri, "application/json", object).await
    }

    /// The same with another media type, for patches.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn send_as(
        &self,
        method: Method,
        uri: &str,
        media_type: &'static str,
        object: Option<&Value>,
    ) -> Result<Value> {
        let content = object.map_or_else(body::empty, |o| body::full(o.to_string()));
        let mut request = http::Request::new(content);
        *request.method_mut() = method;
        *request.uri_mut() = uri
            .parse()
            .map_err(|e| Status::bad_request(format!("{uri:?}: {e}")))?;
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        request.headers_mut().insert(USER_AGENT, self.agent.clone());
        let response = self.server.handle_as(request, self.user.clone()).await;
        let code = response.status().as_u16();
        let text = response
            .into_body()
            .collect()
            .await
            .map_err(Status::internal)?
            .to_bytes();
        let value: Value = serde_json::from_slice(&text).map_err(Status::internal)?;
        if code < 300 {
            Ok(value)
        } else {
            Err(Status::from_json(&value))
        }
    }
}
