//! `/v1/link`: turns an HTTP connection into a WebSocket link, or serves the calls of an `http` link.
//!
//! Nobody is asked who they are here: the first message of a link says so, as on every other wire, and never a URL. Whether
//! the request may become a link at all, and that no other site's web page is behind it, the transport checks.
//!
//! Flow: [`super::routes`] → here → [`super::serve`] (after the answer) → `transport::websocket`; or → `transport::http`.

use super::document::Refusals;
use super::limits::WRITE_COST;
use super::problem::{Number, Refusal};
use super::routes::{Shared, pay};
use super::serve::{Connection, Handover};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, options};
use axum::{Extension, Json, Router};
use protocol::lobby::{HttpLink, Problem};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use transport::http::PATH;
use transport::websocket::upgrade_response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where a link over `http` is called.
pub(super) const CALLS: &str = "/v1/link/http/{link}";

/// What begins a link. A browser asks first whether a call may go through a door, which [`super::weather::through`] answers.
pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    let asked_first = || async { Refusal::MethodNotAllowed };
    OpenApiRouter::new().routes(routes!(upgrade)).routes(routes!(open_http)).route(PATH, options(asked_first))
}

/// The calls of a link, which have limits of their own.
pub(super) fn calls() -> Router<Arc<Shared>> {
    Router::new().route(CALLS, any(http))
}

/// Turns the connection into a WebSocket link.
///
/// Answers `101 Switching Protocols` and leaves the bytes that follow to the connection's own task.
#[utoipa::path(get, path = "/v1/link", tag = "links", responses(
    (status = SWITCHING_PROTOCOLS, description = "A WebSocket from here on."),
    (status = UPGRADE_REQUIRED, description = "Not the headers of a WebSocket.", content_type = "application/problem+json", body = Problem),
    Refusals))]
async fn upgrade(
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

/// Opens a link whose bytes travel in calls.
#[utoipa::path(post, path = "/v1/link/http", tag = "links", responses((status = CREATED, body = HttpLink), Refusals))]
async fn open_http(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Result<(StatusCode, Json<HttpLink>), Refusal> {
    let opened = shared.http.open(&request, connection.remote).map_err(|refusal| match refusal.status {
        StatusCode::FORBIDDEN => Refusal::ForeignOrigin,
        _ => Refusal::RoomsBusy,
    })?;
    Ok((StatusCode::CREATED, Json(opened)))
}

/// `/v1/link/http/{link}`: a call of such a link. One that shows the link's bearer is limited by the link, all others pay.
async fn http(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    link: Result<Number<u64>, Refusal>,
    request: Request,
) -> Result<Response, Refusal> {
    let visit = link.and_then(|Number(link)| {
        shared.http.visit(link, request.headers()).map_err(|refusal| match refusal.status {
            StatusCode::NOT_FOUND => Refusal::LinkUnknown,
            _ => Refusal::LinkForeign,
        })
    });
    match visit {
        Ok(visit) => {
            connection.belongs_to(&visit);
            Ok(visit.serve(request).await.map(Body::new))
        }
        Err(refusal) => {
            pay(&shared.requests, connection.remote.ip(), WRITE_COST)?;
            Err(refusal)
        }
    }
}
