//! Retries that do nothing twice: the header `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header).
//!
//! A client whose answer got lost cannot know whether a room was opened. If it sends the same key with the same body again, it gets the
//! first answer again. What was begun is finished even if the caller has gone away, because that is the very case.
//!
//! Answers are kept in memory alone. They hold secrets (of guests, of webhooks) that are stored nowhere else in the clear, and rooms and
//! tickets end with the process, so an answer about them that outlived it would be a lie.
//!
//! Flow: [`super::routes`] (a layer) → [`once`] → the route, or an answer that is kept.

use super::problem::Refusal;
use super::routes::Shared;
use super::serve::Connection;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use transport::crowd::account_of;

use super::limits::MAX_BODY_BYTES;

/// The header.
pub(super) const KEY: &str = "Idempotency-Key";
/// Longest key, bytes: a UUID has 36.
pub(super) const MAX_KEY_BYTES: usize = 100;
/// Says that an answer is the first one again.
const REPLAYED: &str = "idempotency-replayed";
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Answers that are kept at most; the oldest go first. About 8 MiB.
const MOST_KEPT: usize = 8_192;
/// Largest answer that is kept, bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// Where a retry would hurt.
const PATHS: [&str; 4] = ["/v1/guests", "/v1/rooms", "/v1/tickets", "/v1/webhooks"];

/// Returns whether `POST` to `path` can be retried with a key.
pub(super) fn covers(path: &str) -> bool {
    PATHS.contains(&path)
}

/// What a caller has asked for: a hash over who, what and the key.
type Name = [u8; 32];

/// The answers that may be asked for again.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    answers: BTreeMap<Name, Entry>,
    /// Oldest first.
    order: VecDeque<(Instant, Name)>,
}

#[derive(Clone, Debug)]
struct Entry {
    body: [u8; 32],
    /// None while it is being made.
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn response(self, replayed: bool) -> Response {
        let mut response = (self.status, self.body).into_response();
        *response.headers_mut() = self.headers;
        if replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl Replays {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the answer if there is one, or none if it is to be made now.
    fn begin(&self, name: Name, body: [u8; 32], now: Instant) -> Result<Option<Answer>, Refusal> {
        let mut kept = self.kept();
        kept.forget(now);
        match kept.answers.get(&name) {
            Some(entry) if entry.body != body => Err(Refusal::KeyReused),
            Some(Entry { answer: None, .. }) => Err(Refusal::Repeated),
            Some(Entry { answer, .. }) => Ok(answer.clone()),
            None => {
                kept.answers.insert(name, Entry { body, answer: None });
                kept.order.push_back((now, name));
                Ok(None)
            }
        }
    }

    /// Keeps what was done; forgets what was refused, so that it can be tried again.
    fn finish(&self, name: &Name, answer: Option<Answer>) {
        let mut kept = self.kept();
        match (answer, kept.answers.get_mut(name)) {
            (Some(answer), Some(entry)) => entry.answer = Some(answer),
            _ => kept.drop_one(name),
        }
    }
}

impl Kept {
    fn forget(&mut self, now: Instant) {
        let old = |(since, _): &(Instant, Name)| now.saturating_duration_since(*since) >= KEPT;
        while self.order.front().is_some_and(old) || self.order.len() >= MOST_KEPT {
            let Some((_, name)) = self.order.pop_front() else { return };
            self.answers.remove(&name);
        }
    }

    fn drop_one(&mut self, name: &Name) {
        self.answers.remove(name);
        self.order.retain(|(_, other)| other != name);
    }
}

/// Forgets a request that ended without an answer, however that came about.
struct UnderWay {
    shared: Arc<Shared>,
    name: Name,
    answer: Option<Answer>,
}

impl UnderWay {
    fn end(mut self, answer: Answer) {
        self.answer = Some(answer).filter(|answer| answer.status.is_success());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.shared.replays.finish(&self.name, self.answer.take());
    }
}

/// Lets a request with a key through once, and gives its answer again to whoever sends it again.
pub(super) async fn once(shared: Arc<Shared>, request: Request, next: Next) -> Result<Response, Refusal> {
    let covered = *request.method() == Method::POST && covers(request.uri().path());
    let Some(key) = request.headers().get(KEY).filter(|_| covered).cloned() else { return Ok(next.run(request).await) };
    if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.as_bytes().iter().all(u8::is_ascii_graphic) {
        return Err(Refusal::Body(format!("{KEY} is not 1 to {MAX_KEY_BYTES} visible characters")));
    }
    let name = name_of(&request, &key)?;
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Refusal::BodyTooLarge)?;
    let kind = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(&body).finalize().into();
    if let Some(answer) = shared.replays.begin(name, digest, Instant::now())? {
        return Ok(answer.response(true));
    }
    let under_way = UnderWay { shared, name, answer: None };
    let request = Request::from_parts(head, Body::from(body));
    let done = tokio::spawn(async move {
        let (head, body) = next.run(request).await.into_parts();
        let body = to_bytes(body, MAX_ANSWER_BYTES).await.map_err(|_| Refusal::Internal)?;
        let answer = Answer { status: head.status, headers: head.headers, body };
        under_way.end(answer.clone());
        Ok(answer.response(false))
    });
    done.await.unwrap_or(Err(Refusal::Internal))
}

fn name_of(request: &Request, key: &HeaderValue) -> Result<Name, Refusal> {
    let connection = request.extensions().get::<Connection>().ok_or(Refusal::Internal)?;
    let caller = match request.headers().get(header::AUTHORIZATION) {
        Some(bearer) => bearer.as_bytes().to_vec(),
        None => account_of(connection.remote.ip()).to_string().into_bytes(),
    };
    let mut hash = Sha256::new();
    for part in [caller.as_slice(), request.uri().path().as_bytes(), key.as_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str) -> Answer {
        Answer { status: StatusCode::CREATED, headers: HeaderMap::new(), body: Bytes::from_static(text.as_bytes()) }
    }

    #[test]
    fn an_answer_is_given_again_for_a_day() {
        let (replays, now) = (Replays::default(), Instant::now());
        assert!(replays.begin([1; 32], [2; 32], now).expect("new").is_none());
        assert_eq!(replays.begin([1; 32], [2; 32], now).expect_err("in flight"), Refusal::Repeated);
        replays.finish(&[1; 32], Some(answer("room")));
        let again = replays.begin([1; 32], [2; 32], now).expect("known").expect("kept");
        assert_eq!(again.body, "room");
        assert_eq!(replays.begin([1; 32], [3; 32], now).expect_err("another body"), Refusal::KeyReused);
        assert!(replays.begin([1; 32], [3; 32], now + KEPT).expect("forgotten").is_none());
    }

    #[test]
    fn what_was_refused_can_be_tried_again() {
        let (replays, now) = (Replays::default(), Instant::now());
        assert!(replays.begin([1; 32], [2; 32], now).expect("new").is_none());
        replays.finish(&[1; 32], None);
        assert!(replays.begin([1; 32], [3; 32], now).expect("new again").is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let (replays, now) = (Replays::default(), Instant::now());
        for number in 0..2 * MOST_KEPT as u64 {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&number.to_le_bytes());
            assert!(replays.begin(name, [0; 32], now).expect("new").is_none());
            replays.finish(&name, Some(answer("")));
        }
        let kept = replays.kept();
        assert!(kept.answers.len() <= MOST_KEPT && kept.order.len() == kept.answers.len());
        assert!(!kept.answers.contains_key(&[0; 32]));
    }
}
