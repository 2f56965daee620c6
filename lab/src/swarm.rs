//! `lab swarm`: hundreds of headless players in one process.
//!
//! Flow: command line → [`run`] → [`crate::pilot::Pilot`]s → table, JSON.

use crate::changing::Changing;
use crate::pilot::{Field, Pilot, STEP, places, wait_step};
use crate::report::{Percentiles, Times};
use crate::wires::WireArgs;
use clap::{Args, ValueEnum};
use game::view::PhaseKind;
use protocol::Transport;
use protocol::ids::RoomId;
use protocol::wire::event::ServerEvent;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use transport::player::{PlayerEvent, Status};
use transport::weather::{Weather, WeatherStation};

/// How long everybody may take to get in.
const JOIN_DEADLINE: Duration = Duration::from_secs(15);
/// How long after the last one is in before anything is counted: clocks settle, the countdown runs.
const SETTLE: Duration = Duration::from_secs(2);
/// Players that knock at the lobby at the same moment.
const JOIN_AT_ONCE: usize = 16;
/// Samples of picture age are taken this often.
const SAMPLE_EVERY: u32 = 2;

/// Which wires the swarm flies over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wires {
    /// renet over UDP.
    Udp,
    /// QUIC.
    Quic,
    /// WebSocket.
    Websocket,
    /// Bare TCP.
    Tcp,
    /// HTTP calls.
    Http,
    /// WebTransport, as browsers fly.
    Webtransport,
    /// All of them, in turn.
    Mixed,
}

impl Wires {
    fn of(self, index: usize) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Quic => Transport::Quic,
            Self::Websocket => Transport::Websocket,
            Self::Tcp => Transport::Tcp,
            Self::Http => Transport::Http,
            Self::Webtransport => Transport::Webtransport,
            Self::Mixed => Transport::WIRES[index % Transport::WIRES.len()],
        }
    }
}

/// Options of `lab swarm`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server's lobby.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// Players.
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub clients: u16,
    /// Wire to fly over.
    #[arg(long, value_name = "WIRE", default_value = "mixed")]
    pub transport: Wires,
    /// Seconds to fly, joining not counted.
    #[arg(long, value_name = "S", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Room to join; otherwise those with free seats, and new ones.
    #[arg(long, value_name = "ID")]
    pub room: Option<u32>,
    /// Weather on the way: a name (calm, lan, home, mobile, hotel, train, satellite, bad) or settings, as in
    /// `delay=40,jitter=8,loss=5,burst=3,reorder=1,dup=0,rate=0,seed=7`.
    #[arg(long, value_name = "WEATHER")]
    pub weather: Option<Weather>,
    /// Let the weather change every so many seconds, through every named kind.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub changing: Option<u32>,
    /// What is chosen about single wires.
    #[command(flatten)]
    pub wires: WireArgs,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What a swarm saw.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Weather on the way, as it is typed; none without.
    pub weather: Option<String>,
    /// Players asked for.
    pub clients: usize,
    /// Players that got in.
    pub connected: usize,
    /// Driving links lost, and players thrown out.
    pub disconnects: u64,
    /// The lost driving links, by wire.
    pub lost: BTreeMap<String, u64>,
    /// Commands flown while it counted, for ticks that a snapshot has answered.
    pub commands_sent: u64,
    /// Ticks that the server executed with a player's own command meanwhile.
    pub commands_executed: u64,
    /// Snapshots taken in.
    pub snapshots: u64,
    /// How old the picture was: the server's tick less that of the newest snapshot, sampled all the time.
    pub snapshot_age_ms: Percentiles,
    /// Round trips, the server's holding time not counted.
    pub rtt_ms: Percentiles,
    /// Own predicted state differed from the server's.
    pub corrections: u64,
    /// Bytes of messages per player and second, from the server.
    pub bytes_in_per_client_s: f64,
    /// Bytes of messages per player and second, to the server.
    pub bytes_out_per_client_s: f64,
    /// Bytes per player and second from the server with every header down to IP, as the transports estimate them.
    pub wire_bytes_in_per_client_s: f64,
    /// The same to the server.
    pub wire_bytes_out_per_client_s: f64,
    /// Messages that could not be used.
    pub decode_errors: u64,
    /// Kills seen by the first player.
    pub kills: u64,
    /// Matches that went live before the first player's eyes.
    pub matches_started: u64,
    /// Matches that ended before them.
    pub matches_finished: u64,
    /// Who was in the first player's room at the end, by the names that it saw.
    pub roster: Vec<String>,
    /// Seconds that were counted.
    pub seconds: f64,
}

/// Flies a swarm and prints what it saw.
///
/// # Errors
/// A sentence: the server is unreachable, or not everybody got in.
pub fn run(options: &Options) -> Result<(), String> {
    let outcome = fly(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&outcome).map_err(|error| error.to_string())?);
    } else {
        print_table(options, &outcome);
    }
    match outcome.connected == outcome.clients {
        true => Ok(()),
        false => Err(format!("Only {} of {} players got in.", outcome.connected, outcome.clients)),
    }
}

/// Flies a swarm.
///
/// # Errors
/// A sentence.
pub fn fly(options: &Options) -> Result<Outcome, String> {
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    let mut flock = Flock::default();
    let weather = options.weather.or(options.changing.map(|_| Weather::CALM)).map(WeatherStation::new);
    let field = Field::open(runtime.handle(), &options.server, options.wires.options(), weather)?;
    runtime.block_on(join_all(options, &field, &mut flock))?;
    flock.settle();
    let changing = field.weather.clone().zip(options.changing);
    let changing =
        changing.map(|(station, every)| Changing::new(station, Duration::from_secs(u64::from(every)), Instant::now()));
    flock.fly(Duration::from_secs(u64::from(options.seconds)), changing);
    let mut outcome = flock.outcome(usize::from(options.clients));
    outcome.weather = options.weather.map(|weather| weather.to_string());
    flock.leave();
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome)
}

/// All pilots and what they saw together.
#[derive(Default)]
struct Flock {
    pilots: Vec<Pilot>,
    before: Vec<(Status, (u64, u64))>,
    thrown_out: u64,
    lost: BTreeMap<String, u64>,
    age: Times,
    round_trips: Times,
    kills: u64,
    started: u64,
    finished: u64,
    seconds: f64,
    steps: u32,
}

async fn join_all(options: &Options, field: &Field, flock: &mut Flock) -> Result<(), String> {
    let clients = usize::from(options.clients);
    let rooms = places(&field.lobby, options.room.map(RoomId), clients).await.map_err(|error| error.to_string())?;
    let mut joining = tokio::task::JoinSet::new();
    let mut waiting = rooms.into_iter().enumerate();
    loop {
        while joining.len() < JOIN_AT_ONCE
            && let Some((index, room)) = waiting.next()
        {
            let (field, wire) = (field.clone(), options.transport.of(index));
            joining.spawn(async move { field.join(room, &format!("Swarm {index}"), Some(wire), index as u64).await });
        }
        if joining.is_empty() {
            return Ok(());
        }
        // Those who are in already must not fall asleep while the others knock.
        let step = tokio::time::timeout(STEP, joining.join_next()).await;
        if let Ok(Some(joined)) = step {
            let pilot = joined.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            flock.pilots.push(pilot);
        }
        flock.step(Instant::now());
    }
}

impl Flock {
    fn step(&mut self, now: Instant) {
        for (index, pilot) in self.pilots.iter_mut().enumerate() {
            for event in pilot.update(now) {
                match event {
                    PlayerEvent::Ended { why } => {
                        eprintln!("player {index} was thrown out: {why}");
                        self.thrown_out += 1;
                    }
                    PlayerEvent::Lost { transport, why } => {
                        eprintln!("player {index} lost {transport}: {why}");
                        *self.lost.entry(transport.to_string()).or_default() += 1;
                    }
                    PlayerEvent::Game(event) if index == 0 => match event {
                        ServerEvent::Kill { .. } => self.kills += 1,
                        ServerEvent::Phase(phase) if phase.kind == PhaseKind::Live => self.started += 1,
                        ServerEvent::Finished { .. } => self.finished += 1,
                        _ => {}
                    },
                    _ => {}
                }
            }
        }
    }

    /// Waits until everybody sees the arena, then a little longer.
    fn settle(&mut self) {
        let until = Instant::now() + JOIN_DEADLINE;
        let mut next = Instant::now();
        while Instant::now() < until && self.pilots.iter().any(|p| p.player.view().is_none() && !p.player.is_over()) {
            self.step(Instant::now());
            wait_step(&mut next);
        }
        let until = Instant::now() + SETTLE;
        while Instant::now() < until {
            self.step(Instant::now());
            wait_step(&mut next);
        }
        let now = Instant::now();
        self.before = self.pilots.iter().map(|p| (p.player.status(now), p.player.wire_bytes())).collect();
    }

    fn fly(&mut self, time: Duration, mut changing: Option<Changing>) {
        let start = Instant::now();
        let mut next = start;
        let mut said = 0;
        while start.elapsed() < time {
            let now = Instant::now();
            if let Some(name) = changing.as_mut().and_then(|changing| changing.update(now)) {
                eprintln!("{:>5} s: the weather is {name} now", start.elapsed().as_secs());
            }
            self.step(now);
            self.steps += 1;
            if self.steps.is_multiple_of(SAMPLE_EVERY) {
                self.pilots.iter().filter_map(|p| p.player.picture_age(now)).for_each(|age| self.age.add(age));
            }
            if self.steps.is_multiple_of(1_000) {
                let trips = self.pilots.iter().filter_map(|p| p.player.status(now).round_trip);
                trips.for_each(|rtt| self.round_trips.add(rtt));
            }
            let passed = start.elapsed().as_secs();
            if passed >= said + 5 {
                said = passed;
                let flying = self.pilots.iter().filter(|p| p.player.status(now).driving.is_some()).count();
                let age = self.age.percentiles().p95;
                eprintln!("{passed:>5} s: {flying} flying, picture age p95 {age:.1} ms, {} kills", self.kills);
            }
            wait_step(&mut next);
        }
        self.seconds = start.elapsed().as_secs_f64();
    }

    fn outcome(&self, clients: usize) -> Outcome {
        let now = Instant::now();
        let after: Vec<_> = self.pilots.iter().map(|p| (p.player.status(now), p.player.wire_bytes())).collect();
        let sum = |field: fn(&Status) -> u64| -> u64 {
            let grown = after.iter().zip(&self.before).map(|((after, _), (before, _))| field(after) - field(before));
            grown.sum()
        };
        let per_client = |bytes: u64| (bytes as f64 / self.pilots.len().max(1) as f64 / self.seconds).round();
        let wire = |pick: fn(&(u64, u64)) -> u64| -> u64 {
            after
                .iter()
                .zip(&self.before)
                .map(|((_, after), (_, before))| pick(after).saturating_sub(pick(before)))
                .sum()
        };
        Outcome {
            weather: None,
            clients,
            connected: after.iter().filter(|(status, _)| status.driving.is_some()).count(),
            disconnects: after.iter().map(|(status, _)| status.links_lost).sum::<u64>() + self.thrown_out,
            lost: self.lost.clone(),
            commands_sent: sum(|s| s.answered),
            commands_executed: sum(|s| s.executed),
            snapshots: sum(|s| s.snapshots),
            snapshot_age_ms: self.age.percentiles(),
            rtt_ms: self.round_trips.percentiles(),
            corrections: sum(|s| s.corrections),
            bytes_in_per_client_s: per_client(sum(|s| s.bytes_in)),
            bytes_out_per_client_s: per_client(sum(|s| s.bytes_out)),
            wire_bytes_in_per_client_s: per_client(wire(|w| w.0)),
            wire_bytes_out_per_client_s: per_client(wire(|w| w.1)),
            decode_errors: after.iter().map(|(status, _)| status.decode_errors).sum(),
            kills: self.kills,
            matches_started: self.started,
            matches_finished: self.finished,
            roster: self.roster(),
            seconds: self.seconds,
        }
    }

    fn roster(&self) -> Vec<String> {
        let first = self.pilots.first().map(|pilot| pilot.player.roster().values());
        first.into_iter().flatten().map(|member| member.name.clone()).collect()
    }

    /// Says goodbye and stays long enough for it to be heard.
    fn leave(&mut self) {
        self.pilots.iter_mut().for_each(|pilot| pilot.player.leave(Instant::now()));
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn print_table(options: &Options, o: &Outcome) {
    let weather = o.weather.as_deref().map(|weather| format!(", weather {weather}")).unwrap_or_default();
    println!("{} players over {:?} for {:.0} s{weather}", o.clients, options.transport, o.seconds);
    println!("  connected          {:>10}     disconnects    {:>8}", o.connected, o.disconnects);
    if !o.lost.is_empty() {
        let lost: Vec<_> = o.lost.iter().map(|(wire, times)| format!("{wire} {times}")).collect();
        println!("  links lost         {}", lost.join(", "));
    }
    let executed = 100.0 * o.commands_executed as f64 / o.commands_sent.max(1) as f64;
    println!(
        "  commands sent      {:>10}     executed       {:>8} ({executed:.2} %)",
        o.commands_sent, o.commands_executed
    );
    println!("  snapshots          {:>10}     decode errors  {:>8}", o.snapshots, o.decode_errors);
    println!("  picture age        {}", o.snapshot_age_ms.line());
    println!("  round trip         {}", o.rtt_ms.line());
    println!("  corrections        {:>10}", o.corrections);
    let (bytes_in, bytes_out) = (o.bytes_in_per_client_s / 1_000.0, o.bytes_out_per_client_s / 1_000.0);
    let (wire_in, wire_out) = (o.wire_bytes_in_per_client_s / 1_000.0, o.wire_bytes_out_per_client_s / 1_000.0);
    println!(
        "  per player         {bytes_in:>7.2} KB/s in, {bytes_out:.2} KB/s out ({wire_in:.2} and {wire_out:.2} with headers)"
    );
    println!(
        "  matches started    {:>10}     finished       {:>8}     kills {}",
        o.matches_started, o.matches_finished, o.kills
    );
}
