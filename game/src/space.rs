//! Places, speeds and directions as integers.
//!
//! One tile of a map is the unit of length. Positions count 1/512 tiles, so that the largest map (128 tiles) fits 16 bits;
//! velocities count 1/8192 tiles per tick (a sixteenth of a position step), directions 1/4096 turns.

use crate::checksum::Fnv;
use serde::{Deserialize, Serialize};

/// Position steps per tile.
pub const STEPS_PER_TILE: i32 = 512;
/// Velocity steps per position step.
pub const VELOCITY_PER_STEP: i32 = 16;
/// Most tiles along one side of a map; every position fits 16 bits.
pub const MAX_MAP_TILES: i32 = 128;
/// Directions in a full turn.
pub const AIM_TURN: u16 = 4096;

/// A position in 1/512 tiles, x to the right, y up, both `0..=65_535`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Point {
    /// Steps from the left edge.
    pub x: i32,
    /// Steps from the bottom edge.
    pub y: i32,
}

/// A velocity in 1/8192 tiles per tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Velocity {
    /// To the right.
    pub x: i16,
    /// Up.
    pub y: i16,
}

/// A direction in 1/4096 turns, counter-clockwise from the x axis, `0..4096`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Aim(pub u16);

impl Point {
    /// Returns the nearest point to `tiles`, clamped to the largest map.
    pub fn from_tiles(tiles: [f32; 2]) -> Self {
        let step = |v: f32| (libm::roundf(v * STEPS_PER_TILE as f32) as i32).clamp(0, u16::MAX as i32);
        Self { x: step(tiles[0]), y: step(tiles[1]) }
    }

    /// Feeds the position to a checksum.
    pub(crate) fn feed(self, hash: &mut Fnv) {
        hash.i32(self.x);
        hash.i32(self.y);
    }

    /// Returns the position in tiles.
    pub fn tiles(self) -> [f32; 2] {
        [self.x as f32 / STEPS_PER_TILE as f32, self.y as f32 / STEPS_PER_TILE as f32]
    }
}

impl Velocity {
    const STEPS: f32 = (STEPS_PER_TILE * VELOCITY_PER_STEP) as f32;

    /// Returns the nearest velocity to `tiles` per tick, clamped to what fits.
    pub fn from_tiles(tiles: [f32; 2]) -> Self {
        let step = |v: f32| libm::roundf(v * Self::STEPS).clamp(i16::MIN as f32, i16::MAX as f32) as i16;
        Self { x: step(tiles[0]), y: step(tiles[1]) }
    }

    /// Returns the velocity in tiles per tick.
    pub fn tiles(self) -> [f32; 2] {
        [f32::from(self.x) / Self::STEPS, f32::from(self.y) / Self::STEPS]
    }
}

impl Aim {
    /// Returns the direction nearest to `radians`.
    pub fn from_radians(radians: f32) -> Self {
        let turns = radians / core::f32::consts::TAU;
        let steps = libm::roundf((turns - libm::floorf(turns)) * f32::from(AIM_TURN));
        Self(steps as u16 % AIM_TURN)
    }

    /// Returns the direction of `v`, or none if it has no length.
    pub fn toward(v: [f32; 2]) -> Option<Self> {
        (v != [0.0, 0.0]).then(|| Self::from_radians(libm::atan2f(v[1], v[0])))
    }

    /// Returns the direction in radians, `0..TAU`.
    pub fn radians(self) -> f32 {
        f32::from(self.0 % AIM_TURN) * (core::f32::consts::TAU / f32::from(AIM_TURN))
    }

    /// Returns the unit vector of this direction.
    pub fn unit(self) -> [f32; 2] {
        let a = self.radians();
        [libm::cosf(a), libm::sinf(a)]
    }
}
