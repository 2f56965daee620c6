//! The public events as a stream.
//!
//! Flow: [`super`] → here → [`crate::lobby::gazette`].

use super::Shared;
use crate::lobby::document::Refusals;
use crate::lobby::problem::{Query, Refusal};
use crate::lobby::watch::Watcher;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use protocol::lobby::EventKind;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(events))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    kinds: Option<String>,
}

/// Tells what happens in public, as server-sent events.
///
/// Each has an `id`; after a break, send the last one as `Last-Event-ID` and the stream goes on from there. An event `missed` says that
/// some are lost and that everything should be looked at again. A room that turns private is `room.closed` here, one that turns public
/// `room.opened`.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(
        ("kinds" = Option<String>, Query, description = "Kinds to hear of, such as `room.opened,room.closed`; all if left out.",
            max_length = 200),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was heard."),
    ),
    responses((status = OK, description = "A stream that does not end. The data of each event is a `StampedEvent`.",
        content_type = "text/event-stream", body = String), Refusals))]
async fn events(
    State(shared): State<Arc<Shared>>,
    watcher: Watcher,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let kinds = wanted.kinds.as_deref().map_or(Ok(BTreeSet::from(EventKind::ALL)), kinds)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    watcher.stream(shared.gazette.subscribe(last, kinds))
}

fn kinds(text: &str) -> Result<BTreeSet<EventKind>, Refusal> {
    let kind = |name: &str| EventKind::ALL.into_iter().find(|kind| kind.name() == name);
    text.split(',').map(|name| kind(name.trim())).collect::<Option<_>>().ok_or_else(|| {
        let all = EventKind::ALL.map(EventKind::name).join(", ");
        Refusal::Invalid(format!("Events are of these kinds, separated by commas: {all}."))
    })
}
