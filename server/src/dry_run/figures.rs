//! What a dry run is worth: how long people waited, and how even their matches are, judged by their real strength.
//!
//! *Gap* is what a match is decided by before it begins: of each pair of its players, how much likelier the stronger one is to win than
//! the weaker one (0 is even, 100 % is decided), by the same model of chances that the ratings follow (Weng and Lin).
//!
//! Flow: [`super::play`] → [`Figures`] → the table.

use super::crowd::Arrival;
use super::play::{Made, Outcome};
use crate::matchmaker::POINTS_PER_UNIT;
use crate::matchmaker::teams::{Party, split};
use skillratings::weng_lin::{WengLinConfig, WengLinRating, expected_score, expected_score_two_teams};
use std::time::Duration;

/// The figures of one run.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// Players who got a match.
    pub(super) players: usize,
    /// Share of them who play with bots.
    pub(super) bots: f64,
    /// Tickets that left because somebody of them did not answer.
    pub(super) left: usize,
    /// Waits until a match was found, sorted.
    found: Vec<Duration>,
    /// 95 % of them.
    pub(super) found_p95: Duration,
    /// Waits until the room was there, sorted.
    ready: Vec<Duration>,
    /// Mean number of people in a match without bots.
    pub(super) people: f64,
    /// Mean difference between the strongest and the weakest of a match, points.
    pub(super) spread: f64,
    /// Mean gap over the pairs of a match.
    pub(super) pair_gap: f64,
    /// Mean gap of two teams.
    pub(super) team_gap: f64,
    /// Mean difference between the longest and the shortest round trip of a match, ms.
    pub(super) round_trips: f64,
}

impl Figures {
    pub(super) fn of(arrivals: &[Arrival], outcome: &Outcome) -> Self {
        let waits = |until: fn(&Made) -> Duration| {
            let mut waits: Vec<Duration> = outcome
                .matches
                .iter()
                .flat_map(|made| made.tickets.iter().map(move |ticket| (made, &arrivals[*ticket])))
                .flat_map(|(made, one)| one.wish.players.iter().map(move |_| until(made).saturating_sub(one.at)))
                .collect();
            waits.sort_unstable();
            waits
        };
        let (found, ready) = (waits(|made| made.found), waits(|made| made.ready));
        let size = |made: &Made| made.tickets.iter().map(|ticket| arrivals[*ticket].truth.len()).sum::<usize>();
        let with_bots: usize = outcome.matches.iter().filter(|made| made.bots).map(size).sum();
        let even: Vec<&Made> = outcome.matches.iter().filter(|made| !made.bots).collect();
        let mean = |of: &dyn Fn(&Made) -> f64| even.iter().map(|made| of(made)).sum::<f64>() / even.len().max(1) as f64;
        let truth = |made: &Made| made.tickets.iter().flat_map(|t| arrivals[*t].truth.clone()).collect::<Vec<f64>>();
        let far =
            |made: &Made| made.tickets.iter().map(|t| f64::from(arrivals[*t].wish.round_trip_ms)).collect::<Vec<_>>();
        Self {
            players: found.len(),
            bots: with_bots as f64 / found.len().max(1) as f64,
            left: outcome.left,
            found_p95: quantile(&found, 0.95),
            people: mean(&|made| size(made) as f64),
            spread: mean(&|made| range(&truth(made))),
            pair_gap: mean(&|made| pair_gap(&truth(made))),
            team_gap: mean(&|made| team_gap(arrivals, made)),
            round_trips: mean(&|made| range(&far(made))),
            found,
            ready,
        }
    }

    /// Returns the lines of the table.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let wait = |what: &str, waits: &[Duration]| {
            [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)].map(|(name, share)| {
                (format!("wait until {what}, {name}"), format!("{:.1} s", quantile(waits, share).as_secs_f64()))
            })
        };
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let mut rows = Vec::from(wait("a match is found", &self.found));
        rows.extend(wait("the room is there", &self.ready));
        rows.extend([
            ("players with a match".to_owned(), self.players.to_string()),
            ("of these with bots".to_owned(), percent(self.bots)),
            ("tickets that left without answering".to_owned(), self.left.to_string()),
            ("people in a match, mean".to_owned(), format!("{:.1}", self.people)),
            ("strongest to weakest of a match, mean".to_owned(), format!("{:.0} points", self.spread)),
            ("gap of a pair (0 % even, 100 % decided), mean".to_owned(), percent(self.pair_gap)),
            ("gap of two teams, mean".to_owned(), percent(self.team_gap)),
            ("round trips of a match differ by, mean".to_owned(), format!("{:.0} ms", self.round_trips)),
        ]);
        rows
    }
}

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn range(values: &[f64]) -> f64 {
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    (high - low).max(0.0)
}

/// Somebody whose strength is known exactly.
fn known(points: f64) -> WengLinRating {
    WengLinRating { rating: points / POINTS_PER_UNIT, uncertainty: 0.0 }
}

fn pair_gap(truth: &[f64]) -> f64 {
    let config = WengLinConfig::new();
    let pairs = truth.iter().enumerate().flat_map(|(at, a)| truth[at + 1..].iter().map(move |b| (*a, *b)));
    let gaps: Vec<f64> =
        pairs.map(|(a, b)| expected_score(&known(a), &known(b), &config)).map(|(a, b)| (a - b).abs()).collect();
    gaps.iter().sum::<f64>() / gaps.len().max(1) as f64
}

/// Returns the gap of the two teams that the tickets would be split into: by what is believed, judged by what is true.
fn team_gap(arrivals: &[Arrival], made: &Made) -> f64 {
    let believed = made.tickets.iter().map(|ticket| {
        let players = &arrivals[*ticket].wish.players;
        let points = players.iter().map(|player| player.rating.mean * POINTS_PER_UNIT).sum::<f64>();
        Party { people: players.len() as u8, points: points / players.len().max(1) as f64 }
    });
    let second = split(&believed.collect::<Vec<_>>());
    let mut teams = [Vec::new(), Vec::new()];
    for (ticket, second) in made.tickets.iter().zip(second) {
        teams[usize::from(second)].extend(arrivals[*ticket].truth.iter().map(|points| known(*points)));
    }
    let (a, b) = expected_score_two_teams(&teams[0], &teams[1], &WengLinConfig::new());
    (a - b).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_how_much_is_decided_beforehand() {
        assert_eq!(pair_gap(&[1_000.0, 1_000.0]), 0.0);
        assert!((pair_gap(&[1_000.0, 1_236.0]) - 0.46).abs() < 0.02, "{}", pair_gap(&[1_000.0, 1_236.0]));
        assert!(pair_gap(&[0.0, 9_000.0]) > 0.999);
        assert_eq!((pair_gap(&[]), range(&[]), quantile(&[], 0.5)), (0.0, 0.0, Duration::ZERO));
    }
}
