//! Reliable events: rare facts that must arrive once each, in order, across any number of links.
//!
//! ```text
//! | 0x02 or 0x13 | Sequenced { number, event } (plain) … |
//! ```
//!
//! The number counts per session and direction from 1. Which ones have arrived travels back in every Latest message.
//!
//! Flow: room → [`ServerEvent`] → `session::outbox` → link → `session::inbox` → HUD; and back with [`ClientEvent`].

use super::{DecodeError, Kind, plain};
use game::{Phase, Point, SeatId, Tick, Weapon};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// An event with its number in the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequenced<E> {
    /// Counts from 1.
    pub number: u32,
    /// What happened.
    pub event: E,
}

/// Who sits where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Name to show.
    pub name: String,
    /// Flown by the server.
    pub bot: bool,
    /// All links are lost; the seat is being kept.
    pub away: bool,
}

/// What the server tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerEvent {
    /// Everybody in the room: the first event of every session.
    Roster(Vec<(SeatId, Member)>),
    /// Somebody took a seat.
    Joined {
        /// Where.
        seat: SeatId,
        /// Who.
        member: Member,
    },
    /// A seat became empty.
    Left {
        /// Which.
        seat: SeatId,
    },
    /// Somebody lost all links; the seat is kept for a while.
    Away {
        /// Whose.
        seat: SeatId,
    },
    /// Somebody is back.
    Back {
        /// Whose.
        seat: SeatId,
    },
    /// Somebody was destroyed.
    Kill {
        /// When.
        tick: Tick,
        /// By whom.
        killer: Option<SeatId>,
        /// Who.
        victim: SeatId,
        /// With what.
        weapon: Weapon,
    },
    /// Somebody took a pickup.
    PickedUp {
        /// Who.
        seat: SeatId,
        /// Which, by its place in the map.
        pickup: u8,
    },
    /// The match entered another stage.
    Phase(Phase),
    /// The match is over.
    Finished {
        /// Who won; none in a draw.
        winner: Option<SeatId>,
    },
    /// Somebody said something.
    Chat {
        /// Who.
        seat: SeatId,
        /// What, cleaned.
        line: String,
    },
    /// The server is about to stop.
    Stopping,
    /// What a rail was traced against; told to its shooter alone, if they asked for it.
    Rewound {
        /// Who fired.
        shooter: SeatId,
        /// When.
        tick: Tick,
        /// How far behind that tick the others were looked for, quarter ticks.
        behind: u8,
        /// Where they were looked for: ships near the beam, the nearest first.
        ships: Vec<(SeatId, Point)>,
    },
    /// The room plays on another map from now on.
    Map {
        /// Name of its file, without the ending.
        map: String,
        /// Hash of its text, [`game::Map::hash`].
        map_hash: u64,
    },
}

/// What a client tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientEvent {
    /// Say something to the room.
    Chat(String),
    /// Give the seat up.
    Leave,
    /// How the own rails are to be judged, from now on.
    Rewind {
        /// Against where the others were in the own picture, rather than where they are.
        compensate: bool,
        /// Tell what each was traced against.
        draw: bool,
    },
    /// Send every snapshot twice from now on, or once again, while a wire of datagrams drives.
    Copies(bool),
}

/// Returns an event as bytes.
pub fn encode<E: Serialize>(kind: Kind, number: u32, event: E) -> Vec<u8> {
    [&[kind as u8], plain::encode(&Sequenced { number, event }).as_slice()].concat()
}

/// Reads the body of an event.
///
/// # Errors
/// If it does not parse, or its number is 0.
pub fn decode<E: DeserializeOwned>(body: &[u8]) -> Result<Sequenced<E>, DecodeError> {
    let sequenced: Sequenced<E> = plain::decode(body)?;
    if sequenced.number == 0 { Err(DecodeError::Range("number")) } else { Ok(sequenced) }
}
