//! Names for things, each with one meaning (see `docs/ARCHITECTURE.md` for the whole vocabulary).

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How a message must arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// All of them, in order, for as long as the link lives.
    Reliable,
    /// The newest wins: may be lost, and one that is still unsent may be replaced by a newer one.
    Latest,
}

/// A kind of wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Two queues in one process: the reference.
    Memory,
    /// renet over netcode over UDP.
    Udp,
    /// QUIC: a stream and datagrams.
    Quic,
    /// Binary frames on the lobby's port.
    Websocket,
    /// Frames with a length on a TCP connection of their own.
    Tcp,
    /// Calls to the lobby's port.
    Http,
    /// WebTransport: as QUIC, for browsers, over HTTP/3.
    Webtransport,
}

impl Transport {
    /// Every wire that leaves the process: what a server listens on and counts.
    pub const ALL: [Self; 6] = [Self::Udp, Self::Quic, Self::Websocket, Self::Tcp, Self::Http, Self::Webtransport];
    /// The wires that a player can fly over, in the order in which keys and tables list them. On the desktop `webtransport` would be
    /// `quic` with a longer handshake.
    #[cfg(not(target_family = "wasm"))]
    pub const WIRES: [Self; 5] = [Self::Udp, Self::Quic, Self::Websocket, Self::Tcp, Self::Http];
    /// The wires that a player can fly over, in the order in which keys and tables list them: those that a browser has.
    #[cfg(target_family = "wasm")]
    pub const WIRES: [Self; 3] = [Self::Webtransport, Self::Websocket, Self::Http];
    /// The wires that are tried when nobody wishes for one, the best first. `tcp` is not among them: it is `websocket` without a
    /// way through proxies.
    #[cfg(not(target_family = "wasm"))]
    pub const RACE: [Self; 4] = [Self::Udp, Self::Quic, Self::Websocket, Self::Http];
    /// The wires that are tried when nobody wishes for one, the best first.
    #[cfg(target_family = "wasm")]
    pub const RACE: [Self; 3] = Self::WIRES;

    /// Returns the name used on screen, in logs, metrics and command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Udp => "udp",
            Self::Quic => "quic",
            Self::Websocket => "websocket",
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Webtransport => "webtransport",
        }
    }

    /// Returns the byte that names it on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Memory => 0,
            Self::Udp => 1,
            Self::Quic => 2,
            Self::Websocket => 3,
            Self::Tcp => 4,
            Self::Http => 5,
            Self::Webtransport => 6,
        }
    }

    /// Returns whether its Latest lane is made of datagrams: what is lost delays nothing, and a copy may help.
    pub const fn is_of_datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::Quic | Self::Webtransport)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Transport {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|t| t.name() == s)
            .ok_or_else(|| format!("`{s}` is not one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// One live connection over one transport. Counted per process, never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Bits of a random name. Every JSON reader can hold that many in a number, those without integers included (RFC 8259, 6).
pub const NAME_BITS: u32 = 53;

/// One player's presence in a room, across links. Random, not secret, below 2⁵³.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct SessionId(pub u64);

/// A person, as the lobby knows them. Random, not secret, below 2⁵³.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct PlayerId(pub u64);

impl SessionId {
    /// Returns the name that `random` stands for.
    pub const fn from_random(random: u64) -> Self {
        Self(random >> (u64::BITS - NAME_BITS))
    }
}

impl PlayerId {
    /// Returns the name that `random` stands for.
    pub const fn from_random(random: u64) -> Self {
        Self(random >> (u64::BITS - NAME_BITS))
    }
}

/// One match, from countdown to result. Random, not secret, below 2⁵³.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct MatchId(pub u64);

impl MatchId {
    /// Returns the name that `random` stands for.
    pub const fn from_random(random: u64) -> Self {
        Self(random >> (u64::BITS - NAME_BITS))
    }
}

/// A request to the matchmaker. Random, not secret, below 2⁵³.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct TicketId(pub u64);

impl TicketId {
    /// Returns the name that `random` stands for.
    pub const fn from_random(random: u64) -> Self {
        Self(random >> (u64::BITS - NAME_BITS))
    }
}

/// A place where matches are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct RoomId(pub u32);

/// Rises at every change of the driving link. The first link of a session has epoch 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u32);

/// Why a link ended, as told to the other end in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CloseReason {
    /// The owner is done with it: a player left, or another link has taken over.
    Done,
    /// Another link of the same session drives now, or the player has taken another place.
    Replaced,
    /// The hello was refused; the reason was sent before.
    Refused,
    /// The server is shutting down.
    ServerStopping,
    /// The peer broke the protocol.
    Violation,
    /// The peer did not read fast enough.
    SlowReader,
    /// No hello came in time.
    HandshakeTimeout,
    /// The host has sent the player away.
    Kicked,
    /// The host has closed the room.
    RoomClosed,
}

impl CloseReason {
    /// Every reason, in the order of [`CloseReason::code`].
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Replaced,
        Self::Refused,
        Self::ServerStopping,
        Self::Violation,
        Self::SlowReader,
        Self::HandshakeTimeout,
        Self::Kicked,
        Self::RoomClosed,
    ];

    /// Returns the byte that stands for it on every transport.
    pub fn code(self) -> u8 {
        Self::ALL.iter().position(|r| *r == self).unwrap_or(0) as u8
    }

    /// Returns the reason that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "the connection was closed",
            Self::Replaced => "another connection of the same player took over",
            Self::Refused => "the server refused to let us in",
            Self::ServerStopping => "the server is shutting down",
            Self::Violation => "the other side did not follow the protocol",
            Self::SlowReader => "data was not read fast enough",
            Self::HandshakeTimeout => "the greeting did not come in time",
            Self::Kicked => "the host of the room has sent you away",
            Self::RoomClosed => "the host has closed the room",
        })
    }
}
