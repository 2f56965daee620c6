//! How far back a rail may look: what the shooter claims to have seen, as far as the server's own measurements bear it out.
//!
//! A client draws the others late: by the way of a snapshot to it and by its interpolation delay; and its command is executed later
//! still. So it says in each bundle how far behind the newest command's tick its picture of the others lay ([`claim`]). The server
//! believes that only within a band that it works out from what it saw itself, in ticks (30 snapshots per second, say):
//!
//! ```text
//!                 held                                      arrived       command's tick
//!   ───┬───────────┬─────────────┬─────────────────────────────┬──────────────┬──────▶ ticks
//!      oldest      snapshot      newest                        now            T
//!      └── picture of others ────┘
//!
//! oldest = the later of  snapshot − delay                       what it held, by its own acknowledgement
//!                        now − round trip − delay               what it must have held, by the measured round trip
//! newest = snapshot + MAX_EXTRAPOLATION
//! delay  = ticks between snapshots + lateness + SPARE
//! ```
//!
//! * *Round trip* is the least time, in the last seconds, from sending a snapshot to the first bundle that acknowledges it. A snapshot
//!   leaves at its tick, so this is the moment of arrival less the tick that is acknowledged. Nobody can acknowledge what has not
//!   arrived; who acknowledges late now and then is caught by the least.
//! * *Lateness* is twice what the smoothed round trip exceeds the least by, at most [`MAX_LATENESS`].
//! * A command that is sent long before its tick counts as sent [`MAX_LEAD`] before it.
//! * A claim outside of the band is moved to its edge; then to within [`UNSTEADY`] of what the claims have been on average, for a picture
//!   glides: only a liar's flips. Then it is cut to 0 to [`MAX_REWIND`].
//! * Before the first measurement over a path nothing is rewound.
//!
//! What is left to a liar is the slack of the band: a few ticks around the truth, at a time that is not the one on the screen. Somebody who
//! acknowledges everything late, always, cannot be told from somebody far away, and gets what those get: 200 ms at most.
//!
//! Flow: `session::client` → [`claim`] → bundle → [`Rewind::acknowledge`], [`Rewind::keep`] → [`Rewind::take`] → `Arena::step`.

use crate::interpolate::MAX_EXTRAPOLATION;
use crate::limits::MAX_REWIND;
use crate::wire::command::Bundle;
use game::Tick;
use game::tick::TICK_HZ;
use std::collections::BTreeMap;

/// Most that the smoothed round trip may add to the delay, ticks.
pub const MAX_LATENESS: f64 = 4.0;
/// Ticks on top of interval and lateness: a frame and a half of the screen, and the spare of the interpolation.
pub const SPARE: f64 = 2.5;
/// Most ticks before its own that a command is taken to be made for the sake of arriving in time.
pub const MAX_LEAD: f64 = 4.0;
/// Ticks by which a claim may differ from what the claims have been.
pub const UNSTEADY: f64 = 3.0;

/// [`MAX_REWIND`] in quarter ticks.
const MOST: u8 = (MAX_REWIND.as_millis() * TICK_HZ as u128 * 4 / 1_000) as u8;
/// Quarter ticks per tick.
const QUARTERS: f64 = 4.0;
/// Ticks after which the older half of the window of least round trips is forgotten: it covers 1.5 to 3 seconds.
const HALF_WINDOW: f64 = 90.0;
/// Weight of a new round trip.
const ROUND_TRIP_WEIGHT: f64 = 1.0 / 16.0;
/// Weight of a new claim.
const CLAIM_WEIGHT: f64 = 1.0 / 32.0;
/// Commands whose value waits for their tick: more than the queue of commands ever holds.
const MAX_WAITING: usize = 64;

/// Returns the claim of a bundle: how far behind `newest` a picture of tick `shown` lies, quarter ticks. What is drawn never lies more than
/// [`MAX_EXTRAPOLATION`] ticks after the newest snapshot held.
pub fn claim(newest: Tick, shown: f64, snapshot: Tick) -> u8 {
    let drawn = shown.min(f64::from(snapshot.0) + MAX_EXTRAPOLATION);
    quarters(f64::from(newest.0) - drawn)
}

/// Returns ticks as quarter ticks, 0 to 255.
fn quarters(ticks: f64) -> u8 {
    (ticks * QUARTERS).round().clamp(0.0, f64::from(u8::MAX)) as u8
}

/// The least of the last seconds.
#[derive(Clone, Copy, Debug)]
struct Least {
    present: f64,
    before: f64,
    since: f64,
}

impl Default for Least {
    fn default() -> Self {
        Self { present: f64::INFINITY, before: f64::INFINITY, since: f64::NEG_INFINITY }
    }
}

impl Least {
    fn add(&mut self, sample: f64, now: f64) {
        if now - self.since > HALF_WINDOW {
            *self = Self { present: f64::INFINITY, before: self.present, since: now };
        }
        self.present = self.present.min(sample);
    }

    const fn get(&self) -> f64 {
        self.present.min(self.before)
    }
}

/// How the rails of one session are judged. All moments are the server's tick, fraction included.
#[derive(Clone, Debug)]
pub struct Rewind {
    compensate: bool,
    draw: bool,
    /// Ticks between two snapshots.
    every: f64,
    acknowledged: Tick,
    least: Least,
    /// The smoothed round trip, ticks.
    smooth: Option<f64>,
    /// What the claims have been, ticks.
    usual: Option<f64>,
    /// By the tick of the command, what came first.
    waiting: BTreeMap<Tick, u8>,
    last: u8,
}

impl Default for Rewind {
    fn default() -> Self {
        Self {
            compensate: true,
            draw: false,
            every: 1.0,
            acknowledged: Tick(0),
            least: Least::default(),
            smooth: None,
            usual: None,
            waiting: BTreeMap::new(),
            last: 0,
        }
    }
}

impl Rewind {
    /// Sets whether rails are compensated, and whether the player wants to be told what they were traced against.
    pub const fn wish(&mut self, compensate: bool, draw: bool) {
        (self.compensate, self.draw) = (compensate, draw);
    }

    /// Returns whether the player wants to be told what rails were traced against.
    pub const fn draws(&self) -> bool {
        self.draw
    }

    /// Sets that there is a snapshot every so many ticks, and forgets what was measured.
    pub fn begin(&mut self, every: u8) {
        self.every = f64::from(every.max(1));
        self.path_changed();
    }

    /// Forgets what was measured: bundles come over another link from now on.
    pub fn path_changed(&mut self) {
        (self.least, self.smooth, self.usual) = (Least::default(), None, None);
    }

    /// Takes note that a bundle that arrived at `now` acknowledges `snapshot`.
    pub fn acknowledge(&mut self, snapshot: Tick, now: f64) {
        let round_trip = now - f64::from(snapshot.0);
        // What is older than the newest says nothing new; what was not sent yet cannot have arrived.
        if snapshot <= self.acknowledged || round_trip < 0.0 {
            return;
        }
        self.acknowledged = snapshot;
        self.least.add(round_trip, now);
        let smooth = self.smooth.unwrap_or(round_trip);
        self.smooth = Some(smooth + (round_trip - smooth) * ROUND_TRIP_WEIGHT);
    }

    /// Keeps what a new command of `bundle`, which arrived at `now`, may look back by. What came first for a tick counts.
    pub fn keep(&mut self, tick: Tick, bundle: &Bundle, now: f64) {
        if self.waiting.len() < MAX_WAITING && !self.waiting.contains_key(&tick) {
            let judged = self.judge(bundle, now);
            self.waiting.insert(tick, judged);
        }
    }

    /// Returns what the command of `tick` may look back by, quarter ticks; where none came, what the one before might.
    pub fn take(&mut self, tick: Tick) -> u8 {
        let later = self.waiting.split_off(&tick.next());
        if let Some(own) = std::mem::replace(&mut self.waiting, later).remove(&tick) {
            self.last = own;
        }
        if self.compensate { self.last } else { 0 }
    }

    /// Returns the smoothed and the least round trip of the last seconds, ticks, if measured.
    pub fn round_trip(&self) -> Option<(f64, f64)> {
        self.smooth.map(|smooth| (smooth, self.least.get()))
    }

    /// Moves a claim to where the measurements bear it out.
    fn judge(&mut self, bundle: &Bundle, now: f64) -> u8 {
        let Some(smooth) = self.smooth else { return 0 };
        let least = self.least.get();
        let lateness = ((smooth - least) * 2.0).clamp(0.0, MAX_LATENESS);
        let delay = self.every + lateness + SPARE;
        let held = f64::from(bundle.snapshot.0).min(now);
        let tick = f64::from(bundle.newest.0);
        let oldest = (held - delay).max(now - least - delay);
        let most = (tick.min(now + MAX_LEAD) - oldest).max(0.0);
        let fewest = (tick - held - MAX_EXTRAPOLATION).clamp(0.0, most);
        let claimed = (f64::from(bundle.shown) / QUARTERS).clamp(fewest, most);
        let usual = self.usual.unwrap_or(claimed);
        self.usual = Some(usual + (claimed - usual) * CLAIM_WEIGHT);
        let steady = claimed.clamp(usual - UNSTEADY, usual + UNSTEADY);
        quarters(steady).min(MOST)
    }
}
