//! Slowloris: many connections to the lobby, each of which says a letter now and then, of a head or of a body that never ends.
//!
//! Whoever is cut off comes again, so that there are always as many as there can be.
//!
//! Flow: [`dribble`], a task per connection → bare socket → the lobby's port.

use super::Storm;
use super::tally::Port;
use crate::plain;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Time between two letters.
const LETTER: Duration = Duration::from_millis(400);
/// Pause before coming again.
const PAUSE: Duration = Duration::from_millis(100);

/// What the dribblers have seen.
#[derive(Debug, Default)]
pub(super) struct Slow {
    open: AtomicU64,
    most: AtomicU64,
    longest_ms: AtomicU64,
}

impl Slow {
    /// Returns how many connections there were at the same time, at most.
    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Returns the longest life of one that was cut off, milliseconds.
    pub(super) fn longest_ms(&self) -> u64 {
        self.longest_ms.load(Ordering::Relaxed)
    }
}

/// Dribbles until the storm is over: every other one heads, the others bodies.
pub(super) async fn dribble(storm: Arc<Storm>, index: u16) {
    let head = index.is_multiple_of(2);
    let kind = if head { "dribbled head" } else { "dribbled body" };
    let host = storm.http.to_string();
    // Not all at the same moment.
    sleep(Duration::from_micros(500) * u32::from(index)).await;
    while !storm.over() {
        let stream = plain::enter(&host).await;
        storm.tally.connection(Port::Http, kind, stream.is_ok());
        if let Ok(stream) = stream {
            let open = storm.slow.open.fetch_add(1, Ordering::Relaxed) + 1;
            storm.slow.most.fetch_max(open, Ordering::Relaxed);
            let begun = Instant::now();
            if speak(&storm, stream, kind, &beginning(head, &host)).await {
                let life = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                storm.slow.longest_ms.fetch_max(life, Ordering::Relaxed);
            }
            storm.slow.open.fetch_sub(1, Ordering::Relaxed);
        }
        sleep(PAUSE).await;
    }
}

fn beginning(head: bool, host: &str) -> String {
    if head {
        return format!("GET /v1/rooms HTTP/1.1\r\nHost: {host}\r\nX-Slow: ");
    }
    format!(
        "POST /v1/guests HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{{\"name\":\""
    )
}

/// Returns whether the server ended it.
async fn speak(storm: &Storm, mut stream: BufReader<TcpStream>, kind: &'static str, beginning: &str) -> bool {
    let mut said = stream.get_mut().write_all(beginning.as_bytes()).await;
    storm.tally.piece(Port::Http, kind, beginning.len());
    while said.is_ok() && !storm.over() {
        match timeout(LETTER, plain::answer(&mut stream)).await {
            Ok(Ok((head, body))) => {
                storm.tally.answer(Port::Http, kind, body.len());
                storm.tally.status(Port::Http, kind, head.status);
            }
            Ok(Err(_)) => return true,
            Err(_) => {}
        }
        said = stream.get_mut().write_all(b"a").await;
        storm.tally.piece(Port::Http, kind, 1);
    }
    said.is_err()
}
