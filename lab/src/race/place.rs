//! Where a row is flown: the server, the weather before it, and who is let in where.
//!
//! Over the model, player and server share this machine and the player's links pass through a weather station. Over the real link they
//! live in two network namespaces with a router between them. The observer sits beside the server in both cases.
//!
//! Flow: `mod.rs` → [`Place`] → `flight.rs`.

use super::host;
use super::options::{Course, Options};
use crate::host::Host;
use crate::pilot::{Field, places};
use crate::tun::{Inside, Side, Tunnel};
use protocol::Transport;
use std::time::Duration;
use tokio::runtime::Runtime;
use transport::WireOptions;
use transport::lobby::LobbyClient;
use transport::maps::{MapShelf, assets_dir};
use transport::player::Player;
use transport::weather::WeatherStation;

/// This machine alone.
const LOOPBACK: &str = "127.0.0.1";
/// Threads for the player's sockets, as many as the client has.
const THREADS: usize = 2;

/// A server and a way to it.
pub(super) struct Place {
    /// Where the player's links live, and the observer's.
    runtime: Runtime,
    observers: Runtime,
    lobby: LobbyClient,
    maps: MapShelf,
    way: Way,
    /// Ends with the row.
    _host: Option<Host>,
}

/// What lies between player and server.
enum Way {
    Model(WeatherStation),
    Real(Tunnel),
}

impl Place {
    /// Opens a place with the modelled weather of `course`.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn model(course: &Course, options: &Options) -> Result<Self, String> {
        let host = match &options.server {
            Some(_) => None,
            None => Some(host::start(options, LOOPBACK)?),
        };
        let url = options.server.clone().or(host.as_ref().map(Host::url)).unwrap_or_default();
        let runtime =
            || transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."));
        Ok(Self {
            runtime: runtime()?,
            observers: runtime()?,
            lobby: LobbyClient::new(&url)?,
            maps: MapShelf::open(&assets_dir(None)?)?,
            way: Way::Model(WeatherStation::new(course.weather)),
            _host: host,
        })
    }

    /// Opens a place with a real link that has the weather of `course`.
    ///
    /// # Errors
    /// A sentence: not root, not Linux, or no server program.
    pub(super) fn real(course: &Course, options: &Options) -> Result<Self, String> {
        let tunnel = Tunnel::open(course.weather)?;
        let host = {
            let _inside = tunnel.enter(Side::Server)?;
            host::start(options, &tunnel.addr(Side::Server).to_string())?
        };
        Ok(Self {
            runtime: tunnel.runtime(Side::Client, THREADS)?,
            observers: tunnel.runtime(Side::Server, THREADS)?,
            lobby: LobbyClient::new(&host.url())?,
            maps: MapShelf::open(&assets_dir(None)?)?,
            way: Way::Real(tunnel),
            _host: Some(host),
        })
    }

    /// Lets the observer in: over udp, without weather.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn observer(&self) -> Result<Player, String> {
        let _inside = self.beside_server()?;
        self.join(&self.observers, "Observer", Transport::Udp, 0, None)
    }

    /// Lets the player in over `wire`.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn player(&self, wire: Transport, seed: u64) -> Result<Player, String> {
        let _inside = self.beside_server()?;
        let weather = match &self.way {
            Way::Model(station) => {
                // Should its wire fall silent, the player looks for another; here it shall stay where it is.
                let others = Transport::WIRES.into_iter().filter(|other| *other != wire);
                others.for_each(|other| station.unplug(Some(other)));
                Some(station.clone())
            }
            Way::Real(_) => None,
        };
        self.join(&self.runtime, "Pilot", wire, seed, weather)
    }

    /// Brings the current thread to where the lobby can be called without weather; links are dialled where their runtime lives.
    fn beside_server(&self) -> Result<Option<Inside>, String> {
        match &self.way {
            Way::Model(_) => Ok(None),
            Way::Real(tunnel) => tunnel.enter(Side::Server).map(Some),
        }
    }

    fn join(
        &self,
        runtime: &Runtime,
        name: &str,
        wire: Transport,
        seed: u64,
        weather: Option<WeatherStation>,
    ) -> Result<Player, String> {
        let field = Field {
            runtime: runtime.handle().clone(),
            lobby: self.lobby.clone(),
            maps: self.maps.clone(),
            options: WireOptions::default(),
            weather,
        };
        let joined = runtime.block_on(async {
            let room = places(&field.lobby, None, 1).await?.into_iter().next();
            field.join(room.unwrap_or_default(), name, Some(wire), seed).await
        });
        joined.map(|pilot| pilot.player).map_err(|error| error.to_string())
    }

    /// Closes the place.
    pub(super) fn close(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        self.observers.shutdown_timeout(Duration::from_secs(1));
    }
}
