//! What one seat may know about one tick: the content of a snapshot, and all that a bot may look at.
//!
//! It is a plain copy, taken from the arena on the server and rebuilt from the wire on the client, so that everything behind it
//! (picture, sound, autopilot) cannot tell the two apart.
//!
//! Flow: [`crate::Arena::view`] → here → `protocol::snapshot` → wire → the client's picture, [`crate::bot`].

use crate::{Aim, Beam, Bolt, Command, Point, SeatId, Ship, Tick};
use serde::{Deserialize, Serialize};

/// The stage that a match is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PhaseKind {
    /// Fewer than two ships are there; those who are may fly and shoot, nothing counts.
    #[default]
    Waiting,
    /// Everybody is at a spawn point and cannot move yet.
    Countdown,
    /// The match counts.
    Live,
    /// The result is on screen; ships cannot be hurt.
    Results,
}

/// The stage of the match and when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Phase {
    /// Which stage.
    pub kind: PhaseKind,
    /// First tick of the next stage. Meaningless while waiting.
    pub ends: Tick,
}

impl Phase {
    /// Returns the part of `command` that ships obey in this stage: in a countdown only the aim.
    pub fn filter(self, command: Command) -> Command {
        match self.kind {
            PhaseKind::Countdown => Command { aim: command.aim, ..Command::default() },
            PhaseKind::Waiting | PhaseKind::Live | PhaseKind::Results => command,
        }
    }

    /// Returns the stage at `tick` as far as it can be foreseen: a countdown that is over by then is live.
    ///
    /// With it a predictor lets go at the same tick as the arena, not one round trip later.
    pub fn at(self, tick: Tick) -> Self {
        match self.kind {
            PhaseKind::Countdown if tick >= self.ends => Self { kind: PhaseKind::Live, ..self },
            _ => self,
        }
    }
}

/// What anybody may know about somebody else's ship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShipView {
    /// Whose ship.
    pub seat: SeatId,
    /// Where it is (where it died, while it is dead).
    pub pos: Point,
    /// Where its nose points.
    pub aim: Aim,
    /// `1..=100`, or 0 while it is dead.
    pub health: u8,
    /// It is in a dash.
    pub dashing: bool,
    /// It cannot be hurt at the moment.
    pub shielded: bool,
    /// Kills in this match.
    pub score: u16,
    /// Deaths in this match.
    pub deaths: u16,
}

impl ShipView {
    /// Returns what others may know about the ship of `seat`.
    pub const fn of(seat: SeatId, ship: &Ship) -> Self {
        Self {
            seat,
            pos: ship.pos,
            aim: ship.aim,
            health: ship.health,
            dashing: ship.dash_left > 0,
            shielded: ship.shielded(),
            score: ship.score,
            deaths: ship.deaths,
        }
    }

    /// Returns whether it flies, rather than waits to come back.
    pub const fn alive(&self) -> bool {
        self.health > 0
    }
}

/// What one seat may know about one tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The tick whose end this describes.
    pub tick: Tick,
    /// The stage of the match.
    pub phase: Phase,
    /// The seat's own ship, whole. Spectators have none.
    pub own: Option<(SeatId, Ship)>,
    /// Everybody else, by rising seat.
    pub ships: Vec<ShipView>,
    /// Bolts in flight, by rising `(spawned, owner)`.
    pub bolts: Vec<Bolt>,
    /// Rail beams fired in the last [`crate::rail::BEAM_TICKS`], by rising `(fired, owner)`.
    pub beams: Vec<Beam>,
    /// One bit per pickup of the map, lowest first: it lies there to be taken. At most 64.
    pub pickups: u64,
}
