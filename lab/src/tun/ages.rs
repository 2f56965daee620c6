//! How old messages of a stream are when they arrive: over the kernel's TCP through the real link, and over the relay's model of it.
//!
//! Both fly the same load: messages of a fixed size at a fixed rate, from the server to the client, over several connections at the
//! same time, each message stamped with the moment at which it was due to be written. A writer that the kernel holds up is late, and
//! its message with it, as a game's would be.
//!
//! Flow: `compare.rs` -> [`over_kernel`], [`over_model`] -> sockets -> ages.

use super::{Side, Tunnel, hurry};
use crate::report::{Percentiles, Times};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use transport::weather::{Direction, Weather, WeatherStation};
use transport::{Offer, tune_tcp, websocket};

/// Messages per second, as many as the game has ticks.
pub(super) const RATE: u32 = 60;
/// Bytes of a message: a snapshot's delta.
pub(super) const BYTES: usize = 200;
/// What is written in the first moments is not counted: connections begin slowly.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long a reader waits for the next byte. Kernels double their patience up to two minutes; a measurement does not.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is flown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Connections at the same time.
    pub(super) links: u32,
    /// Seconds that count.
    pub(super) seconds: u32,
}

/// What came of it.
pub(super) struct Flight {
    /// Ages of all messages that count.
    pub(super) ages: Times,
    /// By how much the link itself was late; zeros over the model.
    pub(super) late: Percentiles,
    /// Share of the packets towards the reader that were lost, 0 to 1.
    pub(super) lost: f64,
    /// Who paced the kernel's connections; empty over the model.
    pub(super) congestion: String,
}

/// Flies over the kernel's TCP. Without a name, congestion is controlled as the system does by default.
///
/// # Errors
/// A sentence: no link, or a connection broke.
pub(super) fn over_kernel(weather: Weather, load: Load, congestion: Option<&str>) -> Result<Flight, String> {
    let tunnel = Tunnel::open(weather)?;
    let runtime = runtime()?;
    let listener = {
        let _inside = tunnel.enter(Side::Server)?;
        TcpListener::bind((tunnel.addr(Side::Server), 0)).map_err(broken)?
    };
    let address = listener.local_addr().map_err(broken)?;
    let mut pairs = Vec::new();
    for _ in 0..load.links {
        let _inside = tunnel.enter(Side::Client)?;
        pairs.push(connect(&runtime, &listener, address)?);
    }
    let mut names = Vec::new();
    for (writer, _) in &pairs {
        names.push(tunnel.pace(writer, congestion)?);
    }
    names.dedup();
    tunnel.take_lateness();
    let ages = fly(pairs, load)?;
    let down = tunnel.traffic(Direction::Down).packets;
    Ok(Flight {
        ages,
        late: tunnel.take_lateness(),
        lost: share(down.lost, down.forwarded),
        congestion: names.join(" "),
    })
}

/// Flies over the relay of the in-process weather.
///
/// # Errors
/// A sentence: no sockets, or a connection broke.
pub(super) fn over_model(weather: Weather, load: Load) -> Result<Flight, String> {
    let runtime = runtime()?;
    let station = WeatherStation::new(weather);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(broken)?;
    let url = format!("ws://{}{}", listener.local_addr().map_err(broken)?, websocket::PATH);
    let mut pairs = Vec::new();
    for _ in 0..load.links {
        let routed = runtime.block_on(station.route(&Offer::Websocket { url: url.clone() }));
        let Ok(Offer::Websocket { url }) = routed else {
            return Err("The weather has no relay for streams.".to_owned());
        };
        let door = url.trim_start_matches("ws://").trim_end_matches(websocket::PATH).parse();
        pairs.push(connect(&runtime, &listener, door.map_err(|_| format!("{url} is no address."))?)?);
    }
    let ages = fly(pairs, load)?;
    let counts = station.counts(protocol::Transport::Websocket);
    Ok(Flight {
        ages,
        late: Percentiles::default(),
        lost: share(counts.lost, counts.forwarded),
        congestion: String::new(),
    })
}

fn share(lost: u64, arrived: u64) -> f64 {
    lost as f64 / (lost + arrived).max(1) as f64
}

fn runtime() -> Result<Runtime, String> {
    let hurried = || {
        hurry();
    };
    Builder::new_multi_thread().worker_threads(1).on_thread_start(hurried).enable_all().build().map_err(broken)
}

/// Opens one connection and returns who writes and who reads, tuned as our wires tune theirs.
fn connect(runtime: &Runtime, at: &TcpListener, to: SocketAddr) -> Result<(TcpStream, TcpStream), String> {
    let reader = TcpStream::connect(to).map_err(broken)?;
    let (writer, _) = at.accept().map_err(broken)?;
    let tune = |stream: TcpStream| {
        stream.set_nonblocking(true)?;
        let stream = tokio::net::TcpStream::from_std(stream)?;
        tune_tcp(&stream)?;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    let _runtime = runtime.enter();
    let (mut writer, mut reader) = (tune(writer).map_err(broken)?, tune(reader).map_err(broken)?);
    // Now both know that they are connected, relays included.
    writer.write_all(&[0]).and_then(|()| reader.read_exact(&mut [0])).map_err(broken)?;
    Ok((writer, reader))
}

/// Flies the load over connections of which the first end writes and the second one reads.
fn fly(pairs: Vec<(TcpStream, TcpStream)>, load: Load) -> Result<Times, String> {
    let began = Instant::now();
    let step = Duration::from_secs(1) / RATE;
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for (number, (writer, reader)) in (0_u32..).zip(pairs) {
            // One after the other, so that they do not stand in each other's way.
            let first = began + step * number / load.links.max(1);
            scope.spawn(move || write(writer, began, first, step, load.seconds));
            readers.push(scope.spawn(move || read(reader, began)));
        }
        let mut ages = Times::default();
        for reader in readers {
            ages.merge(&reader.join().unwrap_or_else(|_| Err("A reader panicked.".to_owned()))?);
        }
        Ok(ages)
    })
}

fn write(mut to: TcpStream, began: Instant, first: Instant, step: Duration, seconds: u32) {
    hurry();
    let count = (WARM_UP + Duration::from_secs(seconds.into())).as_nanos() / step.as_nanos();
    let mut message = [0; BYTES];
    for number in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        let due = first + step * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let stamp = due.saturating_duration_since(began).as_nanos() as u64;
        message[..8].copy_from_slice(&stamp.to_le_bytes());
        if to.write_all(&message).is_err() {
            return;
        }
    }
    // The reader sees a stream that ends too early.
    let _ = to.shutdown(Shutdown::Write);
    // Closing would cut off what is still to be repeated; the reader closes first.
    let _ = to.read(&mut [0]);
}

fn read(mut from: TcpStream, began: Instant) -> Result<Times, String> {
    hurry();
    let mut ages = Times::default();
    let mut message = [0; BYTES];
    loop {
        match from.read_exact(&mut message) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(ages),
            Err(error) => return Err(broken(error)),
        }
        let mut stamp = [0; 8];
        stamp.copy_from_slice(&message[..8]);
        let written = Duration::from_nanos(u64::from_le_bytes(stamp));
        if written >= WARM_UP {
            ages.add(began.elapsed().saturating_sub(written));
        }
    }
}

fn broken(error: std::io::Error) -> String {
    format!("A connection could not be measured: {error}.")
}
