//! The server's side of every transport, as one Bevy plugin: sockets in, [`Link`] entities out.
//!
//! [`bind`] opens the sockets before the app exists, so that a taken port is one sentence on the terminal and the lobby
//! knows what to hand out. The plugin then spawns an entity for each link that was accepted, whichever thread accepted it,
//! and says once when it has ended. Sessions see only links.
//!
//! Flow: `main` -> [`bind`] -> [`TransportsPlugin`]: `quic.rs`, `tcp.rs`, `websocket.rs` -> [`LinkSender`] -> [`admit`] -> entity;
//! `udp/server.rs` spawns its own; [`announce`] -> [`LinkClosed`] -> sessions.

use crate::counters::Counters;
use crate::link::{Closed, Link};
use crate::quic::{self, CertificateTerm, Papers};
use crate::site::Site;
use crate::udp::server::UdpHost;
use crate::{Timing, tcp, udp};
use bevy::app::{App, Plugin, PostUpdate, PreUpdate};
use bevy::ecs::entity::Entity;
use bevy::ecs::event::EntityEvent;
use bevy::ecs::query::Has;
use bevy::ecs::schedule::{IntoScheduleConfigs, SystemSet};
use bevy::ecs::system::{Commands, Query, ResMut};
use bevy::prelude::{Component, Resource};
use bevy::time::TimePlugin;
use bevy_renet::RenetServerPlugin;
use protocol::{CloseReason, limits};
use quinn::{Endpoint, VarInt};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::AbortHandle;

/// When the transports run.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkSystems {
    /// In `PreUpdate`: new links appear, what has arrived can be read, ends are announced.
    Poll,
    /// In `PostUpdate`: what was sent leaves.
    Flush,
}

/// A link has ended. Triggered once, on the link's entity; the entity is despawned in the next update, and until then what
/// had arrived can still be read.
#[derive(EntityEvent, Clone, Copy, Debug)]
pub struct LinkClosed {
    /// The entity with the [`Link`].
    pub entity: Entity,
    /// How it ended.
    pub closed: Closed,
}

/// What to listen on.
#[derive(Clone)]
pub struct ServerConfig {
    /// Address of the `udp` transport.
    pub udp: SocketAddr,
    /// Address of the `quic` transport.
    pub quic: SocketAddr,
    /// Address of the `tcp` transport.
    pub tcp: SocketAddr,
    /// Addresses that may stand in connect tokens, besides the one that is bound: those under which players see us.
    pub udp_public: Vec<SocketAddr>,
    /// The key with which the lobby seals connect tokens.
    pub netcode_key: [u8; 32],
    /// How patient to be.
    pub timing: Timing,
    /// For how long the `quic` certificates are good.
    pub certificates: CertificateTerm,
    /// The certificate of the lobby's https, which speaks for `webtransport` where browsers trust it by themselves.
    pub site: Option<Site>,
}

impl ServerConfig {
    /// Returns a configuration with a new key and the usual patience.
    pub fn new(udp: SocketAddr, quic: SocketAddr, tcp: SocketAddr) -> Self {
        Self {
            udp,
            quic,
            tcp,
            udp_public: Vec::new(),
            netcode_key: rand::random(),
            timing: Timing::default(),
            certificates: CertificateTerm::default(),
            site: None,
        }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key must not reach a log.
        let Self { udp, quic, tcp, udp_public, timing, certificates, site, .. } = self;
        write!(
            f,
            "ServerConfig {{ udp: {udp}, quic: {quic}, tcp: {tcp}, udp_public: {udp_public:?}, timing: {timing:?}, \
             certificates: {certificates:?}, site: {site:?} }}"
        )
    }
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another program has the port, most likely another server.
    #[error("Port {} ({kind}) on {} is taken by another program. Stop it or choose another port.", .address.port(), .address.ip())]
    PortTaken {
        /// Where.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        kind: &'static str,
    },
    /// Anything else that the operating system says.
    #[error("The server cannot listen on {address} ({kind}): {error}.")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        kind: &'static str,
        /// What it says.
        error: io::Error,
    },
}

impl BindError {
    fn from_io(address: SocketAddr, kind: &'static str, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => Self::PortTaken { address, kind },
            _ => Self::Socket { address, kind, error },
        }
    }
}

/// What was bound, for the lobby: everything that goes into an offer.
#[derive(Clone, Debug)]
pub struct Listeners {
    /// Address of the `udp` transport, with its port.
    pub udp_addr: SocketAddr,
    /// Address of the `quic` transport, with its port.
    pub quic_addr: SocketAddr,
    /// Address of the `tcp` transport, with its port.
    pub tcp_addr: SocketAddr,
    /// SHA-256 of the present `quic` certificate. It is replaced while the server runs.
    pub certificate: watch::Receiver<[u8; 32]>,
    /// Takes links that are accepted elsewhere: the upgrades on the lobby's port.
    pub links: LinkSender,
}

impl Listeners {
    /// Returns the SHA-256 of the present `quic` certificate.
    pub fn certificate_sha256(&self) -> [u8; 32] {
        *self.certificate.borrow()
    }
}

/// Hands accepted links to the app. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct LinkSender {
    links: mpsc::Sender<Link>,
    handshakes: Arc<Semaphore>,
    counters: Arc<Counters>,
    timing: Timing,
}

impl LinkSender {
    /// Hands a link over. Gives it back if the app is gone or too many wait for it.
    pub fn send(&self, link: Link) -> Result<(), Link> {
        self.links.try_send(link).map_err(|error| {
            Counters::count(&self.counters.handshakes_refused);
            error.into_inner()
        })
    }

    /// Counts of what never became a link.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a place among the handshakes in flight, if there is one. For every accept loop; give it back by dropping it.
    pub fn handshake(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.handshakes).try_acquire_owned().ok()
    }

    /// Whether so many handshakes are in flight that strangers should first prove their address.
    pub(crate) fn under_pressure(&self) -> bool {
        self.handshakes.available_permits() < limits::MAX_HANDSHAKES.saturating_sub(EASY_HANDSHAKES)
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }
}

impl fmt::Debug for LinkSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSender")
    }
}

/// Handshakes in flight up to which nobody is asked to prove an address: a party that joins at once.
const EASY_HANDSHAKES: usize = 32;

/// Opens the sockets and starts to accept on `runtime`. Add the plugin to the server's app.
pub fn bind(config: ServerConfig, runtime: &Handle) -> Result<(Listeners, TransportsPlugin), BindError> {
    let _inside = runtime.enter();
    let ServerConfig { udp, quic, tcp, udp_public: mut public, netcode_key, timing, certificates, site } = config;
    let counters = Arc::new(Counters::default());
    let (sender, arrivals) = mpsc::channel(limits::MAX_HANDSHAKES);
    let links = LinkSender {
        links: sender,
        handshakes: Arc::new(Semaphore::new(limits::MAX_HANDSHAKES)),
        counters: Arc::clone(&counters),
        timing,
    };

    let (udp_socket, udp_addr) = open(udp)?;
    if !public.contains(&udp_addr) {
        public.push(udp_addr);
    }
    let host = UdpHost::new(udp_socket, public, netcode_key, timing, counters, runtime)
        .map_err(|error| BindError::from_io(udp, "UDP", error))?;

    let (quic_socket, quic_addr) = open(quic)?;
    let (endpoint, certificate) = quic::listen(quic_socket, Papers { term: certificates, site }, links.clone(), timing)
        .map_err(|error| BindError::from_io(quic, "UDP", error))?;

    let tcp_failed = |error| BindError::from_io(tcp, "TCP", error);
    let tcp_socket = tcp::bind(tcp).map_err(tcp_failed)?;
    let tcp_addr = tcp_socket.local_addr().map_err(tcp_failed)?;
    let accepting = tcp::listen(tcp_socket, links.clone(), timing).map_err(tcp_failed)?;

    let bound =
        Bound { host, quic: QuicHost { endpoint }, tcp: TcpHost { accepting }, arrivals: Arrivals { links: arrivals } };
    let listeners = Listeners { udp_addr, quic_addr, tcp_addr, certificate, links };
    Ok((listeners, TransportsPlugin { bound: Mutex::new(Some(bound)) }))
}

fn open(address: SocketAddr) -> Result<(std::net::UdpSocket, SocketAddr), BindError> {
    let socket = udp::bind(address).and_then(|socket| {
        let bound = socket.local_addr()?;
        Ok((socket, bound))
    });
    socket.map_err(|error| BindError::from_io(address, "UDP", error))
}

/// All transports of a server. Made by [`bind`]; belongs to one app.
///
/// To stop in order: close every [`Link`] with [`CloseReason::ServerStopping`], update the app until none is left, drop it.
pub struct TransportsPlugin {
    bound: Mutex<Option<Bound>>,
}

struct Bound {
    host: UdpHost,
    quic: QuicHost,
    tcp: TcpHost,
    arrivals: Arrivals,
}

#[derive(Resource)]
struct Arrivals {
    links: mpsc::Receiver<Link>,
}

/// Closes the endpoint with the app.
#[derive(Resource)]
struct QuicHost {
    endpoint: Endpoint,
}

impl Drop for QuicHost {
    fn drop(&mut self) {
        self.endpoint.close(VarInt::from_u32(u32::from(CloseReason::ServerStopping.code())), b"");
    }
}

/// Stops to accept with the app.
#[derive(Resource)]
struct TcpHost {
    accepting: AbortHandle,
}

impl Drop for TcpHost {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Marks a link whose end has been announced.
#[derive(Component)]
struct Announced;

impl Plugin for TransportsPlugin {
    fn build(&self, app: &mut App) {
        // Built once: Bevy refuses a second plugin of this type, and `bind` makes a new one.
        let Some(bound) = self.bound.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if !app.is_plugin_added::<TimePlugin>() {
            app.add_plugins(TimePlugin);
        }
        app.add_plugins(RenetServerPlugin)
            .insert_resource(udp::server::renet())
            .insert_resource(bound.host)
            .insert_resource(bound.quic)
            .insert_resource(bound.tcp)
            .insert_resource(bound.arrivals)
            .add_systems(
                PreUpdate,
                (admit, udp::server::poll, announce)
                    .chain()
                    .in_set(LinkSystems::Poll)
                    .after(RenetServerPlugin::update_system),
            )
            .add_systems(PostUpdate, udp::server::flush.in_set(LinkSystems::Flush));
    }
}

/// Spawns the links that other threads have accepted.
fn admit(mut commands: Commands, mut arrivals: ResMut<Arrivals>) {
    while let Ok(link) = arrivals.links.try_recv() {
        commands.spawn(link);
    }
}

/// Says once that a link has ended, and removes it one update later.
fn announce(mut commands: Commands, links: Query<(Entity, &Link, Has<Announced>)>) {
    for (entity, link, announced) in &links {
        let Some(closed) = link.closed() else { continue };
        if announced {
            commands.entity(entity).try_despawn();
        } else {
            commands.entity(entity).try_insert(Announced);
            commands.trigger(LinkClosed { entity, closed });
        }
    }
}
