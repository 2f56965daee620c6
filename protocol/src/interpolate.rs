//! Everybody else, slightly in the past: between two snapshots that have arrived, instead of guessing.
//!
//! How far in the past is a bargain: too little, and the picture runs out of snapshots (an *underrun*: movement has to go on by guess);
//! too much, and everything is seen late for nothing. So the delay is the smallest one that the newest snapshot's age has exceeded for
//! at most [`UNDERRUN_SHARE`] of the last [`WINDOW`]: interval, jitter, loss and stalls are all in that one figure, and no rule of
//! thumb (two or three intervals, say) is needed. Seen over time the age is a saw: it grows until the next snapshot comes, and falls to
//! what that one brings; the share is worked out from the teeth exactly, whatever the frame rate. A tooth that is still growing counts,
//! so a stall acts while it lasts. The delay never exceeds [`MAX_DELAY`]: beyond it movement goes on for [`MAX_EXTRAPOLATION`] ticks,
//! then holds.
//!
//! The tick on screen approaches its place smoothly: it is held back quickly, and let go slowly.
//!
//! Flow: `clock`, snapshot → [`Interpolator::observe`] → [`Interpolator::advance`] → [`between`] → `scene`.

use crate::clock::Clock;
use crate::quantile::{Recent, Tooth};
use crate::snapshot::Ring;
use game::{Tick, View, tick::TICK_HZ};
use web_time::{Duration, Instant};

/// How far back the age of the newest snapshot is remembered.
pub const WINDOW: Duration = Duration::from_secs(10);
/// Share of the time in which the picture may lack a snapshot: a little below the one percent that is promised.
pub const UNDERRUN_SHARE: f64 = 0.008;
/// Longest delay, ticks: 150 ms. A stream that stalls for longer is not waited for.
pub const MAX_DELAY: f64 = 9.0;
/// Ticks for which movement goes on without news.
pub const MAX_EXTRAPOLATION: f64 = 6.0;

const HZ: f64 = TICK_HZ as f64;
/// After a change of path the old delay is kept at least for as long, so that a few early snapshots do not speak for the new one.
const SETTLE: Duration = Duration::from_secs(1);
/// Time after which the delay is worked out anew.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Share of the error that is made up for per tick, and how much slower or faster the picture may run for it.
const GAIN: f64 = 0.1;
const HOLD_BACK: f64 = 0.25;
const LET_GO: f64 = 0.05;
/// Beyond this many ticks of error the picture jumps.
const JUMP_TICKS: f64 = 20.0;

/// The tick that is on screen.
#[derive(Clone, Debug)]
pub struct Interpolator {
    shown: Option<(f64, Instant)>,
    /// The newest snapshot and when it arrived.
    newest: Option<(Tick, Instant)>,
    ages: Recent,
    since: Option<Instant>,
    delay: Option<f64>,
    looked: Option<Instant>,
    behind: f64,
    frames: u64,
    underruns: u64,
}

impl Default for Interpolator {
    fn default() -> Self {
        Self {
            shown: None,
            newest: None,
            ages: Recent::new(WINDOW),
            since: None,
            delay: None,
            looked: None,
            behind: 0.0,
            frames: 0,
            underruns: 0,
        }
    }
}

impl Interpolator {
    /// Takes note that a newer snapshot than any before, that of `tick`, arrived at `at`. The clock must know of it already.
    pub fn observe(&mut self, clock: &Clock, tick: Tick, at: Instant) {
        if let Some(tooth) = self.tooth(clock, at) {
            self.ages.add(at, tooth);
        }
        self.newest = Some((tick, at));
        self.since.get_or_insert(at);
    }

    /// Returns the tooth of the saw that ends at `at`, or has grown until then: the age of the newest snapshot.
    fn tooth(&self, clock: &Clock, at: Instant) -> Option<Tooth> {
        let (tick, since) = self.newest?;
        let width = at.saturating_duration_since(since).as_secs_f64() * HZ;
        Some(Tooth { peak: clock.arriving(at) - f64::from(tick.0), fall: width, width })
    }

    /// Another wire drives now: how late snapshots were on the old one says nothing any more.
    pub fn path_changed(&mut self) {
        self.ages.clear();
        self.newest = None;
        self.since = None;
    }

    /// Returns the tick to show at `now`. It never goes back, except in a jump.
    pub fn advance(&mut self, clock: &Clock, snapshot_every: u8, now: Instant) -> f64 {
        self.look(clock, now);
        let delay = self.delay.unwrap_or(f64::from(snapshot_every)).min(MAX_DELAY);
        let target = clock.arriving(now) - delay;
        let tick = match self.shown {
            Some((tick, then)) => {
                let passed = now.saturating_duration_since(then).as_secs_f64() * HZ;
                let error = target - (tick + passed);
                let near = tick + passed * (1.0 + (error * GAIN).clamp(-HOLD_BACK, LET_GO));
                if error.abs() > JUMP_TICKS { target } else { near }
            }
            None => target,
        };
        self.shown = Some((tick, now));
        self.behind = clock.arriving(now) - tick;
        self.frames = self.frames.saturating_add(1);
        let lacks = self.newest.is_some_and(|(newest, _)| tick > f64::from(newest.0));
        self.underruns = self.underruns.saturating_add(u64::from(lacks));
        tick
    }

    /// Works out the delay, now and then.
    fn look(&mut self, clock: &Clock, now: Instant) {
        if self.looked.is_some_and(|then| now.saturating_duration_since(then) < LOOK_AGAIN) {
            return;
        }
        self.looked = Some(now);
        let Some(level) = self.ages.level(UNDERRUN_SHARE, self.tooth(clock, now)) else { return };
        let settled = self.since.is_some_and(|since| now.saturating_duration_since(since) >= SETTLE);
        self.delay = Some(if settled { level } else { self.delay.unwrap_or(level).max(level) });
    }

    /// Returns how far the picture is behind the tick that would be arriving now, the time between snapshots counted.
    pub fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.behind / HZ).unwrap_or_default()
    }

    /// Returns how many frames were shown, and in how many of them the picture lacked a snapshot and movement went on by guess.
    pub const fn underruns(&self) -> (u64, u64) {
        (self.frames, self.underruns)
    }
}

/// Returns the two views around `tick` and how far it lies on the way from the first to the second: 0 to 1, or more where movement
/// has to go on without news. None without any view.
pub fn between(ring: &Ring, tick: f64) -> Option<(&View, &View, f32)> {
    let newest = ring.newest()?;
    let later = ring.iter().find(|view| f64::from(view.tick.0) >= tick).unwrap_or(newest);
    let earlier = ring.iter().rev().find(|view| view.tick < later.tick).unwrap_or(later);
    let span = f64::from(later.tick.since(earlier.tick));
    if span == 0.0 {
        return Some((earlier, later, 1.0));
    }
    let reached = tick.min(f64::from(newest.tick.0) + MAX_EXTRAPOLATION) - f64::from(earlier.tick.0);
    Some((earlier, later, (reached / span).max(0.0) as f32))
}
