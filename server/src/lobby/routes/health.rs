//! How the server is, for operators and for what watches over it.
//!
//! Flow: [`super`] → here → [`crate::directory`], [`crate::operator`].

use super::Shared;
use crate::lobby::document::Refusals;
use crate::lobby::problem::Refusal;
use axum::Json;
use axum::extract::State;
use protocol::lobby::Health;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready))
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
