//! The client's end of `http`: one connection that posts, one that asks, and nobody who waits for both.
//!
//! Every call may be lost, or its answer. Then it is made again on another connection, with the same numbers, until nothing was heard
//! for too long.
//!
//! Flow: `lib.rs` [`dial`] -> [`drive`]: `link/driver.rs` <-> `parcel.rs` <-> [`Caller`] <-> lobby.

use super::caller::{Answer, Caller};
use super::parcel::{Item, Outbox, Parcel, number, reason_in};
use super::{HttpMode, WANTS_LATEST};
use crate::dial::parts;
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::runtime::{self, Elapsed, sleep, timeout};
use crate::stream::{Pulse, Ticker, linger};
use crate::{DialError, Timing};
use bytes::{BufMut, Bytes, BytesMut};
use protocol::lobby::HttpLink;
use protocol::{CloseReason, Lane, Transport, limits};
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tracing::debug;
use web_time::Instant;

/// Pause after a call that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// The share of the patience with a link after which a call is made again on another connection: the old one may lead nowhere.
const TRIES: u32 = 3;

/// Opens a link at an `http://` address.
pub(crate) async fn dial(url: &str, mode: HttpMode, timing: Timing) -> Result<Link, DialError> {
    timeout(timing.handshake, open(url, mode, timing))
        .await
        .unwrap_or_else(|_| Err(DialError::no_answer(Transport::Http, url, timing.handshake)))
}

async fn open(url: &str, mode: HttpMode, timing: Timing) -> Result<Link, DialError> {
    let (host, port, path) = parts(url, "http").ok_or_else(|| DialError::address(url))?;
    let mut first = Caller::new(&host, port);
    let opened = first.call("POST", &path, &[]).await.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::UnexpectedEof
        | ErrorKind::InvalidData => DialError::refused(Transport::Http, url),
        _ => DialError::Local(error),
    })?;
    let HttpLink { link, bearer } = match opened.status {
        201 => serde_json::from_slice(&opened.body).map_err(|_| DialError::http(url, opened.status))?,
        503 => return Err(DialError::full(Transport::Http, url)),
        status => return Err(DialError::http(url, status)),
    };
    // What goes into a head must not end a line.
    if !bearer.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(DialError::http(url, opened.status));
    }
    let asker = first.bearing(&bearer);
    let poster = first.bearing(&bearer).on_connection_of(&mut first);
    let (handle, driver) = link_pair(Transport::Http, None, None);
    let calls =
        Calls { path: format!("{path}/{link}"), driver, pulse: Pulse::new(), timing, mode, newest: AtomicU32::new(0) };
    runtime::spawn(drive(calls, poster, asker));
    Ok(handle)
}

/// What both connections of a link share.
struct Calls {
    path: String,
    driver: Driver,
    pulse: Pulse,
    timing: Timing,
    mode: HttpMode,
    /// Number of the newest answer that has brought a Latest message.
    newest: AtomicU32,
}

/// Moves bytes until the link ends.
async fn drive(calls: Calls, mut poster: Caller, mut asker: Caller) {
    let Calls { driver, pulse, timing, .. } = &calls;
    let mut told = false;
    let end = tokio::select! {
        end = calls.post(&mut poster) => {
            // It comes to an end of ours only when the server has heard of it.
            told = matches!(end, Closed::ByUs(_));
            end
        }
        end = calls.ask(&mut asker) => end,
        lost = pulse.watch(timing) => Closed::Lost(lost),
        reason = linger(driver, timing) => Closed::ByUs(reason),
    };
    debug!("{:?} over http ended: {end}", driver.id());
    driver.finish(end);
    let said = match end {
        Closed::ByUs(reason) => reason,
        Closed::Violation(_) => CloseReason::Violation,
        // Tells the server that its own goodbye has arrived.
        Closed::ByPeer(_) => CloseReason::Done,
        Closed::Lost(_) => return,
    };
    if told {
        return;
    }
    let mut body = BytesMut::new();
    body.put_u32_le(u32::MAX);
    Outbox::new().write(&mut body, None, Some(said));
    let _ = timeout(timing.linger, poster.call("POST", &calls.path, &body)).await;
}

/// What an answer means that is not what was asked for.
enum Trouble {
    /// The link is over.
    End(Closed),
    /// It may go better next time.
    Again,
}

impl Calls {
    /// Returns how long an answer may take.
    fn patience(&self) -> Duration {
        self.timing.silence.checked_div(TRIES).unwrap_or(self.timing.silence)
    }

    /// Posts what the session sends, one body after the other.
    async fn post(&self, poster: &mut Caller) -> Closed {
        let Self { driver, pulse, timing, .. } = self;
        let mut outbox = Outbox::new();
        let mut latest: Option<Bytes> = None;
        let mut posts = 0_u32;
        // Whoever asks at a fixed rate wants to hear at that rate.
        let path = match self.mode {
            HttpMode::LongPoll => format!("{}?{WANTS_LATEST}", self.path),
            HttpMode::Poll(_) => self.path.clone(),
        };
        let mut sign_of_life = Ticker::new(timing.keep_alive);
        loop {
            if outbox.is_empty() && latest.is_none() {
                tokio::select! {
                    message = driver.latest() => latest = Some(message),
                    message = driver.reliable() => outbox_push(&mut outbox, message),
                    () = sign_of_life.tick() => {}
                }
            }
            outbox.fill(driver);
            latest = driver.take_latest().or(latest);
            let goodbye = driver.close_asked().filter(|_| driver.drained());
            posts = posts.saturating_add(1);
            let mut body = BytesMut::new();
            body.put_u32_le(posts);
            outbox.write(&mut body, latest.clone(), goodbye);

            let asked = pulse.now();
            match self.judge(timeout(self.patience(), poster.call("POST", &path, &body)).await) {
                Ok(answer) => {
                    driver.set_rtt(pulse.since(asked));
                    latest = None;
                    let mut rest = answer.body.as_ref();
                    if !number(&mut rest).is_some_and(|seen| outbox.acknowledge(seen)) {
                        return Closed::Violation("an answer that does not say what it has seen");
                    }
                    if let Err(what) = self.take_latest(Instant::now(), rest) {
                        return Closed::Violation(what);
                    }
                    if let Some(reason) = goodbye {
                        return Closed::ByUs(reason);
                    }
                }
                Err(Trouble::Again) => sleep(RETRY_PAUSE).await,
                Err(Trouble::End(end)) => return end,
            }
        }
    }

    /// Asks for what the server has, again and again.
    async fn ask(&self, asker: &mut Caller) -> Closed {
        let Self { driver, pulse, .. } = self;
        // A question that nobody answers looks like one that waits, so none waits for long: posts may keep a link alive on which no
        // event would come any more.
        let (wait, mut every) = match self.mode {
            HttpMode::LongPoll => (self.patience().min(limits::LONG_POLL), None),
            HttpMode::Poll(every) => (Duration::ZERO, Some(Ticker::new(every.max(MIN_POLL)))),
        };
        let patience = wait.saturating_add(self.patience());
        let mut seen = 0;
        loop {
            if let Some(every) = &mut every {
                every.tick().await;
            }
            pulse.wait_for_room(driver).await;
            let path = format!("{}?seen={seen}&wait={}", self.path, wait.as_millis());
            let answer = match self.judge(timeout(patience, asker.call("GET", &path, &[])).await) {
                Ok(answer) => answer,
                Err(Trouble::Again) => {
                    sleep(RETRY_PAUSE).await;
                    continue;
                }
                Err(Trouble::End(end)) => return end,
            };
            if let Some(end) = self.take(Instant::now(), &answer.body, &mut seen).await {
                return end;
            }
        }
    }

    /// Delivers what an answer has brought. Returns how the link has ended, if it has.
    async fn take(&self, at: Instant, mut body: &[u8], seen: &mut u32) -> Option<Closed> {
        let (Some(answer), Some(first)) = (number(&mut body), number(&mut body)) else {
            return Some(Closed::Violation("an answer without its numbers"));
        };
        let mut parcel = Parcel::new(first, body);
        loop {
            self.pulse.wait_for_room(&self.driver).await;
            match parcel.next(seen) {
                Ok(Some(Item::Reliable(message))) => self.driver.deliver(at, Lane::Reliable, message),
                Ok(Some(Item::Latest(message))) => self.deliver_latest(at, answer, message),
                Ok(Some(Item::Goodbye(reason))) => return Some(Closed::ByPeer(reason)),
                Ok(None) => return None,
                Err(what) => return Some(Closed::Violation(what)),
            }
        }
    }

    /// Delivers the Latest message that the answer to a post may have brought.
    fn take_latest(&self, at: Instant, mut body: &[u8]) -> Result<(), &'static str> {
        let Some(answer) = number(&mut body) else { return Ok(()) };
        match Parcel::new(1, body).next(&mut 0)? {
            Some(Item::Latest(message)) => self.deliver_latest(at, answer, message),
            Some(_) => return Err("more in an answer than was asked for"),
            None => {}
        }
        Ok(())
    }

    /// Delivers a Latest message, unless a newer one has come over the other connection.
    fn deliver_latest(&self, at: Instant, answer: u32, message: Bytes) {
        if self.newest.fetch_max(answer, Ordering::Relaxed) < answer {
            self.driver.deliver(at, Lane::Latest, message);
        }
    }

    /// Tells what came of a call.
    fn judge(&self, called: Result<io::Result<Answer>, Elapsed>) -> Result<Answer, Trouble> {
        let answer = match called {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                debug!("{:?} over http: {error}", self.driver.id());
                return Err(match error.kind() {
                    // Where nobody listens any more, nobody knows the link.
                    ErrorKind::ConnectionRefused => Trouble::End(Closed::Lost(Lost::Reset)),
                    ErrorKind::InvalidData => Trouble::End(Closed::Violation("not an answer of a server of ours")),
                    _ => Trouble::Again,
                });
            }
            Err(_) => return Err(Trouble::Again),
        };
        self.driver.add_wire(answer.wire.0, answer.wire.1);
        match answer.status {
            200 => {
                self.pulse.hear();
                Ok(answer)
            }
            410 => Err(Trouble::End(Closed::ByPeer(reason_in(&answer.body)))),
            // What shows the bearer of an open link is never told that there were too many.
            401 | 404 | 429 => Err(Trouble::End(Closed::Lost(Lost::Reset))),
            400 | 405 | 413 => Err(Trouble::End(Closed::ByPeer(CloseReason::Violation))),
            _ => Err(Trouble::Again),
        }
    }
}

/// Takes a message that was waited for; none when the session wants to close.
fn outbox_push(outbox: &mut Outbox, message: Option<Bytes>) {
    if let Some(message) = message {
        outbox.push(message);
    }
}

/// The shortest interval of questions: an interval of zero is none.
const MIN_POLL: Duration = Duration::from_millis(1);
