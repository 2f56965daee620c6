//! What is said over HTTP: the JSON of the lobby. Requests refuse unknown fields; answers are types of their own, so that nothing
//! internal slips out.
//!
//! Flow: client → `server::lobby` → [`Grant`] → a transport's dial → [`crate::session`].

use crate::ids::{PlayerId, RoomId, SessionId, Transport};
use game::view::PhaseKind;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

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

/// `POST /v1/guests`: become somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGuest {
    /// Wished name, see [`crate::names::valid_name`].
    pub name: String,
}

/// Answer to [`NewGuest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Who this is from now on.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// Sent as `Authorization: Bearer …` with every later call. Whoever has it is this player.
    pub secret: String,
}

/// One line of `GET /v1/rooms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInfo {
    /// Number to join by.
    pub id: RoomId,
    /// What it is called.
    pub name: String,
    /// File name of its map, without the ending.
    pub map: String,
    /// Places.
    pub seats: u8,
    /// People in it, those included whose seat is kept.
    pub players: u8,
    /// Bots in it.
    pub bots: u8,
    /// Stage of its match.
    pub phase: PhaseKind,
}

/// Answer to `GET /v1/rooms`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomList {
    /// Every open room, by rising id.
    pub rooms: Vec<RoomInfo>,
}

/// `POST /v1/rooms`: open a room. What is left out is as the operator set it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewRoom {
    /// What to call it, 1 to 32 characters.
    pub name: Option<String>,
    /// Map, by file name without the ending.
    pub map: Option<String>,
    /// Places, 1 to 64.
    pub seats: Option<u8>,
    /// Bots that fill empty seats, 0 to 63.
    pub bots: Option<u8>,
    /// Length of a match, 10 to 3,600 s.
    pub match_seconds: Option<u32>,
    /// Kills that end a match early, 1 to 1,000.
    pub score_limit: Option<u16>,
}

/// Answer to `POST /v1/rooms/{room}/seats`: all that is needed to take a seat, over any wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The session that the seat will belong to.
    pub session: SessionId,
    /// The room.
    pub room: RoomId,
    /// Seconds for which [`Grant::proof`] is good.
    pub expires_in_s: u32,
    /// Sealed by the lobby, opened by the room, opaque to everybody else. Good once.
    #[serde(with = "base64_bytes")]
    pub proof: Vec<u8>,
    /// Key of epoch 1, see [`crate::grant::ResumeKey`]. Secret.
    #[serde(with = "base64_bytes")]
    pub resume_key: [u8; 32],
    /// Where to dial.
    pub endpoints: Endpoints,
}

/// Where and how to reach the room server. Also the answer to `POST /v1/sessions/{session}/endpoints`, which mints a fresh
/// connect token for another link of a session that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// netcode over UDP.
    pub udp: UdpEndpoint,
    /// QUIC.
    pub quic: QuicEndpoint,
    /// WebSocket.
    pub websocket: WebsocketEndpoint,
    /// Bare TCP.
    pub tcp: TcpEndpoint,
    /// HTTP calls.
    pub http: HttpEndpoint,
}

/// How to reach the server over `udp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpEndpoint {
    /// Address and port to send to.
    pub addr: SocketAddr,
    /// A netcode 1.02 connect token as renetcode writes it, good for one link and 30 s.
    #[serde(with = "base64_bytes")]
    pub token: Vec<u8>,
}

/// How to reach the server over `quic`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuicEndpoint {
    /// Address and port to dial.
    pub addr: SocketAddr,
    /// SHA-256 of the server's DER certificate: the only one to be accepted.
    #[serde(with = "base64_bytes")]
    pub certificate_sha256: [u8; 32],
}

/// How to reach the server over `websocket`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebsocketEndpoint {
    /// `ws://host:port/v1/link`.
    pub url: String,
}

/// How to reach the server over `tcp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpEndpoint {
    /// Address and port to dial.
    pub addr: SocketAddr,
}

/// How to reach the server over `http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpEndpoint {
    /// `http://host:port/v1/link/http`.
    pub url: String,
}

/// Answer to `POST /v1/link/http`: a link over `http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpLink {
    /// Number of the link, below 2⁵³: goes behind the path, as `/v1/link/http/7`.
    pub link: u64,
    /// 32 hexadecimal digits, sent as `Authorization: Bearer …` with every call of the link. Secret.
    pub bearer: String,
}

/// `GET /healthz`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A few words, the same for every case of its kind.
    pub title: String,
    /// The HTTP status once more.
    pub status: u16,
    /// One sentence for the player: what happened and what to do.
    pub detail: String,
}
