//! The arena: the whole state of one room, and the one function that takes it from a tick to the next.
//!
//! It is a plain struct that is cheap to clone, so that a history can keep it, a test can fork it and a checksum can compare it.
//! Each step does the same things in the same order, by rising seat: stage of the match, commands, respawns, bumps, bolts, rails,
//! damage, pickups, result. Whatever happens that a player wants to hear of becomes a [`GameEvent`].
//!
//! Flow: [`Commands`] → here ([`crate::ship`], `arena::bump`, `arena::hits`, `arena::spawn`) → [`View`] and [`GameEvent`]s.

mod bump;
mod history;
mod hits;
mod lead;
#[cfg(test)]
mod rewind_tests;
mod spawn;
#[cfg(test)]
mod tests;

pub use history::Rewound;

use crate::{
    Beam, Bolt, Command, MAX_SEATS, Map, Phase, PhaseKind, SeatId, Ship, ShipView, Tick, View,
    checksum::Fnv,
    collide::{dot, sub},
    map::MAX_PICKUPS,
    rail::MAX_BEHIND,
    rng::Rng,
    ship::{self, MAX_HEALTH},
    tick,
};
use history::History;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Ticks from the second arrival, or from the end of the results, to the start of the match.
pub const COUNTDOWN_TICKS: u32 = tick::ticks(3);
/// Ticks for which the result stays on screen.
pub const RESULTS_TICKS: u32 = tick::ticks(8);
/// Ticks from death to return: long enough to see who it was.
pub const RESPAWN_TICKS: u8 = tick::ticks(2) as u8;
/// Ticks for which a ship that has just spawned cannot be hurt: time to look around.
pub const SPAWN_SHIELD_TICKS: u8 = (tick::ticks(3) / 2) as u8;
/// Health that a pickup gives.
pub const PICKUP_HEALTH: u8 = 35;
/// Ticks from taking a pickup to its return.
pub const PICKUP_WAIT_TICKS: u16 = tick::ticks(15) as u16;
/// Radius of a pickup in tiles; a ship takes it by touching it.
pub const PICKUP_RADIUS: f32 = 0.4;

/// What a host may choose about its matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Ticks that a match lasts at most.
    pub match_ticks: u32,
    /// Kills that end a match early; 0 for no limit.
    pub score_limit: u16,
}

impl Default for Rules {
    /// Two and a half minutes or 20 kills: short enough for one more.
    fn default() -> Self {
        Self { match_ticks: tick::ticks(150), score_limit: 20 }
    }
}

/// What everybody wants at one tick, and how late they saw the others when they wanted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    wanted: [Command; MAX_SEATS],
    /// Quarter ticks.
    behind: [u8; MAX_SEATS],
}

impl Default for Commands {
    fn default() -> Self {
        Self { wanted: [Command::default(); MAX_SEATS], behind: [0; MAX_SEATS] }
    }
}

impl Commands {
    /// Sets what one seat wants, who sees the others where they are. A seat that cannot exist is ignored.
    pub fn set(&mut self, seat: SeatId, command: Command) {
        if let Some(place) = self.wanted.get_mut(usize::from(seat.0)) {
            *place = command;
        }
        self.set_behind(seat, 0);
    }

    /// Sets how far behind the present a seat saw the others, in quarter ticks: its rail is traced against where they were then. More
    /// than [`crate::rail::MAX_BEHIND`] counts as that.
    pub fn set_behind(&mut self, seat: SeatId, behind: u8) {
        if let Some(place) = self.behind.get_mut(usize::from(seat.0)) {
            *place = behind.min(MAX_BEHIND);
        }
    }

    /// Returns what one seat wants; nothing, if it was not set or cannot exist.
    pub fn get(&self, seat: SeatId) -> Command {
        self.wanted.get(usize::from(seat.0)).copied().unwrap_or_default()
    }

    /// Returns how far behind the present a seat saw the others, quarter ticks.
    pub fn behind(&self, seat: SeatId) -> u8 {
        self.behind.get(usize::from(seat.0)).copied().unwrap_or_default()
    }
}

/// What a ship was hit by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Weapon {
    /// The projectile.
    Bolt,
    /// The beam.
    Rail,
}

/// Something that happened in a step and that players want to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GameEvent {
    /// A ship was destroyed.
    Kill {
        /// Who did it; none if nobody gets the credit.
        killer: Option<SeatId>,
        /// Whose ship it was.
        victim: SeatId,
        /// With what.
        weapon: Weapon,
    },
    /// A ship appeared at a new place.
    Spawned {
        /// Whose ship.
        seat: SeatId,
    },
    /// A pickup was taken.
    PickedUp {
        /// By whom.
        seat: SeatId,
        /// Its index in [`Map::pickups`].
        pickup: u8,
    },
    /// A new stage of the match began.
    Phase(Phase),
    /// The match is over.
    Finished {
        /// Who has most kills; none in a draw.
        winner: Option<SeatId>,
    },
}

/// The whole state of one room.
#[derive(Clone, Debug)]
pub struct Arena {
    map: Arc<Map>,
    rules: Rules,
    tick: Tick,
    phase: Phase,
    ships: [Option<Ship>; MAX_SEATS],
    /// One bit per seat that joined since the last step.
    arrived: u64,
    /// By rising `(spawned, owner)`, as are the beams by `(fired, owner)`.
    bolts: Vec<Bolt>,
    beams: Vec<Beam>,
    /// Ticks until each pickup of the map lies there again.
    pickup_wait: [u16; MAX_PICKUPS],
    rng: Rng,
    history: History,
    /// What the rails of the last step were traced against.
    rewound: Vec<Rewound>,
    asked: lead::Asked,
}

impl Arena {
    /// Creates an empty room at tick 0.
    pub fn new(map: Arc<Map>, rules: Rules, seed: u64) -> Self {
        Self {
            map,
            rules,
            tick: Tick(0),
            phase: Phase::default(),
            ships: [None; MAX_SEATS],
            arrived: 0,
            bolts: Vec::new(),
            beams: Vec::new(),
            pickup_wait: [0; MAX_PICKUPS],
            rng: Rng::new(seed),
            history: History::new(),
            rewound: Vec::new(),
            asked: lead::Asked::default(),
        }
    }

    /// Returns the last tick that was stepped.
    pub const fn tick(&self) -> Tick {
        self.tick
    }

    /// Returns the map.
    pub const fn map(&self) -> &Arc<Map> {
        &self.map
    }

    /// Returns the rules.
    pub const fn rules(&self) -> Rules {
        self.rules
    }

    /// Returns the stage of the match.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the seats that have a ship, alive or not, rising.
    pub fn seated(&self) -> impl Iterator<Item = SeatId> + '_ {
        seats().filter(|&seat| self.ship(seat).is_some())
    }

    /// Returns the ship of a seat, if it has one.
    pub fn ship(&self, seat: SeatId) -> Option<&Ship> {
        self.ships.get(usize::from(seat.0))?.as_ref()
    }

    /// Gives a seat a ship, which is at once alive and shielded. Nothing happens if it has one or cannot exist.
    pub fn join(&mut self, seat: SeatId) {
        let Some(place @ None) = self.ships.get_mut(usize::from(seat.0)) else { return };
        *place = Some(Ship::default());
        self.spawn(seat);
        self.arrived |= 1 << seat.0;
    }

    /// Takes a seat's ship away, with all that it has fired. Nothing happens if it has none.
    pub fn leave(&mut self, seat: SeatId) {
        let Some(place @ Some(_)) = self.ships.get_mut(usize::from(seat.0)) else { return };
        *place = None;
        self.history.forget(seat);
        self.arrived &= !(1 << seat.0);
        self.bolts.retain(|bolt| bolt.owner != seat);
        self.beams.retain(|beam| beam.owner != seat);
    }

    /// Advances by exactly one tick and appends to `events` what happened. Commands of seats without a ship are ignored.
    pub fn step(&mut self, commands: &Commands, events: &mut Vec<GameEvent>) {
        self.tick = self.tick.next();
        self.heed(events);
        self.turn_phase(events);
        let railers = self.obey(commands, events);
        self.bump();
        self.history.record(self.tick, &self.ships);
        self.resolve_hits(railers, commands, events);
        self.hand_out_pickups(events);
        let leader = self.seated().filter_map(|seat| self.ship(seat)).map(|ship| ship.score).max();
        let decided = self.rules.score_limit > 0 && leader >= Some(self.rules.score_limit);
        if decided && self.phase.kind == PhaseKind::Live {
            self.finish(events);
        }
    }

    /// Returns what `seat` may know about this tick; a spectator without one sees every ship from outside.
    pub fn view(&self, seat: Option<SeatId>) -> View {
        let own = seat.and_then(|seat| Some((seat, *self.ship(seat)?)));
        let others = self.seated().filter(|&other| own.is_none_or(|(seat, _)| other != seat));
        let look = |seat| self.ship(seat).map(|ship| ShipView::of(seat, ship));
        let lying = (0..self.map.pickups.len()).filter(|&i| self.pickup_wait.get(i) == Some(&0));
        View {
            tick: self.tick,
            phase: self.phase,
            own,
            ships: others.filter_map(look).collect(),
            bolts: self.bolts.clone(),
            beams: self.beams.clone(),
            pickups: lying.fold(0, |bits, i| bits | 1 << i),
        }
    }

    /// Returns what each rail of the last step was traced against.
    pub fn rewound(&self) -> &[Rewound] {
        &self.rewound
    }

    /// Returns a hash of the whole state: two arenas with the same one go on alike, given the same commands, as long as nobody is
    /// compensated for what happened before.
    pub fn checksum(&self) -> u64 {
        let mut hash = Fnv::default();
        hash.u64(self.map.hash);
        hash.u32(self.rules.match_ticks);
        hash.u16(self.rules.score_limit);
        hash.u32(self.tick.0);
        hash.u8(self.phase.kind as u8);
        hash.u32(self.phase.ends.0);
        hash.u64(self.arrived);
        hash.u64(self.rng.state());
        for seat in self.seated() {
            hash.u8(seat.0);
            if let Some(ship) = self.ship(seat) {
                ship.feed(&mut hash);
            }
        }
        // Counts keep one list from looking like the end of another.
        hash.u32(self.bolts.len() as u32);
        for bolt in &self.bolts {
            bolt.feed(&mut hash);
        }
        hash.u32(self.beams.len() as u32);
        for beam in &self.beams {
            beam.feed(&mut hash);
        }
        for wait in self.pickup_wait {
            hash.u16(wait);
        }
        hash.finish()
    }

    /// Announces arrivals and moves on to the next stage of the match when it is time.
    fn turn_phase(&mut self, events: &mut Vec<GameEvent>) {
        let ships = self.seated().count();
        let due = self.tick >= self.phase.ends;
        let arrived = std::mem::take(&mut self.arrived);
        events.extend(seats().filter(|seat| arrived >> seat.0 & 1 == 1).map(|seat| GameEvent::Spawned { seat }));
        match self.phase.kind {
            PhaseKind::Waiting if ships >= MIN_SHIPS => self.count_down(events),
            PhaseKind::Countdown | PhaseKind::Live | PhaseKind::Results if ships < MIN_SHIPS => {
                self.enter(PhaseKind::Waiting, 0, events);
            }
            PhaseKind::Countdown if due => self.enter(PhaseKind::Live, self.rules.match_ticks, events),
            PhaseKind::Live if due => self.finish(events),
            PhaseKind::Results if due => self.count_down(events),
            PhaseKind::Waiting | PhaseKind::Countdown | PhaseKind::Live | PhaseKind::Results => {}
        }
    }

    fn enter(&mut self, kind: PhaseKind, ticks: u32, events: &mut Vec<GameEvent>) {
        self.phase = Phase { kind, ends: self.tick.plus(ticks) };
        events.push(GameEvent::Phase(self.phase));
    }

    /// Clears the arena for a new match and puts everybody at a spawn.
    fn count_down(&mut self, events: &mut Vec<GameEvent>) {
        self.enter(PhaseKind::Countdown, COUNTDOWN_TICKS, events);
        self.take_map();
        self.place_all(events);
    }

    /// Clears the arena and puts everybody at a spawn, with nothing to their name.
    fn place_all(&mut self, events: &mut Vec<GameEvent>) {
        self.bolts.clear();
        self.beams.clear();
        self.pickup_wait = [0; MAX_PICKUPS];
        // Ships without health are in nobody's way, so the first to be placed does not avoid where the others were.
        for ship in self.ships.iter_mut().flatten() {
            *ship = Ship::default();
        }
        for seat in seats() {
            if self.ship(seat).is_some() {
                self.spawn(seat);
                events.push(GameEvent::Spawned { seat });
            }
        }
    }

    /// Ends the match.
    fn finish(&mut self, events: &mut Vec<GameEvent>) {
        let score = |seat: &SeatId| self.ship(*seat).map_or(0, |ship| ship.score);
        let best = self.seated().map(|seat| score(&seat)).max().unwrap_or_default();
        let leaders: Vec<SeatId> = self.seated().filter(|seat| score(seat) == best).collect();
        let winner = if best > 0 && leaders.len() == 1 { leaders.first().copied() } else { None };
        events.push(GameEvent::Finished { winner });
        self.enter(PhaseKind::Results, RESULTS_TICKS, events);
    }

    /// Moves every ship by its command, launches bolts, brings back whose time has come. Returns who fired the rail, as bits.
    fn obey(&mut self, commands: &Commands, events: &mut Vec<GameEvent>) -> u64 {
        let mut railers = 0;
        for seat in seats() {
            let Some(ship) = &mut self.ships[usize::from(seat.0)] else { continue };
            let fired = ship::advance(ship, self.phase.filter(commands.get(seat)), &self.map);
            if fired.bolt {
                self.bolts.push(Bolt::from_ship(seat, ship, self.tick));
            }
            if fired.rail {
                railers |= 1 << seat.0;
            }
            if !ship.alive() && ship.respawn_in == 0 {
                self.spawn(seat);
                events.push(GameEvent::Spawned { seat });
            }
        }
        railers
    }

    /// Heals whoever touches a pickup and needs it; of several the lowest seat.
    fn hand_out_pickups(&mut self, events: &mut Vec<GameEvent>) {
        for (index, place) in self.map.pickups.iter().enumerate().take(MAX_PICKUPS) {
            let wait = &mut self.pickup_wait[index];
            *wait = wait.saturating_sub(1);
            if *wait > 0 {
                continue;
            }
            let reach = Ship::RADIUS + PICKUP_RADIUS;
            for seat in seats() {
                let Some(ship) = &mut self.ships[usize::from(seat.0)] else { continue };
                let apart = sub(ship.pos.tiles(), place.tiles());
                if ship.alive() && ship.health < MAX_HEALTH && dot(apart, apart) < reach * reach {
                    ship.health = ship.health.saturating_add(PICKUP_HEALTH).min(MAX_HEALTH);
                    *wait = PICKUP_WAIT_TICKS;
                    events.push(GameEvent::PickedUp { seat, pickup: index as u8 });
                    break;
                }
            }
        }
    }
}

/// Returns every seat that can exist, rising.
fn seats() -> impl Iterator<Item = SeatId> {
    (0..MAX_SEATS as u8).map(SeatId)
}

/// Ships that a match needs.
pub const MIN_SHIPS: usize = 2;
