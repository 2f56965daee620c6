//! `lab storm`: nonsense at every port of a live server, while honest players play and must not notice.
//!
//! Strangers send random and misshapen datagrams, some in the names of the players; others open real links and misbehave on them; the
//! lobby gets what is neither HTTP nor TLS, heads and bodies that never end, bad JSON, and what it has handed out, altered or for a second
//! time. Everything is bounded in rate, in number and in time, so that a server of the same strength has enough left to play: this looks
//! for bytes that hurt, not for the amount that drowns. It only aims at this machine.
//!
//! Flow: command line → [`run`] → [`honest`], [`callers`] beside [`datagrams`], [`spoof`], [`sealed`], [`links`], [`http3`], [`web`], [`tls`],
//! [`slow`], [`bodies`], [`forged`] → [`tally`] → [`outcome`].

mod bodies;
mod callers;
mod datagrams;
mod forged;
mod honest;
mod http3;
mod links;
mod nonsense;
mod outcome;
mod sealed;
mod slow;
mod spoof;
mod tally;
mod tls;
mod web;

pub use callers::Called;
pub use forged::Forged;
pub use honest::Seen;
pub use outcome::{Outcome, verdict};
pub use tally::{Port, Thrown};

use crate::pilot::places;
use clap::Args;
use forged::{Forgeries, Forgery};
use honest::Honest;
use protocol::Transport;
use protocol::ids::RoomId;
use protocol::lobby::{Endpoints, Grant, Guest, Health};
use slow::Slow;
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
/// Who forges comes after them.
const FORGERS: usize = ATTACKERS.len();
/// Then who throws bad bodies.
const BODIES: usize = FORGERS + Forgery::ALL.len();
/// Who comes last: the latter, and somebody honest.
const OTHERS: [&str; 2] = ["Storm bodies", "Caller"];
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
    /// Connections to the lobby that say a letter now and then.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u16).range(0..=4_000))]
    pub slow: u16,
    /// Bad JSON bodies, over all routes that take one: 700 per second.
    #[arg(long, value_name = "N", default_value = "10000")]
    pub bodies: u32,
    /// Longest time that 99 of 100 honest requests to the lobby may take.
    #[arg(long, value_name = "MS", default_value = "250")]
    pub within: u32,
    /// What the nonsense is made from; the same number gives the same nonsense.
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
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
        outcome::print(&outcome);
    }
    verdict(&outcome, options.within)
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
    crate::descriptors::raise();

    let before = calm.block_on(healthy(&lobby)).map_err(sentence)?;
    let names: Vec<&str> = ATTACKERS.into_iter().chain(Forgery::ALL.map(Forgery::name)).chain(OTHERS).collect();
    let mut rooms = calm.block_on(places(&lobby, None, players + names.len())).map_err(sentence)?;
    let rough_rooms = rooms.split_off(players.min(rooms.len()));
    let mut honest = calm.block_on(Honest::join(&lobby, &maps, &rooms))?;
    honest.settle();
    // Nobody but the honest has a UDP socket yet.
    let mut passes = calm.block_on(passes(&lobby, &names, &rough_rooms)).map_err(sentence)?;
    let stranger = calm.block_on(lobby.guest("Stranger")).map_err(sentence)?;
    let endpoints = calm.block_on(endpoints(&lobby, &passes))?;
    let players_ports = spoof::players(endpoints.udp.addr);

    let storm = Arc::new(Storm {
        lobby: lobby.clone(),
        endpoints,
        http,
        seed: options.seed,
        until: Instant::now() + Duration::from_secs(u64::from(options.seconds)),
        tally: Tally::default(),
        slow: Slow::default(),
        forgeries: Forgeries::default(),
        stranger,
        notes: Mutex::default(),
        runtime: rough.handle().clone(),
    });
    let memory = calm.spawn(watch(Arc::clone(&storm)));
    let caller = passes.pop().map(|pass| calm.spawn(callers::call(Arc::clone(&storm), pass)));
    let throwers = start(&storm, options, passes, players_ports);
    honest.fly(Duration::from_secs(u64::from(options.seconds)), |honest| {
        if !options.json {
            let thrown: u64 = storm.tally.all().iter().map(|thrown| thrown.pieces).sum();
            eprintln!("{} honest players fly, {thrown} pieces of nonsense thrown", honest.flying());
        }
    });
    honest.fly(AFTERMATH, |_| {});
    let seen = honest.seen();
    let memory_max = calm.block_on(memory).unwrap_or_default();
    let called = caller.and_then(|caller| calm.block_on(caller).ok()).unwrap_or_default();
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
        called,
        forged: storm.forgeries.all(),
        slow_most: storm.slow.most(),
        slow_longest_ms: storm.slow.longest_ms(),
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
    slow: Slow,
    forgeries: Forgeries,
    /// Somebody whom nothing belongs to.
    stranger: Guest,
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

/// Makes somebody of every one of `names`.
async fn passes(
    lobby: &LobbyClient,
    names: &[&str],
    rooms: &[RoomId],
) -> Result<Vec<Pass>, transport::lobby::LobbyError> {
    let mut passes = Vec::new();
    for (name, room) in names.iter().zip(rooms) {
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

/// Somebody who throws until the storm is over.
type Thrower = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn start(storm: &Arc<Storm>, options: &Options, passes: Vec<Pass>, players: spoof::Players) -> Throwers {
    let mut threads = Vec::new();
    let mut thread = |throw: Box<dyn FnOnce(&Storm) + Send>| {
        let storm = Arc::clone(storm);
        threads.push(std::thread::spawn(move || throw(&storm)));
    };
    thread(Box::new(web::throw));
    thread(Box::new(tls::throw));
    thread(Box::new(move |storm| spoof::in_others_names(storm, &players)));
    let mut tasks = tokio::task::JoinSet::new();
    let mut task = |thrower: Thrower| drop(tasks.spawn_on(thrower, &storm.runtime));
    task(Box::pin(http3::throw(Arc::clone(storm))));
    (0..options.slow).for_each(|index| task(Box::pin(slow::dribble(Arc::clone(storm), index))));
    for (index, pass) in passes.into_iter().enumerate() {
        let storm = Arc::clone(storm);
        match index {
            0 => thread(Box::new(move |storm| sealed::throw(storm, &pass))),
            1 => thread(Box::new(move |storm| datagrams::at_udp(storm, &pass))),
            2 => thread(Box::new(move |storm| datagrams::at_quic(storm, &pass))),
            3..FORGERS => task(Box::pin(links::over(storm, Transport::WIRES[index - 3], pass))),
            FORGERS..BODIES => task(Box::pin(forged::forge(storm, pass, Forgery::ALL[index - FORGERS]))),
            _ => task(Box::pin(bodies::throw(storm, pass, options.bodies))),
        }
    }
    Throwers { threads, tasks, runtime: storm.runtime.clone() }
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
