//! What lets a player take a seat over any wire.
//!
//! Flow: `server::lobby` → [`Grant`] → a transport's dial → [`crate::session`].

use super::base64_bytes;
use super::veil::veiled_debug;
use crate::ids::{RoomId, SessionId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use utoipa::ToSchema;

/// Answer to `POST /v1/rooms/{room}/seats`: all that is needed to take a seat, over any wire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// The session that the seat will belong to.
    pub session: SessionId,
    /// The room.
    pub room: RoomId,
    /// Seconds for which [`Grant::proof`] is good.
    pub expires_in_s: u32,
    /// Sealed by the lobby, opened by the room, opaque to everybody else. Good once.
    #[serde(with = "base64_bytes")]
    #[schema(value_type = String)]
    pub proof: Vec<u8>,
    /// Key of epoch 1, see [`crate::grant::ResumeKey`]. Secret.
    #[serde(with = "base64_bytes")]
    #[schema(value_type = String)]
    pub resume_key: [u8; 32],
    /// Where to dial.
    pub endpoints: Endpoints,
}

veiled_debug!(Grant { session, room, expires_in_s, endpoints } without proof, resume_key);

/// Where and how to reach the room server. Also the answer to `POST /v1/sessions/{session}/endpoints`, which mints a fresh
/// connect token for another link of a session that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// WebTransport.
    pub webtransport: WebtransportEndpoint,
    /// Whether the server makes weather for the asker, who may be unable to: `PUT /v1/players/me/weather`.
    #[serde(default)]
    pub makes_weather: bool,
}

/// How to reach the server over `udp`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UdpEndpoint {
    /// Address and port to send to.
    #[schema(value_type = String)]
    pub addr: SocketAddr,
    /// A netcode 1.02 connect token as renetcode writes it, good for one link and 30 s.
    #[serde(with = "base64_bytes")]
    #[schema(value_type = String)]
    pub token: Vec<u8>,
}

veiled_debug!(UdpEndpoint { addr } without token);

/// How to reach the server over `quic`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuicEndpoint {
    /// Address and port to dial.
    #[schema(value_type = String)]
    pub addr: SocketAddr,
    /// SHA-256 of the server's DER certificate: the only one to be accepted.
    #[serde(with = "base64_bytes")]
    #[schema(value_type = String)]
    pub certificate_sha256: [u8; 32],
}

/// How to reach the server over `websocket`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebsocketEndpoint {
    /// `ws://host:port/v1/link`.
    pub url: String,
}

/// How to reach the server over `tcp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TcpEndpoint {
    /// Address and port to dial.
    #[schema(value_type = String)]
    pub addr: SocketAddr,
}

/// How to reach the server over `http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HttpEndpoint {
    /// `http://host:port/v1/link/http`.
    pub url: String,
}

/// How to reach the server over `webtransport`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebtransportEndpoint {
    /// `https://host:port/v1/link`, on the UDP port of `quic`.
    pub url: String,
    /// SHA-256 of the server's DER certificate: the only one to be accepted, unless the host is one of [`Self::signed_for`].
    #[serde(with = "base64_bytes")]
    #[schema(value_type = String)]
    pub certificate_sha256: [u8; 32],
    /// Host names, some of them as `*.example.org`, under which the server shows a certificate that a public authority has signed. Whoever
    /// dials one of them checks that as browsers do, and knows no hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_for: Vec<String>,
}

/// Returns whether a name in a certificate covers `host`: the same name, or `*` for its first part (RFC 9525, 6.3). Letters may be large or
/// small.
pub fn covers(name: &str, host: &str) -> bool {
    let rest = name.strip_prefix("*.").zip(host.split_once('.').filter(|(first, _)| !first.is_empty()));
    rest.map_or(name.eq_ignore_ascii_case(host), |(below, (_, rest))| below.eq_ignore_ascii_case(rest))
}

/// Answer to `POST /v1/link/http`: a link over `http`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HttpLink {
    /// Number of the link, below 2⁵³: goes behind the path, as `/v1/link/http/7`.
    pub link: u64,
    /// 32 hexadecimal digits, sent as `Authorization: Bearer …` with every call of the link. Secret.
    pub bearer: String,
}

veiled_debug!(HttpLink { link } without bearer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_part() {
        assert!(covers("play.example", "Play.Example") && covers("*.play.example", "den.play.example"));
        for (name, host) in [
            ("play.example", "den.play.example"),
            ("*.play.example", "play.example"),
            ("*.play.example", ".play.example"),
            ("*.play.example", "a.b.play.example"),
            ("*", "play.example"),
            ("*.1", "192.168.0.1"),
        ] {
            assert!(!covers(name, host), "{name} {host}");
        }
    }
}
