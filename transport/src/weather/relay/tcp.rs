//! The relay of TCP connections: no byte is dropped, and a bounded number is held.
//!
//! Each direction reads only while its stream wants more, so that a slow reader slows the writer down, as it would without a relay.
//! The connection is opened with the round trip that TCP takes for it.
//!
//! Flow: client's socket <-> [`Stream`] up and down <-> server's socket.

use super::super::dice::mix_seeds;
use super::super::later;
use super::super::sky::{Direction, Sky};
use super::super::station::{Now, WeatherStation};
use super::super::stream::{MAX_HELD_BYTES, Stream};
use super::{Door, Gate, IDLE, until};
use crate::stream::tune_tcp;
use bytes::{Buf, Bytes};
use futures_util::future::{Either, select};
use protocol::{Transport, limits};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Bytes read at once.
const READ_CHUNK: usize = 16 * 1024;
/// Connections of one link that are relayed at a time: what it may have at the server, and as many that are on their way out. One more is
/// hung up on.
const MAX_CONNECTIONS: usize = 2 * limits::HTTP_CONNECTIONS;
/// How long the first packet of a connection waits for its answer before it is repeated (RFC 6298); then twice as long.
const FIRST_RTO: Duration = Duration::from_secs(1);

/// Starts a relay for one connection to `host` and returns its door.
pub(in super::super) async fn tcp(
    station: WeatherStation,
    wire: Transport,
    host: String,
    port: u16,
    gate: Gate,
) -> io::Result<Door> {
    let listener = TcpListener::bind(gate.any_port()).await?;
    let address = listener.local_addr()?;
    let relay = tokio::spawn(async move {
        let Ok(Ok(client)) = timeout(IDLE, accept(&listener, gate)).await else { return };
        drop(listener);
        let seed = station.next_seed(wire);
        serve(station, wire, seed, client, host, port).await;
    });
    Ok(Door { address, relay: relay.abort_handle() })
}

/// Waits for somebody who may come in. Can be dropped at any time.
async fn accept(listener: &TcpListener, gate: Gate) -> io::Result<TcpStream> {
    loop {
        let (client, from) = listener.accept().await?;
        if gate.lets_in(from) {
            return Ok(client);
        }
    }
}

/// Starts a relay for all connections of one link to `host`, one after the other or at the same time, and returns its door. It ends
/// when none has been open for a while.
pub(in super::super) async fn tcp_connections(
    station: WeatherStation,
    wire: Transport,
    host: String,
    port: u16,
    gate: Gate,
) -> io::Result<Door> {
    let listener = TcpListener::bind(gate.any_port()).await?;
    let address = listener.local_addr()?;
    let relay = tokio::spawn(async move {
        let seed = station.next_seed(wire);
        let mut connections = JoinSet::new();
        for number in 0_u64.. {
            let client = loop {
                tokio::select! {
                    accepted = accept(&listener, gate) => match accepted {
                        Ok(_) if connections.len() >= MAX_CONNECTIONS => {}
                        Ok(client) => break client,
                        Err(_) => return,
                    },
                    Some(_) = connections.join_next() => {}
                    () = sleep(IDLE) => if connections.is_empty() {
                        return;
                    },
                }
            };
            // The first connection meets what that of another wire meets.
            let seed = if number == 0 { seed } else { mix_seeds(seed, number) };
            connections.spawn(serve(station.clone(), wire, seed, client, host.clone(), port));
        }
    });
    Ok(Door { address, relay: relay.abort_handle() })
}

/// Serves one connection to its end.
async fn serve(station: WeatherStation, wire: Transport, seed: u64, client: TcpStream, host: String, port: u16) {
    // Failing to tune costs freshness, not the connection.
    let _ = tune_tcp(&client);
    let connect = timeout(limits::HANDSHAKE_DEADLINE, TcpStream::connect((host.as_str(), port)));
    let Ok(Ok(server)) = connect.await else {
        // The client is to learn that nobody is there, not that somebody has said goodbye.
        let _ = socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO));
        return;
    };
    let _ = tune_tcp(&server);
    relay(&station, wire, seed, client, server).await;
}

async fn relay(station: &WeatherStation, wire: Transport, seed: u64, client: TcpStream, server: TcpStream) {
    let pump = |direction| Pump::new(station, wire, direction, seed);
    let (mut up, mut down) = (pump(Direction::Up), pump(Direction::Down));
    if !open(&mut up, &mut down).await {
        return;
    }
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let (up, down) = (pin!(up.run(client_reads, server_writes)), pin!(down.run(server_reads, client_writes)));
    // One direction may end before the other, but not for long; if one breaks, both do.
    match select(up, down).await {
        Either::Left((Ok(()), down)) => drop(timeout(IDLE, down).await),
        Either::Right((Ok(()), up)) => drop(timeout(IDLE, up).await),
        Either::Left((Err(_), _)) | Either::Right((Err(_), _)) => {}
    }
}

/// Waits as long as the first packets of a connection take. Returns whether they got through while somebody could still wait.
async fn open(up: &mut Pump, down: &mut Pump) -> bool {
    let began = Instant::now();
    let mut patience = FIRST_RTO;
    loop {
        let now = Instant::now();
        up.change_sky(now);
        down.change_sky(now);
        let arrives = up.stream.knock(now).and_then(|at| down.stream.knock(at));
        if let Some(at) = arrives {
            until(Some(at)).await;
            return true;
        }
        if began.elapsed() > IDLE {
            return false;
        }
        sleep(patience).await;
        patience = patience.saturating_mul(2);
    }
}

/// One direction of a connection.
struct Pump {
    station: WeatherStation,
    wire: Transport,
    direction: Direction,
    changes: watch::Receiver<Now>,
    stream: Stream,
    /// What has arrived and was not yet taken by the socket.
    ready: VecDeque<Bytes>,
    ready_bytes: usize,
    /// When the one who writes was done.
    ended: Option<Instant>,
}

impl Pump {
    fn new(station: &WeatherStation, wire: Transport, direction: Direction, seed: u64) -> Self {
        let mut changes = station.watch();
        let (sky, back) = skies(&changes.borrow_and_update(), wire, direction);
        Self {
            station: station.clone(),
            wire,
            direction,
            changes,
            stream: Stream::new(Instant::now(), seed, direction, sky, back),
            ready: VecDeque::new(),
            ready_bytes: 0,
            ended: None,
        }
    }

    async fn run(mut self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut buffer = vec![0; READ_CHUNK];
        loop {
            let now = Instant::now();
            self.collect(now);
            // Counted before it is handed on: whoever has read the bytes finds them counted.
            self.station.count(self.wire, &self.stream.take_counts());
            self.write(&to)?;
            let drained = self.stream.is_drained() && self.ready.is_empty();
            if self.ended.is_some() && drained {
                return to.shutdown().await;
            }
            let given_up = self.ended.map(|ended| later(ended, IDLE));
            if given_up.is_some_and(|at| at <= now) {
                return Err(ErrorKind::TimedOut.into());
            }
            let room = self.ended.is_none()
                && self.stream.wants_more(now)
                && self.stream.held().saturating_add(self.ready_bytes) < MAX_HELD_BYTES;
            let due = [self.stream.next_due(), given_up].into_iter().flatten().min();
            // A change counts for all that is sent after it, so it comes first.
            tokio::select! {
                biased;
                changed = self.changes.changed() => {
                    self.change_sky(Instant::now());
                    changed.map_err(|_| io::Error::from(ErrorKind::NotConnected))?;
                }
                ready = to.writable(), if !self.ready.is_empty() => ready?,
                ready = from.readable(), if room => {
                    ready?;
                    self.read(&from, &mut buffer);
                }
                () = until(due) => {}
            }
        }
    }

    /// Takes what has arrived from the stream.
    fn collect(&mut self, now: Instant) {
        while let Some(bytes) = self.stream.poll(now) {
            if !bytes.is_empty() {
                self.ready_bytes = self.ready_bytes.saturating_add(bytes.len());
                self.ready.push_back(bytes);
            }
        }
    }

    fn write(&mut self, to: &OwnedWriteHalf) -> io::Result<()> {
        while let Some(bytes) = self.ready.front_mut() {
            match to.try_write(bytes) {
                Ok(written) => {
                    bytes.advance(written.min(bytes.len()));
                    self.ready_bytes = self.ready_bytes.saturating_sub(written);
                    if bytes.is_empty() {
                        self.ready.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self, from: &OwnedReadHalf, buffer: &mut [u8]) {
        let now = Instant::now();
        match from.try_read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(length) if length > 0 => {
                self.stream.send(now, Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()));
            }
            // The end, orderly or not. The news travels behind what was written before.
            Ok(_) | Err(_) => {
                self.ended = Some(now);
                self.stream.finish(now);
            }
        }
    }

    fn change_sky(&mut self, now: Instant) {
        let (sky, back) = skies(&self.changes.borrow_and_update(), self.wire, self.direction);
        self.stream.set_sky(now, sky, back);
    }
}

/// Returns the sky over a direction, and that over the other one.
fn skies(now: &Now, wire: Transport, direction: Direction) -> (Sky, Sky) {
    (now.sky(wire, direction), now.sky(wire, direction.against()))
}
