//! Who somebody is: becoming somebody, one's own profile and name, and what anybody may know about others.
//!
//! Flow: [`super`] → here → [`crate::lobby::auth`], [`crate::store::players`].

use super::{Shared, pay};
use crate::lobby::auth::Caller;
use crate::lobby::document::Refusals;
use crate::lobby::problem::{Body, Number, Refusal};
use crate::lobby::serve::Connection;
use crate::store::players;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use protocol::ids::PlayerId;
use protocol::limits::{MAX_NAME_CHARS, MIN_NAME_CHARS};
use protocol::lobby::{Guest, NewGuest, Profile, Rename};
use protocol::names::valid_name;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(new_guest)).routes(routes!(me, rename)).routes(routes!(player))
}

/// Makes a guest.
#[utoipa::path(post, path = "/v1/guests", tag = "players", request_body = NewGuest,
    responses((status = CREATED, body = Guest), Refusals))]
async fn new_guest(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Body(wish): Body<NewGuest>,
) -> Result<(StatusCode, Json<Guest>), Refusal> {
    check_name(&wish.name)?;
    pay(&shared.newcomers, connection.remote.ip(), 1.0)?;
    let guest = shared.guests.admit(&wish.name).await?;
    tracing::debug!(player = guest.player.0, name = guest.name, "new guest");
    Ok((StatusCode::CREATED, Json(guest)))
}

/// Tells the caller's own profile.
#[utoipa::path(get, path = "/v1/players/me", tag = "players", security(("player" = [])), responses((status = OK, body = Profile), Refusals))]
async fn me(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Json<Profile>, Refusal> {
    profile(&shared, caller.player).await
}

/// Gives the caller another name. Others see it from the caller's next seat on.
#[utoipa::path(patch, path = "/v1/players/me", tag = "players", security(("player" = [])), request_body = Rename,
    responses((status = OK, body = Profile), Refusals))]
async fn rename(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Body(wish): Body<Rename>,
) -> Result<Json<Profile>, Refusal> {
    check_name(&wish.name)?;
    shared.guests.rename(&caller, &wish.name).await?;
    profile(&shared, caller.player).await
}

/// Tells what anybody may know about a player.
#[utoipa::path(get, path = "/v1/players/{player}", tag = "players", params(("player" = u64, Path)),
    responses((status = OK, body = Profile), Refusals))]
async fn player(State(shared): State<Arc<Shared>>, Number(player): Number<u64>) -> Result<Json<Profile>, Refusal> {
    profile(&shared, PlayerId(player)).await
}

async fn profile(shared: &Shared, player: PlayerId) -> Result<Json<Profile>, Refusal> {
    let found = shared.store.read(move |connection| players::profile(connection, player)).await?;
    found.map(Json).ok_or(Refusal::PlayerUnknown)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if valid_name(name) {
        return Ok(());
    }
    Err(Refusal::Invalid(format!(
        "A name has {MIN_NAME_CHARS} to {MAX_NAME_CHARS} letters, digits, spaces or any of _ - . and begins and ends with \
         something visible."
    )))
}
