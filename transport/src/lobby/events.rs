//! Server-sent events: what happens in the lobby, as it happens (WHATWG HTML, "Server-sent events").
//!
//! Flow: `server::lobby` → HTTP, piece by piece → [`Parser`] → [`EventStream::next`].

use super::fetch::Body;
use super::{Broken, Call, LobbyClient, LobbyError};
use crate::runtime::timeout;
use http::Method;
use protocol::lobby::{EventKind, Guest};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::time::Duration;

/// A server says at least that it is there every 15 s; three missing signs of life are an end.
const SILENCE: Duration = Duration::from_secs(50);
/// Largest event, bytes.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSent {
    /// Its number, by which a stream can be taken up again.
    pub id: String,
    /// Its kind; empty for a plain message.
    pub event: String,
    /// What it says, mostly JSON.
    pub data: String,
}

/// A stream of events. Dropping it ends the connection.
#[derive(Debug)]
pub struct EventStream {
    body: Body,
    parser: Parser,
    lobby: LobbyClient,
}

impl EventStream {
    /// Waits for the next event; none when the server has ended the stream. May be dropped while it waits.
    ///
    /// # Errors
    /// See [`LobbyError`]; after one the stream is of no more use.
    pub async fn next(&mut self) -> Result<Option<ServerSent>, LobbyError> {
        loop {
            if let Some(event) = self.parser.ready.pop_front() {
                return Ok(Some(event));
            }
            let piece = timeout(SILENCE, self.body.next()).await.unwrap_or(Err(Broken::Silent));
            let Some(piece) = piece.map_err(|broken| self.lobby.broken(broken))? else { return Ok(None) };
            if !self.parser.take(&piece) {
                return Err(self.lobby.broken(Broken::Strange));
            }
        }
    }

    /// Waits for the next event and reads what it says as JSON.
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn next_as<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LobbyError> {
        let Some(event) = self.next().await? else { return Ok(None) };
        serde_json::from_str(&event.data).map(Some).map_err(|_| self.lobby.broken(Broken::Strange))
    }
}

impl LobbyClient {
    /// Listens to what happens in public rooms and the queue: these kinds of events, or all for none. Each event's data is a
    /// [`protocol::lobby::StampedEvent`].
    ///
    /// # Errors
    /// See [`LobbyError`].
    pub async fn events(&self, kinds: &[EventKind]) -> Result<EventStream, LobbyError> {
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let query = if kinds.is_empty() { String::new() } else { format!("?kinds={}", kinds.join(",")) };
        self.listen(&format!("/v1/events{query}"), None).await
    }

    pub(super) async fn listen(&self, path: &str, guest: Option<&Guest>) -> Result<EventStream, LobbyError> {
        let call = Call { guest, accept: "text/event-stream", ..Call::to(Method::GET, path) };
        let answer = self.fetch(call).await?;
        if !answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Err(self.broken(Broken::Strange));
        }
        Ok(EventStream { body: answer.body, parser: Parser::default(), lobby: self.clone() })
    }
}

/// Reads events out of bytes that come in any pieces.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    /// The last piece ended in a carriage return: a line feed now belongs to it.
    returned: bool,
    /// Lines of data so far, each with a line feed behind it.
    next: ServerSent,
    ready: VecDeque<ServerSent>,
}

impl Parser {
    /// Takes bytes in. Returns whether they make sense.
    fn take(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.returned) => {}
                b'\n' | b'\r' => {
                    self.returned = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    let Ok(line) = std::str::from_utf8(&line) else { return false };
                    self.read(line);
                }
                byte => {
                    self.returned = false;
                    if self.line.len().saturating_add(self.next.data.len()) >= MAX_EVENT_BYTES {
                        return false;
                    }
                    self.line.push(*byte);
                }
            }
        }
        true
    }

    fn read(&mut self, line: &str) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.next.event);
            let mut data = std::mem::take(&mut self.next.data);
            if data.pop().is_some() {
                self.ready.push_back(ServerSent { id: self.next.id.clone(), event, data });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.next.data.push_str(value);
                self.next.data.push('\n');
            }
            "event" => value.clone_into(&mut self.next.event),
            "id" if !value.contains('\0') => value.clone_into(&mut self.next.id),
            // Comments are signs of life; other fields mean nothing to us.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Vec<ServerSent> {
        let mut parser = Parser::default();
        assert!(pieces.iter().all(|piece| parser.take(piece)));
        parser.ready.into()
    }

    fn sent(id: &str, event: &str, data: &str) -> ServerSent {
        ServerSent { id: id.to_owned(), event: event.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        assert_eq!(read(&[b"data: YHOO\ndata: +2\ndata: 10\n\n"]), [sent("", "", "YHOO\n+2\n10")]);
        let stream = b": here\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
        let expected = [sent("1", "", "first event"), sent("", "", "second event"), sent("", "", " third event")];
        assert_eq!(read(&[stream]), expected);
        assert_eq!(read(&[b"data\n\ndata\ndata\n\ndata:"]), [sent("", "", ""), sent("", "", "\n")]);
        assert_eq!(read(&[b"event: a\r\nid: 7\r", b"\ndata: x\r\r"]), [sent("7", "a", "x")]);
        assert_eq!(read(&[b"event: nothing\n\ndata: x\n\n"]), [sent("", "", "x")], "an event without data is none");
    }

    #[test]
    fn endless_events_and_broken_letters_are_refused() {
        assert!(!Parser::default().take(&vec![b'x'; MAX_EVENT_BYTES + 1]));
        let lines = b"data: 0123456789abcdef\n".repeat(MAX_EVENT_BYTES / 16);
        assert!(!Parser::default().take(&lines));
        assert!(!Parser::default().take(b"data: \xff\n"));
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_does_not_matter(text in "(data: [a-zä]{0,3}|id: [0-9]|:|\r|\n|\r\n){0,24}", cut in 0_usize..200) {
            let bytes = text.as_bytes();
            let (left, right) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(read(&[left, right]), read(&[bytes]));
        }
    }
}
