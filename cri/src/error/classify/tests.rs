//! One line per thing a runtime or a connection can say.

use super::*;
use crate::error::Object;

fn call() -> Call {
    Call {
        operation: "stop",
        object: Object::Sandbox("5f".into()),
    }
}

/// The variant's name alone.
fn class(status: &Status, deadline: Option<Duration>) -> String {
    let error = classify(call(), Path::new("/run/x.sock"), deadline, status);
    let text = format!("{error:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn answers_fall_into_classes_by_what_the_caller_should_do() {
    let reserved = r#"failed to reserve sandbox name "a": name "a" is reserved for "77""#;
    let cases = [
        (Code::NotFound, "no such sandbox", "NotFound"),
        (Code::AlreadyExists, "there", "AlreadyExists"),
        (Code::Unknown, reserved, "NameReserved"),
        (
            Code::Unimplemented,
            "unknown service runtime.v1.RuntimeService",
            "CriDisabled",
        ),
        (
            Code::Unimplemented,
            "unknown service runtime.v1.ImageService",
            "CriDisabled",
        ),
        (
            Code::Unimplemented,
            "unknown method GetContainerEvents",
            "Unimplemented",
        ),
        (
            Code::Unimplemented,
            "unknown service containerd.services.events.v1.Events",
            "Unimplemented",
        ),
        (Code::DeadlineExceeded, "context deadline exceeded", "Deadline"),
        (Code::Cancelled, "Timeout expired", "Deadline"),
        (Code::Cancelled, "context canceled", "TryAgain"),
        (Code::Unavailable, "server is shutting down", "TryAgain"),
        (Code::Aborted, "conflict", "TryAgain"),
        (Code::InvalidArgument, "bad reference", "Invalid"),
        (Code::FailedPrecondition, "not running", "WrongState"),
        (
            Code::OutOfRange,
            "Error, decoded message length too large: found 5 bytes",
            "TooLarge",
        ),
        (
            Code::ResourceExhausted,
            "trying to send message larger than max (5 vs. 4)",
            "TooLarge",
        ),
        (Code::ResourceExhausted, "quota", "TryAgain"),
        (Code::Unknown, "failed to create shim task", "Failed"),
        (Code::Internal, "panic", "Failed"),
    ];
    for (code, message, expected) in cases {
        let status = Status::new(code, message);
        assert_eq!(
            class(&status, Some(Duration::from_secs(1))),
            expected,
            "{code:?} {message}"
        );
    }
    // Without a deadline of ours, the runtime's own is just a failure.
    assert_eq!(class(&Status::deadline_exceeded("slow disk"), None), "Failed");
}

#[test]
fn connections_that_fail_say_how() {
    let refused = |kind: io::ErrorKind| {
        let connect = tonic::ConnectError(Box::new(io::Error::from(kind)));
        Status::from_error(Box::new(connect))
    };
    let cases = [
        (refused(io::ErrorKind::NotFound), "SocketMissing"),
        (refused(io::ErrorKind::PermissionDenied), "SocketForbidden"),
        (refused(io::ErrorKind::ConnectionRefused), "SocketRefused"),
        (refused(io::ErrorKind::WouldBlock), "TryAgain"),
        (
            Status::from_error(Box::new(io::Error::from(io::ErrorKind::BrokenPipe))),
            "LostConnection",
        ),
        (
            Status::from_error(Box::new(tonic::TimeoutExpired(()))),
            "Deadline",
        ),
    ];
    for (status, expected) in cases {
        assert_eq!(
            class(&status, Some(Duration::from_secs(1))),
            expected,
            "{status:?}"
        );
    }
}

#[test]
fn messages_name_operation_object_and_fix_and_leave_the_cause_to_the_source() {
    let text = |code, message: &str| {
        let error = classify(
            call(),
            Path::new("/run/x.sock"),
            None,
            &Status::new(code, message),
        );
        let source = std::error::Error::source(&error).map(ToString::to_string);
        (error.to_string(), source)
    };
    let (failed, source) = text(Code::Unknown, "cni is broken");
    assert_eq!(failed, "stop sandbox 5f: the runtime failed");
    assert_eq!(source.as_deref(), Some("cni is broken"));
    let (disabled, _) = text(Code::Unimplemented, "unknown service runtime.v1.RuntimeService");
    assert!(
        disabled.starts_with("stop sandbox 5f: /run/x.sock answers"),
        "{disabled}"
    );
    assert!(
        disabled.contains("disabled_plugins") && disabled.contains("systemctl restart"),
        "{disabled}"
    );
    let late = Error::Deadline {
        call: call(),
        after: Duration::from_millis(1500),
    };
    assert_eq!(late.to_string(), "stop sandbox 5f: no answer within 1.5 s");
}
