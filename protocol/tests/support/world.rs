//! The virtual world: one room, some clients, links between them, one seed, and an oracle that looks on at every step.
//!
//! Time moves in steps of one millisecond that take no time. Everything that happens is fed to a hash: the same seed gives the same
//! hash, or something reads a clock, a hash map's order or an uninitialised mind.
//!
//! Flow: test → [`World::run`] → wires → `support::room`, `support::player`.

use super::link::{End, Weather, Wire};
use super::player::Player;
use super::room::Room;
use super::shipped;
use game::checksum::Fnv;
use game::rng::Rng;
use game::{Map, Rules, Tick};
use protocol::limits::{LINKS_PER_SESSION, SHADOWS_PER_SESSION};
use protocol::{Lane, LinkId, Transport};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(1);
/// A sixtieth of a second.
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 60);
/// Milliseconds between two frames of a client: 125 per second.
const FRAME_MS: u64 = 8;

/// Everything.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) room: Room,
    pub(crate) players: Vec<Player>,
    pub(crate) wires: BTreeMap<LinkId, Wire>,
    pub(crate) rng: Rng,
    /// Chat in both directions, lines per second and side.
    pub(crate) chatter: u32,
    trace: Fnv,
    steps: u64,
    next_tick: Instant,
    next_link: u64,
}

impl World {
    /// Returns a room on the shipped map `map` with `bots` bots, and nobody else.
    pub(crate) fn new(map: &str, bots: u8, seed: u64) -> Self {
        Self::with(shipped(map), Rules { match_ticks: 1_200, score_limit: 0 }, bots, seed)
    }

    /// Returns a room on `map` with these rules and `bots` bots, and nobody else.
    pub(crate) fn with(map: Arc<Map>, rules: Rules, bots: u8, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            now,
            room: Room::new(map, rules, bots, seed, now),
            players: Vec::new(),
            wires: BTreeMap::new(),
            rng: Rng::new(seed),
            chatter: 0,
            trace: Fnv::default(),
            steps: 0,
            next_tick: now + TICK,
            next_link: 1,
        }
    }

    /// Adds a client with a fresh grant and no link. Returns its place in `players`.
    pub(crate) fn add_player(&mut self) -> usize {
        let number = self.players.len() as u64 + 1;
        let grant = self.room.grant(number, self.now);
        let seed = u64::from(self.rng.next_u32());
        self.players.push(Player::new(grant, self.room.arena.map().clone(), seed, self.now));
        self.players.len() - 1
    }

    /// Opens a link and lets the client greet on it.
    pub(crate) fn dial(&mut self, player: usize, transport: Transport, up: Weather, down: Weather) -> LinkId {
        let link = self.dial_link(player, transport, up, down);
        self.players[player].session.attach(link, transport, self.now);
        self.collect();
        link
    }

    /// Opens a link that shall carry the match along.
    pub(crate) fn dial_shadow(&mut self, player: usize, transport: Transport, up: Weather, down: Weather) -> LinkId {
        let link = self.dial_link(player, transport, up, down);
        assert!(self.players[player].session.shadow(link, transport, self.now), "no link drives");
        self.collect();
        link
    }

    /// Opens a link and says nothing on it.
    pub(crate) fn dial_link(&mut self, player: usize, transport: Transport, up: Weather, down: Weather) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.wires.insert(link, Wire::new(player, transport, up, down, self.now));
        link
    }

    /// Cuts a link. Each end learns of it within `notice`.
    pub(crate) fn cut(&mut self, link: LinkId, notice: Duration) {
        let learn = |rng: &mut Rng, now: Instant| now + notice.mul_f64(f64::from(rng.unit_f32()));
        let (client, server) = (learn(&mut self.rng, self.now), learn(&mut self.rng, self.now));
        if let Some(wire) = self.wires.get_mut(&link) {
            wire.cut(client, server);
        }
    }

    /// Lets `ms` milliseconds pass, calling `meddle` before each.
    pub(crate) fn run_with(&mut self, ms: u64, mut meddle: impl FnMut(&mut Self)) {
        for _ in 0..ms {
            meddle(self);
            self.step();
        }
    }

    /// Lets `ms` milliseconds pass.
    pub(crate) fn run(&mut self, ms: u64) {
        self.run_with(ms, |_| {});
    }

    fn step(&mut self) {
        self.now += STEP;
        self.steps += 1;
        self.deliver();
        while self.next_tick <= self.now {
            self.room.tick(self.next_tick);
            self.next_tick += TICK;
            self.trace.u64(self.room.arena.checksum());
        }
        if self.chatter > 0 && self.steps.is_multiple_of(1_000 / u64::from(self.chatter)) {
            self.room.say();
            self.players.iter_mut().filter(|p| p.session.driving().is_some()).for_each(Player::say);
        }
        for (n, player) in (0..).zip(&mut self.players) {
            let truth = self.room.seated.get(&player.id).map(|seated| &seated.flights);
            player.attend(truth, self.now);
            if (self.steps + n * 3).is_multiple_of(FRAME_MS) {
                player.frame(self.now);
            }
        }
        self.room.attend(self.now);
        self.collect();
        self.watch();
    }

    /// Brings what has arrived to both ends, then the news of ends.
    fn deliver(&mut self) {
        for (link, wire) in &mut self.wires {
            while let Some((at, lane, bytes)) = wire.arrived(End::Server, self.now) {
                note(&mut self.trace, *link, lane, &bytes);
                self.room.handle(*link, wire.transport, lane, &bytes, at);
            }
            while let Some((at, lane, bytes)) = wire.arrived(End::Client, self.now) {
                note(&mut self.trace, *link, lane, &bytes);
                self.players[wire.client].handle(*link, lane, &bytes, at);
            }
            if wire.learns(End::Server, self.now) {
                self.room.detach(*link, self.now);
            }
            if wire.learns(End::Client, self.now) {
                self.players[wire.client].session.detach(*link);
            }
        }
    }

    /// Puts everything that wants to go out on its way.
    fn collect(&mut self) {
        let (now, rng) = (self.now, &mut self.rng);
        for player in &mut self.players {
            while let Some(transmit) = player.session.poll_transmit() {
                if let Some(wire) = self.wires.get_mut(&transmit.link) {
                    wire.send(End::Client, transmit.lane, transmit.bytes, now, rng);
                }
            }
            while let Some(close) = player.session.poll_close() {
                if let Some(wire) = self.wires.get_mut(&close.link) {
                    wire.close(End::Client, now, rng);
                }
            }
        }
        while let Some(transmit) = self.room.poll_transmit() {
            if let Some(wire) = self.wires.get_mut(&transmit.link) {
                wire.send(End::Server, transmit.lane, transmit.bytes, now, rng);
            }
        }
        while let Some(close) = self.room.poll_close() {
            if let Some(wire) = self.wires.get_mut(&close.link) {
                wire.close(End::Server, now, rng);
            }
        }
    }

    /// Looks at everything that must hold at every moment.
    fn watch(&self) {
        for (id, seated) in &self.room.seated {
            let links: Vec<LinkId> = seated.session.links().collect();
            assert!(links.len() <= LINKS_PER_SESSION + SHADOWS_PER_SESSION, "{links:?}");
            for link in links {
                assert_eq!(self.room.bound.get(&link), Some(id), "a session holds only links of its own");
            }
            let now = self.room.arena.tick();
            let player = self.players.iter().find(|player| player.id == *id);
            if let (Some(player), Some(flight)) = (player, seated.flights.at(now)) {
                let flown = player.flown(now);
                assert!(!flight.own || flown.is_none_or(|flown| *flown == flight.command), "executed as it was flown");
                assert!(seated.heard <= player.told && player.heard <= seated.told);
            }
        }
        for player in &self.players {
            assert!(player.violations.is_empty(), "the server broke the protocol: {:?}", player.violations);
        }
        assert!(self.room.violations.is_empty(), "a client broke the protocol: {:?}", self.room.violations);
    }

    /// Asserts that a client plays: both ends agree on who drives, the picture is fresh and no line is missing.
    pub(crate) fn assert_plays(&self, player: usize) {
        let player = &self.players[player];
        let seated = self.room.seated.get(&player.id).expect("the seat is kept");
        let driving = player.session.driving();
        assert!(driving.is_some(), "no link drives");
        assert_eq!(driving, seated.session.driving(), "client and server disagree on which link drives");
        assert!(player.session.epoch() <= seated.session.epoch(), "an epoch that the server never gave");
        let age = player.newest.map(|(tick, _)| self.room.arena.tick().since(tick));
        assert!(age.is_some_and(|age| age < 30), "the picture is {age:?} ticks old");
        assert_eq!((player.heard, seated.heard), (seated.told, player.told), "lines that never arrived");
    }

    pub(crate) fn seated(&self, player: usize) -> &super::room::Seated {
        &self.room.seated[&self.players[player].id]
    }

    pub(crate) fn tick(&self) -> Tick {
        self.room.arena.tick()
    }

    /// Returns the hash of everything that happened.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }
}

fn note(trace: &mut Fnv, link: LinkId, lane: Lane, bytes: &[u8]) {
    trace.u64(link.0);
    trace.u8(u8::from(lane == Lane::Latest));
    trace.bytes(bytes);
}
