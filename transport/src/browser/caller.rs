//! The calls of an `http` link from a page: what `http/caller.rs` is elsewhere. Which connection a call is on, the browser decides.
//!
//! Flow: `http/client.rs` -> [`Caller::call`] -> `browser/fetch.rs`.

use crate::browser::fetch::{self, HEADERS_IN, HEADERS_OUT, Question};
use crate::browser::url;
use bytes::Bytes;
use protocol::limits;
use std::io::{self, ErrorKind};

/// Who calls one server.
pub(super) struct Caller {
    host: String,
    port: u16,
    bearer: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// Bytes on the wire, in and out, the headers estimated.
    pub(super) wire: (usize, usize),
}

impl Caller {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, bearer: None }
    }

    /// Returns another caller of the same server, which shows `bearer` with every call.
    pub(super) fn bearing(&self, bearer: &str) -> Self {
        Self { host: self.host.clone(), port: self.port, bearer: Some(format!("Bearer {bearer}")) }
    }

    /// The browser keeps its connections and gives them to whom it likes.
    pub(super) fn on_connection_of(self, _other: &mut Self) -> Self {
        self
    }

    /// Makes one call. May be dropped at any time.
    pub(super) async fn call(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let asked = url(&self.host, self.port, path);
        let headers = self.bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let failed = |why: String| io::Error::new(ErrorKind::ConnectionReset, why);
        let answer = fetch::fetch(Question { method, url: &asked, headers, body }).await.map_err(failed)?;
        let status = answer.status;
        let told = answer.whole(limits::HTTP_BODY_BYTES).await.map_err(failed)?;
        let told = told.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "a body longer than any may be"))?;
        let wire = (HEADERS_IN.saturating_add(told.len()), HEADERS_OUT.saturating_add(body.len()));
        Ok(Answer { status, body: told, wire })
    }
}
