//! The server's end of `http`: links that live between calls, and what each call does with one.
//!
//! A link is found by its number and opened by its bearer, 128 random bits that only its client knows. Calls that show it are
//! the link's own: whoever serves HTTP need not count them against their address ([`Visit`]), nor their connection ([`Held`]). What such
//! calls could do to us is limited here instead: how many there are, how large they are, how long they take.
//!
//! Flow: lobby -> [`Host::open`] -> `server.rs`; lobby -> [`Host::visit`] -> [`Visit::serve`] <-> `parcel.rs` <-> `link/driver.rs`.

use super::WANTS_LATEST;
use super::parcel::{Item, Outbox, Parcel, farewell, number};
use crate::counters::Counters;
use crate::lanes::{Said, encode};
use crate::link::{Closed, Driver, Lost, link_pair};
use crate::server::LinkSender;
use crate::stream::{OVERHEAD, Pulse, WATCH_PAUSE};
use crate::websocket::{Refusal, origin_ok};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use protocol::lobby::HttpLink;
use protocol::session::bucket::TokenBucket;
use protocol::{CloseReason, Lane, Transport, limits};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

/// Heads of a call and of its answer, bytes: an estimate, since they have been read and written elsewhere.
const HEADS: usize = 160;
/// Time until a call that came too early is looked at again.
const THROTTLE: Duration = Duration::from_millis(5);

type Links = Arc<Mutex<HashMap<u64, Arc<Served>>>>;

/// All links over `http` of one server. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    sender: LinkSender,
    links: Links,
}

/// A call that has shown the bearer of a link.
pub struct Visit(Arc<Served>);

/// A place of a connection among those of its link. Dropping it gives the place back.
pub struct Held(Arc<Served>);

/// One link between its calls.
struct Served {
    bearer: String,
    driver: Driver,
    pulse: Pulse,
    /// Changes whenever a waiting call should look again.
    news: watch::Sender<()>,
    /// One body is applied at a time.
    up: tokio::sync::Mutex<Up>,
    down: Mutex<Down>,
    calls: Mutex<TokenBucket>,
    connections: AtomicUsize,
    silence: Duration,
}

#[derive(Default)]
struct Up {
    /// Number of the newest body.
    post: u32,
    /// Reliable messages applied.
    seen: u32,
}

struct Down {
    outbox: Outbox,
    /// Counts the questions: only the newest one is answered with anything.
    question: u64,
    /// Counts the answers, so that a client knows the newest Latest message from two connections.
    answers: u32,
}

impl Down {
    fn next_number(&mut self) -> u32 {
        self.answers = self.answers.saturating_add(1);
        self.answers
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it is whole at each step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// Returns a host without links, which hands those that are opened to `sender`.
    pub fn new(sender: LinkSender) -> Self {
        Self { sender, links: Links::default() }
    }

    /// Opens a link for whoever sent `request`, inside a tokio runtime.
    ///
    /// # Errors
    /// 403 for a web page of another origin, 503 if too many are in their handshakes or the app is gone.
    pub fn open<B>(&self, request: &Request<B>, peer: SocketAddr) -> Result<HttpLink, Refusal> {
        if !origin_ok(request.headers()) {
            return Err(Refusal { status: StatusCode::FORBIDDEN, why: "This page may not open a connection here." });
        }
        let busy = Refusal { status: StatusCode::SERVICE_UNAVAILABLE, why: "Too many are connecting at the moment." };
        let Some(_handshake) = self.sender.handshake() else {
            Counters::count(&self.sender.counters().handshakes_refused);
            return Err(busy);
        };
        let (link, driver) = link_pair(Transport::Http, Some(peer), None);
        debug!("{:?} accepted over http from {peer}", driver.id());
        self.sender.send(link).map_err(|_| busy)?;
        let timing = *self.sender.timing();
        let served = Arc::new(Served {
            bearer: format!("{:032x}", rand::random::<u128>()),
            driver,
            pulse: Pulse::new(),
            news: watch::Sender::new(()),
            up: tokio::sync::Mutex::default(),
            down: Mutex::new(Down { outbox: Outbox::new(), question: 0, answers: 0 }),
            calls: Mutex::new(TokenBucket::new(limits::INBOUND_PER_SECOND, limits::INBOUND_BURST, Instant::now())),
            connections: AtomicUsize::new(0),
            silence: timing.silence,
        });
        let opened = {
            let mut links = locked(&self.links);
            let mut id = protocol::SessionId::from_random(rand::random()).0;
            while links.contains_key(&id) {
                id = protocol::SessionId::from_random(rand::random()).0;
            }
            links.insert(id, Arc::clone(&served));
            HttpLink { link: id, bearer: served.bearer.clone() }
        };
        let (links, id) = (Arc::clone(&self.links), opened.link);
        tokio::spawn(async move {
            served.mind(timing.linger).await;
            // Late calls are told why, for as long as a goodbye may take.
            sleep(timing.linger).await;
            locked(&links).remove(&id);
        });
        Ok(opened)
    }

    /// Returns what a call to link number `link` may do.
    ///
    /// # Errors
    /// 404 if there is no such link, 401 without its bearer.
    pub fn visit(&self, link: u64, headers: &HeaderMap) -> Result<Visit, Refusal> {
        let served = locked(&self.links).get(&link).cloned();
        let served = served.ok_or(Refusal { status: StatusCode::NOT_FOUND, why: "There is no such link any more." })?;
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        let bearer = shown.next().and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        match (bearer, shown.next()) {
            (Some(bearer), None) if same(bearer, served.bearer.as_bytes()) => Ok(Visit(served)),
            _ => Err(Refusal { status: StatusCode::UNAUTHORIZED, why: "This is the link of somebody else." }),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({} links)", locked(&self.links).len())
    }
}

/// Compares in a time that does not tell where the difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

impl Held {
    /// Returns whether the link has not ended.
    pub fn lives(&self) -> bool {
        self.0.driver.finished().is_none()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({:?})", self.0.driver)
    }
}

impl Visit {
    /// Takes a place for the connection that this call came in on, unless the link has ended or has all of them.
    pub fn hold(&self) -> Option<Held> {
        let more = |open: usize| (open < limits::HTTP_CONNECTIONS).then_some(open.saturating_add(1));
        let free = self.0.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        let held = free.then(|| Held(Arc::clone(&self.0)));
        held.filter(Held::lives)
    }

    /// Answers the call. Takes up to [`limits::LONG_POLL`]; may be dropped at any time.
    pub async fn serve<B>(self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let served = self.0;
        served.pulse.hear();
        while !locked(&served.calls).take(Instant::now()) {
            sleep(THROTTLE).await;
        }
        match *request.method() {
            Method::POST => {
                let wants_latest = request.uri().query() == Some(WANTS_LATEST);
                served.post(request.into_body(), wants_latest).await
            }
            Method::GET => served.ask(request.uri().query().unwrap_or_default()).await,
            _ => {
                let mut response = served.violation(StatusCode::METHOD_NOT_ALLOWED, "a method that links do not have");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
                response
            }
        }
    }
}

impl Served {
    /// Passes on what the session does, and watches, until the link has ended.
    async fn mind(&self, linger: Duration) {
        let mut asked: Option<Instant> = None;
        while self.driver.finished().is_none() {
            tokio::select! {
                () = self.driver.woken() => {
                    self.news.send_replace(());
                }
                () = sleep(WATCH_PAUSE) => {}
            }
            if let Some(lost) = self.pulse.lost_after(self.silence) {
                self.driver.finish(Closed::Lost(lost));
            } else if let Some(reason) = self.driver.close_asked() {
                let since = asked.get_or_insert_with(Instant::now).elapsed();
                if self.driver.hurried() || since >= linger {
                    self.driver.finish(Closed::ByUs(reason));
                }
            }
        }
        debug!("{:?} over http ended", self.driver.id());
        self.news.send_replace(());
    }

    /// Takes what the client has.
    async fn post<B>(&self, body: B, wants_latest: bool) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = match timeout(self.silence, Limited::new(body, limits::HTTP_BODY_BYTES).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return self.violation(StatusCode::PAYLOAD_TOO_LARGE, "a body longer than any may be");
            }
            Ok(Err(error)) if is_nonsense(error.as_ref()) => {
                return self.violation(StatusCode::BAD_REQUEST, "a body that is not HTTP");
            }
            // The connection has ended, or stands still. The client makes the call again on another one.
            Ok(Err(_)) | Err(_) => return last(answer(StatusCode::REQUEST_TIMEOUT, Bytes::new())),
        };
        let at = Instant::now();
        self.pulse.hear();
        self.driver.add_wire(body.len().saturating_add(HEADS).saturating_add(OVERHEAD), 0);
        let mut up = self.up.lock().await;
        let mut rest = body.as_ref();
        let (Some(post), Some(first)) = (number(&mut rest), number(&mut rest)) else {
            return self.violation(StatusCode::BAD_REQUEST, "a body without its numbers");
        };
        // One that was overtaken by a later one has nothing new on the Latest lane.
        let newer = post > up.post;
        up.post = up.post.max(post);
        let mut parcel = Parcel::new(first, rest);
        loop {
            if let Some(gone) = self.gone() {
                return gone;
            }
            // Made before the message is taken, so that a call that is given up while it waits has not taken it.
            self.room().await;
            match parcel.next(&mut up.seen) {
                Ok(Some(Item::Reliable(message))) => self.driver.deliver(at, Lane::Reliable, message),
                Ok(Some(Item::Latest(message))) if newer => self.driver.deliver(at, Lane::Latest, message),
                Ok(Some(Item::Latest(_))) => {}
                Ok(Some(Item::Goodbye(reason))) => {
                    self.driver.finish(Closed::ByPeer(reason));
                    break;
                }
                Ok(None) => break,
                Err(what) => return self.violation(StatusCode::BAD_REQUEST, what),
            }
        }
        let mut body = BytesMut::new();
        body.put_u32_le(up.seen);
        if wants_latest {
            let mut down = locked(&self.down);
            body.put_u32_le(down.next_number());
            if let Some(latest) = self.driver.take_latest() {
                encode(&mut body, &Said::Message(Lane::Latest, latest));
            }
        }
        self.answered(body.freeze())
    }

    /// Waits until the session reads. Whoever is not read must not send.
    async fn room(&self) {
        if self.driver.has_room() {
            return;
        }
        let mut news = self.news.subscribe();
        let _held = self.pulse.held();
        while !self.driver.has_room() && self.driver.finished().is_none() {
            // The sender is ours, so it is there.
            let _ = news.changed().await;
        }
    }

    /// Tells the client what there is, as soon as there is something.
    async fn ask(&self, query: &str) -> Response<Full<Bytes>> {
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let seen = value("seen").and_then(|seen| seen.parse::<u32>().ok());
        let wait = value("wait").and_then(|wait| wait.parse::<u64>().ok());
        let (Some(seen), Some(wait)) = (seen, wait) else {
            return self.violation(StatusCode::BAD_REQUEST, "a question without its numbers");
        };
        let until = tokio::time::Instant::now().checked_add(Duration::from_millis(wait).min(limits::LONG_POLL));
        self.driver.add_wire(HEADS.saturating_add(OVERHEAD), 0);
        let mut news = self.news.subscribe();
        let question = {
            let mut down = locked(&self.down);
            if !down.outbox.acknowledge(seen) {
                drop(down);
                return self.violation(StatusCode::BAD_REQUEST, "more seen than was sent");
            }
            down.question = down.question.saturating_add(1);
            down.question
        };
        // An older question that still waits makes room for this one.
        self.news.send_replace(());
        news.mark_unchanged();
        loop {
            if let Some(gone) = self.gone() {
                return gone;
            }
            let over = until.is_none_or(|until| until <= tokio::time::Instant::now());
            if let Some(body) = self.what_there_is(question, over) {
                return self.answered(body);
            }
            tokio::select! {
                _ = news.changed() => {}
                () = async { match until { Some(until) => tokio::time::sleep_until(until).await, None => std::future::pending().await } } => {}
            }
        }
    }

    /// Returns the body of an answer; none if there is nothing to say and still time.
    fn what_there_is(&self, question: u64, over: bool) -> Option<Bytes> {
        let mut down = locked(&self.down);
        let mut body = BytesMut::new();
        if question != down.question {
            body.put_u32_le(down.next_number());
            body.put_u32_le(1);
            return Some(body.freeze());
        }
        down.outbox.fill(&self.driver);
        let latest = self.driver.take_latest();
        // Behind every message, or not yet.
        let goodbye = self.driver.close_asked().filter(|_| self.driver.drained());
        let something = !down.outbox.is_empty() || latest.is_some() || goodbye.is_some();
        (something || over).then(|| {
            body.put_u32_le(down.next_number());
            down.outbox.write(&mut body, latest, goodbye);
            body.freeze()
        })
    }

    /// Returns the answer to a call that comes after the end; none before.
    fn gone(&self) -> Option<Response<Full<Bytes>>> {
        let reason = match self.driver.finished()? {
            Closed::ByUs(reason) => reason,
            Closed::Violation(_) => CloseReason::Violation,
            Closed::Lost(Lost::SlowReader) => CloseReason::SlowReader,
            Closed::ByPeer(_) | Closed::Lost(_) => CloseReason::Done,
        };
        Some(last(answer(StatusCode::GONE, farewell(reason))))
    }

    fn answered(&self, body: Bytes) -> Response<Full<Bytes>> {
        self.driver.add_wire(0, body.len().saturating_add(HEADS).saturating_add(OVERHEAD));
        answer(StatusCode::OK, body)
    }

    fn violation(&self, status: StatusCode, what: &'static str) -> Response<Full<Bytes>> {
        self.driver.finish(Closed::Violation(what));
        last(answer(status, farewell(CloseReason::Violation)))
    }
}

/// Returns whether a body could not be read because of what is in it, rather than because its connection has ended.
fn is_nonsense(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput);
        }
        cause = error.source();
    }
    false
}

fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

/// Makes it the last answer on its connection.
fn last(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
