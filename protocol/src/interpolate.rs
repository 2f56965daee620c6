//! Everybody else, slightly in the past: between two snapshots that have arrived, instead of guessing.
//!
//! The delay is the time between snapshots plus what they have lately been late by; it is approached smoothly, so that the picture
//! neither jumps nor stops. When snapshots fail to come, movement goes on for at most [`MAX_EXTRAPOLATION`] ticks.
//!
//! Flow: `snapshot::Ring`, `clock` → [`Interpolator::advance`] → [`between`] → `scene`.

use crate::clock::Clock;
use crate::snapshot::Ring;
use game::View;
use std::time::Instant;

/// Ticks for which movement goes on without news.
pub const MAX_EXTRAPOLATION: f64 = 6.0;
/// Ticks on top of interval and lateness, for the unevenness of frames.
const SPARE_TICKS: f64 = 0.5;
/// Beyond this many ticks of error the picture jumps.
const JUMP_TICKS: f64 = 20.0;

/// The tick that is on screen.
#[derive(Clone, Debug, Default)]
pub struct Interpolator {
    shown: Option<(f64, Instant)>,
}

impl Interpolator {
    /// Returns the tick to show at `now`. It never goes back, except in a jump.
    pub fn advance(&mut self, clock: &Clock, snapshot_every: u8, now: Instant) -> f64 {
        let target = clock.arriving(now) - f64::from(snapshot_every) - clock.lateness().min(30.0) - SPARE_TICKS;
        let tick = match self.shown {
            Some((tick, then)) => {
                let passed = now.saturating_duration_since(then).as_secs_f64() * f64::from(game::tick::TICK_HZ);
                let error = target - (tick + passed);
                if error.abs() > JUMP_TICKS { target } else { tick + passed * (1.0 + (error * 0.1).clamp(-0.1, 0.1)) }
            }
            None => target,
        };
        self.shown = Some((tick, now));
        tick
    }
}

/// Returns the two views around `tick` and how far it lies on the way from the first to the second: 0 to 1, or more where movement
/// has to go on without news. None without any view.
pub fn between(ring: &Ring, tick: f64) -> Option<(&View, &View, f32)> {
    let newest = ring.newest()?;
    let later = ring.iter().find(|view| f64::from(view.tick.0) >= tick).unwrap_or(newest);
    let earlier = ring.iter().rev().find(|view| view.tick < later.tick).unwrap_or(later);
    let span = f64::from(later.tick.since(earlier.tick));
    if span == 0.0 {
        return Some((earlier, later, 1.0));
    }
    let reached = tick.min(f64::from(newest.tick.0) + MAX_EXTRAPOLATION) - f64::from(earlier.tick.0);
    Some((earlier, later, (reached / span).max(0.0) as f32))
}
