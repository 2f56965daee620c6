//! What the host of a room may do: change it, begin the match, send somebody away, close it.
//!
//! Flow: [`super`] → here → [`crate::directory::Order`] → rooms.

use super::Shared;
use super::rooms::{check_change, visible};
use crate::directory::{Order, RoomEntry};
use crate::lobby::auth::Caller;
use crate::lobby::document::Refusals;
use crate::lobby::problem::{Body, NoBody, Number, Numbers, Refusal};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::{PlayerId, RoomId};
use protocol::lobby::{RoomChange, RoomInfo};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    use super::rooms::{__path_room, room};
    OpenApiRouter::new().routes(routes!(room, change, close)).routes(routes!(start)).routes(routes!(kick))
}

/// Changes a room. Another map begins with the next match.
#[utoipa::path(patch, path = "/v1/rooms/{room}", tag = "rooms", security(("player" = [])), params(("room" = u32, Path)), request_body = RoomChange,
    responses((status = OK, body = RoomInfo), Refusals))]
async fn change(
    State(shared): State<Arc<Shared>>,
    Number(id): Number<u32>,
    caller: Caller,
    Body(change): Body<RoomChange>,
) -> Result<Json<RoomInfo>, Refusal> {
    check_change(&change).map_err(Refusal::Invalid)?;
    led(&shared, id, &caller)?;
    let room = shared.directory.order(Order::Change { room: RoomId(id), change }).await;
    room.map(|room| Json(room.info)).map_err(|error| Refusal::order(id, error))
}

/// Sends everybody away and closes a room.
#[utoipa::path(delete, path = "/v1/rooms/{room}", tag = "rooms", security(("player" = [])), params(("room" = u32, Path)),
    responses((status = NO_CONTENT), Refusals))]
async fn close(
    State(shared): State<Arc<Shared>>,
    Number(id): Number<u32>,
    caller: Caller,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    led(&shared, id, &caller)?;
    obeyed(&shared, id, Order::Close { room: RoomId(id) }).await
}

/// Begins the match now: ends the countdown, or the match under way.
#[utoipa::path(post, path = "/v1/rooms/{room}/start", tag = "rooms", security(("player" = [])), params(("room" = u32, Path)),
    responses((status = NO_CONTENT), Refusals))]
async fn start(
    State(shared): State<Arc<Shared>>,
    Number(id): Number<u32>,
    caller: Caller,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    led(&shared, id, &caller)?;
    obeyed(&shared, id, Order::Start { room: RoomId(id) }).await
}

/// Sends somebody away, until the room closes.
#[utoipa::path(delete, path = "/v1/rooms/{room}/members/{player}", tag = "rooms", security(("player" = [])),
    params(("room" = u32, Path), ("player" = u64, Path)), responses((status = NO_CONTENT), Refusals))]
async fn kick(
    State(shared): State<Arc<Shared>>,
    Numbers(id, player): Numbers<u32, u64>,
    caller: Caller,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    let (room, player) = (led(&shared, id, &caller)?, PlayerId(player));
    if player == caller.player {
        return Err(Refusal::Invalid("You cannot send yourself away. Leave the room instead.".to_owned()));
    }
    if !room.has(player) {
        return Err(Refusal::NotAMember(id));
    }
    obeyed(&shared, id, Order::Kick { room: RoomId(id), player }).await
}

/// Returns the room if `caller` leads it.
fn led(shared: &Shared, id: u32, caller: &Caller) -> Result<RoomEntry, Refusal> {
    let room = visible(shared, id, Some(caller))?;
    if room.info.host == Some(caller.player) { Ok(room) } else { Err(Refusal::NotHost(id)) }
}

async fn obeyed(shared: &Shared, id: u32, order: Order) -> Result<StatusCode, Refusal> {
    let done = shared.directory.order(order).await;
    done.map(|_| StatusCode::NO_CONTENT).map_err(|error| Refusal::order(id, error))
}
