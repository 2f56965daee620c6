//! What the operator's console shows: one snapshot per second, with what is new in it as a point of its curves.
//!
//! Flow: `server::vitals`, `server::directory`, queue, webhooks → [`Console`] → `GET /v1/console` (server-sent events) → the page.

use super::{Health, Member, Queue, RoomInfo, WebhookHealth};
use crate::ids::Transport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything at one moment. Sent as the event `now`, once a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Console {
    /// How the server is; none while the rooms are silent.
    pub health: Option<Health>,
    /// What the last second brought; none before the first is over.
    pub point: Option<ConsolePoint>,
    /// Every room, private ones included.
    pub rooms: Vec<ConsoleRoom>,
    /// The queue of the matchmaker.
    pub queue: Queue,
    /// Every webhook.
    pub webhooks: Vec<WebhookHealth>,
    /// The store takes what it is given.
    pub writable: bool,
}

/// A room as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsoleRoom {
    /// What anybody may know.
    pub room: RoomInfo,
    /// Who is in it.
    pub members: Vec<Member>,
}

/// One second. The event `history` brings those of the last two minutes, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConsolePoint {
    /// The end of it, Unix milliseconds.
    pub at_ms: u64,
    /// Median work of a tick, milliseconds.
    pub tick_p50: f64,
    /// The longest of nearly all (99 %), milliseconds.
    pub tick_p99: f64,
    /// The longest, milliseconds.
    pub tick_max: f64,
    /// Ticks that came late by a whole tick.
    pub overruns: u64,
    /// What each wire carried.
    pub wires: Vec<WireRates>,
}

/// What one kind of wire carried in one second, with every header down to IP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WireRates {
    /// Which.
    pub wire: Transport,
    /// Open links.
    pub links: u32,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// Messages that came in.
    pub messages_in: u64,
    /// Messages that went out.
    pub messages_out: u64,
}
