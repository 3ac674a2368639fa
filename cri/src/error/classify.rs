//! From a gRPC status to an [`Error`].

use super::{Call, Error, Reported, reserved};
use std::error::Error as _;
use std::io;
use std::path::Path;
use std::time::Duration;
use tonic::{Code, Status};

/// Decides which error a failed call is.
///
/// `socket` is where the call went, `deadline` what it could take.
pub(crate) fn classify(call: Call, socket: &Path, deadline: Option<Duration>, status: &Status) -> Error {
    let source = Box::new(Reported {
        code: status.code(),
        message: status.message().to_owned(),
    });
    if status.source().is_some() && status.code() != Code::OutOfRange {
        return transport(call, socket, deadline, status, source);
    }
    if let Some(reserved) = reserved::parse(&source.message) {
        return Error::NameReserved {
            call,
            name: reserved.name,
            holder: reserved.holder,
            source,
        };
    }
    match status.code() {
        Code::NotFound => Error::NotFound { call, source },
        Code::AlreadyExists => Error::AlreadyExists { call, source },
        Code::Unimplemented if names_missing_cri(&source.message) => Error::CriDisabled {
            call,
            socket: socket.to_owned(),
            source,
        },
        Code::Unimplemented => Error::Unimplemented { call, source },
        Code::DeadlineExceeded => timed_out(call, deadline, source),
        // tonic's own timer, which runs beside ours, says it this way.
        Code::Cancelled if source.message == "Timeout expired" => timed_out(call, deadline, source),
        Code::Unavailable | Code::Aborted | Code::Cancelled => Error::TryAgain { call, source },
        Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated => {
            Error::Invalid { call, source }
        }
        Code::FailedPrecondition => Error::WrongState { call, source },
        // Client and server limits in the words of tonic and of Go's gRPC.
        Code::OutOfRange | Code::ResourceExhausted if mentions_message_size(&source.message) => {
            Error::TooLarge { call, source }
        }
        Code::ResourceExhausted => Error::TryAgain { call, source },
        _ => Error::Failed { call, source },
    }
}

/// The status was made on this side, because the connection could not be made or broke.
fn transport(
    call: Call,
    socket: &Path,
    deadline: Option<Duration>,
    status: &Status,
    source: Box<Reported>,
) -> Error {
    let socket = || socket.to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return timed_out(call, deadline, source);
        }
        if error.is::<tonic::ConnectError>()
            && let Some(io) = io_error(error)
        {
            return match io.kind() {
                io::ErrorKind::NotFound => Error::SocketMissing {
                    call,
                    socket: socket(),
                },
                io::ErrorKind::PermissionDenied => Error::SocketForbidden {
                    call,
                    socket: socket(),
                },
                // EAGAIN: the listener's queue is full.
                io::ErrorKind::WouldBlock => Error::TryAgain { call, source },
                _ => Error::SocketRefused {
                    call,
                    socket: socket(),
                },
            };
        }
        cause = error.source();
    }
    Error::LostConnection { call, source }
}

fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

fn timed_out(call: Call, deadline: Option<Duration>, source: Box<Reported>) -> Error {
    match deadline {
        Some(after) => Error::Deadline { call, after },
        // Nobody here set one, so it is the runtime's own and its words matter.
        None => Error::Failed { call, source },
    }
}

/// containerd without its CRI plugin: "unknown service runtime.v1.RuntimeService".
fn names_missing_cri(message: &str) -> bool {
    message.contains("unknown service runtime.v1")
}

fn mentions_message_size(message: &str) -> bool {
    message.contains("message length too large")
        || message.contains("larger than max")
        || message.contains("message too large")
}

#[cfg(test)]
mod tests;
