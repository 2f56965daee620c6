//! How the server is, for operators, for what watches over it, and for a friend who opens its address in a browser.
//!
//! Flow: [`super`] → here → [`crate::directory`], [`crate::operator`], [`crate::lobby::page`].

use super::Shared;
use crate::lobby::document::Refusals;
use crate::lobby::page;
use crate::lobby::problem::Refusal;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use protocol::lobby::Health;
use std::sync::Arc;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    pages(routes!(page))
}

/// The same routes, with a page that does not lead to the console.
pub(super) fn public_routes() -> OpenApiRouter<Arc<Shared>> {
    pages(routes!(public_page))
}

fn pages(page: UtoipaMethodRouter<Arc<Shared>>) -> OpenApiRouter<Arc<Shared>> {
    described().routes(page)
}

/// The routes without any page.
pub(super) fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready))
}

/// Says what this is, to a friend who opens the address in a browser.
#[utoipa::path(get, path = "/", tag = "server", operation_id = "landing",
    responses((status = OK, content_type = "text/html", body = String), Refusals))]
async fn page() -> Response {
    page::LANDING.answer()
}

/// The same, without the way to the console.
#[utoipa::path(get, path = "/", tag = "server", operation_id = "landing",
    responses((status = OK, content_type = "text/html", body = String), Refusals))]
async fn public_page() -> Response {
    page::PUBLIC_LANDING.answer()
}

/// Tells how the server is.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = OK, body = Health), Refusals))]
async fn health(State(shared): State<Arc<Shared>>) -> Result<Json<Health>, Refusal> {
    shared.directory.health().map(Json).ok_or(Refusal::RoomsBusy)
}

/// Tells whether players may be sent here: the rooms tick, the store takes what it is given, and no shutdown has begun.
#[utoipa::path(get, path = "/readyz", tag = "server", responses((status = OK, body = Health), Refusals))]
async fn ready(State(shared): State<Arc<Shared>>) -> Result<Json<Health>, Refusal> {
    let health = shared.directory.health().filter(|_| shared.operator.vitals.is_alive()).ok_or(Refusal::RoomsBusy)?;
    if health.status != "ok" {
        return Err(Refusal::Stopping);
    }
    if !shared.operator.can_store().await {
        return Err(Refusal::NotStored);
    }
    Ok(Json(health))
}
