//! The `quic` transport: Reliable on one stream, Latest in DATAGRAM frames. `webtransport` is the same behind a request.
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
pub(crate) mod webtransport;

pub use certificate::CertificateTerm;
pub(crate) use certificate::{Certificate, self_made};
pub use dates::Validity;
pub(crate) use dates::seconds_since_1970;

use crate::counters::Counters;
use crate::frames::{self, Decoder, Frame, PREAMBLE};
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::server::LinkSender;
use crate::site::Site;
use crate::{DialError, Timing};
use bytes::Bytes;
use certificate::Wrong;
use protocol::{CloseReason, Lane, Transport, limits};
use quinn::{Connection, ConnectionError, Endpoint, Incoming, VarInt};
use rustls::pki_types::CertificateDer;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, error};
use web_transport_quinn::{RecvStream, SendStream, Session, SessionError, WebTransportError};

/// Time between a datagram and its copy: enough for the first to be on its way.
const COPY_PAUSE: Duration = Duration::from_millis(1);
/// Bytes read from the stream at once.
const READ_CHUNK: usize = 16 * 1024;
/// Headers below a QUIC packet, bytes: UDP's 8 and IPv4's 20.
const OVERHEAD: u64 = 28;
/// How often quinn's own counters are copied: reading them takes its lock.
const COUNT_PAUSE: Duration = Duration::from_millis(100);

/// Opens a link to a server whose certificate has this hash.
pub(crate) async fn dial(server: SocketAddr, certificate_sha256: [u8; 32], timing: Timing) -> Result<Link, DialError> {
    let (endpoint, connection) = connect(server, certificate_sha256, config::ALPN, timing).await?;
    let opened = open(Transport::Quic, Session::raw(connection), server, timing).await?;
    Ok(start(opened, endpoint, server, timing))
}

/// A session whose stream is open.
struct Opened {
    wire: Transport,
    session: Session,
    send: SendStream,
    recv: RecvStream,
}

/// Opens the stream of a session that we have dialled.
async fn open(wire: Transport, session: Session, server: SocketAddr, timing: Timing) -> Result<Opened, DialError> {
    let opening = async {
        let (mut send, recv) = session.open_bi().await.ok()?;
        send.write_all(PREAMBLE).await.ok()?;
        Some((send, recv))
    };
    match timeout(timing.handshake, opening).await {
        Ok(Some((send, recv))) => Ok(Opened { wire, session, send, recv }),
        Ok(None) => Err(DialError::refused(wire, server)),
        Err(_) => Err(DialError::no_answer(wire, server, timing.handshake)),
    }
}

/// Makes a link of a session that we have dialled.
fn start(opened: Opened, endpoint: Endpoint, server: SocketAddr, timing: Timing) -> Link {
    let (link, driver) = link_pair(opened.wire, Some(server), None);
    tokio::spawn(async move {
        drive(opened, driver, timing).await;
        // The last packets say why. Nobody waits for them longer than for anything else.
        let _ = timeout(timing.linger, endpoint.wait_idle()).await;
    });
    link
}

/// Shakes hands with a server whose certificate has this hash, and returns from when until when that is good; none if it does not say.
pub(crate) async fn validity(
    server: SocketAddr,
    certificate_sha256: [u8; 32],
    timing: Timing,
) -> Result<Option<Validity>, DialError> {
    let (endpoint, connection) = connect(server, certificate_sha256, config::ALPN, timing).await?;
    let shown = connection.peer_identity().and_then(|identity| identity.downcast::<Vec<CertificateDer<'_>>>().ok());
    connection.close(VarInt::from_u32(code(CloseReason::Done)), b"");
    let _ = timeout(timing.linger, endpoint.wait_idle()).await;
    Ok(shown.and_then(|chain| chain.first().and_then(|certificate| Validity::read(certificate))))
}

async fn connect(
    server: SocketAddr,
    certificate_sha256: [u8; 32],
    alpn: &'static [u8],
    timing: Timing,
) -> Result<(Endpoint, Connection), DialError> {
    let wire = if alpn == webtransport::ALPN { Transport::Webtransport } else { Transport::Quic };
    let (config, shown) = config::client(certificate_sha256, alpn, &timing).map_err(DialError::Crypto)?;
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let endpoint = Endpoint::client(SocketAddr::new(any, 0)).map_err(DialError::Local)?;
    let connecting =
        endpoint.connect_with(config, server, certificate::SERVER_NAME).map_err(|_| DialError::address(server))?;
    match timeout(timing.handshake, connecting).await {
        Ok(Ok(connection)) => Ok((endpoint, connection)),
        Ok(Err(error)) => Err(match shown.wrong() {
            Some(Wrong::Another) => DialError::certificate(server),
            Some(Wrong::Expired(since)) => DialError::Expired { server, since },
            None => refusal(wire, error, server, &timing),
        }),
        Err(_) => Err(DialError::no_answer(wire, server, timing.handshake)),
    }
}

fn refusal(wire: Transport, error: ConnectionError, server: SocketAddr, timing: &Timing) -> DialError {
    match error {
        ConnectionError::TimedOut => DialError::no_answer(wire, server, timing.handshake),
        ConnectionError::ConnectionClosed(close)
            if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED =>
        {
            DialError::full(wire, server)
        }
        _ => DialError::refused(wire, server),
    }
}

/// Binds the server's endpoint and starts to accept, inside a tokio runtime. Returns it with the hash of its certificate, which changes
/// when that is replaced.
pub(crate) fn listen(
    socket: std::net::UdpSocket,
    papers: Papers,
    links: LinkSender,
    timing: Timing,
) -> io::Result<(Endpoint, watch::Receiver<[u8; 32]>)> {
    let (config, sha256) = papers.renewed(&timing)?;
    let runtime = std::sync::Arc::new(quinn::TokioRuntime);
    let endpoint = Endpoint::new(quinn::EndpointConfig::default(), Some(config), socket, runtime)?;
    let (hash, hashes) = watch::channel(sha256);
    let (accepting, renewing) =
        (accept(endpoint.clone(), links, timing), renew(endpoint.clone(), papers, timing, hash));
    tokio::spawn(async move {
        // Whoever renews must not keep the port of an endpoint that was closed.
        tokio::select! {
            () = accepting => {}
            () = renewing => {}
        }
    });
    Ok((endpoint, hashes))
}

/// What a server shows of itself.
#[derive(Debug)]
pub(crate) struct Papers {
    /// For how long its own certificates are good.
    pub(crate) term: CertificateTerm,
    /// Speaks for `webtransport` under its names.
    pub(crate) site: Option<Site>,
}

impl Papers {
    /// Returns a configuration with a new certificate, and the hash of that.
    fn renewed(&self, timing: &Timing) -> io::Result<(quinn::ServerConfig, [u8; 32])> {
        let certificate = Certificate::generate(self.term).map_err(io::Error::other)?;
        let sha256 = certificate.sha256;
        let config = config::server(certificate, self.site.clone(), timing).map_err(io::Error::other)?;
        Ok((config, sha256))
    }
}

/// Replaces the certificate in good time. Links that are open are not touched.
async fn renew(endpoint: Endpoint, papers: Papers, timing: Timing, hash: watch::Sender<[u8; 32]>) {
    let mut made = SystemTime::now();
    loop {
        sleep(papers.term.look_every()).await;
        // By the time of day, because a machine that sleeps does not count.
        if made.elapsed().is_ok_and(|age| age < papers.term.in_use()) {
            continue;
        }
        match papers.renewed(&timing) {
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
            let opened = welcome(incoming, timing.handshake).await;
            drop(handshake);
            let Some(opened) = opened else {
                return Counters::count(&links.counters().handshakes_failed);
            };
            let peer = opened.session.remote_address();
            let (link, driver) = link_pair(opened.wire, Some(peer), None);
            debug!("{:?} accepted over {} from {peer}", driver.id(), opened.wire);
            match links.send(link) {
                Ok(()) => drive(opened, driver, timing).await,
                Err(_) => opened.session.close(code(CloseReason::Refused), b""),
            }
        });
    }
}

/// Completes a handshake up to the preamble within `patience`, and closes the connection if something else comes, or nothing.
async fn welcome(incoming: Incoming, patience: Duration) -> Option<Opened> {
    let mut kept = None;
    let opened = timeout(patience, async {
        let connection = kept.insert(incoming.await.ok()?).clone();
        hear_out(connection).await
    });
    let opened = opened.await.ok().flatten();
    if opened.is_none()
        && let Some(connection) = kept
    {
        // Dropping is not enough: a WebTransport session keeps its connection alive for as long as the peer likes.
        connection.close(VarInt::from_u32(code(CloseReason::Violation)), b"");
    }
    opened
}

/// Takes a connection up to the preamble.
async fn hear_out(connection: Connection) -> Option<Opened> {
    let (wire, session) = if webtransport::is_spoken(&connection) {
        (Transport::Webtransport, webtransport::welcome(connection).await?)
    } else {
        (Transport::Quic, Session::raw(connection))
    };
    let (send, mut recv) = session.accept_bi().await.ok()?;
    let mut preamble = [0; PREAMBLE.len()];
    recv.read_exact(&mut preamble).await.ok()?;
    (&preamble == PREAMBLE).then_some(Opened { wire, session, send, recv })
}

/// Moves bytes until the link ends.
async fn drive(opened: Opened, driver: Driver, timing: Timing) {
    let Opened { wire, session, send, recv } = opened;
    let end = tokio::select! {
        end = read_stream(&driver, recv) => end,
        end = read_datagrams(&driver, &session) => end,
        end = write_stream(&driver, send) => end,
        end = write_datagrams(&driver, &session) => end,
        end = count(&driver, &session) => end,
        reason = linger(&driver, &timing) => Closed::ByUs(reason),
        error = session.closed() => ended(error),
    };
    let said = match end {
        Closed::ByUs(reason) => reason,
        Closed::Violation(_) => CloseReason::Violation,
        Closed::ByPeer(_) | Closed::Lost(_) => CloseReason::Done,
    };
    session.close(code(said), b"");
    copy_counters(&driver, &session);
    debug!("{:?} over {wire} ended: {end}", driver.id());
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

async fn read_datagrams(driver: &Driver, session: &Session) -> Closed {
    loop {
        match session.read_datagram().await {
            Ok(bytes) if bytes.len() <= limits::MAX_LATEST_BYTES => driver.deliver(Instant::now(), Lane::Latest, bytes),
            Ok(_) => return Closed::Violation("a datagram longer than any may be"),
            // One that belongs to nothing on this connection is dropped (RFC 9297, 2.1).
            Err(SessionError::WebTransportError(WebTransportError::UnknownSession)) => {}
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

async fn write_datagrams(driver: &Driver, session: &Session) -> Closed {
    loop {
        let message = driver.latest().await;
        // It may be too long for a path that has just become narrow. A newer one comes soon.
        let _ = session.send_datagram(message.clone());
        if driver.twice() {
            // Two at once would share a packet, and its fate.
            sleep(COPY_PAUSE).await;
            let _ = session.send_datagram(message);
        }
    }
}

async fn count(driver: &Driver, session: &Session) -> Closed {
    loop {
        sleep(COUNT_PAUSE).await;
        copy_counters(driver, session);
    }
}

fn copy_counters(driver: &Driver, session: &Session) {
    // What the connection itself has counted; the session's own counters leave out the headers.
    let stats = quinn::Connection::stats(session);
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

fn ended(error: SessionError) -> Closed {
    match error {
        SessionError::WebTransportError(WebTransportError::Closed(code, _)) => {
            Closed::ByPeer(frames::reason_of(u8::try_from(code).unwrap_or_default()))
        }
        SessionError::ConnectionError(ConnectionError::TimedOut) => Closed::Lost(Lost::TimedOut),
        SessionError::ConnectionError(ConnectionError::TransportError(_) | ConnectionError::VersionMismatch) => {
            Closed::Violation("not valid QUIC")
        }
        _ => Closed::Lost(Lost::Reset),
    }
}

fn code(reason: CloseReason) -> u32 {
    u32::from(reason.code())
}
