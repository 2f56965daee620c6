//! The lobby's HTTP calls, as client, swarm and tools make them.
//!
//! Flow: start screen or lab → [`LobbyClient`] → HTTP → `server::lobby` → [`protocol::lobby::Grant`] → [`crate::player`].

use protocol::SessionId;
use protocol::ids::RoomId;
use protocol::lobby::{Endpoints, Grant, Guest, Health, NewGuest, NewRoom, Problem, RoomInfo, RoomList};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::oneshot;

/// How long one call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// The lobby's port where an address names none.
const DEFAULT_PORT: u16 = 8080;

/// Why a call failed, in a sentence for the player.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LobbyError {
    /// The lobby answered no.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// Something answered that is no lobby of ours.
    #[error("{server} answered, but not like a Crosswire server of this version.")]
    Strange {
        /// Who.
        server: String,
    },
    /// Nobody answered.
    #[error("Could not reach the server at {server}. Is it running?")]
    Unreachable {
        /// Where.
        server: String,
    },
}

impl LobbyError {
    /// Returns the HTTP status, if the lobby answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Strange { .. } | Self::Unreachable { .. } => None,
        }
    }
}

/// Calls one lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LobbyClient {
    base: String,
}

impl LobbyClient {
    /// Returns a client for `server`: a host, `host:port`, or `http://host:port`.
    ///
    /// # Errors
    /// One sentence if this is no such address.
    pub fn new(server: &str) -> Result<Self, String> {
        let wrong = || format!("`{server}` is not a server address. Write it like 192.168.1.20:8080.");
        let authority = server.trim().strip_prefix("http://").unwrap_or(server.trim()).trim_end_matches('/');
        if authority.contains("://") {
            return Err(format!("`{server}` does not begin with http://, which is what a Crosswire lobby speaks."));
        }
        let sane = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        if authority.is_empty() || !authority.bytes().all(sane) {
            return Err(wrong());
        }
        let base = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse::<u16>().ok().filter(|port| *port != 0 && !host.is_empty()).ok_or_else(wrong)?;
                format!("http://{host}:{port}")
            }
            _ => format!("http://{authority}:{DEFAULT_PORT}"),
        };
        Ok(Self { base })
    }

    /// Returns the address as `http://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Becomes somebody.
    ///
    /// # Errors
    /// See [`LobbyError`]; so for every call.
    pub async fn guest(&self, name: &str) -> Result<Guest, LobbyError> {
        self.post("/v1/guests", None, &NewGuest { name: name.to_owned() }).await
    }

    /// Lists the rooms.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn rooms(&self) -> Result<RoomList, LobbyError> {
        self.call(ehttp::Request::get(format!("{}/v1/rooms", self.base))).await
    }

    /// Opens a room.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn open_room(&self, guest: &Guest, room: &NewRoom) -> Result<RoomInfo, LobbyError> {
        self.post("/v1/rooms", Some(guest), room).await
    }

    /// Asks for a seat.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn take_seat(&self, guest: &Guest, room: RoomId) -> Result<Grant, LobbyError> {
        self.post(&format!("/v1/rooms/{}/seats", room.0), Some(guest), &serde_json::json!({})).await
    }

    /// Asks for a fresh connect token for another link of `session`.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn endpoints(&self, guest: &Guest, session: SessionId) -> Result<Endpoints, LobbyError> {
        self.post(&format!("/v1/sessions/{}/endpoints", session.0), Some(guest), &serde_json::json!({})).await
    }

    /// Asks how the server is.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn health(&self) -> Result<Health, LobbyError> {
        self.call(ehttp::Request::get(format!("{}/healthz", self.base))).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        guest: Option<&Guest>,
        body: &impl Serialize,
    ) -> Result<T, LobbyError> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let mut request = ehttp::Request::post(format!("{}{path}", self.base), body);
        request.headers = ehttp::Headers::new(&[("Accept", "application/json"), ("Content-Type", "application/json")]);
        if let Some(guest) = guest {
            request.headers.insert("Authorization", format!("Bearer {}", guest.secret));
        }
        self.call(request).await
    }

    async fn call<T: DeserializeOwned>(&self, request: ehttp::Request) -> Result<T, LobbyError> {
        let (answer, answered) = oneshot::channel();
        let request = request.with_timeout(Some(CALL_DEADLINE));
        ehttp::fetch(request, move |result| {
            // The caller may have gone away; then nobody wants to know.
            let _ = answer.send(result);
        });
        let response = answered.await.ok().and_then(Result::ok);
        let response = response.ok_or_else(|| LobbyError::Unreachable { server: self.base.clone() })?;
        let strange = |_| LobbyError::Strange { server: self.base.clone() };
        if response.ok {
            return serde_json::from_slice(&response.bytes).map_err(strange);
        }
        Err(serde_json::from_slice(&response.bytes).map_or_else(strange, LobbyError::Refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let base = |s: &str| LobbyClient::new(s).map(|c| c.base);
        assert_eq!(base("localhost"), Ok("http://localhost:8080".into()));
        assert_eq!(base(" 10.0.0.7:9000 "), Ok("http://10.0.0.7:9000".into()));
        assert_eq!(base("http://arena.example/"), Ok("http://arena.example:8080".into()));
        assert_eq!(base("[::1]:80"), Ok("http://[::1]:80".into()));
        assert_eq!(base("[::1]"), Ok("http://[::1]:8080".into()));
        for wrong in ["", "host:0", "host:99999", "host:port", "ftp://host", "https://host", "a b", "host/path", ":80"]
        {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }
}
