//! `GET /v1/link`: turns an HTTP connection into a WebSocket link.
//!
//! Nobody is asked who they are here: the first message of a link says so, as on every other wire, and never a URL. Whether
//! the request may become a link at all, and that no other site's web page is behind it, the transport checks.
//!
//! Flow: [`super::routes`] → here → [`super::serve`] (after the answer) → `transport::websocket`.

use super::problem::Refusal;
use super::routes::Shared;
use super::serve::{Connection, Handover};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use transport::websocket::upgrade_response;

/// Answers `101 Switching Protocols` and leaves the bytes that follow to the connection's own task.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let response = upgrade_response(&request).map_err(|refusal| match refusal.status {
        StatusCode::FORBIDDEN => Refusal::ForeignOrigin,
        _ => Refusal::UpgradeRequired,
    })?;
    let Some(handshake) = shared.links.handshake() else {
        shared.links.counters().handshakes_refused.fetch_add(1, Ordering::Relaxed);
        return Err(Refusal::RoomsBusy);
    };
    connection.hand_over(Handover { upgrade: hyper::upgrade::on(&mut request), handshake });
    Ok(response.map(|()| Body::empty()))
}
