//! The lobby's calls from a page: what `lobby/fetch.rs` is elsewhere.
//!
//! Flow: [`super::LobbyClient`] → [`Wire::fetch`] → `browser/fetch.rs` → [`Answer`], whole or piece by piece.

use super::{Broken, Cost};
use crate::browser::fetch::{self, HEADERS_IN, HEADERS_OUT, Question, Response};
use crate::browser::url;
use crate::runtime::timeout;
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The way to one server.
#[derive(Debug)]
pub(super) struct Wire {
    host: String,
    port: u16,
    calls: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Wire {
    /// Returns the way to a host (an IPv6 address without brackets) and port. Whether it is a secure one is the page's business.
    pub(super) fn new(host: &str, port: u16, _secure: bool) -> Self {
        let (calls, sent, received) = Default::default();
        Self { host: host.to_owned(), port, calls, sent, received }
    }

    /// Returns what the calls have cost: the headers estimated, the connections those of the browser, who does not say.
    pub(super) fn cost(&self) -> Cost {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Cost { calls: read(&self.calls), connections: 0, sent: read(&self.sent), received: read(&self.received) }
    }

    /// Asks, and returns the answer as soon as its head is there. Dropping the call or the answer ends it.
    pub(super) async fn fetch(self: &Arc<Self>, request: Request<Bytes>, within: Duration) -> Result<Answer, Broken> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.sent.fetch_add(HEADERS_OUT.saturating_add(request.body().len()) as u64, Ordering::Relaxed);
        let asked = url(&self.host, self.port, &request.uri().to_string());
        let question = Question {
            method: request.method().as_str(),
            url: &asked,
            headers: fields(request.headers()),
            body: request.body(),
        };
        let answer = timeout(within, fetch::fetch(question)).await.map_err(|_| Broken::Silent)?;
        let answer = answer.map_err(|why| {
            // The browser does not say how far it came.
            tracing::debug!("{asked}: {why}");
            Broken::Cut
        })?;
        self.received.fetch_add(HEADERS_IN as u64, Ordering::Relaxed);
        Ok(Answer { status: answer.status, body: Body { response: answer, wire: Arc::clone(self) } })
    }
}

/// Returns the fields that a page may set; the browser sets the host by itself.
fn fields(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let ours = headers.iter().filter(|(name, _)| **name != header::HOST);
    ours.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

/// The head of an answer, and its body on the way.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
}

impl Answer {
    /// Returns a field of the head, if it is there and readable.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.body.response.header(name)
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Body {
    response: Response,
    wire: Arc<Wire>,
}

impl Body {
    /// Waits for the next piece; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        let piece = self.response.next().await.map_err(|_| Broken::Cut)?;
        let bytes = piece.as_ref().map_or(0, Bytes::len);
        self.wire.received.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(piece)
    }
}
