//! `lab crowd`: thousands who wait for news at the lobby while a match is flown: long polls on the list of rooms, and event streams.
//!
//! First the match alone, then with the crowd. Now and then a room is opened, and everybody who waits has to learn of it: how late they do,
//! counted from before the call that opens it, is what is measured, beside the server's ticks and memory.
//!
//! Flow: command line → [`run`] → watchers on bare sockets ↔ `GET /v1/rooms?wait=25`, `GET /v1/events` → table.

use crate::report::{Percentiles, Times};
use crate::{descriptors, plain};
use clap::Args;
use protocol::lobby::{Health, NewRoom};
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use transport::lobby::LobbyClient;

/// The server tells tick times of the last minute, so each half lasts a minute at least.
const WINDOW: Duration = Duration::from_secs(60);
/// Time for the pilots to join, and for a match to get going.
const SETTLE: Duration = Duration::from_secs(10);
/// How long everybody may take to hear of a room.
const PATIENCE: Duration = Duration::from_secs(8);
/// Connections that are opened at the same moment.
const AT_ONCE: usize = 64;
/// Begins the name of every room that is opened to be heard of.
const ROOM: &str = "Crowd ";

/// Options of `lab crowd`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server's lobby. It must be on this machine: only this machine may wait so many times.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// Long polls.
    #[arg(long, value_name = "N", default_value = "2000")]
    pub polls: usize,
    /// Event streams.
    #[arg(long, value_name = "N", default_value = "2000")]
    pub streams: usize,
    /// Pilots in the match; 0 for none.
    #[arg(long, value_name = "N", default_value = "32")]
    pub pilots: u16,
    /// Rooms that are opened to be heard of.
    #[arg(long, value_name = "N", default_value = "10")]
    pub changes: u32,
}

/// What all watchers share.
#[derive(Default)]
struct Watch {
    /// When the latest room was asked for, and its number.
    asked: Mutex<Option<(u32, Instant)>>,
    polls: Mutex<Times>,
    streams: Mutex<Times>,
    ready: AtomicU64,
    heard: AtomicU64,
    errors: AtomicU64,
}

impl Watch {
    /// Notes that somebody has learned of the room called [`ROOM`] and `number`, unless they had already.
    fn hear(&self, times: &Mutex<Times>, number: u32, last: &mut u32) {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((latest, at)) = asked
            && latest == number
            && *last < number
        {
            *last = number;
            times.lock().unwrap_or_else(PoisonError::into_inner).add(at.elapsed());
            self.heard.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs the tool.
///
/// # Errors
/// A sentence: the server cannot be reached, or somebody was not told.
pub fn run(options: &Options) -> Result<(), String> {
    descriptors::raise();
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    runtime.block_on(measure(options))
}

async fn measure(options: &Options) -> Result<(), String> {
    let lobby = LobbyClient::new(&options.server)?;
    let address = lobby.base().trim_start_matches("http://").to_owned();
    let said = |error: transport::lobby::LobbyError| error.to_string();
    let mut pilots = Pilots::start(options)?;
    sleep(SETTLE + WINDOW).await;
    let alone = lobby.health().await.map_err(said)?;

    let watch = Arc::<Watch>::default();
    let mut crowd = JoinSet::new();
    let gate = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    for index in 0..options.polls + options.streams {
        let (address, watch, gate) = (address.clone(), watch.clone(), gate.clone());
        let polls = index < options.polls;
        crowd.spawn(async move {
            let outcome =
                if polls { poll(&address, &watch, &gate).await } else { listen(&address, &watch, &gate).await };
            if outcome.is_err() {
                watch.errors.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let everybody = (options.polls + options.streams) as u64;
    let until = Instant::now() + Duration::from_secs(60);
    while watch.ready.load(Ordering::Relaxed) < everybody && Instant::now() < until {
        sleep(Duration::from_millis(50)).await;
    }
    let ready = watch.ready.load(Ordering::Relaxed);
    let began = Instant::now();
    let mut missed = 0;
    for number in 1..=options.changes {
        missed += change(&lobby, &watch, number, everybody).await?;
        sleep(WINDOW / options.changes.max(1) / 2).await;
    }
    sleep((WINDOW + Duration::from_secs(2)).saturating_sub(began.elapsed())).await;
    let crowded = lobby.health().await.map_err(said)?;
    pilots.stop();
    crowd.abort_all();
    print(options, &alone, &crowded, &watch, ready, missed);
    let errors = watch.errors.load(Ordering::Relaxed);
    if errors > 0 || missed > 0 || ready < everybody {
        return Err(format!(
            "{errors} watchers failed, {missed} times somebody was not told, {ready} of {everybody} got in."
        ));
    }
    Ok(())
}

/// Opens a room and waits until everybody knows. Returns how many do not.
async fn change(lobby: &LobbyClient, watch: &Watch, number: u32, everybody: u64) -> Result<u64, String> {
    let said = |error: transport::lobby::LobbyError| error.to_string();
    // Everybody leads one room at most.
    let guest = lobby.guest("Crier").await.map_err(said)?;
    watch.heard.store(0, Ordering::Relaxed);
    *watch.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, Instant::now()));
    let room = NewRoom { name: Some(format!("{ROOM}{number}")), bots: Some(0), ..NewRoom::default() };
    lobby.open_room(&guest, &room).await.map_err(said)?;
    let until = Instant::now() + PATIENCE;
    while watch.heard.load(Ordering::Relaxed) < everybody && Instant::now() < until {
        sleep(Duration::from_millis(20)).await;
    }
    Ok(everybody.saturating_sub(watch.heard.load(Ordering::Relaxed)))
}

/// Waits for the list of rooms to change, again and again.
async fn poll(address: &str, watch: &Watch, gate: &tokio::sync::Semaphore) -> io::Result<()> {
    let mut stream = enter(address, gate).await?;
    let (mut tag, mut last, mut first) = (String::new(), 0, true);
    loop {
        let wait = if first { "" } else { "?wait=25" };
        let seen = if tag.is_empty() { String::new() } else { format!("If-None-Match: {tag}\r\n") };
        let ask = format!("GET /v1/rooms{wait} HTTP/1.1\r\nHost: {address}\r\n{seen}\r\n");
        stream.get_mut().write_all(ask.as_bytes()).await?;
        if std::mem::take(&mut first) {
            watch.ready.fetch_add(1, Ordering::Relaxed);
        }
        let (head, body) = plain::answer(&mut stream).await?;
        tag = head.tag.unwrap_or_default();
        match head.status {
            200 => {
                if let Some(number) = newest(&String::from_utf8_lossy(&body)) {
                    watch.hear(&watch.polls, number, &mut last);
                }
            }
            304 => {}
            status => return Err(io::Error::other(format!("status {status}"))),
        }
    }
}

/// Hears events until it ends.
async fn listen(address: &str, watch: &Watch, gate: &tokio::sync::Semaphore) -> io::Result<()> {
    let mut stream = enter(address, gate).await?;
    let ask = format!("GET /v1/events?kinds=room.opened HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.get_mut().write_all(ask.as_bytes()).await?;
    let status = plain::head(&mut stream).await?.status;
    if status != 200 {
        return Err(io::Error::other(format!("status {status}")));
    }
    watch.ready.fetch_add(1, Ordering::Relaxed);
    let (mut line, mut last) = (String::new(), 0);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(number) = newest(&line) {
            watch.hear(&watch.streams, number, &mut last);
        }
    }
}

async fn enter(address: &str, gate: &tokio::sync::Semaphore) -> io::Result<BufReader<TcpStream>> {
    let _turn = gate.acquire().await.map_err(io::Error::other)?;
    plain::enter(address).await
}

/// Returns the highest number of a room of ours in `text`.
fn newest(text: &str) -> Option<u32> {
    let ours = text.split(ROOM).skip(1);
    ours.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).max()
}

/// The match: pilots in a process of their own, so that they do not share a runtime with the crowd.
struct Pilots(Option<Child>);

impl Pilots {
    fn start(options: &Options) -> Result<Self, String> {
        if options.pilots == 0 {
            return Ok(Self(None));
        }
        let program = std::env::current_exe().map_err(|error| format!("Where am I? {error}."))?;
        let mut command = Command::new(program);
        command.args([
            "swarm",
            "--server",
            &options.server,
            "--clients",
            &options.pilots.to_string(),
            "--seconds",
            "600",
        ]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.map(|child| Self(Some(child))).map_err(|error| format!("The pilots cannot be started: {error}."))
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = (child.kill(), child.wait());
        }
    }
}

impl Drop for Pilots {
    fn drop(&mut self) {
        self.stop();
    }
}

fn print(options: &Options, alone: &Health, crowded: &Health, watch: &Watch, ready: u64, missed: u64) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let percentiles =
        |times: &Mutex<Times>| -> Percentiles { times.lock().unwrap_or_else(PoisonError::into_inner).percentiles() };
    let tick = |health: &Health| {
        let ms = &health.tick_ms;
        format!("mean {:.3}   p50 {:.3}   p99 {:.3}   max {:.3} ms", ms.mean, ms.p50, ms.p99, ms.max)
    };
    println!("{} long polls and {} event streams beside {} pilots", options.polls, options.streams, options.pilots);
    println!("  tick alone       {}", tick(alone));
    println!("  tick with crowd  {}", tick(crowded));
    println!("  overruns         {} alone, {} more with the crowd", alone.overruns, crowded.overruns - alone.overruns);
    let each = crowded.memory_bytes.saturating_sub(alone.memory_bytes) as f64 / 1_024.0 / ready.max(1) as f64;
    println!(
        "  memory           {:.1} MiB alone, {:.1} MiB with the crowd: {each:.1} KiB each",
        mib(alone.memory_bytes),
        mib(crowded.memory_bytes)
    );
    println!("  told by polls    {}", percentiles(&watch.polls).line());
    println!("  told by streams  {}", percentiles(&watch.streams).line());
    println!("  watchers {ready}, failed {}, not told {missed}", watch.errors.load(Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_rooms_are_found_among_others() {
        assert_eq!(newest(r#"{"rooms":[{"name":"Dock"},{"name":"Crowd 9"},{"name":"Crowd 12"}]}"#), Some(12));
        assert_eq!(newest(r#"{"name":"Crowded"}"#), None);
        assert_eq!(newest(""), None);
    }
}
