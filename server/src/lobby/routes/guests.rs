//! Becoming somebody.
//!
//! Flow: [`super`] → here → [`crate::lobby::auth`].

use super::Shared;
use crate::lobby::auth;
use crate::lobby::problem::{Body, Refusal};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::PlayerId;
use protocol::limits::{MAX_NAME_CHARS, MIN_NAME_CHARS};
use protocol::lobby::{Guest, NewGuest};
use protocol::names::valid_name;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(new_guest))
}

/// Makes a guest.
#[utoipa::path(post, path = "/v1/guests", tag = "players", request_body = NewGuest, responses((status = CREATED, body = Guest)))]
async fn new_guest(
    State(shared): State<Arc<Shared>>,
    Body(wish): Body<NewGuest>,
) -> Result<(StatusCode, Json<Guest>), Refusal> {
    if !valid_name(&wish.name) {
        return Err(Refusal::Invalid(format!(
            "A name has {MIN_NAME_CHARS} to {MAX_NAME_CHARS} letters, digits, spaces or any of _ - . and begins and ends with \
             something visible."
        )));
    }
    let guest = auth::issue(&shared.keys, PlayerId::from_random(rand::random()), &wish.name);
    tracing::debug!(player = guest.player.0, name = guest.name, "new guest");
    Ok((StatusCode::CREATED, Json(guest)))
}
