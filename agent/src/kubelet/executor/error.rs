//! From the client's errors to what a worker can do about them, and to the texts that people read.

use std::error::Error as _;

use crate::kubelet::worker::OpError;

/// What the runtime said, in its own words where it said something; else the client's.
pub(super) fn words(error: &cri::Error) -> String {
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

/// A failed call that was to make something.
pub(super) fn failed(error: &cri::Error) -> OpError {
    match error {
        cri::Error::NameReserved { .. } | cri::Error::AlreadyExists { .. } => OpError::Reserved(words(error)),
        _ => OpError::Runtime(words(error)),
    }
}

/// The outcome of a call that ends something: what is not there has ended.
pub(super) fn ended(result: Result<(), cri::Error>) -> Result<(), OpError> {
    match result {
        Ok(()) | Err(cri::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(OpError::Runtime(words(&error))),
    }
}
