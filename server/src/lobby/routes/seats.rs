//! Seats, and fresh ways to one that is already taken.
//!
//! Flow: [`super`] → here → [`crate::lobby::grants`].

use super::Shared;
use crate::lobby::auth::Caller;
use crate::lobby::problem::{NoBody, Number, Refusal};
use crate::lobby::serve::Connection;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use protocol::grant::LinkIdentity;
use protocol::ids::{RoomId, SessionId};
use protocol::lobby::{Endpoints, Grant};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(new_seat)).routes(routes!(new_endpoints))
}

/// Takes a seat in a room.
#[utoipa::path(post, path = "/v1/rooms/{room}/seats", tag = "seats", params(("room" = u32, Path)),
    responses((status = CREATED, body = Grant)), security(("player" = [])))]
async fn new_seat(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Number(id): Number<u32>,
    _: NoBody,
) -> Result<(StatusCode, Json<Grant>), Refusal> {
    let room = shared.directory.room(RoomId(id)).ok_or(Refusal::RoomUnknown(id))?;
    // Spares the player a dial. Between here and there somebody else may come or go: the room has the last word.
    if !room.is_free() {
        return Err(Refusal::RoomFull(id));
    }
    let grant = shared.granter.grant(&caller, room.info.id, connection.local.ip())?;
    Ok((StatusCode::CREATED, Json(grant)))
}

/// Mints fresh connect tokens for another link of a session.
#[utoipa::path(post, path = "/v1/sessions/{session}/endpoints", tag = "seats", params(("session" = u64, Path)),
    responses((status = OK, body = Endpoints)), security(("player" = [])))]
async fn new_endpoints(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Number(session): Number<u64>,
    _: NoBody,
) -> Result<Json<Endpoints>, Refusal> {
    let identity = LinkIdentity { player: caller.player, session: SessionId(session) };
    shared.granter.endpoints(identity, connection.local.ip()).map(Json)
}
