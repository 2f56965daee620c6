//! Who somebody is: a guest with a secret, and what is known about a player.
//!
//! Flow: start screen → [`NewGuest`] → `server::lobby` → [`Guest`], kept by the client; [`Profile`] → profile screen.

use super::veil::veiled_debug;
use crate::ids::PlayerId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/guests`: become somebody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGuest {
    /// Wished name, see [`crate::names::valid_name`].
    #[schema(min_length = 2, max_length = 16, pattern = "^[A-Za-z0-9_.-][A-Za-z0-9_. -]*[A-Za-z0-9_.-]$")]
    pub name: String,
}

/// Answer to [`NewGuest`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Guest {
    /// Who this is from now on.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// Sent as `Authorization: Bearer …` with every later call. Whoever has it is this player.
    pub secret: String,
}

veiled_debug!(Guest { player, name } without secret);

/// `PATCH /v1/players/me`: another name, same player.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// Wished name, see [`crate::names::valid_name`].
    #[schema(min_length = 2, max_length = 16, pattern = "^[A-Za-z0-9_.-][A-Za-z0-9_. -]*[A-Za-z0-9_.-]$")]
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

impl Rating {
    /// Mean that everybody begins with.
    pub const FIRST_MEAN: f64 = 25.0;
    /// Deviation that everybody begins with.
    pub const FIRST_DEVIATION: f64 = 25.0 / 3.0;
    /// Points for a mean of three deviations, which is what everybody begins with.
    const BASE_POINTS: f64 = 1_000.0;
    /// Points per unit of mean or of three deviations.
    const POINTS_PER_UNIT: f64 = 40.0;

    /// Returns the rating with its points. Anything that is no finite number counts as the beginning.
    pub fn new(mean: f64, deviation: f64) -> Self {
        if !(mean.is_finite() && deviation.is_finite()) {
            return Self::default();
        }
        let points = Self::BASE_POINTS + Self::POINTS_PER_UNIT * (mean - 3.0 * deviation);
        Self { mean, deviation, points: points.clamp(0.0, f64::from(i32::MAX)).round() as i32 }
    }
}

impl Default for Rating {
    fn default() -> Self {
        Self::new(Self::FIRST_MEAN, Self::FIRST_DEVIATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_begins_at_1000_and_nobody_falls_below_0() {
        assert_eq!(Rating::default().points, 1_000);
        assert_eq!(Rating::new(30.0, 2.0).points, 1_960);
        assert_eq!(Rating::new(-100.0, 8.0).points, 0);
        assert_eq!(Rating::new(f64::NAN, 8.0), Rating::default());
    }
}
