//! The `quic` transport: Reliable on one stream, Latest in DATAGRAM frames.
//!
//! QUIC has both lanes by nature: a lost datagram delays nothing, and a stream repeats. Two defaults of quinn are wrong for
//! a game and are changed here: its congestion control takes every loss for congestion (so BBR, which measures the path),
//! and it hoards a megabyte of datagrams (so a buffer of three). The server can use a connection only when its client has
//! opened the stream, which QUIC shows to the server when something is written: hence the preamble.
//!
//! ```text
//! stream:    43 57 51 31 ("CWQ1", client only) | frames, see `frames.rs`
//! DATAGRAM:  one Latest message, nothing else
//! close:     application error code = the code of a CloseReason
//! ```
//!
//! Flow: `lib.rs` [`dial`], or `server.rs` [`listen`] -> [`welcome`] -> [`drive`]: `link/driver.rs` <-> quinn.

mod certificate;
mod config;
mod dates;

pub(crate) use certificate::Certificate;
pub use certificate::CertificateTerm;
pub use dates::Validity;
pub(crate) use dates::seconds_since_1970;

use crate::counters::Counters;
use crate::frames::{self, Decoder, Frame};
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::server::LinkSender;
use crate::{DialError, Timing};
use bytes::Bytes;
use certificate::Wrong;
use protocol::{CloseReason, Lane, Transport, limits};
use quinn::{Connection, ConnectionError, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, error};

/// Time between a datagram and its copy: enough for the first to be on its way.
const COPY_PAUSE: Duration = Duration::from_millis(1);
/// What the client writes first on the stream.
const PREAMBLE: &[u8; 4] = b"CWQ1";
/// Bytes read from the stream at once.
const READ_CHUNK: usize = 16 * 1024;
/// Headers below a QUIC packet, bytes: UDP's 8 and IPv4's 20.
const OVERHEAD: u64 = 28;
/// How often quinn's own counters are copied: reading them takes its lock.
const COUNT_PAUSE: Duration = Duration::from_millis(100);

/// Opens a link to a server whose certificate has this hash.
pub(crate) async fn dial(server: SocketAddr, certificate_sha256: [u8; 32], timing: Timing) -> Result<Link, DialError> {
    let (endpoint, connection) = connect(server, certificate_sha256, timing).await?;
    let opened = timeout(timing.handshake, async {
        let (mut send, recv) = connection.open_bi().await.map_err(|error| refusal(error, server, &timing))?;
        send.write_all(PREAMBLE).await.map_err(|_| DialError::refused(Transport::Quic, server))?;
        Ok((send, recv))
    });
    let opened = opened.await.unwrap_or_else(|_| Err(DialError::no_answer(Transport::Quic, server, timing.handshake)));
    let (send, recv) = opened?;
    let (link, driver) = link_pair(Transport::Quic, Some(server), None);
    tokio::spawn(async move {
        drive(connection, send, recv, driver, timing).await;
        // The last packets say why. Nobody waits for them longer than for anything else.
        let _ = timeout(timing.linger, endpoint.wait_idle()).await;
    });
    Ok(link)
}

/// Shakes hands with a server whose certificate has this hash, and returns from when until when that is good; none if it does not say.
pub(crate) async fn validity(
    server: SocketAddr,
    certificate_sha256: [u8; 32],
    timing: Timing,
) -> Result<Option<Validity>, DialError> {
    let (endpoint, connection) = connect(server, certificate_sha256, timing).await?;
    let shown = connection.peer_identity().and_then(|identity| identity.downcast::<Vec<CertificateDer<'_>>>().ok());
    connection.close(code(CloseReason::Done), b"");
    let _ = timeout(timing.linger, endpoint.wait_idle()).await;
    Ok(shown.and_then(|chain| chain.first().and_then(|certificate| Validity::read(certificate))))
}

async fn connect(
    server: SocketAddr,
    certificate_sha256: [u8; 32],
    timing: Timing,
) -> Result<(Endpoint, Connection), DialError> {
    let (config, shown) = config::client(certificate_sha256, &timing).map_err(DialError::Crypto)?;
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let endpoint = Endpoint::client(SocketAddr::new(any, 0)).map_err(DialError::Local)?;
    let connecting =
        endpoint.connect_with(config, server, certificate::SERVER_NAME).map_err(|_| DialError::address(server))?;
    match timeout(timing.handshake, connecting).await {
        Ok(Ok(connection)) => Ok((endpoint, connection)),
        Ok(Err(error)) => Err(match shown.wrong() {
            Some(Wrong::Another) => DialError::certificate(server),
            Some(Wrong::Expired(since)) => DialError::Expired { server, since },
            None => refusal(error, server, &timing),
        }),
        Err(_) => Err(DialError::no_answer(Transport::Quic, server, timing.handshake)),
    }
}

fn refusal(error: ConnectionError, server: SocketAddr, timing: &Timing) -> DialError {
    match error {
        ConnectionError::TimedOut => DialError::no_answer(Transport::Quic, server, timing.handshake),
        ConnectionError::ConnectionClosed(close)
            if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED =>
        {
            DialError::full(Transport::Quic, server)
        }
        _ => DialError::refused(Transport::Quic, server),
    }
}

/// Binds the server's endpoint and starts to accept, inside a tokio runtime. Returns it with the hash of its certificate, which changes
/// when that is replaced.
pub(crate) fn listen(
    socket: std::net::UdpSocket,
    term: CertificateTerm,
    links: LinkSender,
    timing: Timing,
) -> io::Result<(Endpoint, watch::Receiver<[u8; 32]>)> {
    let (config, sha256) = with_new_certificate(term, &timing)?;
    let runtime = std::sync::Arc::new(quinn::TokioRuntime);
    let endpoint = Endpoint::new(quinn::EndpointConfig::default(), Some(config), socket, runtime)?;
    let (hash, hashes) = watch::channel(sha256);
    let (accepting, renewing) = (accept(endpoint.clone(), links, timing), renew(endpoint.clone(), term, timing, hash));
    tokio::spawn(async move {
        // Whoever renews must not keep the port of an endpoint that was closed.
        tokio::select! {
            () = accepting => {}
            () = renewing => {}
        }
    });
    Ok((endpoint, hashes))
}

fn with_new_certificate(term: CertificateTerm, timing: &Timing) -> io::Result<(quinn::ServerConfig, [u8; 32])> {
    let certificate = Certificate::generate(term).map_err(io::Error::other)?;
    let sha256 = certificate.sha256;
    config::server(certificate, timing).map(|config| (config, sha256)).map_err(io::Error::other)
}

/// Replaces the certificate in good time. Links that are open are not touched.
async fn renew(endpoint: Endpoint, term: CertificateTerm, timing: Timing, hash: watch::Sender<[u8; 32]>) {
    let mut made = SystemTime::now();
    loop {
        sleep(term.look_every()).await;
        // By the time of day, because a machine that sleeps does not count.
        if made.elapsed().is_ok_and(|age| age < term.in_use()) {
            continue;
        }
        match with_new_certificate(term, &timing) {
            Ok((config, sha256)) => {
                endpoint.set_server_config(Some(config));
                hash.send_replace(sha256);
                made = SystemTime::now();
                debug!("the certificate was replaced");
            }
            Err(error) => error!("no new certificate could be made: {error}"),
        }
    }
}

/// Accepts until the endpoint is closed. No peer can end it.
async fn accept(endpoint: Endpoint, links: LinkSender, timing: Timing) {
    while let Some(incoming) = endpoint.accept().await {
        let Some(handshake) = links.handshake() else {
            Counters::count(&links.counters().handshakes_refused);
            incoming.refuse();
            continue;
        };
        // Under pressure a client first proves that it is where it says, which costs us nothing.
        if links.under_pressure() && incoming.may_retry() && !incoming.remote_address_validated() {
            let _ = incoming.retry();
            continue;
        }
        let links = links.clone();
        tokio::spawn(async move {
            let welcomed = timeout(timing.handshake, welcome(incoming)).await;
            drop(handshake);
            let Ok(Some((connection, send, recv))) = welcomed else {
                return Counters::count(&links.counters().handshakes_failed);
            };
            let (link, driver) = link_pair(Transport::Quic, Some(connection.remote_address()), None);
            debug!("{:?} accepted over quic from {}", driver.id(), connection.remote_address());
            match links.send(link) {
                Ok(()) => drive(connection, send, recv, driver, timing).await,
                Err(_) => connection.close(code(CloseReason::Refused), b""),
            }
        });
    }
}

/// Completes a handshake up to the preamble.
async fn welcome(incoming: Incoming) -> Option<(Connection, SendStream, RecvStream)> {
    let connection = incoming.await.ok()?;
    let (send, mut recv) = connection.accept_bi().await.ok()?;
    let mut preamble = [0; PREAMBLE.len()];
    recv.read_exact(&mut preamble).await.ok()?;
    if &preamble != PREAMBLE {
        connection.close(code(CloseReason::Violation), b"");
        return None;
    }
    Some((connection, send, recv))
}

/// Moves bytes until the link ends.
async fn drive(connection: Connection, send: SendStream, recv: RecvStream, driver: Driver, timing: Timing) {
    let end = tokio::select! {
        end = read_stream(&driver, recv) => end,
        end = read_datagrams(&driver, &connection) => end,
        end = write_stream(&driver, send) => end,
        end = write_datagrams(&driver, &connection) => end,
        end = count(&driver, &connection) => end,
        reason = linger(&driver, &timing) => Closed::ByUs(reason),
        error = connection.closed() => ended(error),
    };
    let said = match end {
        Closed::ByUs(reason) => reason,
        Closed::Violation(_) => CloseReason::Violation,
        Closed::ByPeer(_) | Closed::Lost(_) => CloseReason::Done,
    };
    connection.close(code(said), b"");
    copy_counters(&driver, &connection);
    debug!("{:?} over quic ended: {end}", driver.id());
    driver.finish(end);
}

async fn read_stream(driver: &Driver, mut recv: RecvStream) -> Closed {
    let mut decoder = Decoder::default();
    loop {
        loop {
            // Whoever does not read must not be sent to: QUIC's window then fills, and the peer waits.
            driver.room().await;
            match decoder.next() {
                Ok(Some(Frame::Message(bytes))) => driver.deliver(Instant::now(), Lane::Reliable, bytes),
                Ok(Some(Frame::Goodbye(reason))) => return Closed::ByPeer(reason),
                Ok(None) => break,
                Err(frames::Oversize) => return Closed::Violation("a message longer than any may be"),
            }
        }
        match recv.read_chunk(READ_CHUNK, true).await {
            Ok(Some(chunk)) => decoder.push(&chunk.bytes),
            Ok(None) => return Closed::ByPeer(CloseReason::Done),
            // How the connection ended is known elsewhere.
            Err(_) => pending().await,
        }
    }
}

async fn read_datagrams(driver: &Driver, connection: &Connection) -> Closed {
    loop {
        match connection.read_datagram().await {
            Ok(bytes) if bytes.len() <= limits::MAX_LATEST_BYTES => driver.deliver(Instant::now(), Lane::Latest, bytes),
            Ok(_) => return Closed::Violation("a datagram longer than any may be"),
            Err(_) => pending().await,
        }
    }
}

async fn write_stream(driver: &Driver, mut send: SendStream) -> Closed {
    while let Some(message) = driver.reliable().await {
        let mut chunks = [Bytes::copy_from_slice(&frames::header(&message)), message];
        if send.write_all_chunks(&mut chunks).await.is_err() {
            return pending().await;
        }
    }
    // In the stream the goodbye comes after every message. The other end then closes, or we do when it has lingered.
    let reason = driver.closing().await;
    let _ = send.write_all(&frames::goodbye(reason)).await;
    let _ = send.finish();
    pending().await
}

async fn write_datagrams(driver: &Driver, connection: &Connection) -> Closed {
    loop {
        let message = driver.latest().await;
        // It may be too long for a path that has just become narrow. A newer one comes soon.
        let _ = connection.send_datagram(message.clone());
        if driver.twice() {
            // Two at once would share a packet, and its fate.
            sleep(COPY_PAUSE).await;
            let _ = connection.send_datagram(message);
        }
    }
}

async fn count(driver: &Driver, connection: &Connection) -> Closed {
    loop {
        sleep(COUNT_PAUSE).await;
        copy_counters(driver, connection);
    }
}

fn copy_counters(driver: &Driver, connection: &Connection) {
    let stats = connection.stats();
    let total = |udp: &quinn::UdpStats| udp.bytes.saturating_add(udp.datagrams.saturating_mul(OVERHEAD));
    driver.set_wire(total(&stats.udp_rx), total(&stats.udp_tx));
    driver.set_rtt(stats.path.rtt);
}

/// Returns when a close that was asked for has taken long enough, or at once if it is in a hurry.
async fn linger(driver: &Driver, timing: &Timing) -> CloseReason {
    let reason = driver.closing().await;
    if !driver.hurried() {
        sleep(timing.linger).await;
    }
    reason
}

fn ended(error: ConnectionError) -> Closed {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let code = u8::try_from(close.error_code.into_inner()).unwrap_or_default();
            Closed::ByPeer(frames::reason_of(code))
        }
        ConnectionError::TimedOut => Closed::Lost(Lost::TimedOut),
        ConnectionError::TransportError(_) | ConnectionError::VersionMismatch => Closed::Violation("not valid QUIC"),
        _ => Closed::Lost(Lost::Reset),
    }
}

fn code(reason: CloseReason) -> VarInt {
    VarInt::from_u32(u32::from(reason.code()))
}
