//! The HTTP lobby: where players become somebody, find a room, and get what they need to take a seat.
//!
//! It runs beside the rooms, never in their way: the two share only [`crate::directory`], so a lobby under attack costs running
//! matches nothing but processor time. What has to outlive the process is in [`crate::store`].
//!
//! Flow: `main` → [`Lobby`] → [`serve`] → [`routes`] → [`auth`], [`grants`], [`link`] → rooms and transports.

mod auth;
mod document;
mod files;
mod gazette;
mod grants;
mod idempotency;
mod keys;
mod limits;
mod link;
mod match_problem;
mod operator;
mod page;
mod problem;
mod promises;
mod rate;
mod routes;
mod serve;
mod watch;
mod weather;
mod web;

pub use files::Files;
pub use grants::Wires;
pub use keys::{KeyError, Keys};
pub use limits::Limits;
pub use rate::Rate;
pub use web::WebClient;

use crate::config::cannot_listen;
use crate::directory::Directory;
use crate::events::Events;
use crate::matchmaker::Rules;
use crate::operator::Operator;
use crate::store::Store;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::watch::Receiver;
use transport::LinkSender;

/// Everything that the lobby needs from the rest of the server.
pub struct Setup {
    /// What the rooms publish.
    pub directory: Directory,
    /// The keys of this run; rooms and UDP have the same.
    pub keys: Keys,
    /// Where accepted WebSocket links go.
    pub links: LinkSender,
    /// Where to dial.
    pub wires: Wires,
    /// Players, results, and what else outlives the process.
    pub store: Store,
    /// What happens, for everybody who wants to hear of it.
    pub events: Events,
    /// What can be fetched.
    pub files: Files,
    /// The game for browsers.
    pub web: WebClient,
    /// What only the operator sees.
    pub operator: Operator,
    /// Usually the default.
    pub limits: Limits,
    /// By which rules players are put together; usually the default.
    pub matchmaking: Rules,
}

/// A lobby that has its address but does not serve yet.
#[derive(Debug)]
pub struct Lobby {
    listener: TcpListener,
    addr: SocketAddr,
    /// The operator's own listener, if they want one.
    admin: Option<(TcpListener, SocketAddr)>,
}

impl Lobby {
    /// Takes the address `addr`; port 0 stands for any free one.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn bind(addr: SocketAddr) -> Result<Self, String> {
        let listener = listen(addr).map_err(|error| cannot_listen(addr, "--http", &error))?;
        let addr = listener.local_addr().map_err(|error| cannot_listen(addr, "--http", &error))?;
        Ok(Self { listener, addr, admin: None })
    }

    /// Moves console, metrics and webhooks to the address `admin`, where nothing else is.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn with_admin(self, admin: SocketAddr) -> Result<Self, String> {
        let listener = listen(admin).map_err(|error| cannot_listen(admin, "--admin", &error))?;
        let addr = listener.local_addr().map_err(|error| cannot_listen(admin, "--admin", &error))?;
        Ok(Self { admin: Some((listener, addr)), ..self })
    }

    /// Returns the address of the operator's own listener with its real port, if there is one.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, addr)| *addr)
    }

    /// Returns the address with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `stop` turns true or its sender is dropped; then lets open requests finish for 2 s.
    ///
    /// Must run inside a tokio runtime with time and IO.
    ///
    /// # Errors
    /// If the runtime does not take the socket. Nothing that happens later ends it.
    pub async fn serve(self, setup: Setup, stop: Receiver<bool>) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let (links, limits, site) = (setup.links.clone(), setup.limits, setup.wires.site.clone());
        let press = (setup.events.listen_for_strangers(), setup.directory.clone());
        let versions = setup.directory.listed();
        let shared = Arc::new(routes::Shared::new(setup));
        let desk = |router| serve::Desk { router, limits, links: links.clone(), site: site.clone() };
        let public = desk(routes::router(&shared, self.admin.is_none()));
        let admin = match self.admin {
            Some((listener, _)) => Some(tokio::net::TcpListener::from_std(listener)?),
            None => None,
        };
        let serve_admin = async {
            if let Some(listener) = admin {
                serve::run(listener, desk(routes::admin_router(&shared)), stop.clone()).await;
            }
        };
        tokio::select! {
            _ = async { tokio::join!(serve::run(listener, public, stop.clone()), serve_admin) } => {}
            () = shared.gazette.print(press.0, press.1) => {}
            () = shared.listed.follow(versions) => {}
        }
        Ok(())
    }
}

/// As the standard library does it, but with room for a full house at once, and for both families on `[::]` everywhere.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // On Windows this would let two servers share a port; elsewhere it only spares the wait after a restart.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(limits::BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_in_one_sentence() {
        let lobby = Lobby::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        assert_ne!(lobby.local_addr().port(), 0);
        let error = Lobby::bind(lobby.local_addr()).expect_err("it is taken");
        assert!(error.contains("Is another server running? Choose another with --http."), "{error}");
    }
}
