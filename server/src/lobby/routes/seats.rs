//! Seats: in a room that was chosen, wherever there is one, and fresh ways to one that is already taken.
//!
//! Flow: [`super`], [`super::invites`] → here → [`crate::lobby::grants`].

use super::rooms::{belongs, visible};
use super::{Shared, pay};
use crate::config::valid_map_name;
use crate::directory::{OpenRoom, RoomEntry};
use crate::lobby::auth::Caller;
use crate::lobby::document::Refusals;
use crate::lobby::limits::PASSWORD_COST;
use crate::lobby::problem::{Body, BodyOr, NoBody, Number, Refusal};
use crate::lobby::serve::Connection;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use protocol::grant::LinkIdentity;
use protocol::ids::{NAME_BITS, SessionId};
use protocol::limits::{MAX_PASSWORD_CHARS, MAX_SPECTATORS};
use protocol::lobby::{Endpoints, Grant, NewRoom, QuickJoin, SeatWish};
use std::sync::Arc;
use std::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(new_seat)).routes(routes!(quick_join)).routes(routes!(new_endpoints))
}

/// Takes a seat in a room, or a place to watch it.
#[utoipa::path(post, path = "/v1/rooms/{room}/seats", tag = "seats", security(("player" = [])), params(("room" = u32, Path)),
    request_body = Option<SeatWish>, responses((status = CREATED, body = Grant), Refusals))]
async fn new_seat(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Number(id): Number<u32>,
    caller: Caller,
    BodyOr(wish): BodyOr<SeatWish>,
) -> Result<(StatusCode, Json<Grant>), Refusal> {
    let room = visible(&shared, id, Some(&caller))?;
    seat_in(&shared, &connection, &caller, &room, &wish)
}

/// Returns the grant for a place in `room`, of which `caller` may know. Between here and there somebody else may come or go: the room has
/// the last word, and this spares the player a dial.
pub(super) fn seat_in(
    shared: &Shared,
    connection: &Connection,
    caller: &Caller,
    room: &RoomEntry,
    wish: &SeatWish,
) -> Result<(StatusCode, Json<Grant>), Refusal> {
    let id = room.info.id.0;
    if room.banned.contains(&caller.player) {
        return Err(Refusal::Banned(id));
    }
    if !room.reserved.is_empty() && !room.reserved.contains(&caller.player) {
        return Err(Refusal::RoomReserved(id));
    }
    if !belongs(room, caller) {
        check_password(shared, connection, room, wish)?;
    }
    let watches = |seat: Option<u8>| seat.is_none() == wish.spectate;
    let back = room.members.iter().any(|member| member.player == caller.player && watches(member.seat));
    let full = if wish.spectate { room.info.spectators >= MAX_SPECTATORS } else { !room.is_free() };
    if full && !back {
        return Err(Refusal::RoomFull(id));
    }
    let grant = shared.granter.grant(caller, room.info.id, wish.spectate, connection.asker())?;
    Ok((StatusCode::CREATED, Json(grant)))
}

/// Checks the password of a locked room. Attempts are paid for before they are looked at, or the right one among many would be free.
fn check_password(shared: &Shared, connection: &Connection, room: &RoomEntry, wish: &SeatWish) -> Result<(), Refusal> {
    let (Some(password), id) = (&room.password, room.info.id.0) else { return Ok(()) };
    let said = wish.password.as_deref().filter(|said| !said.is_empty()).ok_or(Refusal::PasswordNeeded(id))?;
    pay(&shared.guesses, connection.remote.ip(), PASSWORD_COST)?;
    // What is too long is no password, and hashing it would be work for nothing.
    let right = said.chars().count() <= MAX_PASSWORD_CHARS && password.matches(said);
    if right { Ok(()) } else { Err(Refusal::PasswordWrong(id)) }
}

/// Takes a seat anywhere: the room that is preferred if it can be had, else the fullest public one, else a new one.
#[utoipa::path(post, path = "/v1/seats", tag = "seats", security(("player" = [])), request_body = QuickJoin,
    responses((status = CREATED, body = Grant), Refusals))]
async fn quick_join(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Body(wish): Body<QuickJoin>,
) -> Result<(StatusCode, Json<Grant>), Refusal> {
    if !wish.map.as_deref().is_none_or(valid_map_name) {
        return Err(Refusal::Invalid("A map's name has letters, digits, - and _ only.".to_owned()));
    }
    // One chooses at a time, so that two who come together do not both count on the last seat, or open a room each.
    let mut promises = shared.promises.lock().await;
    let now = Instant::now();
    let chosen = promises.choose(&shared.directory.rooms(), &wish, caller.player, now);
    let room = match chosen {
        Some(room) => room,
        None => {
            pay(&shared.rooms, connection.remote.ip(), 1.0)?;
            let new = NewRoom { mode: wish.mode.unwrap_or_default(), map: wish.map, ..NewRoom::default() };
            let asked = OpenRoom { wish: new, host: None, reserved: Vec::new() };
            shared.directory.open_room(asked).await?
        }
    };
    promises.promise(room.info.id, caller.player, now);
    seat_in(&shared, &connection, &caller, &room, &SeatWish::default())
}

/// Mints fresh connect tokens for another link of a session.
#[utoipa::path(post, path = "/v1/sessions/{session}/endpoints", tag = "seats", security(("player" = [])), params(("session" = u64, Path)),
    responses((status = OK, body = Endpoints), Refusals))]
async fn new_endpoints(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Number(session): Number<u64>,
    _: NoBody,
) -> Result<Json<Endpoints>, Refusal> {
    if session >> NAME_BITS != 0 {
        return Err(Refusal::NotFound);
    }
    let identity = LinkIdentity { player: caller.player, session: SessionId(session) };
    shared.granter.endpoints(identity, connection.asker()).map(Json)
}
