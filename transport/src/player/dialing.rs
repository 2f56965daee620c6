//! Getting a link: a race of wires, each with fresh credentials, the first that opens wins.
//!
//! Later wires get their start [`HEAD_START`] after the one before, so that a better one wins wherever it works at all, and one that is
//! silently blocked costs a moment instead of its whole deadline. One that fails lets the next start at once. If the winner turns out
//! to be useless after all (its greeting stays unanswered), the others are raced again. A race that nobody answered until its deadline may
//! have fallen into a tunnel: it can be run once more.
//!
//! Flow: [`super::Player`] → [`Dialing::begin`] → lobby (a fresh connect token for `udp`) → the weather, if any → [`crate::dial`] →
//! [`Dialing::poll`].

use super::Player;
use crate::lobby::LobbyClient;
use crate::runtime::Handle;
use crate::{Link, Offer, Timing, WeatherStation, WireOptions, dial};
use protocol::limits::HANDSHAKE_DEADLINE;
use protocol::lobby::{Endpoints, Guest};
use protocol::{SessionId, Transport};
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use web_time::{Duration, Instant};

/// How much later than the wire before it each wire of a race starts: a few round trips of a good path.
const HEAD_START: Duration = Duration::from_millis(250);

/// A race that took as long was lost to silence, not to a refusal.
const SILENT: Duration = HANDSHAKE_DEADLINE.saturating_sub(HEAD_START);

pub(super) type Dialled = Result<Link, String>;

/// The present race.
pub(super) struct Dialing {
    runtime: Handle,
    lobby: LobbyClient,
    guest: Guest,
    session: SessionId,
    endpoints: Endpoints,
    /// What the player has chosen about single wires.
    options: WireOptions,
    /// What the links pass through on their way.
    weather: Option<WeatherStation>,
    /// The connect token of the grant is good for one link only.
    token_fresh: bool,
    running: Vec<Attempt>,
    /// Who starts when, the next one last.
    waiting: Vec<(Instant, Transport)>,
    /// Who was still in the race when it was won, the next one last.
    beaten: Vec<Transport>,
    /// Who has failed in the present race, and why.
    failed: Vec<(Transport, String)>,
    /// What was wished for and when, until it is run once more.
    wished: Option<(Vec<Transport>, Instant)>,
}

/// A wire in the race.
struct Attempt {
    wire: Transport,
    link: oneshot::Receiver<Dialled>,
    /// Why it had to begin anew, if it had to.
    stumbled: Arc<OnceLock<String>>,
}

impl Dialing {
    pub(super) fn new(
        runtime: Handle,
        lobby: LobbyClient,
        guest: Guest,
        session: SessionId,
        endpoints: Endpoints,
        options: WireOptions,
        weather: Option<WeatherStation>,
    ) -> Self {
        #[cfg(target_family = "wasm")]
        if let Some(station) = &weather {
            station.made_at(&lobby, &guest);
        }
        Self {
            runtime,
            lobby,
            guest,
            session,
            endpoints,
            options,
            weather,
            token_fresh: true,
            running: Vec::new(),
            waiting: Vec::new(),
            beaten: Vec::new(),
            failed: Vec::new(),
            wished: None,
        }
    }

    pub(super) const fn runtime_and_lobby(&self) -> (&Handle, &LobbyClient) {
        (&self.runtime, &self.lobby)
    }

    /// Lets links that are dialled from now on pass through `station`. Returns whether earlier ones went straight to the server.
    pub(super) fn enter_weather(&mut self, station: &WeatherStation) -> bool {
        #[cfg(target_family = "wasm")]
        station.made_at(&self.lobby, &self.guest);
        self.weather.replace(station.clone()).is_none()
    }

    /// Returns whether there can be weather: made here, or by the server where it offers to.
    pub(super) const fn has_weather(&self) -> bool {
        cfg!(not(target_family = "wasm")) || self.endpoints.makes_weather
    }

    /// Races `wires`, the best first. A race under way is given up.
    pub(super) fn begin(&mut self, wires: &[Transport], now: Instant) {
        self.wished = Some((wires.to_vec(), now));
        self.race(wires, now);
    }

    /// Runs a race that was lost to silence once more. Returns whether it does.
    pub(super) fn once_more(&mut self, now: Instant) -> bool {
        let silent = |(_, since): &(_, Instant)| now.saturating_duration_since(*since) >= SILENT;
        let Some((wires, _)) = self.wished.take().filter(silent) else { return false };
        self.race(&wires, now);
        true
    }

    fn race(&mut self, wires: &[Transport], now: Instant) {
        self.running.clear();
        self.beaten.clear();
        self.failed.clear();
        let starts = std::iter::successors(Some(now), |at| at.checked_add(HEAD_START));
        self.waiting = starts.zip(wires.iter().copied()).collect();
        self.waiting.reverse();
        self.start_due(now);
    }

    /// Runs the race that is under way from the start.
    pub(super) fn begin_again(&mut self, now: Instant) {
        let running = self.running.iter().map(|attempt| attempt.wire);
        let wires: Vec<_> = running.chain(self.waiting.iter().rev().map(|(_, wire)| *wire)).collect();
        if !wires.is_empty() {
            self.begin(&wires, now);
        }
    }

    /// The link that won is of use: what the others might have done does not matter any more.
    pub(super) fn settle(&mut self) {
        self.beaten.clear();
        self.wished = None;
    }

    /// Races those again that were beaten by a wire that is of no use after all. Returns whether there are any.
    pub(super) fn go_on(&mut self, now: Instant) -> bool {
        let beaten: Vec<_> = self.beaten.iter().rev().copied().collect();
        self.race(&beaten, now);
        !beaten.is_empty()
    }

    /// Gives the race up.
    pub(super) fn cancel(&mut self) {
        self.running.clear();
        self.waiting.clear();
        self.settle();
    }

    fn start_due(&mut self, now: Instant) {
        while let Some((_, wire)) = self.waiting.pop_if(|(at, _)| *at <= now) {
            self.start(wire);
        }
    }

    fn start(&mut self, wire: Transport) {
        let attempt = self.attempt(wire);
        self.running.push(attempt);
    }

    /// Dials `wire` with fresh credentials, outside of any race.
    pub(super) fn dial(&mut self, wire: Transport) -> oneshot::Receiver<Dialled> {
        self.attempt(wire).link
    }

    fn attempt(&mut self, wire: Transport) -> Attempt {
        let fresh = wire != Transport::Udp || std::mem::take(&mut self.token_fresh);
        let (lobby, guest, session) = (self.lobby.clone(), self.guest.clone(), self.session);
        let (weather, options) = (self.weather.clone(), self.options);
        let known = fresh.then(|| self.endpoints.clone());
        let (done, dialled) = oneshot::channel();
        let stumbled = Arc::<OnceLock<String>>::default();
        let noted = Arc::clone(&stumbled);
        self.runtime.spawn(async move {
            let ask = async || lobby.endpoints(&guest, session).await.map_err(|error| error.to_string());
            let reach = async |endpoints| {
                let offer = Offer::over(wire, endpoints, options);
                match &weather {
                    Some(station) => station.dial(offer, Timing::default()).await,
                    None => dial(offer).await,
                }
            };
            let link = async {
                if let Some(endpoints) = known {
                    match reach(endpoints).await {
                        // Servers renew what they show for `quic`: what the grant has promised may be of the week before.
                        Err(error) if error.is_of_the_certificate() => drop(noted.set(error.to_string())),
                        link => return link.map_err(|error| error.to_string()),
                    }
                }
                reach(ask().await?).await.map_err(|error| error.to_string())
            };
            let link = link.await;
            // Whoever gave the race up drops the link with the answer.
            let _ = done.send(link);
        });
        Attempt { wire, link: dialled, stumbled }
    }

    /// Returns who won, once; or, when everybody has failed, who failed last and why.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Result<Link, (Transport, String)>> {
        self.start_due(now);
        let (mut won, mut failed, mut beaten) = (None, None, Vec::new());
        self.running.retain_mut(|Attempt { wire, link, .. }| {
            match link.try_recv() {
                Err(TryRecvError::Empty) => return true,
                Ok(Ok(link)) if won.is_none() => won = Some(link),
                Ok(Ok(_)) => beaten.push(*wire),
                Ok(Err(why)) => failed = Some((*wire, why)),
                Err(TryRecvError::Closed) => failed = Some((*wire, "The attempt was broken off.".to_owned())),
            }
            false
        });
        if let Some(link) = won {
            beaten.extend(self.waiting.drain(..).map(|(_, wire)| wire));
            for Attempt { wire, stumbled, .. } in self.running.drain(..) {
                beaten.push(wire);
                self.failed.extend(stumbled.get().map(|why| (wire, why.clone())));
            }
            self.beaten = beaten;
            return Some(Ok(link));
        }
        let failed = failed?;
        self.failed.push(failed.clone());
        if let Some((_, next)) = self.waiting.pop() {
            self.start(next);
        }
        if self.running.is_empty() { Some(Err(failed)) } else { None }
    }

    /// Returns who had failed when the race was won, or had had to begin anew.
    pub(super) fn take_failed(&mut self) -> Vec<(Transport, String)> {
        std::mem::take(&mut self.failed)
    }

    pub(super) const fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.waiting.is_empty()
    }

    /// Returns whether `wire` is in the present race.
    pub(super) fn is_dialling(&self, wire: Transport) -> bool {
        self.running.iter().any(|attempt| attempt.wire == wire) || self.waiting.iter().any(|(_, next)| *next == wire)
    }

    /// Returns the wire that was started last.
    pub(super) fn wire(&self) -> Option<Transport> {
        self.running.last().map(|attempt| attempt.wire)
    }
}

impl Player {
    /// Returns whether links can pass through weather. In a page only where the server makes it.
    pub const fn has_weather(&self) -> bool {
        self.dialing.has_weather()
    }

    /// Lets every link pass through `station` from now on. A driving link that went straight to the server is dialled again on the same
    /// wire, make before break.
    pub fn enter_weather(&mut self, station: &WeatherStation, now: Instant) {
        if !self.dialing.enter_weather(station) {
            return;
        }
        self.shadows.forget_dials();
        self.strands.forget_dials();
        let strands = self.session.strands().map(|(link, _)| link);
        let outside: Vec<_> = self.session.shadow_links().map(|(link, _)| link).chain(strands).collect();
        outside.into_iter().for_each(|link| self.end_shadow(link, now));
        match self.status.driving {
            Some(wire) => self.dialing.begin(&[wire], now),
            None => self.dialing.begin_again(now),
        }
    }
}
