//! The transport's half of a link: takes what is to be sent, delivers what has arrived, and records how it ended.
//!
//! Every method takes `&self`, so that one task can read, write and watch at the same time without a channel between them.
//! Each `async` method is for one waiter and may be dropped at any `await` without losing a message.
//!
//! Flow: `link.rs` -> here -> `memory.rs`, `udp`, `quic`, `websocket.rs`, and back.

use super::{Closed, Lost, Shared};
use bytes::Bytes;
use protocol::{CloseReason, Lane, LinkId};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use web_time::{Duration, Instant};

/// The transport's half of a link. Dropping it before [`Driver::finish`] ends the link as [`Lost::Abandoned`], so that a
/// task that is gone never leaves a link that looks alive.
pub struct Driver {
    shared: Arc<Shared>,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns the link's name in this process.
    pub fn id(&self) -> LinkId {
        self.shared.id
    }

    /// Takes the unsent Latest message.
    pub fn take_latest(&self) -> Option<Bytes> {
        self.shared.state().take_latest()
    }

    /// Takes the oldest unsent Reliable message.
    pub fn take_reliable(&self) -> Option<Bytes> {
        self.shared.state().take_reliable()
    }

    /// Waits for a Latest message.
    pub async fn latest(&self) -> Bytes {
        loop {
            if let Some(bytes) = self.take_latest() {
                return bytes;
            }
            self.shared.latest.notified().await;
        }
    }

    /// Waits for a Reliable message. Returns `None` when the session wants to close and nothing more waits.
    pub async fn reliable(&self) -> Option<Bytes> {
        loop {
            {
                let mut state = self.shared.state();
                if let Some(bytes) = state.take_reliable() {
                    return Some(bytes);
                }
                if state.asked().is_some() {
                    return None;
                }
            }
            self.shared.reliable.notified().await;
        }
    }

    /// Returns whether every Latest message is to be sent twice.
    pub fn twice(&self) -> bool {
        self.shared.twice.load(Ordering::Relaxed)
    }

    /// Waits until the session wants to close, and returns why.
    pub async fn closing(&self) -> CloseReason {
        loop {
            if let Some(reason) = self.close_asked() {
                return reason;
            }
            self.shared.close.notified().await;
        }
    }

    /// Waits until there is room for a Reliable message.
    pub async fn room(&self) {
        while !self.has_room() {
            self.shared.room.notified().await;
        }
    }

    /// Waits until the session has done anything at all: for a task that then looks at everything.
    pub async fn woken(&self) {
        tokio::select! {
            () = self.shared.latest.notified() => {}
            () = self.shared.reliable.notified() => {}
            () = self.shared.close.notified() => {}
            () = self.shared.room.notified() => {}
        }
    }

    /// Delivers a message that the socket gave us at `at`. Check [`Driver::has_room`] before a Reliable one is read.
    pub fn deliver(&self, at: Instant, lane: Lane, bytes: Bytes) {
        self.shared.state().deliver(at, lane, bytes);
        self.shared.arrived.notify_one();
    }

    /// Returns whether a Reliable message of any size may be delivered now.
    pub fn has_room(&self) -> bool {
        self.shared.state().has_room()
    }

    /// Returns why the session wants to close, if it does.
    pub fn close_asked(&self) -> Option<CloseReason> {
        self.shared.state().asked()
    }

    /// Returns whether to close without first delivering what waits.
    pub fn hurried(&self) -> bool {
        self.shared.state().hurried()
    }

    /// Returns whether no Reliable message waits to be taken.
    pub fn drained(&self) -> bool {
        self.shared.state().drained()
    }

    /// Records the end. Only the first call counts, and an end that the session asked for stays the session's.
    pub fn finish(&self, closed: Closed) {
        self.shared.state().finish(closed);
        self.shared.arrived.notify_one();
    }

    /// Returns how the link ended, if it has.
    pub fn finished(&self) -> Option<Closed> {
        self.shared.state().closed()
    }

    /// Counts bytes on the wire, headers included.
    pub fn add_wire(&self, inward: usize, outward: usize) {
        self.shared.state().add_wire(inward as u64, outward as u64);
    }

    /// Replaces the count of bytes on the wire, for a transport that counts itself.
    pub fn set_wire(&self, inward: u64, outward: u64) {
        self.shared.state().set_wire(inward, outward);
    }

    /// Records the transport's own opinion of the round trip.
    pub fn set_rtt(&self, rtt: Duration) {
        self.shared.state().set_rtt(rtt);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.finish(Closed::Lost(Lost::Abandoned));
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Driver({} {:?})", self.shared.transport, self.shared.id)
    }
}
