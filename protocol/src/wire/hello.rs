//! The greeting on a fresh link: hello, then welcome or refusal.
//!
//! ```text
//! hello    | 0x01 | "XWIR" | version u16 LE | Hello (plain) … |
//! welcome  | 0x11 | Welcome (plain) … |
//! refusal  | 0x12 | reason u8 | version u16 LE |
//! ```
//!
//! Hello and refusal have fixed beginnings in every version, so that peers of different versions part in words.
//!
//! Flow: `session::client` → hello → `session::server` → welcome / refusal → `session::client`.

use super::{DecodeError, Kind, plain};
use crate::ids::{Epoch, SessionId};
use crate::limits::PROTOCOL_VERSION;
use game::{Phase, SeatId, Tick};
use serde::{Deserialize, Serialize};
use std::fmt;

const MAGIC: &[u8; 4] = b"XWIR";

/// What a client says first on every link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hello {
    /// I come from the lobby with a proof: begin my session, at epoch 1.
    Join {
        /// See [`crate::grant::Sealer`].
        proof: Vec<u8>,
    },
    /// I am here already: let this link drive my session.
    Resume(Resume),
    /// I am here already: let this link carry my match along while another drives, in the compact form or as a strand.
    Shadow(Shadow),
}

/// What a client says to let another link drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Which session.
    pub session: SessionId,
    /// Higher than every epoch attached or tried before.
    pub epoch: Epoch,
    /// See [`crate::grant::ResumeKey::prove`].
    pub key_proof: [u8; 32],
    /// Number of the last server event that the client has; later ones are sent again.
    pub events_seen: u32,
}

/// What a client says to let a link carry the match along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// Which session.
    pub session: SessionId,
    /// The present epoch.
    pub epoch: Epoch,
    /// Counts such hellos of this session from 1; each is good once.
    pub number: u32,
    /// It is a *strand*: whole snapshots travel over it, in turn with the driving link. One stalled stream then delays only its share.
    pub whole: bool,
    /// See [`crate::grant::ResumeKey::prove_shadow`].
    pub key_proof: [u8; 32],
}

/// What the server says when a link may drive, or carry the match along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The session.
    pub session: SessionId,
    /// Its seat.
    pub seat: SeatId,
    /// The epoch that this link drives at.
    pub epoch: Epoch,
    /// Present tick.
    pub tick: Tick,
    /// Ticks between snapshots.
    pub snapshot_every: u8,
    /// Stage of the match.
    pub phase: Phase,
    /// Name of the map's file, without the ending.
    pub map: String,
    /// Hash of the map's text, [`game::Map::hash`].
    pub map_hash: u64,
    /// Number of the last client event that the server has.
    pub events_seen: u32,
}

/// Why a link may not drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// The other side speaks another version.
    Version,
    /// Not a hello.
    NotHello,
    /// The proof was altered, or is for another server.
    ProofAltered,
    /// The proof is too old, or from the future.
    ProofExpired,
    /// The proof was used before.
    ProofUsed,
    /// The room does not exist any more.
    NoRoom,
    /// Every seat is taken.
    RoomFull,
    /// The session does not exist, or its seat was given up.
    NoSession,
    /// The key belongs to an epoch that is over, or is wrong.
    KeyUsed,
    /// The link's own proof of identity names somebody else.
    WrongIdentity,
    /// The server is shutting down.
    Stopping,
    /// Too many links of this session at once.
    TooManyLinks,
    /// The host has sent the player away from this room.
    Kicked,
    /// The room is kept for others.
    Reserved,
}

impl Refusal {
    /// Every refusal, in the order of its code.
    pub const ALL: [Self; 14] = [
        Self::Version,
        Self::NotHello,
        Self::ProofAltered,
        Self::ProofExpired,
        Self::ProofUsed,
        Self::NoRoom,
        Self::RoomFull,
        Self::NoSession,
        Self::KeyUsed,
        Self::WrongIdentity,
        Self::Stopping,
        Self::TooManyLinks,
        Self::Kicked,
        Self::Reserved,
    ];

    /// Returns the byte that stands for it.
    pub fn code(self) -> u8 {
        Self::ALL.iter().position(|r| *r == self).unwrap_or_default() as u8
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "Server and client are of different versions. Update the older one.",
            Self::NotHello => "The server did not understand the greeting.",
            Self::ProofAltered => "The server does not accept the lobby's grant. Join again from the start screen.",
            Self::ProofExpired => "The lobby's grant has expired. Join again from the start screen.",
            Self::ProofUsed => "The lobby's grant was used before. Join again from the start screen.",
            Self::NoRoom => "This room is closed. Choose another one.",
            Self::RoomFull => "This room is full. Choose another one.",
            Self::NoSession => "Your seat was given up. Join again from the start screen.",
            Self::KeyUsed => {
                "Your key was used before: somebody may be playing in your place. Join again from the start screen."
            }
            Self::WrongIdentity => "The connection belongs to another player.",
            Self::Stopping => "The server is shutting down.",
            Self::TooManyLinks => "Too many connections of the same player at once.",
            Self::Kicked => "The host of this room has sent you away. Choose another one.",
            Self::Reserved => "This room is kept for a match of others. Choose another one.",
        })
    }
}

/// Returns a hello as bytes.
pub fn encode_hello(hello: &Hello) -> Vec<u8> {
    let version = PROTOCOL_VERSION.to_le_bytes();
    [&[Kind::Hello as u8], MAGIC.as_slice(), &version, &plain::encode(hello)].concat()
}

/// Reads the body of a hello.
///
/// # Errors
/// [`Refusal::NotHello`] or [`Refusal::Version`].
pub fn decode_hello(body: &[u8]) -> Result<Hello, Refusal> {
    let body = body.strip_prefix(MAGIC).ok_or(Refusal::NotHello)?;
    let (version, body) = body.split_first_chunk().ok_or(Refusal::NotHello)?;
    if u16::from_le_bytes(*version) != PROTOCOL_VERSION {
        return Err(Refusal::Version);
    }
    plain::decode(body).map_err(|_| Refusal::NotHello)
}

/// Returns a welcome as bytes.
pub fn encode_welcome(welcome: &Welcome) -> Vec<u8> {
    [&[Kind::Welcome as u8], plain::encode(welcome).as_slice()].concat()
}

/// Reads the body of a welcome.
///
/// # Errors
/// If it does not parse.
pub fn decode_welcome(body: &[u8]) -> Result<Welcome, DecodeError> {
    plain::decode(body)
}

/// Returns a refusal as bytes.
pub fn encode_refusal(refusal: Refusal) -> Vec<u8> {
    let [low, high] = PROTOCOL_VERSION.to_le_bytes();
    vec![Kind::Refusal as u8, refusal.code(), low, high]
}

/// Reads the body of a refusal.
///
/// # Errors
/// If it is not exactly one.
pub fn decode_refusal(body: &[u8]) -> Result<Refusal, DecodeError> {
    let [code, _, _] = body else { return Err(DecodeError::Malformed) };
    Refusal::ALL.get(usize::from(*code)).copied().ok_or(DecodeError::Range("refusal"))
}
