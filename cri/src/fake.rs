//! A container runtime without containers: a real gRPC server in this process, for tests.
//!
//! # Expected flow
//! [`FakeRuntime::start`], then [`FakeRuntime::client`] for a client over pipes in memory (which works with
//! tokio's paused time) or [`FakeRuntime::listen`] for a Unix socket. Faults are injected by call.
//!
//! # Guarantees
//! - It keeps the contract of [`crate::contract`], as containerd does.
//! - Time is tokio's: with paused time nothing waits, and equal tests see equal times and ids.
//!
//! # Programs
//! A container does what its shell line says, in a small language: see [`Behaviour::of_command`]. Tests can
//! give a command another behaviour with [`FakeRuntime::teach`].
//!
//! # Out of scope
//! Networks, mounts, resource limits (but for the memory eater), streaming servers.

mod behaviour;
mod calls;
mod connections;
mod containers;
mod exec;
mod faults;
mod handler;
mod image_service;
mod inspect;
mod make;
mod runtime_service;
mod state;

pub use behaviour::{Behaviour, OnTerm, Run};
pub use calls::RecordedCall;
pub use faults::Fault;
pub use image_service::Registry;

use crate::v1;
use crate::v1::image_service_server::ImageServiceServer;
use crate::v1::runtime_service_server::RuntimeServiceServer;
use crate::{Client, Deadlines};
use connections::Connections;
use handler::Handler;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::UnixListenerStream;

/// What to pretend.
#[derive(Debug, Clone)]
pub struct FakeOptions {
    /// `false`: `GetContainerEvents` is not implemented, as in containerd 1.x.
    pub events: bool,
    /// Whether the NetworkReady condition holds.
    pub network_ready: bool,
    /// The runtime's version.
    pub version: String,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self {
            events: true,
            network_ready: true,
            version: "2.1.0".to_owned(),
        }
    }
}

/// A running fake. Dropping it ends the server and every container.
#[derive(Debug)]
pub struct FakeRuntime {
    handler: Handler,
    connections: Arc<Connections>,
    servers: Vec<AbortHandle>,
}

impl FakeRuntime {
    /// A runtime with events and a ready network.
    #[must_use]
    pub fn start() -> Self {
        Self::with(FakeOptions::default())
    }

    /// A runtime. Must be called inside a tokio runtime.
    #[must_use]
    pub fn with(options: FakeOptions) -> Self {
        let connections = Arc::new(Connections::default());
        let handler = Handler::new(options, connections.clone());
        let mut runtime = Self {
            handler,
            connections,
            servers: Vec::new(),
        };
        let incoming = runtime.connections.incoming();
        runtime.serve(incoming);
        runtime
    }

    /// A client over pipes in memory.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_with(Deadlines::default())
    }

    /// A client with other deadlines.
    #[must_use]
    pub fn client_with(&self, deadlines: Deadlines) -> Client {
        Client::over(
            self.connections.channel(),
            Path::new("/fake/runtime.sock"),
            deadlines,
        )
    }

    /// Serves on a Unix socket too.
    ///
    /// # Errors
    /// The socket cannot be bound.
    pub fn listen(&mut self, socket: &Path) -> io::Result<()> {
        let incoming = UnixListenerStream::new(UnixListener::bind(socket)?);
        let connections = self.connections.clone();
        let incoming = futures_util::StreamExt::map(incoming, move |stream| {
            stream.map(|stream| connections.breakable(stream))
        });
        self.serve(incoming);
        Ok(())
    }

    fn serve<S, T>(&mut self, incoming: S)
    where
        S: futures_util::Stream<Item = io::Result<T>> + Send + 'static,
        T: tokio::io::AsyncRead
            + tokio::io::AsyncWrite
            + tonic::transport::server::Connected
            + Unpin
            + Send
            + 'static,
    {
        let server = tonic::transport::Server::builder()
            .add_service(RuntimeServiceServer::new(self.handler.clone()))
            .add_service(ImageServiceServer::new(self.handler.clone()))
            .serve_with_incoming(incoming);
        self.servers.push(tokio::spawn(server).abort_handle());
    }

    /// Cuts every connection, as a crash would. Containers go on; new connections are served.
    pub fn lose_connections(&self) {
        self.connections.cut();
    }

    /// Cuts every connection and refuses new ones (in memory) until [`FakeRuntime::come_back`].
    pub fn go_down(&self) {
        self.connections.refuse(true);
        self.connections.cut();
    }

    /// Serves again after [`FakeRuntime::go_down`].
    pub fn come_back(&self) {
        self.connections.refuse(false);
    }

    /// Makes the next call of this name (`StartContainer`, …) go wrong. Faults of one name queue up.
    pub fn inject(&self, call: &'static str, fault: Fault) {
        self.handler.faults().add(call, fault);
    }

    /// Ends every event stream without an error of the connection.
    pub fn end_event_streams(&self) {
        self.handler.state().listeners.clear();
    }

    /// Makes a command behave otherwise than its shell line says.
    pub fn teach(&self, command: &[&str], behaviour: Behaviour) {
        let command = command.iter().map(|&part| part.to_owned()).collect();
        self.handler.state().taught.insert(command, behaviour);
    }

    /// Puts an image into the runtime; answers its id.
    pub fn add_image(&self, name: &str) -> String {
        self.handler.state().add_image(name)
    }

    /// Says what a pull of this image does. Without it, pulls answer "not found".
    pub fn publish(&self, name: &str, registry: Registry) {
        self.handler.state().registry.insert(name.to_owned(), registry);
    }

    /// Ends a container's process now.
    pub fn end_container(&self, id: &str, exit_code: i32) {
        self.handler.finish(id, exit_code, false);
    }

    /// Ends a sandbox's process now: it is not ready any more, and its containers are killed.
    pub fn end_sandbox(&self, id: &str) {
        self.handler.end_sandbox(id);
    }

    /// Says what a container uses while it runs. The attributes are filled in.
    pub fn set_stats(&self, id: &str, stats: v1::ContainerStats) {
        self.handler.state().stats.insert(id.to_owned(), stats);
    }

    /// The calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.handler.state().calls.clone()
    }

    /// The statuses of all containers.
    #[must_use]
    pub fn containers(&self) -> Vec<v1::ContainerStatus> {
        self.handler
            .state()
            .containers
            .values()
            .map(|container| container.status.clone())
            .collect()
    }

    /// The ids of all sandboxes.
    #[must_use]
    pub fn sandboxes(&self) -> Vec<String> {
        self.handler.state().sandboxes.keys().cloned().collect()
    }
}

impl Drop for FakeRuntime {
    fn drop(&mut self) {
        self.connections.refuse(true);
        self.connections.cut();
        self.servers.iter().for_each(AbortHandle::abort);
        self.handler.state().end_all();
    }
}

#[cfg(test)]
mod tests;
