//! The lobby's own accept loop: HTTP/1.1 with an end to every wait.
//!
//! `axum::serve` gives hyper no timer, so a client that sends its head one byte per minute keeps a connection for ever. Here
//! every connection has a timer, a place out of a limited number, and a life of limited length; the loop itself ends only when
//! it is asked to, whatever the system says. Where there is a certificate, one port speaks HTTP and HTTPS, told apart by the first byte,
//! so that invite links and desktop clients need not know of it. The task of a connection is also the task in which it becomes a link, so there is
//! no other one that somebody would have to look after.
//!
//! Flow: [`super::Lobby`] → here → [`super::routes`] → for `GET /v1/link`: [`super::link`] → here → `transport::websocket`.

use super::grants::Asker;
use super::limits::{ACCEPT_PAUSE, GRACE, LINK_WATCH, Limits, MAX_HEAD_BYTES, MAX_HEADERS, UPGRADE_DEADLINE};
use super::watch::Pulse;
use axum::{Router, extract::Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use transport::crowd::{Counted, Crowd};
use transport::http::{Held, Visit};
use transport::{LinkSender, Site, tune_tcp, websocket};

/// Headers that proxies add (RFC 7239, and those before it).
const PROXIES_SAY: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"];

/// What a request can know about the connection that it came in on.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// Who has connected.
    pub remote: SocketAddr,
    /// The address of ours that they have reached.
    pub local: SocketAddr,
    /// Whether it speaks TLS.
    pub(super) secure: bool,
    /// Whether the request came through a proxy.
    proxied: bool,
    /// Whether it is of use.
    pub(super) pulse: Arc<Pulse>,
    handover: Arc<Mutex<Option<Handover>>>,
    /// The place that it takes; none once it belongs to a link.
    place: Arc<Mutex<Option<Place>>>,
    /// The `http` link whose calls come in on it.
    link: Arc<Mutex<Option<Held>>>,
}

/// A place among all connections, and among those of an address.
type Place = (OwnedSemaphorePermit, Counted);

/// A connection that is about to become a link.
#[derive(Debug)]
pub(super) struct Handover {
    /// What hyper gives back once the answer is written.
    pub(super) upgrade: OnUpgrade,
    /// The place among the handshakes in flight.
    pub(super) handshake: OwnedSemaphorePermit,
}

impl Connection {
    /// Returns the addresses of both ends.
    pub(super) fn asker(&self) -> Asker {
        Asker { remote: self.remote.ip(), local: self.local.ip(), proxied: self.proxied }
    }

    /// Asks the connection's task to make a link of what follows the answer.
    pub(super) fn hand_over(&self, handover: Handover) {
        *locked(&self.handover) = Some(handover);
    }

    /// Notes that this connection carries calls of a link: then it counts as one, and lives for as long.
    pub(super) fn belongs_to(&self, visit: &Visit) {
        let mut link = locked(&self.link);
        if link.as_ref().is_some_and(Held::lives) {
            return;
        }
        // A link that is over stays noted if no other takes its place: this connection counts nowhere any more, so it must end.
        if let Some(held) = visit.hold() {
            *link = Some(held);
            self.leave_place();
        }
    }

    /// Returns whether it is to end, which it does with its link; without one when nobody has watched anything on it for `life`.
    fn is_over(&self, life: Duration) -> bool {
        locked(&self.link).as_ref().map_or_else(|| self.pulse.silence() >= life, |link| !link.lives())
    }

    fn leave_place(&self) {
        drop(locked(&self.place).take());
    }

    fn take_handover(&self) -> Option<Handover> {
        locked(&self.handover).take()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What serves every connection of a listener.
pub(super) struct Desk {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) links: LinkSender,
    /// Speaks TLS with those who begin with it.
    pub(super) site: Option<Site>,
}

/// Accepts and serves until `stop` turns true or its sender is gone; then lets open requests finish for [`GRACE`].
pub(super) async fn run(listener: TcpListener, desk: Desk, mut stop: watch::Receiver<bool>) {
    let Desk { router, limits, links, site } = desk;
    let server =
        Arc::new(Server { service: TowerToHyperService::new(router), limits, links, site, stop: stop.clone() });
    let places = Arc::new(Semaphore::new(limits.connections));
    let crowd = Crowd::default();
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = asked(&mut stop) => break,
            Some(_) = tasks.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, remote, permit)) => match crowd.enter(remote.ip(), limits.connections_per_address) {
                Some(counted) => drop(tasks.spawn(server.clone().connection(stream, remote, (permit, counted)))),
                None => tracing::debug!("{remote} has too many connections"),
            },
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections at the moment: {error}");
                tokio::select! {
                    () = asked(&mut stop) => break,
                    () = sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    let finished = timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tasks.shutdown().await;
    }
}

/// What every connection needs.
struct Server {
    service: TowerToHyperService<Router>,
    limits: Limits,
    links: LinkSender,
    site: Option<Site>,
    stop: watch::Receiver<bool>,
}

impl Server {
    /// Serves one connection to its end. `place` is given back when it stops speaking HTTP.
    async fn connection(self: Arc<Self>, stream: TcpStream, remote: SocketAddr, place: Place) {
        let Ok(local) = stream.local_addr() else { return };
        if let Err(error) = tune_tcp(&stream) {
            tracing::debug!("{remote}: {error}");
        }
        let place = Arc::new(Mutex::new(Some(place)));
        let pulse = Arc::default();
        let connection = Connection {
            remote,
            local,
            secure: false,
            proxied: false,
            pulse,
            handover: Arc::default(),
            place,
            link: Arc::default(),
        };
        let Some(site) = &self.site else { return self.speak(stream, connection).await };
        match begins_with_tls(&stream, self.limits.head).await {
            Some(false) => self.speak(stream, connection).await,
            Some(true) => match timeout(self.limits.head, site.accept(stream)).await {
                // Apart, so that those who speak plain HTTP do not hold room for TLS.
                Ok(Ok(stream)) => Box::pin(self.speak(stream, Connection { secure: true, ..connection })).await,
                Ok(Err(error)) => tracing::debug!("{remote}: {error}"),
                Err(_) => tracing::debug!("{remote} takes too long to shake hands"),
            },
            None => {}
        }
    }

    async fn speak<S>(&self, stream: S, connection: Connection)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let remote = connection.remote;
        if let Err(error) = self.http(stream, &connection).await {
            tracing::debug!("{remote}: {error}");
        }
        connection.leave_place();
        let Some(Handover { upgrade, handshake }) = connection.take_handover() else { return };
        let upgraded = timeout(UPGRADE_DEADLINE, upgrade).await;
        drop(handshake);
        match upgraded {
            // Apart, so that the thousands that only speak HTTP do not each hold room for a link.
            Ok(Ok(upgraded)) => Box::pin(websocket::accept(TokioIo::new(upgraded), remote, &self.links)).await,
            _ => drop(self.links.counters().handshakes_failed.fetch_add(1, Ordering::Relaxed)),
        }
    }

    async fn http<S>(&self, stream: S, connection: &Connection) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|mut request: Request<Incoming>| {
            let proxied = PROXIES_SAY.iter().any(|name| request.headers().contains_key(*name));
            request.extensions_mut().insert(Connection { proxied, ..connection.clone() });
            self.service.call(request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        http.header_read_timeout(self.limits.head);
        http.max_buf_size(MAX_HEAD_BYTES);
        http.max_headers(MAX_HEADERS);
        let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let mut stop = self.stop.clone();
        let life = self.limits.connection_life;
        loop {
            // Thousands may watch at once, and those who do carry no link.
            let pause = if connection.pulse.is_watching() { life } else { LINK_WATCH.min(life) };
            tokio::select! {
                served = serving.as_mut() => return served,
                () = sleep(pause) => if connection.is_over(life) {
                    break;
                },
                () = asked(&mut stop) => break,
            }
        }
        serving.as_mut().graceful_shutdown();
        timeout(GRACE, serving).await.unwrap_or(Ok(()))
    }
}

/// Returns whether what comes in first is TLS; none if nothing comes in time.
async fn begins_with_tls(stream: &TcpStream, within: Duration) -> Option<bool> {
    let mut first = [0];
    match timeout(within, stream.peek(&mut first)).await {
        Ok(Ok(1)) => first.first().map(|byte| Site::is_tls(*byte)),
        _ => None,
    }
}

/// Waits for a place, then for somebody to take it. Can be dropped at any time.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    Ok((stream, remote, place))
}

/// Returns whether `accept` reports the end of a connection that had not been accepted yet (accept(2), "Error handling").
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Waits until the server is asked to stop, or nobody is left who could ask.
async fn asked(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_left_early_is_not_our_problem() {
        assert!(is_the_peers(&io::ErrorKind::ConnectionAborted.into()));
        assert!(!is_the_peers(&io::Error::from_raw_os_error(24)), "too many open files");
    }
}
