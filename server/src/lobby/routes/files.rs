//! Files by the hash of their content.
//!
//! What is named by its hash never changes, so everybody on the way may keep it for ever. A broken download goes on where it ended.
//!
//! Flow: [`super`] → here → [`crate::lobby::files`].

use super::Shared;
use crate::lobby::document::{Refusals, Unchanged, Versions};
use crate::lobby::files::{Piece, Wanted};
use crate::lobby::problem::{Number, Refusal};
use crate::lobby::serve::Connection;
use crate::lobby::watch::{ETag, Seen, Versioned, Watcher};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::lobby::FileList;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// For what never changes, such as whatever is named by its hash.
pub(super) const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(files)).routes(routes!(file))
}

/// Lists the files that can be fetched.
#[utoipa::path(get, path = "/v1/files", tag = "files", params(Versions),
    responses((status = OK, body = FileList, headers(("ETag" = String, description = "The version."))), Unchanged, Refusals))]
async fn files(State(shared): State<Arc<Shared>>, watcher: Watcher) -> Versioned<FileList> {
    watcher.now(ETag::hash(shared.files.version())).answer(|| shared.files.list())
}

/// Sends a file, or the part that `Range` names.
#[utoipa::path(get, path = "/v1/files/{sha256}", tag = "files",
    params(
        ("sha256" = String, Path, description = "The hash of the content, 64 hexadecimal digits.", pattern = "^[0-9a-f]{64}$"),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=1000-`."),
        Versions,
    ),
    responses(
        (status = OK, description = "The whole file.", content_type = "application/octet-stream", body = Vec<u8>,
            headers(("ETag" = String, description = "The hash."), ("Accept-Ranges" = String, description = "`bytes`."))),
        (status = PARTIAL_CONTENT, description = "The part.", content_type = "application/octet-stream", body = Vec<u8>,
            headers(("Content-Range" = String, description = "Which part of how much."))),
        (status = RANGE_NOT_SATISFIABLE, description = "There is no such part.", content_type = "application/problem+json",
            body = protocol::lobby::Problem, headers(("Content-Range" = String, description = "How much there is."))),
        Unchanged, Refusals))]
async fn file(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Number(sha256): Number<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let file = shared.files.find(&sha256).ok_or(Refusal::FileUnknown)?;
    let tag = ETag::hash(&file.info.sha256);
    let common = [
        (header::ETAG, tag.value()),
        (header::CACHE_CONTROL, FOR_EVER),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ];
    if tag.is_seen(&Seen::of(&headers)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // A part of another version is of no use to the asker.
    let same = headers.get(header::IF_RANGE).is_none_or(|wanted| *wanted == tag.value());
    let bytes = file.info.bytes;
    let (status, part) = match Wanted::read(text(header::RANGE).filter(|_| same), bytes) {
        Wanted::All => (StatusCode::OK, 0..bytes),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => {
            let mut response = Refusal::NoSuchRange(bytes).into_response();
            response.headers_mut().insert(header::CONTENT_RANGE, value(&format!("bytes */{bytes}")));
            return Ok(response);
        }
    };
    let piece = Piece::open(file, &part, connection.pulse).await?;
    let mut response = (status, common, Body::from_stream(piece.stream())).into_response();
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    head.insert(header::CONTENT_LENGTH, part.end.saturating_sub(part.start).into());
    if status == StatusCode::PARTIAL_CONTENT {
        head.insert(
            header::CONTENT_RANGE,
            value(&format!("bytes {}-{}/{bytes}", part.start, part.end.saturating_sub(1))),
        );
    }
    Ok(response)
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
