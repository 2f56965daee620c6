//! `lab storm`: nonsense at every port of a live server, while honest players play and must not notice.
//!
//! Strangers send random and misshapen datagrams, some in the names of the players; others open real links and misbehave on them; the
//! lobby gets what is not HTTP. Everything is bounded in rate, in number and in time, so that a server of the same strength has
//! enough left to play: this looks for bytes that hurt, not for the amount that drowns. It only aims at this machine.
//!
//! Flow: command line → [`run`] → [`honest`] beside [`datagrams`], [`spoof`], [`sealed`], [`links`], [`web`] → [`tally`] → table, JSON.

mod datagrams;
mod honest;
mod links;
mod nonsense;
mod sealed;
mod spoof;
mod tally;
mod web;

pub use honest::Seen;
pub use tally::{Port, Thrown};

use crate::pilot::places;
use clap::Args;
use honest::Honest;
use protocol::Transport;
use protocol::ids::RoomId;
use protocol::lobby::{Endpoints, Grant, Guest, Health};
use serde::Serialize;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::runtime::{Handle, Runtime};
use transport::lobby::LobbyClient;
use transport::maps::{MapShelf, assets_dir};

/// Time between two looks at the server's health.
const HEALTH_EVERY: Duration = Duration::from_millis(500);
/// How long a server may take until it knows how it is.
const WAKING: Duration = Duration::from_secs(3);
/// How long the honest fly on after the storm: what was held back may still do harm.
const AFTERMATH: Duration = Duration::from_secs(1);
/// Throwers that take seats: one identity each, so that they never hold more seats than this.
const ATTACKERS: [&str; 3 + Transport::WIRES.len()] = [
    "Storm sealed",
    "Storm words u",
    "Storm words q",
    "Storm udp",
    "Storm quic",
    "Storm websocket",
    "Storm tcp",
    "Storm http",
];
/// Time for the throwers to end after the storm.
const LAST_THROWS: Duration = Duration::from_secs(5);

/// Options of `lab storm`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server's lobby, on this machine.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// Seconds that the storm lasts.
    #[arg(long, value_name = "S", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Honest players.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub players: u16,
    /// What the nonsense is made from; the same number gives the same nonsense.
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What a storm did.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Seconds that it lasted.
    pub seconds: u32,
    /// What it was made from.
    pub seed: u64,
    /// Honest players asked for.
    pub players: usize,
    /// What they saw.
    pub honest: Seen,
    /// The server answered afterwards.
    pub server_answers: bool,
    /// Its resident memory before, bytes.
    pub memory_before: u64,
    /// Its resident memory afterwards.
    pub memory_after: u64,
    /// The most that was seen.
    pub memory_max: u64,
    /// Messages that it refused and counted.
    pub violations: u64,
    /// Faults that it had to catch. Anything but 0 is a bug.
    pub caught_panics: u64,
    /// Ticks that were late by a whole one.
    pub overruns: u64,
    /// Everything that was thrown.
    pub thrown: Vec<Thrown>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Lets the storm blow and prints what it did.
///
/// # Errors
/// A sentence: the server is elsewhere or unreachable, or somebody was harmed.
pub fn run(options: &Options) -> Result<(), String> {
    let outcome = blow(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&outcome).map_err(|error| error.to_string())?);
    } else {
        print_table(&outcome);
    }
    verdict(&outcome)
}

/// Says whether somebody was harmed.
///
/// # Errors
/// A sentence that says what happened.
pub fn verdict(outcome: &Outcome) -> Result<(), String> {
    let Outcome { players, honest, .. } = outcome;
    if !outcome.server_answers {
        return Err("The server does not answer any more.".to_owned());
    }
    if honest.disconnects > 0 || honest.connected < *players {
        let flying = honest.connected;
        return Err(format!("{} honest links were lost; {flying} of {players} players still fly.", honest.disconnects));
    }
    if outcome.caught_panics > 0 {
        return Err(format!("The server had to catch {} faults of its own.", outcome.caught_panics));
    }
    Ok(())
}

/// Lets the storm blow.
///
/// # Errors
/// A sentence: the server is elsewhere or unreachable.
pub fn blow(options: &Options) -> Result<Outcome, String> {
    let lobby = LobbyClient::new(&options.server)?;
    let http = on_this_machine(lobby.base())?;
    let maps = MapShelf::open(&assets_dir(None)?)?;
    let players = usize::from(options.players);
    let (calm, rough) = (runtime()?, runtime()?);
    let sentence = |error: transport::lobby::LobbyError| error.to_string();

    let before = calm.block_on(healthy(&lobby)).map_err(sentence)?;
    let mut rooms = calm.block_on(places(&lobby, None, players + ATTACKERS.len())).map_err(sentence)?;
    let rough_rooms = rooms.split_off(players.min(rooms.len()));
    let mut honest = calm.block_on(Honest::join(&lobby, &maps, &rooms))?;
    honest.settle();
    // Nobody but the honest has a UDP socket yet.
    let passes = calm.block_on(passes(&lobby, &rough_rooms)).map_err(sentence)?;
    let endpoints = calm.block_on(endpoints(&lobby, &passes))?;
    let players_ports = spoof::players(endpoints.udp.addr);

    let storm = Arc::new(Storm {
        lobby: lobby.clone(),
        endpoints,
        http,
        seed: options.seed,
        until: Instant::now() + Duration::from_secs(u64::from(options.seconds)),
        tally: Tally::default(),
        notes: Mutex::default(),
        runtime: rough.handle().clone(),
    });
    let memory = calm.spawn(watch(Arc::clone(&storm)));
    let throwers = start(&storm, passes, players_ports);
    honest.fly(Duration::from_secs(u64::from(options.seconds)), |honest| {
        if !options.json {
            let thrown: u64 = storm.tally.all().iter().map(|thrown| thrown.pieces).sum();
            eprintln!("{} honest players fly, {thrown} pieces of nonsense thrown", honest.flying());
        }
    });
    honest.fly(AFTERMATH, |_| {});
    let seen = honest.seen();
    let memory_max = calm.block_on(memory).unwrap_or_default();
    let after = calm.block_on(lobby.health());
    honest.leave();
    throwers.end();
    rough.shutdown_timeout(Duration::from_secs(1));
    calm.shutdown_timeout(Duration::from_secs(1));

    let server_answers = after.is_ok();
    let after = after.unwrap_or_default();
    let notes = storm.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Outcome {
        seconds: options.seconds,
        seed: options.seed,
        players,
        honest: seen,
        server_answers,
        memory_before: before.memory_bytes,
        memory_after: after.memory_bytes,
        memory_max: memory_max.max(after.memory_bytes),
        violations: after.violations.saturating_sub(before.violations),
        caught_panics: after.caught_panics.saturating_sub(before.caught_panics),
        overruns: after.overruns.saturating_sub(before.overruns),
        thrown: storm.tally.all(),
        notes,
    })
}

fn runtime() -> Result<Runtime, String> {
    transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))
}

/// What all throwers share.
struct Storm {
    lobby: LobbyClient,
    endpoints: Endpoints,
    http: SocketAddr,
    seed: u64,
    until: Instant,
    tally: Tally,
    notes: Mutex<Vec<String>>,
    runtime: Handle,
}

/// Who a thrower is to the lobby, and where it may sit.
struct Pass {
    guest: Guest,
    room: RoomId,
}

impl Storm {
    fn over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Returns a fresh grant; none if the lobby has a reason not to give one.
    async fn grant(&self, pass: &Pass) -> Option<Grant> {
        self.lobby.take_seat(&pass.guest, pass.room).await.ok()
    }

    fn note(&self, note: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note.to_owned());
    }
}

async fn passes(lobby: &LobbyClient, rooms: &[RoomId]) -> Result<Vec<Pass>, transport::lobby::LobbyError> {
    let mut passes = Vec::new();
    for (name, room) in ATTACKERS.into_iter().zip(rooms) {
        passes.push(Pass { guest: lobby.guest(name).await?, room: *room });
    }
    Ok(passes)
}

/// Asks where the wires end, and makes sure that it is here.
async fn endpoints(lobby: &LobbyClient, passes: &[Pass]) -> Result<Endpoints, String> {
    let pass = passes.first().ok_or("The server has no seat for the storm.")?;
    let grant = lobby.take_seat(&pass.guest, pass.room).await.map_err(|error| error.to_string())?;
    let endpoints = grant.endpoints;
    on_this_machine(&endpoints.websocket.url)?;
    let Endpoints { udp, quic, tcp, .. } = &endpoints;
    let here = [udp.addr, quic.addr, tcp.addr].iter().all(|addr| addr.ip().to_canonical().is_loopback());
    here.then_some(endpoints).ok_or_else(|| elsewhere(lobby.base()))
}

/// Returns the address of a URL with host and port if that is this machine's own.
fn on_this_machine(url: &str) -> Result<SocketAddr, String> {
    let authority = url.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default();
    let found: Vec<SocketAddr> = authority.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    match found.first() {
        Some(first) if found.iter().all(|addr| addr.ip().to_canonical().is_loopback()) => {
            // Where a name stands for both families, a server usually listens on IPv4.
            Ok(*found.iter().find(|addr| addr.is_ipv4()).unwrap_or(first))
        }
        _ => Err(elsewhere(url)),
    }
}

fn elsewhere(url: &str) -> String {
    format!(
        "A storm only goes to a server on this machine, and {url} is elsewhere. Start one here and use its 127.0.0.1 address."
    )
}

/// Asks how the server is; one that has just started does not know yet.
async fn healthy(lobby: &LobbyClient) -> Result<Health, transport::lobby::LobbyError> {
    let until = Instant::now() + WAKING;
    loop {
        match lobby.health().await {
            Err(error) if error.status() == Some(503) && Instant::now() < until => {
                tokio::time::sleep(HEALTH_EVERY).await;
            }
            answer => return answer,
        }
    }
}

/// Looks at the server's health until the storm is over and returns the most memory that it had.
async fn watch(storm: Arc<Storm>) -> u64 {
    let mut most = 0;
    while !storm.over() {
        let Health { memory_bytes, .. } = storm.lobby.health().await.unwrap_or_default();
        most = most.max(memory_bytes);
        tokio::time::sleep(HEALTH_EVERY).await;
    }
    most
}

/// Everybody who throws.
struct Throwers {
    threads: Vec<std::thread::JoinHandle<()>>,
    tasks: tokio::task::JoinSet<()>,
    runtime: Handle,
}

impl Throwers {
    /// Waits until all have ended; they look at the clock themselves.
    fn end(mut self) {
        for thread in self.threads {
            // A thrower's own fault must not look like the server's.
            let _ = thread.join();
        }
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = self.runtime.block_on(async { tokio::time::timeout(LAST_THROWS, ended).await });
    }
}

fn start(storm: &Arc<Storm>, passes: Vec<Pass>, players: spoof::Players) -> Throwers {
    let mut threads = Vec::new();
    let mut thread = |throw: Box<dyn FnOnce(&Storm) + Send>| {
        let storm = Arc::clone(storm);
        threads.push(std::thread::spawn(move || throw(&storm)));
    };
    thread(Box::new(web::throw));
    thread(Box::new(move |storm| spoof::in_others_names(storm, &players)));
    let mut tasks = tokio::task::JoinSet::new();
    for (index, pass) in passes.into_iter().enumerate() {
        match index {
            0 => thread(Box::new(move |storm| sealed::throw(storm, &pass))),
            1 => thread(Box::new(move |storm| datagrams::at_udp(storm, &pass))),
            2 => thread(Box::new(move |storm| datagrams::at_quic(storm, &pass))),
            _ => {
                let link = links::over(Arc::clone(storm), Transport::WIRES[index - 3], pass);
                tasks.spawn_on(link, &storm.runtime);
            }
        }
    }
    Throwers { threads, tasks, runtime: storm.runtime.clone() }
}

fn print_table(o: &Outcome) {
    println!("{} s of storm {}, {} honest players", o.seconds, o.seed, o.players);
    println!(
        "  {:<8} {:<22} {:>11} {:>9} {:>10} {:>12} {:>12}",
        "port", "kind", "connections", "refused", "pieces", "bytes", "answered"
    );
    for t in &o.thrown {
        let port = format!("{:?}", t.port).to_lowercase();
        println!(
            "  {port:<8} {:<22} {:>11} {:>9} {:>10} {:>12} {:>12}",
            t.kind, t.connections, t.refused, t.pieces, t.bytes, t.answered
        );
    }
    o.notes.iter().for_each(|note| println!("  {note}"));
    let h = &o.honest;
    println!(
        "  honest players     {:>10} flying   disconnects   {:>6}   decode errors {:>4}",
        h.connected, h.disconnects, h.decode_errors
    );
    println!(
        "  commands sent      {:>10}          executed      {:>6} ({:.2} %)",
        h.commands_sent, h.commands_executed, h.executed_percent
    );
    println!("  picture age        {}", h.snapshot_age_ms.line());
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (before, after, max) = (mib(o.memory_before), mib(o.memory_after), mib(o.memory_max));
    println!("  server memory      {before:>8.1} MiB before, {after:.1} MiB after, {max:.1} MiB at most");
    let answers = if o.server_answers { "answers" } else { "does not answer" };
    println!(
        "  server             {answers}; {} violations counted, {} faults caught, {} ticks late",
        o.violations, o.caught_panics, o.overruns
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_aimed_at() {
        assert_eq!(on_this_machine("http://127.0.0.1:8080"), Ok(SocketAddr::from(([127, 0, 0, 1], 8080))));
        assert!(on_this_machine("ws://[::1]:80/v1/link").is_ok());
        for elsewhere in ["http://192.0.2.1:8080", "http://0.0.0.0:8080", "http://[2001:db8::1]:80", "http://"] {
            let error = on_this_machine(elsewhere).expect_err(elsewhere);
            assert!(error.contains("on this machine"), "{error}");
        }
    }
}
