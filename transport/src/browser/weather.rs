//! The weather of a page: ordered from the server, whose relay makes it underneath the transports as one on this machine would.
//!
//! What the server is told is always the whole state, one call at a time, so that the last word is the newest one.
//!
//! Flow: [`WeatherStation`] → [`Elsewhere::begin`]: every change → `PUT /v1/players/me/weather`; [`Elsewhere::route`] → a door → `dial.rs`.

use super::{Page, in_url};
use crate::dial::parts;
use crate::lobby::LobbyClient;
use crate::{DialError, Offer, WeatherStation, runtime};
use protocol::lobby::Guest;
use std::fmt;
use std::sync::OnceLock;
use tokio::sync::Mutex;

/// Where the weather is made.
#[derive(Default)]
pub(crate) struct Elsewhere {
    server: OnceLock<(LobbyClient, Guest)>,
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
    /// Tells the server of every change of `station` from now on. Only the first call counts: a page has one server.
    pub(crate) fn begin(&self, station: &WeatherStation, lobby: &LobbyClient, guest: &Guest) {
        if self.server.set((lobby.clone(), guest.clone())).is_err() {
            return;
        }
        let station = station.clone();
        let mut changes = station.watch();
        runtime::spawn(async move {
            while changes.changed().await.is_ok() {
                if let Err(error) = station.elsewhere().tell(&station).await {
                    tracing::warn!("{error}");
                }
            }
        });
    }

    /// Tells the server what the weather is.
    async fn tell(&self, station: &WeatherStation) -> Result<(), DialError> {
        let Some((lobby, guest)) = self.server.get() else { return Ok(()) };
        let _turn = self.telling.lock().await;
        lobby.order_weather(guest, &station.order()).await.map_err(|error| DialError::Weather(error.to_string()))
    }

    /// Returns an offer that leads through the weather.
    pub(crate) async fn route(&self, station: &WeatherStation, offer: &Offer) -> Result<Offer, DialError> {
        let Some((lobby, guest)) = self.server.get() else { return Ok(offer.clone()) };
        self.tell(station).await?;
        let door = lobby.open_door(guest, offer.transport()).await;
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
