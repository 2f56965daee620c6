//! Where a bot flies: out of danger, to health, around its prey, or on the way to it, in this order.
//!
//! Flow: [`super::dodge`], [`super::paths`] → here → thrust and dash of the [`crate::Command`].

use super::{Bot, Me, Prey, dodge};
use crate::{
    Aim, Bolt, Buttons, Map, Ship, View,
    collide::{self, Vec2, add, dot, length, scale, sub},
    map::MAX_PICKUPS,
    rng::Rng,
    ship::TOP_SPEED,
    space::AIM_TURN,
};

impl Bot {
    /// Returns the way to go (a vector of length 1 at most) and whether to dash.
    pub(super) fn steer(&mut self, me: Me, prey: Option<Prey>, view: &View, map: &Map) -> (Vec2, Buttons) {
        let calm = Buttons::default();
        let traits = self.traits;
        // Whether it notices a bolt is drawn once per bolt, not once per look: who overlooks one is hit by it.
        let notices = |bolt: &Bolt| {
            let name = u64::from(traits.salt) << 32 ^ u64::from(bolt.spawned.0) << 8 ^ u64::from(bolt.owner.0);
            view.tick.since(bolt.spawned) >= traits.reaction / 2 && Rng::new(name).unit_f32() < traits.notices
        };
        if let Some(threat) = dodge::threat(view, map, me.seat, me.pos, me.vel, notices) {
            let way = free_way(map, me.pos, threat.away, DODGE_PROBE_TILES);
            let late = threat.ticks < DASH_BELOW_TICKS && me.ship.dash_wait == 0 && !me.ship.shielded();
            let sideways = dot(way, threat.away).abs() > 0.5;
            return (way, if late && sideways { Buttons::DASH } else { calm });
        }
        if me.tick < self.timers.escape_until {
            return (free_way(map, me.pos, self.escape, PROBE_TILES), calm);
        }
        let healing = self.healing(me, view, map);
        if healing.is_empty()
            && let Some(prey) = prey
            && prey.visible
            && prey.distance < ENGAGE_TILES
        {
            self.timers.check_stuck = me.tick.plus(STUCK_TICKS);
            self.anchor = me.pos;
            return (self.circle(me, prey, map), calm);
        }
        let way = self.travel(me, prey, &healing, map);
        let eager = dot(me.vel, way) > 0.8 * TOP_SPEED && self.rng.below(DASH_MOOD) == 0;
        let open = eager && collide::ray(map, me.pos, way, DASH_ROOM_TILES) >= DASH_ROOM_TILES;
        (way, if open { Buttons::DASH } else { calm })
    }

    /// Returns the pickups worth fetching.
    fn healing(&self, me: Me, view: &View, map: &Map) -> Vec<Vec2> {
        if me.ship.health > CARELESS_HEALTH {
            return Vec::new();
        }
        let reach = if me.ship.health < self.traits.timid { f32::INFINITY } else { SNACK_TILES };
        let places = map.pickups.iter().take(MAX_PICKUPS).enumerate();
        let lying = places.filter(|(i, _)| view.pickups >> i & 1 == 1).map(|(_, place)| place.tiles());
        lying.filter(|&place| length(sub(place, me.pos)) < reach).collect()
    }

    /// Circles the prey at the distance it likes.
    fn circle(&mut self, me: Me, prey: Prey, map: &Map) -> Vec2 {
        if me.tick >= self.timers.turn_side {
            self.timers.turn_side = me.tick.plus(SIDE_TICKS + self.rng.below(SIDE_TICKS));
            self.side = -self.side;
        }
        let toward = unit(prey.apart);
        let across = scale([-toward[1], toward[0]], self.side);
        let nearer = ((prey.distance - self.traits.distance) / DISTANCE_SLACK_TILES).clamp(-1.0, 1.0);
        let way = unit(add(across, scale(toward, nearer)));
        if !collide::clear(map, add(me.pos, scale(way, PROBE_TILES)), Ship::RADIUS) {
            self.side = -self.side;
        }
        free_way(map, me.pos, way, PROBE_TILES)
    }

    /// Follows the way to health, to the prey, or anywhere.
    fn travel(&mut self, me: Me, prey: Option<Prey>, healing: &[Vec2], map: &Map) -> Vec2 {
        if me.tick >= self.timers.check_stuck {
            self.timers.check_stuck = me.tick.plus(STUCK_TICKS);
            if length(sub(me.pos, self.anchor)) < STUCK_TILES {
                self.escape = Aim(self.rng.below(u32::from(AIM_TURN)) as u16).unit();
                self.timers.escape_until = me.tick.plus(ESCAPE_TICKS);
                self.timers.plan = me.tick;
            }
            self.anchor = me.pos;
        }
        if me.tick >= self.timers.plan {
            self.timers.plan = me.tick.plus(PLAN_TICKS + self.rng.below(PLAN_TICKS / 2));
            if !healing.is_empty() {
                self.paths.find(map, me.pos, healing);
            } else if let Some(prey) = prey {
                self.paths.find(map, me.pos, &[prey.track.pos]);
            } else {
                let goal = self.wander_goal(me, map);
                self.paths.find(map, me.pos, &[goal]);
            }
        }
        let Some(next) = self.paths.next(map, me.pos) else {
            return free_way(map, me.pos, prey.map_or([0.0, 0.0], |prey| unit(prey.apart)), PROBE_TILES);
        };
        unit(sub(next, me.pos))
    }

    fn wander_goal(&mut self, me: Me, map: &Map) -> Vec2 {
        match self.wander_to {
            Some(goal) if length(sub(goal, me.pos)) > WANDERED_TILES => goal,
            _ => {
                let index = self.rng.below(map.spawns.len() as u32) as usize;
                let goal = map.spawns.get(index).map_or(me.pos, |spawn| spawn.tiles());
                *self.wander_to.insert(goal)
            }
        }
    }

    /// Returns the thrust that brings the velocity in line with `way`.
    pub(super) fn thrust(&self, me: Me, way: Vec2) -> [i8; 2] {
        let lacking = scale(sub(scale(way, TOP_SPEED * OVERSTEER), me.vel), THRUST_GAIN);
        let length = length(lacking);
        let thrust = if length > 1.0 { scale(lacking, 1.0 / length) } else { lacking };
        thrust.map(|v| libm::roundf(v * f32::from(i8::MAX)) as i8)
    }
}

/// Returns `way`, or what is nearest to it among directions that are free for the next `probe` tiles.
fn free_way(map: &Map, pos: Vec2, way: Vec2, probe: f32) -> Vec2 {
    let half = core::f32::consts::FRAC_1_SQRT_2;
    let rotations = [[1.0, 0.0], [half, half], [half, -half], [0.0, 1.0], [0.0, -1.0], [-half, half], [-half, -half]];
    let ways = rotations.map(|[c, s]| [way[0] * c - way[1] * s, way[0] * s + way[1] * c]);
    let free = |way: &Vec2| collide::clear(map, add(pos, scale(*way, probe)), Ship::RADIUS);
    ways.into_iter().find(free).unwrap_or(way)
}

fn unit(v: Vec2) -> Vec2 {
    let length = length(v);
    if length > 0.0 { scale(v, 1.0 / length) } else { [0.0, 0.0] }
}

/// Tiles within which it circles its prey rather than approach it.
const ENGAGE_TILES: f32 = 11.0;
/// Tiles from the liked distance at which it goes only nearer or only away.
const DISTANCE_SLACK_TILES: f32 = 2.5;
/// Ticks of circling to one side, at least; twice that at most.
const SIDE_TICKS: u32 = 35;
/// Health above which pickups are left to others.
const CARELESS_HEALTH: u8 = 80;
/// Tiles that a detour to a pickup is worth when not badly hurt.
const SNACK_TILES: f32 = 5.0;
/// Ticks between two searches for the way, at least; half as much again at most.
const PLAN_TICKS: u32 = 22;
/// Ticks between two looks at whether it gets anywhere.
const STUCK_TICKS: u32 = 50;
/// Tiles that count as getting somewhere.
const STUCK_TILES: f32 = 0.8;
/// Ticks that it flies off at random when it got nowhere.
const ESCAPE_TICKS: u32 = 24;
/// Tiles from the goal of a stroll at which the next one is chosen.
const WANDERED_TILES: f32 = 2.0;
/// Tiles ahead that must be free.
const PROBE_TILES: f32 = 0.9;
/// Tiles ahead that must be free to dodge: room for most of a dash.
const DODGE_PROBE_TILES: f32 = 1.6;
/// Ticks before a hit from which on only a dash helps.
const DASH_BELOW_TICKS: f32 = 9.0;
/// One in this many views of fast travel it dashes for the fun of it.
const DASH_MOOD: u32 = 160;
/// Tiles ahead that must be free to dash for fun.
const DASH_ROOM_TILES: f32 = 7.0;
/// Speed aimed for in top speeds: above 1, or thrust would fade before top speed is reached.
const OVERSTEER: f32 = 1.5;
/// Thrust per tile per tick of lacking speed: full thrust from a quarter of top speed on.
const THRUST_GAIN: f32 = 4.0 / TOP_SPEED;
