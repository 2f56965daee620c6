//! What remains of a match: standings, rating changes, a player's history, the leaderboard.
//!
//! Flow: rooms → `server::store` → [`MatchResult`] → results, profile and leaderboard screens; webhooks.

use super::Mode;
use crate::ids::{MatchId, PlayerId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How one seat did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// Seat in the room; none for who was not there any more at the end: it may be somebody else's by then.
    pub seat: Option<u8>,
    /// Who; none for a bot.
    pub player: Option<PlayerId>,
    /// The name that others saw.
    pub name: String,
    /// Place, counted from 1; equal scores share one. Who left is behind all who did not, the earlier the worse.
    pub place: u8,
    /// Kills.
    pub kills: u16,
    /// Deaths.
    pub deaths: u16,
    /// They left by their own will before the end. Who was sent away has no seat either, but did not leave.
    pub left: bool,
    /// Rating points before the match; none for bots and unrated matches.
    pub points_before: Option<i32>,
    /// Rating points after it.
    pub points_after: Option<i32>,
}

/// `GET /v1/matches/{match}`: a finished match, or one that was broken off after half a minute of play or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchResult {
    /// Which match.
    pub id: MatchId,
    /// Name of the room.
    pub room: String,
    /// What was played.
    pub mode: Mode,
    /// File name of the map, without the ending.
    pub map: String,
    /// When it went live.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// It counts for ratings: two or more people played it, those who left included, and not in a private room of their own.
    pub rated: bool,
    /// The room was private when it began: only those who played it are told of it.
    pub private: bool,
    /// Everybody who played it, best first: who was there at the end, then who had left.
    pub standings: Vec<Standing>,
}

/// Answer to `GET /v1/players/{player}/matches?before=&limit=`, and to `GET /v1/matches?before=&limit=` for everybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// Matches, latest first.
    pub matches: Vec<MatchResult>,
    /// Pass it as `before` to get those before them; none at the end.
    pub next: Option<u64>,
}

/// One line of the leaderboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaderboardRow {
    /// Place, counted from 1; equal points share one.
    pub rank: u32,
    /// Who.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// See [`super::Rating::points`].
    pub points: i32,
    /// Rated matches.
    pub matches: u32,
    /// Rated matches won.
    pub wins: u32,
}

/// Answer to `GET /v1/leaderboard?after=&limit=`, where `after` is the number of rows to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leaderboard {
    /// Rated players, best first.
    pub rows: Vec<LeaderboardRow>,
    /// Rated players in all.
    pub total: u32,
}
