//! The server of the virtual world: a real arena, real sessions, and a door that checks what the real one checks, in its order.
//!
//! Flow: `support::world` → [`Room::handle`] → sessions → [`Room::tick`] → [`Room::poll_transmit`].

use super::oracle::{Flight, Flights};
use bytes::Bytes;
use game::{Arena, Bot, Commands, Map, Rules, SeatId, Tick};
use protocol::grant::{Proof, ProofError, ResumeKey, Sealer, UnixMillis, UsedProofs};
use protocol::session::server::{Beat, RoomFacts, ServerSession, SessionEvent};
use protocol::session::{CloseLink, PeerError, Transmit};
use protocol::wire::Kind;
use protocol::wire::event::{ClientEvent, ServerEvent};
use protocol::wire::hello::{Hello, Refusal, decode_hello, encode_refusal};
use protocol::{CloseReason, Epoch, Lane, LinkId, PlayerId, RoomId, SessionId, Transport};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ticks between snapshots.
pub(crate) const SNAPSHOT_EVERY: u32 = 2;
/// Seats of bots begin here.
const FIRST_BOT: u8 = 40;
const KEY: [u8; 32] = [7; 32];

/// A session and what the tests count beside it.
pub(crate) struct Seated {
    pub(crate) session: ServerSession,
    pub(crate) flights: Flights,
    /// Number of the last line that was told to the client, and of the last one that came from it.
    pub(crate) told: u32,
    pub(crate) heard: u32,
    /// What the session reported besides chat, in order.
    pub(crate) reports: Vec<SessionEvent>,
    /// Every epoch that drove.
    pub(crate) epochs: Vec<Epoch>,
}

/// One room with its door.
pub(crate) struct Room {
    pub(crate) arena: Arena,
    pub(crate) beat: Beat,
    pub(crate) seated: BTreeMap<SessionId, Seated>,
    /// Which session each greeted link belongs to.
    pub(crate) bound: BTreeMap<LinkId, SessionId>,
    /// Links that were closed from here; what is still under way on them does not matter any more.
    closed: BTreeSet<LinkId>,
    /// What peers did wrong.
    pub(crate) violations: Vec<PeerError>,
    pub(crate) refusals: Vec<Refusal>,
    sealer: Sealer,
    used: UsedProofs,
    born: Instant,
    bots: Vec<(SeatId, Bot)>,
    transmits: VecDeque<Transmit>,
    closes: VecDeque<CloseLink>,
}

impl Room {
    pub(crate) fn new(map: Arc<Map>, rules: Rules, bots: u8, seed: u64, now: Instant) -> Self {
        let mut arena = Arena::new(map, rules, seed);
        let bots: Vec<_> = (0..bots).map(|n| (SeatId(FIRST_BOT + n), Bot::new(seed ^ u64::from(n), 0.6))).collect();
        bots.iter().for_each(|(seat, _)| arena.join(*seat));
        Self {
            beat: Beat { tick: arena.tick(), at: now },
            arena,
            seated: BTreeMap::new(),
            bound: BTreeMap::new(),
            closed: BTreeSet::new(),
            violations: Vec::new(),
            refusals: Vec::new(),
            sealer: Sealer::new(&KEY, "arena"),
            used: UsedProofs::default(),
            born: now,
            bots,
            transmits: VecDeque::new(),
            closes: VecDeque::new(),
        }
    }

    /// Does the lobby's part: hands out what is needed to take a seat.
    pub(crate) fn grant(&self, number: u64, now: Instant) -> (SessionId, Vec<u8>, ResumeKey) {
        let resume_key = ResumeKey([number as u8 ^ 0x5A; 32]);
        let session = SessionId(0x5E55_0000 + number);
        let proof = Proof {
            id: number,
            player: PlayerId(number),
            name: format!("player {number}"),
            room: RoomId(1),
            spectate: false,
            session,
            resume_key: resume_key.clone(),
            issued: self.unix(now),
        };
        (session, self.sealer.seal(&proof, [number as u8; 24]), resume_key)
    }

    /// Takes in a message that arrived over `link` at `arrived`.
    pub(crate) fn handle(&mut self, link: LinkId, transport: Transport, lane: Lane, bytes: &[u8], arrived: Instant) {
        let facts = self.facts();
        if let Some(seated) = self.bound.get(&link).and_then(|session| self.seated.get_mut(session)) {
            let hello = matches!(Kind::split(lane, bytes), Ok((Kind::Hello, _)));
            let heard = match hello {
                true => seated.session.promote(link, transport, bytes, &facts),
                false => seated.session.handle(link, lane, bytes, arrived, self.beat),
            };
            match heard {
                Ok(()) if hello => seated.note_epoch(),
                Ok(()) => {}
                Err(error) => self.violations.push(error),
            }
            return;
        }
        if self.closed.contains(&link) {
            return;
        }
        let greeted = match Kind::split(lane, bytes) {
            Ok((Kind::Hello, body)) => decode_hello(body).and_then(|hello| self.greet(link, transport, hello, arrived)),
            _ => Err(Refusal::NotHello),
        };
        match greeted {
            Ok(session) => {
                self.bound.insert(link, session);
                let seated = self.seated.get_mut(&session).unwrap();
                if seated.session.driving().is_some_and(|(driving, _)| driving == link) {
                    seated.note_epoch();
                }
            }
            Err(refusal) => {
                self.refusals.push(refusal);
                let bytes = Bytes::from(encode_refusal(refusal));
                self.transmits.push_back(Transmit { link, lane: Lane::Reliable, bytes });
                self.closes.push_back(CloseLink { link, reason: CloseReason::Refused });
            }
        }
    }

    fn greet(&mut self, link: LinkId, transport: Transport, hello: Hello, now: Instant) -> Result<SessionId, Refusal> {
        let facts = self.facts();
        match hello {
            Hello::Join { proof } => {
                let unix = self.unix(now);
                let opened = self.sealer.open(&proof, unix);
                let proof = opened.and_then(|proof| self.used.redeem(&proof, unix).map(|()| proof));
                let proof = proof.map_err(|error| match error {
                    ProofError::Expired | ProofError::Future => Refusal::ProofExpired,
                    ProofError::Used => Refusal::ProofUsed,
                    _ => Refusal::ProofAltered,
                })?;
                let seat = (0..FIRST_BOT).map(SeatId).find(|seat| self.arena.ship(*seat).is_none());
                let seat = seat.ok_or(Refusal::RoomFull)?;
                self.arena.join(seat);
                let Proof { session: id, player, name, resume_key, .. } = proof;
                let mut session = ServerSession::new(id, player, name, seat, resume_key, now);
                session.join(link, transport, &facts);
                self.seated.insert(id, Seated::new(session));
                Ok(id)
            }
            Hello::Resume(resume) => {
                let seated = self.seated.get_mut(&resume.session).ok_or(Refusal::NoSession)?;
                seated.session.resume(link, transport, &resume, &facts)?;
                Ok(resume.session)
            }
            Hello::Shadow(shadow) => {
                let seated = self.seated.get_mut(&shadow.session).ok_or(Refusal::NoSession)?;
                seated.session.shadow(link, transport, &shadow, &facts)?;
                Ok(shadow.session)
            }
        }
    }

    /// Takes note that a link is gone.
    pub(crate) fn detach(&mut self, link: LinkId, now: Instant) {
        if let Some(seated) = self.bound.remove(&link).and_then(|session| self.seated.get_mut(&session)) {
            seated.session.detach(link, now);
        }
    }

    /// Runs one tick, whose time is `now`.
    pub(crate) fn tick(&mut self, now: Instant) {
        let next = self.arena.tick().next();
        let mut commands = Commands::default();
        for (seat, bot) in &mut self.bots {
            commands.set(*seat, bot.fly(&self.arena.view(Some(*seat)), self.arena.map()));
        }
        let mut before = BTreeMap::new();
        for seated in self.seated.values_mut() {
            let (seat, executed) = (seated.session.seat(), seated.session.commands().executed());
            let command = seated.session.command(next);
            let own = seated.session.commands().executed() > executed;
            commands.set(seat, command);
            commands.set_behind(seat, seated.session.behind(next));
            before.insert(seat, (command, own, *self.arena.ship(seat).unwrap()));
        }
        self.arena.step(&commands, &mut Vec::new());
        self.beat = Beat { tick: next, at: now };
        for (n, seated) in (0..).zip(self.seated.values_mut()) {
            let seat = seated.session.seat();
            let (command, own, ship) = before[&seat];
            let after = self.arena.ship(seat).unwrap();
            seated.flights.note(next, Flight::new(command, own, self.arena.phase(), ship, after, self.arena.map()));
            if (next.0 + n).is_multiple_of(SNAPSHOT_EVERY) {
                seated.session.snapshot(&self.arena.view(Some(seat)), now);
            }
        }
    }

    /// Tells every client the next numbered line.
    pub(crate) fn say(&mut self) {
        for seated in self.seated.values_mut() {
            seated.told += 1;
            let line = seated.told.to_string();
            seated.session.send(&ServerEvent::Chat { seat: SeatId(0), line });
        }
    }

    /// Does what is due. A session that has expired gives up its seat.
    pub(crate) fn attend(&mut self, now: Instant) {
        for seated in self.seated.values_mut() {
            seated.session.handle_timeout(now);
            while let Some(event) = seated.session.poll_event() {
                match event {
                    SessionEvent::Client(ClientEvent::Chat(line)) => {
                        assert_eq!(line, (seated.heard + 1).to_string(), "events from the client, once and in order");
                        seated.heard += 1;
                    }
                    SessionEvent::Client(ClientEvent::Rewind { compensate, draw }) => {
                        seated.session.set_rewind(compensate, draw);
                    }
                    other => seated.reports.push(other),
                }
            }
            while let Some(close) = seated.session.poll_close() {
                self.bound.remove(&close.link);
                self.closes.push_back(close);
            }
            while let Some(transmit) = seated.session.poll_transmit() {
                self.transmits.push_back(transmit);
            }
        }
        let over = |seated: &Seated| seated.reports.contains(&SessionEvent::Expired);
        let expired: Vec<_> = self.seated.iter().filter(|(_, s)| over(s)).map(|(id, _)| *id).collect();
        for id in expired {
            let seated = self.seated.remove(&id).unwrap();
            self.arena.leave(seated.session.seat());
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(crate) fn poll_close(&mut self) -> Option<CloseLink> {
        let close = self.closes.pop_front()?;
        self.closed.insert(close.link);
        Some(close)
    }

    pub(crate) fn facts(&self) -> RoomFacts {
        RoomFacts {
            tick: self.arena.tick(),
            snapshot_every: SNAPSHOT_EVERY as u8,
            phase: self.arena.phase(),
            map: "crossfire".to_owned(),
            map_hash: self.arena.map().hash,
        }
    }

    fn unix(&self, now: Instant) -> UnixMillis {
        let passed: Duration = now.saturating_duration_since(self.born);
        UnixMillis(1_700_000_000_000 + passed.as_millis() as u64)
    }
}

impl Seated {
    fn new(session: ServerSession) -> Self {
        Self { session, flights: Flights::default(), told: 0, heard: 0, reports: Vec::new(), epochs: Vec::new() }
    }

    /// Takes note of the epoch after a successful hello, which must be higher than all before.
    fn note_epoch(&mut self) {
        let epoch = self.session.epoch();
        assert!(self.epochs.last().is_none_or(|last| *last < epoch), "{:?} then {epoch:?}", self.epochs);
        self.epochs.push(epoch);
    }

    /// Returns for how many of the ticks after `since` the seat's own command was executed, and of how many.
    pub(crate) fn executed_since(&self, since: Tick) -> (usize, usize) {
        self.flights.executed_since(since)
    }
}
