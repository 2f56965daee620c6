//! What the transports over TCP share: who notices that the other end is gone, and when.
//!
//! A kernel that is left alone takes a quarter of an hour to believe that nobody is there. How its sockets are set up is in [`kernel`].
//!
//! Flow: `websocket.rs`, `tcp.rs`, `http/` -> [`Pulse`], [`Ticker`], [`linger`].

#[cfg(not(target_family = "wasm"))]
mod kernel;

#[cfg(not(target_family = "wasm"))]
pub(crate) use kernel::discard;
#[cfg(not(target_family = "wasm"))]
pub use kernel::tune_tcp;

use crate::Timing;
use crate::link::{Driver, Lost};
use crate::runtime::sleep;
use protocol::CloseReason;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use web_time::Instant;

/// Headers of a TCP segment, bytes: IPv4's 20, TCP's 20 and its timestamps.
pub(crate) const OVERHEAD: usize = 52;
/// How often silence is looked for.
pub(crate) const WATCH_PAUSE: Duration = Duration::from_millis(200);

/// What those who read, write and watch one link tell each other.
pub(crate) struct Pulse {
    start: Instant,
    /// When something last came, or when we last let anything come; microseconds since the start.
    heard: AtomicU64,
    /// When the write in progress began; zero if there is none.
    writing: AtomicU64,
    /// Whether we do not read, because the session does not.
    waiting: AtomicBool,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            heard: AtomicU64::new(0),
            writing: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
        }
    }

    /// Returns the time on this link's own clock, microseconds, never zero.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes that something came.
    pub(crate) fn hear(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    /// Returns how long ago `moment` was, a time on this link's own clock.
    pub(crate) fn since(&self, moment: u64) -> Duration {
        Duration::from_micros(self.now().saturating_sub(moment))
    }

    /// Notes that a write begins.
    pub(crate) fn begin_write(&self) {
        self.writing.store(self.now(), Ordering::Relaxed);
    }

    /// Notes that the write has been done.
    pub(crate) fn end_write(&self) {
        self.writing.store(0, Ordering::Relaxed);
    }

    /// Returns whether a write was broken off, so that nothing sensible can follow it.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.load(Ordering::Relaxed) > 0
    }

    /// Waits until the session reads. Whoever does not read must not be sent to: TCP's window then fills, and the peer waits.
    pub(crate) async fn wait_for_room(&self, driver: &Driver) {
        if !driver.has_room() {
            let _held = self.held();
            driver.room().await;
        }
    }

    /// Notes that we let nothing come until the guard is dropped.
    pub(crate) fn held(&self) -> HeldBack<'_> {
        self.waiting.store(true, Ordering::Relaxed);
        HeldBack(self)
    }

    /// Returns why the link is lost, if nothing has come, or nothing could be written, for longer than `silence`.
    pub(crate) fn lost_after(&self, silence: Duration) -> Option<Lost> {
        let silent = self.since(self.heard.load(Ordering::Relaxed)) > silence;
        if silent && !self.waiting.load(Ordering::Relaxed) {
            return Some(Lost::TimedOut);
        }
        let writing = self.writing.load(Ordering::Relaxed);
        (writing > 0 && self.since(writing) > silence).then_some(Lost::SlowReader)
    }

    /// Returns when the link is lost.
    pub(crate) async fn watch(&self, timing: &Timing) -> Lost {
        loop {
            sleep(WATCH_PAUSE).await;
            if let Some(lost) = self.lost_after(timing.silence) {
                return lost;
            }
        }
    }
}

/// For as long as it is kept, the silence of the other end is our own doing.
pub(crate) struct HeldBack<'a>(&'a Pulse);

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        self.0.hear();
        self.0.waiting.store(false, Ordering::Relaxed);
    }
}

/// Returns when a close that was asked for has taken long enough, or at once if it is in a hurry.
pub(crate) async fn linger(driver: &Driver, timing: &Timing) -> CloseReason {
    let reason = driver.closing().await;
    if !driver.hurried() {
        sleep(timing.linger).await;
    }
    reason
}

/// Ticks at an interval, the first time at once. What was missed is not made up for.
pub(crate) struct Ticker {
    every: Duration,
    next: Instant,
}

impl Ticker {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, next: Instant::now() }
    }

    /// Waits for the next tick. May be dropped while it waits.
    pub(crate) async fn tick(&mut self) {
        sleep(self.next.saturating_duration_since(Instant::now())).await;
        let now = Instant::now();
        self.next = now.checked_add(self.every).unwrap_or(now);
    }
}
