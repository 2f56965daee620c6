//! Rooms: the list, one of one's own, who is in it, and how friends get in.
//!
//! Flow: room list, create page → [`NewRoom`] → `server::lobby` → [`OpenedRoom`] with its [`Invite`] → a friend's [`SeatWish`].

use super::veil::veiled_debug;
use crate::ids::{PlayerId, RoomId, Transport};
use game::view::PhaseKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Free for all.
    #[default]
    Skirmish,
}

impl Mode {
    /// Every mode, in the order in which menus list them.
    pub const ALL: [Self; 1] = [Self::Skirmish];

    /// Returns the name used on screen, in the JSON and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skirmish => "skirmish",
        }
    }
}

/// One line of `GET /v1/rooms`, and `GET /v1/rooms/{room}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomInfo {
    /// Number to join by.
    pub id: RoomId,
    /// What it is called.
    pub name: String,
    /// What is played.
    pub mode: Mode,
    /// File name of its map, without the ending.
    pub map: String,
    /// Places.
    pub seats: u8,
    /// People in it, those included whose seat is kept.
    pub players: u8,
    /// Bots in it.
    pub bots: u8,
    /// People who only watch.
    pub spectators: u8,
    /// Stage of its match.
    #[schema(value_type = String)]
    pub phase: PhaseKind,
    /// It is not in the list: an invite code is needed.
    pub private: bool,
    /// A password is needed.
    pub locked: bool,
    /// Who may kick, change the map and start; none in the server's own rooms.
    pub host: Option<PlayerId>,
}

/// Answer to `GET /v1/rooms`. Filters: `?mode=`, `?map=`, `?free=true` (has a free seat), `?locked=false` (needs no password).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomList {
    /// Every open public room that passes the filters, by rising id.
    pub rooms: Vec<RoomInfo>,
}

/// `POST /v1/rooms`: open a room. What is left out is as the operator set it. Whoever opens it is its host; everybody is that of one at most.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewRoom {
    /// What to call it, 1 to 32 characters.
    #[schema(min_length = 1, max_length = 32, pattern = "^[!-~]([ -~]*[!-~])?$")]
    pub name: Option<String>,
    /// What is played.
    pub mode: Mode,
    /// Map, by file name without the ending.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    pub map: Option<String>,
    /// Places, 1 to 64.
    #[schema(minimum = 1, maximum = 64)]
    pub seats: Option<u8>,
    /// Bots that fill empty seats, 0 to 63.
    #[schema(maximum = 63)]
    pub bots: Option<u8>,
    /// Length of a match, 10 to 3,600 s.
    #[schema(minimum = 10, maximum = 3600)]
    pub match_seconds: Option<u32>,
    /// Kills that end a match early, 1 to 1,000.
    #[schema(minimum = 1, maximum = 1000)]
    pub score_limit: Option<u16>,
    /// Keep it out of the list: only an invite code leads in.
    pub private: bool,
    /// Ask everybody but the host for this, 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub password: Option<String>,
}

veiled_debug!(NewRoom { name, mode, map, seats, bots, match_seconds, score_limit, private } without password);

/// Answer to `POST /v1/rooms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenedRoom {
    /// The room.
    #[serde(flatten)]
    pub room: RoomInfo,
    /// How friends get in.
    pub invite: Invite,
}

/// `GET /v1/rooms/{room}/invite` (for those who are in the room): how friends get in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// Seven characters such as `KM7-4QX`, good for as long as the room is open. Case, spaces and the dash do not matter.
    pub code: String,
    /// `http://host:port/join/KM7-4QX`, with the address by which the asker has reached the server, or the public one.
    pub link: String,
}

/// `PATCH /v1/rooms/{room}` (host): what shall change. What is left out stays. A new map or mode begins with the next match.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoomChange {
    /// Another name.
    #[schema(min_length = 1, max_length = 32, pattern = "^[!-~]([ -~]*[!-~])?$")]
    pub name: Option<String>,
    /// Another map, by file name without the ending.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    pub map: Option<String>,
    /// Another number of bots.
    #[schema(maximum = 63)]
    pub bots: Option<u8>,
    /// In the list or not.
    pub private: Option<bool>,
    /// Another password; the empty one opens the room to all.
    #[schema(max_length = 64)]
    pub password: Option<String>,
}

veiled_debug!(RoomChange { name, map, bots, private } without password);

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Who.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// Place in the room; none for those who only watch.
    pub seat: Option<u8>,
    /// The wire that drives; none while the seat is only kept.
    pub wire: Option<Transport>,
}

/// Answer to `GET /v1/rooms/{room}/members` (for those who are in the room).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberList {
    /// People in the room, by rising seat, spectators last.
    pub members: Vec<Member>,
}

/// `POST /v1/rooms/{room}/seats` and `POST /v1/invites/{code}/seats`: a seat, please. An empty body will do for open rooms.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SeatWish {
    /// Password of a locked room.
    pub password: Option<String>,
    /// Only watch.
    pub spectate: bool,
}

veiled_debug!(SeatWish { spectate } without password);

/// `POST /v1/seats`: a seat anywhere. The fullest public room with a free seat, or a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuickJoin {
    /// What to play; none for anything.
    pub mode: Option<Mode>,
    /// Where; none for anywhere.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    pub map: Option<String>,
    /// The room to prefer if it is open: where a seat may still be kept.
    #[schema(value_type = Option<u64>, maximum = 4294967295_u32)]
    pub prefer: Option<RoomId>,
}
