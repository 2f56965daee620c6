//! What is said over HTTP: the JSON of the lobby. Requests refuse unknown fields; answers are types of their own, so that nothing
//! internal slips out. The OpenAPI document is made from these types. Those with a secret in them do not show it in `Debug` (`veil`).
//!
//! Times are milliseconds since 1970 (`…_ms` with a point in time says so), lengths of time say their unit in their name.
//!
//! Flow: client → `server::lobby` → [`Grant`] → a transport's dial → [`crate::session`].

mod console;
mod events;
mod files;
mod guests;
mod hooks;
mod results;
mod rooms;
mod seats;
mod tickets;
mod veil;
mod weather;

pub use console::{Console, ConsolePoint, ConsoleRoom, WireRates};
pub use events::{EventKind, LobbyEvent, StampedEvent};
pub use files::{FileInfo, FileList};
pub use guests::{Guest, NewGuest, Profile, Rating, Rename};
pub use hooks::{Delivery, DeliveryList, NewWebhook, Webhook, WebhookCreated, WebhookHealth, WebhookList};
pub use results::{History, Leaderboard, LeaderboardRow, MatchResult, Standing};
pub use rooms::{
    Invite, Member, MemberList, Mode, NewRoom, OpenedRoom, QuickJoin, RoomChange, RoomInfo, RoomList, SeatWish,
};
pub use seats::{
    Endpoints, Grant, HttpEndpoint, HttpLink, QuicEndpoint, TcpEndpoint, UdpEndpoint, WebsocketEndpoint,
    WebtransportEndpoint, covers,
};
pub use tickets::{NewTicket, Party, PartyMember, Queue, QueueRow, Ticket, TicketState};
pub use weather::{Door, LagSpike, NewDoor, WeatherOrder};

use crate::ids::Transport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bytes of key, proof or token, as URL-safe base64 without padding in JSON.
pub mod base64_bytes {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `bytes` as base64.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads base64 into a vector or an array of exactly the right length.
    ///
    /// # Errors
    /// If the text is not base64 or has another length.
    pub fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| D::Error::custom("this is not URL-safe base64"))?;
        T::try_from(bytes).map_err(|_| D::Error::custom("these bytes have the wrong length"))
    }
}

/// `GET /healthz`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, or `stopping` once a shutdown has begun.
    pub status: String,
    /// Version of the server.
    pub version: String,
    /// Version of the wire format.
    pub protocol: u16,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Open rooms.
    pub rooms: u32,
    /// Seats held by people.
    pub players: u32,
    /// Open links by transport.
    pub links: Vec<(Transport, u32)>,
    /// The work of one tick, all rooms together, over the last 60 s, milliseconds.
    pub tick_ms: TickTimes,
    /// Ticks that were later than they should have been by a whole tick, since the start.
    pub overruns: u64,
    /// Messages from peers that broke the protocol, since the start.
    pub violations: u64,
    /// Faults caught at the edge of a third-party decoder, since the start. Anything but 0 is a bug.
    pub caught_panics: u64,
    /// Resident memory, bytes; 0 where the system does not tell.
    pub memory_bytes: u64,
}

/// Distribution of the work of one tick, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TickTimes {
    /// Mean time.
    pub mean: f64,
    /// Median time.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Longest.
    pub max: f64,
    /// Processor time of the whole process per tick, mean; all its threads together. 0 where the system does not tell.
    pub cpu: f64,
}

/// An error as told by HTTP (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A few words, the same for every case of its kind.
    pub title: String,
    /// The HTTP status once more.
    pub status: u16,
    /// One sentence for the player: what happened and what to do.
    pub detail: String,
}

impl Problem {
    /// Title of the answer to somebody who comes to a locked room without a password.
    pub const PASSWORD_NEEDED: &str = "Password needed";
    /// Title of the answer to somebody with another password.
    pub const PASSWORD_WRONG: &str = "Wrong password";

    /// Returns whether another password would help.
    pub fn asks_password(&self) -> bool {
        [Self::PASSWORD_NEEDED, Self::PASSWORD_WRONG].contains(&self.title.as_str())
    }
}
