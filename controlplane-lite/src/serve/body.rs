//! Bodies: reading a request's within a limit, and making an answer's.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};

use super::Body;
use crate::status::{Result, Status};

/// Largest request body, as in the reference.
pub const MAX_REQUEST: usize = 3 * 1024 * 1024;

/// An answer's body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// Reads a whole request body.
///
/// # Errors
/// 413 beyond [`MAX_REQUEST`]; 400 if the client stops sending.
pub async fn read(mut body: Body) -> Result<Bytes> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_REQUEST {
        return Err(Status::too_large(MAX_REQUEST));
    }
    let mut out = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|e| Status::bad_request(format!("unable to read the request body: {e}")))?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if out.len() + data.len() > MAX_REQUEST {
            return Err(Status::too_large(MAX_REQUEST));
        }
        out.extend_from_slice(&data);
    }
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_over_the_limit_is_413_and_one_at_the_limit_is_read() {
        let at = read(full(vec![b' '; MAX_REQUEST])).await.map(|b| b.len());
        assert_eq!(at, Ok(MAX_REQUEST));
        let over = read(full(vec![b' '; MAX_REQUEST + 1])).await;
        assert_eq!(over.map_err(|s| s.code), Err(413));
    }
}
