//! The `tcp` transport: both lanes as length-prefixed frames on a TCP connection of their own.
//!
//! It shows what WebSocket adds to bare TCP (a few bytes, and a way through proxies) and what Nagle's algorithm takes away: a client
//! that asks for it gets it on both ends. All else is as on `websocket`: a Latest message that has not yet been written is replaced
//! by a newer one, and the kernel holds as little as it can be told to.
//!
//! ```text
//! client: "CWT1" | flags     flags: bit 0, both ends leave Nagle's algorithm on
//! server: "CWT1" | flags     the same, once it has taken the connection
//! then, both ways: the frames of `lanes.rs`; a ping per second, with 8 bytes of the sender's own clock
//! ```
//!
//! Flow: `lib.rs` [`dial`]; or `server.rs` -> [`listen`]; then `drive`: `link/driver.rs` <-> `lanes.rs` <-> socket.

use crate::counters::Counters;
use crate::crowd::Crowd;
use crate::lanes::{LaneDecoder, Said, encoded};
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::server::LinkSender;
use crate::stream::{OVERHEAD, Pulse, discard, linger, tune_tcp};
use crate::{DialError, Timing};
use bytes::Bytes;
use protocol::{CloseReason, Lane, Transport, limits};
use socket2::{Domain, Protocol, Socket, Type};
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// What each end says first, before its flags.
const MAGIC: &[u8; 4] = b"CWT1";
/// Magic and flags.
const PREAMBLE_BYTES: usize = 5;
/// Flag: leave Nagle's algorithm on.
const NAGLE: u8 = 1;
/// What is read at once, bytes.
const READ_BUFFER: usize = 8 * 1024;
/// Connections that may wait to be accepted: a full house joining at once.
const BACKLOG: i32 = 1_024;
/// Pause after the system refused to accept a connection, because it ran out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Opens a link to `server`.
pub(crate) async fn dial(server: SocketAddr, nagle: bool, timing: Timing) -> Result<Link, DialError> {
    timeout(timing.handshake, open(server, nagle, timing))
        .await
        .unwrap_or_else(|_| Err(DialError::no_answer(Transport::Tcp, server, timing.handshake)))
}

async fn open(server: SocketAddr, nagle: bool, timing: Timing) -> Result<Link, DialError> {
    let refused = |error: io::Error| match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => DialError::refused(Transport::Tcp, server),
        _ => DialError::Local(error),
    };
    let mut stream = TcpStream::connect(server).await.map_err(refused)?;
    set_up(&stream, nagle);
    let hello = preamble(nagle);
    stream.write_all(&hello).await.map_err(refused)?;
    let mut answer = [0; PREAMBLE_BYTES];
    stream.read_exact(&mut answer).await.map_err(refused)?;
    if answer != hello {
        return Err(DialError::refused(Transport::Tcp, server));
    }
    let (link, driver) = link_pair(Transport::Tcp, Some(server), None);
    tokio::spawn(drive(stream, driver, timing));
    Ok(link)
}

const fn preamble(nagle: bool) -> [u8; PREAMBLE_BYTES] {
    let [a, b, c, d] = *MAGIC;
    [a, b, c, d, if nagle { NAGLE } else { 0 }]
}

/// Failing to tune costs freshness, not the game.
fn set_up(stream: &TcpStream, nagle: bool) {
    let _ = tune_tcp(stream);
    if nagle {
        let _ = stream.set_nodelay(false);
    }
}

/// Takes an address; port 0 stands for any free one. For both families where the address is `[::]`.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // On Windows this would let two servers share a port; elsewhere it only spares the wait after a restart.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Starts to accept, inside a tokio runtime, until the handle is used. Links that are open then live on.
pub(crate) fn listen(listener: std::net::TcpListener, links: LinkSender, timing: Timing) -> io::Result<AbortHandle> {
    let listener = TcpListener::from_std(listener)?;
    Ok(tokio::spawn(accept(listener, links, timing)).abort_handle())
}

async fn accept(listener: TcpListener, links: LinkSender, timing: Timing) {
    // Those who say nothing stand in nobody's way but each other's: the other wires count their handshakes among themselves.
    let (crowd, waiting) = (Crowd::default(), Arc::new(Semaphore::new(limits::TCP_WAITING)));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => continue,
            Err(error) => {
                warn!("cannot accept connections at the moment: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Dropping the connection tells the client at once that it is refused.
        let (Some(counted), Ok(place)) =
            (crowd.enter(peer.ip(), limits::TCP_PER_ADDRESS), Arc::clone(&waiting).try_acquire_owned())
        else {
            Counters::count(&links.counters().handshakes_refused);
            continue;
        };
        let links = links.clone();
        tokio::spawn(async move {
            // For as long as the connection lives.
            let _counted = counted;
            let welcomed = timeout(timing.handshake, welcome(stream)).await;
            drop(place);
            let Ok(Some(stream)) = welcomed else {
                return Counters::count(&links.counters().handshakes_failed);
            };
            let (link, driver) = link_pair(Transport::Tcp, Some(peer), None);
            debug!("{:?} accepted over tcp from {peer}", driver.id());
            if links.send(link).is_ok() {
                drive(stream, driver, timing).await;
            }
        });
    }
}

/// Reads what a client says first, and answers it.
async fn welcome(mut stream: TcpStream) -> Option<TcpStream> {
    let mut hello = [0; PREAMBLE_BYTES];
    stream.read_exact(&mut hello).await.ok()?;
    // Flags that we do not know mean something that we cannot do.
    let nagle = [false, true].into_iter().find(|nagle| hello == preamble(*nagle))?;
    set_up(&stream, nagle);
    stream.write_all(&hello).await.ok()?;
    Some(stream)
}

/// What the reader asks the writer to send back: the newest ping, which makes older ones useless.
#[derive(Default)]
struct Owed {
    pong: Mutex<Option<[u8; 8]>>,
    news: Notify,
}

impl Owed {
    fn owe(&self, clock: [u8; 8]) {
        *self.pong.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock);
        self.news.notify_one();
    }

    async fn pong(&self) -> [u8; 8] {
        loop {
            if let Some(clock) = self.pong.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return clock;
            }
            self.news.notified().await;
        }
    }
}

/// Moves bytes until the link ends.
async fn drive(stream: TcpStream, driver: Driver, timing: Timing) {
    let (mut from, mut to) = stream.into_split();
    let (pulse, owed) = (Pulse::new(), Owed::default());
    let end = tokio::select! {
        end = read(&driver, &mut from, &pulse, &owed) => end,
        end = write(&driver, &mut to, &pulse, &owed, &timing) => end,
        lost = pulse.watch(&timing) => Closed::Lost(lost),
        reason = linger(&driver, &timing) => Closed::ByUs(reason),
    };
    debug!("{:?} over tcp ended: {end}", driver.id());
    driver.finish(end);
    let said = match end {
        Closed::Violation(_) => CloseReason::Violation,
        Closed::ByUs(reason) => reason,
        Closed::ByPeer(_) | Closed::Lost(_) => CloseReason::Done,
    };
    // Behind half a frame a goodbye would be taken for its rest.
    if !pulse.is_writing() {
        let _ = timeout(timing.linger, to.write_all(&encoded(&Said::Goodbye(said)))).await;
    }
    let _ = timeout(timing.linger, to.shutdown()).await;
    if matches!(end, Closed::Violation(_)) {
        let _ = timeout(timing.linger, discard(from)).await;
    }
}

async fn read(driver: &Driver, from: &mut OwnedReadHalf, pulse: &Pulse, owed: &Owed) -> Closed {
    let mut decoder = LaneDecoder::new();
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        pulse.wait_for_room(driver).await;
        let length = match from.read(&mut buffer).await {
            Ok(length) if length > 0 => length,
            // Nobody of ours leaves without a goodbye.
            Ok(_) | Err(_) => return Closed::Lost(Lost::Reset),
        };
        let at = Instant::now();
        pulse.hear();
        driver.add_wire(length.saturating_add(OVERHEAD), 0);
        decoder.push(buffer.get(..length).unwrap_or_default());
        loop {
            match decoder.next() {
                Ok(Some(Said::Message(lane, message))) => {
                    pulse.wait_for_room(driver).await;
                    driver.deliver(at, lane, message);
                }
                Ok(Some(Said::Ping(clock))) => owed.owe(clock),
                Ok(Some(Said::Pong(clock))) => driver.set_rtt(pulse.since(u64::from_le_bytes(clock))),
                Ok(Some(Said::Goodbye(reason))) => return Closed::ByPeer(reason),
                Ok(None) => break,
                Err(what) => return Closed::Violation(what),
            }
        }
    }
}

async fn write(driver: &Driver, to: &mut OwnedWriteHalf, pulse: &Pulse, owed: &Owed, timing: &Timing) -> Closed {
    let mut ping = tokio::time::interval(timing.keep_alive);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let said = tokio::select! {
            message = driver.latest() => Said::Message(Lane::Latest, message),
            message = driver.reliable() => match message {
                Some(message) => Said::Message(Lane::Reliable, message),
                None => break,
            },
            clock = owed.pong() => Said::Pong(clock),
            _ = ping.tick() => Said::Ping(pulse.now().to_le_bytes()),
        };
        if !put(driver, to, pulse, encoded(&said)).await {
            // The reader finds out why.
            return pending().await;
        }
    }
    // In the stream the goodbye comes after every message. The other end then closes, which the reader sees.
    let reason = driver.closing().await;
    put(driver, to, pulse, encoded(&Said::Goodbye(reason))).await;
    let _ = to.shutdown().await;
    pending().await
}

/// Writes one frame in one piece, and returns whether that went well.
async fn put(driver: &Driver, to: &mut OwnedWriteHalf, pulse: &Pulse, frame: Bytes) -> bool {
    pulse.begin_write();
    let written = to.write_all(&frame).await.is_ok();
    if written {
        pulse.end_write();
        driver.add_wire(0, frame.len().saturating_add(OVERHEAD));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nagle_stays_on_at_both_ends_if_the_client_asks_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for nagle in [false, true] {
            let mut client = TcpStream::connect(address).await.unwrap();
            set_up(&client, nagle);
            client.write_all(&preamble(nagle)).await.unwrap();
            let server = welcome(listener.accept().await.unwrap().0).await.unwrap();
            assert_eq!((client.nodelay().unwrap(), server.nodelay().unwrap()), (!nagle, !nagle));
        }
    }
}
