//! How the server is, for operators and for a friend who opens its address in a browser.
//!
//! Flow: [`super`] → here → [`crate::directory`].

use super::Shared;
use crate::lobby::document::Refusals;
use crate::lobby::problem::Refusal;
use axum::Json;
use axum::extract::State;
use axum::response::Html;
use protocol::lobby::Health;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What `GET /` shows: a friend who was given the address and opens it in a browser.
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Crosswire</title>\
    <h1>Crosswire</h1><p>A game server is running here. To join, start the Crosswire game and enter the address of this page.\
    </p></html>\n";
pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(page))
}

/// Says what this is, to a friend who opens the address in a browser.
#[utoipa::path(get, path = "/", tag = "server", responses((status = OK, content_type = "text/html", body = String), Refusals))]
async fn page() -> Html<&'static str> {
    Html(PAGE)
}

/// Tells how the server is.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = OK, body = Health), Refusals))]
async fn health(State(shared): State<Arc<Shared>>) -> Result<Json<Health>, Refusal> {
    shared.directory.health().map(Json).ok_or(Refusal::RoomsBusy)
}
