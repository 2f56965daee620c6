//! One ship: its state and how a command moves it.
//!
//! [`advance`] sees one ship, its command and the map, and nothing else. That is why a client can replay it from a snapshot and
//! be exactly right until another ship bumps into it: the arena itself moves every ship with the same function.
//!
//! Flow: [`crate::command`] → here → [`crate::collide`] → [`crate::arena`] (and the client's prediction).

use crate::{
    Aim, Buttons, Command, Map, Point, Velocity,
    checksum::Fnv,
    collide::{self, Vec2, add, length, scale},
    space::AIM_TURN,
};
use serde::{Deserialize, Serialize};

/// The whole state of a ship. All timers count ticks down to 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ship {
    /// Where the centre is.
    pub pos: Point,
    /// How fast it goes.
    pub vel: Velocity,
    /// Where the nose points.
    pub aim: Aim,
    /// `1..=100`, or 0 while dead.
    pub health: u8,
    /// Ticks until the next bolt.
    pub bolt_wait: u8,
    /// Ticks until the next rail.
    pub rail_wait: u8,
    /// Ticks until the next dash.
    pub dash_wait: u8,
    /// Ticks of the present dash that are left.
    pub dash_left: u8,
    /// Ticks during which it cannot be hurt.
    pub shield: u8,
    /// Ticks until it comes back, while dead.
    pub respawn_in: u8,
    /// Kills in this match.
    pub score: u16,
    /// Deaths in this match.
    pub deaths: u16,
}

/// Health of a ship that nobody has hit.
pub const MAX_HEALTH: u8 = 100;
/// Speed that steady thrust reaches, in tiles per tick: 10.8 tiles per second, so that a screen takes two to three seconds.
pub const TOP_SPEED: f32 = 0.18;
/// Share of the speed that is lost per tick. With it a ship needs a third of a second to two thirds of its top speed: it glides,
/// and still turns when told to.
pub const DRAG: f32 = 0.05;
/// Speed gained per tick of full thrust, in tiles per tick: what drag takes away at top speed.
pub const ACCELERATION: f32 = TOP_SPEED * DRAG;
/// Share of the speed above [`TOP_SPEED`] that is lost per tick, so that a dash ends in a short slide.
pub const OVERSPEED_DRAG: f32 = 0.2;
/// Speed below which a ship without thrust stands still, in tiles per tick. Rounding would let it creep forever.
pub const REST_SPEED: f32 = 0.003;
/// Speed of a dash, in tiles per tick: five tiles in a sixth of a second.
pub const DASH_SPEED: f32 = 0.5;
/// Ticks that a dash lasts; the ship is shielded as long.
pub const DASH_TICKS: u8 = 10;
/// Ticks from one dash to the next: a dash answers one attack, not every attack.
pub const DASH_WAIT_TICKS: u8 = 90;
/// Ticks from one bolt to the next: six per second.
pub const BOLT_WAIT_TICKS: u8 = 10;
/// Ticks from one rail to the next: two and a half seconds, since it cannot be dodged.
pub const RAIL_WAIT_TICKS: u8 = 150;

/// Which weapons a ship fired in a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// A bolt left the muzzle.
    pub bolt: bool,
    /// The rail went off.
    pub rail: bool,
}

impl Ship {
    /// Radius of every ship in tiles: it passes a gap of one tile.
    pub const RADIUS: f32 = 0.45;

    /// Returns whether it flies, rather than waits to come back.
    pub const fn alive(&self) -> bool {
        self.health > 0
    }

    /// Returns whether shots do nothing to it at the moment.
    pub const fn shielded(&self) -> bool {
        self.shield > 0
    }

    /// Feeds the whole state to a checksum.
    pub(crate) fn feed(&self, hash: &mut Fnv) {
        self.pos.feed(hash);
        hash.u16(self.vel.x as u16);
        hash.u16(self.vel.y as u16);
        hash.u16(self.aim.0);
        hash.bytes(&[self.health, self.bolt_wait, self.rail_wait, self.dash_wait]);
        hash.bytes(&[self.dash_left, self.shield, self.respawn_in]);
        hash.u16(self.score);
        hash.u16(self.deaths);
    }
}

/// Moves `ship` by one tick and returns what it fired.
///
/// * The result depends on nothing but the arguments; no value of theirs makes it panic.
/// * A dead ship only counts down to its return; bringing it back is up to the arena.
/// * Firing ends a shield, so that nobody shoots from behind one.
/// * In a countdown the command must have gone through [`crate::Phase::filter`] first.
pub fn advance(ship: &mut Ship, command: Command, map: &Map) -> Fired {
    if !ship.alive() {
        ship.respawn_in = ship.respawn_in.saturating_sub(1);
        return Fired::default();
    }
    for timer in [&mut ship.bolt_wait, &mut ship.rail_wait, &mut ship.dash_wait, &mut ship.dash_left, &mut ship.shield]
    {
        *timer = timer.saturating_sub(1);
    }
    ship.aim = Aim(command.aim.0 % AIM_TURN);

    let thrust = command.thrust_unit();
    let vel = if command.buttons.contains(Buttons::DASH) && ship.dash_wait == 0 {
        ship.dash_wait = DASH_WAIT_TICKS;
        ship.dash_left = DASH_TICKS;
        ship.shield = ship.shield.max(DASH_TICKS);
        let strength = length(thrust);
        if strength > 0.0 { scale(thrust, DASH_SPEED / strength) } else { scale(ship.aim.unit(), DASH_SPEED) }
    } else if ship.dash_left > 0 {
        ship.vel.tiles()
    } else {
        glide(ship.vel.tiles(), thrust)
    };
    let (pos, vel) = collide::slide(map, ship.pos.tiles(), vel, Ship::RADIUS);
    ship.pos = Point::from_tiles(pos);
    ship.vel = Velocity::from_tiles(vel);
    fire(ship, command.buttons)
}

/// Returns the velocity after one tick of thrust and drag.
fn glide(vel: Vec2, thrust: Vec2) -> Vec2 {
    let vel = add(scale(vel, 1.0 - DRAG), scale(thrust, ACCELERATION));
    let speed = length(vel);
    if speed > TOP_SPEED {
        let kept = TOP_SPEED + (speed - TOP_SPEED) * (1.0 - OVERSPEED_DRAG);
        scale(vel, kept / speed)
    } else if speed < REST_SPEED && thrust == [0.0, 0.0] {
        [0.0, 0.0]
    } else {
        vel
    }
}

/// Fires whatever is asked for and ready.
fn fire(ship: &mut Ship, buttons: Buttons) -> Fired {
    let fired = Fired {
        bolt: buttons.contains(Buttons::BOLT) && ship.bolt_wait == 0,
        rail: buttons.contains(Buttons::RAIL) && ship.rail_wait == 0,
    };
    if fired.bolt {
        ship.bolt_wait = BOLT_WAIT_TICKS;
    }
    if fired.rail {
        ship.rail_wait = RAIL_WAIT_TICKS;
    }
    if fired != Fired::default() {
        ship.shield = 0;
    }
    fired
}
