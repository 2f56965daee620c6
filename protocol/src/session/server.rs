//! The server's end of a session: the seat's keys, links, commands, acknowledgements and what it is to be told.
//!
//! Flow: link → [`ServerSession::handle`] → [`CommandQueue`], [`SessionEvent`]; `Arena::view` → [`ServerSession::snapshot`] →
//! [`ServerSession::poll_transmit`] → link.

use super::commands::{Arrival, CommandQueue};
use super::mail::{Inbox, Outbox, Overflow};
use super::shadow::{Answer, Shadows};
use super::{CloseLink, PeerError, Transmit};
use crate::grant::ResumeKey;
use crate::ids::{CloseReason, Epoch, Lane, LinkId, PlayerId, SessionId, Transport};
use crate::limits::{
    BASELINES, HANDSHAKE_DEADLINE, LINKS_PER_SESSION, MAX_EPOCH_STEP, SEAT_KEPT, SILENCE, SWITCH_GRACE,
};
use crate::rewind::Rewind;
use crate::snapshot::{Ring, Waiting, encode};
use crate::wire::Kind;
use crate::wire::command::Bundle;
use crate::wire::event::{ClientEvent, ServerEvent, decode};
use crate::wire::hello::{Hello, Refusal, Resume, Shadow, Welcome, decode_hello, encode_refusal, encode_welcome};
use crate::wire::shadow::ShadowCommands;
use crate::wire::snapshot::Header;
use bytes::Bytes;
use game::{Phase, SeatId, Tick, View};
use std::collections::VecDeque;
use std::sync::Arc;
use web_time::{Duration, Instant};

/// When a tick was or will be executed; every other tick follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// The tick that was executed last.
    pub tick: Tick,
    /// When its time was.
    pub at: Instant,
}

impl Beat {
    /// Returns the tick whose time `at` is, fraction included.
    fn moment(&self, at: Instant) -> f64 {
        let since = at.saturating_duration_since(self.at).as_secs_f64();
        let before = self.at.saturating_duration_since(at).as_secs_f64();
        f64::from(self.tick.0) + (since - before) * f64::from(game::tick::TICK_HZ)
    }

    /// Returns quarter milliseconds from `arrived` to the time of `tick`; negative if it came too late.
    pub(super) fn margin(&self, tick: Tick, arrived: Instant) -> i16 {
        let ahead = tick.offset_from(self.tick) as f64 * game::tick::TICK_SECONDS;
        let waited = arrived.saturating_duration_since(self.at).as_secs_f64();
        let early = self.at.saturating_duration_since(arrived).as_secs_f64();
        ((ahead - waited + early) * 4_000.0).clamp(-2048.0, 2047.0) as i16
    }
}

/// What a fresh link must know about the room.
#[derive(Clone, Debug)]
pub struct RoomFacts {
    /// Present tick.
    pub tick: Tick,
    /// Ticks between snapshots.
    pub snapshot_every: u8,
    /// Stage of the match.
    pub phase: Phase,
    /// Name of the map's file, without the ending.
    pub map: String,
    /// Hash of the map's text.
    pub map_hash: u64,
}

/// What the room learns from a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The player said or wants something.
    Client(ClientEvent),
    /// The last link is gone; the seat is being kept.
    Away,
    /// A link drives again.
    Back,
    /// The seat was kept long enough.
    Expired,
    /// The session holds more unread events than a living peer ever would; it should end.
    Overflow,
}

/// One player's presence in a room, as the server sees it.
#[derive(Debug)]
pub struct ServerSession {
    id: SessionId,
    player: PlayerId,
    name: String,
    seat: SeatId,
    key: ResumeKey,
    epoch: Epoch,
    driving: Option<(LinkId, Transport)>,
    /// Set until the first commands have come over the driving link.
    arriving: bool,
    /// When a driving link over which no commands come is given up, if there is a way back.
    arrives_by: Option<Instant>,
    /// Links that drove before, and when they are closed; none as long as they are the way back.
    older: VecDeque<(LinkId, Transport, Option<Instant>)>,
    /// The epoch and the key that each of these and the driving link was attached with.
    attached: Vec<(LinkId, Epoch, ResumeKey)>,
    away_since: Option<Instant>,
    /// The room was told of it.
    told_away: bool,
    commands: CommandQueue,
    rewind: Rewind,
    twice: bool,
    inbox: Inbox,
    outbox: Outbox,
    ring: Ring,
    /// Which ships found no room in each view of the ring, by its tick.
    waiting: VecDeque<(Tick, Waiting)>,
    acknowledged: Tick,
    newest_bundle: Tick,
    answer: Answer,
    shadows: Shadows,
    transmits: VecDeque<Transmit>,
    closes: VecDeque<CloseLink>,
    events: VecDeque<SessionEvent>,
}

impl ServerSession {
    /// Returns a session whose first link is not attached yet. `key` is that of epoch 1.
    pub fn new(id: SessionId, player: PlayerId, name: String, seat: SeatId, key: ResumeKey, now: Instant) -> Self {
        Self {
            id,
            player,
            name,
            seat,
            key,
            epoch: Epoch(1),
            driving: None,
            arriving: false,
            arrives_by: None,
            older: VecDeque::new(),
            attached: Vec::new(),
            away_since: Some(now),
            told_away: true,
            commands: CommandQueue::default(),
            rewind: Rewind::default(),
            twice: false,
            inbox: Inbox::default(),
            outbox: Outbox::new(Kind::ServerEvent),
            ring: Ring::default(),
            waiting: VecDeque::new(),
            acknowledged: Tick(0),
            newest_bundle: Tick(0),
            answer: Answer::default(),
            shadows: Shadows::default(),
            transmits: VecDeque::new(),
            closes: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Lets the first link drive, at epoch 1. The proof was checked by the caller.
    pub fn join(&mut self, link: LinkId, transport: Transport, facts: &RoomFacts) {
        self.drive(link, transport, facts);
    }

    /// Lets another link drive if its proof was made with the key of its epoch, and the epoch is higher than all before.
    ///
    /// # Errors
    /// [`Refusal::KeyUsed`] or [`Refusal::TooManyLinks`]; the session goes on undisturbed.
    pub fn resume(
        &mut self,
        link: LinkId,
        transport: Transport,
        resume: &Resume,
        facts: &RoomFacts,
    ) -> Result<(), Refusal> {
        let epoch = resume.epoch;
        let step = epoch.0.checked_sub(self.epoch.0).filter(|step| (1..=MAX_EPOCH_STEP).contains(step));
        let key = self.key.advanced(step.ok_or(Refusal::KeyUsed)?);
        if !key.verify(self.id, epoch, transport, &resume.key_proof) {
            return Err(Refusal::KeyUsed);
        }
        self.shadows.remove(link);
        if self.older.len().saturating_add(usize::from(self.driving.is_some())) >= LINKS_PER_SESSION {
            // The holder of the key may always come back; the oldest link makes room.
            let (oldest, ..) = self.older.pop_front().ok_or(Refusal::TooManyLinks)?;
            self.closes.push_back(CloseLink { link: oldest, reason: CloseReason::Replaced });
        }
        self.key = key;
        self.epoch = epoch;
        self.outbox.acknowledge(resume.events_seen.min(self.outbox.last()));
        self.drive(link, transport, facts);
        Ok(())
    }

    fn drive(&mut self, link: LinkId, transport: Transport, facts: &RoomFacts) {
        if let Some((old, old_transport)) = self.driving.replace((link, transport)) {
            self.older.push_back((old, old_transport, None));
        }
        // Whoever drives has strands of its own.
        let strands = self.shadows.take_strands().into_iter();
        self.closes.extend(strands.map(|link| CloseLink { link, reason: CloseReason::Replaced }));
        let older = &self.older;
        self.attached.retain(|(attached, ..)| older.iter().any(|(link, ..)| link == attached));
        self.attached.push((link, self.epoch, self.key.clone()));
        self.arriving = true;
        self.arrives_by = None;
        self.rewind.begin(facts.snapshot_every);
        if self.away_since.take().is_some() && std::mem::take(&mut self.told_away) {
            self.events.push_back(SessionEvent::Back);
        }
        self.welcome(link, facts);
        self.outbox.resend();
    }

    fn welcome(&mut self, link: LinkId, facts: &RoomFacts) {
        let welcome = Welcome {
            session: self.id,
            seat: self.seat,
            epoch: self.epoch,
            tick: facts.tick,
            snapshot_every: facts.snapshot_every,
            phase: facts.phase,
            map: facts.map.clone(),
            map_hash: facts.map_hash,
            events_seen: self.inbox.seen(),
        };
        self.transmit(link, Lane::Reliable, encode_welcome(&welcome).into());
    }

    /// Lets a link carry the match along if its proof was made with the key of an epoch whose link still lives, and no link has used its
    /// number. The present epoch may be one that the client has never heard of: its link died before the welcome arrived.
    ///
    /// # Errors
    /// [`Refusal::KeyUsed`] or [`Refusal::TooManyLinks`]; the session goes on undisturbed.
    pub fn shadow(
        &mut self,
        link: LinkId,
        transport: Transport,
        shadow: &Shadow,
        facts: &RoomFacts,
    ) -> Result<(), Refusal> {
        let key = self.attached.iter().find(|(_, epoch, _)| *epoch == shadow.epoch).map(|(_, _, key)| key);
        if shadow.session != self.id || !key.is_some_and(|key| key.verify_shadow(shadow, transport)) {
            return Err(Refusal::KeyUsed);
        }
        self.shadows.add(link, shadow.number, shadow.whole)?;
        self.welcome(link, facts);
        Ok(())
    }

    /// Takes in a hello on a link that carries the match along: it shall drive. A refusal is said, and the link closed.
    ///
    /// # Errors
    /// If the link is no such one, or the hello is of another kind.
    pub fn promote(
        &mut self,
        link: LinkId,
        transport: Transport,
        message: &[u8],
        facts: &RoomFacts,
    ) -> Result<(), PeerError> {
        if message.len() > crate::limits::MAX_CLIENT_RELIABLE_BYTES {
            return Err(crate::wire::DecodeError::TooLong.into());
        }
        let (_, body) = Kind::split(Lane::Reliable, message)?;
        let resume = match decode_hello(body) {
            Ok(Hello::Resume(resume)) if resume.session == self.id && self.shadows.contains(link) => resume,
            _ => return Err(PeerError::Unexpected),
        };
        if let Err(refusal) = self.resume(link, transport, &resume, facts) {
            self.shadows.remove(link);
            self.transmit(link, Lane::Reliable, encode_refusal(refusal).into());
            self.closes.push_back(CloseLink { link, reason: CloseReason::Refused });
        }
        Ok(())
    }

    /// Takes note that `link` is gone. If it drove, the link that drove before drives again, if there is one.
    pub fn detach(&mut self, link: LinkId, now: Instant) {
        self.older.retain(|(older, ..)| *older != link);
        self.shadows.remove(link);
        self.attached.retain(|(attached, ..)| *attached != link);
        if self.driving.is_none_or(|(driving, _)| driving != link) {
            return;
        }
        self.driving = self.older.pop_back().map(|(link, transport, _)| (link, transport));
        self.arriving = false;
        self.outbox.resend();
        if self.driving.is_none() {
            self.away_since = Some(now);
            // A strand takes over within a round trip; nobody need hear of it.
            if !self.shadows.has_strands() {
                self.tell_away();
            }
        }
    }

    fn tell_away(&mut self) {
        if !std::mem::replace(&mut self.told_away, true) {
            self.events.push_back(SessionEvent::Away);
        }
    }

    /// Takes in a message that arrived on one of the session's links at `arrived`.
    ///
    /// # Errors
    /// What the peer did wrong; nothing of the message was applied.
    pub fn handle(
        &mut self,
        link: LinkId,
        lane: Lane,
        message: &[u8],
        arrived: Instant,
        beat: Beat,
    ) -> Result<(), PeerError> {
        if lane == Lane::Reliable && message.len() > crate::limits::MAX_CLIENT_RELIABLE_BYTES {
            return Err(crate::wire::DecodeError::TooLong.into());
        }
        match Kind::split(lane, message)? {
            (Kind::Commands, body) => self.take_bundle(link, &Bundle::decode(body)?, arrived, beat),
            (Kind::ShadowCommands, body) => {
                // A link that was just told to drive may still bring one.
                self.shadows.heard(link, ShadowCommands::decode(body)?, arrived, beat);
            }
            (Kind::ClientEvent, body) => {
                if let Some(event) = self.inbox.accept(decode::<ClientEvent>(body)?)? {
                    self.events.push_back(SessionEvent::Client(event));
                }
            }
            _ => return Err(PeerError::Unexpected),
        }
        Ok(())
    }

    fn take_bundle(&mut self, link: LinkId, bundle: &Bundle, arrived: Instant, beat: Beat) {
        if self.arriving && self.driving.is_some_and(|(driving, _)| driving == link) {
            self.arriving = false;
            self.rewind.path_changed();
            let until = arrived.checked_add(SWITCH_GRACE);
            self.older.iter_mut().for_each(|(_, _, closes)| *closes = closes.or(until));
        }
        let moment = beat.moment(arrived);
        self.rewind.acknowledge(bundle.snapshot, moment);
        // A bundle without news says nothing of how well commands are timed. One that is too far ahead does.
        let mut news = false;
        for (tick, command) in bundle.in_order() {
            let arrival = self.commands.insert(beat.tick, tick, command);
            if arrival == Arrival::New {
                self.rewind.keep(tick, bundle, moment);
            }
            if arrival != Arrival::Repeated {
                self.answer.timed(beat.margin(tick, arrived));
                news = true;
            }
        }
        if news && bundle.newest >= self.newest_bundle {
            self.newest_bundle = bundle.newest;
            self.answer.stamped(bundle.stamp, arrived);
        }
        self.acknowledged = self.acknowledged.max(bundle.snapshot);
        self.outbox.acknowledge(bundle.events_seen.min(self.outbox.last()));
    }

    /// Queues the snapshot of `full` for the driving link, and for the one before as long as the change is under way.
    pub fn snapshot(&mut self, full: &View, now: Instant) {
        let Some((driving, _)) = self.driving else { return };
        let header = Header {
            tick: full.tick,
            age: 0,
            events_seen: self.inbox.seen(),
            executed: self.commands.executed() as u16,
            echo: self.answer.take(now),
        };
        let baseline = self.ring.baseline(self.acknowledged, full.tick).cloned();
        // Without a baseline, at least let other ships go first than last time.
        let before = match &baseline {
            Some(baseline) => self.waiting.iter().find(|(tick, _)| *tick == baseline.tick),
            None => self.waiting.back(),
        };
        let mut waiting = before.map(|(_, waiting)| waiting.clone()).unwrap_or_default();
        let (bytes, held) = encode(header, baseline.as_deref(), full, &mut waiting);
        self.ring.push(Arc::new(held));
        self.waiting.push_back((full.tick, waiting));
        if self.waiting.len() > BASELINES {
            self.waiting.pop_front();
        }
        let bytes = Bytes::from(bytes);
        if self.arriving
            && let Some((before, ..)) = self.older.back()
        {
            self.transmits.push_back(Transmit { link: *before, lane: Lane::Latest, bytes: bytes.clone() });
        }
        let carrier = self.shadows.in_turn(driving);
        self.transmit(carrier, Lane::Latest, bytes);
        let own = full.own.filter(|(_, ship)| ship.alive()).map(|(_, ship)| ship.pos);
        self.transmits.extend(self.shadows.show(full.tick, own, now));
    }

    /// Queues an event.
    pub fn send(&mut self, event: &ServerEvent) {
        if self.outbox.push(event) == Err(Overflow) {
            self.events.push_back(SessionEvent::Overflow);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.arriving && !self.older.is_empty() {
            let by = *self.arrives_by.get_or_insert(now.checked_add(HANDSHAKE_DEADLINE).unwrap_or(now));
            if let Some((link, _)) = self.driving.filter(|_| by <= now) {
                // The client has never heard the welcome: events must not wait for a link that only its timeout will end.
                self.closes.push_back(CloseLink { link, reason: CloseReason::HandshakeTimeout });
                self.detach(link, now);
            }
        }
        let due = |closes: &Option<Instant>| closes.is_some_and(|at| at <= now);
        while let Some((link, ..)) = self.older.pop_front_if(|(_, _, closes)| due(closes)) {
            self.closes.push_back(CloseLink { link, reason: CloseReason::Replaced });
        }
        if self.away_since.is_some_and(|since| now.saturating_duration_since(since) >= SILENCE) {
            self.tell_away();
        }
        if self.away_since.is_some_and(|since| now.saturating_duration_since(since) >= SEAT_KEPT) {
            self.away_since = None;
            self.events.push_back(SessionEvent::Expired);
        }
    }

    /// Returns when [`Self::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self.away_since.and_then(|since| since.checked_add(SEAT_KEPT));
        let arrival = self.arrives_by.filter(|_| self.arriving);
        self.older.iter().filter_map(|(_, _, closes)| *closes).chain(expiry).chain(arrival).min()
    }

    /// Returns the next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if let Some(transmit) = self.transmits.pop_front() {
            return Some(transmit);
        }
        let (link, _) = self.driving?;
        let bytes = self.outbox.next_unsent()?;
        Some(Transmit { link, lane: Lane::Reliable, bytes })
    }

    /// Returns the next link to close.
    pub fn poll_close(&mut self) -> Option<CloseLink> {
        self.closes.pop_front()
    }

    /// Returns what happened next.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// Returns the command to execute at `tick`.
    pub fn command(&mut self, tick: Tick) -> game::Command {
        self.commands.take(tick)
    }

    /// Returns how far behind `tick` the rail of its command is to be traced, quarter ticks. Called after [`Self::command`].
    pub fn behind(&mut self, tick: Tick) -> u8 {
        self.rewind.take(tick)
    }

    /// Returns how the session's rails are judged.
    pub const fn rewind(&self) -> &Rewind {
        &self.rewind
    }

    /// Sets whether the driving link is to carry every snapshot twice, if it is one of datagrams.
    pub const fn set_twice(&mut self, twice: bool) {
        self.twice = twice;
    }

    /// Returns whether what goes over `link` is to be sent twice.
    pub fn twice(&self, link: LinkId) -> bool {
        self.twice && self.driving.is_some_and(|(driving, _)| driving == link)
    }

    /// Sets whether rails are compensated, and whether the player wants to be told what they were traced against.
    pub const fn set_rewind(&mut self, compensate: bool, draw: bool) {
        self.rewind.wish(compensate, draw);
    }

    /// Returns every link of the session: the driving one first, the shadows last.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        let drove = self.older.iter().map(|(link, ..)| *link);
        self.driving.iter().map(|(link, _)| *link).chain(drove).chain(self.shadows.links())
    }

    /// Returns the driving link.
    pub const fn driving(&self) -> Option<(LinkId, Transport)> {
        self.driving
    }

    /// Returns the session's name on the wire.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns whose session it is.
    pub const fn player(&self) -> PlayerId {
        self.player
    }

    /// Returns the name to show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the seat.
    pub const fn seat(&self) -> SeatId {
        self.seat
    }

    /// Returns the present epoch.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns for how long the session has had no link, if it has none.
    pub fn away_for(&self, now: Instant) -> Option<Duration> {
        self.away_since.map(|since| now.saturating_duration_since(since))
    }

    /// Returns the commands that wait, and their counters.
    pub const fn commands(&self) -> &CommandQueue {
        &self.commands
    }

    fn transmit(&mut self, link: LinkId, lane: Lane, bytes: Bytes) {
        self.transmits.push_back(Transmit { link, lane, bytes });
    }
}
