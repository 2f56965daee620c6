//! Bolts: fast projectiles whose whole flight follows from their spawn.
//!
//! A bolt flies straight and at constant speed, so its spawn says where it is at any later tick: the wire carries it once, and a
//! client draws it without asking. What it hits is decided by the arena alone.
//!
//! Flow: [`crate::ship::Fired`] → here → [`crate::arena`] (hits), [`crate::view`] (picture).

use crate::{
    Aim, Point, SeatId, Ship, Tick,
    checksum::Fnv,
    collide::{Vec2, add, scale},
    space::STEPS_PER_TILE,
};
use serde::{Deserialize, Serialize};

/// A projectile. It is named by `(spawned, owner)`: a ship fires at most one per tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bolt {
    /// Who fired it.
    pub owner: SeatId,
    /// The tick at whose end it stood at `origin`.
    pub spawned: Tick,
    /// Where it started.
    pub origin: Point,
    /// Where it flies.
    pub aim: Aim,
}

/// Health that a hit takes: five kill.
pub const DAMAGE: u8 = 20;
/// Tiles per tick: 27 tiles per second, two and a half times as fast as a ship. It can be dodged when seen from afar.
pub const SPEED: f32 = 0.45;
/// Ticks after which a bolt is gone: 27 tiles of flight, about the width of what a screen shows.
pub const LIFE_TICKS: u32 = 60;
/// Radius in tiles with which it touches ships. Walls are touched by its centre only, so that corners are not in the way.
pub const RADIUS: f32 = 0.15;
/// Distance in tiles from the centre of a ship to its muzzle: the hull, less two position steps that rounding may take.
pub const MUZZLE_TILES: f32 = Ship::RADIUS - 2.0 / STEPS_PER_TILE as f32;

impl Bolt {
    /// Returns the bolt that `ship` fires at the end of `tick`. It starts at the muzzle.
    pub fn from_ship(seat: SeatId, ship: &Ship, tick: Tick) -> Self {
        Self { owner: seat, spawned: tick, origin: muzzle(ship), aim: ship.aim }
    }

    /// Returns where it is at the end of `tick`: at its origin before it was fired, where it ends after its life.
    pub fn at(&self, tick: Tick) -> Point {
        Point::from_tiles(self.flown(self.aim.unit(), tick))
    }

    /// Returns the velocity in tiles per tick.
    pub fn velocity(&self) -> Vec2 {
        scale(self.aim.unit(), SPEED)
    }

    /// Returns the two ends of its flight during `tick`, unrounded.
    pub(crate) fn sweep(&self, tick: Tick) -> (Vec2, Vec2) {
        let unit = self.aim.unit();
        (self.flown(unit, tick.minus(1)), self.flown(unit, tick))
    }

    /// Feeds the whole state to a checksum.
    pub(crate) fn feed(&self, hash: &mut Fnv) {
        hash.u8(self.owner.0);
        hash.u32(self.spawned.0);
        self.origin.feed(hash);
        hash.u16(self.aim.0);
    }

    fn flown(&self, unit: Vec2, tick: Tick) -> Vec2 {
        let age = tick.since(self.spawned).min(LIFE_TICKS);
        add(self.origin.tiles(), scale(unit, SPEED * age as f32))
    }
}

/// Returns where shots leave `ship`: the tip of its nose. That is inside of its hull, so never in or behind a wall.
pub fn muzzle(ship: &Ship) -> Point {
    Point::from_tiles(add(ship.pos.tiles(), scale(ship.aim.unit(), MUZZLE_TILES)))
}
