//! Weather for those who cannot make it themselves: relays in this process, between a page and this very server.
//!
//! A relay opens ports and costs memory, so it is for players of this machine unless the operator says otherwise, and everything about it is
//! bounded: players, doors of each, and how long it is kept when nobody uses it. A door lets in the address of the player who asked for it,
//! and leads nowhere but back to our own wires, which see every one of its guests as this machine's own address.
//!
//! To a browser a door is another place than the page came from, although it ends here. What a page may do at its own server it may do
//! through a door ([`through`]), and no other page may.
//!
//! Flow: [`super::routes`] → [`Relays`] → [`transport::WeatherStation`]; door → [`super::serve`] → [`through`] → [`super::link`].

use super::grants::{Asker, Wires};
use super::problem::Refusal;
use super::routes::Shared;
use crate::config::WeatherFor;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::Transport;
use protocol::ids::PlayerId;
use protocol::lobby::WeatherOrder;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use transport::weather::{Door, Gate};
use transport::{Weather, WeatherStation};

/// Players whose weather is made at the same time.
const MOST_PLAYERS: usize = 64;
/// Doors of one player: each wire as the one in use, as a shadow, while one takes over from another, and all of them again every three seconds
/// while the cables are out, for a door that nobody comes through stays open for eleven.
const MOST_DOORS: usize = 32;
/// How long weather is kept that nobody changes and no link passes.
const KEPT: Duration = Duration::from_secs(60);
/// How long a browser remembers that its calls may go through a door, seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// The weather that is made here.
pub(super) struct Relays {
    for_whom: WeatherFor,
    made: Mutex<HashMap<PlayerId, Made>>,
}

/// The weather of one player.
struct Made {
    station: WeatherStation,
    changed: Instant,
    doors: Vec<Door>,
}

impl Made {
    fn new(now: Instant) -> Self {
        Self { station: WeatherStation::new(Weather::CALM), changed: now, doors: Vec::new() }
    }

    /// Forgets doors whose link has ended. Returns whether anybody may still need this.
    fn is_needed(&mut self, now: Instant) -> bool {
        self.doors.retain(|door| !door.relay.is_finished());
        !self.doors.is_empty() || now.saturating_duration_since(self.changed) < KEPT
    }
}

impl Relays {
    pub(super) fn new(for_whom: WeatherFor) -> Self {
        Self { for_whom, made: Mutex::default() }
    }

    /// Makes the weather that a player wants.
    pub(super) fn order(&self, player: PlayerId, asker: Asker, order: &WeatherOrder) -> Result<(), Refusal> {
        if !asker.gets_weather(self.for_whom) {
            return Err(Refusal::NoWeather);
        }
        let (now, mut made) = (Instant::now(), self.made());
        made.retain(|_, made| made.is_needed(now));
        if made.len() >= MOST_PLAYERS && !made.contains_key(&player) {
            return Err(Refusal::TooMuchWeather);
        }
        // What is no weather leaves nothing behind.
        match made.get_mut(&player) {
            Some(theirs) => {
                theirs.station.obey(order).map_err(Refusal::Invalid)?;
                theirs.changed = now;
            }
            None => {
                let theirs = Made::new(now);
                theirs.station.obey(order).map_err(Refusal::Invalid)?;
                made.insert(player, theirs);
            }
        }
        Ok(())
    }

    /// Opens a way through a player's weather for one link over `wire`, and returns its port.
    pub(super) async fn open(
        &self,
        player: PlayerId,
        asker: Asker,
        wire: Transport,
        wires: &Wires,
    ) -> Result<u16, Refusal> {
        if !asker.gets_weather(self.for_whom) {
            return Err(Refusal::NoWeather);
        }
        let end = match wire {
            Transport::Websocket | Transport::Http => wires.http,
            Transport::Webtransport => wires.quic,
            other => {
                return Err(Refusal::Invalid(format!(
                    "Weather is made here for wires of browsers. Over {other} the game makes it itself."
                )));
            }
        };
        let station = {
            let (now, mut made) = (Instant::now(), self.made());
            let theirs = made.get_mut(&player).ok_or(Refusal::NoWeatherYet)?;
            theirs.is_needed(now);
            if theirs.doors.len() >= MOST_DOORS {
                return Err(Refusal::TooMuchWeather);
            }
            theirs.changed = now;
            theirs.station.clone()
        };
        // Whoever has reached us at an address can reach a door there, and is seen as coming from there.
        let at = asker.local.to_canonical();
        let end = SocketAddr::new(if end.ip().is_unspecified() { at } else { end.ip() }, end.port());
        let gate = Gate { at, guest: asker.remote.to_canonical(), for_a_browser: true };
        let door = station.open_door(wire, &end.ip().to_string(), end.port(), gate).await.map_err(|error| {
            tracing::warn!("no door can be opened at {at}: {error}");
            Refusal::RoomsBusy
        })?;
        // Others may have been opened meanwhile.
        match self.made().get_mut(&player) {
            Some(theirs) if theirs.doors.len() < MOST_DOORS => {
                let port = door.address.port();
                theirs.doors.push(door);
                Ok(port)
            }
            _ => {
                door.relay.abort();
                Err(Refusal::TooMuchWeather)
            }
        }
    }

    /// Returns whether a living door has that port.
    fn is_door(&self, port: u16) -> bool {
        let made = self.made();
        let mut doors = made.values().flat_map(|made| &made.doors);
        doors.any(|door| door.address.port() == port && !door.relay.is_finished())
    }

    /// Poisoning is ignored: the map is whole at each step.
    fn made(&self) -> MutexGuard<'_, HashMap<PlayerId, Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the pages of this server use links through a door as they use those without: the request reads as if it had come straight here, and
/// the answer says that the page may see it (Fetch, "CORS protocol").
pub(super) async fn through(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let Some(page) = straighten(&shared, &mut request) else { return next.run(request).await };
    let asks_first = request.method() == Method::OPTIONS;
    let mut response = if asks_first { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if asks_first {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    }
    response
}

/// Names this server in a request of one of its pages instead of the door that it came through, and returns the page's origin. None, and
/// nothing is changed, if it is another page or came through no door.
fn straighten(shared: &Shared, request: &mut Request) -> Option<HeaderValue> {
    let page = request.headers().get(header::ORIGIN)?.clone();
    let (scheme, origin) = page.to_str().ok()?.split_once("://")?;
    let (origin, host): (Authority, Authority) =
        (origin.parse().ok()?, request.headers().get(header::HOST)?.to_str().ok()?.parse().ok()?);
    let usual = if scheme == "https" { 443 } else { 80 };
    let ours = origin.port_u16().unwrap_or(usual) == shared.granter.wires().http.port();
    if !ours || !origin.host().eq_ignore_ascii_case(host.host()) || !shared.weather.is_door(host.port_u16()?) {
        return None;
    }
    let straight = HeaderValue::from_str(origin.as_str()).ok()?;
    request.headers_mut().insert(header::HOST, straight);
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn asker(remote: &str) -> Asker {
        Asker { remote: remote.parse().expect("an address"), local: IpAddr::from([127, 0, 0, 1]), proxied: false }
    }

    fn bad() -> WeatherOrder {
        WeatherOrder { weather: "bad".into(), spike: None, unplugged: vec![] }
    }

    #[test]
    fn the_operator_says_for_whom() {
        for (whom, local, remote) in
            [(WeatherFor::Local, true, false), (WeatherFor::Everybody, true, true), (WeatherFor::Nobody, false, false)]
        {
            let relays = Relays::new(whom);
            for (asked, made) in [("::ffff:127.0.0.1", local), ("192.0.2.1", remote)] {
                let refused = if made { Ok(()) } else { Err(Refusal::NoWeather) };
                assert_eq!(relays.order(PlayerId(1), asker(asked), &bad()), refused, "{whom:?} {asked}");
                let proxied = Asker { proxied: true, ..asker(asked) };
                assert_eq!(relays.order(PlayerId(1), proxied, &bad()), Err(Refusal::NoWeather), "{whom:?} {asked}");
            }
        }
    }

    #[test]
    fn there_is_an_end_to_it() {
        let relays = Relays::new(WeatherFor::Local);
        for player in 0..MOST_PLAYERS as u64 {
            assert_eq!(relays.order(PlayerId(player), asker("127.0.0.1"), &bad()), Ok(()));
        }
        assert_eq!(relays.order(PlayerId(0), asker("127.0.0.1"), &bad()), Ok(()), "it is theirs already");
        assert_eq!(relays.order(PlayerId(999), asker("127.0.0.1"), &bad()), Err(Refusal::TooMuchWeather));
        let mut made = Made::new(Instant::now());
        assert!(made.is_needed(Instant::now()));
        assert!(!made.is_needed(Instant::now() + KEPT), "nobody has used it");
    }
}
