//! The client's end of a session: greets on every link, moves the driving role when the first snapshot has come, keeps what was
//! read, and bundles commands.
//!
//! Flow: link → [`ClientSession::handle`] → [`SessionEvent`] → HUD, `predict`, `interpolate`; input → [`ClientSession::fly`] →
//! [`ClientSession::poll_transmit`] → link.

use super::mail::{Inbox, Outbox, Overflow};
use super::{CloseLink, PeerError, Transmit};
use crate::grant::ResumeKey;
use crate::ids::{CloseReason, Epoch, Lane, LinkId, SessionId, Transport};
use crate::limits::{BUNDLE_COMMANDS, HANDSHAKE_DEADLINE, SWITCH_GRACE};
use crate::rewind::claim;
use crate::snapshot::{Ring, decode as decode_snapshot};
use crate::wire::command::Bundle;
use crate::wire::event::{ClientEvent, ServerEvent, decode};
use crate::wire::hello::{Hello, Refusal, Resume, Shadow, Welcome, decode_refusal, decode_welcome, encode_hello};
use crate::wire::reader::BitReader;
use crate::wire::shadow::{ShadowCommands, ShadowSnapshot};
use crate::wire::snapshot::{Echo, Header};
use crate::wire::{DecodeError, Kind};
use bytes::Bytes;
use game::{Command, Tick, View};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use web_time::{Duration, Instant};

/// What the game learns from its session.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// A link was accepted. It does not drive yet.
    Welcomed(Box<Welcome>),
    /// `link` drives from now on.
    Drives {
        /// The link.
        link: LinkId,
        /// Its wire.
        transport: Transport,
    },
    /// `link` was refused. Other links go on.
    Refused {
        /// The link.
        link: LinkId,
        /// Its wire.
        transport: Transport,
        /// Why.
        refusal: Refusal,
    },
    /// No welcome came over `link` in time.
    Unanswered {
        /// The link.
        link: LinkId,
        /// Its wire.
        transport: Transport,
    },
    /// A newer snapshot than any before.
    Snapshot {
        /// The whole view.
        view: Arc<View>,
        /// What stood before it.
        header: Header,
        /// When it arrived.
        arrived: Instant,
    },
    /// What a link that carries the match along says about a tick, newer than any before over it or not.
    Shown {
        /// The link.
        link: LinkId,
        /// What it says.
        snapshot: ShadowSnapshot,
        /// When it arrived.
        arrived: Instant,
    },
    /// A link does not carry the match along: it was refused, or nobody answered.
    NoShadow {
        /// Its wire.
        transport: Transport,
    },
    /// Something happened in the room.
    Room(ServerEvent),
    /// The last link is gone.
    Away,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting {
        until: Instant,
    },
    Welcomed {
        until: Instant,
    },
    Driving,
    Draining {
        until: Instant,
    },
    /// Has asked to carry the match along.
    Asking {
        until: Instant,
        whole: bool,
    },
    /// Carries the match along.
    Shadow,
    /// Carries its share of the driving link's snapshots and commands.
    Strand,
}

#[derive(Clone, Copy, Debug)]
struct Attached {
    transport: Transport,
    epoch: Epoch,
    stage: Stage,
}

/// One player's presence in a room, as the client sees it.
#[derive(Debug)]
pub struct ClientSession {
    id: SessionId,
    proof: Option<Vec<u8>>,
    first_key: ResumeKey,
    tried: Epoch,
    /// Number of the last link that asked to carry the match along.
    asked: u32,
    /// Bundles sent.
    turn: usize,
    links: BTreeMap<LinkId, Attached>,
    born: Instant,
    recent: VecDeque<(Tick, Command)>,
    /// How many of them no bundle has carried yet, and how many more are repeated.
    fresh: usize,
    repeated: usize,
    /// The tick of the others that is on screen.
    shown: f64,
    ring: Ring,
    /// Snapshots that have come over the driving link, copies and late ones included.
    heard: u64,
    inbox: Inbox,
    outbox: Outbox,
    transmits: VecDeque<Transmit>,
    closes: VecDeque<CloseLink>,
    events: VecDeque<SessionEvent>,
}

impl ClientSession {
    /// Returns a session that begins with the lobby's proof. `key` is that of epoch 1.
    pub fn new(id: SessionId, proof: Vec<u8>, key: ResumeKey, now: Instant) -> Self {
        Self {
            id,
            proof: Some(proof),
            first_key: key,
            tried: Epoch(0),
            asked: 0,
            turn: 0,
            links: BTreeMap::new(),
            born: now,
            recent: VecDeque::new(),
            fresh: 0,
            repeated: BUNDLE_COMMANDS,
            shown: 0.0,
            ring: Ring::default(),
            heard: 0,
            inbox: Inbox::default(),
            outbox: Outbox::new(Kind::ClientEvent),
            transmits: VecDeque::new(),
            closes: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Greets on a fresh link, or on one that carries the match along: joins with the proof, or resumes at the next epoch once the session
    /// exists.
    pub fn attach(&mut self, link: LinkId, transport: Transport, now: Instant) {
        let (epoch, hello) = match &self.proof {
            Some(proof) => (Epoch(1), Hello::Join { proof: proof.clone() }),
            None => {
                let epoch = Epoch(self.tried.0.max(1).saturating_add(1));
                let key = self.first_key.advanced(epoch.0.saturating_sub(1));
                let key_proof = key.prove(self.id, epoch, transport);
                (epoch, Hello::Resume(Resume { session: self.id, epoch, key_proof, events_seen: self.inbox.seen() }))
            }
        };
        self.tried = self.tried.max(epoch);
        let until = now.checked_add(HANDSHAKE_DEADLINE).unwrap_or(now);
        self.links.insert(link, Attached { transport, epoch, stage: Stage::Greeting { until } });
        self.transmit(link, Lane::Reliable, encode_hello(&hello).into());
    }

    /// Asks on a fresh link to carry the match along, in the compact form. Returns whether a link drives, without which that is not
    /// possible.
    pub fn shadow(&mut self, link: LinkId, transport: Transport, now: Instant) -> bool {
        self.ask(link, transport, false, now)
    }

    /// Asks on a fresh link of the driving wire to share its work. Returns whether a link drives.
    pub fn strand(&mut self, link: LinkId, transport: Transport, now: Instant) -> bool {
        self.ask(link, transport, true, now)
    }

    fn ask(&mut self, link: LinkId, transport: Transport, whole: bool, now: Instant) -> bool {
        let epoch = self.epoch();
        if epoch == Epoch(0) {
            return false;
        }
        self.asked = self.asked.saturating_add(1);
        let key = self.first_key.advanced(epoch.0.saturating_sub(1));
        let mut shadow = Shadow { session: self.id, epoch, number: self.asked, whole, key_proof: [0; 32] };
        shadow.key_proof = key.prove_shadow(&shadow, transport);
        let hello = Hello::Shadow(shadow);
        let until = now.checked_add(HANDSHAKE_DEADLINE).unwrap_or(now);
        self.links.insert(link, Attached { transport, epoch: Epoch(0), stage: Stage::Asking { until, whole } });
        self.transmit(link, Lane::Reliable, encode_hello(&hello).into());
        true
    }

    /// Takes note that `link` is gone.
    pub fn detach(&mut self, link: LinkId) {
        let Some(gone) = self.links.remove(&link) else { return };
        if gone.stage != Stage::Driving {
            return;
        }
        // Whatever is left and welcomed takes over, the newest first: the server does the same.
        let can = |l: &Attached| matches!(l.stage, Stage::Welcomed { .. } | Stage::Draining { .. });
        let next = self.links.iter().filter(|(_, l)| can(l)).max_by_key(|(_, l)| l.epoch);
        match next.map(|(link, attached)| (*link, attached.transport)) {
            Some((link, transport)) => self.drive(link, transport),
            None => self.events.push_back(SessionEvent::Away),
        }
    }

    /// Takes in a message that arrived on one of the session's links.
    ///
    /// # Errors
    /// What the server did wrong; nothing of the message was applied.
    pub fn handle(&mut self, link: LinkId, lane: Lane, message: &[u8], now: Instant) -> Result<(), PeerError> {
        let Some(attached) = self.links.get(&link).copied() else { return Ok(()) };
        let asking = matches!(attached.stage, Stage::Asking { .. });
        let greeting = asking || matches!(attached.stage, Stage::Greeting { .. });
        match Kind::split(lane, message)? {
            (Kind::Welcome, body) if asking => self.shadows(link, &decode_welcome(body)?)?,
            (Kind::Refusal, body) if asking => {
                decode_refusal(body)?;
                self.no_shadow(link, attached.transport, CloseReason::Done);
            }
            (Kind::ShadowSnapshot, body) => {
                let snapshot = ShadowSnapshot::decode(body)?;
                if attached.stage == Stage::Shadow {
                    self.events.push_back(SessionEvent::Shown { link, snapshot, arrived: now });
                }
            }
            (Kind::Welcome, body) if greeting => self.welcomed(link, decode_welcome(body)?, now)?,
            (Kind::Refusal, body) if greeting => self.refused(link, attached.transport, decode_refusal(body)?),
            (Kind::Snapshot, body) => self.take_snapshot(link, attached, body, now)?,
            (Kind::ServerEvent, body) if !greeting => {
                if let Some(event) = self.inbox.accept(decode::<ServerEvent>(body)?)? {
                    self.events.push_back(SessionEvent::Room(event));
                }
            }
            _ => return Err(PeerError::Unexpected),
        }
        Ok(())
    }

    fn welcomed(&mut self, link: LinkId, welcome: Welcome, now: Instant) -> Result<(), PeerError> {
        if welcome.session != self.id {
            return Err(PeerError::Unexpected);
        }
        self.proof = None;
        self.outbox.acknowledge(welcome.events_seen.min(self.outbox.last()));
        let overtaken = self.epoch() > welcome.epoch;
        if let Some(attached) = self.links.get_mut(&link) {
            attached.epoch = welcome.epoch;
            attached.stage = if overtaken {
                Stage::Draining { until: now.checked_add(SWITCH_GRACE).unwrap_or(now) }
            } else {
                Stage::Welcomed { until: now.checked_add(HANDSHAKE_DEADLINE).unwrap_or(now) }
            };
        }
        self.events.push_back(SessionEvent::Welcomed(Box::new(welcome)));
        Ok(())
    }

    fn shadows(&mut self, link: LinkId, welcome: &Welcome) -> Result<(), PeerError> {
        if welcome.session != self.id {
            return Err(PeerError::Unexpected);
        }
        if let Some(attached) = self.links.get_mut(&link) {
            let whole = matches!(attached.stage, Stage::Asking { whole: true, .. });
            attached.stage = if whole { Stage::Strand } else { Stage::Shadow };
        }
        Ok(())
    }

    fn no_shadow(&mut self, link: LinkId, transport: Transport, reason: CloseReason) {
        self.links.remove(&link);
        self.closes.push_back(CloseLink { link, reason });
        self.events.push_back(SessionEvent::NoShadow { transport });
    }

    fn refused(&mut self, link: LinkId, transport: Transport, refusal: Refusal) {
        if refusal == Refusal::ProofUsed {
            // An earlier attempt of ours got through although its answer did not: from here on the key speaks for us.
            self.proof = None;
        }
        self.links.remove(&link);
        self.closes.push_back(CloseLink { link, reason: CloseReason::Done });
        self.events.push_back(SessionEvent::Refused { link, transport, refusal });
    }

    fn take_snapshot(&mut self, link: LinkId, attached: Attached, body: &[u8], now: Instant) -> Result<(), PeerError> {
        let mut reader = BitReader::new(body);
        let header = Header::read(&mut reader)?;
        // On an unordered wire a snapshot can overtake the welcome; it is only looked at once the link is welcome.
        if matches!(attached.stage, Stage::Greeting { .. } | Stage::Asking { .. } | Stage::Shadow) {
            return Ok(());
        }
        if let Stage::Welcomed { .. } = attached.stage {
            self.move_to(link, attached.transport, now);
        }
        if self.driving().is_some_and(|(driving, _)| driving == link) {
            self.heard = self.heard.saturating_add(1);
        }
        if self.ring.newest().is_some_and(|newest| newest.tick >= header.tick) {
            return Ok(());
        }
        let baseline = match header.age {
            0 => None,
            age => {
                let tick = header.tick.minus(u32::from(age));
                Some(self.ring.find(tick).cloned().ok_or(DecodeError::UnknownBaseline)?)
            }
        };
        let view = Arc::new(decode_snapshot(&header, reader, baseline.as_deref())?);
        self.ring.push(Arc::clone(&view));
        self.outbox.acknowledge(header.events_seen.min(self.outbox.last()));
        self.events.push_back(SessionEvent::Snapshot { view, header, arrived: now });
        Ok(())
    }

    /// The first snapshot has come over a welcomed link: it drives, the others drain, those included that it has overtaken.
    fn move_to(&mut self, link: LinkId, transport: Transport, now: Instant) {
        let until = now.checked_add(SWITCH_GRACE).unwrap_or(now);
        let epoch = self.links.get(&link).map_or(Epoch(0), |l| l.epoch);
        let older = |l: &Attached| {
            matches!(l.stage, Stage::Driving) || matches!(l.stage, Stage::Welcomed { .. }) && l.epoch < epoch
        };
        for attached in self.links.values_mut().filter(|l| older(l)) {
            attached.stage = Stage::Draining { until };
        }
        self.drive(link, transport);
    }

    fn drive(&mut self, link: LinkId, transport: Transport) {
        if let Some(attached) = self.links.get_mut(&link) {
            attached.stage = Stage::Driving;
        }
        // What the link before was given may be lost with it.
        self.fresh = self.recent.len();
        self.outbox.resend();
        self.events.push_back(SessionEvent::Drives { link, transport });
    }

    /// Queues the command of `tick`, which must be higher than all before, in a bundle with the ones before it.
    pub fn fly(&mut self, tick: Tick, command: Command) {
        if self.recent.front().is_some_and(|(newest, _)| newest.next() != tick) {
            self.recent.clear();
            self.fresh = 0;
        }
        self.recent.push_front((tick, command));
        self.recent.truncate(BUNDLE_COMMANDS);
        self.fresh = self.fresh.saturating_add(1).min(BUNDLE_COMMANDS);
    }

    /// Sets how many commands a bundle repeats on top of those that none has carried yet.
    pub const fn repeat(&mut self, commands: usize) {
        self.repeated = commands;
    }

    /// Returns how many commands wait for their first bundle.
    pub const fn fresh(&self) -> usize {
        self.fresh
    }

    /// Takes note that the next commands are made on a picture in which the others are shown at `tick`, fraction included.
    pub const fn shows(&mut self, tick: f64) {
        self.shown = tick;
    }

    /// Returns what the newest bundle claims: how far behind its newest command the others are shown, quarter ticks.
    pub fn claims(&self) -> Option<u8> {
        let (newest, _) = self.recent.front()?;
        Some(claim(*newest, self.shown, self.ring.newest().map_or(Tick(0), |view| view.tick)))
    }

    /// Queues the newest bundle for the driving link. Called once per frame after the last [`Self::fly`].
    pub fn send_commands(&mut self, now: Instant) {
        let (Some((link, _)), Some((newest, _))) = (self.driving(), self.recent.front().copied()) else { return };
        let count = std::mem::take(&mut self.fresh).saturating_add(self.repeated);
        let bundle = Bundle {
            newest,
            snapshot: self.ring.newest().map_or(Tick(0), |view| view.tick),
            events_seen: self.inbox.seen(),
            stamp: self.stamp(now),
            shown: self.claims().unwrap_or_default(),
            commands: self.recent.iter().take(count).map(|(_, command)| *command).collect(),
        };
        let strands = self.strands().map(|(link, _)| link).collect::<Vec<_>>();
        let all: Vec<LinkId> = std::iter::once(link).chain(strands).collect();
        self.turn = self.turn.wrapping_add(1);
        let carrier = self.turn.checked_rem(all.len()).and_then(|at| all.get(at)).copied().unwrap_or(link);
        self.transmit(carrier, Lane::Latest, bundle.encode().into());
        let shadow: Bytes = ShadowCommands { newest, stamp: bundle.stamp }.encode().into();
        let shadows: Vec<_> = self.links.iter().filter(|(_, l)| l.stage == Stage::Shadow).map(|(id, _)| *id).collect();
        shadows.into_iter().for_each(|link| self.transmit(link, Lane::Latest, shadow.clone()));
    }

    fn stamp(&self, now: Instant) -> u16 {
        (now.saturating_duration_since(self.born).as_micros() / 250) as u16
    }

    /// Returns the round trip that an echo tells: the time since its stamp, less the time the server held it. None if it is not
    /// plausible (the clock of stamps wraps every 16 s).
    pub fn round_trip(&self, echo: Option<Echo>, arrived: Instant) -> Option<Duration> {
        let echo = echo?;
        let quarters = self.stamp(arrived).wrapping_sub(echo.stamp).checked_sub(echo.held)?;
        Some(Duration::from_micros(u64::from(quarters).saturating_mul(250)))
    }

    /// Returns when the bundle left that an echo answers. None if it is not plausible.
    pub fn sent(&self, header: &Header, arrived: Instant) -> Option<Instant> {
        let quarters = self.stamp(arrived).wrapping_sub(header.echo?.stamp);
        arrived.checked_sub(Duration::from_micros(u64::from(quarters).saturating_mul(250)))
    }

    /// Queues an event.
    ///
    /// # Errors
    /// If too many are unacknowledged.
    pub fn send(&mut self, event: &ClientEvent) -> Result<(), Overflow> {
        self.outbox.push(event)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<_> = self
            .links
            .iter()
            .filter(|(_, l)| l.deadline().is_some_and(|at| at <= now))
            .map(|(id, l)| (*id, *l))
            .collect();
        for (link, attached) in due {
            if let Stage::Asking { .. } = attached.stage {
                self.no_shadow(link, attached.transport, CloseReason::HandshakeTimeout);
                continue;
            }
            self.links.remove(&link);
            let drained = matches!(attached.stage, Stage::Draining { .. });
            let reason = if drained { CloseReason::Done } else { CloseReason::HandshakeTimeout };
            self.closes.push_back(CloseLink { link, reason });
            if !drained {
                self.events.push_back(SessionEvent::Unanswered { link, transport: attached.transport });
            }
        }
    }

    /// Returns when [`Self::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links.values().filter_map(Attached::deadline).min()
    }

    /// Returns the next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if let Some(transmit) = self.transmits.pop_front() {
            return Some(transmit);
        }
        let (link, _) = self.driving()?;
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

    /// Returns the driving link.
    pub fn driving(&self) -> Option<(LinkId, Transport)> {
        self.links.iter().find(|(_, l)| l.stage == Stage::Driving).map(|(link, l)| (*link, l.transport))
    }

    /// Returns the epoch of the driving link; 0 for none.
    pub fn epoch(&self) -> Epoch {
        self.links.values().find(|l| l.stage == Stage::Driving).map_or(Epoch(0), |l| l.epoch)
    }

    /// Returns the links that carry whole snapshots in turn with the driving one.
    pub fn strands(&self) -> impl Iterator<Item = (LinkId, Transport)> + '_ {
        self.links.iter().filter(|(_, l)| l.stage == Stage::Strand).map(|(link, l)| (*link, l.transport))
    }

    /// Returns whether `link` is a strand, or has asked to become one.
    pub fn is_strand(&self, link: LinkId) -> bool {
        let stage = self.links.get(&link).map(|l| l.stage);
        matches!(stage, Some(Stage::Strand | Stage::Asking { whole: true, .. }))
    }

    /// Returns the links that carry the match along in the compact form, and those that have asked to.
    pub fn shadow_links(&self) -> impl Iterator<Item = (LinkId, Transport)> + '_ {
        let shadows = |l: &Attached| matches!(l.stage, Stage::Asking { whole: false, .. } | Stage::Shadow);
        self.links.iter().filter(move |(_, l)| shadows(l)).map(|(link, l)| (*link, l.transport))
    }

    /// Returns whether `link` is on its way to drive.
    pub fn attaches(&self, link: LinkId) -> bool {
        let stage = self.links.get(&link).map(|l| l.stage);
        matches!(stage, Some(Stage::Greeting { .. } | Stage::Welcomed { .. }))
    }

    /// Returns whether a link is on its way to drive.
    pub fn is_attaching(&self) -> bool {
        self.links.values().any(|l| matches!(l.stage, Stage::Greeting { .. } | Stage::Welcomed { .. }))
    }

    /// Returns the snapshots held, oldest first.
    pub const fn snapshots(&self) -> &Ring {
        &self.ring
    }

    /// Returns how many snapshots have come over driving links, copies and late ones included.
    pub const fn heard(&self) -> u64 {
        self.heard
    }

    /// Returns how many server events came more than once and were dropped.
    pub const fn repeated_events(&self) -> u64 {
        self.inbox.repeated()
    }

    fn transmit(&mut self, link: LinkId, lane: Lane, bytes: Bytes) {
        self.transmits.push_back(Transmit { link, lane, bytes });
    }
}

impl Attached {
    const fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Greeting { until }
            | Stage::Welcomed { until }
            | Stage::Draining { until }
            | Stage::Asking { until, .. } => Some(until),
            Stage::Driving | Stage::Shadow | Stage::Strand => None,
        }
    }
}
