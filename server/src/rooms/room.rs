//! A room: one arena, its bots and what happened in it this tick.
//!
//! Flow: [`super::board`] opens → [`super::simulate`] steps → [`super::send`] shows.

use super::door::Door;
use super::record::UnderWay;
use crate::directory::RoomNews;
use bevy::ecs::prelude::*;
use game::{Arena, Bot, Commands, GameEvent, MAX_SEATS, Map, Rewound, Rules, SeatId};
use protocol::limits::{MAX_SPECTATORS, REWOUND_SHIPS};
use protocol::session::server::RoomFacts;
use protocol::wire::event::{Member, ServerEvent};
use protocol::{PlayerId, RoomId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Names of bots, by seat.
const BOT_NAMES: [&str; 16] = [
    "Ada", "Boole", "Cantor", "Dijkstra", "Euler", "Fermat", "Gauss", "Hopper", "Ising", "Jacobi", "Kepler",
    "Lovelace", "Maxwell", "Noether", "Ohm", "Pascal",
];
/// Skill of the weakest bot; the strongest of a room has 1.
const LEAST_SKILL: f32 = 0.35;

/// What a room is opened with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its number.
    pub id: RoomId,
    /// What it is called.
    pub name: String,
    /// Name of its map's file, without the ending.
    pub map_name: String,
    /// Its map.
    pub map: Arc<Map>,
    /// Places.
    pub seats: u8,
    /// Bots wished for in empty places.
    pub bots: u8,
    /// Rules of its matches.
    pub rules: Rules,
    /// Snapshots per second.
    pub snapshot_hz: u32,
    /// Stays open when nobody is in it.
    pub permanent: bool,
    /// Seed of everything random in it.
    pub seed: u64,
}

impl Plan {
    /// Returns the bot that flies at `seat` and came as number `rank`, counted from 0; later ones are better.
    fn bot(&self, seat: SeatId, rank: usize) -> Bot {
        let rank = rank as f32 / f32::from(self.bots.max(2).saturating_sub(1));
        let skill = LEAST_SKILL + (1.0 - LEAST_SKILL) * rank.min(1.0);
        Bot::new(self.seed ^ u64::from(seat.0), skill)
    }
}

/// One room.
#[derive(Component)]
pub struct Room {
    /// What it was opened with.
    pub plan: Plan,
    /// The state of the match.
    pub arena: Arena,
    /// What everybody wants in the next step.
    pub commands: Commands,
    /// What the last step brought.
    pub happened: Vec<GameEvent>,
    /// Since when nobody has been in it.
    pub empty_since: Option<Instant>,
    /// Who may come in, and who leads.
    pub door: Door,
    /// Everybody is being sent away; then it closes.
    pub closing: bool,
    /// The match that is being played.
    pub under_way: Option<UnderWay>,
    /// What the lobby has not been told yet.
    pub news_for_lobby: Vec<RoomNews>,
    /// The map of the next match, if it is another one.
    next_map: Option<String>,
    players: BTreeMap<SeatId, PlayerId>,
    bots: BTreeMap<SeatId, Bot>,
    members: BTreeMap<SeatId, Member>,
    news: Vec<ServerEvent>,
}

impl Room {
    /// Opens a room.
    pub fn open(plan: Plan, door: Door, now: Instant) -> Self {
        let arena = Arena::new(Arc::clone(&plan.map), plan.rules, plan.seed);
        Self {
            plan,
            arena,
            commands: Commands::default(),
            happened: Vec::new(),
            empty_since: Some(now),
            door,
            closing: false,
            under_way: None,
            news_for_lobby: Vec::new(),
            next_map: None,
            players: BTreeMap::new(),
            bots: BTreeMap::new(),
            members: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    /// Returns the ticks between two snapshots for one seat.
    pub fn snapshot_every(&self) -> u8 {
        (game::tick::TICK_HZ / self.plan.snapshot_hz.max(1)).clamp(1, 255) as u8
    }

    /// Returns what a fresh link must know.
    pub fn facts(&self) -> RoomFacts {
        RoomFacts {
            tick: self.arena.tick(),
            snapshot_every: self.snapshot_every(),
            phase: self.arena.phase(),
            map: self.plan.map_name.clone(),
            map_hash: self.plan.map.hash,
        }
    }

    /// Returns a seat for a person: an empty one, or a bot's. None if people sit everywhere.
    pub fn free_seat(&mut self) -> Option<SeatId> {
        let empty = (0..self.plan.seats).map(SeatId).find(|seat| !self.members.contains_key(seat));
        let bots_seat = || self.bots.keys().next_back().copied();
        let seat = empty.or_else(bots_seat)?;
        if self.bots.contains_key(&seat) {
            self.leave(seat);
        }
        Some(seat)
    }

    /// Seats a person.
    pub fn join(&mut self, seat: SeatId, player: PlayerId, name: &str) {
        self.arena.join(seat);
        if let Some(under_way) = &mut self.under_way {
            under_way.came(player, self.arena.tick());
        }
        self.players.insert(seat, player);
        self.seat(seat, Member { name: name.to_owned(), bot: false, away: false });
    }

    /// Returns a place for somebody who only watches. None if as many watch as may.
    pub fn free_place(&self) -> Option<SeatId> {
        let first = MAX_SEATS as u8;
        let mut places = (first..first.saturating_add(MAX_SPECTATORS)).map(SeatId);
        places.find(|place| !self.members.contains_key(place))
    }

    /// Lets a person watch from a place.
    pub fn watch(&mut self, place: SeatId, name: &str) {
        self.seat(place, Member { name: name.to_owned(), bot: false, away: false });
    }

    /// Adds and removes bots until as many fly as are wished for and find room.
    pub fn fill_with_bots(&mut self) {
        let wished = usize::from(self.plan.bots).min(usize::from(self.plan.seats).saturating_sub(self.people()));
        while self.bots.len() > wished {
            let Some(last) = self.bots.keys().next_back().copied() else { return };
            self.leave(last);
        }
        while self.bots.len() < wished {
            let Some(seat) = (0..self.plan.seats).map(SeatId).rev().find(|seat| !self.members.contains_key(seat))
            else {
                return;
            };
            self.bots.insert(seat, self.plan.bot(seat, self.bots.len()));
            let name = BOT_NAMES.get(usize::from(seat.0) % BOT_NAMES.len()).copied().unwrap_or("Bot");
            self.arena.join(seat);
            self.seat(seat, Member { name: name.to_owned(), bot: true, away: false });
        }
    }

    fn seat(&mut self, seat: SeatId, member: Member) {
        self.news.push(ServerEvent::Joined { seat, member: member.clone() });
        self.members.insert(seat, member);
    }

    /// Empties a seat.
    pub fn leave(&mut self, seat: SeatId) {
        self.arena.leave(seat);
        self.bots.remove(&seat);
        self.players.remove(&seat);
        if self.members.remove(&seat).is_some() {
            self.news.push(ServerEvent::Left { seat });
        }
    }

    /// Marks a person as away or back.
    pub fn set_away(&mut self, seat: SeatId, away: bool) {
        if let Some(member) = self.members.get_mut(&seat)
            && std::mem::replace(&mut member.away, away) != away
        {
            self.news.push(if away { ServerEvent::Away { seat } } else { ServerEvent::Back { seat } });
        }
    }

    /// Adds something for everybody to hear.
    pub fn announce(&mut self, event: ServerEvent) {
        self.news.push(event);
    }

    /// Returns everybody in the room.
    pub fn roster(&self) -> ServerEvent {
        ServerEvent::Roster(self.members.iter().map(|(seat, member)| (*seat, member.clone())).collect())
    }

    /// Returns everybody who is here, with their name and, if they are a person who flies, who they are; by rising seat.
    pub fn seated(&self) -> impl Iterator<Item = (SeatId, &str, Option<PlayerId>)> + '_ {
        self.members.iter().map(|(seat, member)| (*seat, member.name.as_str(), self.players.get(seat).copied()))
    }

    /// Returns how many people sit here, those included whose seat is kept.
    pub fn people(&self) -> usize {
        self.players.len()
    }

    /// Returns how many bots fly here.
    pub fn bots(&self) -> usize {
        self.bots.len()
    }

    /// Lets every bot choose its command, then takes one step.
    pub fn step(&mut self) {
        let Self { arena, bots, commands, happened, plan, .. } = self;
        for (seat, bot) in bots {
            commands.set(*seat, bot.fly(&arena.view(Some(*seat)), &plan.map));
        }
        happened.clear();
        arena.step(commands, happened);
        if arena.map().hash != self.plan.map.hash {
            self.moved();
        }
    }

    /// Has the next match played on `map`; at once, if none is being played.
    pub fn change_map(&mut self, name: &str, map: &Arc<Map>) {
        self.next_map = Some(name.to_owned());
        self.arena.change_map(Arc::clone(map));
    }

    /// The arena lies on another map now.
    fn moved(&mut self) {
        self.plan.map = Arc::clone(self.arena.map());
        if let Some(name) = self.next_map.take() {
            self.plan.map_name = name;
        }
        // What bots know of the old map would mislead them.
        for (rank, (seat, bot)) in self.bots.iter_mut().rev().enumerate() {
            *bot = self.plan.bot(*seat, rank);
        }
        let (map, map_hash) = (self.plan.map_name.clone(), self.plan.map.hash);
        self.news.push(ServerEvent::Map { map, map_hash });
    }

    /// Returns what the rails of the last step were traced against, by who fired: for those shooters who asked for it.
    pub fn rails(&self) -> Vec<(SeatId, ServerEvent)> {
        let tick = self.arena.tick();
        let told = self.arena.rewound().iter().map(|Rewound { shooter, behind, ships }| {
            let ships = ships.iter().take(REWOUND_SHIPS).copied().collect();
            (*shooter, ServerEvent::Rewound { shooter: *shooter, tick, behind: *behind, ships })
        });
        told.collect()
    }

    /// Returns everything that people should hear of since the last call: first what the step brought, then who came and went.
    pub fn take_news(&mut self) -> Vec<ServerEvent> {
        let tick = self.arena.tick();
        let told = self.happened.drain(..).filter_map(|event| match event {
            GameEvent::Kill { killer, victim, weapon } => Some(ServerEvent::Kill { tick, killer, victim, weapon }),
            GameEvent::PickedUp { seat, pickup } => Some(ServerEvent::PickedUp { seat, pickup }),
            GameEvent::Phase(phase) => Some(ServerEvent::Phase(phase)),
            GameEvent::Finished { winner } => Some(ServerEvent::Finished { winner }),
            GameEvent::Spawned { .. } => None,
        });
        told.chain(self.news.drain(..)).collect()
    }
}
