//! A server for tests: a Bevy app stepped by a thread of its own, with every transport on a free port of this machine.
//!
//! The app gives away every link that it accepts, so that a test holds both ends and can treat all transports alike.
//!
//! Flow: test -> [`Rig`] -> `transport::server::bind`, and a small HTTP server for the upgrades.

use bevy::app::{App, Update};
use bevy::ecs::entity::Entity;
use bevy::ecs::query::With;
use bevy::ecs::world::World;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::Transport;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use transport::{HttpMode, Inbound, Link, LinkSender, Listeners, Offer, ServerConfig, Timing, http, udp, websocket};

/// The server's key in every test.
pub(crate) const KEY: [u8; 32] = [42; 32];
/// What the tokens say about the player.
pub(crate) const IDENTITY: [u8; 256] = [7; 256];
/// Longest wait for something that should happen at once, on a machine that is busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// The usual patience, shortened where a test has to wait for it to run out.
pub(crate) fn timing() -> Timing {
    Timing {
        handshake: Duration::from_secs(2),
        keep_alive: Duration::from_millis(250),
        silence: Duration::from_secs(1),
        linger: Duration::from_millis(700),
    }
}

/// A server and whoever dials it.
pub(crate) struct Rig {
    pub(crate) transport: Transport,
    pub(crate) runtime: Runtime,
    pub(crate) listeners: Listeners,
    pub(crate) http: SocketAddr,
    pub(crate) http_mode: HttpMode,
    pub(crate) timing: Timing,
    accepted: mpsc::Receiver<Link>,
    app: Stepped,
}

/// The thread that steps the app. Stops with the rig.
struct Stepped {
    stop: Arc<AtomicBool>,
    crash: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Stepped {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the app panicked");
    }
}

impl Rig {
    pub(crate) fn new(transport: Transport) -> Self {
        let (sender, accepted) = mpsc::channel();
        Self::with(transport, accepted, move |app| {
            app.add_systems(Update, move |world: &mut World| give_away(world, &sender));
        })
    }

    /// A server whose links stay in the app; `prepare` adds what the test needs.
    pub(crate) fn with(
        transport: Transport,
        accepted: mpsc::Receiver<Link>,
        prepare: impl FnOnce(&mut App) + Send + 'static,
    ) -> Self {
        let runtime = transport::runtime::runtime().unwrap();
        let timing = timing();
        let config = ServerConfig { netcode_key: KEY, timing, ..ServerConfig::new(any_port(), any_port(), any_port()) };
        let (listeners, plugin) = transport::server::bind(config, runtime.handle()).unwrap();
        let http = runtime.block_on(serve_http(listeners.links.clone()));
        let stop = Arc::new(AtomicBool::new(false));
        let crash = Arc::new(AtomicBool::new(false));
        let (stopped, crashed) = (Arc::clone(&stop), Arc::clone(&crash));
        let thread = std::thread::spawn(move || {
            let mut app = App::new();
            app.add_plugins(plugin);
            prepare(&mut app);
            while !stopped.load(Ordering::Relaxed) {
                app.update();
                std::thread::sleep(Duration::from_millis(2));
            }
            if crashed.load(Ordering::Relaxed) {
                // A process that dies runs no destructors.
                std::mem::forget(app);
            }
        });
        let app = Stepped { stop, crash, thread: Some(thread) };
        let http_mode = HttpMode::default();
        Self { transport, runtime, listeners, http, http_mode, timing, accepted, app }
    }

    pub(crate) fn offer(&self) -> Offer {
        match self.transport {
            Transport::Udp => Offer::Udp { token: self.token(), server: None },
            Transport::Quic => {
                Offer::Quic { addr: self.listeners.quic_addr, certificate_sha256: self.listeners.certificate_sha256() }
            }
            Transport::Websocket => Offer::Websocket { url: format!("ws://{}{}", self.http, websocket::PATH) },
            Transport::Tcp => Offer::Tcp { addr: self.listeners.tcp_addr, nagle: false },
            Transport::Http => Offer::Http { url: format!("http://{}{}", self.http, http::PATH), mode: self.http_mode },
            Transport::Webtransport => Offer::Webtransport {
                url: format!("https://{}{}", self.listeners.quic_addr, websocket::PATH),
                certificate_sha256: self.listeners.certificate_sha256(),
                signed_for: Vec::new(),
            },
            Transport::Memory => unreachable!("memory is not dialled"),
        }
    }

    pub(crate) fn token(&self) -> Vec<u8> {
        udp::connect_token(&KEY, &[self.listeners.udp_addr], &IDENTITY, &self.timing).unwrap()
    }

    /// Opens a link and returns both ends: the client's, the server's.
    pub(crate) fn pair(&self) -> (Link, Link) {
        self.pair_on(&self.runtime)
    }

    /// As [`Rig::pair`], with the client's end on another runtime.
    pub(crate) fn pair_on(&self, runtime: &Runtime) -> (Link, Link) {
        if self.transport == Transport::Memory {
            return transport::memory::pair();
        }
        let client = runtime.block_on(transport::dial_with(self.offer(), self.timing)).unwrap();
        (client, self.accept())
    }

    /// Returns the next link that the server has accepted.
    pub(crate) fn accept(&self) -> Link {
        self.accepted.recv_timeout(SOON).expect("the server accepts a link")
    }

    /// Ends the server as if its process had been killed.
    pub(crate) fn die(self) {
        self.app.crash.store(true, Ordering::Relaxed);
        drop(self.app);
        self.runtime.shutdown_background();
    }

    /// Waits until the app is gone, and gives back the rest.
    pub(crate) fn stop_app(self) -> (Runtime, Listeners) {
        drop(self.app);
        (self.runtime, self.listeners)
    }
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn give_away(world: &mut World, to: &mpsc::Sender<Link>) {
    let entities: Vec<Entity> = world.query_filtered::<Entity, With<Link>>().iter(world).collect();
    for entity in entities {
        let link = world.entity_mut(entity).take::<Link>().unwrap();
        world.despawn(entity);
        // The test may be over.
        let _ = to.send(link);
    }
}

/// The lobby's port, as far as links are concerned.
async fn serve_http(links: LinkSender) -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let host = http::Host::new(links.clone());
    tokio::spawn(async move {
        loop {
            let Ok((tcp, peer)) = listener.accept().await else { continue };
            transport::tune_tcp(&tcp).unwrap();
            let (links, host) = (links.clone(), host.clone());
            let service =
                service_fn(move |request: Request<Incoming>| answer(request, peer, links.clone(), host.clone()));
            tokio::spawn(
                http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(timing().handshake)
                    .serve_connection(TokioIo::new(tcp), service)
                    .with_upgrades(),
            );
        }
    });
    address
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    links: LinkSender,
    host: http::Host,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let Some(call) = request.uri().path().strip_prefix(http::PATH) else { return upgrade(request, peer, links).await };
    let answered = match call.strip_prefix('/') {
        None => host.open(&request, peer).map(|link| {
            let json = serde_json::to_vec(&link).unwrap();
            let mut response = Response::new(Full::new(json.into()));
            *response.status_mut() = hyper::StatusCode::CREATED;
            response
        }),
        Some(link) => match host.visit(link.parse().unwrap_or(0), request.headers()) {
            Ok(visit) => Ok(visit.serve(request).await),
            Err(refusal) => Err(refusal),
        },
    };
    Ok(answered.unwrap_or_else(|refusal| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = refusal.status;
        response
    }))
}

async fn upgrade(
    request: Request<Incoming>,
    peer: SocketAddr,
    links: LinkSender,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.uri().path() != websocket::PATH {
        *response.status_mut() = hyper::StatusCode::NOT_FOUND;
        return Ok(response);
    }
    match websocket::upgrade_response(&request) {
        Ok(accepted) => {
            tokio::spawn(async move {
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    websocket::accept(TokioIo::new(upgraded), peer, &links).await;
                }
            });
            Ok(accepted.map(|()| Full::default()))
        }
        Err(refusal) => {
            *response.status_mut() = refusal.status;
            Ok(response)
        }
    }
}

/// Waits until `done` returns something.
pub(crate) fn eventually<T>(what: &str, within: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(result) = done() {
            return result;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the next message.
pub(crate) fn receive(link: &Link) -> Inbound {
    eventually("a message arrives", SOON, || {
        let inbound = link.try_recv();
        assert!(inbound.is_some() || link.closed().is_none(), "the link ended: {:?}", link.closed());
        inbound
    })
}
