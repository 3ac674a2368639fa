//! What can go wrong in a call to the runtime, grouped by what the caller should do about it.
//!
//! Each error names the operation and its object. The text of the runtime itself is the error's source
//! ([`Reported`]), so a report that prints the chain says everything once.

mod call;
mod classify;
mod reserved;

pub use call::{Call, Object};
pub(crate) use classify::classify;
use std::path::PathBuf;
use std::time::Duration;

/// What the runtime, or the connection to it, answered in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Reported {
    /// The gRPC code.
    pub code: tonic::Code,
    /// The text that came with it.
    pub message: String,
}

/// A call that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The object is not there. When stopping or removing: done. Else: look at what there is.
    #[error("{call}: not found")]
    NotFound {
        /// What was tried.
        call: Call,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// The object is there already. Adopt it.
    #[error("{call}: exists already")]
    AlreadyExists {
        /// What was tried.
        call: Call,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// Another sandbox or container has the name: an earlier attempt got further than its caller saw, or is
    /// still under way. Look at `holder`: adopt it, or remove it and try again.
    #[error("{call}: the name {name} is held by {holder}, left by an earlier attempt or still being created")]
    NameReserved {
        /// What was tried.
        call: Call,
        /// The runtime's name for the object.
        name: String,
        /// Id of the sandbox or container that has the name.
        holder: String,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// The runtime does not have this call. Do without; asking again is of no use.
    #[error("{call}: this runtime does not implement it")]
    Unimplemented {
        /// What was tried.
        call: Call,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// Something answers on the socket, but not CRI v1. An operator must act.
    #[error(
        "{call}: {socket} answers, but has no CRI v1: containerd as packaged by Docker disables its CRI plugin with \
         `disabled_plugins = [\"cri\"]` in /etc/containerd/config.toml; remove \"cri\" there and run \
         `systemctl restart containerd` (a containerd older than 1.6 has to be replaced)",
        socket = socket.display()
    )]
    CriDisabled {
        /// What was tried.
        call: Call,
        /// The socket that answered.
        socket: PathBuf,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// No socket there. Try again later; if it stays, an operator must act.
    #[error(
        "{call}: no socket at {socket}; is containerd installed and running (`systemctl enable --now containerd`), \
         and is this its address?",
        socket = socket.display()
    )]
    SocketMissing {
        /// What was tried.
        call: Call,
        /// The socket that is missing.
        socket: PathBuf,
    },

    /// The socket may not be opened. An operator must act.
    #[error("{call}: no permission for {socket}; run as root, or as a member of the socket's group", socket = socket.display())]
    SocketForbidden {
        /// What was tried.
        call: Call,
        /// The socket that refused.
        socket: PathBuf,
    },

    /// A socket file without a listener: the runtime is down or starting. Try again later.
    #[error(
        "{call}: nothing listens on {socket}; the runtime is down or starting (`systemctl status containerd`)",
        socket = socket.display()
    )]
    SocketRefused {
        /// What was tried.
        call: Call,
        /// The socket that refused.
        socket: PathBuf,
    },

    /// The connection ended during the call. The effect is unknown: look, then try again.
    #[error("{call}: the connection to the runtime was lost; whether it took effect is unknown")]
    LostConnection {
        /// What was tried.
        call: Call,
        /// What the connection said.
        source: Box<Reported>,
    },

    /// No answer in time. The effect is unknown and may still come: look, then try again.
    #[error("{call}: no answer within {}", seconds(*after))]
    Deadline {
        /// What was tried.
        call: Call,
        /// How long the call could take.
        after: Duration,
    },

    /// A pull has moved no byte for too long and was cancelled. Try again with back-off: the registry or the
    /// way to it is at fault.
    #[error("{call}: no byte arrived for {}", seconds(*after))]
    Stalled {
        /// What was tried.
        call: Call,
        /// For how long nothing came.
        after: Duration,
    },

    /// The runtime says it cannot serve now (starting, stopping, overloaded, conflicting work). Try again.
    #[error("{call}: the runtime cannot do it at the moment")]
    TryAgain {
        /// What was tried.
        call: Call,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// The runtime refuses the request as such. The same request will fail again: give up.
    #[error("{call}: refused as invalid")]
    Invalid {
        /// What was tried.
        call: Call,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// The object is not in a state for this. Look at its state.
    #[error("{call}: not possible in its present state")]
    WrongState {
        /// What was tried.
        call: Call,
        /// The runtime's words.
        source: Box<Reported>,
    },

    /// The answer is larger than a message may be (16 MiB). Ask for less.
    #[error("{call}: the answer is too large")]
    TooLarge {
        /// What was tried.
        call: Call,
        /// The connection's words.
        source: Box<Reported>,
    },

    /// The answer lacks what the contract promises. A fault of the runtime; trying again seldom helps.
    #[error("{call}: the runtime's answer has no {missing}")]
    Incomplete {
        /// What was tried.
        call: Call,
        /// The field that is missing.
        missing: &'static str,
    },

    /// The runtime tried and failed: a missing mount source, a CNI error, an exec format error, … The cause
    /// is in the source. Try again with back-off.
    #[error("{call}: the runtime failed")]
    Failed {
        /// What was tried.
        call: Call,
        /// The runtime's words.
        source: Box<Reported>,
    },
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
