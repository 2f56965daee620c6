//! Matchmaking: a ticket for one player or a party, and what can be seen of the queue.
//!
//! A ticket is a versioned thing that can be watched in three ways: ask again and again (polling), ask once and be answered on a
//! change (`?wait=25` with `If-None-Match`), or be told (`/events`, server-sent events).
//!
//! Flow: queue screen → [`NewTicket`] → `server::matchmaker` → [`Ticket`] again and again → a seat in [`TicketState::Ready`]'s room.

use super::Mode;
use crate::ids::{PlayerId, RoomId, TicketId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/tickets`: find us a match. From a party only its leader may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewTicket {
    /// What to play.
    pub mode: Mode,
    /// Measured round trip to the server, 0 to 10,000 ms; those with similar ones are put together.
    #[schema(maximum = 10000)]
    pub round_trip_ms: u16,
    /// Bots may fill up after a wait, so that nobody waits for ever.
    pub bots: bool,
    /// Code of the party to come with.
    pub party: Option<String>,
}

impl Default for NewTicket {
    fn default() -> Self {
        Self { mode: Mode::default(), round_trip_ms: 0, bots: true, party: None }
    }
}

/// What has become of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum TicketState {
    /// Looking for others.
    Waiting,
    /// Others were found. Everybody must accept in time.
    Proposed {
        /// Milliseconds left to accept.
        accept_within_ms: u32,
        /// Players who have accepted.
        accepted: u8,
        /// Players who must.
        needed: u8,
        /// This player has.
        mine: bool,
    },
    /// Everybody accepted: take a seat in this room.
    Ready {
        /// The room.
        room: RoomId,
    },
    /// Given up by a player of it, or by its party.
    Cancelled,
    /// Somebody of this ticket declined, or did not answer in time.
    Declined,
    /// Nobody asked about it for too long, or nobody could be found.
    Expired,
}

/// `GET /v1/tickets/{ticket}`: how it is going.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// Which ticket.
    pub id: TicketId,
    /// Rises with every change that matters; also the `ETag`.
    pub version: u64,
    /// What has become of it.
    pub state: TicketState,
    /// What to play.
    pub mode: Mode,
    /// Who comes with it.
    pub players: Vec<PartyMember>,
    /// Where it stands among those of [`Queue::rows`]: mean strength of its players, 40 points per unit of a rating's mean. Everybody begins
    /// at 1,000. Beside the points of the leaderboard, no caution is taken off.
    pub points: i32,
    /// Milliseconds in the queue.
    pub waited_ms: u32,
    /// Others may differ by this many points at most, at the moment; their windows must allow it too.
    pub window_points: u32,
    /// Expected wait in all, milliseconds, from recent ones; none if nothing is known.
    pub expected_ms: Option<u32>,
    /// Milliseconds until bots fill up; none if they may not, or it is over.
    pub bots_in_ms: Option<u32>,
    /// Players in the queue for this mode, those of this ticket included.
    pub waiting: u32,
    /// Why there is no match yet, or what happens now: one sentence for the player.
    pub why: String,
    /// When the present version came to be, Unix milliseconds: how late each way of being told is.
    pub changed_ms: u64,
}

/// `GET /v1/queue`: what anybody may see of the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Tickets, longest wait first, 100 at most.
    pub rows: Vec<QueueRow>,
    /// Players in the queue.
    pub waiting: u32,
    /// Median wait of recent matches, milliseconds; none before the first.
    pub wait_p50_ms: Option<u32>,
    /// Wait that 95 % of players in recent matches stayed below, milliseconds.
    pub wait_p95_ms: Option<u32>,
    /// Matches made since the start.
    pub matched: u64,
}

/// One ticket of the queue, without names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueRow {
    /// What to play.
    pub mode: Mode,
    /// Players in it.
    pub players: u8,
    /// Mean strength of its players, see [`Ticket::points`].
    pub points: i32,
    /// Others may differ by this many points.
    pub window_points: u32,
    /// Milliseconds in the queue.
    pub waited_ms: u32,
}

/// One of a party or a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartyMember {
    /// Who.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// Rating points.
    pub points: i32,
}

/// `POST /v1/parties`, `GET /v1/parties/{code}`: friends who want to play together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Party {
    /// What friends join by, as [`super::Invite::code`].
    pub code: String,
    /// Rises with every change; also the `ETag`.
    pub version: u64,
    /// Who asks for matches.
    pub leader: PlayerId,
    /// Everybody, the leader first.
    pub members: Vec<PartyMember>,
    /// The ticket that it waits with.
    pub ticket: Option<TicketId>,
}
