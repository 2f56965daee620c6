//! The operator's console: the page, and the stream that keeps it alive.
//!
//! Flow: [`super`] → here → [`crate::operator`], [`crate::directory`].

use super::Shared;
use crate::directory::Order;
use crate::lobby::document::Refusals;
use crate::lobby::operator::Operator;
use crate::lobby::page;
use crate::lobby::problem::{Number, Numbers, Refusal};
use crate::lobby::watch::{Watcher, frame};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use protocol::ids::{PlayerId, RoomId};
use protocol::lobby::{Console, ConsoleRoom, StampedEvent};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest pause between two snapshots: rooms that are silent must be seen to be silent.
const SNAPSHOT_AT_LEAST_EVERY: Duration = Duration::from_secs(2);

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(page))
        .routes(routes!(console))
        .routes(routes!(metrics))
        .routes(routes!(close))
        .routes(routes!(kick))
}

/// The page itself is for everybody: it shows nothing until it has the token.
#[utoipa::path(get, path = "/console", tag = "operator", operation_id = "console_page",
    responses((status = OK, content_type = "text/html", body = String), Refusals))]
pub(super) async fn page() -> Response {
    page::CONSOLE.answer()
}

/// Tells how everything is, once a second, and what happens, private rooms included, as server-sent events (operator's token).
///
/// First comes `history` (a list of `ConsolePoint`), then `now` (a `Console`) every second and `happened` (a `StampedEvent`) at once.
#[utoipa::path(get, path = "/v1/console", tag = "operator", security(("operator" = [])),
    responses((status = OK, description = "A stream that does not end.", content_type = "text/event-stream", body = String), Refusals))]
async fn console(State(shared): State<Arc<Shared>>, _: Operator, watcher: Watcher) -> Result<Response, Refusal> {
    watcher.stream(frames(shared))
}

/// Tells what is counted, in Prometheus' text format (operator's token).
#[utoipa::path(get, path = "/metrics", tag = "operator", security(("operator" = [])),
    responses((status = OK, content_type = "text/plain", body = String), Refusals))]
async fn metrics(State(shared): State<Arc<Shared>>, _: Operator) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, shared.operator.metrics.render()).into_response()
}

/// Sends everybody away and closes the room (operator's token).
#[utoipa::path(delete, path = "/v1/console/rooms/{room}", tag = "operator", security(("operator" = [])), params(("room" = u32, Path)),
    responses((status = NO_CONTENT), Refusals))]
async fn close(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Number(room): Number<u32>,
) -> Result<StatusCode, Refusal> {
    shared.directory.order(Order::Close { room: RoomId(room) }).await.map_err(|error| Refusal::order(room, error))?;
    tracing::info!(room, "closed by the operator");
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a player from a room and keeps them out until it closes (operator's token).
#[utoipa::path(delete, path = "/v1/console/rooms/{room}/members/{player}", tag = "operator", security(("operator" = [])),
    params(("room" = u32, Path), ("player" = u64, Path)), responses((status = NO_CONTENT), Refusals))]
async fn kick(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Numbers(room, player): Numbers<u32, u64>,
) -> Result<StatusCode, Refusal> {
    let there = shared.directory.room(RoomId(room)).ok_or(Refusal::RoomUnknown(room))?;
    if !there.has(PlayerId(player)) {
        return Err(Refusal::NotAMember(room));
    }
    let order = Order::Kick { room: RoomId(room), player: PlayerId(player) };
    shared.directory.order(order).await.map_err(|error| Refusal::order(room, error))?;
    tracing::info!(room, player, "removed by the operator");
    Ok(StatusCode::NO_CONTENT)
}

struct Listener {
    shared: Arc<Shared>,
    beats: watch::Receiver<u64>,
    events: broadcast::Receiver<Arc<StampedEvent>>,
    greeted: bool,
    sent: u64,
}

fn frames(shared: Arc<Shared>) -> impl Stream<Item = Bytes> + Send {
    let (beats, events) = (shared.operator.vitals.version(), shared.operator.events.listen());
    stream::unfold(Listener { shared, beats, events, greeted: false, sent: 0 }, |mut listener| async {
        let next = listener.next().await?;
        Some((next, listener))
    })
}

impl Listener {
    async fn next(&mut self) -> Option<Bytes> {
        self.sent += 1;
        let id = self.sent.to_string();
        if !std::mem::replace(&mut self.greeted, true) {
            self.beats.mark_changed();
            return Some(frame(&id, "history", &self.shared.operator.vitals.points()));
        }
        loop {
            tokio::select! {
                happened = self.events.recv() => match happened {
                    Ok(event) => return Some(frame(&id, "happened", &*event)),
                    // The log has a gap, which the numbers of the events show.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                beat = timeout(SNAPSHOT_AT_LEAST_EVERY, self.beats.changed()) => {
                    if let Ok(Err(_)) = beat {
                        return None;
                    }
                    return Some(frame(&id, "now", &now(&self.shared).await));
                }
            }
        }
    }
}

async fn now(shared: &Shared) -> Console {
    let rooms = shared.directory.rooms();
    Console {
        health: shared.directory.health(),
        point: shared.operator.vitals.point(),
        rooms: rooms.iter().map(|it| ConsoleRoom { room: it.info.clone(), members: it.members.clone() }).collect(),
        queue: shared.matchmaker.queue(),
        webhooks: shared.operator.hooks.health().await.unwrap_or_default(),
        writable: shared.operator.can_store().await,
    }
}
