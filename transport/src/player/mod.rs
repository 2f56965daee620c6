//! One client's presence in a match: the session, the links beneath it, and what the game makes of what they bring.
//!
//! The desktop client, the browser and the lab's swarm all fly with this very struct; only who gives the commands and who looks at
//! the scene differs. It owns no socket and no thread: links are dialled on the given runtime, everything else happens in
//! [`Player::update`] and [`Player::flush`].
//!
//! ```text
//! every frame:  update(now) ─ poll_event()… ─ while due(now) { fly(command) } ─ flush(now) ─ scene(now)
//! ```
//!
//! Flow: [`dialing`] → link → here ↔ `protocol::session::client` → `clock`, `predict`, `interpolate` → `protocol::scene`.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "counters of our own and times of our own clock; no number from a peer"
)]

mod auto;
mod chart;
mod dialing;
mod links;
mod netcode;
mod rewind;
mod shadows;
mod status;
mod strands;
mod wires;

pub use chart::Fetching;
pub use netcode::Netcode;
pub use status::Status;
pub use wires::{Role, Truth, WireReport};

use crate::lobby::LobbyClient;
use crate::maps::MapShelf;
use crate::runtime::Handle;
use crate::{Link, WeatherStation, WireOptions};
use auto::Auto;
use chart::Chart;
use dialing::Dialing;
use game::tick::TICK_SECONDS;
use game::{Command, Map, SeatId, Tick, View};
use protocol::clock::Clock;
use protocol::copies::Copies;
use protocol::grant::ResumeKey;
use protocol::ids::LinkId;
use protocol::interpolate::Interpolator;
use protocol::lobby::{Grant, Guest};
use protocol::names::clean_chat;
use protocol::pacing::Pacer;
use protocol::predict::Predictor;
use protocol::session::client::{ClientSession, SessionEvent};
use protocol::wire::event::{ClientEvent, Member, ServerEvent};
use protocol::wire::hello::{Refusal, Welcome};
use protocol::wire::snapshot::Header;
use protocol::{CloseReason, Transport};
use rewind::Rewind;
use shadows::Shadows;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use strands::Strands;
use tracing::debug;
use web_time::{Duration, Instant};
use wires::{Flights, Gauge, News};

/// Time between attempts to come back after the last link is lost.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// What a client learns while it plays.
#[derive(Clone, Debug, PartialEq)]
pub enum PlayerEvent {
    /// The server gave us this seat.
    Seated {
        /// The seat.
        seat: SeatId,
    },
    /// This wire drives from now on.
    Drives {
        /// The wire.
        transport: Transport,
        /// Time without a new snapshot around the change; none for the first link.
        gap: Option<Duration>,
    },
    /// A better wire than the one that we join over could not be had.
    PassedOver {
        /// The better one.
        transport: Transport,
        /// One sentence.
        why: String,
    },
    /// The wished wire could not take over; the present one goes on.
    SwitchFailed {
        /// The wished wire.
        transport: Transport,
        /// One sentence.
        why: String,
    },
    /// The driving link ended and nobody had asked for it.
    Lost {
        /// Its wire.
        transport: Transport,
        /// One sentence.
        why: String,
    },
    /// All links are lost; coming back is being tried.
    Away,
    /// Something happened in the room.
    Game(ServerEvent),
    /// It is over, for good.
    Ended {
        /// One sentence.
        why: String,
    },
}

/// What it takes to get into a match.
#[derive(Clone)]
pub struct Entry {
    /// Where fresh credentials come from.
    pub lobby: LobbyClient,
    /// Who plays.
    pub guest: Guest,
    /// The right to a seat.
    pub grant: Grant,
    /// The maps on this machine.
    pub maps: MapShelf,
    /// The wire; none for the best that works (*auto*).
    pub wire: Option<Transport>,
    /// The wire that *auto* tries first: the one that drove the last time, see [`Player::worked`]. None to begin with the best.
    pub first: Option<Transport>,
    /// What is chosen about single wires.
    pub options: WireOptions,
    /// The weather that every link of this player passes through; none for the network as it is.
    pub weather: Option<WeatherStation>,
}

/// One client's presence in a match.
pub struct Player {
    maps: MapShelf,
    session: ClientSession,
    dialing: Dialing,
    links: BTreeMap<LinkId, Link>,
    /// What each link is like.
    gauges: BTreeMap<LinkId, Gauge>,
    shadows: Shadows,
    strands: Strands,
    flights: Flights,
    leaving: Vec<(Link, Instant)>,
    /// What links that are gone have moved.
    closed_wire_bytes: (u64, u64),
    clock: Clock,
    pacer: Pacer,
    predictor: Predictor,
    interpolator: Interpolator,
    rewind: Rewind,
    copies: Copies,
    netcode: Netcode,
    waiting: netcode::Waiting,
    auto: Auto,
    /// The wire that drove last.
    worked: Option<Transport>,
    map: Option<Arc<Map>>,
    /// The map while it is on its way.
    chart: Option<Chart>,
    seat: Option<SeatId>,
    snapshot_every: u8,
    roster: BTreeMap<SeatId, Member>,
    due: Option<Tick>,
    /// Ticks whose commands have not left yet.
    flying: Vec<Tick>,
    drawn: Option<Instant>,
    /// The tick at which others were drawn last.
    shown: Option<f64>,
    away_since: Option<Instant>,
    retry_at: Option<Instant>,
    /// A change that was wished for while another was under way.
    wished: Option<Transport>,
    /// The race under way looks for a way around a silent link; nobody wished for it.
    failing_over: bool,
    /// The driving link was silent at the last look.
    silent: bool,
    /// The proof was used up by an attempt whose answer was lost, and the key has been tried instead.
    key_tried: bool,
    stopping: bool,
    ended: bool,
    status: Status,
    events: VecDeque<PlayerEvent>,
}

impl Player {
    /// Begins to take a seat.
    pub fn join(runtime: &Handle, entry: Entry, now: Instant) -> Self {
        let Entry { lobby, guest, grant, maps, wire, first, options, weather } = entry;
        let session = ClientSession::new(grant.session, grant.proof, ResumeKey(grant.resume_key), now);
        let Grant { session: id, endpoints, .. } = grant;
        let mut dialing = Dialing::new(runtime.clone(), lobby, guest, id, endpoints, options, weather);
        dialing.begin(&wire.map_or_else(|| auto::order(first), |wire| vec![wire]), now);
        Self {
            maps,
            session,
            dialing,
            links: BTreeMap::new(),
            gauges: BTreeMap::new(),
            shadows: Shadows::default(),
            strands: Strands::default(),
            flights: Flights::default(),
            leaving: Vec::new(),
            closed_wire_bytes: (0, 0),
            clock: Clock::new(now),
            pacer: Pacer::default(),
            predictor: Predictor::default(),
            interpolator: Interpolator::default(),
            rewind: Rewind::default(),
            copies: Copies::default(),
            netcode: Netcode::default(),
            waiting: netcode::Waiting::default(),
            auto: Auto::new(wire.is_none()),
            worked: None,
            map: None,
            chart: None,
            seat: None,
            snapshot_every: 2,
            roster: BTreeMap::new(),
            due: None,
            flying: Vec::new(),
            drawn: None,
            shown: None,
            away_since: None,
            retry_at: None,
            wished: None,
            failing_over: false,
            silent: false,
            key_tried: false,
            stopping: false,
            ended: false,
            status: Status::default(),
            events: VecDeque::new(),
        }
    }

    /// Reads every link and does what is due.
    pub fn update(&mut self, now: Instant) {
        if self.ended {
            self.let_go(now);
            return;
        }
        self.take_dialled(now);
        self.take_chart();
        self.read_links(now);
        self.session.handle_timeout(now);
        while let Some(event) = self.session.poll_event() {
            self.take(event, now);
        }
        self.heed_wish(now);
        self.fail_over(now);
        self.come_back(now);
        self.move_up(now);
        self.cast_shadows(now);
        self.twine(now);
        while let Some(close) = self.session.poll_close() {
            if let Some(link) = self.links.remove(&close.link) {
                self.say_goodbye(link, close.reason, now);
            }
        }
        self.let_go(now);
    }

    fn take(&mut self, event: SessionEvent, now: Instant) {
        match event {
            SessionEvent::Welcomed(welcome) => self.welcomed(*welcome),
            SessionEvent::Drives { transport, .. } => self.driven(transport, now),
            SessionEvent::Refused { transport, refusal, .. } => self.refused(transport, refusal, now),
            SessionEvent::Unanswered { transport, .. } => {
                self.failed(transport, format!("The server did not answer the greeting over {transport}."), now);
            }
            SessionEvent::Snapshot { view, header, arrived } => self.saw(&view, &header, arrived),
            SessionEvent::Shown { link, snapshot, arrived } => {
                let (tick, echo) = (snapshot.tick, snapshot.echo);
                let round_trip = self.session.round_trip(echo, arrived);
                let own = snapshot.own.map(|own| own.tiles());
                let news = News { tick, arrived, echo, round_trip, own };
                self.gauges.entry(link).or_default().news(&news, &self.flights);
            }
            SessionEvent::NoShadow { transport } => debug!("{transport} does not carry the match along"),
            SessionEvent::Room(event) => self.heard(event),
            SessionEvent::Away => {
                self.away_since = Some(now);
                self.retry_at = Some(now);
                self.status.driving = None;
                self.events.push_back(PlayerEvent::Away);
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome) {
        self.snapshot_every = welcome.snapshot_every.max(1);
        let seated = self.seat.replace(welcome.seat).is_some();
        if self.map.as_ref().is_none_or(|map| map.hash != welcome.map_hash) {
            self.play_on(&welcome.map, welcome.map_hash);
        }
        if !seated {
            self.events.push_back(PlayerEvent::Seated { seat: welcome.seat });
        }
    }

    fn driven(&mut self, transport: Transport, now: Instant) {
        let gap = self.status.last_snapshot.map(|last| now.saturating_duration_since(last));
        self.status.driving = Some(transport);
        self.worked = Some(transport);
        self.auto.drives(now);
        self.dialing.settle();
        self.away_since = None;
        self.retry_at = None;
        self.failing_over = false;
        self.flights.path_changed();
        self.forget_path();
        self.events.push_back(PlayerEvent::Drives { transport, gap });
    }

    fn refused(&mut self, transport: Transport, refusal: Refusal, now: Instant) {
        match refusal {
            // The key speaks for us from here on: the same wire once more.
            Refusal::ProofUsed if self.seat.is_none() && !self.key_tried => {
                self.key_tried = true;
                self.dialing.begin(&[transport], now);
            }
            _ if self.status.driving.is_some() => self.failed(transport, refusal.to_string(), now),
            _ => self.end(refusal.to_string()),
        }
    }

    fn saw(&mut self, view: &Arc<View>, header: &Header, arrived: Instant) {
        let round_trip = self.session.round_trip(header.echo, arrived);
        self.heed(view, header, arrived);
        let ahead = self.predictor.tick().map_or(0, |flown| flown.since(view.tick));
        self.status.answered = self.status.commands.saturating_sub(u64::from(ahead));
        self.status.saw(view.tick, header, arrived);
        let own = view.own.filter(|(_, ship)| ship.alive()).map(|(_, ship)| ship.pos.tiles());
        let news = News { tick: view.tick, arrived, echo: header.echo, round_trip, own };
        if let Some((link, _)) = self.session.driving() {
            self.gauges.entry(link).or_default().news(&news, &self.flights);
        }
        self.flights.answered(&news, &self.clock, self.shown.unwrap_or(f64::from(view.tick.0)));
    }

    fn heard(&mut self, event: ServerEvent) {
        match &event {
            ServerEvent::Roster(members) => self.roster = members.iter().cloned().collect(),
            ServerEvent::Joined { seat, member } => {
                self.roster.insert(*seat, member.clone());
            }
            ServerEvent::Left { seat } => {
                self.roster.remove(seat);
            }
            ServerEvent::Away { seat } | ServerEvent::Back { seat } => {
                if let Some(member) = self.roster.get_mut(seat) {
                    member.away = matches!(event, ServerEvent::Away { .. });
                }
            }
            ServerEvent::Map { map, map_hash } => self.play_on(map, *map_hash),
            ServerEvent::Stopping => self.stopping = true,
            _ => {}
        }
        self.events.push_back(PlayerEvent::Game(event));
    }

    /// Returns the tick for which a command is wanted at `now`. Answer with [`Self::fly`], then ask again until none is.
    pub fn due(&mut self, now: Instant) -> Option<Tick> {
        if self.map.is_none() || self.status.driving.is_none() {
            return None;
        }
        self.due = self.pacer.due(&self.clock, now);
        self.due
    }

    /// Flies the command of the tick that [`Self::due`] returned last: at once here, and on the server when its tick comes. Whoever only
    /// watches says with it what has arrived, and flies nothing.
    pub fn fly(&mut self, command: Command) {
        let command = if self.watches() { Command::default() } else { command };
        if let Some((tick, map)) = self.due.take().zip(self.map.as_ref()) {
            self.predictor.fly(tick, command, map);
            self.session.fly(tick, command);
            self.flying.push(tick);
            self.status.commands += 1;
        }
    }

    /// Hands everything that is ready to the links.
    pub fn flush(&mut self, now: Instant) {
        if !self.flying.is_empty() {
            self.show(now);
            self.bundle(now);
            self.flying.drain(..).for_each(|tick| self.flights.leave(tick, now));
        }
        while let Some(transmit) = self.session.poll_transmit() {
            self.status.bytes_out += transmit.bytes.len() as u64;
            if let Some(link) = self.links.get(&transmit.link) {
                // A link that cannot take it is closed or closing; that is noticed in the next update.
                let _ = link.send(transmit.lane, transmit.bytes);
            }
        }
    }

    /// Says `line` to the room.
    pub fn say(&mut self, line: &str) {
        if let Some(line) = clean_chat(line) {
            self.tell(&ClientEvent::Chat(line));
        }
    }

    /// Gives the seat up and closes every link.
    pub fn leave(&mut self, now: Instant) {
        self.tell(&ClientEvent::Leave);
        self.flush(now);
        self.ended = true;
        while let Some((_, link)) = self.links.pop_first() {
            self.say_goodbye(link, CloseReason::Done, now);
        }
    }

    fn tell(&mut self, event: &ClientEvent) {
        if self.session.send(event).is_err() {
            self.end("The server has not answered for too long.".into());
        }
    }

    fn end(&mut self, why: String) {
        if !std::mem::replace(&mut self.ended, true) {
            self.status.driving = None;
            self.events.push_back(PlayerEvent::Ended { why });
        }
    }

    /// Returns what happened next.
    pub fn poll_event(&mut self) -> Option<PlayerEvent> {
        self.events.pop_front()
    }

    /// Returns the newest snapshot.
    pub fn view(&self) -> Option<&View> {
        self.session.snapshots().newest().map(|view| &**view)
    }

    /// Returns the map of the room.
    pub const fn map(&self) -> Option<&Arc<Map>> {
        self.map.as_ref()
    }

    /// Returns the own seat.
    pub const fn seat(&self) -> Option<SeatId> {
        self.seat
    }

    /// Returns whether this player only watches.
    pub fn watches(&self) -> bool {
        self.seat.is_some_and(SeatId::watches)
    }

    /// Returns who sits where. Those whose seat [`SeatId::watches`] have no ship.
    pub const fn roster(&self) -> &BTreeMap<SeatId, Member> {
        &self.roster
    }

    /// Returns how the connection is.
    pub fn status(&self, now: Instant) -> Status {
        let coming = self.dialing.wire().filter(|wire| Some(*wire) != self.status.driving && !self.auto.moving_up);
        let mut status = Status {
            switching_to: coming,
            epoch: self.session.epoch().0,
            repeated_events: self.session.repeated_events(),
            ..self.status.clone()
        };
        self.describe(&mut status, now);
        status
    }

    /// Returns how old the picture is: the server's present tick less that of the newest snapshot.
    pub fn picture_age(&self, now: Instant) -> Option<Duration> {
        let newest = self.status.newest?;
        let ticks = self.clock.server_tick(now) - f64::from(newest.0);
        Some(Duration::from_secs_f64(ticks.max(0.0) * TICK_SECONDS))
    }

    /// Returns whether it is over.
    pub const fn is_over(&self) -> bool {
        self.ended
    }
}
