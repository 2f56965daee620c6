//! Parties: friends who look for a match together.
//!
//! Flow: [`super`] → here → [`crate::matchmaker`].

use super::{Shared, pay, tickets};
use crate::lobby::auth::Caller;
use crate::lobby::document::{Refusals, Unchanged, Waiting};
use crate::lobby::limits::CODE_COST;
use crate::lobby::match_problem::MatchRefusal;
use crate::lobby::problem::{NoBody, Number, Refusal};
use crate::lobby::serve::Connection;
use crate::lobby::watch::{ETag, Versioned, Watcher};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use protocol::ids::PlayerId;
use protocol::invite::InviteCode;
use protocol::lobby::Party;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(new_party)).routes(routes!(party)).routes(routes!(join)).routes(routes!(leave))
}

/// Opens a party, and leaves the one before.
#[utoipa::path(post, path = "/v1/parties", tag = "matchmaking", security(("player" = [])),
    responses((status = CREATED, body = Party), Refusals))]
async fn new_party(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    _: NoBody,
) -> Result<(StatusCode, Json<Party>), Refusal> {
    let leader = tickets::player(&shared, &caller).await?;
    let code = shared.matchmaker.found_party(leader)?;
    Ok((StatusCode::CREATED, Json(seen(&shared, &code, caller.player)?)))
}

/// Tells who is in a party, to those who are.
///
/// With `?wait=25` and the last `ETag` as `If-None-Match` the answer comes when something has changed.
#[utoipa::path(get, path = "/v1/parties/{code}", tag = "matchmaking", security(("player" = [])),
    params(("code" = String, Path), Waiting), responses((status = OK, body = Party), Unchanged, Refusals))]
async fn party(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Number(code): Number<String>,
    watcher: Watcher,
) -> Result<Versioned<Party>, Refusal> {
    let code = read(&code)?;
    let news = shared.matchmaker.watch_party(&code, caller.player);
    let mut news = news.ok_or(MatchRefusal::PartyUnknown)?;
    let change = watcher.when_changed(&mut news, |version| ETag::version(*version)).await?;
    let party = seen(&shared, &code, caller.player)?;
    Ok(change.answer(|| party))
}

/// Joins a party, and leaves the one before.
#[utoipa::path(post, path = "/v1/parties/{code}/members", tag = "matchmaking", security(("player" = [])),
    params(("code" = String, Path)), responses((status = CREATED, body = Party), Refusals))]
async fn join(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Number(code): Number<String>,
    _: NoBody,
) -> Result<(StatusCode, Json<Party>), Refusal> {
    // As with the codes of rooms: who does not know one pays for guesses, right or wrong.
    pay(&shared.guesses, connection.remote.ip(), CODE_COST)?;
    let code = read(&code)?;
    let player = tickets::player(&shared, &caller).await?;
    shared.matchmaker.join_party(code, player)?;
    Ok((StatusCode::CREATED, Json(seen(&shared, &code, caller.player)?)))
}

/// Leaves a party.
#[utoipa::path(delete, path = "/v1/parties/{code}/members/me", tag = "matchmaking", security(("player" = [])),
    params(("code" = String, Path)), responses((status = NO_CONTENT, description = "Left."), Refusals))]
async fn leave(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Number(code): Number<String>,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    shared.matchmaker.leave_party(read(&code)?, caller.player)?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(code: &str) -> Result<InviteCode, Refusal> {
    code.parse().map_err(|_| MatchRefusal::PartyUnknown.into())
}

fn seen(shared: &Shared, code: &InviteCode, player: PlayerId) -> Result<Party, Refusal> {
    Ok(shared.matchmaker.party(code, player).ok_or(MatchRefusal::PartyUnknown)?)
}
