//! Tickets: asking for a match, being told how it goes (three ways), answering. And the queue for everybody.
//!
//! Flow: [`super`] → here → [`crate::matchmaker`].

use super::Shared;
use crate::lobby::auth::Caller;
use crate::lobby::document::{Refusals, Unchanged, Waiting};
use crate::lobby::match_problem::MatchRefusal;
use crate::lobby::problem::{Body, NoBody, Number, Refusal};
use crate::lobby::watch::{ETag, Versioned, Watcher, frame};
use crate::matchmaker::{Matchmaker, Player, Wish};
use crate::store::players;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::{Stream, stream};
use protocol::ids::{PlayerId, TicketId};
use protocol::invite::InviteCode;
use protocol::lobby::{NewTicket, Queue, Rating, Ticket, TicketState};
use std::sync::Arc;
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest round trip that a ticket may name, ms: who is further away cannot play.
const MOST_ROUND_TRIP_MS: u16 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(new_ticket))
        .routes(routes!(ticket, cancel))
        .routes(routes!(events))
        .routes(routes!(accept))
        .routes(routes!(decline))
        .routes(routes!(queue))
}

/// Asks for a match.
///
/// Then watch the ticket in one of three ways: ask again and again, ask with `?wait=25`, or listen to its events. A ticket that nobody asks
/// about for a minute is dropped. Who has one already gets 409, with its place in `Location`.
#[utoipa::path(post, path = "/v1/tickets", tag = "matchmaking", security(("player" = [])), request_body = NewTicket,
    responses((status = CREATED, body = Ticket, headers(("Location" = String))), Refusals))]
async fn new_ticket(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Body(wish): Body<NewTicket>,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<Ticket>), Refusal> {
    let NewTicket { mode, round_trip_ms, bots, party } = wish;
    if round_trip_ms > MOST_ROUND_TRIP_MS {
        return Err(Refusal::Invalid(format!("A round trip is 0 to {MOST_ROUND_TRIP_MS} ms.")));
    }
    let me = caller.player;
    let asked = match party {
        None => {
            let players = vec![player(&shared, &caller).await?];
            shared.matchmaker.ask(Wish { mode, round_trip_ms, bots, players })
        }
        Some(code) => {
            let code: InviteCode = code.parse().map_err(|_| MatchRefusal::PartyUnknown)?;
            let players = party_of(&shared, &code, me).await?;
            shared.matchmaker.ask_for_party(&code, Wish { mode, round_trip_ms, bots, players })
        }
    };
    let id = asked.map_err(|error| MatchRefusal::of_ask(error, me))?;
    tracing::debug!(player = me.0, ticket = id.0, "looks for a match");
    let at = [(header::LOCATION, format!("/v1/tickets/{}", id.0))];
    Ok((StatusCode::CREATED, at, Json(seen(&shared.matchmaker, id, me)?)))
}

/// Tells how a ticket is going.
///
/// With `?wait=25` and the last `ETag` as `If-None-Match` the answer comes when something has changed.
#[utoipa::path(get, path = "/v1/tickets/{ticket}", tag = "matchmaking", security(("player" = [])),
    params(("ticket" = u64, Path), Waiting), responses((status = OK, body = Ticket), Unchanged, Refusals))]
async fn ticket(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Number(id): Number<u64>,
    watcher: Watcher,
) -> Result<Versioned<Ticket>, Refusal> {
    let id = TicketId(id);
    let news = shared.matchmaker.watch_ticket(id, caller.player);
    let mut news = news.ok_or(MatchRefusal::TicketUnknown)?;
    let change = watcher.when_changed(&mut news, |version| ETag::version(*version)).await?;
    let ticket = seen(&shared.matchmaker, id, caller.player)?;
    Ok(change.answer(|| ticket))
}

/// Tells how a ticket is going, as server-sent events.
///
/// Each event is a `ticket`, its `id` the version. The stream ends with the ticket.
#[utoipa::path(get, path = "/v1/tickets/{ticket}/events", tag = "matchmaking", security(("player" = [])),
    params(("ticket" = u64, Path),
        ("Last-Event-ID" = Option<String>, Header, description = "The version that the caller has.")),
    responses((status = OK, description = "The data of each event is a `Ticket`.", content_type = "text/event-stream",
        body = String), Refusals))]
async fn events(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Number(id): Number<u64>,
    watcher: Watcher,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (id, player) = (TicketId(id), caller.player);
    let mut news = shared.matchmaker.watch_ticket(id, player).ok_or(MatchRefusal::TicketUnknown)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    if last != Some(*news.borrow()) {
        news.mark_changed();
    }
    watcher.stream(frames(shared.matchmaker.clone(), news, id, player))
}

/// Accepts the proposed match.
#[utoipa::path(post, path = "/v1/tickets/{ticket}/accept", tag = "matchmaking", security(("player" = [])),
    params(("ticket" = u64, Path)), responses((status = OK, body = Ticket), Refusals))]
async fn accept(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Number(id): Number<u64>,
    _: NoBody,
) -> Result<Json<Ticket>, Refusal> {
    shared.matchmaker.accept(TicketId(id), caller.player)?;
    seen(&shared.matchmaker, TicketId(id), caller.player).map(Json)
}

/// Declines the proposed match, and leaves the queue.
#[utoipa::path(post, path = "/v1/tickets/{ticket}/decline", tag = "matchmaking", security(("player" = [])),
    params(("ticket" = u64, Path)), responses((status = OK, body = Ticket), Refusals))]
async fn decline(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Number(id): Number<u64>,
    _: NoBody,
) -> Result<Json<Ticket>, Refusal> {
    shared.matchmaker.decline(TicketId(id), caller.player)?;
    seen(&shared.matchmaker, TicketId(id), caller.player).map(Json)
}

/// Gives a ticket up.
#[utoipa::path(delete, path = "/v1/tickets/{ticket}", tag = "matchmaking", security(("player" = [])),
    params(("ticket" = u64, Path)), responses((status = NO_CONTENT, description = "Given up."), Refusals))]
async fn cancel(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Number(id): Number<u64>,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    shared.matchmaker.cancel(TicketId(id), caller.player)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells who waits, without names.
#[utoipa::path(get, path = "/v1/queue", tag = "matchmaking", responses((status = OK, body = Queue), Refusals))]
async fn queue(State(shared): State<Arc<Shared>>) -> Json<Queue> {
    Json(shared.matchmaker.queue())
}

/// Returns `caller` with their present rating.
pub(super) async fn player(shared: &Shared, caller: &Caller) -> Result<Player, Refusal> {
    let rating = rating(shared, caller.player).await?;
    Ok(Player { id: caller.player, name: caller.name.clone(), rating })
}

/// Returns the members of a party, which `leader` must lead, with their present ratings.
async fn party_of(shared: &Shared, code: &InviteCode, leader: PlayerId) -> Result<Vec<Player>, Refusal> {
    let mut members = shared.matchmaker.members(code).ok_or(MatchRefusal::PartyUnknown)?;
    match members.iter().position(|member| member.id == leader) {
        Some(0) => {}
        Some(_) => return Err(MatchRefusal::NotLeader.into()),
        None => return Err(MatchRefusal::PartyUnknown.into()),
    }
    for member in &mut members {
        member.rating = rating(shared, member.id).await?;
    }
    Ok(members)
}

async fn rating(shared: &Shared, player: PlayerId) -> Result<Rating, Refusal> {
    let rating = shared.store.read(move |connection| players::rating(connection, player)).await?;
    Ok(rating.unwrap_or_default())
}

fn seen(matchmaker: &Matchmaker, id: TicketId, player: PlayerId) -> Result<Ticket, Refusal> {
    Ok(matchmaker.ticket(id, player).ok_or(MatchRefusal::TicketUnknown)?)
}

/// Returns an event for each new version, until the ticket is over.
fn frames(
    matchmaker: Matchmaker,
    news: watch::Receiver<u64>,
    id: TicketId,
    player: PlayerId,
) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(Some((matchmaker, news)), move |watching| async move {
        let (matchmaker, mut news) = watching?;
        news.changed().await.ok()?;
        news.mark_unchanged();
        let ticket = matchmaker.ticket(id, player)?;
        let live = matches!(ticket.state, TicketState::Waiting | TicketState::Proposed { .. });
        let frame = frame(&ticket.version.to_string(), "ticket", &ticket);
        Some((frame, live.then_some((matchmaker, news))))
    })
}
