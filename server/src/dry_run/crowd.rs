//! The players of the dry run: when they come, how strong they are and how strong they are believed to be, how far away, with whom.
//!
//! Flow: [`super::Options`] → [`arrivals`] → [`super::play`].

use super::Options;
use crate::matchmaker::{POINTS_PER_UNIT, Player, Wish};
use protocol::ids::PlayerId;
use protocol::lobby::{Mode, Rating};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::f64::consts::TAU;
use std::time::Duration;

/// Deviations of the ratings of those who have played: after a few matches, and after many.
const KNOWN_DEVIATION: std::ops::Range<f64> = 1.0..4.0;
/// Spread of the logarithm of round trips: half lie between 0.7 and 1.4 times the median, one in forty beyond 2.7 times.
const ROUND_TRIP_SPREAD: f64 = 0.5;
/// Time that somebody takes to accept, seconds.
const REACTION: std::ops::Range<f64> = 1.0..4.0;
/// Most players of a party.
const PARTY: std::ops::RangeInclusive<usize> = 2..=crate::matchmaker::MOST_MEMBERS;

/// A ticket on its way to the queue.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// When it comes.
    pub(super) at: Duration,
    /// What it asks for.
    pub(super) wish: Wish,
    /// How strong each of its players really is, points.
    pub(super) truth: Vec<f64>,
    /// How long each takes to accept; none for those who do not answer.
    pub(super) reactions: Vec<Option<Duration>>,
}

/// Returns everybody, in the order in which they come: independently of each other, so many per minute on average.
pub(super) fn arrivals(options: &Options) -> Vec<Arrival> {
    let mut dice = StdRng::seed_from_u64(options.seed);
    let mut all = Vec::new();
    let (mut people, mut at) = (0, 0.0);
    while people < u64::from(options.players) {
        let size = if dice.random_bool(share(options.party_share)) { dice.random_range(PARTY) } else { 1 };
        at += size as f64 * 60.0 / f64::from(options.per_minute) * -f64::ln(1.0 - dice.random::<f64>());
        all.push(arrival(&mut dice, options, Duration::from_secs_f64(at), people, size));
        people += size as u64;
    }
    all
}

fn arrival(dice: &mut StdRng, options: &Options, at: Duration, first: u64, size: usize) -> Arrival {
    let far = (normal(dice) * ROUND_TRIP_SPREAD).exp() * f64::from(options.round_trips);
    let mut truth = Vec::new();
    let players = (first..).take(size).map(|number| {
        let real = 25.0 + normal(dice) * f64::from(options.skill_spread) / POINTS_PER_UNIT;
        truth.push(real * POINTS_PER_UNIT);
        let rating = if dice.random_bool(share(options.newcomers)) {
            Rating::default()
        } else {
            let deviation = dice.random_range(KNOWN_DEVIATION);
            Rating::new(real + normal(dice) * deviation, deviation)
        };
        Player { id: PlayerId(number), name: String::new(), rating }
    });
    let players = players.collect();
    let answers = (0..size).map(|_| !dice.random_bool(share(options.no_answer))).collect::<Vec<_>>();
    let reactions =
        answers.into_iter().map(|yes| yes.then(|| Duration::from_secs_f64(dice.random_range(REACTION)))).collect();
    let wish = Wish { mode: Mode::default(), round_trip_ms: far.min(10_000.0) as u16, bots: true, players };
    Arrival { at, wish, truth, reactions }
}

fn share(percent: u8) -> f64 {
    f64::from(percent.min(100)) / 100.0
}

/// Returns a number of mean 0 and deviation 1 (Box and Muller).
fn normal(dice: &mut StdRng) -> f64 {
    let (radius, angle) = (1.0 - dice.random::<f64>(), dice.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crowd_is_as_ordered_and_the_same_each_time() {
        let options = Options { players: 20_000, ..Options::default() };
        let all = arrivals(&options);
        let people: usize = all.iter().map(|arrival| arrival.wish.players.len()).sum();
        let minutes = all[all.len() - 1].at.as_secs_f64() / 60.0;
        let per_minute = people as f64 / minutes;
        assert!(
            (per_minute - f64::from(options.per_minute)).abs() < f64::from(options.per_minute) * 0.05,
            "{per_minute}"
        );
        let truth: Vec<f64> = all.iter().flat_map(|arrival| arrival.truth.clone()).collect();
        let mean = truth.iter().sum::<f64>() / truth.len() as f64;
        let spread = (truth.iter().map(|points| (points - mean).powi(2)).sum::<f64>() / truth.len() as f64).sqrt();
        assert!((mean - 1_000.0).abs() < 10.0 && (spread - 250.0).abs() < 5.0, "{mean} {spread}");
        let again = arrivals(&options);
        assert!(all.iter().zip(&again).all(|(a, b)| a.at == b.at && a.wish == b.wish && a.truth == b.truth));
    }
}
