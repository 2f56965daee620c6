//! Where the weather is made: one present state for all links that pass, buttons to change it, and what it has done so far.
//!
//! Links dialled through a station always go through a relay, so that the weather can turn in the middle of a match; while it is
//! calm the relay forwards at once. Whoever wants no relay at all dials without a station.
//!
//! Every relay takes its seed from the weather's seed and from how many links of its wire were dialled before: the third udp link
//! meets what the third quic link meets, and a second attempt does not lose the same packet again.
//!
//! Flow: [`crate::player::Player`] -> [`WeatherStation::dial`] -> `relay/` -> [`crate::dial_with`]; buttons -> [`WeatherStation`] -> `relay/`.

use super::WeatherError;
use super::conditions::Weather;
use super::dice::mix_seeds;
use super::later;
#[cfg(not(target_family = "wasm"))]
use super::relay::{self, Door, Gate};
use super::sky::{Direction, Sky};
#[cfg(target_family = "wasm")]
use crate::browser::weather::Elsewhere;
#[cfg(not(target_family = "wasm"))]
use crate::dial::parts;
#[cfg(target_family = "wasm")]
use crate::lobby::LobbyClient;
#[cfg(not(target_family = "wasm"))]
use crate::quic::webtransport::resolve;
#[cfg(not(target_family = "wasm"))]
use crate::udp::first_address;
use crate::{DialError, Link, Offer, Timing, dial_with};
use protocol::Transport;
#[cfg(target_family = "wasm")]
use protocol::lobby::Guest;
use protocol::lobby::{LagSpike, WeatherOrder};
use std::collections::{BTreeMap, BTreeSet};
#[cfg(not(target_family = "wasm"))]
use std::io;
#[cfg(not(target_family = "wasm"))]
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use web_time::{Duration, Instant};

/// What the weather has done over one wire, both directions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets handed on, second copies included: datagrams, or segments of a stream.
    pub forwarded: u64,
    /// Packets lost, repeats of segments included.
    pub lost: u64,
    /// Datagrams that arrived twice.
    pub duplicated: u64,
    /// Packets that took a detour.
    pub reordered: u64,
    /// Packets that arrived later than they were sent.
    pub delayed: u64,
    /// Segments that the model of TCP repeated. What QUIC and renet repeat are datagrams like any other.
    pub resent: u64,
    /// Time for which streams stood still because something in front was missing.
    pub stalled: Duration,
}

impl Counts {
    /// Nothing has happened.
    pub(super) const ZERO: Self =
        Self { forwarded: 0, lost: 0, duplicated: 0, reordered: 0, delayed: 0, resent: 0, stalled: Duration::ZERO };

    /// Adds what has happened elsewhere.
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in [
            (&mut self.forwarded, more.forwarded),
            (&mut self.lost, more.lost),
            (&mut self.duplicated, more.duplicated),
            (&mut self.reordered, more.reordered),
            (&mut self.delayed, more.delayed),
            (&mut self.resent, more.resent),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.stalled = self.stalled.saturating_add(more.stalled);
    }
}

/// The weather of one client, and the buttons for it. Clones are the same station.
#[derive(Clone, Debug)]
pub struct WeatherStation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What is so now; relays are told of changes.
    now: watch::Sender<Now>,
    books: Mutex<BTreeMap<Transport, Book>>,
    /// Who makes it.
    #[cfg(target_family = "wasm")]
    elsewhere: Elsewhere,
}

#[derive(Clone, Debug)]
pub(crate) struct Now {
    weather: Weather,
    began: Instant,
    spike: Option<(Duration, Instant)>,
    unplugged: BTreeSet<Transport>,
}

/// What a station knows about one wire.
#[derive(Clone, Copy, Debug, Default)]
struct Book {
    dialled: u64,
    counts: Counts,
}

impl WeatherStation {
    /// Opens a station.
    pub fn new(weather: Weather) -> Self {
        let now = Now { weather, began: Instant::now(), spike: None, unplugged: BTreeSet::new() };
        Self(Arc::new(Inner {
            now: watch::Sender::new(now),
            books: Mutex::default(),
            #[cfg(target_family = "wasm")]
            elsewhere: Elsewhere::default(),
        }))
    }

    /// Returns the present weather.
    pub fn weather(&self) -> Weather {
        self.0.now.borrow().weather
    }

    /// Changes the weather for all that is sent from now on. A new seed counts for links dialled from now on.
    pub fn set(&self, weather: Weather) {
        self.0.now.send_modify(|now| {
            if now.weather.tunnels != weather.tunnels {
                now.began = Instant::now();
            }
            now.weather = weather;
        });
    }

    /// Adds `extra` to the delay, both ways, of all that is sent within the next `lasts`. Another spike replaces this one.
    pub fn lag_spike(&self, extra: Duration, lasts: Duration) {
        let until = later(Instant::now(), lasts);
        self.0.now.send_modify(|now| now.spike = Some((extra, until)));
    }

    /// Pulls the cable of `wire`, or of all: datagrams are lost, streams stand still.
    pub fn unplug(&self, wire: Option<Transport>) {
        self.0.now.send_modify(|now| now.unplugged.extend(chosen(wire)));
    }

    /// Plugs `wire` in again, or all.
    pub fn plug_in(&self, wire: Option<Transport>) {
        let chosen = chosen(wire);
        self.0.now.send_modify(|now| now.unplugged.retain(|wire| !chosen.contains(wire)));
    }

    /// Returns whether the cable of `wire` is in.
    pub fn is_plugged(&self, wire: Transport) -> bool {
        !self.0.now.borrow().unplugged.contains(&wire)
    }

    /// Returns what has happened over `wire` so far, on all its links together.
    pub fn counts(&self, wire: Transport) -> Counts {
        self.books().get(&wire).map(|book| book.counts).unwrap_or_default()
    }

    /// Opens a link through the weather; otherwise as [`crate::dial_with`]. Errors name the server, not the relay.
    pub async fn dial(&self, offer: Offer, timing: Timing) -> Result<Link, DialError> {
        let routed = self.route(&offer).await?;
        dial_with(routed, timing).await.map_err(|error| error.towards(&offer))
    }

    /// Starts a relay to where `offer` leads, on the present tokio runtime, and returns an offer that leads to the relay. In a page the
    /// server starts it.
    ///
    /// It serves one link and ends with it. What cannot be dialled is returned as it is, for the dial to say why.
    pub async fn route(&self, offer: &Offer) -> Result<Offer, DialError> {
        #[cfg(target_family = "wasm")]
        let routed = self.0.elsewhere.route(self, offer).await;
        #[cfg(not(target_family = "wasm"))]
        let routed = self.route_here(offer).await;
        routed
    }

    #[cfg(not(target_family = "wasm"))]
    async fn route_here(&self, offer: &Offer) -> Result<Offer, DialError> {
        let open = async |host: &str, port| {
            let door = self.open_door(offer.transport(), host, port, Gate::HERE).await;
            door.map(|door| door.address).map_err(DialError::Local)
        };
        let ip = |addr: SocketAddr| addr.ip().to_string();
        let mut routed = offer.clone();
        match &mut routed {
            Offer::Udp { token, server } => {
                let address = match *server {
                    Some(address) => address,
                    None => first_address(token)?,
                };
                *server = Some(open(&ip(address), address.port()).await?);
            }
            Offer::Quic { addr, .. } | Offer::Tcp { addr, .. } => *addr = open(&ip(*addr), addr.port()).await?,
            Offer::Websocket { url } => {
                let Some((host, port, path)) = parts(url, "ws") else { return Ok(routed) };
                *url = format!("ws://{}{path}", open(&host, port).await?);
            }
            Offer::Webtransport { url, .. } => {
                let Some((host, port, path)) = parts(url, "https") else { return Ok(routed) };
                if resolve(&host, port).await.is_none() {
                    return Ok(routed);
                }
                *url = format!("https://{}{path}", open(&host, port).await?);
            }
            Offer::Http { url, .. } => {
                let Some((host, port, path)) = parts(url, "http") else { return Ok(routed) };
                *url = format!("http://{}{path}", open(&host, port).await?);
            }
        }
        Ok(routed)
    }

    /// Starts a relay for one link over `wire` to a host, on the present tokio runtime. It ends with the link, or when nobody comes.
    ///
    /// # Errors
    /// If the system has no socket for it, or a host of datagrams has no address.
    #[cfg(not(target_family = "wasm"))]
    pub async fn open_door(&self, wire: Transport, host: &str, port: u16, gate: Gate) -> io::Result<Door> {
        let (station, name) = (self.clone(), host.to_owned());
        match wire {
            Transport::Udp | Transport::Quic | Transport::Webtransport => {
                let server = resolve(host, port).await.ok_or(io::ErrorKind::NotFound)?;
                relay::udp(station, wire, server, gate).await
            }
            Transport::Websocket | Transport::Tcp | Transport::Memory if !gate.for_a_browser => {
                relay::tcp(station, wire, name, port, gate).await
            }
            // A browser may come twice: the first time it only finds a certificate that it has been told to trust.
            Transport::Websocket | Transport::Tcp | Transport::Memory | Transport::Http => {
                relay::tcp_connections(station, wire, name, port, gate).await
            }
        }
    }

    /// Lets the lobby's server make the weather: a page cannot.
    #[cfg(target_family = "wasm")]
    pub(crate) fn made_at(&self, lobby: &LobbyClient, guest: &Guest) {
        self.0.elsewhere.begin(self, lobby, guest);
    }

    /// Returns who makes it.
    #[cfg(target_family = "wasm")]
    pub(crate) fn elsewhere(&self) -> &Elsewhere {
        &self.0.elsewhere
    }

    /// Returns what somebody else needs to know to make this weather.
    pub fn order(&self) -> WeatherOrder {
        self.0.now.borrow().order(Instant::now())
    }

    /// Makes the weather that was ordered.
    ///
    /// # Errors
    /// If that is none, or a spike is out of its limits: one sentence.
    pub fn obey(&self, order: &WeatherOrder) -> Result<(), String> {
        let weather: Weather =
            order.weather.parse().map_err(|error: WeatherError| format!("This is no weather: {error}."))?;
        let spike = order.spike.map(spike_of).transpose()?;
        self.set(weather);
        self.0.now.send_modify(|now| {
            now.spike = spike;
            now.unplugged = order.unplugged.iter().copied().collect();
        });
        Ok(())
    }

    /// Returns the seed of the next link over `wire`.
    pub(super) fn next_seed(&self, wire: Transport) -> u64 {
        let seed = self.weather().seed;
        let mut books = self.books();
        let book = books.entry(wire).or_default();
        book.dialled = book.dialled.saturating_add(1);
        mix_seeds(seed, book.dialled)
    }

    /// Returns what tells of changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Now> {
        self.0.now.subscribe()
    }

    /// Adds to what has happened over `wire`.
    pub(super) fn count(&self, wire: Transport, counts: &Counts) {
        if *counts != Counts::ZERO {
            self.books().entry(wire).or_default().counts.add(counts);
        }
    }

    /// Poisoning is ignored: the books are whole at each step.
    fn books(&self) -> MutexGuard<'_, BTreeMap<Transport, Book>> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn order(&self, now: Instant) -> WeatherOrder {
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let spike = self.spike.filter(|(_, until)| *until > now);
        WeatherOrder {
            weather: self.weather.to_string(),
            spike: spike.map(|(extra, until)| LagSpike {
                extra_ms: millis(extra),
                left_ms: millis(until.saturating_duration_since(now)),
            }),
            unplugged: self.unplugged.iter().copied().collect(),
        }
    }

    /// Returns the sky over `wire`.
    pub(super) fn sky(&self, wire: Transport, direction: Direction) -> Sky {
        Sky {
            spike: self.spike,
            plugged: !self.unplugged.contains(&wire),
            ..Sky::over(&self.weather, direction, self.began)
        }
    }
}

/// Returns how much a spike adds, and until when.
fn spike_of(spike: LagSpike) -> Result<(Duration, Instant), String> {
    let LagSpike { extra_ms, left_ms } = spike;
    if extra_ms > LagSpike::MAX_EXTRA_MS || left_ms > LagSpike::MAX_LEFT_MS {
        let (extra, left) = (LagSpike::MAX_EXTRA_MS, LagSpike::MAX_LEFT_MS);
        return Err(format!("A lag spike adds at most {extra} ms for at most {left} ms."));
    }
    let until = later(Instant::now(), Duration::from_millis(left_ms.into()));
    Ok((Duration::from_millis(extra_ms.into()), until))
}

fn chosen(wire: Option<Transport>) -> Vec<Transport> {
    wire.map_or_else(|| Transport::WIRES.to_vec(), |wire| vec![wire])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_has_its_own_weather_and_the_same_number_the_same() {
        let station = WeatherStation::new(Weather { seed: 7, ..Weather::CALM });
        let of = |wire| [(); 3].map(|()| station.next_seed(wire));
        let (udp, quic) = (of(Transport::Udp), of(Transport::Quic));
        assert_eq!(udp, quic);
        assert!(udp[0] != udp[1] && udp[1] != udp[2]);
    }

    #[test]
    fn weather_can_be_ordered_elsewhere() {
        let (here, there) = (WeatherStation::new(Weather::CALM), WeatherStation::new(Weather::CALM));
        here.set("bad,seed=9".parse().unwrap());
        here.unplug(Some(Transport::Http));
        here.lag_spike(Duration::from_millis(300), Duration::from_millis(700));
        there.obey(&here.order()).unwrap();
        assert_eq!((there.weather(), there.is_plugged(Transport::Http)), (here.weather(), false));
        let spike = there.order().spike.unwrap();
        assert!(spike.extra_ms == 300 && (600..=700).contains(&spike.left_ms), "{spike:?}");
        let mut order = WeatherStation::new(Weather::CALM).order();
        there.obey(&order).unwrap();
        assert!(there.is_plugged(Transport::Http) && there.order().spike.is_none());
        order.spike = Some(LagSpike { extra_ms: 2_001, left_ms: 10 });
        assert!(there.obey(&order).unwrap_err().contains("at most 2000 ms"));
        order.weather = "delay=9999".to_owned();
        assert!(there.obey(&order).is_err());
    }

    #[test]
    fn one_cable_can_be_pulled_alone() {
        let station = WeatherStation::new(Weather::CALM);
        station.unplug(Some(Transport::Udp));
        assert!(!station.is_plugged(Transport::Udp) && station.is_plugged(Transport::Quic));
        station.unplug(None);
        assert!(!station.is_plugged(Transport::Websocket));
        station.plug_in(None);
        assert!(Transport::WIRES.into_iter().all(|wire| station.is_plugged(wire)));
    }
}
