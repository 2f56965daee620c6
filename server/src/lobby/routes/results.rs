//! What remains of matches: results, histories, the leaderboard.
//!
//! Flow: [`super`] → here → [`crate::store::matches`].

use super::Shared;
use super::files::FOR_EVER;
use crate::lobby::auth::Visitor;
use crate::lobby::document::Refusals;
use crate::lobby::problem::{Number, Query, Refusal};
use crate::store::{matches, players};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use protocol::ids::{MatchId, NAME_BITS, PlayerId};
use protocol::lobby::{History, Leaderboard, MatchResult};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Lines of one page.
const LIMIT: RangeInclusive<u8> = 1..=50;
/// Lines of a page if nobody says how many.
const USUAL_LIMIT: u8 = 20;
/// Most rows of the leaderboard that can be left out: all of them are counted, and nobody looks so far down.
const MOST_AFTER: u32 = 1_000_000;
/// Greatest number of a match, as of everything else in our JSON.
const MOST_BEFORE: u64 = 1 << NAME_BITS;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(latest))
        .routes(routes!(one))
        .routes(routes!(of_player))
        .routes(routes!(leaderboard))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// What `next` of the page before says; the latest matches without it.
    #[param(maximum = 9007199254740992_i64)]
    before: Option<u64>,
    /// Most matches to tell; 20 without it.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u8>,
}

impl Page {
    /// Returns where the page begins, and how many lines it has.
    fn bounds(&self) -> Result<(Option<u64>, u8), Refusal> {
        if self.before.is_some_and(|before| before > MOST_BEFORE) {
            return Err(Refusal::Invalid(format!(
                "`before` is what `next` of another page says, {MOST_BEFORE} at most."
            )));
        }
        Ok((self.before, limit(self.limit)?))
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Rows {
    /// Rows to leave out.
    #[param(maximum = 1000000)]
    after: Option<u32>,
    /// Most rows to tell; 20 without it.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u8>,
}

/// Tells the latest matches.
#[utoipa::path(get, path = "/v1/matches", tag = "results", params(Page), responses((status = OK, body = History), Refusals))]
async fn latest(State(shared): State<Arc<Shared>>, Query(page): Query<Page>) -> Result<Json<History>, Refusal> {
    let (before, limit) = page.bounds()?;
    let found = shared.store.read(move |connection| matches::history(connection, None, before, limit, false)).await?;
    Ok(Json(found))
}

/// Tells how a match ended. That never changes.
#[utoipa::path(get, path = "/v1/matches/{match}", tag = "results", security((), ("player" = [])), params(("match" = u64, Path)),
    responses((status = OK, body = MatchResult), Refusals))]
async fn one(
    State(shared): State<Arc<Shared>>,
    Number(id): Number<u64>,
    Visitor(visitor): Visitor,
) -> Result<impl IntoResponse, Refusal> {
    let found = shared.store.read(move |connection| matches::by_id(connection, MatchId(id))).await?;
    let played = |result: &MatchResult| {
        visitor.is_some_and(|who| result.standings.iter().any(|standing| standing.player == Some(who.player)))
    };
    let found = found.filter(|result| !result.private || played(result)).ok_or(Refusal::MatchUnknown)?;
    Ok(([(header::CACHE_CONTROL, FOR_EVER)], Json(found)))
}

/// Tells a player's latest matches.
#[utoipa::path(get, path = "/v1/players/{player}/matches", tag = "results", security((), ("player" = [])), params(("player" = u64, Path), Page),
    responses((status = OK, body = History), Refusals))]
async fn of_player(
    State(shared): State<Arc<Shared>>,
    Number(player): Number<u64>,
    Visitor(visitor): Visitor,
    Query(page): Query<Page>,
) -> Result<Json<History>, Refusal> {
    let ((before, limit), player) = (page.bounds()?, PlayerId(player));
    let own = visitor.is_some_and(|visitor| visitor.player == player);
    let found = shared.store.read(move |connection| {
        let known = players::rating(connection, player)?.is_some();
        known.then(|| matches::history(connection, Some(player), before, limit, own)).transpose()
    });
    found.await?.map(Json).ok_or(Refusal::PlayerUnknown)
}

/// Tells who is best.
#[utoipa::path(get, path = "/v1/leaderboard", tag = "results", params(Rows),
    responses((status = OK, body = Leaderboard), Refusals))]
async fn leaderboard(
    State(shared): State<Arc<Shared>>,
    Query(rows): Query<Rows>,
) -> Result<Json<Leaderboard>, Refusal> {
    let (limit, after) = (limit(rows.limit)?, rows.after.unwrap_or(0));
    if after > MOST_AFTER {
        return Err(Refusal::Invalid(format!("At most {MOST_AFTER} rows can be left out.")));
    }
    let found = shared.store.read(move |connection| matches::leaderboard(connection, after, limit)).await?;
    Ok(Json(found))
}

fn limit(wished: Option<u8>) -> Result<u8, Refusal> {
    let limit = wished.unwrap_or(USUAL_LIMIT);
    if LIMIT.contains(&limit) {
        return Ok(limit);
    }
    Err(Refusal::Invalid(format!("A page has {} to {} lines.", LIMIT.start(), LIMIT.end())))
}
