//! What one player wants at one tick. Integers only, so that there is no NaN to send and nothing to round.
//!
//! A command is a wish: it says what is held down, never where the ship is or whether a weapon is ready. Whatever arrives from
//! the network can be executed as it is.
//!
//! Flow: keys, [`crate::bot`] → here → wire → [`crate::ship::advance`].

use crate::{collide, space::Aim};
use serde::{Deserialize, Serialize};

/// Buttons held during a tick, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Buttons(pub u8);

impl Buttons {
    /// Fires a bolt whenever the weapon is ready.
    pub const BOLT: Self = Self(1);
    /// Fires the rail when it is ready.
    pub const RAIL: Self = Self(2);
    /// Dashes in the direction of thrust (or of the aim, without thrust) when ready.
    pub const DASH: Self = Self(4);
    /// Every bit that has a meaning; others are cleared on arrival.
    pub const ALL: Self = Self(7);

    /// Returns whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the union of both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What one player wants at one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// Desired thrust, x to the right and y up, each `-127..=127` (−128 counts as −127). Longer than 127 is shortened to it.
    pub thrust: [i8; 2],
    /// Direction of the nose and of both weapons.
    pub aim: Aim,
    /// Buttons held.
    pub buttons: Buttons,
}

impl Command {
    /// Returns the thrust as a vector of length 1 at most.
    pub fn thrust_unit(self) -> [f32; 2] {
        let full = f32::from(i8::MAX);
        let thrust = self.thrust.map(|v| f32::from(v.max(-i8::MAX)) / full);
        let length = collide::length(thrust);
        if length > 1.0 { collide::scale(thrust, 1.0 / length) } else { thrust }
    }
}
