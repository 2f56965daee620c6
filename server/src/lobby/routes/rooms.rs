//! Rooms: which there are, and one of one's own.
//!
//! Flow: [`super`] → here → [`crate::directory`].

use super::{Shared, pay};
use crate::config::{BOTS, MATCH_SECONDS, MAX_ROOM_NAME_CHARS, SCORE_LIMIT, SEATS, valid_map_name};
use crate::directory::{OpenRoom, RoomEntry};
use crate::lobby::auth::Caller;
use crate::lobby::problem::{Body, Refusal};
use crate::lobby::serve::Connection;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use protocol::lobby::{NewRoom, OpenedRoom};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(new_room))
}

/// Opens a room.
#[utoipa::path(post, path = "/v1/rooms", tag = "rooms", request_body = NewRoom, responses((status = CREATED, body = OpenedRoom)), security(("player" = [])))]
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
    let invite = shared.granter.invite(code, connection.local.ip());
    Ok((StatusCode::CREATED, Json(OpenedRoom { room, invite })))
}

/// Returns the sentence for the first value that is out of its limits.
fn check_room(wish: &NewRoom) -> Result<(), String> {
    let NewRoom { name, map, seats, bots, match_seconds, score_limit, .. } = wish;
    if !name.as_deref().is_none_or(valid_room_name) {
        return Err(format!(
            "A room's name has 1 to {MAX_ROOM_NAME_CHARS} plain characters and begins and ends with something visible."
        ));
    }
    if !map.as_deref().is_none_or(valid_map_name) {
        return Err("A map's name has letters, digits, - and _ only.".to_owned());
    }
    within("A room has", "seats", *seats, SEATS)?;
    within("A room has", "bots", *bots, BOTS)?;
    within("A match lasts", "seconds", *match_seconds, MATCH_SECONDS)?;
    within("A match ends after", "kills", *score_limit, SCORE_LIMIT)
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

/// Visible ASCII and inner spaces, for the same reasons as [`valid_name`].
fn valid_room_name(name: &str) -> bool {
    (1..=MAX_ROOM_NAME_CHARS).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && !name.starts_with(' ')
        && !name.ends_with(' ')
}
