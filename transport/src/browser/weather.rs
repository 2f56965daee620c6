//! The weather of a page: ordered from the server, whose relay makes it underneath the transports as one on this machine would.
//!
//! What the server is told is always the whole state, one call at a time, so that the last word is the newest one.
//!
//! Flow: [`WeatherStation`] → [`Elsewhere::begin`]: every change → `PUT /v1/players/me/weather`; [`Elsewhere::route`] → a door → `dial.rs`.

use super::{Page, in_url};
use crate::dial::parts;
use crate::lobby::LobbyClient;
use crate::runtime::sleep;
use crate::{DialError, Offer, WeatherStation, runtime};
use protocol::lobby::Guest;
use std::fmt;
use std::sync::{self, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// Time between two words to the server: few enough for the account of one address.
const PAUSE: Duration = Duration::from_millis(250);
/// How often, and how much later, a word is said again that did not get through.
const ATTEMPTS: u32 = 3;
const AGAIN: Duration = Duration::from_secs(1);

/// Where the weather is made.
#[derive(Default)]
pub(crate) struct Elsewhere {
    /// For whom, too: a server that has forgotten a guest makes another one.
    server: sync::Mutex<Option<(LobbyClient, Guest)>>,
    /// Whoever speaks to the server.
    telling: Mutex<()>,
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The guest has a secret.
        f.write_str("Elsewhere")
    }
}

impl Elsewhere {
    /// Tells the server of every change of `station` from now on.
    pub(crate) fn begin(&self, station: &WeatherStation, lobby: &LobbyClient, guest: &Guest) {
        let before = self.server.lock().unwrap_or_else(PoisonError::into_inner).replace((lobby.clone(), guest.clone()));
        if before.is_some() {
            return;
        }
        let station = station.clone();
        let mut changes = station.watch();
        runtime::spawn(async move {
            while changes.changed().await.is_ok() {
                for _ in 0..ATTEMPTS {
                    let Err(error) = station.elsewhere().tell(&station).await else { break };
                    tracing::warn!("{error}");
                    sleep(AGAIN).await;
                }
                // A slider changes with every frame; what it is at by then is enough.
                sleep(PAUSE).await;
            }
        });
    }

    fn server(&self) -> Option<(LobbyClient, Guest)> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the server what the weather is.
    async fn tell(&self, station: &WeatherStation) -> Result<(), DialError> {
        let Some((lobby, guest)) = self.server() else { return Ok(()) };
        let _turn = self.telling.lock().await;
        lobby.order_weather(&guest, &station.order()).await.map_err(|error| DialError::Weather(error.to_string()))
    }

    /// Returns an offer that leads through the weather.
    pub(crate) async fn route(&self, station: &WeatherStation, offer: &Offer) -> Result<Offer, DialError> {
        let Some((lobby, guest)) = self.server() else { return Ok(offer.clone()) };
        self.tell(station).await?;
        let door = lobby.open_door(&guest, offer.transport()).await;
        let door = door.map_err(|error| DialError::Weather(error.to_string()))?.port;
        let mut routed = offer.clone();
        let secure = Page::here().is_some_and(|page| page.secure);
        let (url, scheme) = match &mut routed {
            Offer::Websocket { url } => (url, if secure { "wss" } else { "ws" }),
            Offer::Http { url, .. } => (url, "http"),
            Offer::Webtransport { url, .. } => (url, "https"),
            _ => return Ok(routed),
        };
        let Some((host, _, path)) = parts(url, scheme) else { return Ok(routed) };
        *url = format!("{scheme}://{}:{door}{path}", in_url(&host));
        Ok(routed)
    }
}
