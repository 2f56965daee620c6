//! Getting a link: which wire to try, with which fresh credentials, and what became of it.
//!
//! Flow: [`super::Player`] → [`Dialing::begin`] → lobby (a fresh connect token for `udp`) → the weather, if any → [`crate::dial`] → [`Dialing::poll`].

use crate::lobby::LobbyClient;
use crate::{Link, Offer, Timing, WeatherStation, dial};
use protocol::lobby::{Endpoints, Guest};
use protocol::{SessionId, Transport};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

type Dialled = Result<Link, String>;

/// One attempt after the other.
pub(super) struct Dialing {
    runtime: Handle,
    lobby: LobbyClient,
    guest: Guest,
    session: SessionId,
    endpoints: Endpoints,
    /// What the links pass through on their way.
    weather: Option<WeatherStation>,
    /// The connect token of the grant is good for one link only.
    token_fresh: bool,
    present: Option<(Transport, oneshot::Receiver<Dialled>)>,
    others: Vec<Transport>,
}

impl Dialing {
    pub(super) const fn new(
        runtime: Handle,
        lobby: LobbyClient,
        guest: Guest,
        session: SessionId,
        endpoints: Endpoints,
        weather: Option<WeatherStation>,
    ) -> Self {
        Self {
            runtime,
            lobby,
            guest,
            session,
            endpoints,
            weather,
            token_fresh: false,
            present: None,
            others: Vec::new(),
        }
    }

    /// Lets links that are dialled from now on pass through `station`. Returns whether earlier ones went straight to the server.
    pub(super) fn enter_weather(&mut self, station: &WeatherStation) -> bool {
        self.weather.replace(station.clone()).is_none()
    }

    /// Dials `wire`, or each in turn. An attempt under way is given up. `first` tells that the grant is still unused.
    pub(super) fn begin(&mut self, wire: Option<Transport>, first: bool) {
        self.token_fresh |= first;
        self.others = match wire {
            Some(wire) => vec![wire],
            None => Transport::WIRES.into_iter().rev().collect(),
        };
        self.present = None;
        self.next();
    }

    /// Dials the next wire of the race and returns whether there was one.
    pub(super) fn next(&mut self) -> bool {
        let Some(wire) = self.others.pop() else { return false };
        let fresh = wire != Transport::Udp || std::mem::take(&mut self.token_fresh);
        let (lobby, guest, session) = (self.lobby.clone(), self.guest.clone(), self.session);
        let weather = self.weather.clone();
        let known = fresh.then(|| self.endpoints.clone());
        let (done, present) = oneshot::channel();
        self.runtime.spawn(async move {
            let endpoints = match known {
                Some(endpoints) => Ok(endpoints),
                None => lobby.endpoints(&guest, session).await.map_err(|error| error.to_string()),
            };
            let link = match endpoints {
                Ok(endpoints) => {
                    let offer = offer(wire, endpoints);
                    let link = match weather {
                        Some(station) => station.dial(offer, Timing::default()).await,
                        None => dial(offer).await,
                    };
                    link.map_err(|error| error.to_string())
                }
                Err(error) => Err(error),
            };
            // Whoever gave the attempt up drops the link with the answer.
            let _ = done.send(link);
        });
        self.present = Some((wire, present));
        true
    }

    /// Returns what became of the attempt, once.
    pub(super) fn poll(&mut self) -> Option<Result<Link, (Transport, String)>> {
        let (wire, present) = self.present.as_mut()?;
        let wire = *wire;
        let dialled = match present.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Closed) => Err("The attempt was broken off.".to_owned()),
            Ok(dialled) => dialled,
        };
        self.present = None;
        Some(dialled.map_err(|why| (wire, why)))
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.present.is_some()
    }

    /// Returns the wire that is being dialled.
    pub(super) fn wire(&self) -> Option<Transport> {
        self.present.as_ref().map(|(wire, _)| *wire)
    }
}

fn offer(wire: Transport, endpoints: Endpoints) -> Offer {
    match wire {
        Transport::Udp | Transport::Memory => {
            Offer::Udp { token: endpoints.udp.token, server: Some(endpoints.udp.addr) }
        }
        Transport::Quic => {
            Offer::Quic { addr: endpoints.quic.addr, certificate_sha256: endpoints.quic.certificate_sha256 }
        }
        Transport::Websocket => Offer::Websocket { url: endpoints.websocket.url },
    }
}
