//! Weather: what a bad network does to packets and byte streams, made inside this process and underneath the transports.
//!
//! Simulators that sit above a transport drop messages that TCP has already delivered, so every wire looks the same under loss.
//! Here a client dials a relay on its own machine, and the relay dials the server: real datagrams are delayed, lost, reordered,
//! doubled and squeezed, so that renet and QUIC have to repeat for real; a TCP connection keeps every byte and is stalled for
//! as long as TCP would need to repeat the lost segment. No privilege is needed, and one seed gives the same weather to every wire.
//! Calls to the lobby do not pass through it.
//!
//! A page has no sockets, so there the relay is one in the server, and its door is at the server's address.
//!
//! ```text
//! client ── real socket ──▶ relay (loopback) ── up ──▶ server
//!        ◀────────────────                  ◀── down ──
//! ```
//!
//! The models ([`datagram`], [`stream`] and what they share) do no IO and read no clock: whoever drives them says what time it is.
//!
//! Flow: command line -> [`Weather`] -> [`WeatherStation`] -> `relay` -> `path.rs` -> [`datagram`], [`stream`] -> sockets.

pub mod conditions;
pub mod datagram;
mod dice;
mod parse;
mod path;
mod presets;
#[cfg(not(target_family = "wasm"))]
mod relay;
mod sky;
mod station;
pub mod stream;

pub use conditions::{Conditions, Tunnels, Weather};
pub use parse::WeatherError;
pub use presets::{PRESETS, Preset};
#[cfg(not(target_family = "wasm"))]
pub use relay::{Door, Gate};
pub use sky::{Direction, Sky};
pub use station::{Counts, WeatherStation};

use web_time::{Duration, Instant};

/// Returns the moment `by` after `at`; at the end of time, `at` itself.
fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).unwrap_or(at)
}
