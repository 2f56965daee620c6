//! The weather of those who cannot make it themselves: a page has no sockets, so a relay in the server makes it.
//!
//! Flow: client in a browser → [`WeatherOrder`], [`NewDoor`] → `server::lobby` → a relay → [`Door`] → the client dials it.

use crate::ids::Transport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `PUT /v1/players/me/weather`: what the network of this player is to be like from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeatherOrder {
    /// A preset such as `bad`, or numbers such as `delay=40,loss=5,seed=7`, as on the command line.
    #[schema(example = "bad")]
    pub weather: String,
    /// Delay on top for a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike: Option<LagSpike>,
    /// Wires whose cable is out.
    #[serde(default)]
    pub unplugged: Vec<Transport>,
}

/// Delay on top of the weather's, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LagSpike {
    /// How much, milliseconds, 0 to 2000.
    #[schema(maximum = 2000)]
    pub extra_ms: u32,
    /// For how long still, milliseconds, 0 to 10000.
    #[schema(maximum = 10000)]
    pub left_ms: u32,
}

impl LagSpike {
    /// Largest [`Self::extra_ms`].
    pub const MAX_EXTRA_MS: u32 = 2_000;
    /// Largest [`Self::left_ms`].
    pub const MAX_LEFT_MS: u32 = 10_000;
}

/// Body of `POST /v1/players/me/weather/doors`: a way for one link through the weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDoor {
    /// The wire: one that browsers have.
    pub wire: Transport,
}

/// Answer to [`NewDoor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Door {
    /// Port to dial instead of the wire's own, at the same host: UDP for `webtransport`, else TCP. For this player's address, for one link.
    pub port: u16,
}
