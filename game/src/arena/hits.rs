//! What shots do: fly, hit, hurt, kill.
//!
//! All shots of a tick are resolved against the same picture (where ships are after they have moved and bumped), and damage is
//! dealt only then. So two ships that fire at each other in the same tick both hit, whatever their seats.
//!
//! A rail may be traced against where others were when its shooter saw them. Who is dead by now is in nobody's way, and shields and
//! damage are those of the present. Bolts fly in the present for everybody.
//!
//! Flow: [`super::Arena::step`] → here → [`super::GameEvent::Kill`].

use super::history::{Rewound, Targets};
use super::{Arena, Commands, GameEvent, RESPAWN_TICKS, Weapon, seats};
use crate::{
    Beam, PhaseKind, Point, SeatId, Ship, Velocity,
    bolt::{self, muzzle},
    collide::{self, Vec2, add, dot, length, scale, sub},
    rail::{self, BEAM_TICKS},
};

/// A shot that met a ship.
struct Hit {
    shooter: SeatId,
    victim: SeatId,
    weapon: Weapon,
}

/// Ships whose centre is within this many tiles of a beam are told of: about what somebody who looks for a miss looks at.
const NEAR_TILES: f32 = 3.0;

impl Arena {
    /// Flies the bolts, fires the rails of `railers` (bits) and deals the damage of both.
    pub(super) fn resolve_hits(&mut self, railers: u64, commands: &Commands, events: &mut Vec<GameEvent>) {
        let targets = self.ships.map(|ship| ship.filter(Ship::alive).map(|ship| ship.pos.tiles()));
        let mut hits = Vec::new();
        self.fly_bolts(&targets, &mut hits);
        self.fire_rails(railers, commands, &targets, &mut hits);
        for hit in hits {
            self.hurt(hit, events);
        }
    }

    fn fly_bolts(&mut self, targets: &Targets, hits: &mut Vec<Hit>) {
        let (tick, map) = (self.tick, &self.map);
        self.bolts.retain(|bolt| {
            let age = tick.since(bolt.spawned);
            if age == 0 {
                return true;
            }
            let (from, to) = bolt.sweep(tick);
            let along = sub(to, from);
            let wall = collide::ray(map, from, scale(along, 1.0 / bolt::SPEED), bolt::SPEED) / bolt::SPEED;
            if let Some((t, victim)) = first_ship(from, to, bolt::RADIUS, bolt.owner, targets)
                && t <= wall
            {
                hits.push(Hit { shooter: bolt.owner, victim, weapon: Weapon::Bolt });
                return false;
            }
            wall >= 1.0 && age < bolt::LIFE_TICKS
        });
    }

    fn fire_rails(&mut self, railers: u64, commands: &Commands, present: &Targets, hits: &mut Vec<Hit>) {
        let tick = self.tick;
        self.rewound.clear();
        self.beams.retain(|beam| tick.since(beam.fired) < BEAM_TICKS);
        for seat in seats().filter(|seat| railers >> seat.0 & 1 == 1) {
            let Some(ship) = self.ship(seat) else { continue };
            // From the centre, not the muzzle: a ship that is already in contact is hit too.
            let from = ship.pos.tiles();
            let end = rail::trace(&self.map, ship.pos, ship.aim, rail::RANGE_TILES).tiles();
            let mut beam = Beam { owner: seat, fired: tick, from: muzzle(ship), to: Point::from_tiles(end) };
            let behind = commands.behind(seat);
            let targets = if behind == 0 { *present } else { self.history.at(tick, behind, present) };
            let ships = near(from, end, seat, &targets);
            self.rewound.push(Rewound { shooter: seat, behind, ships });
            if let Some((t, victim)) = first_ship(from, end, 0.0, seat, &targets) {
                beam.to = Point::from_tiles(add(from, scale(sub(end, from), t)));
                hits.push(Hit { shooter: seat, victim, weapon: Weapon::Rail });
            }
            self.beams.push(beam);
        }
    }

    /// Deals the damage of one hit, unless the ship is dead already, is shielded, or nobody can be hurt now.
    fn hurt(&mut self, hit: Hit, events: &mut Vec<GameEvent>) {
        let counts = self.phase.kind == PhaseKind::Live;
        if self.phase.kind == PhaseKind::Results {
            return;
        }
        let Some(Some(victim)) = self.ships.get_mut(usize::from(hit.victim.0)) else { return };
        if !victim.alive() || victim.shielded() {
            return;
        }
        let damage = match hit.weapon {
            Weapon::Bolt => bolt::DAMAGE,
            Weapon::Rail => rail::DAMAGE,
        };
        victim.health = victim.health.saturating_sub(damage);
        if victim.alive() {
            return;
        }
        *victim = Ship {
            pos: victim.pos,
            vel: Velocity::default(),
            aim: victim.aim,
            respawn_in: RESPAWN_TICKS,
            score: victim.score,
            deaths: victim.deaths.saturating_add(u16::from(counts)),
            ..Ship::default()
        };
        if let Some(Some(killer)) = self.ships.get_mut(usize::from(hit.shooter.0)) {
            killer.score = killer.score.saturating_add(u16::from(counts));
        }
        events.push(GameEvent::Kill { killer: Some(hit.shooter), victim: hit.victim, weapon: hit.weapon });
    }
}

/// Returns the ship that a shot of `radius` along `from`..`to` meets first, and how far along (`0.0..=1.0`).
fn first_ship(from: Vec2, to: Vec2, radius: f32, shooter: SeatId, targets: &Targets) -> Option<(f32, SeatId)> {
    let reach = Ship::RADIUS + radius;
    let mut first: Option<(f32, SeatId)> = None;
    for (seat, target) in seats().zip(targets) {
        let Some(centre) = *target else { continue };
        if seat == shooter || length(sub(centre, from)) > length(sub(to, from)) + reach {
            continue;
        }
        if let Some(t) = collide::segment_circle(from, to, centre, reach)
            && first.is_none_or(|(best, _)| t < best)
        {
            first = Some((t, seat));
        }
    }
    first
}

/// Returns the ships near the line `from`..`to`, the nearest to it first.
fn near(from: Vec2, to: Vec2, shooter: SeatId, targets: &Targets) -> Vec<(SeatId, Point)> {
    let along = sub(to, from);
    let whole = dot(along, along).max(f32::MIN_POSITIVE);
    let off = |centre: Vec2| {
        let t = (dot(sub(centre, from), along) / whole).clamp(0.0, 1.0);
        length(sub(centre, add(from, scale(along, t))))
    };
    let others = seats().zip(targets).filter(|(seat, _)| *seat != shooter);
    let mut near: Vec<_> = others
        .filter_map(|(seat, target)| target.map(|centre| (off(centre), seat, Point::from_tiles(centre))))
        .filter(|(off, ..)| *off <= NEAR_TILES)
        .collect();
    near.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    near.into_iter().map(|(_, seat, place)| (seat, place)).collect()
}
