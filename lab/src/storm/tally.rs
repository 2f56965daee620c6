//! What was thrown, by port and kind.
//!
//! Flow: every thrower → [`Tally`] → [`super::Outcome`].

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Where something was thrown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Port {
    /// The `udp` transport.
    Udp,
    /// The `quic` transport.
    Quic,
    /// The lobby and the `websocket` and `http` transports.
    Http,
    /// The `tcp` transport.
    Tcp,
    /// The players' own sockets, in the server's name.
    Players,
}

/// How much of one kind was thrown at one port.
#[derive(Clone, Debug, Serialize)]
pub struct Thrown {
    /// Where.
    pub port: Port,
    /// What.
    pub kind: &'static str,
    /// Connections or links opened for it.
    pub connections: u64,
    /// Connections or links that could not be opened.
    pub refused: u64,
    /// Datagrams, frames, messages or requests.
    pub pieces: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that came back, where that is counted.
    pub answered: u64,
    /// Answers in HTTP by status, where that is counted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<u16, u64>,
}

/// Counts from any thread. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Mutex<BTreeMap<(Port, &'static str), Thrown>>>);

impl Tally {
    /// Counts one piece of `bytes` bytes.
    pub(super) fn piece(&self, port: Port, kind: &'static str, bytes: usize) {
        self.change(port, kind, |thrown| {
            thrown.pieces += 1;
            thrown.bytes += bytes as u64;
        });
    }

    /// Counts an attempt to open a connection.
    pub(super) fn connection(&self, port: Port, kind: &'static str, opened: bool) {
        self.change(port, kind, |thrown| {
            thrown.connections += u64::from(opened);
            thrown.refused += u64::from(!opened);
        });
    }

    /// Counts bytes that came back.
    pub(super) fn answer(&self, port: Port, kind: &'static str, bytes: usize) {
        self.change(port, kind, |thrown| thrown.answered += bytes as u64);
    }

    /// Counts an answer in HTTP.
    pub(super) fn status(&self, port: Port, kind: &'static str, status: u16) {
        self.change(port, kind, |thrown| *thrown.statuses.entry(status).or_default() += 1);
    }

    /// Returns everything so far.
    pub(super) fn all(&self) -> Vec<Thrown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn change(&self, port: Port, kind: &'static str, change: impl FnOnce(&mut Thrown)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let statuses = BTreeMap::new();
        let empty = Thrown { port, kind, connections: 0, refused: 0, pieces: 0, bytes: 0, answered: 0, statuses };
        change(all.entry((port, kind)).or_insert(empty));
    }
}
