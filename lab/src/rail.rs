//! `lab rail`: do rails hit what their shooters see? Pairs of a shooter and a target that flies up and down a lane, each in a room of
//! its own, over one wire and weather after the other, with lag compensation and without.
//!
//! Only the shooter flies through the weather; the target is close to the server. Everything is the client's own: session, clock,
//! prediction, interpolation, scene.
//!
//! Flow: command line → [`run`] → `rail::duel` → table, JSON.

mod duel;
mod flight;

use crate::pilot::{Field, wait_step};
use clap::Args;
use duel::Duel;
use protocol::Transport;
use protocol::lobby::NewRoom;
use serde::Serialize;
use std::time::{Duration, Instant};
use transport::WireOptions;
use transport::lobby::LobbyError;
use transport::weather::{Weather, WeatherStation};

/// The map that post and lane are on.
const MAP: &str = "crossfire";
/// Longest time that one shot may take with everything that belongs to it: flying there, dying, coming back.
const PER_SHOT: Duration = Duration::from_secs(20);

/// Options of `lab rail`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server's lobby.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// Wires to shoot over, one after the other.
    #[arg(long, value_name = "WIRES", value_delimiter = ',', default_value = "udp,websocket")]
    pub transport: Vec<Transport>,
    /// Weather on the way of the shooter; may be given several times. Without it: calm, 150 ms round trip, bad.
    #[arg(long, value_name = "WEATHER")]
    pub weather: Vec<Weather>,
    /// Shots per row.
    #[arg(long, value_name = "N", default_value = "40", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub shots: u32,
    /// Pairs that shoot at the same time.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub pairs: u32,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// One series of shots.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The shooter's wire.
    pub transport: String,
    /// The shooter's weather, as it is typed.
    pub weather: String,
    /// Whether the server compensated.
    pub compensated: bool,
    /// Shots that the server fired.
    pub shots: u32,
    /// Those that were on target in the shooter's picture.
    pub on_target: u32,
    /// Those among them that hit.
    pub hits: u32,
    /// Their share.
    pub share: f64,
    /// How far behind its command the shooter saw the ship, median and most, milliseconds.
    pub seen_ms: [f64; 2],
    /// How far back the server looked, median and most, milliseconds.
    pub rewound_ms: [f64; 2],
    /// The shooter's smoothed round trip at the end, milliseconds.
    pub round_trip_ms: f64,
}

/// Everything that was shot.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// By wire, weather, and with compensation first.
    pub rows: Vec<Row>,
}

/// Shoots and prints what came of it.
///
/// # Errors
/// A sentence: the server is unreachable, or the pairs never got to shoot.
pub fn run(options: &Options) -> Result<(), String> {
    let outcome = shoot(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&outcome).map_err(|error| error.to_string())?);
    }
    Ok(())
}

/// Shoots every series.
///
/// # Errors
/// A sentence.
pub fn shoot(options: &Options) -> Result<Outcome, String> {
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    let field = Field::open(runtime.handle(), &options.server, WireOptions::default(), None)?;
    let mut outcome = Outcome::default();
    if !options.json {
        println!(
            "wire       compensated   shots   on target   hits     share   saw p50 /  most   looked back / most   round trip   weather (ms)"
        );
    }
    for &transport in &options.transport {
        for weather in weathers(options)? {
            for compensated in [true, false] {
                let row = runtime.block_on(series(&field, options, transport, weather, compensated))?;
                if !options.json {
                    println!("{}", row.line());
                }
                outcome.rows.push(row);
            }
        }
    }
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome)
}

fn weathers(options: &Options) -> Result<Vec<Weather>, String> {
    if !options.weather.is_empty() {
        return Ok(options.weather.clone());
    }
    ["calm", "delay=75,jitter=4,seed=1", "bad"]
        .map(|text| text.parse::<Weather>().map_err(|e| e.to_string()))
        .into_iter()
        .collect()
}

/// Shoots one series.
async fn series(
    field: &Field,
    options: &Options,
    transport: Transport,
    weather: Weather,
    compensated: bool,
) -> Result<Row, String> {
    let through = Field { weather: Some(WeatherStation::new(weather)), ..field.clone() };
    let mut duels = Vec::new();
    for seed in 0..options.pairs {
        let duel = pair(field, &through, transport, u64::from(seed)).await;
        let mut duel = duel.map_err(|error| error.to_string())?;
        duel.shooter.set_rewind(compensated, true);
        duels.push(duel);
    }
    let (start, mut next) = (Instant::now(), Instant::now());
    let most = PER_SHOT * (options.shots / options.pairs + 2);
    let fired = |duels: &[Duel]| duels.iter().map(|duel| duel.shots.len()).sum::<usize>() as u32;
    while fired(&duels) < options.shots {
        if start.elapsed() > most {
            return Err(format!("Only {} of {} shots came about in {most:?}.", fired(&duels), options.shots));
        }
        let now = Instant::now();
        for duel in &mut duels {
            duel.step(now)?;
        }
        wait_step(&mut next);
    }
    let row = tally(&duels, transport, weather, compensated);
    let now = Instant::now();
    duels.iter_mut().for_each(|duel| {
        duel.shooter.leave(now);
        duel.target.leave(now);
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    Ok(row)
}

/// Opens a room and seats the two of a pair.
async fn pair(field: &Field, through: &Field, transport: Transport, seed: u64) -> Result<Duel, LobbyError> {
    let shooter = field.lobby.guest("Shooter").await?;
    let target = field.lobby.guest("Target").await?;
    let wish = NewRoom {
        name: Some("Rail range".into()),
        map: Some(MAP.into()),
        seats: Some(2),
        bots: Some(0),
        match_seconds: Some(3_600),
        score_limit: Some(1_000),
        ..NewRoom::default()
    };
    let room = field.lobby.open_room(&shooter, &wish).await?.room.id;
    let shooter = through.join_as(shooter, room, Some(transport), seed).await?;
    let target = field.join_as(target, room, Some(Transport::Udp), seed).await?;
    Ok(Duel::new(shooter.player, target.player, seed))
}

fn tally(duels: &[Duel], transport: Transport, weather: Weather, compensated: bool) -> Row {
    let shots = || duels.iter().flat_map(|duel| &duel.shots);
    let on_target = shots().filter(|shot| shot.on_target).count() as u32;
    let hits = shots().filter(|shot| shot.on_target && shot.hit).count() as u32;
    let now = Instant::now();
    let trips: Vec<_> = duels.iter().filter_map(|duel| duel.shooter.status(now).round_trip).collect();
    let round_trip = trips.iter().sum::<Duration>() / trips.len().max(1) as u32;
    Row {
        transport: transport.to_string(),
        weather: weather.to_string(),
        compensated,
        shots: shots().count() as u32,
        on_target,
        hits,
        share: f64::from(hits) / f64::from(on_target.max(1)),
        seen_ms: middle_and_most(shots().map(|shot| shot.seen)),
        rewound_ms: middle_and_most(shots().map(|shot| shot.behind)),
        round_trip_ms: round_trip.as_secs_f64() * 1_000.0,
    }
}

/// Returns median and most of `times`, milliseconds; zeros for none.
fn middle_and_most(times: impl Iterator<Item = Duration>) -> [f64; 2] {
    let mut times: Vec<_> = times.collect();
    times.sort();
    let at = |index: usize| times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    [at(times.len() / 2), at(times.len().saturating_sub(1))]
}

impl Row {
    fn line(&self) -> String {
        format!(
            "{:<10} {:<13} {:>5} {:>11} {:>6} {:>7.1} % {:>9.1} / {:>5.1} {:>11.1} / {:>5.1} {:>11.1}   {}",
            self.transport,
            if self.compensated { "yes" } else { "no" },
            self.shots,
            self.on_target,
            self.hits,
            self.share * 100.0,
            self.seen_ms[0],
            self.seen_ms[1],
            self.rewound_ms[0],
            self.rewound_ms[1],
            self.round_trip_ms,
            self.weather
        )
    }
}
