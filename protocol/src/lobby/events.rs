//! What happens in the lobby, as told to streams of server-sent events, webhooks and the operator's console.
//!
//! Flow: rooms, matchmaker → `server::events` → `GET /v1/events`, webhooks, console.

use super::{MatchResult, RoomInfo};
use crate::ids::{MatchId, PlayerId, RoomId, TicketId, Transport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that happened. In JSON the field `event` names the kind, as [`EventKind`] does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event")]
pub enum LobbyEvent {
    /// A room was opened.
    #[serde(rename = "room.opened")]
    RoomOpened {
        /// The room.
        room: RoomInfo,
    },
    /// A room was closed.
    #[serde(rename = "room.closed")]
    RoomClosed {
        /// The room.
        room: RoomId,
    },
    /// Somebody took a seat, or sits down to watch.
    #[serde(rename = "player.joined")]
    PlayerJoined {
        /// Where.
        room: RoomId,
        /// Who.
        player: PlayerId,
        /// The name that others see.
        name: String,
        /// Over which wire.
        wire: Transport,
    },
    /// Somebody left, or did not come back.
    #[serde(rename = "player.left")]
    PlayerLeft {
        /// Where.
        room: RoomId,
        /// Who.
        player: PlayerId,
        /// The name that others saw.
        name: String,
    },
    /// A match went live.
    #[serde(rename = "match.started")]
    MatchStarted {
        /// Which match.
        id: MatchId,
        /// Where.
        room: RoomId,
        /// File name of the map, without the ending.
        map: String,
        /// People in it.
        players: u8,
    },
    /// A match is over, and its result is stored.
    #[serde(rename = "match.finished")]
    MatchFinished {
        /// The result.
        result: MatchResult,
    },
    /// The matchmaker has put players together and everybody accepted.
    #[serde(rename = "ticket.matched")]
    TicketMatched {
        /// The tickets.
        tickets: Vec<TicketId>,
        /// Where they play.
        room: RoomId,
        /// Players.
        players: u8,
    },
}

/// The kinds of [`LobbyEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum EventKind {
    /// A room was opened.
    #[serde(rename = "room.opened")]
    RoomOpened,
    /// A room was closed.
    #[serde(rename = "room.closed")]
    RoomClosed,
    /// Somebody took a seat.
    #[serde(rename = "player.joined")]
    PlayerJoined,
    /// Somebody left.
    #[serde(rename = "player.left")]
    PlayerLeft,
    /// A match went live.
    #[serde(rename = "match.started")]
    MatchStarted,
    /// A match ended.
    #[serde(rename = "match.finished")]
    MatchFinished,
    /// The matchmaker made a match.
    #[serde(rename = "ticket.matched")]
    TicketMatched,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::RoomOpened,
        Self::RoomClosed,
        Self::PlayerJoined,
        Self::PlayerLeft,
        Self::MatchStarted,
        Self::MatchFinished,
        Self::TicketMatched,
    ];

    /// Returns the name used in the JSON, in streams and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoomOpened => "room.opened",
            Self::RoomClosed => "room.closed",
            Self::PlayerJoined => "player.joined",
            Self::PlayerLeft => "player.left",
            Self::MatchStarted => "match.started",
            Self::MatchFinished => "match.finished",
            Self::TicketMatched => "ticket.matched",
        }
    }
}

impl LobbyEvent {
    /// Returns what kind it is.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::RoomOpened { .. } => EventKind::RoomOpened,
            Self::RoomClosed { .. } => EventKind::RoomClosed,
            Self::PlayerJoined { .. } => EventKind::PlayerJoined,
            Self::PlayerLeft { .. } => EventKind::PlayerLeft,
            Self::MatchStarted { .. } => EventKind::MatchStarted,
            Self::MatchFinished { .. } => EventKind::MatchFinished,
            Self::TicketMatched { .. } => EventKind::TicketMatched,
        }
    }
}

/// An event with its number and time: one message of a stream, or the body of a webhook's delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StampedEvent {
    /// Rises by one with each event since the start of the server.
    pub number: u64,
    /// When it happened, Unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: LobbyEvent,
}
