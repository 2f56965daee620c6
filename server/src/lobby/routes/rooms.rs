//! Rooms: which there are, one of one's own, and who is in it.
//!
//! A private room does not exist for those who are neither in it nor its host: every call about it answers as if it were closed.
//!
//! Flow: [`super`] → here → [`crate::directory`]; what a host may do is in [`super::lead`].

use super::{Shared, pay};
use crate::config::{BOTS, MATCH_SECONDS, MAX_ROOM_NAME_CHARS, SCORE_LIMIT, SEATS, valid_map_name};
use crate::directory::{OpenRoom, RoomEntry};
use crate::lobby::auth::{Caller, Visitor};
use crate::lobby::document::{Refusals, Unchanged, Waiting};
use crate::lobby::problem::{Body, Number, Refusal};
use crate::lobby::serve::Connection;
use crate::lobby::watch::{ETag, Versioned, Watcher};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use protocol::ids::RoomId;
use protocol::limits::MAX_PASSWORD_CHARS;
use protocol::lobby::{Invite, MemberList, NewRoom, OpenedRoom, RoomChange, RoomInfo};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(new_room)).routes(routes!(members)).routes(routes!(invite))
}

/// Opens a room. Whoever asks leads it, and needs no password for it.
///
/// Everybody leads one room at most: who leads one already gets 409, with its place in `Location`, unless it is empty and they have left it (or
/// not come to it within 45 s); then it makes place for the new one.
#[utoipa::path(post, path = "/v1/rooms", tag = "rooms", security(("player" = [])), request_body = NewRoom,
    responses((status = CREATED, body = OpenedRoom), Refusals))]
async fn new_room(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Body(wish): Body<NewRoom>,
) -> Result<(StatusCode, Json<OpenedRoom>), Refusal> {
    check_room(&wish).map_err(Refusal::Invalid)?;
    pay(&shared.rooms, connection.remote.ip(), 1.0)?;
    let asked = OpenRoom { wish, host: Some(caller.player), reserved: Vec::new() };
    let RoomEntry { info: room, code, .. } = shared.directory.open_room(asked).await?;
    tracing::info!(room = room.id.0, name = room.name, by = caller.name, "room opened");
    let invite = shared.granter.invite(code, connection.asker());
    Ok((StatusCode::CREATED, Json(OpenedRoom { room, invite })))
}

/// Tells of one room.
#[utoipa::path(get, path = "/v1/rooms/{room}", tag = "rooms", security((), ("player" = [])), params(("room" = u32, Path), Waiting),
    responses((status = OK, body = RoomInfo), Unchanged, Refusals))]
pub(super) async fn room(
    State(shared): State<Arc<Shared>>,
    Number(id): Number<u32>,
    Visitor(visitor): Visitor,
    watcher: Watcher,
) -> Result<Versioned<RoomInfo>, Refusal> {
    visible(&shared, id, visitor.as_ref())?;
    // Other rooms change as well, so the version is of what is shown.
    let shown = || shared.directory.room(RoomId(id)).map(|room| serde_json::to_vec(&room.info).unwrap_or_default());
    let tag = |_: &u64| ETag::of(&shown().unwrap_or_default());
    let change = watcher.when_changed(&mut shared.directory.version(), tag).await?;
    let room = visible(&shared, id, visitor.as_ref())?;
    Ok(change.answer(|| room.info))
}

/// Lists who is in a room, for those who are in it.
#[utoipa::path(get, path = "/v1/rooms/{room}/members", tag = "rooms", security(("player" = [])), params(("room" = u32, Path)),
    responses((status = OK, body = MemberList), Refusals))]
async fn members(
    State(shared): State<Arc<Shared>>,
    Number(id): Number<u32>,
    caller: Caller,
) -> Result<Json<MemberList>, Refusal> {
    let room = entered(&shared, id, &caller)?;
    Ok(Json(MemberList { members: room.members }))
}

/// Tells how friends get into a room, for those who are in it.
#[utoipa::path(get, path = "/v1/rooms/{room}/invite", tag = "rooms", security(("player" = [])), params(("room" = u32, Path)),
    responses((status = OK, body = Invite), Refusals))]
async fn invite(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Number(id): Number<u32>,
    caller: Caller,
) -> Result<Json<Invite>, Refusal> {
    let room = entered(&shared, id, &caller)?;
    Ok(Json(shared.granter.invite(room.code, connection.asker())))
}

/// Returns a room that `visitor` may know of.
pub(super) fn visible(shared: &Shared, id: u32, visitor: Option<&Caller>) -> Result<RoomEntry, Refusal> {
    let room = shared.directory.room(RoomId(id)).ok_or(Refusal::RoomUnknown(id))?;
    // For whom it is kept, they were told its number by the matchmaker.
    let knows = |caller: &Caller| belongs(&room, caller) || room.reserved.contains(&caller.player);
    if room.info.private && !visitor.is_some_and(knows) { Err(Refusal::RoomUnknown(id)) } else { Ok(room) }
}

/// Returns whether `caller` is in the room or leads it.
pub(super) fn belongs(room: &RoomEntry, caller: &Caller) -> bool {
    room.info.host == Some(caller.player) || room.has(caller.player)
}

fn entered(shared: &Shared, id: u32, caller: &Caller) -> Result<RoomEntry, Refusal> {
    let room = visible(shared, id, Some(caller))?;
    if belongs(&room, caller) { Ok(room) } else { Err(Refusal::NotInside(id)) }
}

/// Returns the sentence for the first value that is out of its limits.
fn check_room(wish: &NewRoom) -> Result<(), String> {
    let NewRoom { name, map, seats, bots, match_seconds, score_limit, password, .. } = wish;
    check_name(name.as_deref())?;
    check_map(map.as_deref())?;
    check_password(password.as_deref(), 1)?;
    within("A room has", "seats", *seats, SEATS)?;
    within("A room has", "bots", *bots, BOTS)?;
    within("A match lasts", "seconds", *match_seconds, MATCH_SECONDS)?;
    within("A match ends after", "kills", *score_limit, SCORE_LIMIT)
}

/// As [`check_room`].
pub(super) fn check_change(change: &RoomChange) -> Result<(), String> {
    let RoomChange { name, map, bots, password, .. } = change;
    check_name(name.as_deref())?;
    check_map(map.as_deref())?;
    check_password(password.as_deref(), 0)?;
    within("A room has", "bots", *bots, BOTS)
}

fn check_name(name: Option<&str>) -> Result<(), String> {
    if name.is_none_or(valid_room_name) {
        return Ok(());
    }
    Err(format!(
        "A room's name has 1 to {MAX_ROOM_NAME_CHARS} plain characters and begins and ends with something visible."
    ))
}

fn check_map(map: Option<&str>) -> Result<(), String> {
    if map.is_none_or(valid_map_name) {
        return Ok(());
    }
    Err("A map's name has letters, digits, - and _ only.".to_owned())
}

fn check_password(password: Option<&str>, least: usize) -> Result<(), String> {
    let fits = |text: &str| (least..=MAX_PASSWORD_CHARS).contains(&text.chars().count());
    if password.is_none_or(fits) {
        return Ok(());
    }
    Err(format!("A password has 1 to {MAX_PASSWORD_CHARS} characters."))
}

fn within<T: PartialOrd + Display>(
    what: &str,
    unit: &str,
    value: Option<T>,
    allowed: RangeInclusive<T>,
) -> Result<(), String> {
    if value.is_none_or(|value| allowed.contains(&value)) {
        return Ok(());
    }
    Err(format!("{what} {} to {} {unit}.", allowed.start(), allowed.end()))
}

/// Visible ASCII and inner spaces, for the same reasons as [`protocol::names::valid_name`].
fn valid_room_name(name: &str) -> bool {
    (1..=MAX_ROOM_NAME_CHARS).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && !name.starts_with(' ')
        && !name.ends_with(' ')
}
