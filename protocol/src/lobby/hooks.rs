//! Webhooks: how other services hear of what happens here. Only the operator may register them.
//!
//! Flow: the operator → [`NewWebhook`] → `server::hooks` → signed deliveries of [`super::StampedEvent`].

use super::EventKind;
use super::veil::veiled_debug;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/webhooks` (operator): tell this address.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// `http://…` or `https://…`, 2,000 characters at most. Addresses of private networks are refused unless the operator allows them.
    #[schema(max_length = 2000, format = "uri", pattern = "^https?://")]
    pub url: String,
    /// What to tell; at least one kind.
    #[schema(min_items = 1)]
    pub events: Vec<EventKind>,
}

/// A registered webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its number.
    pub id: u64,
    /// Whom to tell.
    pub url: String,
    /// What to tell.
    pub events: Vec<EventKind>,
    /// When it was registered, Unix milliseconds.
    pub created_ms: u64,
}

/// Answer to `POST /v1/webhooks`. The secret is told once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookCreated {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// Key of the signatures as Standard Webhooks writes it: `whsec_` and 32 bytes in base64.
    pub secret: String,
}

veiled_debug!(WebhookCreated { webhook } without secret);

/// Answer to `GET /v1/webhooks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookList {
    /// By rising number.
    pub webhooks: Vec<Webhook>,
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its number; also sent along, so that a receiver can tell a repetition.
    pub id: u64,
    /// What it tells.
    pub event: EventKind,
    /// Attempts so far.
    pub attempts: u32,
    /// When the event happened, Unix milliseconds.
    pub at_ms: u64,
    /// When it is tried next, Unix milliseconds; none once it arrived or was given up.
    pub next_ms: Option<u64>,
    /// It arrived.
    pub delivered: bool,
    /// HTTP status of the last attempt; none if nobody answered.
    pub status: Option<u16>,
    /// What went wrong at the last attempt.
    pub error: Option<String>,
}

/// Answer to `GET /v1/webhooks/{webhook}/deliveries`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// The latest 100, newest first.
    pub deliveries: Vec<Delivery>,
}

/// How a webhook is doing, for the operator's console. Counts are those of the outbox, which forgets what is long over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookHealth {
    /// Its number.
    pub id: u64,
    /// Whom to tell.
    pub url: String,
    /// Deliveries that wait.
    pub pending: u32,
    /// Deliveries that arrived.
    pub delivered: u32,
    /// Deliveries that were given up.
    pub given_up: u32,
    /// What went wrong at the latest attempt; none if nothing did.
    pub error: Option<String>,
}
