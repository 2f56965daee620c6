//! One shooter and one target in a room of their own, and what became of every shot.
//!
//! The shooter aims at the middle of the ship that its scene shows, and holds the button like a finger does, for a tenth of a second. A
//! shot counts as on target if, in the picture that its command was made on, the beam passes through the ship and no wall is between.
//! Whether it hit is read off the target's own health before and after the tick in which the server fired it.
//!
//! Flow: [`super::run`] → [`Duel::step`] → [`Shot`].

use super::flight::{Flight, at_post, on_lane};
use game::collide::{self, Vec2, dot, length, sub};
use game::rng::Rng;
use game::{Aim, Buttons, Command, Map, PhaseKind, SeatId, Ship, Tick};
use protocol::scene::Scene;
use protocol::wire::event::ServerEvent;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use transport::player::{Player, PlayerEvent};

/// Ticks for which the button is held.
const HELD_TICKS: u32 = 6;
/// Longest wait between a weapon that is ready and the shot, ticks: shots shall not fall into step with the target.
const MOST_WAIT: u32 = 40;
/// After this long everything is known of a shot.
const JUDGED_AFTER: Duration = Duration::from_millis(1_500);
/// Health that only a rail takes at once.
const RAIL_MARK: u8 = 40;
/// Remembered ticks of the target's health and of the shooter's aim.
const KEPT: usize = 600;

/// What became of one shot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shot {
    /// The shooter saw the beam on the ship.
    pub(super) on_target: bool,
    /// The ship lost what a rail takes.
    pub(super) hit: bool,
    /// How far behind the command the shooter saw the ship, and how far back the server looked.
    pub(super) seen: Duration,
    pub(super) behind: Duration,
}

/// How a command was aimed.
#[derive(Clone, Copy, Debug)]
struct Aimed {
    /// The beam was on the ship.
    on_target: bool,
    /// How far behind the command the others were drawn.
    seen: Duration,
}

/// The two of them.
pub(super) struct Duel {
    pub(super) shooter: Player,
    pub(super) target: Player,
    flights: [Flight; 2],
    rng: Rng,
    /// By tick of the command.
    aimed: BTreeMap<Tick, Aimed>,
    /// The target's health, by tick.
    health: VecDeque<(Tick, u8)>,
    /// Ticks for which the button is still held, and those to wait before the next time.
    held: u32,
    wait: u32,
    /// Shots that the server told of.
    fired: VecDeque<(Instant, Tick, u8)>,
    pub(super) shots: Vec<Shot>,
}

impl Duel {
    pub(super) fn new(shooter: Player, target: Player, seed: u64) -> Self {
        Self {
            shooter,
            target,
            flights: <[Flight; 2]>::default(),
            rng: Rng::new(seed),
            aimed: BTreeMap::new(),
            health: VecDeque::new(),
            held: 0,
            wait: 0,
            fired: VecDeque::new(),
            shots: Vec::new(),
        }
    }

    /// Flies both.
    ///
    /// # Errors
    /// The sentence with which one of them was thrown out.
    pub(super) fn step(&mut self, now: Instant) -> Result<(), String> {
        self.fly_target(now)?;
        self.fly_shooter(now)?;
        self.judge(now);
        Ok(())
    }

    fn fly_target(&mut self, now: Instant) -> Result<(), String> {
        let player = &mut self.target;
        player.update(now);
        let map = player.map().cloned();
        if let Some((view, ship)) = player.view().and_then(|view| Some((view, view.own?.1)))
            && self.health.back().is_none_or(|(tick, _)| *tick < view.tick)
        {
            self.health.push_back((view.tick, ship.health));
            self.health.drain(..self.health.len().saturating_sub(KEPT));
        }
        while player.due(now).is_some() {
            let ship = player.view().and_then(|view| view.own).map(|(_, ship)| ship);
            let thrust = match (&map, ship) {
                (Some(map), Some(ship)) => self.flights[1].along_lane(&ship, map),
                _ => [0, 0],
            };
            player.fly(Command { thrust, ..Command::default() });
        }
        player.flush(now);
        while let Some(event) = player.poll_event() {
            if let PlayerEvent::Ended { why } = event {
                return Err(why);
            }
        }
        Ok(())
    }

    fn fly_shooter(&mut self, now: Instant) -> Result<(), String> {
        self.shooter.update(now);
        while let Some(event) = self.shooter.poll_event() {
            match event {
                PlayerEvent::Ended { why } => return Err(why),
                PlayerEvent::Game(ServerEvent::Rewound { tick, behind, .. }) => {
                    self.fired.push_back((now, tick, behind));
                }
                _ => {}
            }
        }
        let scene = self.shooter.scene(now);
        let map = self.shooter.map().cloned();
        while let Some(tick) = self.shooter.due(now) {
            let command = match (&scene, &map, self.target.seat()) {
                (Some(scene), Some(map), Some(target)) => self.command(tick, scene, map, target),
                _ => Command::default(),
            };
            self.shooter.fly(command);
        }
        self.shooter.flush(now);
        if let Some((mut newest, seen)) = self.aimed.last_entry().zip(self.shooter.drawn_behind())
            && newest.get().seen.is_zero()
        {
            newest.get_mut().seen = seen;
        }
        Ok(())
    }

    /// Returns the shooter's command: to the post, then aim and fire.
    fn command(&mut self, tick: Tick, scene: &Scene, map: &Map, target: SeatId) -> Command {
        let Some(own) = &scene.own else { return Command::default() };
        let thrust = self.flights[0].stand(&own.ship, map);
        let Some(seen) = scene.ships.iter().find(|ship| ship.view.seat == target) else {
            return Command { thrust, ..Command::default() };
        };
        let from = own.ship.pos.tiles();
        let aim = Aim::toward(sub(seen.pos, from)).unwrap_or_default();
        self.aimed.insert(tick, Aimed { on_target: passes_through(map, from, aim, seen.pos), seen: Duration::ZERO });
        while self.aimed.len() > KEPT {
            self.aimed.pop_first();
        }
        let worth_it = scene.phase.kind == PhaseKind::Live
            && at_post(&own.ship)
            && length(own.ship.vel.tiles()) < 0.01
            && own.ship.rail_wait == 0
            && seen.view.alive()
            && !seen.view.shielded
            && on_lane(seen.pos)
            && collide::sees(map, from, seen.pos);
        if self.held == 0 && worth_it {
            if self.wait == 0 {
                self.held = HELD_TICKS;
                self.wait = self.rng.below(MOST_WAIT);
            } else {
                self.wait -= 1;
            }
        }
        let buttons = if self.held > 0 { Buttons::RAIL } else { Buttons::default() };
        self.held = self.held.saturating_sub(1);
        Command { thrust, aim, buttons }
    }

    /// Finds out what became of shots that were fired a while ago.
    fn judge(&mut self, now: Instant) {
        while let Some((_, tick, behind)) =
            self.fired.pop_front_if(|(at, ..)| now.saturating_duration_since(*at) > JUDGED_AFTER)
        {
            let before = self.health.iter().rev().find(|(at, _)| *at < tick);
            let after = self.health.iter().find(|(at, _)| *at >= tick);
            // The server repeats a command that is missing: then it was aimed by the one before.
            let aimed = self.aimed.range(..=tick).next_back();
            if let (Some((_, before)), Some((_, after)), Some((_, aimed))) = (before, after, aimed) {
                let hit = before.saturating_sub(*after) >= RAIL_MARK || (*before > 0 && *after == 0);
                let behind = Duration::from_secs(1) * u32::from(behind) / (4 * game::tick::TICK_HZ);
                self.shots.push(Shot { on_target: aimed.on_target, hit, seen: aimed.seen, behind });
            }
        }
    }
}

/// Returns whether a beam from `from` along `aim` passes through a ship at `centre` before it meets a wall.
fn passes_through(map: &Map, from: Vec2, aim: Aim, centre: Vec2) -> bool {
    let (unit, to) = (aim.unit(), sub(centre, from));
    let along = dot(to, unit);
    let off = (dot(to, to) - along * along).max(0.0).sqrt();
    along > 0.0 && off < Ship::RADIUS && collide::ray(map, from, unit, along) >= along
}
