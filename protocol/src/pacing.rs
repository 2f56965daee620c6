//! When must the next command leave, so that it arrives shortly before its tick?
//!
//! [`Pacer`] runs a local tick ahead of the server's. The server reports the margin by which commands beat their tick; how far ahead they
//! left less that margin is what they *needed*, however far ahead that was, so answering cannot swing. The needs of
//! the last [`WINDOW`] are kept, one per command, and the phase is set where at most [`LATE_SHARE`] of them would have come late, plus
//! [`SAFETY`] and the time of a frame, for which a command may have to wait before it leaves. So the lead follows what the wire really does: nothing on a calm path, a tick or two where datagrams are lost (a
//! repetition comes a tick later), many where a stream stalls, [`MAX_LEAD`] at most.
//!
//! How often commands are repeated follows from the same figures: a copy is of use only if it can still come before its tick
//! ([`Pacer::repetitions`]).
//!
//! The local clock is stretched towards the wished phase, never by more than [`MAX_STRETCH`] for small errors. It jumps only ahead, and
//! only if even the usual command would be late: at the first round trip, after a pause, on a path that has become much longer.
//!
//! Flow: snapshot → `clock`, [`Pacer::report`] → [`Pacer::due`] → `predict`, `session::client`.

use crate::clock::Clock;
use crate::limits::{BUNDLE_COMMANDS, MAX_COMMAND_LEAD};
use crate::quantile::{Recent, Tooth};
use game::{Tick, tick::TICK_HZ};
use std::collections::VecDeque;
use web_time::{Duration, Instant};

/// How far back needs are remembered.
pub const WINDOW: Duration = Duration::from_secs(15);
/// Share of commands that may come late. Two in a thousand leave room below the half percent that is promised for bad weather.
pub const LATE_SHARE: f64 = 0.002;
/// Largest stretch of the local clock while it is near the wished phase.
pub const MAX_STRETCH: f64 = 0.05;
/// Most ticks on top of the least lead: 0.25 s. Behind a stall of a stream more would save a little (a tenth of a second for four commands
/// in a thousand), but the own ship would live too far ahead of everybody else's.
pub const MAX_LEAD: f64 = 15.0;

const HZ: f64 = TICK_HZ as f64;
/// Seconds on top of what was needed lately: the server's own scheduling must fit in.
const SAFETY: f64 = 0.006;
/// Beyond this many ticks of error the clock is stretched more, and by how much per tick, up to [`MOST_STRETCH`].
const NEAR_TICKS: f64 = 1.5;
const STRETCH_PER_TICK: f64 = 0.03;
const MOST_STRETCH: f64 = 0.25;
/// Behind what the usual command needs by this many ticks, the local clock jumps ahead: commands that are late are worth nothing.
const JUMP_TICKS: f64 = 3.0;
/// Beyond this many ticks it jumps in either direction: the machine slept, or the server began anew.
const FAR_TICKS: f64 = 60.0;
/// Most commands asked for at once after a hiccup; older ticks are skipped.
const MAX_BACKLOG: u32 = 6;
/// Ticks on top of the least lead, until the first margin is known.
const FIRST_LEAD: f64 = 1.0;
/// Commands whose phase is remembered: a round trip of two seconds.
const HISTORY: usize = 128;
/// What a stamp may be off by, ticks: it counts quarter milliseconds.
const STAMP_TICKS: f64 = 0.05;
/// Weight of a new frame in the smoothed time between frames, and the longest that counts, ticks.
const FRAME_SMOOTHING: f64 = 1.0 / 16.0;
const LONGEST_FRAME: f64 = 2.0;
/// Time after which the wished phase is worked out anew even if nothing exceeded it.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The local tick that commands are made for.
#[derive(Clone, Debug)]
pub struct Pacer {
    phase: Option<(f64, Instant)>,
    issued: Tick,
    /// Phase less margin of the last commands, ticks ahead of the local clock.
    needs: Recent,
    /// The worst of each report only, to tell what is usual.
    worst: Recent,
    /// How far ahead of the local clock the phase shall be, in ticks, and what the usual command needs.
    wished: f64,
    usual: Option<f64>,
    looked: Option<Instant>,
    /// When each of the last commands was issued, in ticks of the local clock, and how far ahead of it their tick was.
    history: VecDeque<(f64, f64)>,
    /// Ticks between two frames: a command may have to wait as long for the next one.
    frame: f64,
    /// The next report may be about commands that were forgotten, too.
    mixed: bool,
    /// No round trip is known yet, so the phase is only a guess.
    guessing: bool,
    on: bool,
    /// Turned on or off a moment ago: the clock is stretched to its new place, however far it is.
    gliding: bool,
}

impl Default for Pacer {
    fn default() -> Self {
        Self {
            phase: None,
            issued: Tick(0),
            needs: Recent::new(WINDOW),
            worst: Recent::new(WINDOW),
            wished: 0.0,
            usual: None,
            looked: None,
            history: VecDeque::new(),
            frame: 0.0,
            mixed: false,
            guessing: true,
            on: true,
            gliding: false,
        }
    }
}

impl Pacer {
    /// Takes note that of the commands that left up to `sent` and were not reported yet, the one that came closest to its tick did so by
    /// `margin` quarter milliseconds. Those behind it were each a tick better: they came together, or one tick apart.
    pub fn report(&mut self, clock: &Clock, margin: i16, sent: Instant) {
        let until = clock.local_ticks(sent) + STAMP_TICKS;
        // The least margin is that of the command that left with the least lead, or of one that was no better off.
        let (mut count, mut need) = (0_u32, f64::INFINITY);
        while let Some((_, ahead)) = self.history.pop_front_if(|(at, _)| *at <= until) {
            count = count.saturating_add(1);
            need = need.min(ahead);
        }
        if count == 0 || std::mem::take(&mut self.mixed) {
            return;
        }
        need -= f64::from(margin) / 4_000.0 * HZ;
        let command = |peak: f64| Tooth { peak, fall: 0.0, width: 1.0 };
        (0..count).for_each(|behind| self.needs.add(sent, command(need - f64::from(behind))));
        self.worst.add(sent, command(need));
        if need + SAFETY * HZ + self.frame > self.wished {
            self.looked = None;
        }
    }

    /// Another wire drives now: what commands needed on the old one says nothing any more.
    pub fn path_changed(&mut self) {
        self.needs.clear();
        self.worst.clear();
        self.history.clear();
        self.mixed = true;
    }

    /// Turns pacing on or off. Off, commands are stamped with the tick that the server is believed to execute now, and come late. The
    /// local clock is stretched to its new place.
    pub const fn pace(&mut self, on: bool) {
        self.gliding |= self.on != on;
        self.on = on;
    }

    /// Works out the wished phase.
    fn look(&mut self, clock: &Clock, now: Instant) {
        let least = clock.least_lead();
        if self.guessing {
            self.guessing = clock.round_trip().is_none();
            self.wished = least + FIRST_LEAD;
            if !self.guessing {
                self.phase = None;
                self.history.clear();
                self.mixed = true;
            }
        }
        if self.looked.is_none_or(|then| now.saturating_duration_since(then) >= LOOK_AGAIN) {
            self.looked = Some(now);
            self.usual = self.worst.level(0.5, None);
            if let Some(level) = self.needs.level(LATE_SHARE, None) {
                self.wished = level + SAFETY * HZ + self.frame;
            }
        }
        self.wished = self.wished.clamp(least, least + MAX_LEAD);
    }

    /// Returns the tick for which a command is due at `now`, if one is. Ask again until none is.
    pub fn due(&mut self, clock: &Clock, now: Instant) -> Option<Tick> {
        if !clock.is_set() {
            return None;
        }
        let local = clock.local_ticks(now);
        if let Some((_, then)) = self.phase.filter(|(_, then)| *then < now) {
            let passed = now.saturating_duration_since(then).as_secs_f64() * HZ;
            self.frame += (passed.min(LONGEST_FRAME) - self.frame) * FRAME_SMOOTHING;
        }
        self.look(clock, now);
        let ahead = if self.on { self.wished } else { clock.server_tick(now) - local };
        let phase = match self.phase {
            Some((phase, then)) => {
                let passed = now.saturating_duration_since(then).as_secs_f64() * HZ;
                self.approach(phase + passed, passed, local + ahead, local + self.least_useful(clock, ahead))
            }
            None => local + ahead,
        };
        self.phase = Some((phase, now));
        let reached = Tick(phase.clamp(0.0, f64::from(u32::MAX)) as u32);
        if reached <= self.issued {
            return None;
        }
        self.issued = self.issued.next().max(reached.minus(MAX_BACKLOG));
        self.history.push_back((local, f64::from(self.issued.0) - local));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        Some(self.issued)
    }

    /// Returns the phase below which even the usual command would be late, in ticks ahead of the local clock.
    fn least_useful(&self, clock: &Clock, ahead: f64) -> f64 {
        self.usual.unwrap_or(ahead).max(clock.least_lead()).min(ahead)
    }

    /// Returns the phase, which would be at `phase` by itself after `passed` ticks, a little nearer to `target`.
    fn approach(&mut self, phase: f64, passed: f64, target: f64, least_useful: f64) -> f64 {
        let error = target - phase;
        self.gliding &= error.abs() > 1.0;
        let late = !self.gliding && least_useful - phase > JUMP_TICKS;
        if late || error.abs() > FAR_TICKS {
            return target;
        }
        let beyond = (error.abs() - NEAR_TICKS).max(0.0) * STRETCH_PER_TICK;
        let most = (MAX_STRETCH + beyond).min(MOST_STRETCH);
        phase + passed * (error * 0.1).clamp(-most, most)
    }

    /// Returns how many of the commands before the newest a bundle shall repeat on a wire that loses. A copy that comes `n` ticks after the
    /// original is of use if commands are more than `n` ticks ahead of what the usual one needs; as many more let the server see, and
    /// report, what a longer lead would have saved, and one more tells that anything is lost at all.
    pub fn repetitions(&self) -> usize {
        let slack = self.usual.map_or(f64::from(MAX_COMMAND_LEAD), |usual| self.wished - self.frame - usual);
        ((2.0 * slack.max(0.0)) as usize).saturating_add(1).min(BUNDLE_COMMANDS.saturating_sub(1))
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
