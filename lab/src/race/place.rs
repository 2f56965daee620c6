//! Where a row is flown: the server, the weather before it, and who is let in where.
//!
//! Over the model, player and server share this machine and the player's links pass through a weather station; the observer's go
//! straight to the server.
//!
//! Flow: `mod.rs` → [`Place`] → `flight.rs`.

use super::host::Host;
use super::options::{Course, Options};
use crate::pilot::{Field, places};
use protocol::Transport;
use std::time::Duration;
use tokio::runtime::Runtime;
use transport::lobby::LobbyClient;
use transport::maps::{MapShelf, assets_dir};
use transport::player::Player;
use transport::weather::WeatherStation;

/// This machine alone.
const LOOPBACK: &str = "127.0.0.1";

/// A server and a way to it.
pub struct Place {
    runtime: Runtime,
    lobby: LobbyClient,
    maps: MapShelf,
    station: WeatherStation,
    /// Ends with the row.
    _host: Option<Host>,
}

impl Place {
    /// Opens a place with the modelled weather of `course`.
    ///
    /// # Errors
    /// A sentence.
    pub fn model(course: &Course, options: &Options) -> Result<Self, String> {
        let host = match &options.server {
            Some(_) => None,
            None => Some(Host::start(options, LOOPBACK)?),
        };
        let url = options.server.as_deref().or(host.as_ref().map(Host::url)).unwrap_or_default();
        Ok(Self {
            runtime: transport::runtime::runtime()
                .map_err(|error| format!("Cannot start the network threads: {error}."))?,
            lobby: LobbyClient::new(url)?,
            maps: MapShelf::open(&assets_dir(None)?)?,
            station: WeatherStation::new(course.weather),
            _host: host,
        })
    }

    /// Lets the observer in: over udp, without weather.
    ///
    /// # Errors
    /// A sentence.
    pub fn observer(&self) -> Result<Player, String> {
        self.join("Observer", Transport::Udp, 0, None)
    }

    /// Lets the player in over `wire`.
    ///
    /// # Errors
    /// A sentence.
    pub fn player(&self, wire: Transport, seed: u64) -> Result<Player, String> {
        // Should its wire fall silent, the player looks for another; here it shall stay where it is.
        Transport::WIRES.into_iter().filter(|other| *other != wire).for_each(|other| self.station.unplug(Some(other)));
        self.join("Pilot", wire, seed, Some(self.station.clone()))
    }

    fn join(&self, name: &str, wire: Transport, seed: u64, weather: Option<WeatherStation>) -> Result<Player, String> {
        let field =
            Field { runtime: self.runtime.handle().clone(), lobby: self.lobby.clone(), maps: self.maps.clone(), weather };
        let joined = self.runtime.block_on(async {
            let room = places(&field.lobby, None, 1).await?.into_iter().next();
            field.join(room.unwrap_or_default(), name, Some(wire), seed).await
        });
        joined.map(|pilot| pilot.player).map_err(|error| error.to_string())
    }

    /// Closes the place.
    pub fn close(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}
