//! What a bot remembers of the others: where each was last and how fast it seemed to go.
//!
//! A view has no velocities of others, as nobody's screen has. A pilot guesses them from two looks, and so does a bot: it must
//! not matter to it whether views come every tick, every other tick or late.
//!
//! Flow: [`View`] → here → [`super::Bot`] (whom to chase, where to aim).

use crate::{
    MAX_SEATS, SeatId, Tick, View,
    collide::{Vec2, add, length, scale, sub},
};

/// One remembered ship.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track {
    /// Where it was, in tiles.
    pub(super) pos: Vec2,
    /// How fast it seems to go, in tiles per tick.
    pub(super) vel: Vec2,
    seen: Tick,
}

/// All remembered ships, by seat.
#[derive(Clone, Debug)]
pub(super) struct Tracks([Option<Track>; MAX_SEATS]);

impl Default for Tracks {
    fn default() -> Self {
        Self([None; MAX_SEATS])
    }
}

impl Tracks {
    /// Takes in a view that is newer than the last one.
    pub(super) fn observe(&mut self, view: &View) {
        for ship in &view.ships {
            let Some(track) = self.0.get_mut(usize::from(ship.seat.0)) else { continue };
            let pos = ship.pos.tiles();
            *track = ship.alive().then(|| match track {
                Some(old) => old.follow(pos, view.tick),
                None => Track { pos, vel: [0.0, 0.0], seen: view.tick },
            });
        }
    }

    /// Returns what is known about a ship that was alive when seen last.
    pub(super) fn of(&self, seat: SeatId) -> Option<Track> {
        self.0.get(usize::from(seat.0)).copied().flatten()
    }
}

impl Track {
    fn follow(self, pos: Vec2, seen: Tick) -> Self {
        let elapsed = seen.since(self.seen);
        let moved = sub(pos, self.pos);
        if elapsed == 0 || elapsed > FORGET_TICKS || length(moved) > JUMP_TILES {
            return Self { pos, vel: [0.0, 0.0], seen };
        }
        let seems = scale(moved, 1.0 / elapsed as f32);
        Self { pos, vel: add(scale(self.vel, 1.0 - FRESH), scale(seems, FRESH)), seen }
    }
}

/// Ticks after which an old look says nothing about speed any more.
const FORGET_TICKS: u32 = 30;
/// Tiles between two looks that no flight explains: the ship has respawned.
const JUMP_TILES: f32 = 4.0;
/// Weight of the newest look: enough to follow a turn, too little to jump at rounding.
const FRESH: f32 = 0.4;
