//! What happens in Crosswire: the rules of the arena, and nothing else.
//!
//! This crate has no IO, no clock and no engine. [`Arena::step`] takes the state of one tick and everybody's [`Command`]s and
//! produces the state of the next; the same code runs on the server, in every client's prediction and in the browser, and gives
//! the same bits everywhere. Three habits make that so:
//!
//! * state is made of integers, and every step ends by rounding to them, so what a snapshot carries *is* the state;
//! * no `sin`, `cos` or `atan2` of the platform: they come from `libm`, which is the same code on every target;
//! * nothing iterates a hash map, reads a clock or asks the system for randomness.
//!
//! Flow: [`command`] → [`arena`] ([`ship`], [`bolt`], [`rail`], [`collide`]) → [`view`] → `protocol::snapshot`.

pub mod arena;
pub mod bolt;
pub mod bot;
pub mod checksum;
pub mod collide;
pub mod command;
pub mod map;
pub mod proof;
pub mod rail;
pub mod rng;
pub mod ship;
pub mod space;
pub mod tick;
pub mod view;

pub use arena::{Arena, Commands, GameEvent, MIN_SHIPS, Rewound, Rules, Weapon};
pub use bolt::Bolt;
pub use bot::Bot;
pub use command::{Buttons, Command};
pub use map::{Map, MapError};
pub use rail::Beam;
pub use ship::Ship;
pub use space::{Aim, Point, Velocity};
pub use tick::Tick;
pub use view::{Phase, PhaseKind, ShipView, View};

use serde::{Deserialize, Serialize};

/// Most seats that one room may have.
pub const MAX_SEATS: usize = 64;

/// A place in a room, `0..MAX_SEATS`. It names the same ship for as long as the seat is kept. Whoever only watches has a number from
/// `MAX_SEATS` on, and no ship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeatId(pub u8);

impl SeatId {
    /// Returns whether it is the number of somebody who only watches.
    pub const fn watches(self) -> bool {
        self.0 as usize >= MAX_SEATS
    }
}
