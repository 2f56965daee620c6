//! Sparks, shards and rings: what is left of what happened.
//!
//! Each effect says one thing (hit, gone, here, taken) in less than a second and gets out of the way. Effects are particles in a
//! plain list; they know nothing of the match and change nothing in it.
//!
//! Flow: [`Happened`] → [`start`] → [`age`] → [`Effects::draw_below`], [`Effects::draw_above`] → [`super::ink`].

use super::ink::{Ink, Pen};
use crate::{
    palette::{self, Rgb},
    picture::{Happened, Picture},
};
use bevy::{
    math::{Vec2, Vec3},
    prelude::*,
};
use game::{Map, SeatId, rng::Rng};
use std::{collections::BTreeMap, f32::consts::TAU};

/// Everything that is still fading.
#[derive(Resource)]
pub(super) struct Effects {
    particles: Vec<Particle>,
    /// Seconds since each ship appeared, and since it was last hit, while that is to be seen.
    appeared: BTreeMap<SeatId, f32>,
    hurt: BTreeMap<SeatId, f32>,
    rng: Rng,
}

impl Default for Effects {
    fn default() -> Self {
        Self { particles: Vec::new(), appeared: BTreeMap::new(), hurt: BTreeMap::new(), rng: Rng::new(1) }
    }
}

#[derive(Clone, Copy)]
struct Particle {
    shape: Shape,
    at: Vec2,
    vel: Vec2,
    angle: f32,
    light: Vec3,
    age: f32,
    life: f32,
}

#[derive(Clone, Copy)]
enum Shape {
    /// A short line along its flight.
    Spark,
    /// A tumbling piece of a hull of this length.
    Shard { length: f32, spin: f32 },
    /// A circle that grows or shrinks between two radii.
    Ring { from: f32, to: f32 },
    /// A disc of light of this radius.
    Flash { radius: f32 },
}

/// Starts the effects of what has just happened.
pub(super) fn start(mut happened: MessageReader<Happened>, picture: Res<Picture>, mut effects: ResMut<Effects>) {
    let own = picture.own();
    let hue = |seat: SeatId| palette::pilot(seat, own);
    for event in happened.read() {
        match *event {
            Happened::BoltFired { owner, at, aim } => {
                effects.flash(at, 0.22, hue(owner), 0.07);
                effects.sparks(at, aim, 0.5, 2, 5.0, hue(owner));
            }
            Happened::BoltEnded { owner, at, aim } => {
                let away = picture.map.as_ref().map_or(aim + TAU / 2.0, |map| away_from_wall(map, at, aim));
                effects.flash(at, 0.3, hue(owner), 0.1);
                effects.sparks(at, away, 1.1, 7, 9.0, hue(owner));
            }
            Happened::RailFired { owner, from, to } => {
                let aim = (to - from).to_angle();
                effects.flash(from, 0.6, hue(owner), 0.12);
                effects.ring(from, 0.2, 0.9, hue(owner), 0.25);
                effects.flash(to, 0.7, hue(owner), 0.16);
                effects.sparks(to, aim + TAU / 2.0, 1.2, 16, 13.0, hue(owner));
            }
            Happened::Hurt { seat, at, .. } => {
                effects.hurt.insert(seat, 0.0);
                effects.ring(at, 0.45, 0.95, hue(seat), 0.18);
            }
            Happened::Died { seat, at, vel } => effects.explode(at, vel, hue(seat)),
            Happened::Spawned { seat, at } => {
                effects.appeared.insert(seat, 0.0);
                effects.ring(at, 2.2, 0.5, hue(seat), FOLD_SECONDS);
                effects.ring(at, 1.4, 0.5, hue(seat), FOLD_SECONDS * 0.8);
            }
            Happened::Dashed { seat, at, vel } => {
                effects.ring(at, 0.4, 1.1, hue(seat), 0.22);
                effects.sparks(at, vel.to_angle() + TAU / 2.0, 0.7, 8, 8.0, hue(seat));
            }
            Happened::PickedUp { at } => {
                effects.ring(at, 0.4, 1.3, palette::PICKUP, 0.35);
                effects.sparks(at, TAU / 4.0, TAU / 2.0, 10, 4.0, palette::PICKUP);
            }
            Happened::Counted { .. } | Happened::Finished => {}
        }
    }
}

/// Lets everything fade.
pub(super) fn age(time: Res<Time>, mut effects: ResMut<Effects>) {
    let dt = time.delta_secs();
    let effects = &mut *effects;
    for particle in &mut effects.particles {
        particle.age += dt;
        particle.at += particle.vel * dt;
        particle.vel *= (-DRAG * dt).exp();
        if let Shape::Shard { spin, .. } = particle.shape {
            particle.angle += spin * dt;
        }
    }
    effects.particles.retain(|particle| particle.age < particle.life);
    for (ages, longest) in [(&mut effects.appeared, FOLD_SECONDS), (&mut effects.hurt, HURT_SECONDS)] {
        ages.values_mut().for_each(|age| *age += dt);
        ages.retain(|_, age| *age < longest);
    }
}

impl Effects {
    /// Returns how far a ship has unfolded, 0 to 1.
    pub(super) fn folded_in(&self, seat: SeatId) -> f32 {
        let share = self.appeared.get(&seat).map_or(1.0, |age| age / FOLD_SECONDS);
        1.0 - (1.0 - share).powi(3)
    }

    /// Returns how much a ship still flashes from a hit, 0 to 1.
    pub(super) fn hurt(&self, seat: SeatId) -> f32 {
        self.hurt.get(&seat).map_or(0.0, |age| 1.0 - age / HURT_SECONDS)
    }

    /// Draws what lies on the ground.
    pub(super) fn draw_below(&self, ink: &mut Ink) {
        for particle in self.particles.iter().filter(|particle| matches!(particle.shape, Shape::Ring { .. })) {
            particle.draw(ink);
        }
    }

    /// Draws what flies.
    pub(super) fn draw_above(&self, ink: &mut Ink) {
        for particle in self.particles.iter().filter(|particle| !matches!(particle.shape, Shape::Ring { .. })) {
            particle.draw(ink);
        }
    }

    fn explode(&mut self, at: Vec2, vel: Vec2, hue: Rgb) {
        self.flash(at, 1.5, hue, 0.22);
        self.ring(at, 0.3, 2.6, hue, 0.55);
        self.ring(at, 0.2, 1.5, hue, 0.4);
        self.sparks(at, 0.0, TAU / 2.0, 26, 12.0, hue);
        for _ in 0..SHARDS {
            let angle = self.rng.unit_f32() * TAU;
            let speed = 1.5 + 4.5 * self.rng.unit_f32();
            let length = 0.12 + 0.22 * self.rng.unit_f32();
            let spin = (self.rng.unit_f32() - 0.5) * 22.0;
            let life = 0.5 + 0.5 * self.rng.unit_f32();
            self.add(Shape::Shard { length, spin }, at, Vec2::from_angle(angle) * speed + vel * 0.5, angle, hue, life);
        }
    }

    /// Throws sparks within `spread` radians to either side of `along`.
    fn sparks(&mut self, at: Vec2, along: f32, spread: f32, count: u32, speed: f32, hue: Rgb) {
        for _ in 0..count {
            let angle = along + (self.rng.unit_f32() * 2.0 - 1.0) * spread;
            let speed = speed * (0.25 + 0.75 * self.rng.unit_f32());
            let life = 0.16 + 0.22 * self.rng.unit_f32();
            self.add(Shape::Spark, at, Vec2::from_angle(angle) * speed, angle, hue, life);
        }
    }

    fn ring(&mut self, at: Vec2, from: f32, to: f32, hue: Rgb, life: f32) {
        self.add(Shape::Ring { from, to }, at, Vec2::ZERO, 0.0, hue, life);
    }

    fn flash(&mut self, at: Vec2, radius: f32, hue: Rgb, life: f32) {
        self.add(Shape::Flash { radius }, at, Vec2::ZERO, 0.0, hue, life);
    }

    fn add(&mut self, shape: Shape, at: Vec2, vel: Vec2, angle: f32, hue: Rgb, life: f32) {
        if self.particles.len() < MAX_PARTICLES {
            self.particles.push(Particle { shape, at, vel, angle, light: palette::light(hue), age: 0.0, life });
        }
    }
}

impl Particle {
    fn draw(&self, ink: &mut Ink) {
        let share = self.age / self.life;
        let left = 1.0 - share;
        match self.shape {
            Shape::Spark => {
                let tail = self.vel * SPARK_SECONDS;
                let pen = Pen::beam(self.light * 1.4, 0.05 * left + 0.01).faded(left).glowing(0.08, 0.3);
                ink.line(&[self.at - tail, self.at], false, pen.hot(0.7 * left));
            }
            Shape::Shard { length, .. } => {
                let half = Vec2::from_angle(self.angle) * (length * 0.5);
                let pen = Pen::neon(self.light * 1.1, 0.05).faded(left.sqrt()).glowing(0.12, 0.3);
                ink.line(&[self.at - half, self.at + half], false, pen.hot(0.2));
            }
            Shape::Ring { from, to } => {
                let eased = 1.0 - left * left * left;
                let pen = Pen::beam(self.light, 0.015 + 0.06 * left).faded(left * left).hot(0.3 * left);
                ink.arc(self.at, from + (to - from) * eased, 0.0, TAU, pen.glowing(0.15, 0.35));
            }
            Shape::Flash { radius } => {
                // Only halo: a hard-edged disc would look like a thing.
                let pen = Pen { half: 0.02, glow: radius, halo: 1.1, ..Pen::beam(self.light * 1.3, 0.0) };
                ink.disc(self.at, pen.faded(left * left));
            }
        }
    }
}

/// Returns the direction away from the wall that a bolt hit at `at` flying along `aim`; back along its flight if there is none.
fn away_from_wall(map: &Map, at: Vec2, aim: f32) -> f32 {
    let along = Vec2::from_angle(aim);
    let wall = |offset: Vec2| map.is_wall((at.x + offset.x).floor() as i32, (at.y + offset.y).floor() as i32);
    let reach = along.signum() * WALL_REACH_TILES;
    match (wall(Vec2::new(reach.x, 0.0)), wall(Vec2::new(0.0, reach.y))) {
        (true, false) => Vec2::new(-reach.x, 0.0).to_angle(),
        (false, true) => Vec2::new(0.0, -reach.y).to_angle(),
        _ => aim + TAU / 2.0,
    }
}

/// How long a ship takes to unfold.
const FOLD_SECONDS: f32 = 0.4;
/// How long a hit flashes.
const HURT_SECONDS: f32 = 0.16;
/// Share of speed that particles lose, per second.
const DRAG: f32 = 5.0;
/// A spark is as long as it flies in this time.
const SPARK_SECONDS: f32 = 0.035;
/// Pieces of a ship.
const SHARDS: u32 = 11;
/// A frame stays cheap whatever happens in it.
const MAX_PARTICLES: usize = 1_200;
/// A bolt that ended this close to a wall hit it.
const WALL_REACH_TILES: f32 = 0.6;
