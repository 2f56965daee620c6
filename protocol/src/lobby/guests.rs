//! Who somebody is: a guest with a secret, and what is known about a player.
//!
//! Flow: start screen → [`NewGuest`] → `server::lobby` → [`Guest`], kept by the client; [`Profile`] → profile screen.

use crate::ids::PlayerId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/guests`: become somebody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGuest {
    /// Wished name, see [`crate::names::valid_name`].
    pub name: String,
}

/// Answer to [`NewGuest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Guest {
    /// Who this is from now on.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// Sent as `Authorization: Bearer …` with every later call. Whoever has it is this player.
    pub secret: String,
}

/// `PATCH /v1/players/me`: another name, same player.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// Wished name, see [`crate::names::valid_name`].
    pub name: String,
}

/// How strong a player is believed to be (Weng and Lin, "A Bayesian Approximation Method for Online Ranking", JMLR 12, 2011).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rating {
    /// Mean of the belief; everybody begins at 25.
    pub mean: f64,
    /// Standard deviation of the belief; everybody begins at 25/3.
    pub deviation: f64,
    /// What is shown and ranked by: 1,000 + 40 · (mean − 3 · deviation), never below 0. Everybody begins at 1,000.
    pub points: i32,
}

/// `GET /v1/players/{player}` and `GET /v1/players/me`: what anybody may know about a player.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// Who.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// Strength.
    pub rating: Rating,
    /// Place in the leaderboard, counted from 1; none before the first rated match.
    pub rank: Option<u32>,
    /// Finished matches.
    pub matches: u32,
    /// Matches won.
    pub wins: u32,
    /// Kills in all matches.
    pub kills: u32,
    /// Deaths in all matches.
    pub deaths: u32,
    /// When the player first came here.
    pub since_ms: u64,
}
