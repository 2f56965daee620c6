//! Where ships appear: as far from the others as possible.
//!
//! A good spawn is one where nobody waits. In a crowd every spawn may be taken; then any floor that a ship can get to will do, so
//! that nobody starts inside of somebody else.
//!
//! Flow: [`super::Arena::join`], [`super::Arena::step`] → here → [`crate::Map::spawns`].

use super::{Arena, SPAWN_SHIELD_TICKS};
use crate::{
    Aim, Point, SeatId, Ship,
    collide::{dot, sub},
    ship::MAX_HEALTH,
};

impl Arena {
    /// Brings a seat's ship to a spawn, whole and shielded. Score and deaths stay.
    pub(super) fn spawn(&mut self, seat: SeatId) {
        self.history.forget(seat);
        let pos = self.place(seat);
        let middle = [self.map.width as f32 * 0.5, self.map.height as f32 * 0.5];
        if let Some(Some(ship)) = self.ships.get_mut(usize::from(seat.0)) {
            *ship = Ship {
                pos,
                aim: Aim::toward(sub(middle, pos.tiles())).unwrap_or_default(),
                health: MAX_HEALTH,
                shield: SPAWN_SHIELD_TICKS,
                score: ship.score,
                deaths: ship.deaths,
                ..Ship::default()
            };
        }
    }

    /// Chooses a spawn: one at random of those that are about as far from living ships as the best one.
    fn place(&mut self, seat: SeatId) -> Point {
        let room: Vec<f32> = self.map.spawns.iter().map(|&spawn| self.room_at(spawn, seat)).collect();
        let best = room.iter().fold(0.0_f32, |best, &room| best.max(room));
        if best < CROWDED_TILES {
            return self.place_in_crowd(seat);
        }
        let good = |room: f32| room >= best - TIE_TILES;
        let count = room.iter().filter(|&&room| good(room)).count() as u32;
        let chosen = self.rng.below(count) as usize;
        let mut places = self.map.spawns.iter().zip(&room).filter(|(_, room)| good(**room));
        places.nth(chosen).map_or(Point::default(), |(&place, _)| place)
    }

    /// Chooses the best of a few random tiles.
    fn place_in_crowd(&mut self, seat: SeatId) -> Point {
        let mut best = (-1.0, self.map.spawns.first().copied().unwrap_or_default());
        for _ in 0..CROWD_TRIES {
            let index = self.rng.below(self.map.open().len() as u32) as usize;
            let Some(&place) = self.map.open().get(index) else { continue };
            let room = self.room_at(place, seat);
            if room > best.0 {
                best = (room, place);
            }
        }
        best.1
    }

    /// Returns the tiles from `place` to the nearest living ship of another seat.
    fn room_at(&self, place: Point, seat: SeatId) -> f32 {
        let others = self.seated().filter(|&other| other != seat).filter_map(|other| self.ship(other));
        let squared = others.filter(|ship| ship.alive()).map(|ship| {
            let apart = sub(ship.pos.tiles(), place.tiles());
            dot(apart, apart)
        });
        libm::sqrtf(squared.fold(FAR_TILES * FAR_TILES, f32::min))
    }
}

/// Less room than this, in tiles, means that a ship there would touch another: two radii and a little.
const CROWDED_TILES: f32 = 1.0;
/// Spawns whose room differs by less than this count as equally good, in tiles; else everybody would know the next one.
const TIE_TILES: f32 = 4.0;
/// Random tiles looked at in a crowd: with 64 ships on the smallest map one of these is free with near certainty.
const CROWD_TRIES: u32 = 16;
/// Room beyond which more does not matter, in tiles: about a screen.
const FAR_TILES: f32 = 24.0;
