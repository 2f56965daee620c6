//! When did the server execute a tick? Known from an observer that sits beside the server and sees every snapshot at once.
//!
//! A player's own estimate of the server's clock rests on the very path that is being measured, so it cannot judge the picture. The
//! observer's snapshots come over loopback without weather; the one with the least delay within a second tells when its tick was
//! executed, encoded and sent, and every other tick follows, because ticks are evenly spaced. Observer and player run in one process
//! and share its monotonic clock.
//!
//! Flow: `flight.rs` → [`TruthClock`] → `figures.rs`.

use game::tick::TICK_HZ;

/// Length of a tick, milliseconds.
pub(super) const TICK_MS: f64 = 1_000.0 / TICK_HZ as f64;
/// How far around a tick snapshots are looked at: long enough that one of them came without delay, short enough to follow a server
/// that has moved its schedule.
const WINDOW_TICKS: u32 = TICK_HZ;

/// A snapshot of `tick` that arrived at `at`, milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sighting {
    /// Its tick.
    pub(super) tick: u32,
    /// When it arrived.
    pub(super) at: f64,
}

/// Tells when ticks were executed.
#[derive(Clone, Debug)]
pub(super) struct TruthClock {
    /// Ticks seen, rising, each with the least of "arrival less tick" around it, milliseconds.
    offsets: Vec<(u32, f64)>,
}

impl TruthClock {
    /// Makes a clock from what the observer saw, oldest first. None if it saw nothing.
    pub(super) fn new(seen: &[Sighting]) -> Option<Self> {
        let offset = |s: &Sighting| s.at - f64::from(s.tick) * TICK_MS;
        let mut from = 0;
        let mut offsets = Vec::with_capacity(seen.len());
        for sighting in seen {
            let near = |other: &Sighting| other.tick.abs_diff(sighting.tick) <= WINDOW_TICKS;
            while seen.get(from).is_some_and(|first| !near(first)) {
                from += 1;
            }
            let around = seen.iter().skip(from).take_while(|s| near(s));
            offsets.push((sighting.tick, around.map(offset).fold(f64::INFINITY, f64::min)));
        }
        (!offsets.is_empty()).then_some(Self { offsets })
    }

    /// Returns when `tick` was executed, milliseconds since the start.
    pub(super) fn time_of(&self, tick: f64) -> f64 {
        let after = self.offsets.partition_point(|(seen, _)| f64::from(*seen) < tick);
        let nearest = self.offsets.get(after).or(self.offsets.last());
        tick * TICK_MS + nearest.map_or(0.0, |(_, offset)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::rng::Rng;

    /// Ten seconds of snapshots, each up to 9 ms late, some lost.
    fn restless(moved_at: u32, by: f64) -> Vec<Sighting> {
        let mut rng = Rng::new(3);
        let all = (1_000..1_600).map(|tick| {
            let late = f64::from(rng.unit_f32()) * 9.0 + if tick >= moved_at { by } else { 0.0 };
            Sighting { tick, at: f64::from(tick) * TICK_MS - 16_000.0 + late }
        });
        all.filter(|s| s.tick % 7 != 0).collect()
    }

    #[test]
    fn the_least_delayed_snapshot_tells_the_time_of_all() {
        let clock = TruthClock::new(&restless(u32::MAX, 0.0)).expect("it saw some");
        for tick in [1_000.0, 1_000.5, 1_234.0, 1_599.0, 1_610.0] {
            let error = clock.time_of(tick) - (tick * TICK_MS - 16_000.0);
            assert!((0.0..0.5).contains(&error), "tick {tick}: {error} ms");
        }
    }

    #[test]
    fn a_schedule_that_has_moved_is_followed_within_a_second() {
        let clock = TruthClock::new(&restless(1_300, 200.0)).expect("it saw some");
        let error = |tick: f64| clock.time_of(tick) - (tick * TICK_MS - 16_000.0);
        assert!((0.0..0.5).contains(&error(1_290.0)), "before: {}", error(1_290.0));
        assert!((200.0..200.5).contains(&error(1_365.0)), "after: {}", error(1_365.0));
    }

    #[test]
    fn whoever_saw_nothing_knows_nothing() {
        assert!(TruthClock::new(&[]).is_none());
    }
}
