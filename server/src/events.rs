//! What happens, for everybody who wants to hear of it: streams, webhooks, the console.
//!
//! Telling never waits. Who listens too slowly misses the oldest ones and is told so by the channel.
//!
//! Flow: rooms, matchmaker → [`Events::tell`] → [`Events::listen`] → `GET /v1/events`, webhooks, console.

use protocol::lobby::{LobbyEvent, StampedEvent};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use tokio::sync::broadcast;

/// Events that a slow listener may be behind before it misses some.
const KEPT_EVENTS: usize = 1_024;

/// The hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Arc<StampedEvent>>,
    /// The same events in the same order, and between them what only strangers are told.
    outside: broadcast::Sender<Arc<StampedEvent>>,
    number: Arc<AtomicU64>,
}

impl Default for Events {
    fn default() -> Self {
        let sender = || broadcast::Sender::new(KEPT_EVENTS);
        Self { sender: sender(), outside: sender(), number: Arc::default() }
    }
}

impl Events {
    /// Tells everybody who listens now. Not for results: those are written down first, by [`crate::clerk`].
    pub fn tell(&self, event: LobbyEvent) {
        self.tell_stamped(self.stamp(event));
    }

    /// Gives an event the next number and the present time. Nobody hears of it before [`Self::tell_stamped`].
    pub fn stamp(&self, event: LobbyEvent) -> StampedEvent {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        StampedEvent { number, at_ms: unix_ms(), event }
    }

    /// Tells everybody who listens now. Events that were stamped later may have been told before.
    pub fn tell_stamped(&self, event: StampedEvent) {
        let event = Arc::new(event);
        // Nobody listening is no error.
        let _ = self.outside.send(event.clone());
        let _ = self.sender.send(event);
    }

    /// Tells strangers alone: how something looks from outside that is no event to those who see everything.
    pub fn tell_strangers(&self, event: LobbyEvent) {
        let _ = self.outside.send(Arc::new(self.stamp(event)));
    }

    /// Returns what hears every event from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<StampedEvent>> {
        self.sender.subscribe()
    }

    /// Returns what hears every event from now on, and all that strangers are told. What is not for them, the listener has to leave out.
    pub fn listen_for_strangers(&self) -> broadcast::Receiver<Arc<StampedEvent>> {
        self.outside.subscribe()
    }
}

/// Returns the time of day in Unix milliseconds. A clock before 1970 counts as 1970.
pub fn unix_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
