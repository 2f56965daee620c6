//! The weather over one direction of one wire at this moment: the conditions, plus what a player does with buttons.
//!
//! Flow: `station.rs` -> [`Sky`] -> `path.rs`, `stream.rs`.

use super::conditions::{Conditions, Tunnels, Weather};
use web_time::{Duration, Instant};

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl Direction {
    /// Returns the other one.
    #[must_use]
    pub const fn against(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// Everything that decides about a packet that enters now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sky {
    /// What the path is like.
    pub conditions: Conditions,
    /// Outages, counted from [`Self::began`].
    pub tunnels: Option<Tunnels>,
    /// When the weather began.
    pub began: Instant,
    /// A delay on top until a moment: a lag spike.
    pub spike: Option<(Duration, Instant)>,
    /// Whether the cable is in.
    pub plugged: bool,
}

impl Sky {
    /// Returns the sky over one direction of `weather`, which begins at `began`.
    pub const fn over(weather: &Weather, direction: Direction, began: Instant) -> Self {
        let conditions = match direction {
            Direction::Up => weather.up,
            Direction::Down => weather.down,
        };
        Self { conditions, tunnels: weather.tunnels, began, spike: None, plugged: true }
    }

    /// Returns whether nothing that enters at `now` gets through.
    pub fn is_cut(&self, now: Instant) -> bool {
        !self.plugged || self.tunnels.is_some_and(|tunnels| tunnels.inside(now.saturating_duration_since(self.began)))
    }

    /// Returns the delay of what enters at `now`, without jitter.
    pub fn delay(&self, now: Instant) -> Duration {
        let spike = self.spike.filter(|(_, until)| now < *until).map_or(Duration::ZERO, |(extra, _)| extra);
        millis(self.conditions.delay_ms).saturating_add(spike)
    }

    /// Returns whether all that enters leaves again at once.
    pub fn is_calm(&self) -> bool {
        self.conditions == Conditions::CALM && self.tunnels.is_none() && self.spike.is_none() && self.plugged
    }
}

impl Tunnels {
    /// Returns whether the train is in a tunnel. It starts in the open and meets the first one at the end of the first stretch.
    pub fn inside(&self, travelled: Duration) -> bool {
        let at = travelled.as_secs_f64() % self.every_s;
        at >= self.every_s - self.lasts_s
    }
}

/// Returns a time of that many milliseconds; none if it is not a time.
pub(super) fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1_000.0).unwrap_or_default()
}
