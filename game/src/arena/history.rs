//! Where every ship was a moment ago: what a rail is traced against when its shooter saw others late.
//!
//! A ring of the last [`KEPT`] ticks as a structure of arrays: four kilobytes, copied with the arena. A place between two ticks is
//! worked out in whole quarter steps, so it is the same on every platform. A ship that has left or come back has no past: nobody is
//! hit for where an earlier life of theirs was. It is no part of the checksum: it follows from the states before, and decides
//! nothing unless somebody is compensated.
//!
//! Flow: [`super::Arena::step`] → [`History::record`] → `arena::hits` → [`History::at`].

use crate::{
    MAX_SEATS, SeatId, Ship, Tick,
    collide::Vec2,
    rail::MAX_BEHIND,
    space::{Point, STEPS_PER_TILE},
};

/// Where each living ship is, for shots.
pub(super) type Targets = [Option<Vec2>; MAX_SEATS];

/// Ticks that are kept: those that [`MAX_BEHIND`] reaches, the present one and the one before the earliest, rounded up.
const KEPT: usize = 16;
/// Quarters of a tick, the unit of looking back.
const QUARTERS: u8 = 4;

/// Places of the last ticks.
#[derive(Clone, Debug)]
pub(super) struct History {
    x: [[u16; MAX_SEATS]; KEPT],
    y: [[u16; MAX_SEATS]; KEPT],
    /// One bit per seat: it flew, and is the same ship as now.
    there: [u64; KEPT],
}

impl History {
    pub(super) const fn new() -> Self {
        Self { x: [[0; MAX_SEATS]; KEPT], y: [[0; MAX_SEATS]; KEPT], there: [0; KEPT] }
    }

    /// Notes where everybody who lives is at `tick`.
    pub(super) fn record(&mut self, tick: Tick, ships: &[Option<Ship>; MAX_SEATS]) {
        let slot = slot(tick);
        self.there[slot] = 0;
        for (seat, ship) in ships.iter().enumerate() {
            let Some(ship) = ship.filter(Ship::alive) else { continue };
            // Every place on a map fits 16 bits.
            (self.x[slot][seat], self.y[slot][seat]) = (ship.pos.x as u16, ship.pos.y as u16);
            self.there[slot] |= 1 << seat;
        }
    }

    /// Forgets the past of a seat: whoever flies there from now on is somebody else, or somewhere else.
    pub(super) fn forget(&mut self, seat: SeatId) {
        self.there.iter_mut().for_each(|there| *there &= !(1 << seat.0));
    }

    /// Returns where those of `present` were `behind` quarter ticks before `now`, at most [`MAX_BEHIND`]. Who did not fly then is
    /// left out; who appeared within the tick is where they appeared.
    pub(super) fn at(&self, now: Tick, behind: u8, present: &Targets) -> Targets {
        let behind = behind.min(MAX_BEHIND);
        let earlier = now.minus(u32::from(behind.div_ceil(QUARTERS)));
        let past = (QUARTERS - behind % QUARTERS) % QUARTERS;
        let mut targets = [None; MAX_SEATS];
        for (seat, target) in targets.iter_mut().enumerate().filter(|(seat, _)| present[*seat].is_some()) {
            *target = match (self.place(earlier, seat), self.place(earlier.next(), seat)) {
                (Some(place), _) if past == 0 => Some(place.map(|v| v * i32::from(QUARTERS))),
                (Some(from), Some(to)) => Some(between(from, to, i32::from(past))),
                (None, Some(to)) if past > 0 => Some(to.map(|v| v * i32::from(QUARTERS))),
                _ => None,
            }
            .map(tiles);
        }
        targets
    }

    fn place(&self, tick: Tick, seat: usize) -> Option<[i32; 2]> {
        let slot = slot(tick);
        (self.there[slot] >> seat & 1 == 1).then(|| [i32::from(self.x[slot][seat]), i32::from(self.y[slot][seat])])
    }
}

const fn slot(tick: Tick) -> usize {
    tick.0 as usize % KEPT
}

/// Returns the place `past` quarters of the way from one to the other, in quarter steps.
fn between(from: [i32; 2], to: [i32; 2], past: i32) -> [i32; 2] {
    let left = i32::from(QUARTERS) - past;
    [from[0] * left + to[0] * past, from[1] * left + to[1] * past]
}

/// Returns a place in quarter steps as tiles: exact, since 18 bits fit the 24 of an `f32`.
fn tiles(quarter_steps: [i32; 2]) -> Vec2 {
    quarter_steps.map(|v| v as f32 / (STEPS_PER_TILE * i32::from(QUARTERS)) as f32)
}

/// What a rail was traced against, for those who want to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Who fired.
    pub shooter: SeatId,
    /// How far behind the present the others were looked for, quarter ticks.
    pub behind: u8,
    /// Living ships near the beam, the nearest first, where they were looked for.
    pub ships: Vec<(SeatId, Point)>,
}
