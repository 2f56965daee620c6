//! The relay of one flow of datagrams.
//!
//! Two sockets, each connected, so that nobody else is heard and a closed port on either side is noticed: then the relay ends, and
//! the other side notices the same about the relay.
//!
//! Flow: client's socket <-> front <-> [`Datagrams`] up and down <-> back <-> server's socket.

use super::super::datagram::Datagrams;
use super::super::later;
use super::super::sky::Direction;
use super::super::station::{Now, WeatherStation};
use super::{Door, Gate, IDLE, until};
use crate::udp::{connect, is_about_a_peer, open_client};
use bytes::Bytes;
use protocol::Transport;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::timeout;

/// Room for one datagram, bytes: more than any link sends at once.
const READ_BUFFER: usize = 2_048;
/// Datagrams read before those that are due get their turn.
const READ_BUDGET: usize = 256;
/// Silence after which "nobody listens there" is believed of a server.
const REFUSED_AFTER: Duration = Duration::from_millis(500);

/// Starts a relay to `server` and returns its door.
pub(in super::super) async fn udp(
    station: WeatherStation,
    wire: Transport,
    server: SocketAddr,
    gate: Gate,
) -> io::Result<Door> {
    let front = open_client(gate.any_port())?;
    let address = front.local_addr()?;
    let back = connect(server).await?;
    let relay = tokio::spawn(async move {
        // The first datagram tells who the client is.
        let mut buffer = vec![0; READ_BUFFER];
        let Ok(Ok((length, client))) = timeout(IDLE, first(&front, gate, &mut buffer)).await else { return };
        if front.connect(client).await.is_err() || front.writable().await.is_err() {
            return;
        }
        let mut flow = Flow::new(station, wire, front, back);
        flow.up.send(Instant::now(), Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()));
        flow.run(buffer).await;
    });
    Ok(Door { address, relay: relay.abort_handle() })
}

/// Waits for the first datagram of whoever may come in.
async fn first(front: &UdpSocket, gate: Gate, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    loop {
        let (length, client) = front.recv_from(buffer).await?;
        if gate.lets_in(client) {
            return Ok((length, client));
        }
    }
}

struct Flow {
    station: WeatherStation,
    wire: Transport,
    changes: watch::Receiver<Now>,
    front: UdpSocket,
    back: UdpSocket,
    up: Datagrams,
    down: Datagrams,
    /// When something last came from either side.
    heard: Instant,
    /// When something last came from the server.
    answered: Option<Instant>,
}

/// One of the two ends is gone.
struct Over;

impl Flow {
    fn new(station: WeatherStation, wire: Transport, front: UdpSocket, back: UdpSocket) -> Self {
        let seed = station.next_seed(wire);
        let mut changes = station.watch();
        let (up, down) = {
            let now = changes.borrow_and_update();
            let make = |direction| Datagrams::new(seed, direction, now.sky(wire, direction));
            (make(Direction::Up), make(Direction::Down))
        };
        Self { station, wire, changes, front, back, up, down, heard: Instant::now(), answered: None }
    }

    async fn run(mut self, mut buffer: Vec<u8>) {
        loop {
            let now = Instant::now();
            if self.forward(now).is_err() || now.saturating_duration_since(self.heard) >= IDLE {
                return;
            }
            let idle = later(self.heard, IDLE);
            let due = [self.up.next_due(), self.down.next_due(), Some(idle)].into_iter().flatten().min();
            // A change counts for all that is sent after it, so it comes first.
            let lives = tokio::select! {
                biased;
                changed = self.changes.changed() => {
                    self.change_sky();
                    changed.map_err(|_| Over)
                }
                error = stirs(&self.front) => error.map_or(Ok(()), |_| Err(Over)),
                error = stirs(&self.back) => self.judge(error),
                () = until(due) => Ok(()),
            };
            let read = lives.and_then(|()| self.read_front(&mut buffer)).and_then(|()| self.read_back(&mut buffer));
            if read.is_err() {
                return;
            }
        }
    }

    fn change_sky(&mut self) {
        let now = self.changes.borrow_and_update();
        self.up.set_sky(now.sky(self.wire, Direction::Up));
        self.down.set_sky(now.sky(self.wire, Direction::Down));
    }

    /// Hands on what has arrived.
    fn forward(&mut self, now: Instant) -> Result<(), Over> {
        while let Some(bytes) = self.up.poll(now) {
            // What cannot be sent is lost, as it might be on the way. That the server is gone is judged where it is read.
            let _ = self.back.try_send(&bytes);
        }
        while let Some(bytes) = self.down.poll(now) {
            match self.front.try_send(&bytes) {
                Err(error) if is_about_a_peer(&error) => return Err(Over),
                _ => {}
            }
        }
        self.station.count(self.wire, &self.up.take_counts());
        self.station.count(self.wire, &self.down.take_counts());
        Ok(())
    }

    fn read_front(&mut self, buffer: &mut [u8]) -> Result<(), Over> {
        for _ in 0..READ_BUDGET {
            match self.front.try_recv(buffer) {
                Ok(length) => {
                    self.heard = Instant::now();
                    self.up.send(self.heard, Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The client's socket is closed: the link has ended.
                Err(_) => return Err(Over),
            }
        }
        Ok(())
    }

    fn read_back(&mut self, buffer: &mut [u8]) -> Result<(), Over> {
        for _ in 0..READ_BUDGET {
            match self.back.try_recv(buffer) {
                Ok(length) => {
                    self.heard = Instant::now();
                    self.answered = Some(self.heard);
                    self.down.send(self.heard, Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return self.judge(Some(error)),
            }
        }
        Ok(())
    }

    /// Decides whether what the server's side reports is its end. A single message that nobody listens there may be a forgery.
    fn judge(&self, error: Option<io::Error>) -> Result<(), Over> {
        let answers = self.answered.is_some_and(|at| at.elapsed() < REFUSED_AFTER);
        match error {
            Some(error) if !(is_about_a_peer(&error) && answers) => Err(Over),
            _ => Ok(()),
        }
    }
}

/// Waits until `socket` has something to read or to complain about, and returns the complaint.
///
/// That nobody listens at the other end is no reason for a socket to be readable, so it has to be asked for.
async fn stirs(socket: &UdpSocket) -> Option<io::Error> {
    match socket.ready(Interest::READABLE | Interest::ERROR).await {
        Ok(ready) if ready.is_error() => {
            let complaint = || socket.take_error()?.map_or_else(|| Err(ErrorKind::WouldBlock.into()), Ok);
            socket.try_io(Interest::ERROR, complaint).ok()
        }
        Ok(_) => None,
        Err(error) => Some(error),
    }
}
