//! UDP sockets: buffers large enough for a tick's worth of everybody, and a task that empties them all the time.
//!
//! A default receive buffer holds about 90 full datagrams. A server that looks once per tick loses the rest, and would
//! stamp what it finds with the time of the tick. So a task reads continuously and stamps each datagram on arrival.
//!
//! Flow: kernel -> [`read_loop`] -> bounded queue -> `udp/server.rs`; kernel -> `udp/client.rs` directly.

use crate::counters::Counters;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Socket buffers of a server, bytes. The kernel may grant less; more would only hold datagrams that are too old.
const SERVER_BUFFER: usize = 4 * 1024 * 1024;
/// Socket buffers of a client, bytes: a burst of Reliable pieces and half a second of snapshots.
const CLIENT_BUFFER: usize = 256 * 1024;
/// Datagrams that wait for the next tick: three ticks of a thousand players, about 10 MiB.
pub(super) const QUEUE: usize = 8_192;
/// Room for one datagram. Longer ones are cut, and then refused for their length.
const READ_BUFFER: usize = 2_048;
/// Rest after an error that is not about one peer, so that a broken socket does not burn a core.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// A datagram and when it came.
pub(super) struct Datagram {
    pub(super) at: Instant,
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// Binds a server's socket. Call inside a tokio runtime only to wrap it; this alone needs none.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    open(address, SERVER_BUFFER)
}

/// Opens a client's socket that hears nobody but `server`. Needs a tokio runtime.
pub(crate) async fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server.ip() {
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = open_client(any)?;
    socket.connect(server).await?;
    // Only now does tokio know that the socket can be written to without waiting.
    socket.writable().await?;
    Ok(socket)
}

/// Opens a client's socket at `address`, for whoever sends there first. Needs a tokio runtime.
pub(crate) fn open_client(address: SocketAddr) -> io::Result<UdpSocket> {
    UdpSocket::from_std(open(address, CLIENT_BUFFER)?)
}

fn open(address: SocketAddr, buffer: usize) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // One socket for both families where the system allows it.
        let _ = socket.set_only_v6(false);
    }
    // Less than we asked for is no reason to fail: it costs datagrams under load, not correctness.
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = socket.set_send_buffer_size(buffer);
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// Reads until it is aborted. Returns only when nobody takes what it reads.
pub(super) async fn read_loop(socket: Arc<UdpSocket>, queue: mpsc::Sender<Datagram>, counters: Arc<Counters>) {
    let mut buffer = vec![0; READ_BUFFER];
    while !queue.is_closed() {
        if socket.readable().await.is_err() {
            tokio::time::sleep(ERROR_PAUSE).await;
            continue;
        }
        loop {
            match socket.try_recv_from(&mut buffer) {
                Ok((length, from)) => {
                    let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                    if queue.try_send(Datagram { at: Instant::now(), from, bytes }).is_err() {
                        counters.udp_overrun.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                // What some systems report here is about a datagram that we sent earlier: no news.
                Err(e) if is_about_a_peer(&e) => {}
                Err(_) => {
                    tokio::time::sleep(ERROR_PAUSE).await;
                    break;
                }
            }
        }
    }
}

/// Whether an error means that the other end's machine answered "nobody listens here".
pub(crate) fn is_about_a_peer(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}
