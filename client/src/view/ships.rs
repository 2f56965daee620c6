//! Ships and their shots.
//!
//! A ship is a dark hull with a bright outline and an unmistakable nose; whose it is shows in its hue and in its shape. The own
//! ship is brighter than everything, is drawn last, and carries what its pilot must know around it: health below, dash and rail
//! above, as thin arcs that need no look away from the fight.
//!
//! Flow: [`Picture`] → [`remember`] (trails) → [`draw`] → [`super::ink`].

use super::{
    effects::Effects,
    ink::{Ink, Pen},
};
use crate::{
    palette,
    picture::{Picture, Pilot, Source, health_share, readiness},
};
use bevy::{
    math::{Vec2, Vec3},
    prelude::*,
};
use game::{
    SeatId, Ship, rail,
    ship::{DASH_WAIT_TICKS, RAIL_WAIT_TICKS, TOP_SPEED},
    tick::TICK_HZ,
};
use std::{
    collections::{BTreeMap, VecDeque},
    f32::consts::TAU,
};

/// Where each ship has just been.
#[derive(Resource, Default)]
pub(super) struct Trails {
    source: Source,
    by_seat: BTreeMap<SeatId, VecDeque<(Vec2, f32)>>,
}

/// Notes where every ship is now.
pub(super) fn remember(picture: Res<Picture>, time: Res<Time>, mut trails: ResMut<Trails>) {
    let now = time.elapsed_secs();
    if trails.source != picture.source {
        trails.by_seat.clear();
        trails.source = picture.source;
    }
    let pilots = picture.pilots();
    trails.by_seat.retain(|seat, _| pilots.iter().any(|pilot| pilot.seat == *seat));
    for pilot in pilots {
        let trail = trails.by_seat.entry(pilot.seat).or_default();
        if pilot.health == 0 || trail.back().is_some_and(|(last, _)| last.distance(pilot.pos) > JUMP_TILES) {
            trail.clear();
        }
        if pilot.health > 0 {
            trail.push_back((pilot.pos, now));
        }
        while trail.front().is_some_and(|(_, at)| now - at > TRAIL_SECONDS) {
            trail.pop_front();
        }
    }
}

/// Draws the engine trails: as long as the ship is fast, since a trail is where it was.
pub(super) fn draw_trails(ink: &mut Ink, picture: &Picture, trails: &Trails) {
    let own = picture.own();
    for pilot in picture.pilots() {
        let Some(trail) = trails.by_seat.get(&pilot.seat).filter(|trail| trail.len() > 1) else { continue };
        let light = palette::light(palette::pilot(pilot.seat, own));
        let strength = if pilot.dashing { 1.0 } else { 0.42 };
        let last = trail.len() - 1;
        ink.ribbon(trail.len(), false, |i| {
            let share = i as f32 / last as f32;
            let pen = Pen::beam(light, 0.02 + 0.26 * share).faded(strength * share * share);
            (trail[i].0, Pen { hot: 0.25 * share, glow: 0.12, halo: 0.35, ..pen })
        });
    }
}

/// Draws bolts as streaks and rails as beams that decay.
pub(super) fn draw_shots(ink: &mut Ink, picture: &Picture) {
    let Some(scene) = &picture.scene else { return };
    let own = picture.own();
    for bolt in &scene.bolts {
        let light = palette::light(palette::pilot(bolt.owner, own));
        let (head, along) = (Vec2::from(bolt.pos), Vec2::from_angle(bolt.aim));
        // A streak never begins behind the muzzle.
        let length = BOLT_TILES.min(bolt.age * BOLT_TILES_PER_SECOND + 0.1);
        let points = [head - along * length, head - along * (length * 0.35), head];
        ink.ribbon(points.len(), false, |i| {
            let share = i as f32 / 2.0;
            let pen = Pen::beam(light * 1.7, 0.03 + 0.09 * share).faded(0.15 + 0.85 * share);
            (points[i], pen.hot(0.85 * share).glowing(0.2, 0.4))
        });
    }
    for beam in &scene.beams {
        let light = palette::light(palette::pilot(beam.owner, own));
        let left = (1.0 - beam.age * TICK_HZ as f32 / rail::BEAM_TICKS as f32).clamp(0.0, 1.0);
        if left > 0.0 {
            let pen = Pen::beam(light * (1.0 + 1.5 * left), 0.03 + 0.13 * left * left).faded(left);
            ink.line(&[beam.from.into(), beam.to.into()], false, pen.hot(0.9 * left).glowing(0.45, 0.5 * left));
        }
    }
}

/// Draws the ships.
pub(super) fn draw(ink: &mut Ink, picture: &Picture, effects: &Effects, seconds: f32) {
    let own = picture.own();
    for pilot in picture.pilots().iter().filter(|pilot| pilot.health > 0) {
        let is_own = Some(pilot.seat) == own;
        draw_ship(ink, pilot, is_own, effects, seconds, palette::light(palette::pilot(pilot.seat, own)));
        if is_own {
            draw_own_arcs(ink, picture, pilot);
        } else if health_share(pilot.health) < 1.0 {
            draw_health(ink, pilot, OTHERS_ARC_RADIUS, 1.0, OTHERS_ARC_WIDTH);
        }
    }
}

fn draw_ship(ink: &mut Ink, pilot: &Pilot, own: bool, effects: &Effects, seconds: f32, light: Vec3) {
    let folded = effects.folded_in(pilot.seat);
    let hurt = effects.hurt(pilot.seat);
    let turn = Vec2::from_angle(pilot.aim + (1.0 - folded) * FOLD_TURN);
    let size = Ship::RADIUS * folded;
    let hull = hull(pilot.seat, own);
    let points: Vec<Vec2> = hull.iter().map(|point| pilot.pos + turn.rotate(Vec2::from(*point)) * size).collect();

    let speed = pilot.vel.length() / (TOP_SPEED * TICK_HZ as f32);
    if speed > 0.1 {
        // The flame flickers faster than the eye follows; a steady one looks painted on.
        let flicker = 0.85 + 0.15 * (seconds * 70.0 + f32::from(pilot.seat.0)).sin();
        let back = -pilot.vel.normalize_or_zero();
        let flame = [pilot.pos + back * 0.28, pilot.pos + back * (0.28 + 0.42 * speed.min(2.0) * flicker)];
        ink.ribbon(2, false, |i| {
            let pen = Pen::beam(light * 1.3, if i == 0 { 0.2 } else { 0.03 });
            (flame[i], pen.faded(if i == 0 { 0.75 } else { 0.0 }).hot(0.5).glowing(0.15, 0.4))
        });
    }
    let floor = palette::light(palette::VOID) * 0.9;
    ink.fill(&points, floor.lerp(light, 0.05 + 0.35 * hurt), 1.0);
    let bright = if own { 1.35 } else { 1.0 } + hurt;
    let pen = Pen::neon(light * bright, if own { 0.07 } else { 0.06 });
    let pen = pen.hot((if own { 0.35 } else { 0.1 } + hurt).min(1.0)).glowing(if own { 0.3 } else { 0.22 }, 0.3);
    ink.line(&points, true, pen);
    let spine = [0.05, 0.62].map(|x| pilot.pos + turn * (x * size));
    ink.line(&spine, false, Pen { half: 0.02, ..pen }.glowing(0.0, 0.0).faded(0.8));

    if pilot.shielded {
        for third in 0..3 {
            let from = seconds * 1.8 + third as f32 * TAU / 3.0;
            let pen = Pen::neon(light, 0.03).glowing(0.14, 0.3).faded(0.7 * folded);
            ink.arc(pilot.pos, SHIELD_RADIUS, from, TAU / 3.0 - 0.35, pen);
        }
    }
}

/// Draws health below the ship and the two cooldowns above it.
fn draw_own_arcs(ink: &mut Ink, picture: &Picture, pilot: &Pilot) {
    let Some(own) = picture.scene.as_ref().and_then(|scene| scene.own.as_ref()) else { return };
    draw_health(ink, pilot, OWN_ARC_RADIUS, HEALTH_SWEEP, OWN_ARC_WIDTH);
    let light = palette::light(palette::OWN);
    let timers = [
        (DASH_MIDDLE, readiness(own.ship.dash_wait, DASH_WAIT_TICKS)),
        (RAIL_MIDDLE, readiness(own.ship.rail_wait, RAIL_WAIT_TICKS)),
    ];
    for (middle, ready) in timers {
        let (from, sweep) = (middle - TIMER_SWEEP * 0.5, TIMER_SWEEP * ready);
        ink.arc(pilot.pos, OWN_ARC_RADIUS, from, TIMER_SWEEP, Pen::plain(light, 0.035).faded(0.14));
        if ready >= 1.0 {
            ink.arc(
                pilot.pos,
                OWN_ARC_RADIUS,
                from,
                sweep,
                Pen::neon(light, OWN_ARC_WIDTH).glowing(0.12, 0.25).faded(0.85),
            );
        } else if ready > 0.02 {
            ink.arc(pilot.pos, OWN_ARC_RADIUS, from, sweep, Pen::plain(light, OWN_ARC_WIDTH).faded(0.4));
        }
    }
}

/// Draws what is left of a ship's health, centred below it: shorter and redder as it goes.
fn draw_health(ink: &mut Ink, pilot: &Pilot, radius: f32, sweep: f32, width: f32) {
    let share = health_share(pilot.health);
    let low = palette::light(palette::LOW_HEALTH);
    let light = low.lerp(palette::light(palette::OWN), ((share - 0.25) / 0.5).clamp(0.0, 1.0));
    let below = -TAU / 4.0;
    ink.arc(pilot.pos, radius, below - sweep * 0.5, sweep, Pen::plain(light, width * 0.8).faded(0.16));
    if share > 0.0 {
        let pen = Pen::neon(light, width).glowing(0.1, 0.2).faded(0.9);
        ink.arc(pilot.pos, radius, below - sweep * share * 0.5, sweep * share, pen);
    }
}

/// Returns the outline of a ship in radii, nose along x. Seats of the same colour, which are eight apart, have different ones.
fn hull(seat: SeatId, own: bool) -> &'static [[f32; 2]] {
    let hulls = [DART, DELTA, FORK, KITE];
    if own { DART } else { hulls[(usize::from(seat.0) + usize::from(seat.0) / palette::PILOTS.len()) % hulls.len()] }
}

pub(super) const DART: &[[f32; 2]] = &[[1.35, 0.0], [-0.8, 0.9], [-0.42, 0.0], [-0.8, -0.9]];
const DELTA: &[[f32; 2]] = &[[1.3, 0.0], [-0.25, 0.95], [-0.8, 0.62], [-0.8, -0.62], [-0.25, -0.95]];
const FORK: &[[f32; 2]] = &[[1.3, 0.0], [0.2, 0.5], [-0.85, 0.95], [-0.5, 0.0], [-0.85, -0.95], [0.2, -0.5]];
const KITE: &[[f32; 2]] = &[[1.4, 0.0], [-0.45, 0.8], [-0.85, 0.0], [-0.45, -0.8]];

/// How long a ship's way stays visible.
const TRAIL_SECONDS: f32 = 0.32;
/// No flight is this fast in a frame; the ship is somewhere else.
const JUMP_TILES: f32 = 2.0;
/// Length of a bolt's streak.
const BOLT_TILES: f32 = 0.95;
/// Speed of a bolt.
const BOLT_TILES_PER_SECOND: f32 = game::bolt::SPEED * TICK_HZ as f32;
/// A ship that appears turns by this while it unfolds.
const FOLD_TURN: f32 = 2.2;
/// Around the hull, inside the arcs.
const SHIELD_RADIUS: f32 = 0.74;
/// Around the own ship, close enough to be seen without looking.
const OWN_ARC_RADIUS: f32 = 0.95;
const OWN_ARC_WIDTH: f32 = 0.05;
/// Health takes the lower 130 degrees.
const HEALTH_SWEEP: f32 = 2.27;
/// Each cooldown takes 65 degrees of the upper half: dash on the left, rail on the right, as the buttons are.
const TIMER_SWEEP: f32 = 1.13;
const DASH_MIDDLE: f32 = TAU * 0.375;
const RAIL_MIDDLE: f32 = TAU * 0.125;
/// A small arc between hull and name.
const OTHERS_ARC_RADIUS: f32 = 0.78;
const OTHERS_ARC_WIDTH: f32 = 0.04;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_sixteen_look_alike() {
        let looks: Vec<_> =
            (0..16).map(|seat| (palette::pilot(SeatId(seat), None), hull(SeatId(seat), false))).collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "seat {index}");
        }
    }
}
