//! What the bytes look like.
//!
//! Every message begins with one byte that names its kind. Bit 7 tells the lane, so that a message on the wrong lane is refused
//! before anything else is looked at:
//!
//! ```text
//!          7 6 5 4 3 2 1 0
//!         +-+-+-+-+-+-+-+-+        0x01 hello      client → server, Reliable   [hello]
//! byte 0  |L|    kind     |        0x02 event      client → server, Reliable   [event]
//!         +-+-+-+-+-+-+-+-+        0x11 welcome    server → client, Reliable   [hello]
//!         L: 0 Reliable            0x12 refusal    server → client, Reliable   [hello]
//!            1 Latest              0x13 event      server → client, Reliable   [event]
//!                                  0x81 commands   client → server, Latest     [command]
//!                                  0x82 shadow commands   the same, compact   [shadow]
//!                                  0x91 snapshot   server → client, Latest     [snapshot]
//!                                  0x92 shadow snapshot   the same, compact   [shadow]
//! ```
//!
//! The Latest messages are packed by hand, bit by bit ([`reader`], [`writer`]); the others are [`plain`] structures.
//! `docs/PROTOCOL.md` draws each; `tests/golden.rs` holds the drawings to their word.

pub mod command;
pub mod event;
pub mod hello;
pub mod plain;
pub mod reader;
pub mod shadow;
pub mod snapshot;
pub mod writer;

use crate::ids::Lane;
use thiserror::Error;

/// First byte of every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Client greets on a fresh link.
    Hello = 0x01,
    /// Client's sequenced event.
    ClientEvent = 0x02,
    /// Server accepts a link.
    Welcome = 0x11,
    /// Server refuses a link.
    Refusal = 0x12,
    /// Server's sequenced event.
    ServerEvent = 0x13,
    /// Client's commands.
    Commands = 0x81,
    /// What a client says of its commands over a shadow link.
    ShadowCommands = 0x82,
    /// Server's snapshot.
    Snapshot = 0x91,
    /// What the server says of a tick over a shadow link.
    ShadowSnapshot = 0x92,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Hello,
        Self::ClientEvent,
        Self::Welcome,
        Self::Refusal,
        Self::ServerEvent,
        Self::Commands,
        Self::ShadowCommands,
        Self::Snapshot,
        Self::ShadowSnapshot,
    ];

    /// Returns the lane that this kind travels on.
    pub const fn lane(self) -> Lane {
        if self as u8 & 0x80 == 0 { Lane::Reliable } else { Lane::Latest }
    }

    /// Splits a message into its kind and its body.
    ///
    /// # Errors
    /// If it is empty, of no known kind, or came on the wrong lane.
    pub fn split(lane: Lane, message: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (first, body) = message.split_first().ok_or(DecodeError::Truncated)?;
        let kind = Self::ALL.into_iter().find(|kind| *kind as u8 == *first).ok_or(DecodeError::UnknownKind(*first))?;
        if kind.lane() == lane { Ok((kind, body)) } else { Err(DecodeError::WrongLane) }
    }
}

/// Why bytes are no message. Always the sender's fault; counted, logged at debug level, never fatal for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A structure does not parse.
    #[error("malformed structure")]
    Malformed,
    /// A number lies outside its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A message is longer than its kind may be.
    #[error("message too long")]
    TooLong,
    /// Bytes follow the end of the message.
    #[error("bytes after the end")]
    Trailing,
    /// The message ends too early.
    #[error("message cut short")]
    Truncated,
    /// The delta's baseline is not held any more.
    #[error("unknown baseline")]
    UnknownBaseline,
    /// No message begins like this.
    #[error("unknown kind {0:#04x}")]
    UnknownKind(u8),
    /// The kind travels on the other lane.
    #[error("wrong lane")]
    WrongLane,
}
