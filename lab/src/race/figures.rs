//! From what was seen to what it means: the figures of a row. Pure: a track in, a row out.
//!
//! *Picture age* is the present less the time of the newest tick held, by the truth clock, at every millisecond. A *stall* is a time of
//! [`STALL_MS`] or more without a newer snapshot. *Applied* is the time from a key press to the tick in which the server acted on it,
//! *confirmed* that until a snapshot of this tick is held. The *interpolation delay* is how far the tick on screen lies behind what would
//! arrive without any delay but the path's least one; an *underrun* is a frame for which that tick had not arrived yet (both as the
//! player counts them, see `protocol::interpolate`).
//!
//! Flow: `flight.rs` → [`Row::of`] → `table.rs`, JSON, `page/`.

use super::flight::Track;
use super::options::Course;
use super::presses::{Held, answer};
use super::truth::TruthClock;
use crate::report::{Percentiles, Times};
use serde::Serialize;
use std::time::Duration;

/// Time without a newer snapshot that counts as a stall, milliseconds: three snapshots at 30 per second, and seen by anybody.
pub(super) const STALL_MS: f64 = 100.0;
/// Lateness of the server's ticks from which on a row says more about the machine than about the wire.
const DISTURBED_MS: f64 = 5.0;
/// Columns of a timeline.
const COLUMNS: usize = 600;
/// Shares of the time at which the distribution is drawn: the tail is what matters.
const SHARES: [f64; 31] = [
    0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95,
    0.965, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999, 0.9995,
];

/// What one wire did in one weather.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    /// Name of the weather.
    pub(super) course: String,
    /// The weather as it is typed.
    pub(super) weather: String,
    /// One line about the weather.
    #[serde(skip)]
    pub(super) about: String,
    /// `model` or `real`.
    pub(super) link: String,
    /// The wire.
    pub(super) wire: String,
    /// Seconds measured.
    pub(super) seconds: f64,
    /// Picture age.
    pub(super) picture_age_ms: Percentiles,
    /// Snapshots held.
    pub(super) snapshots: u64,
    /// From a tick to its snapshot being held: the least, and percentiles.
    pub(super) downlink_least_ms: f64,
    /// Times without news.
    pub(super) stalls: Stalls,
    /// Key presses.
    pub(super) presses: PressFigures,
    /// Everybody else on screen.
    pub(super) interpolation: Interpolation,
    /// Commands whose tick is over.
    pub(super) commands: u64,
    /// Those that the server executed at their tick.
    pub(super) executed: u64,
    /// The server's word about the own ship differed from the prediction.
    pub(super) corrections: u64,
    /// Those for which the own ship had to be moved by more than its radius.
    pub(super) large_corrections: u64,
    /// Round trip as the player measures it, at the end.
    pub(super) round_trip_ms: Option<f64>,
    /// Bytes per second from the server, with every header down to IP.
    pub(super) wire_in_s: f64,
    /// The same to the server.
    pub(super) wire_out_s: f64,
    /// Bytes of messages per second from the server.
    pub(super) bytes_in_s: f64,
    /// The same to the server.
    pub(super) bytes_out_s: f64,
    /// Driving links lost.
    pub(super) links_lost: u64,
    /// Messages that could not be used.
    pub(super) decode_errors: u64,
    /// Time for which another wire had to stand in.
    pub(super) away_ms: f64,
    /// How often the bench itself came late, by more than 5 ms.
    pub(super) hiccups: u64,
    /// The longest that the bench itself slept too long.
    pub(super) longest_turn_ms: f64,
    /// By how much the server's snapshots came late to the observer, whom no weather troubles.
    pub(super) server_late_ms: Percentiles,
    /// For the plots.
    #[serde(skip)]
    pub(super) plot: Plot,
}

/// Times of [`STALL_MS`] or more without a newer snapshot.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Stalls {
    /// How many.
    pub(super) count: u64,
    /// The longest time without a newer snapshot, stall or not.
    pub(super) longest_ms: f64,
    /// All of them together.
    pub(super) total_ms: f64,
}

/// What became of the key presses.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct PressFigures {
    /// Keys pressed.
    pub(super) pressed: u64,
    /// Those whose command missed its tick, or may have.
    pub(super) late: u64,
    /// Those of which nothing was heard by the end.
    pub(super) unanswered: u64,
    /// From the press to the tick in which the server acted on it.
    pub(super) applied_ms: Percentiles,
    /// From the press until a snapshot of that tick was held.
    pub(super) confirmed_ms: Percentiles,
    /// Mean wait for the next command.
    pub(super) wait_ms: f64,
    /// Mean time from the command to its tick on the server: the way, and the wait for the tick.
    pub(super) up_ms: f64,
    /// The part of it that was spent on the server, by the player's own reckoning.
    pub(super) server_ms: f64,
    /// Mean time from that tick to its snapshot.
    pub(super) down_ms: f64,
}

/// How everybody else is shown.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Interpolation {
    /// Delay beyond what the path itself takes at least.
    pub(super) delay_ms: Percentiles,
    /// Its mean.
    pub(super) mean_ms: f64,
    /// Share of frames that had to guess, 0 to 1.
    pub(super) underruns: f64,
}

/// What the plots need.
#[derive(Clone, Debug, Default)]
pub(super) struct Plot {
    /// Picture age that was not exceeded, milliseconds, for rising shares of the time.
    pub(super) ages: Vec<(f64, f64)>,
    /// Oldest picture in each of equally long pieces of the row, milliseconds.
    pub(super) timeline: Vec<f64>,
}

impl Row {
    /// Judges a track. None if the observer or the player saw nothing.
    pub(super) fn of(track: &Track, course: &Course, wire: &str, link: &str) -> Option<Self> {
        let truth = TruthClock::new(&track.observed)?;
        track.held.first()?;
        let seconds = track.length_ms / 1_000.0;
        let per_second = |bytes: u64| (bytes as f64 / seconds.max(0.001)).round();
        let least =
            track.held.iter().map(|held| held.at - truth.time_of(f64::from(held.tick))).fold(f64::MAX, f64::min);
        let (ages, timeline) = picture_ages(track, &truth);
        let totals = &track.totals;
        Some(Self {
            course: course.name.clone(),
            weather: course.weather.to_string(),
            about: course.about.clone(),
            link: link.to_owned(),
            wire: wire.to_owned(),
            seconds,
            picture_age_ms: ages.percentiles(),
            snapshots: track.held.len() as u64,
            downlink_least_ms: least,
            stalls: stalls(&track.held, track.length_ms),
            presses: presses(track, &truth),
            interpolation: interpolation(track),
            commands: totals.commands,
            executed: totals.executed,
            corrections: totals.corrections,
            large_corrections: totals.large_corrections,
            round_trip_ms: totals.round_trip.map(|rtt| rtt.as_secs_f64() * 1_000.0),
            wire_in_s: per_second(totals.wire_bytes.0),
            wire_out_s: per_second(totals.wire_bytes.1),
            bytes_in_s: per_second(totals.bytes.0),
            bytes_out_s: per_second(totals.bytes.1),
            links_lost: totals.links_lost,
            decode_errors: totals.decode_errors,
            away_ms: track.away_ms,
            hiccups: track.hiccups,
            longest_turn_ms: track.longest_turn_ms,
            server_late_ms: times(track.observed.iter().map(|s| s.at - truth.time_of(f64::from(s.tick)))).percentiles(),
            plot: Plot { ages: SHARES.iter().map(|share| (*share, ages.at(*share))).collect(), timeline },
        })
    }

    /// Returns whether the machine was too busy for the row to be about the wire.
    pub(super) fn was_disturbed(&self) -> bool {
        self.server_late_ms.p99 > DISTURBED_MS || self.longest_turn_ms > 4.0 * DISTURBED_MS
    }

    /// Returns the share of commands that were executed at their tick, 0 to 1.
    pub(super) fn executed_share(&self) -> f64 {
        self.executed as f64 / self.commands.max(1) as f64
    }
}

fn times(all: impl IntoIterator<Item = f64>) -> Times {
    let mut times = Times::default();
    all.into_iter().for_each(|ms| times.add(Duration::from_secs_f64(ms.max(0.0) / 1_000.0)));
    times
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / (all.len().max(1) as f64)
}

/// Samples the picture age at every millisecond. Returns all, and the oldest in each column of the timeline.
fn picture_ages(track: &Track, truth: &TruthClock) -> (Times, Vec<f64>) {
    let length = track.length_ms.max(1.0) as usize;
    let mut timeline = vec![0.0_f64; COLUMNS.min(length)];
    let mut ages = Times::default();
    let mut held = track.held.iter().peekable();
    let mut newest: Option<f64> = None;
    for ms in 0..length {
        let now = ms as f64;
        while let Some(next) = held.next_if(|held| held.at <= now) {
            newest = Some(truth.time_of(f64::from(next.tick)));
        }
        let Some(executed) = newest else { continue };
        let age = (now - executed).max(0.0);
        ages.add(Duration::from_secs_f64(age / 1_000.0));
        let column = ms * timeline.len() / length;
        if let Some(oldest) = timeline.get_mut(column) {
            *oldest = oldest.max(age);
        }
    }
    (ages, timeline)
}

fn stalls(held: &[Held], length: f64) -> Stalls {
    let mut stalls = Stalls::default();
    let ends = held.iter().skip(1).map(|held| held.at).chain([length]);
    for (from, to) in held.iter().map(|held| held.at).zip(ends) {
        let gap = to - from.max(0.0);
        stalls.longest_ms = stalls.longest_ms.max(gap);
        if gap >= STALL_MS {
            stalls.count += 1;
            stalls.total_ms += gap;
        }
    }
    stalls
}

fn presses(track: &Track, truth: &TruthClock) -> PressFigures {
    let answered: Vec<_> = track.presses.iter().filter_map(|p| Some((p, answer(p, &track.held)?))).collect();
    let tick_at: Vec<f64> = answered.iter().map(|(_, answer)| truth.time_of(f64::from(answer.tick))).collect();
    let all = || answered.iter().zip(&tick_at).map(|((press, answer), at)| (press, answer, *at));
    let collect = |part: fn((&super::presses::Press, &super::presses::Answer, f64)) -> f64| {
        all().map(|(press, answer, at)| part((press, answer, at))).collect::<Vec<f64>>()
    };
    let applied = collect(|(press, _, at)| at - press.at);
    let confirmed = collect(|(press, answer, _)| answer.held - press.at);
    PressFigures {
        pressed: track.presses.len() as u64,
        late: answered.iter().filter(|(_, answer)| answer.late).count() as u64,
        unanswered: (track.presses.len() - answered.len()) as u64,
        applied_ms: times(applied).percentiles(),
        confirmed_ms: times(confirmed).percentiles(),
        wait_ms: mean(&collect(|(press, _, _)| press.flown - press.at)),
        up_ms: mean(&collect(|(press, _, at)| at - press.flown)),
        server_ms: mean(&track.server_ms),
        down_ms: mean(&collect(|(_, answer, at)| answer.held - at)),
    }
}

fn interpolation(track: &Track) -> Interpolation {
    Interpolation {
        mean_ms: mean(&track.interpolation_ms),
        delay_ms: times(track.interpolation_ms.iter().copied()).percentiles(),
        underruns: track.totals.underruns as f64 / track.totals.frames.max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::super::flight::Totals;
    use super::super::presses::Press;
    use super::super::truth::{Sighting, TICK_MS};
    use super::*;
    use transport::weather::Weather;

    /// Two seconds at 60 snapshots per second over a path of 25 ms, with everything between the given ticks lost.
    fn track(lost: std::ops::Range<u32>) -> Track {
        let at = |tick: u32| f64::from(tick - 1_000) * TICK_MS;
        let came: Vec<u32> = (998..1_120).filter(|tick| !lost.contains(tick)).collect();
        Track {
            observed: (1_000..1_120).map(|tick| Sighting { tick, at: at(tick) }).collect(),
            held: came
                .iter()
                .map(|t| Held {
                    tick: *t,
                    at: f64::from(*t) * TICK_MS - 1_000.0 * TICK_MS + 25.0,
                    executed: u64::from(*t),
                })
                .collect(),
            presses: vec![Press { at: 500.0, flown: 510.0, tick: 1_034 }],
            interpolation_ms: vec![17.0, 19.0],
            server_ms: vec![6.0, 8.0],
            totals: Totals { frames: 200, underruns: 3, ..Totals::default() },
            length_ms: 2_000.0,
            ..Track::default()
        }
    }

    fn row(track: &Track) -> Row {
        let course = Course { name: "test".into(), about: String::new(), weather: Weather::CALM };
        Row::of(track, &course, "udp", "model").expect("both saw something")
    }

    #[test]
    fn a_steady_path_shows_a_picture_from_its_delay_to_one_interval_more() {
        let row = row(&track(0..0));
        let age = row.picture_age_ms;
        assert!((age.p50 - 33.3).abs() < 1.2 && (age.max - 41.7).abs() < 1.2, "{age:?}");
        assert!((row.downlink_least_ms - 25.0).abs() < 0.01);
        assert_eq!(row.stalls.count, 0);
    }

    #[test]
    fn a_gap_is_a_stall_and_shows_in_age_and_timeline() {
        let row = row(&track(1_030..1_041));
        // From the arrival of tick 1029 to that of 1041.
        assert_eq!(row.stalls.count, 1);
        assert!((row.stalls.longest_ms - 12.0 * TICK_MS).abs() < 0.01, "{:?}", row.stalls);
        assert!((row.picture_age_ms.max - (25.0 + 12.0 * TICK_MS)).abs() < 1.2, "{:?}", row.picture_age_ms);
        let oldest = row.plot.timeline.iter().copied().fold(0.0, f64::max);
        assert!((oldest - row.picture_age_ms.max).abs() < 1.2);
    }

    #[test]
    fn a_press_is_cut_into_its_parts() {
        let presses = row(&track(0..0)).presses;
        assert_eq!((presses.pressed, presses.late, presses.unanswered), (1, 0, 0));
        let applied = 34.0 * TICK_MS - 500.0;
        assert!((presses.applied_ms.p50 - applied).abs() < 0.1, "{presses:?}");
        assert!((presses.confirmed_ms.p50 - (applied + 25.0)).abs() < 0.1, "{presses:?}");
        assert!((presses.wait_ms + presses.up_ms + presses.down_ms - (applied + 25.0)).abs() < 0.01, "{presses:?}");
    }

    #[test]
    fn interpolation_and_the_wait_on_the_server_are_means_of_all_frames() {
        let row = row(&track(0..0));
        assert!((row.interpolation.mean_ms - 18.0).abs() < 0.01 && (row.presses.server_ms - 7.0).abs() < 0.01);
        assert!((row.interpolation.underruns - 0.015).abs() < 1e-9);
    }

    #[test]
    fn a_row_that_nobody_saw_is_none() {
        let course = Course { name: String::new(), about: String::new(), weather: Weather::CALM };
        assert!(Row::of(&Track::default(), &course, "udp", "model").is_none());
    }
}
