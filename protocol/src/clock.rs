//! What time is it on the server, and when must the next command leave?
//!
//! [`Clock`] watches when snapshots arrive. The one with the least delay in the last [`WINDOW`] tells which tick is arriving right now
//! at best; half of the least round trip on top is what the server executes right now. Minima are used because delay only ever adds.
//!
//! [`Pacer`] runs a local tick ahead of that, so far that commands arrive shortly before their tick. The server reports the margin by
//! which they did; too little is answered at once, too much is given back slowly, and the local clock is stretched by at most
//! [`MAX_STRETCH`]. It jumps only when it is far off: at the first round trip, after a pause, on a path that has become much longer.
//!
//! Flow: snapshot → [`Clock::observe`], [`Pacer::report`] → [`Pacer::due`] → `predict`, `session::client`.

use game::{Tick, tick::TICK_HZ};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back minima look: long enough to see the true minimum, short enough to follow a changed path.
pub const WINDOW: Duration = Duration::from_secs(2);
/// Largest stretch of the local clock.
pub const MAX_STRETCH: f64 = 0.05;

const HZ: f64 = TICK_HZ as f64;
/// Beyond this many ticks the local clock jumps ahead instead of stretching: commands that are late are worth nothing.
const JUMP_TICKS: f64 = 3.0;
/// And beyond this many it jumps back.
const JUMP_BACK_TICKS: f64 = 10.0;
/// Most commands asked for at once after a hiccup; older ticks are skipped.
const MAX_BACKLOG: u32 = 6;
/// The margin that is aimed for, seconds, before jitter: the server's own scheduling must fit in.
const WISHED_MARGIN: f64 = 0.006;
/// Ticks on top of the least lead, until the first margin is known.
const FIRST_LEAD: f64 = 1.0;
/// Most ticks on top of the least lead; the server refuses what is further ahead than its own limit.
const MAX_LEAD: f64 = 30.0;
/// Ticks of margin beyond the wished one that are given back slowly.
const SPARE_TICKS: f64 = 3.0;
/// Commands whose phase is remembered: a round trip of two seconds.
const HISTORY: usize = 128;
/// Ticks over which the commands that a report is about were issued: the time between two snapshots at 20 per second.
const REPORTED_TICKS: f64 = 3.0;
/// Weight of a new sample in the smoothed round trip and jitter (RFC 6298 uses 1/8 and 1/4; snapshots are far more frequent).
const SMOOTHING: f64 = 1.0 / 16.0;

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    /// Tick less arrival time in ticks: the larger, the less delayed.
    offset: f64,
    round_trip: Option<f64>,
}

/// Estimate of the server's tick and of the path to it.
#[derive(Clone, Debug)]
pub struct Clock {
    zero: Instant,
    samples: VecDeque<Sample>,
    best_offset: f64,
    least_round_trip: f64,
    round_trip: Option<f64>,
    round_trip_jitter: f64,
    late: f64,
}

impl Clock {
    /// Returns a clock that knows nothing.
    pub const fn new(now: Instant) -> Self {
        Self {
            zero: now,
            samples: VecDeque::new(),
            best_offset: 0.0,
            least_round_trip: 0.0,
            round_trip: None,
            round_trip_jitter: 0.0,
            late: 0.0,
        }
    }

    /// Takes note that the snapshot of `tick` arrived at `at`, and of the round trip if one was measured.
    pub fn observe(&mut self, tick: Tick, at: Instant, round_trip: Option<Duration>) {
        let round_trip = round_trip.map(|rtt| rtt.as_secs_f64());
        let offset = f64::from(tick.0) - self.seconds(at) * HZ;
        self.samples.push_back(Sample { at, offset, round_trip });
        while self.samples.front().is_some_and(|s| at.saturating_duration_since(s.at) > WINDOW) {
            self.samples.pop_front();
        }
        self.best_offset = self.samples.iter().map(|s| s.offset).fold(f64::NEG_INFINITY, f64::max);
        let least = self.samples.iter().filter_map(|s| s.round_trip).fold(f64::INFINITY, f64::min);
        if least.is_finite() {
            self.least_round_trip = least;
        }
        if let Some(rtt) = round_trip {
            let smooth = self.round_trip.unwrap_or(rtt);
            self.round_trip_jitter += ((rtt - smooth).abs() - self.round_trip_jitter) * SMOOTHING;
            self.round_trip = Some(smooth + (rtt - smooth) * SMOOTHING);
        }
        let late = (self.best_offset - offset) / HZ;
        // Lateness rises at once and falls slowly, so that one burst is not forgotten before the next.
        self.late =
            if late > self.late { self.late + (late - self.late) * 0.5 } else { self.late + (late - self.late) * 0.02 };
    }

    /// Forgets the path: another wire drives now. The tick itself goes on.
    pub fn path_changed(&mut self) {
        self.samples.clear();
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

    /// Returns by how many ticks snapshots have been later than the earliest, lately.
    pub fn lateness(&self) -> f64 {
        self.late * HZ
    }

    fn seconds(&self, at: Instant) -> f64 {
        let after = at.saturating_duration_since(self.zero).as_secs_f64();
        after - self.zero.saturating_duration_since(at).as_secs_f64()
    }
}

/// The local tick that commands are made for.
#[derive(Clone, Debug)]
pub struct Pacer {
    phase: Option<(f64, Instant)>,
    issued: Tick,
    /// How far ahead of the local clock the phase shall be, in ticks.
    wished: f64,
    /// When each of the last commands was issued, in ticks of the local clock, and how far ahead of it the phase was.
    history: VecDeque<(f64, f64)>,
    reported: Option<(i16, Duration)>,
    /// No round trip is known yet, so the phase is only a guess.
    guessing: bool,
}

impl Default for Pacer {
    fn default() -> Self {
        Self { phase: None, issued: Tick(0), wished: 0.0, history: VecDeque::new(), reported: None, guessing: true }
    }
}

impl Pacer {
    /// Takes note of the margin that the server reported, in quarter milliseconds, on a path with this `jitter`.
    pub const fn report(&mut self, margin: i16, jitter: Duration) {
        self.reported = Some((margin, jitter));
    }

    /// Moves the wished phase to where the reported command would have had the wished margin.
    ///
    /// That command was issued a round trip ago, from a phase that may have been on its way since. So what it lacks is added to the phase
    /// of then, not to the one of now: otherwise the same lack would be answered again and again, until the first answer shows.
    fn weigh(&mut self, clock: &Clock, local: f64) {
        let Some((margin, jitter)) = self.reported.take() else { return };
        let Some(round_trip) = clock.samples.iter().rev().find_map(|sample| sample.round_trip) else { return };
        let until = local - round_trip * HZ;
        let since = until - REPORTED_TICKS;
        if self.history.front().is_none_or(|(first, _)| *first > since) {
            return;
        }
        // The margin is the least of all those commands.
        let reported = self.history.iter().filter(|(at, _)| (since..=until).contains(at));
        let phase = reported.fold(f64::INFINITY, |least, (_, phase)| least.min(*phase));
        if !phase.is_finite() {
            return;
        }
        let margin_ticks = f64::from(margin) / 4_000.0 * HZ;
        let lack = phase + (WISHED_MARGIN + 2.0 * jitter.as_secs_f64()) * HZ - margin_ticks - self.wished;
        self.wished += if lack > 0.0 {
            lack.min(2.0) * 0.5
        } else {
            // What nobody needs for long is given back soon, the rest slowly: it may be needed again.
            lack * 0.004 + (lack + SPARE_TICKS).min(0.0) * 0.05
        };
    }

    /// Returns the tick for which a command is due at `now`, if one is. Ask again until none is.
    pub fn due(&mut self, clock: &Clock, now: Instant) -> Option<Tick> {
        if !clock.is_set() {
            return None;
        }
        let local = clock.seconds(now) * HZ;
        // Sent from this phase, a command arrives at its tick if nothing delays it.
        let least = clock.best_offset + clock.least_round_trip * HZ;
        if self.guessing {
            self.guessing = clock.round_trip.is_none();
            self.wished = least + FIRST_LEAD;
            if !self.guessing {
                self.phase = None;
                self.history.clear();
            }
        }
        self.weigh(clock, local);
        self.wished = self.wished.clamp(least, least + MAX_LEAD);
        let target = local + self.wished;
        let phase = match self.phase {
            Some((phase, then)) => {
                let passed = now.saturating_duration_since(then).as_secs_f64() * HZ;
                let error = target - (phase + passed);
                let stretched = phase + passed * (1.0 + (error * 0.1).clamp(-MAX_STRETCH, MAX_STRETCH));
                if (-JUMP_BACK_TICKS..=JUMP_TICKS).contains(&error) { stretched } else { target }
            }
            None => target,
        };
        self.phase = Some((phase, now));
        let reached = Tick(phase.clamp(0.0, f64::from(u32::MAX)) as u32);
        if reached <= self.issued {
            return None;
        }
        self.issued = self.issued.next().max(reached.minus(MAX_BACKLOG));
        // A command that is made up for leaves later than the phase says.
        self.history.push_back((local, phase.min(f64::from(self.issued.0) + 1.0) - local));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        Some(self.issued)
    }

    /// Returns the local tick as it runs, fraction included.
    pub fn phase(&self) -> Option<f64> {
        self.phase.map(|(phase, _)| phase)
    }

    /// Returns how many ticks commands run ahead of the server.
    pub fn ahead(&self, clock: &Clock, now: Instant) -> f64 {
        self.phase.map_or(0.0, |(phase, _)| phase - clock.server_tick(now))
    }
}
