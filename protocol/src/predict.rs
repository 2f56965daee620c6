//! The own ship, now instead of one round trip ago: each command is flown at once with the server's own code, and when the server's
//! word for a tick arrives it is compared and everything after it flown again.
//!
//! Because state is integers and [`game::ship::advance`] is what the server calls too, a prediction is either exactly right or was
//! made without knowing something: another ship in the way, a hit, a respawn. The picture then glides over the difference.
//!
//! Flow: input → [`Predictor::fly`] → screen; snapshot → [`Predictor::reconcile`].

use crate::limits::REPEAT_COMMAND;
use game::{Bolt, Command, Map, Phase, SeatId, Ship, Tick, View, ship::advance};
use std::collections::VecDeque;

/// Ticks that are kept to be flown again: more than two seconds of round trip.
const HISTORY: usize = 150;
/// Distance, tiles, beyond which the picture jumps instead of gliding: nobody flies that far unseen.
const GLIDE_TILES: f32 = 3.0;
/// Share of the difference that is left after one second of gliding.
const GLIDE_PER_SECOND: f32 = 1e-5;

#[derive(Clone, Copy, Debug)]
struct Flown {
    tick: Tick,
    command: Command,
    after: Ship,
}

/// What came of comparing with the server's word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The tick was not predicted.
    Unknown,
    /// Exactly as predicted.
    Exact,
    /// The ship died, came back or was put somewhere: nothing that could be predicted.
    Reset,
    /// The ship was elsewhere, by this many tiles.
    Corrected(f32),
}

/// The own ship's future.
#[derive(Clone, Debug, Default)]
pub struct Predictor {
    seat: SeatId,
    phase: Phase,
    flown: VecDeque<Flown>,
    /// The tick of the server's last word.
    told: Tick,
    /// The last command, and for how many ticks it has been repeated since.
    last: Command,
    missing: u32,
    ship: Option<Ship>,
    bolts: Vec<Bolt>,
    error: [f32; 2],
    snaps: bool,
    corrections: Corrections,
}

/// How often the server's word differed from the prediction, and by how much the ship had to move for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Corrections {
    /// How often.
    pub count: u64,
    /// How often the ship was moved by more than its radius.
    pub large: u64,
    /// The farthest move, tiles.
    pub largest: f32,
}

impl Predictor {
    /// Flies the command of `tick`. Ticks that were left out are flown as the server will fly them: with a repetition, then without
    /// thrust. A tick that is over already changes nothing any more.
    pub fn fly(&mut self, tick: Tick, command: Command, map: &Map) {
        let reached = self.tick().map_or(self.told, |flown| flown.max(self.told));
        if self.ship.is_none() || tick <= reached {
            return;
        }
        for missed in reached.next().max(tick.minus(HISTORY as u32)).0..tick.0 {
            self.missing = self.missing.saturating_add(1);
            if self.missing > REPEAT_COMMAND {
                self.last = Command { aim: self.last.aim, ..Command::default() };
            }
            self.advance(Tick(missed), self.last, map);
        }
        (self.last, self.missing) = (command, 0);
        self.advance(tick, command, map);
    }

    fn advance(&mut self, tick: Tick, command: Command, map: &Map) {
        let Some(mut ship) = self.ship else { return };
        if advance(&mut ship, self.phase.at(tick).filter(command), map).bolt {
            self.bolts.push(Bolt::from_ship(self.seat, &ship, tick));
        }
        self.flown.push_back(Flown { tick, command, after: ship });
        if self.flown.len() > HISTORY {
            self.flown.pop_front();
        }
        self.ship = Some(ship);
    }

    /// Compares with the server's word and flies everything after it again.
    pub fn reconcile(&mut self, view: &View, map: &Map) -> Outcome {
        self.phase = view.phase;
        self.told = view.tick;
        let Some((seat, truth)) = view.own else {
            *self = Self { corrections: self.corrections, snaps: self.snaps, ..Self::default() };
            return Outcome::Unknown;
        };
        self.seat = seat;
        self.bolts.retain(|bolt| bolt.spawned > view.tick);
        let before = self.ship;
        while self.flown.pop_front_if(|flown| flown.tick < view.tick).is_some() {}
        let outcome = match self.flown.pop_front_if(|flown| flown.tick == view.tick) {
            None => Outcome::Unknown,
            Some(flown) => compare(&flown.after, &truth),
        };
        let mut ship = truth;
        for flown in &mut self.flown {
            advance(&mut ship, view.phase.at(flown.tick).filter(flown.command), map);
            flown.after = ship;
        }
        self.ship = Some(ship);
        if let Outcome::Corrected(then) = outcome {
            let now = before.map_or(0.0, |before| apart(&before, &ship));
            self.corrections.add(then.max(now));
        }
        match before.filter(|_| outcome != Outcome::Reset) {
            Some(before) => self.glide_from(before.pos.tiles(), ship.pos.tiles()),
            None => self.error = [0.0; 2],
        }
        outcome
    }

    fn glide_from(&mut self, [x, y]: [f32; 2], [to_x, to_y]: [f32; 2]) {
        let [error_x, error_y] = self.error;
        let error = [error_x + x - to_x, error_y + y - to_y];
        let [dx, dy] = error;
        self.error = if self.snaps || dx.abs().max(dy.abs()) > GLIDE_TILES { [0.0; 2] } else { error };
    }

    /// Lets the picture glide over a correction, or show it as it comes.
    pub const fn smooth(&mut self, on: bool) {
        self.snaps = !on;
        if self.snaps {
            self.error = [0.0; 2];
        }
    }

    /// Lets `seconds` of gliding pass and returns where to draw the ship, tiles, `ahead` (0 to 1) of the way to the next tick.
    pub fn position(&mut self, seconds: f32, ahead: f32) -> Option<[f32; 2]> {
        let ship = self.ship?;
        let left = GLIDE_PER_SECOND.powf(seconds);
        self.error = self.error.map(|error| error * left);
        let ([x, y], [vx, vy], [ex, ey]) = (ship.pos.tiles(), ship.vel.tiles(), self.error);
        Some([x + vx * ahead + ex, y + vy * ahead + ey])
    }

    /// Returns the predicted ship.
    pub const fn ship(&self) -> Option<&Ship> {
        self.ship.as_ref()
    }

    /// Returns the tick that was flown last.
    pub fn tick(&self) -> Option<Tick> {
        self.flown.back().map(|flown| flown.tick)
    }

    /// Returns own bolts that the server has not told of yet.
    pub fn bolts(&self) -> &[Bolt] {
        &self.bolts
    }

    /// Returns how often the server's word differed, and by how much.
    pub const fn corrections(&self) -> Corrections {
        self.corrections
    }
}

impl Corrections {
    fn add(&mut self, tiles: f32) {
        self.count = self.count.saturating_add(1);
        self.large = self.large.saturating_add(u64::from(tiles > Ship::RADIUS));
        self.largest = self.largest.max(tiles);
    }
}

/// Returns the distance of two ships, tiles.
fn apart(a: &Ship, b: &Ship) -> f32 {
    let ([x, y], [to_x, to_y]) = (a.pos.tiles(), b.pos.tiles());
    (x - to_x).hypot(y - to_y)
}

/// Compares what follows from commands; health and score are the server's to say.
fn compare(predicted: &Ship, truth: &Ship) -> Outcome {
    let moved = |s: &Ship| (s.pos, s.vel, s.aim, s.dash_left, s.dash_wait, s.bolt_wait, s.rail_wait);
    if moved(predicted) == moved(truth) && predicted.alive() == truth.alive() {
        return Outcome::Exact;
    }
    let tiles = apart(predicted, truth);
    // Only the arena revives, and only it puts a living ship far away (at a spawn point, when a countdown begins).
    if predicted.alive() != truth.alive() || tiles > GLIDE_TILES { Outcome::Reset } else { Outcome::Corrected(tiles) }
}
