//! The lobby's HTTP calls, as client, swarm and tools make them: one short method per route.
//!
//! Every call has a deadline of its own and fails with a sentence for the player. What changes can be asked for with the version that
//! is known ([`Tag`]), so that nothing is sent twice, and be waited for; or be listened to as it happens ([`EventStream`]).
//!
//! Flow: start screen or lab → [`LobbyClient`] → `fetch.rs` → HTTP → `server::lobby` → [`protocol::lobby::Grant`] → [`crate::player`].

mod events;
#[cfg_attr(target_family = "wasm", path = "../browser/lobby.rs")]
mod fetch;
mod files;
mod players;
mod rooms;
mod tickets;
mod weather;

pub use events::{EventStream, ServerSent};
pub use rooms::RoomFilter;

use crate::runtime::{sleep, timeout};
use bytes::Bytes;
use fetch::{Answer, Wire};
use http::{Method, Request, header};
use protocol::SessionId;
use protocol::ids::{RoomId, TicketId};
use protocol::lobby::{Endpoints, Guest, Health, Problem};
use serde::{Serialize, de::DeserializeOwned};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How long one call may take, and a long poll on top of the wait that it asks for.
const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// Longest wait that a server grants to a question.
pub const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// Largest answer that is read, bytes: a thousand rooms are a quarter of it.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Pause before a call whose connection broke is made once more: what was begun may still be under way.
const AFTER_CUT: Duration = Duration::from_millis(200);
/// The lobby's port where an address names none.
const DEFAULT_PORT: u16 = 8080;
/// The lobby's port where an address begins with `https://` and names none.
const SECURE_PORT: u16 = 443;

/// Why a call failed, in a sentence for the player.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LobbyError {
    /// The lobby answered no.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// The lobby answered no, because what was asked for is there already: `at` this path.
    #[error("{}", .problem.detail)]
    Already {
        /// What it said.
        problem: Problem,
        /// Where it is (`Location`), such as `/v1/tickets/7`.
        at: String,
    },
    /// Something answered that is no lobby of ours.
    #[error("{server} answered, but not like a Crosswire server of this version.")]
    Strange {
        /// Who.
        server: String,
    },
    /// Somebody was there, but the connection ended before there was a whole answer: whether it was done is not known.
    #[error("The connection to {server} broke. Try again.")]
    Cut {
        /// Whose.
        server: String,
    },
    /// Nobody answered.
    #[error("Could not reach the server at {server}. Is it running?")]
    Unreachable {
        /// Where.
        server: String,
    },
    /// Somebody is there who cannot prove to be that server: a certificate that no browser would trust either, or no TLS at all.
    #[error(
        "The server at {server} has no certificate that can be trusted. If you know whose it is, write http:// instead of https://."
    )]
    Untrusted {
        /// Where.
        server: String,
    },
    /// A file is not what its name in the list says.
    #[error("The file {name} arrived damaged. Try again.")]
    Damaged {
        /// Which file.
        name: String,
    },
}

impl LobbyError {
    /// Returns the HTTP status, if the lobby answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) | Self::Already { problem, .. } => Some(problem.status),
            Self::Strange { .. }
            | Self::Cut { .. }
            | Self::Unreachable { .. }
            | Self::Untrusted { .. }
            | Self::Damaged { .. } => None,
        }
    }

    /// Returns the room that is there already, if that is why the lobby said no.
    pub fn room(&self) -> Option<RoomId> {
        self.number_at("/v1/rooms/").map(RoomId)
    }

    /// Returns the ticket that is there already, if that is why the lobby said no.
    pub fn ticket(&self) -> Option<TicketId> {
        self.number_at("/v1/tickets/").map(TicketId)
    }

    fn number_at<T: FromStr>(&self, folder: &str) -> Option<T> {
        match self {
            Self::Already { at, .. } => at.strip_prefix(folder)?.parse().ok(),
            _ => None,
        }
    }
}

/// What the calls of a client have cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests made.
    pub calls: u64,
    /// Connections opened for them; one is kept for the next question. None in a page: its browser does not say.
    pub connections: u64,
    /// Bytes written to sockets.
    pub sent: u64,
    /// Bytes read from sockets.
    pub received: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// Nobody answers, or not in time.
    Silent,
    /// Somebody was there, but the connection ended before the end of the answer.
    Cut,
    /// What came back is not HTTP, or too much of it.
    Strange,
    /// Somebody is there who cannot prove to be the one that was asked.
    Untrusted,
}

/// The version of something that was asked for, as the server names it (`ETag`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

/// Something with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The thing.
    pub value: T,
    /// Its version, if the server names one: pass it with the next question.
    pub tag: Option<Tag>,
}

/// Calls one lobby. Clones share a connection and its [`Cost`].
#[derive(Clone, Debug)]
pub struct LobbyClient {
    base: String,
    wire: Arc<Wire>,
}

impl LobbyClient {
    /// Returns a client for `server`: a host, `host:port`, `http://host:port` or `https://host:port`. A port that is left out is 8080, or 443
    /// behind `https://`, where the server's certificate must be one that browsers trust.
    ///
    /// # Errors
    /// One sentence if this is no such address.
    pub fn new(server: &str) -> Result<Self, String> {
        let wrong = || format!("`{server}` is not a server address. Write it like 192.168.1.20:8080.");
        let (scheme, authority) = server.trim().split_once("://").unwrap_or(("http", server.trim()));
        let secure = scheme == "https";
        if !secure && scheme != "http" {
            return Err(format!(
                "`{server}` does not begin with http:// or https://, which is what a Crosswire lobby speaks."
            ));
        }
        let authority = authority.trim_end_matches('/');
        let sane = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        if authority.is_empty() || !authority.bytes().all(sane) {
            return Err(wrong());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().ok().filter(|port| *port != 0 && !host.is_empty()).ok_or_else(wrong)?)
            }
            _ => (authority, if secure { SECURE_PORT } else { DEFAULT_PORT }),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { base: format!("{scheme}://{host}:{port}"), wire: Arc::new(Wire::new(bare, port, secure)) })
    }

    /// Returns the address as `http://host:port` or `https://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the address as people write it: `host:port`, or `https://host:port`.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Returns `host:port`.
    pub(crate) fn authority(&self) -> &str {
        self.base.split_once("://").map_or(self.base.as_str(), |(_, authority)| authority)
    }

    /// Returns what the calls of this client and its clones have cost so far.
    pub fn cost(&self) -> Cost {
        self.wire.cost()
    }

    /// Asks for a fresh connect token for another link of `session`.
    ///
    /// # Errors
    /// See [`LobbyError`]; so for every call.
    pub async fn endpoints(&self, guest: &Guest, session: SessionId) -> Result<Endpoints, LobbyError> {
        self.post(&format!("/v1/sessions/{}/endpoints", session.0), Some(guest), &serde_json::json!({})).await
    }

    /// Asks how the server is.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn health(&self) -> Result<Health, LobbyError> {
        self.get("/healthz", None).await
    }

    /// Asks how whatever listens there is: a server of another version, or none of ours. Returns what it says, and its `Date`.
    ///
    /// # Errors
    /// Only if nobody answers in HTTP.
    pub(crate) async fn greet(&self) -> Result<(Vec<u8>, Option<String>), LobbyError> {
        let request = self.request(Call::to(Method::GET, "/healthz"))?;
        let answer = self.wire.fetch(request, CALL_DEADLINE).await.map_err(|broken| self.broken(broken))?;
        let date = answer.header("date").map(Into::into);
        let said = answer.whole(MAX_ANSWER_BYTES, CALL_DEADLINE).await.map_err(|broken| self.broken(broken))?;
        Ok((said, date))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, guest: Option<&Guest>) -> Result<T, LobbyError> {
        self.json(self.fetch(Call { guest, ..Call::to(Method::GET, path) }).await?).await
    }

    /// Asks for something unless it still is at `seen`; then for at most `wait` until it changes. None if it has not.
    async fn get_since<T: DeserializeOwned>(
        &self,
        path: &str,
        guest: Option<&Guest>,
        seen: Option<&Tag>,
        wait: Duration,
    ) -> Result<Option<Versioned<T>>, LobbyError> {
        let wait = wait.min(LONGEST_WAIT);
        let mut path = path.to_owned();
        if !wait.is_zero() {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&format!("wait={}", wait.as_secs()));
        }
        let answer = self.fetch(Call { guest, seen, wait, ..Call::to(Method::GET, &path) }).await?;
        if answer.status == NOT_MODIFIED {
            // Read to its end, so that the connection can be used again.
            let end = answer.whole(MAX_ANSWER_BYTES, CALL_DEADLINE).await;
            return end.map(|_| None).map_err(|broken| self.broken(broken));
        }
        let tag = answer.header("etag").map(|tag| Tag(tag.to_owned()));
        Ok(Some(Versioned { value: self.json(answer).await?, tag }))
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        guest: Option<&Guest>,
        body: &impl Serialize,
    ) -> Result<T, LobbyError> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.json(self.fetch(Call { guest, body: Some(body), ..Call::to(Method::POST, path) }).await?).await
    }

    /// Asks for something that must not be done twice. The call carries a key of its own, and is made once more under the same key if
    /// its connection broke: a lobby that has done it already gives the first answer again.
    async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        guest: Option<&Guest>,
        body: &impl Serialize,
    ) -> Result<T, LobbyError> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let key = format!("{:032x}", rand::random::<u128>());
        let ask = async || {
            let call = Call { guest, key: Some(&key), body: Some(body.clone()), ..Call::to(Method::POST, path) };
            self.json(self.fetch(call).await?).await
        };
        match ask().await {
            Err(LobbyError::Cut { .. }) => {
                sleep(AFTER_CUT).await;
                ask().await
            }
            answered => answered,
        }
    }

    async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        guest: &Guest,
        body: &impl Serialize,
    ) -> Result<T, LobbyError> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let call = Call { guest: Some(guest), body: Some(body), ..Call::to(Method::PATCH, path) };
        self.json(self.fetch(call).await?).await
    }

    /// Makes a call whose answer says no more than that it was done.
    async fn tell(&self, method: Method, path: &str, guest: &Guest) -> Result<(), LobbyError> {
        let body = (method == Method::POST).then(|| b"{}".to_vec());
        let answer = self.fetch(Call { guest: Some(guest), body, ..Call::to(method, path) }).await?;
        // Read to its end, so that the connection can be used again.
        answer.whole(MAX_ANSWER_BYTES, CALL_DEADLINE).await.map(drop).map_err(|broken| self.broken(broken))
    }

    /// Makes a call and returns the answer unless the lobby said no.
    async fn fetch(&self, call: Call<'_>) -> Result<Answer, LobbyError> {
        let within = CALL_DEADLINE.saturating_add(call.wait);
        let request = self.request(call)?;
        let answer = self.wire.fetch(request, within).await.map_err(|broken| self.broken(broken))?;
        if matches!(answer.status, 200..=299 | NOT_MODIFIED) {
            return Ok(answer);
        }
        let at = answer.header("location").filter(|_| answer.status == CONFLICT).map(Into::into);
        let problem = answer.whole(MAX_ANSWER_BYTES, CALL_DEADLINE).await.map_err(|broken| self.broken(broken))?;
        let problem = serde_json::from_slice(&problem).map_err(|_| self.broken(Broken::Strange))?;
        Err(match at {
            Some(at) => LobbyError::Already { problem, at },
            None => LobbyError::Refused(problem),
        })
    }

    fn request(&self, call: Call<'_>) -> Result<Request<Bytes>, LobbyError> {
        let mut request = Request::builder().method(call.method).uri(call.path);
        request = request.header(header::HOST, self.authority()).header(header::ACCEPT, call.accept);
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(guest) = call.guest {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", guest.secret));
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(Tag(tag)) = call.seen {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        if let Some(from) = call.from {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        // Only what a server gave us, such as a secret with a line break in it, cannot be put into a head.
        request.body(Bytes::from(call.body.unwrap_or_default())).map_err(|_| self.broken(Broken::Strange))
    }

    async fn json<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, LobbyError> {
        let bytes = answer.whole(MAX_ANSWER_BYTES, CALL_DEADLINE).await.map_err(|broken| self.broken(broken))?;
        serde_json::from_slice(&bytes).map_err(|_| self.broken(Broken::Strange))
    }

    fn broken(&self, broken: Broken) -> LobbyError {
        let server = self.base.clone();
        match broken {
            Broken::Silent => LobbyError::Unreachable { server },
            Broken::Cut => LobbyError::Cut { server },
            Broken::Strange => LobbyError::Strange { server },
            Broken::Untrusted => LobbyError::Untrusted { server },
        }
    }
}

impl Answer {
    /// Waits for the whole body, of at most `most` bytes.
    async fn whole(mut self, most: usize, within: Duration) -> Result<Vec<u8>, Broken> {
        let read = async {
            let mut whole = Vec::new();
            while let Some(piece) = self.body.next().await? {
                if piece.len() > most.saturating_sub(whole.len()) {
                    return Err(Broken::Strange);
                }
                whole.extend_from_slice(&piece);
            }
            Ok(whole)
        };
        timeout(within, read).await.unwrap_or(Err(Broken::Silent))
    }
}

/// What is asked, and how.
struct Call<'a> {
    method: Method,
    path: &'a str,
    accept: &'static str,
    guest: Option<&'a Guest>,
    seen: Option<&'a Tag>,
    /// What makes a repeated call one call (`Idempotency-Key`).
    key: Option<&'a str>,
    /// How long the server may take its time.
    wait: Duration,
    /// First byte of a file that is wanted.
    from: Option<u64>,
    body: Option<Vec<u8>>,
}

impl<'a> Call<'a> {
    const fn to(method: Method, path: &'a str) -> Self {
        let (accept, wait) = ("application/json", Duration::ZERO);
        Self { method, path, accept, guest: None, seen: None, key: None, wait, from: None, body: None }
    }
}

/// Returns what people typed as a piece of a path: anything that has a meaning there is left out.
fn piece(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}

/// The HTTP status for something that is as it was.
const NOT_MODIFIED: u16 = 304;
/// The HTTP status for something that contradicts what is there.
const CONFLICT: u16 = 409;

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
        assert_eq!(base("https://arena.example/"), Ok("https://arena.example:443".into()));
        assert_eq!(base("https://arena.example:8080"), Ok("https://arena.example:8080".into()));
        assert_eq!(base("[::1]"), Ok("http://[::1]:8080".into()));
        for wrong in ["", "host:0", "host:99999", "host:port", "ftp://host", "https://", "a b", "host/path", ":80"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_that_people_type_leaves_its_place_in_a_path() {
        assert_eq!(piece("km7 4qx"), "km74qx");
        assert_eq!(piece("../rooms?x=1#"), "roomsx1");
    }
}
