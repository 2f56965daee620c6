//! Being told of changes: versions of answers (`ETag`), waiting for the next one (`?wait=`), and streams of server-sent events.
//!
//! Everything that can be watched has a version, and every answer about it says which one it shows. A client that sends it back as
//! `If-None-Match` gets `304 Not Modified` as long as there is nothing new; with `?wait=25` that answer comes only when there is
//! something, or after 25 s. Those who wait are not in a hurry, so neither the deadline of a request nor the life of a connection ends
//! them; in return they take one of a limited number of places.
//!
//! ```text
//! async fn rooms(State(shared): State<Arc<Shared>>, watcher: Watcher) -> Result<Versioned<RoomList>, Refusal> {
//!     let change = watcher.when_changed(&mut shared.directory.version(), |version| ETag::version(*version)).await?;
//!     Ok(change.answer(|| list(&shared)))
//! }
//! ```
//!
//! Flow: [`super::routes`] → [`Watcher::when_changed`] → [`Versioned`]; or → [`Watcher::stream`] → frames.

use super::keys::hex;
use super::limits::{HEARTBEAT, MAX_WAIT_SECONDS};
use super::problem::{Query, Refusal};
use super::routes::Shared;
use super::serve::Connection;
use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout_at};
use transport::crowd::{Counted, Crowd};

/// What a stream begins with: how soon to come back after a break.
const STREAM_BEGINS: Bytes = Bytes::from_static(b"retry: 2000\n\n");
/// Largest answer that is given a hash, bytes: a history of 100 matches with 64 standings each.
const MAX_PRINTED_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of the hash that are told: enough that nobody ever sees two the same.
const PRINT_BYTES: usize = 16;
/// A comment, which every client skips.
const STREAM_LIVES: Bytes = Bytes::from_static(b":\n\n");

/// The version of an answer, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ETag(String);

impl ETag {
    /// Of something that counts its changes. Begin counting with the time of day if it outlives no restart, so that no two runs have the
    /// same number for different things.
    pub(super) fn version(number: u64) -> Self {
        Self(format!("\"{number}\""))
    }

    /// Of something that is known by a hash: `text` is hexadecimal or the like.
    pub(super) fn hash(text: &str) -> Self {
        Self(format!("\"{text}\""))
    }

    /// Of something that is known by what it says.
    pub(super) fn of(content: &[u8]) -> Self {
        Self::hash(&hex(Sha256::digest(content).get(..PRINT_BYTES).unwrap_or_default()))
    }

    /// As a header.
    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("\"\""))
    }

    /// Returns whether the asker has this version.
    pub(super) fn is_seen(&self, seen: &Seen) -> bool {
        seen.0.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.0)
    }
}

/// The versions that an asker has (RFC 9110, 13.1.2: a list, or `*`). A copy, because a header of a request keeps all of its bytes in
/// memory, and thousands may wait for long.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Box<str>);

impl Seen {
    /// Reads `If-None-Match`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        Self(lines.collect::<Vec<_>>().join(",").into())
    }
}

/// What can be asked of everything that has a version.
#[derive(Debug, Default, Deserialize)]
struct WaitQuery {
    wait: Option<u64>,
}

/// A request about something that has a version. An extractor: takes `If-None-Match` and `?wait=`.
#[derive(Debug)]
pub(super) struct Watcher {
    seen: Seen,
    wait: Duration,
    watchers: Watchers,
    connection: Connection,
}

impl FromRequestParts<Arc<Shared>> for Watcher {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let Query(query) = Query::<WaitQuery>::from_request_parts(parts, shared).await?;
        let wait = query.wait.unwrap_or(0);
        if wait > MAX_WAIT_SECONDS {
            return Err(Refusal::Invalid(format!("A wait lasts 0 to {MAX_WAIT_SECONDS} seconds.")));
        }
        let connection = parts.extensions.get::<Connection>().cloned().ok_or(Refusal::Internal)?;
        let (seen, watchers) = (Seen::of(&parts.headers), shared.watchers.clone());
        Ok(Self { seen, wait: Duration::from_secs(wait), watchers, connection })
    }
}

impl Watcher {
    /// Returns whether the asker has `tag`, without waiting.
    pub(super) fn now(&self, tag: ETag) -> Change {
        Change { news: !tag.is_seen(&self.seen), tag }
    }

    /// Waits until what `receiver` shows has another version than the asker has seen, if that was asked for. `tag` tells the version.
    ///
    /// Make the answer after this returns: it may be newer than its version then, but never older. Where the sender is gone, it returns
    /// news at once, so that the route can tell what became of it.
    ///
    /// # Errors
    /// If too many wait already.
    pub(super) async fn when_changed<T>(
        &self,
        receiver: &mut watch::Receiver<T>,
        tag: impl Fn(&T) -> ETag,
    ) -> Result<Change, Refusal> {
        let until = tokio::time::Instant::now() + self.wait;
        let mut place = None;
        loop {
            let change = self.now(tag(&receiver.borrow_and_update()));
            if change.news || self.wait.is_zero() {
                return Ok(change);
            }
            if place.is_none() {
                place = Some(self.watchers.enter(&self.connection)?);
            }
            match timeout_at(until, receiver.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(Change { news: true, ..change }),
                Err(_) => return Ok(change),
            }
        }
    }

    /// Answers with a stream of server-sent events: `frames` as they come, and a sign of life when there are none. See [`frame`].
    ///
    /// Ends when `frames` does, when the client goes, or when it has not read for the life of a connection.
    ///
    /// # Errors
    /// If too many watch already.
    pub(super) fn stream(&self, frames: impl Stream<Item = Bytes> + Send + 'static) -> Result<Response, Refusal> {
        let place = self.watchers.enter(&self.connection)?;
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let frames = Frames { begun: false, frames: Box::pin(frames), heartbeat, place };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        Ok((headers, Body::from_stream(frames)).into_response())
    }
}

/// Whether there is something new.
#[derive(Debug)]
pub(super) struct Change {
    /// The asker has another version, or none.
    pub(super) news: bool,
    /// The present version.
    pub(super) tag: ETag,
}

impl Change {
    /// Returns the answer; `body` is only made if the asker does not have it.
    pub(super) fn answer<T>(self, body: impl FnOnce() -> T) -> Versioned<T> {
        if self.news { Versioned::New(self.tag, body()) } else { Versioned::Same(self.tag) }
    }
}

/// An answer with its version.
#[derive(Debug)]
pub(super) enum Versioned<T> {
    /// 200 with a body.
    New(ETag, T),
    /// 304: the asker has it.
    Same(ETag),
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        match self {
            Self::New(tag, body) => (versioned_headers(&tag), Json(body)).into_response(),
            Self::Same(tag) => (StatusCode::NOT_MODIFIED, versioned_headers(&tag)).into_response(),
        }
    }
}

/// The version, and that nobody on the way may answer with an old one.
pub(super) fn versioned_headers(tag: &ETag) -> [(header::HeaderName, HeaderValue); 2] {
    [(header::ETAG, tag.value()), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))]
}

/// Gives every answer in JSON that has no version one: a hash of its content. Saves the way, not the work, of saying the same thing again.
pub(super) struct Printer {
    reads: bool,
    seen: Seen,
}

impl Printer {
    /// Notes what is needed of the request.
    pub(super) fn of(request: &Request) -> Self {
        let reads = *request.method() == Method::GET && request.uri().path().starts_with("/v1/");
        Self { reads, seen: Seen::of(request.headers()) }
    }

    /// Returns `response` with a version, or that the asker has it already.
    pub(super) async fn print(self, response: Response) -> Response {
        let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        let plain = response.status() == StatusCode::OK && !response.headers().contains_key(header::ETAG);
        if !(self.reads && json && plain) {
            return response;
        }
        let (mut head, body) = response.into_parts();
        let Ok(body) = to_bytes(body, MAX_PRINTED_BYTES).await else { return Refusal::Internal.into_response() };
        let tag = ETag::of(&body);
        // The route may know better for how long its answer is true.
        for (name, value) in versioned_headers(&tag) {
            head.headers.entry(name).or_insert(value);
        }
        if !tag.is_seen(&self.seen) {
            return Response::from_parts(head, Body::from(body));
        }
        head.headers.remove(header::CONTENT_TYPE);
        head.headers.remove(header::CONTENT_LENGTH);
        head.status = StatusCode::NOT_MODIFIED;
        Response::from_parts(head, Body::empty())
    }
}

/// The places of those who wait or hear a stream. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Watchers {
    places: Arc<Semaphore>,
    crowd: Crowd,
    per_address: usize,
}

impl Watchers {
    /// Returns `places` places, of which one address can have `per_address`.
    pub(super) fn new(places: usize, per_address: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), crowd: Crowd::default(), per_address }
    }

    fn enter(&self, connection: &Connection) -> Result<Place, Refusal> {
        let permit = self.places.clone().try_acquire_owned().map_err(|_| Refusal::TooManyWatchers)?;
        let counted = self.crowd.enter(connection.remote.ip(), self.per_address).ok_or(Refusal::TooManyWatchers)?;
        connection.pulse.watching.fetch_add(1, Ordering::Relaxed);
        connection.pulse.beat();
        Ok(Place { _permit: permit, _counted: counted, pulse: connection.pulse.clone() })
    }
}

/// One place, until this is dropped.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: Counted,
    pulse: Arc<Pulse>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pulse.beat();
        self.pulse.watching.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a connection is of use to somebody.
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    /// Milliseconds from its birth to the last sign of use.
    beat_ms: AtomicU64,
    /// Requests that wait on it now.
    watching: AtomicUsize,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { born: Instant::now(), beat_ms: AtomicU64::new(0), watching: AtomicUsize::new(0) }
    }
}

impl Pulse {
    /// Returns whether somebody waits on it for a change.
    pub(super) fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Relaxed) > 0
    }

    /// Returns the time since something was last watched on it, or since its birth.
    pub(super) fn silence(&self) -> Duration {
        self.born.elapsed().saturating_sub(Duration::from_millis(self.beat_ms.load(Ordering::Relaxed)))
    }

    /// Notes that somebody still makes use of it.
    pub(super) fn beat(&self) {
        let age = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(age, Ordering::Relaxed);
    }
}

/// Returns one server-sent event. `id` and `event` are of our own making: they hold no line end.
pub(super) fn frame(id: &str, event: &str, data: &impl Serialize) -> Bytes {
    // JSON has no line ends of its own, so one `data` line is enough.
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("id: {id}\nevent: {event}\ndata: {data}\n\n"))
}

/// The body of a stream.
struct Frames {
    begun: bool,
    frames: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    heartbeat: Interval,
    place: Place,
}

impl Stream for Frames {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Whoever does not read is not asked for more, so this is a sign that somebody does.
        self.place.pulse.beat();
        if !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Ok(STREAM_BEGINS)));
        }
        if let Poll::Ready(frame) = self.frames.as_mut().poll_next(context) {
            self.heartbeat.reset();
            return Poll::Ready(frame.map(Ok));
        }
        ready!(self.heartbeat.poll_tick(context));
        Poll::Ready(Some(Ok(STREAM_LIVES)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_recognised_in_every_form_that_is_allowed() {
        let seen = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
            ETag::version(7).is_seen(&Seen::of(&headers))
        };
        for known in ["\"7\"", "W/\"7\"", "\"1\", \"7\"", "*", " \"7\" "] {
            assert!(seen(known), "{known}");
        }
        for other in ["", "7", "\"70\"", "\"1\", \"2\"", "w/\"7\""] {
            assert!(!seen(other), "{other}");
        }
        assert!(!ETag::version(7).is_seen(&Seen::default()));
    }

    #[test]
    fn a_frame_is_what_the_standard_says() {
        let text = frame("a-1", "room.closed", &serde_json::json!({"room": 3, "name": "a\nb"}));
        assert_eq!(text, "id: a-1\nevent: room.closed\ndata: {\"name\":\"a\\nb\",\"room\":3}\n\n".as_bytes());
    }
}
