//! What time is it on the server?
//!
//! [`Clock`] watches when snapshots arrive. The one with the least delay in the last [`WINDOW`] tells which tick is arriving right now
//! at best; half of the least round trip on top is what the server executes right now. Minima are used because delay only ever adds
//! (Cristian 1989; the clock filter of NTP, RFC 5905, 10). Two clocks that differ by 200 ppm drift by 0.4 ms within the window, so no
//! line is fitted. When the server's clock steps ahead or the path becomes shorter, the next snapshot tells; when it steps back or
//! the path becomes longer, all snapshots of [`STEP_WINDOW`] do.
//!
//! Flow: snapshot → [`Clock::observe`] → `pacing`, `interpolate`.

use game::{Tick, tick::TICK_HZ};
use std::collections::VecDeque;
use web_time::{Duration, Instant};

/// How far back minima look: long enough to see the true minimum, short enough to follow a changed path.
pub const WINDOW: Duration = Duration::from_secs(2);
/// How far back the least round trip looks. Both of its ways must be lucky at once, which takes longer.
pub const TRIP_WINDOW: Duration = Duration::from_secs(10);
/// If all snapshots of this time are later than the best before by [`STEP_TICKS`], the best before is no longer true.
pub const STEP_WINDOW: Duration = Duration::from_millis(500);
/// See [`STEP_WINDOW`].
pub const STEP_TICKS: f64 = 1.5;
/// As many must have come in each half of it: a burst behind a stall is no step.
const STEP_SAMPLES: usize = 3;

const HZ: f64 = TICK_HZ as f64;
/// Weight of a new sample in the smoothed round trip and jitter (RFC 6298 uses 1/8 and 1/4; snapshots are far more frequent).
const SMOOTHING: f64 = 1.0 / 16.0;

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    /// Tick less arrival time in ticks: the larger, the less delayed.
    offset: f64,
}

/// Estimate of the server's tick and of the path to it.
#[derive(Clone, Debug)]
pub struct Clock {
    zero: Instant,
    samples: VecDeque<Sample>,
    best_offset: f64,
    /// Round trips of the last while that no later one undercuts, the least first.
    trips: VecDeque<(Instant, f64)>,
    least_round_trip: f64,
    round_trip: Option<f64>,
    round_trip_jitter: f64,
}

impl Clock {
    /// Returns a clock that knows nothing.
    pub const fn new(now: Instant) -> Self {
        Self {
            zero: now,
            samples: VecDeque::new(),
            best_offset: 0.0,
            trips: VecDeque::new(),
            least_round_trip: 0.0,
            round_trip: None,
            round_trip_jitter: 0.0,
        }
    }

    /// Takes note that the snapshot of `tick` arrived at `at`, and of the round trip if one was measured.
    pub fn observe(&mut self, tick: Tick, at: Instant, round_trip: Option<Duration>) {
        let round_trip = round_trip.map(|rtt| rtt.as_secs_f64());
        let offset = f64::from(tick.0) - self.seconds(at) * HZ;
        self.samples.push_back(Sample { at, offset });
        while self.samples.front().is_some_and(|s| at.saturating_duration_since(s.at) > WINDOW) {
            self.samples.pop_front();
        }
        self.notice_step(at);
        self.best_offset = self.samples.iter().map(|s| s.offset).fold(f64::NEG_INFINITY, f64::max);
        if let Some(rtt) = round_trip {
            let smooth = self.round_trip.unwrap_or(rtt);
            self.round_trip_jitter += ((rtt - smooth).abs() - self.round_trip_jitter) * SMOOTHING;
            self.round_trip = Some(smooth + (rtt - smooth) * SMOOTHING);
            while self.trips.pop_back_if(|(_, before)| *before >= rtt).is_some() {}
            self.trips.push_back((at, rtt));
        }
        while self.trips.pop_front_if(|(then, _)| at.saturating_duration_since(*then) > TRIP_WINDOW).is_some() {}
        self.least_round_trip = self.trips.front().map_or(self.least_round_trip, |(_, least)| *least);
    }

    /// Forgets samples that the last ones contradict.
    fn notice_step(&mut self, at: Instant) {
        let age = |s: &Sample| at.saturating_duration_since(s.at);
        let (mut fresh, mut older, mut best) = (0_usize, 0_usize, f64::NEG_INFINITY);
        for sample in self.samples.iter().rev().take_while(|s| age(s) <= STEP_WINDOW) {
            let half = if age(sample) <= STEP_WINDOW.div_f64(2.0) { &mut fresh } else { &mut older };
            *half = half.saturating_add(1);
            best = best.max(sample.offset);
        }
        if fresh.min(older) >= STEP_SAMPLES && best < self.best_offset - STEP_TICKS {
            self.samples.retain(|s| age(s) <= STEP_WINDOW);
            // Round trips from around the step had one way before it and one behind.
            self.trips.retain(|(then, _)| at.saturating_duration_since(*then) <= STEP_WINDOW.div_f64(2.0));
        }
    }

    /// Forgets the path: another wire drives now. The tick itself goes on.
    pub fn path_changed(&mut self) {
        self.samples.clear();
        self.trips.clear();
        self.round_trip = None;
        self.round_trip_jitter = 0.0;
    }

    /// Returns whether anything was observed yet.
    pub fn is_set(&self) -> bool {
        self.best_offset != 0.0 || !self.samples.is_empty()
    }

    /// Returns the tick whose snapshot would arrive at `now` if nothing delayed it.
    pub fn arriving(&self, now: Instant) -> f64 {
        self.seconds(now) * HZ + self.best_offset
    }

    /// Returns the tick that the server executes at `now`.
    pub fn server_tick(&self, now: Instant) -> f64 {
        self.arriving(now) + self.least_round_trip * HZ / 2.0
    }

    /// Returns the smoothed round trip.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(Duration::from_secs_f64)
    }

    /// Returns the smoothed deviation of the round trip.
    pub fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.round_trip_jitter)
    }

    /// Returns how many ticks ahead of [`Self::local_ticks`] a command must leave to arrive at its tick if nothing delays it.
    pub const fn least_lead(&self) -> f64 {
        self.best_offset + self.least_round_trip * HZ
    }

    /// Returns the own clock at `at`, in ticks since it was made.
    pub fn local_ticks(&self, at: Instant) -> f64 {
        self.seconds(at) * HZ
    }

    fn seconds(&self, at: Instant) -> f64 {
        let after = at.saturating_duration_since(self.zero).as_secs_f64();
        after - self.zero.saturating_duration_since(at).as_secs_f64()
    }
}
