//! The rail: an instant beam with a long cooldown.
//!
//! It hits in the tick in which it is fired, the first ship on its way, so it is the weapon that shows whether a host
//! compensates for latency. The beam then stays in the state for a few ticks, so that nobody misses it who gets every other one.
//!
//! Flow: [`crate::ship::Fired`] → here → [`crate::arena`] (hits), [`crate::view`] (picture).

use crate::{
    Aim, Map, Point, SeatId, Tick,
    checksum::Fnv,
    collide::{self, add, scale},
};
use serde::{Deserialize, Serialize};

/// Ticks for which a fired beam stays visible.
pub const BEAM_TICKS: u32 = 12;
/// Furthest that a beam is traced behind the present for a shooter who sees late, quarter ticks: 200 ms. Whoever sees later has to
/// lead; nobody dies of a shot at where they were longer ago.
pub const MAX_BEHIND: u8 = 48;

/// A beam that was fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Beam {
    /// Who fired it.
    pub owner: SeatId,
    /// When.
    pub fired: Tick,
    /// The muzzle.
    pub from: Point,
    /// The wall or ship where it ended.
    pub to: Point,
}

impl Beam {
    /// Feeds the whole state to a checksum.
    pub(crate) fn feed(&self, hash: &mut Fnv) {
        hash.u8(self.owner.0);
        hash.u32(self.fired.0);
        self.from.feed(hash);
        self.to.feed(hash);
    }
}

/// Health that a hit takes: it never kills alone, but nearly.
pub const DAMAGE: u8 = 75;
/// Length of the longest beam in tiles: twice what a screen shows, so that on most maps walls end it, not air.
pub const RANGE_TILES: f32 = 48.0;

/// Returns where a beam from `from` ends if no ship is in its way: at the first wall, or after `max_tiles`.
pub fn trace(map: &Map, from: Point, aim: Aim, max_tiles: f32) -> Point {
    let (start, unit) = (from.tiles(), aim.unit());
    Point::from_tiles(add(start, scale(unit, collide::ray(map, start, unit, max_tiles))))
}
