//! Where a bot points its nose: at where the prey will be, off by an error that drifts as a hand does.
//!
//! Flow: [`super::tracks`] → here → aim of the [`crate::Command`].

use super::{Bot, Me, Prey};
use crate::{
    Aim, Ship, bolt,
    collide::{Vec2, add, dot, scale},
    space::AIM_TURN,
};

impl Bot {
    /// Returns where to point the nose, and whether that is for the rail.
    pub(super) fn aim_goal(&mut self, me: Me, prey: Option<Prey>, way: Vec2) -> (Aim, bool) {
        if me.tick >= self.timers.new_error {
            self.timers.new_error = me.tick.plus(ERROR_TICKS + self.rng.below(ERROR_TICKS));
            // The sum of two is more often small than large, as a person's error is.
            self.error_goal = (self.rng.unit_f32() + self.rng.unit_f32() - 1.0) * self.traits.error;
        }
        self.error += (self.error_goal - self.error) * ERROR_DRIFT;
        let Some(prey) = prey.filter(|prey| prey.visible) else {
            return (Aim::toward(way).unwrap_or(me.ship.aim), false);
        };
        let with_rail = me.ship.rail_wait == 0 && me.tick >= self.timers.rail && prey.distance > RAIL_FROM_TILES;
        let flight = if with_rail { 1.0 } else { flight_ticks(prey.apart, prey.track.vel) };
        let at = add(prey.apart, scale(prey.track.vel, flight));
        let direct = Aim::toward(at).unwrap_or(me.ship.aim);
        let hurry = if with_rail { RAIL_HURRY } else { 1.0 };
        let error = self.error * hurry * f32::from(AIM_TURN) / core::f32::consts::TAU;
        (turned(direct, error as i32), with_rail)
    }

    /// Turns from where it last wanted to point toward `goal`, as fast as it can.
    pub(super) fn turn(&self, me: Me, goal: Aim, elapsed: u32) -> Aim {
        let from = self.last.map_or(me.ship.aim, |(_, command)| command.aim);
        let most = (self.traits.turn * elapsed as f32) as i32;
        turned(from, difference(goal, from).clamp(-most, most))
    }
}

/// Returns the ticks a bolt needs to meet something at `apart` that goes on with `vel`; 0 if it never does.
fn flight_ticks(apart: Vec2, vel: Vec2) -> f32 {
    // |apart + vel t| = speed t, a quadratic in t. Ships are slower than bolts but for a dash, so `a` is negative.
    let a = dot(vel, vel) - bolt::SPEED * bolt::SPEED;
    let (b, c) = (dot(apart, vel), dot(apart, apart));
    let root = b * b - a * c;
    if a >= 0.0 || root < 0.0 {
        return 0.0;
    }
    ((-b - libm::sqrtf(root)) / a).clamp(0.0, bolt::LIFE_TICKS as f32)
}

/// Returns the shorter turn from `from` to `to`, in directions, counter-clockwise positive.
fn difference(to: Aim, from: Aim) -> i32 {
    let (turn, half) = (i32::from(AIM_TURN), i32::from(AIM_TURN / 2));
    (i32::from(to.0) - i32::from(from.0) + half).rem_euclid(turn) - half
}

fn turned(aim: Aim, by: i32) -> Aim {
    Aim((i32::from(aim.0) + by).rem_euclid(i32::from(AIM_TURN)) as u16)
}

pub(super) fn off_by(a: Aim, b: Aim) -> i32 {
    difference(a, b).abs()
}

/// Returns how many directions the nose may be off to fire at a ship that far away: what its hull covers.
pub(super) fn tolerance(distance: f32) -> i32 {
    let radians = Ship::RADIUS / distance.max(Ship::RADIUS);
    (radians * f32::from(AIM_TURN) / core::f32::consts::TAU) as i32
}

/// Ticks until a new direction error is drawn, at least; twice that at most.
const ERROR_TICKS: u32 = 24;
/// Share of the way to the new error that is gone per view.
const ERROR_DRIFT: f32 = 0.1;
/// Tiles from which on the rail is the better weapon.
const RAIL_FROM_TILES: f32 = 2.5;
/// How much larger its direction error is with the rail, which tempts to hurry. It also keeps bolts the weapon of choice.
const RAIL_HURRY: f32 = 1.6;
