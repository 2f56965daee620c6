//! One direction of a path: how long a packet takes, and whether it arrives.
//!
//! Datagrams and TCP segments go through the same one, so that the same packets meet the same fate. It is a queue, as real paths
//! are: jitter makes a packet late and all behind it wait; only one that takes a detour is overtaken. A packet first waits for the
//! line (rate), then meets its fate (loss), then travels (delay, jitter, detour).
//!
//! Flow: `datagram.rs`, `stream.rs` -> [`Path::pass`] -> `dice.rs`, `sky.rs`.

use super::dice::{Dice, mix_seeds};
use super::later;
use super::sky::{Direction, Sky, millis};
use web_time::{Duration, Instant};

/// How much may wait for the line of a path with a limited rate: a router's buffer, as operators of home lines are told to set it.
pub(super) const QUEUE: Duration = Duration::from_millis(250);
/// What a detour takes on top: more than the time between two snapshots at 30 per second, so that at least one overtakes.
pub(super) const DETOUR: Duration = Duration::from_millis(40);

/// One direction of a path.
#[derive(Clone, Debug)]
pub(super) struct Path {
    dice: Dice,
    sky: Sky,
    /// When the line is free again.
    free: Option<Instant>,
    /// When the last packet that took no detour arrives.
    last: Option<Instant>,
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Passage {
    /// When it arrives; never, if it is lost.
    pub(super) arrives: Option<Instant>,
    /// Whether it arrives twice.
    pub(super) doubled: bool,
    /// Whether others overtake it.
    pub(super) reordered: bool,
}

impl Path {
    pub(super) const fn new(seed: u64, direction: Direction, sky: Sky) -> Self {
        let stream = match direction {
            Direction::Up => 1,
            Direction::Down => 2,
        };
        Self { dice: Dice::new(mix_seeds(seed, stream)), sky, free: None, last: None }
    }

    pub(super) const fn sky(&self) -> &Sky {
        &self.sky
    }

    pub(super) fn set_sky(&mut self, sky: Sky) {
        if sky.conditions.rate_kbit_s != self.sky.conditions.rate_kbit_s {
            self.free = None;
        }
        self.sky = sky;
    }

    /// Returns how long a packet would wait for the line.
    pub(super) fn backlog(&self, now: Instant) -> Duration {
        self.free.map_or(Duration::ZERO, |free| free.saturating_duration_since(now))
    }

    /// Sends a packet of `bytes`, headers included, at `now`.
    pub(super) fn pass(&mut self, now: Instant, bytes: usize) -> Passage {
        let fate = self.dice.throw(&self.sky.conditions);
        let departs = self.occupy(now, bytes);
        if fate.lost || self.sky.is_cut(now) {
            return Passage { arrives: None, doubled: false, reordered: false };
        }
        let conditions = &self.sky.conditions;
        let travels = self.sky.delay(now).as_secs_f64() * 1_000.0 + fate.jitter * conditions.jitter_ms;
        let arrives = later(departs, millis(travels.max(0.0)));
        let behind = self.last.map_or(arrives, |last| last.max(arrives));
        let arrives = if fate.reordered {
            later(behind, DETOUR)
        } else {
            self.last = Some(behind);
            behind
        };
        Passage { arrives: Some(arrives), doubled: fate.doubled, reordered: fate.reordered }
    }

    /// Returns when the last bit of a packet has left, and keeps the line busy until then.
    fn occupy(&mut self, now: Instant, bytes: usize) -> Instant {
        let rate = self.sky.conditions.rate_kbit_s;
        if rate <= 0.0 {
            return now;
        }
        let begins = self.free.map_or(now, |free| free.max(now));
        let departs = later(begins, millis(bytes as f64 * 8.0 / rate));
        self.free = Some(departs);
        departs
    }

    /// Forgets what is on its way: those behind need not queue behind what was cut off.
    pub(super) const fn forget(&mut self) {
        self.free = None;
        self.last = None;
    }
}
