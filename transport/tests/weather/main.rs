//! Weather, held to its word: the models in virtual time, the relays over real sockets.
//!
//! Flow: `parse`, `datagram`, `stream` drive the models with clocks of their own; `relay` opens real links through a station.

mod datagram;
mod parse;
mod relay;
mod stream;
#[expect(dead_code, reason = "other tests use what this one does not")]
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};
use transport::weather::{Conditions, Direction, Sky, Weather};

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1_000.0)
}

/// The sky over the way up in that weather, from `began` on.
fn sky(weather: &Weather, began: Instant) -> Sky {
    Sky::over(weather, Direction::Up, began)
}

/// The sky over a path with these conditions.
fn under(conditions: Conditions, began: Instant) -> Sky {
    sky(&Weather::even(conditions), began)
}
