//! Who is put together with whom, in numbers: every figure of the matchmaker, each with its reason. `docs/MATCHMAKING.md` explains them.
//!
//! Flow: [`super::Line`] → here → [`super::gather`].

use protocol::lobby::Rating;
use std::time::Duration;

/// Points per unit of a rating's mean, as on the leaderboard: everybody begins at 25 · 40 = 1,000.
pub const POINTS_PER_UNIT: f64 = 40.0;

/// The figures. The defaults are what the server plays by; tests shorten the times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// People with whom a match begins at once, and the most that one gets: as many as the maps are lively with.
    pub largest: u8,
    /// Fewest people of a match without bots.
    pub smallest: u8,
    /// How long [`Rules::largest`] people are waited for before fewer will do.
    pub patience: Duration,
    /// After [`Rules::patience`] one person fewer will do each time this has passed.
    pub per_person: Duration,
    /// Half width of the window at the start, points.
    pub window: f64,
    /// Share of a rating's deviation that the window is wider by: of a newcomer less is known, so more people may fit.
    pub doubt: f64,
    /// Points by which the window widens per second.
    pub widening: f64,
    /// Difference of round trips that costs nothing, ms: nobody feels it.
    pub free_round_trip_ms: u16,
    /// Points that each further millisecond counts as much as.
    pub points_per_ms: f64,
    /// Strength and round trips count. Without, whoever came first is put together: only the dry run compares with that.
    pub choosy: bool,
    /// Wait after which bots fill up for those who allow it.
    pub bots_after: Duration,
    /// Ships in a match with bots, people included.
    pub ships_with_bots: u8,
    /// Time to accept.
    pub answer_within: Duration,
    /// A ticket that nobody asked about for this long is dropped.
    pub forgotten_after: Duration,
    /// A ticket that found nobody for this long is dropped.
    pub longest_stay: Duration,
    /// How long one can still ask about a ticket that is over.
    pub kept: Duration,
    /// How long it is tried to open a room for those who accepted.
    pub open_within: Duration,
    /// Tickets that are held at once, those included that are over: 20 MiB at most.
    pub most_tickets: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            largest: 8,
            smallest: 2,
            patience: Duration::from_secs(2),
            per_person: Duration::from_secs(1),
            window: 100.0,
            doubt: 0.5,
            widening: 20.0,
            free_round_trip_ms: 30,
            points_per_ms: 1.0,
            choosy: true,
            bots_after: Duration::from_secs(20),
            ships_with_bots: 6,
            answer_within: Duration::from_secs(10),
            forgotten_after: Duration::from_secs(60),
            longest_stay: Duration::from_secs(600),
            kept: Duration::from_secs(60),
            open_within: Duration::from_secs(30),
            most_tickets: 20_000,
        }
    }
}

/// What is compared about a ticket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// Mean of its players' rating means, points.
    pub points: f64,
    /// Largest deviation of its players' ratings, points.
    pub deviation: f64,
    /// Round trip to the server, ms.
    pub round_trip_ms: u16,
}

impl Strength {
    /// Returns the strength of those with `ratings`.
    pub fn of(ratings: impl ExactSizeIterator<Item = Rating> + Clone, round_trip_ms: u16) -> Self {
        let people = ratings.len().max(1) as f64;
        let points = ratings.clone().map(|rating| rating.mean * POINTS_PER_UNIT).sum::<f64>() / people;
        let deviation = ratings.map(|rating| rating.deviation * POINTS_PER_UNIT).fold(0.0, f64::max);
        Self { points, deviation, round_trip_ms }
    }
}

impl Rules {
    /// Returns the half width of the window after `waited`, points.
    pub fn window(&self, strength: &Strength, waited: Duration) -> f64 {
        self.window + self.doubt * strength.deviation + self.widening * waited.as_secs_f64()
    }

    /// Returns how far apart two tickets are, points.
    pub fn distance(&self, a: &Strength, b: &Strength) -> f64 {
        if !self.choosy {
            return 0.0;
        }
        let round_trips = a.round_trip_ms.abs_diff(b.round_trip_ms).saturating_sub(self.free_round_trip_ms);
        (a.points - b.points).abs() + f64::from(round_trips) * self.points_per_ms
    }

    /// Returns how many people a match needs whose longest wait is `waited`.
    pub fn wanted(&self, waited: Duration) -> u8 {
        let impatient = waited.saturating_sub(self.patience).as_secs_f64();
        let fewer = (impatient / self.per_person.as_secs_f64().max(1e-3)).floor();
        // As a number of people it is small, and the cast saturates.
        self.largest.saturating_sub(fewer as u8).max(self.smallest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(mean: f64, deviation: f64) -> Rating {
        Rating { mean, deviation, points: 0 }
    }

    #[test]
    fn the_window_is_as_documented() {
        let rules = Rules::default();
        let newcomer = Strength::of([rating(25.0, 25.0 / 3.0)].into_iter(), 40);
        assert_eq!((newcomer.points, newcomer.deviation.round()), (1_000.0, 333.0));
        assert_eq!(rules.window(&newcomer, Duration::ZERO).round(), 267.0);
        let settled = Strength::of([rating(30.0, 1.5)].into_iter(), 40);
        assert_eq!(rules.window(&settled, Duration::from_secs(5)), 100.0 + 30.0 + 100.0);
    }

    #[test]
    fn a_party_is_as_strong_as_its_mean_and_as_unknown_as_its_newest() {
        let party = Strength::of([rating(20.0, 1.0), rating(30.0, 5.0)].into_iter(), 9);
        assert_eq!((party.points, party.deviation), (1_000.0, 200.0));
    }

    #[test]
    fn very_different_round_trips_count_like_points() {
        let rules = Rules::default();
        let at = |points, round_trip_ms| Strength { points, deviation: 0.0, round_trip_ms };
        assert_eq!(rules.distance(&at(1_000.0, 20), &at(1_040.0, 50)), 40.0);
        assert_eq!(rules.distance(&at(1_000.0, 20), &at(1_040.0, 150)), 140.0);
        assert_eq!(Rules { choosy: false, ..rules }.distance(&at(0.0, 0), &at(9_999.0, 9_999)), 0.0);
    }

    #[test]
    fn fewer_will_do_with_time() {
        let rules = Rules::default();
        let wanted: Vec<_> = [0, 1_999, 2_000, 3_000, 5_500, 8_000, 9_000, 600_000]
            .map(|ms| rules.wanted(Duration::from_millis(ms)))
            .to_vec();
        assert_eq!(wanted, [8, 8, 8, 7, 5, 2, 2, 2]);
    }
}
