//! Weather for players whose game cannot make it: pages in a browser.
//!
//! Flow: [`super`] → here → [`crate::lobby::weather`].

use super::Shared;
use crate::lobby::auth::Caller;
use crate::lobby::document::Refusals;
use crate::lobby::problem::{Body, Refusal};
use crate::lobby::serve::Connection;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use protocol::lobby::{Door, NewDoor, WeatherOrder};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(order)).routes(routes!(open))
}

/// Says what the caller's network is to be like. It counts for links that come in through the caller's doors, those that are open included,
/// and is forgotten a minute after the last of them has closed.
#[utoipa::path(put, path = "/v1/players/me/weather", tag = "links", security(("player" = [])), request_body = WeatherOrder,
    responses((status = NO_CONTENT), Refusals))]
async fn order(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Body(order): Body<WeatherOrder>,
) -> Result<StatusCode, Refusal> {
    shared.weather.order(caller.player, connection.asker(), &order)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Opens a way through the caller's weather for one link.
#[utoipa::path(post, path = "/v1/players/me/weather/doors", tag = "links", security(("player" = [])), request_body = NewDoor,
    responses((status = CREATED, body = Door), Refusals))]
async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    caller: Caller,
    Body(wish): Body<NewDoor>,
) -> Result<(StatusCode, Json<Door>), Refusal> {
    let port = shared.weather.open(caller.player, connection.asker(), wish.wire, shared.granter.wires()).await?;
    Ok((StatusCode::CREATED, Json(Door { port })))
}
