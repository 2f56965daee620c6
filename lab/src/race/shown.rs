//! Which tick is on screen: the client's own interpolation, fed with what the pilot received.
//!
//! Flow: `flight.rs` → [`Screen`] → [`Frame`] → `figures.rs`.

use game::Tick;
use protocol::clock::Clock;
use protocol::interpolate::Interpolator;
use std::time::Instant;

/// One frame, as drawn. Times are milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    /// When.
    pub(super) at: f64,
    /// The tick that everybody else is drawn at.
    pub(super) shown: f64,
    /// The newest tick held.
    pub(super) newest: u32,
}

/// What the player looks at.
#[derive(Debug)]
pub(super) struct Screen {
    clock: Clock,
    interpolator: Interpolator,
    newest: Tick,
    /// Ticks between two snapshots.
    every: u8,
}

impl Screen {
    /// Switches it on.
    pub(super) fn new(every: u8, now: Instant) -> Self {
        Self { clock: Clock::new(now), interpolator: Interpolator::default(), newest: Tick(0), every }
    }

    /// Takes note of a snapshot.
    pub(super) fn receive(&mut self, tick: Tick, at: Instant) {
        self.newest = tick;
        self.clock.observe(tick, at, None);
    }

    /// Draws a frame. Returns the tick shown and the newest one held; none before the first snapshot.
    pub(super) fn draw(&mut self, now: Instant) -> Option<(f64, Tick)> {
        self.clock.is_set().then(|| (self.interpolator.advance(&self.clock, self.every, now), self.newest))
    }
}
