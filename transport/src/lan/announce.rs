//! The server's side: says on the local network that it is there.
//!
//! Flow: server's main → [`Announcer`] → `mdns_sd`, which has a thread and sockets of its own.

use super::{SERVICE, tidy};
use mdns_sd::{DaemonEvent, IfKind, Receiver, ServiceDaemon, ServiceInfo};
use protocol::limits::PROTOCOL_VERSION;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the goodbye may take when a server stops.
const GOODBYE: Duration = Duration::from_millis(500);
/// What a server without a name is called.
const NAMELESS: &str = "Crosswire";

/// A server's announcement. It is taken back when this is dropped.
pub struct Announcer {
    daemon: ServiceDaemon,
    name: String,
    /// Ours alone: two servers may have the same name, and one that was started anew is another one.
    label: String,
    lobby: SocketAddr,
    version: &'static str,
    said: Mutex<Option<(u32, u32)>>,
}

impl Announcer {
    /// Announces a server called `name`, of program version `version`, whose lobby listens on `lobby`.
    ///
    /// A network without multicast is reported in the log, once; friends then have to type the address.
    ///
    /// # Errors
    /// A sentence for the operator if announcing cannot even begin. Nothing else suffers.
    pub fn start(name: &str, version: &'static str, lobby: SocketAddr) -> Result<Self, String> {
        let daemon = ServiceDaemon::new().map_err(|error| sentence(&error))?;
        warn_once(daemon.monitor().map_err(|error| sentence(&error))?).map_err(|error| sentence(&error))?;
        let name = Some(tidy(name)).filter(|name| !name.is_empty()).unwrap_or_else(|| NAMELESS.to_owned());
        let label = format!("crosswire-{:016x}", rand::random::<u64>());
        let announcer = Self { daemon, name, label, lobby, version, said: Mutex::default() };
        announcer.tell(0, 0)?;
        Ok(announcer)
    }

    /// Returns the name that others see.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says how many people are there, and how many have room. Does nothing if that was said already.
    ///
    /// # Errors
    /// A sentence for the operator if it cannot be said. The next call tries again.
    pub fn tell(&self, players: u32, seats: u32) -> Result<(), String> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said == Some((players, seats)) {
            return Ok(());
        }
        let info = self.info(players, seats).map_err(|error| sentence(&error))?;
        self.daemon.register(info).map_err(|error| sentence(&error))?;
        *said = Some((players, seats));
        Ok(())
    }

    fn info(&self, players: u32, seats: u32) -> mdns_sd::Result<ServiceInfo> {
        let text = [
            ("name", self.name.clone()),
            ("version", self.version.to_owned()),
            ("protocol", PROTOCOL_VERSION.to_string()),
            ("players", players.to_string()),
            ("seats", seats.to_string()),
        ];
        let host = format!("{}.local.", self.label);
        let address = self.lobby.ip();
        let given = if address.is_unspecified() { String::new() } else { address.to_string() };
        let mut info = ServiceInfo::new(SERVICE, &self.label, &host, given.as_str(), self.lobby.port(), &text[..])?;
        // The label is a random number: nobody else can have it.
        info.set_requires_probe(false);
        if !address.is_unspecified() {
            return Ok(info);
        }
        if address.is_ipv4() {
            info.set_interfaces(vec![IfKind::IPv4]);
        }
        Ok(info.enable_addr_auto())
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        // Whoever misses the goodbye notices that nobody answers any more.
        if let Ok(done) = self.daemon.unregister(&format!("{}.{SERVICE}", self.label)) {
            let _ = done.recv_timeout(GOODBYE);
        }
        if let Ok(done) = self.daemon.shutdown() {
            let _ = done.recv_timeout(GOODBYE);
        }
    }
}

impl std::fmt::Debug for Announcer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Announcer({:?}, {})", self.name, self.lobby)
    }
}

/// Writes the first trouble of the daemon to the log.
fn warn_once(events: Receiver<DaemonEvent>) -> mdns_sd::Result<()> {
    let watch = move || {
        let mut warned = false;
        // Ends with the daemon. What is not read would only fill the channel.
        for event in events {
            if let (DaemonEvent::Error(error), false) = (event, warned) {
                warned = true;
                tracing::warn!("{}", sentence(&error));
            }
        }
    };
    let started = thread::Builder::new().name("lan-warnings".to_owned()).spawn(watch);
    started.map(drop).map_err(|error| mdns_sd::Error::Msg(error.to_string()))
}

fn sentence(error: &mdns_sd::Error) -> String {
    format!("Friends on this network may not see the server in their list ({error}). They can still type its address.")
}
