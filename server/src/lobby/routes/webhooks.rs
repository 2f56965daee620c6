//! Webhooks, for the operator.
//!
//! Flow: [`super`] → here → [`crate::hooks`].

use super::Shared;
use crate::lobby::document::Refusals;
use crate::lobby::operator::Operator;
use crate::lobby::problem::{Body, NoBody, Number, Refusal};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::lobby::{DeliveryList, NewWebhook, Webhook, WebhookCreated, WebhookList};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(list, register))
        .routes(routes!(find, remove))
        .routes(routes!(deliveries))
        .routes(routes!(test))
}

/// Registers a webhook (operator's token). The answer holds the key of its signatures, which is never told again.
#[utoipa::path(post, path = "/v1/webhooks", tag = "operator", security(("operator" = [])), request_body = NewWebhook,
    responses((status = CREATED, body = WebhookCreated), Refusals))]
async fn register(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Body(wish): Body<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookCreated>), Refusal> {
    let created = shared.operator.hooks.register(wish).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Lists the webhooks (operator's token).
#[utoipa::path(get, path = "/v1/webhooks", tag = "operator", security(("operator" = [])), responses((status = OK, body = WebhookList), Refusals))]
async fn list(State(shared): State<Arc<Shared>>, _: Operator) -> Result<Json<WebhookList>, Refusal> {
    Ok(Json(WebhookList { webhooks: shared.operator.hooks.list().await? }))
}

/// Shows a webhook (operator's token).
#[utoipa::path(get, path = "/v1/webhooks/{webhook}", tag = "operator", security(("operator" = [])), params(("webhook" = u64, Path)),
    responses((status = OK, body = Webhook), Refusals))]
async fn find(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Number(id): Number<u32>,
) -> Result<Json<Webhook>, Refusal> {
    let found = shared.operator.hooks.find(id.into()).await?;
    found.map(Json).ok_or(Refusal::WebhookUnknown(id))
}

/// Removes a webhook and what it has not been told yet (operator's token).
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}", tag = "operator", security(("operator" = [])), params(("webhook" = u64, Path)),
    responses((status = NO_CONTENT), Refusals))]
async fn remove(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Number(id): Number<u32>,
) -> Result<StatusCode, Refusal> {
    let removed = shared.operator.hooks.remove(id.into()).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::WebhookUnknown(id)) }
}

/// Shows the latest deliveries of a webhook (operator's token).
#[utoipa::path(get, path = "/v1/webhooks/{webhook}/deliveries", tag = "operator", security(("operator" = [])), params(("webhook" = u64, Path)),
    responses((status = OK, body = DeliveryList), Refusals))]
async fn deliveries(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Number(id): Number<u32>,
) -> Result<Json<DeliveryList>, Refusal> {
    let log = shared.operator.hooks.log(id.into()).await?;
    log.map(|deliveries| Json(DeliveryList { deliveries })).ok_or(Refusal::WebhookUnknown(id))
}

/// Sends an event that never happened (`room.closed` for room 0), so that you see whether it arrives (operator's token).
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/test", tag = "operator", security(("operator" = [])), params(("webhook" = u64, Path)),
    responses((status = ACCEPTED), Refusals))]
async fn test(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Number(id): Number<u32>,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    let there = shared.operator.hooks.test(id.into()).await?;
    if there { Ok(StatusCode::ACCEPTED) } else { Err(Refusal::WebhookUnknown(id)) }
}
