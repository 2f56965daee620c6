//! A client of the virtual world: session, clock, pacer and predictor as the real one puts them together, and a bot at the stick.
//!
//! Flow: `support::world` → [`Player::handle`] → session → [`Player::frame`] → [`Player::session`]'s transmits.

use super::oracle::{Flights, moved};
use super::room::SNAPSHOT_EVERY;
use game::{Bot, Command, Map, Phase, Tick};
use protocol::clock::Clock;
use protocol::grant::ResumeKey;
use protocol::interpolate::Interpolator;
use protocol::pacing::Pacer;
use protocol::predict::{Outcome, Predictor};
use protocol::scene::{Scene, compose};
use protocol::session::PeerError;
use protocol::session::client::{ClientSession, SessionEvent};
use protocol::wire::event::{ClientEvent, ServerEvent};
use protocol::wire::hello::Refusal;
use protocol::wire::shadow::ShadowSnapshot;
use protocol::{Lane, LinkId, SessionId, Transport};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Counts of how predictions turned out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) exact: u32,
    pub(crate) corrected: u32,
    pub(crate) reset: u32,
    pub(crate) unknown: u32,
    /// Of the exact ones, how many the oracle had demanded.
    pub(crate) demanded: u32,
}

/// Chooses the command of a tick by what is to be seen.
pub(crate) type Hand = Box<dyn FnMut(&Scene, Tick) -> Command>;

/// One client.
pub(crate) struct Player {
    pub(crate) id: SessionId,
    pub(crate) session: ClientSession,
    pub(crate) clock: Clock,
    pub(crate) pacer: Pacer,
    pub(crate) predictor: Predictor,
    pub(crate) interpolator: Interpolator,
    /// Somebody else at the stick, who looks at the scene; none for the bot.
    pub(crate) hand: Option<Hand>,
    /// What is said of the picture of the others in place of the truth, given its tick and that of the newest command.
    pub(crate) lie: Option<fn(f64, Tick) -> f64>,
    pub(crate) outcomes: Outcomes,
    /// Number of the last line that came from the server, and of the last one that was told to it.
    pub(crate) heard: u32,
    pub(crate) told: u32,
    pub(crate) violations: Vec<PeerError>,
    pub(crate) refusals: Vec<Refusal>,
    /// Every link that drove, in order.
    pub(crate) drove: Vec<LinkId>,
    pub(crate) times_away: u32,
    pub(crate) unanswered: u32,
    /// What came over links that carry the match along, and the round trip that it tells.
    pub(crate) shown: Vec<(LinkId, ShadowSnapshot, Option<Duration>)>,
    pub(crate) no_shadow: Vec<Transport>,
    pub(crate) newest: Option<(Tick, Instant)>,
    /// Longest time between two new snapshots.
    pub(crate) longest_gap: Duration,
    /// The last margin that the server reported, quarter milliseconds.
    pub(crate) margin: i16,
    flown: BTreeMap<Tick, Command>,
    last: Command,
    base: (Tick, Phase),
    bot: Bot,
    map: Arc<Map>,
}

impl Player {
    pub(crate) fn new(
        (id, proof, key): (SessionId, Vec<u8>, ResumeKey),
        map: Arc<Map>,
        seed: u64,
        now: Instant,
    ) -> Self {
        Self {
            id,
            session: ClientSession::new(id, proof, key, now),
            clock: Clock::new(now),
            pacer: Pacer::default(),
            predictor: Predictor::default(),
            interpolator: Interpolator::default(),
            hand: None,
            lie: None,
            outcomes: Outcomes::default(),
            heard: 0,
            told: 0,
            violations: Vec::new(),
            refusals: Vec::new(),
            drove: Vec::new(),
            times_away: 0,
            unanswered: 0,
            shown: Vec::new(),
            no_shadow: Vec::new(),
            newest: None,
            longest_gap: Duration::ZERO,
            margin: 0,
            flown: BTreeMap::new(),
            last: Command::default(),
            base: (Tick(0), Phase::default()),
            bot: Bot::new(seed, 0.8),
            map,
        }
    }

    /// Takes in a message.
    pub(crate) fn handle(&mut self, link: LinkId, lane: Lane, bytes: &[u8], now: Instant) {
        if let Err(error) = self.session.handle(link, lane, bytes, now) {
            self.violations.push(error);
        }
    }

    /// Takes note of what the session reports, compared with the truth where that is told.
    pub(crate) fn attend(&mut self, truth: Option<&Flights>, now: Instant) {
        self.session.handle_timeout(now);
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Welcomed(welcome) => assert_eq!(welcome.session, self.id),
                SessionEvent::Drives { link, .. } => {
                    self.clock.path_changed();
                    self.pacer.path_changed();
                    self.drove.push(link);
                }
                SessionEvent::Refused { refusal, .. } => self.refusals.push(refusal),
                SessionEvent::Unanswered { .. } => self.unanswered += 1,
                SessionEvent::Away => self.times_away += 1,
                SessionEvent::Shown { link, snapshot, arrived } => {
                    let round_trip = self.session.round_trip(snapshot.echo, arrived);
                    self.shown.push((link, snapshot, round_trip));
                }
                SessionEvent::NoShadow { transport } => self.no_shadow.push(transport),
                SessionEvent::Room(ServerEvent::Chat { line, .. }) => {
                    assert_eq!(line, (self.heard + 1).to_string(), "events from the server, once and in order");
                    self.heard += 1;
                }
                SessionEvent::Room(_) => {}
                SessionEvent::Snapshot { view, header, arrived } => {
                    if let Some((newest, at)) = self.newest {
                        assert!(view.tick > newest);
                        self.longest_gap = self.longest_gap.max(arrived - at);
                    }
                    self.newest = Some((view.tick, arrived));
                    let round_trip = self.session.round_trip(header.echo, arrived);
                    self.clock.observe(view.tick, arrived, round_trip);
                    if let Some(echo) = header.echo {
                        self.margin = echo.margin;
                        if let Some(sent) = self.session.sent(&header, arrived) {
                            self.pacer.report(&self.clock, echo.margin, sent);
                        }
                    }
                    self.reconcile(&view, truth);
                }
            }
        }
    }

    fn reconcile(&mut self, view: &game::View, truth: Option<&Flights>) {
        let outcome = self.predictor.reconcile(view, &self.map);
        let demanded = truth.is_some_and(|truth| truth.must_be_exact(self.base, view.tick, &self.flown));
        match outcome {
            Outcome::Exact => self.outcomes.exact += 1,
            Outcome::Corrected(_) => self.outcomes.corrected += 1,
            Outcome::Reset => self.outcomes.reset += 1,
            Outcome::Unknown => self.outcomes.unknown += 1,
        }
        if demanded {
            assert_eq!(outcome, Outcome::Exact, "at {:?}, predicted from {:?}", view.tick, self.base);
            self.outcomes.demanded += 1;
        }
        if let (Some((_, own)), Some(newest), Some(ship)) = (view.own, self.predictor.tick(), self.predictor.ship()) {
            assert!(newest > view.tick || moved(&own) == moved(ship), "nothing flown since is the truth itself");
        }
        self.base = (view.tick, view.phase);
        self.flown = self.flown.split_off(&view.tick);
    }

    /// One frame: flies what is due and queues it.
    pub(crate) fn frame(&mut self, now: Instant) {
        let shown = self.interpolator.advance(&self.clock, SNAPSHOT_EVERY as u8, now);
        let own_tick = self.pacer.phase().unwrap_or(shown);
        let own_pos = self.predictor.position(0.0, 0.0);
        let scene = compose(self.session.snapshots(), shown, &self.predictor, own_pos, own_tick);
        let mut newest = None;
        while let Some(tick) = self.pacer.due(&self.clock, now) {
            let view = self.session.snapshots().newest().cloned();
            let command = match (&mut self.hand, &scene, view) {
                (Some(hand), Some(scene), _) => hand(scene, tick),
                (None, _, Some(view)) => self.bot.fly(&view, &self.map),
                _ => Command::default(),
            };
            self.note(tick, command);
            self.predictor.fly(tick, command, &self.map);
            self.session.fly(tick, command);
            newest = Some(tick);
        }
        if let Some(newest) = newest {
            self.session.repeat(self.pacer.repetitions());
            self.session.shows(self.lie.map_or(shown, |lie| lie(shown, newest)));
            self.session.send_commands(now);
        }
    }

    /// Remembers what was flown, and what the server makes of ticks that were left out.
    fn note(&mut self, tick: Tick, command: Command) {
        let from = self.flown.last_key_value().map_or(self.base.0, |(last, _)| self.base.0.max(*last));
        for (n, missed) in (from.next().0..tick.0).enumerate() {
            let neutral = Command { aim: self.last.aim, ..Command::default() };
            self.flown.insert(Tick(missed), if n < 3 { self.last } else { neutral });
        }
        assert!(self.flown.insert(tick, command).is_none(), "one command per tick");
        self.last = command;
    }

    /// Tells the server the next numbered line.
    pub(crate) fn say(&mut self) {
        if self.session.send(&ClientEvent::Chat((self.told + 1).to_string())).is_ok() {
            self.told += 1;
        }
    }

    /// Returns the command that was flown for `tick`, while it is remembered.
    pub(crate) fn flown(&self, tick: Tick) -> Option<&Command> {
        self.flown.get(&tick)
    }
}
