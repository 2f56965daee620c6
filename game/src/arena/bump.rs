//! Ships against ships: circles of the same mass that push each other away.
//!
//! It runs after all ships have moved, over all pairs in a fixed order, once: a crowd comes apart over a few ticks, like people do.
//! Whoever is pushed is still stopped by walls. This is the one thing about its own ship that a client cannot predict.
//!
//! Flow: [`super::Arena::step`] → here → [`collide::slide`].

use super::Arena;
use crate::{
    Aim, MAX_SEATS, Map, Point, Ship, Velocity,
    collide::{self, Vec2, add, dot, length, scale, sub},
    space::AIM_TURN,
};

impl Arena {
    /// Pushes ships apart that overlap: all have the same mass, and walls do not give way.
    pub(super) fn bump(&mut self) {
        for a in 1..MAX_SEATS {
            for b in 0..a {
                let (Some(mut first), Some(mut second)) = (self.ships[b], self.ships[a]) else { continue };
                if first.alive() && second.alive() && bump_pair(&mut first, &mut second, a, &self.map) {
                    self.ships[b] = Some(first);
                    self.ships[a] = Some(second);
                }
            }
        }
    }
}

/// Separates two overlapping ships and lets them bounce. Returns whether they overlapped.
fn bump_pair(first: &mut Ship, second: &mut Ship, seat: usize, map: &Map) -> bool {
    let apart = sub(second.pos.tiles(), first.pos.tiles());
    let distance_squared = dot(apart, apart);
    if distance_squared >= 4.0 * Ship::RADIUS * Ship::RADIUS {
        return false;
    }
    let distance = length(apart);
    let normal: Vec2 = if distance > 0.0 {
        scale(apart, 1.0 / distance)
    } else {
        // Exactly on top of each other: each seat leaves in a direction of its own, a golden angle from the last one's.
        Aim((seat as u16).wrapping_mul(GOLDEN_AIM) % AIM_TURN).unit()
    };
    let push = scale(normal, (2.0 * Ship::RADIUS - distance) * 0.5);
    for (ship, push) in [(&mut *first, scale(push, -1.0)), (&mut *second, push)] {
        ship.pos = Point::from_tiles(collide::slide(map, ship.pos.tiles(), push, Ship::RADIUS).0);
    }
    let closing = dot(sub(first.vel.tiles(), second.vel.tiles()), normal);
    if closing > 0.0 {
        let impulse = scale(normal, closing * (1.0 + BUMP_BOUNCE) * 0.5);
        first.vel = Velocity::from_tiles(sub(first.vel.tiles(), impulse));
        second.vel = Velocity::from_tiles(add(second.vel.tiles(), impulse));
    }
    true
}

/// Share of the closing speed that comes back when ships bump: lively, but two ships do not trade places.
const BUMP_BOUNCE: f32 = 0.6;
/// The golden angle in directions: its multiples are spread evenly, however many there are.
const GOLDEN_AIM: u16 = 1_565;
