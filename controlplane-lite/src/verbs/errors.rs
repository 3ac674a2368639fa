//! Errors of the cache and the store as the API tells them.

use crate::cache::CacheError;
use crate::resource::Resource;
use crate::status::{Result, Status};
use crate::store::StoreError;

/// The status of a failed operation on an object.
pub(crate) fn status(error: CacheError, row: &Resource, name: &str) -> Status {
    let of = row.group_resource();
    match error {
        CacheError::Store(StoreError::Exists { .. }) => Status::already_exists(of, name),
        CacheError::Store(StoreError::Absent { .. }) => Status::not_found(of, name),
        CacheError::Store(StoreError::Conflict { .. }) => Status::modified(of, name),
        CacheError::Store(StoreError::Compacted { requested, oldest }) => {
            Status::expired(format!("too old resource version: {requested} ({oldest})"))
        }
        CacheError::Store(StoreError::Future { requested, current }) => Status::timeout(
            format_args!("Too large resource version: {requested}, current: {current}"),
            1,
        )
        .with_cause("ResourceVersionTooLarge", "Too large resource version", ""),
        CacheError::Store(StoreError::TooLarge { size, .. }) => Status {
            message: format!("Request entity too large: the object has {size} bytes"),
            ..Status::too_large(size)
        },
        CacheError::Store(error @ StoreError::Full { .. }) => {
            tracing::error!(%error, "a write was refused");
            Status::internal(error)
        }
        CacheError::Store(error @ (StoreError::Unavailable { .. } | StoreError::Unknown { .. })) => {
            tracing::warn!(%error, "the store does not answer");
            Status::unavailable(error.to_string())
        }
        CacheError::Lost | CacheError::Slow(_) => Status::expired(error.to_string()),
        error => {
            tracing::error!(%error, "the store failed");
            Status::internal(error)
        }
    }
}

/// A `resourceVersion` parameter.
///
/// # Errors
/// 400 with Go's words.
pub(crate) fn revision(text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        let why = if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
            "value out of range"
        } else {
            "invalid syntax"
        };
        Status::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}"
        ))
    })
}
