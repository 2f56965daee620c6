//! One step of the simulation, counted from the birth of the room.

use serde::{Deserialize, Serialize};

/// Ticks per second of every room.
pub const TICK_HZ: u32 = 60;

/// Seconds that one tick lasts.
pub const TICK_SECONDS: f64 = 1.0 / TICK_HZ as f64;

/// A step of the simulation. At 60 per second a `u32` lasts for two years and three months, so it never wraps in practice;
/// arithmetic saturates rather than wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(pub u32);

impl Tick {
    /// Returns the tick after this one.
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// Returns the tick `ticks` later.
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    /// Returns the tick `ticks` earlier, or tick 0.
    pub const fn minus(self, ticks: u32) -> Self {
        Self(self.0.saturating_sub(ticks))
    }

    /// Returns how many ticks have passed since `earlier`; 0 if it lies ahead.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the signed distance from `other` to this tick.
    pub const fn offset_from(self, other: Self) -> i64 {
        self.0 as i64 - other.0 as i64
    }
}

/// Returns the number of ticks in `seconds`.
pub const fn ticks(seconds: u32) -> u32 {
    seconds.saturating_mul(TICK_HZ)
}
