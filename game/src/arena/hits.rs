//! What shots do: fly, hit, hurt, kill.
//!
//! All shots of a tick are resolved against the same picture (where ships are after they have moved and bumped), and damage is
//! dealt only then. So two ships that fire at each other in the same tick both hit, whatever their seats.
//!
//! Flow: [`super::Arena::step`] → here → [`super::GameEvent::Kill`].

use super::{Arena, GameEvent, RESPAWN_TICKS, Weapon, seats};
use crate::{
    Beam, MAX_SEATS, PhaseKind, Point, SeatId, Ship, Velocity,
    bolt::{self, muzzle},
    collide::{self, Vec2, add, length, scale, sub},
    rail::{self, BEAM_TICKS},
};

/// A shot that met a ship.
struct Hit {
    shooter: SeatId,
    victim: SeatId,
    weapon: Weapon,
}

/// Where each living ship is, for shots.
type Targets = [Option<Vec2>; MAX_SEATS];

impl Arena {
    /// Flies the bolts, fires the rails of `railers` (bits) and deals the damage of both.
    pub(super) fn resolve_hits(&mut self, railers: u64, events: &mut Vec<GameEvent>) {
        let targets = self.ships.map(|ship| ship.filter(Ship::alive).map(|ship| ship.pos.tiles()));
        let mut hits = Vec::new();
        self.fly_bolts(&targets, &mut hits);
        self.fire_rails(railers, &targets, &mut hits);
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

    fn fire_rails(&mut self, railers: u64, targets: &Targets, hits: &mut Vec<Hit>) {
        let tick = self.tick;
        self.beams.retain(|beam| tick.since(beam.fired) < BEAM_TICKS);
        for seat in seats().filter(|seat| railers >> seat.0 & 1 == 1) {
            let Some(ship) = self.ship(seat) else { continue };
            // From the centre, not the muzzle: a ship that is already in contact is hit too.
            let from = ship.pos.tiles();
            let end = rail::trace(&self.map, ship.pos, ship.aim, rail::RANGE_TILES).tiles();
            let mut beam = Beam { owner: seat, fired: tick, from: muzzle(ship), to: Point::from_tiles(end) };
            if let Some((t, victim)) = first_ship(from, end, 0.0, seat, targets) {
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
