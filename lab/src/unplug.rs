//! `lab unplug`: pulls the cable of the driving wire over and over, and measures how long it takes until the match goes on over another
//! one; or pulls all cables for a while and looks whether seat and score are still there.
//!
//! Cables are pulled in the weather below the transports: nothing is closed and nobody is told, as when a network fails.
//!
//! Flow: command line → [`run`] → [`WeatherStation::unplug`] → [`crate::pilot::Pilot`] → table, JSON.

use crate::pilot::{Field, Pilot, places, wait_step};
use crate::report::{Percentiles, Times};
use crate::wires::WireArgs;
use clap::Args;
use protocol::Transport;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use transport::WeatherStation;
use transport::player::PlayerEvent;
use transport::weather::Weather;

/// Time between two pulls, in which everything is plugged in.
const BREATH: Duration = Duration::from_millis(1_500);
/// How long going on may take before it counts as failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// Options of `lab unplug`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server's lobby.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// How often the driving wire's cable is pulled.
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub times: u16,
    /// Wire whose cable is pulled each time, and that drives again before the next. Without it, whichever drives.
    #[arg(long, value_name = "WIRE")]
    pub wire: Option<Transport>,
    /// After that, seconds for which all cables are out.
    #[arg(long, value_name = "S", default_value = "20", value_parser = clap::value_parser!(u16).range(0..=600))]
    pub all: u16,
    /// Let the other wires carry the match along, so that one can take over without being dialled.
    #[arg(long)]
    pub shadows: bool,
    /// Weather on the way: a name (calm, lan, home, mobile, hotel, train, satellite, bad) or settings.
    #[arg(long, value_name = "WEATHER")]
    pub weather: Option<Weather>,
    /// What is chosen about single wires.
    #[command(flatten)]
    pub wires: WireArgs,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What pulling cables did.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Cables pulled.
    pub pulled: u64,
    /// Times that the match did not go on.
    pub failed: u64,
    /// From a pull to the first snapshot over another wire.
    pub plays_again_ms: Percentiles,
    /// How often each wire took over.
    pub over: BTreeMap<String, u64>,
    /// Seconds for which all cables were out.
    pub all_out_s: u16,
    /// From plugging in to the first snapshot; none without.
    pub back_after_ms: Option<u64>,
    /// The seat was still the same.
    pub same_seat: bool,
    /// The score was still the same, or had risen on the way out.
    pub score_kept: bool,
}

/// Pulls cables and prints what came of it.
///
/// # Errors
/// A sentence: the server is unreachable, or the match did not go on.
pub fn run(options: &Options) -> Result<(), String> {
    let outcome = fly(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&outcome).map_err(|error| error.to_string())?);
    } else {
        print_table(&outcome);
    }
    let back = outcome.same_seat && outcome.score_kept && (options.all == 0 || outcome.back_after_ms.is_some());
    if outcome.failed == 0 && back { Ok(()) } else { Err("The match did not always go on.".to_owned()) }
}

fn fly(options: &Options) -> Result<Outcome, String> {
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    let station = WeatherStation::new(options.weather.unwrap_or(Weather::CALM));
    let field = Field::open(runtime.handle(), &options.server, options.wires.options(), Some(station.clone()))?;
    let pilot = runtime.block_on(async {
        let rooms = places(&field.lobby, None, 1).await?;
        let room = rooms.first().copied().unwrap_or_default();
        field.join(room, "Unplugged", Some(options.wire.unwrap_or(Transport::Udp)), 1).await
    });
    let mut hand = Hand { pilot: pilot.map_err(|error| error.to_string())?, station, lost: None };
    hand.fly_until(DEADLINE, |hand| hand.pilot.player.view().is_some())
        .ok_or("The server did not seat the player in time.")?;
    if options.shadows {
        hand.pilot.player.shadow(&Transport::WIRES, Instant::now());
    }
    let mut outcome = Outcome { same_seat: true, score_kept: true, all_out_s: options.all, ..Outcome::default() };
    let mut times = Times::default();
    for pull in 1..=options.times {
        let Some(took) = hand.pull(options.wire, &mut outcome) else { continue };
        times.add(took);
        if !options.json {
            eprintln!("{pull:>5}: plays again after {:.0} ms", took.as_secs_f64() * 1e3);
        }
    }
    outcome.plays_again_ms = times.percentiles();
    if options.all > 0 {
        hand.pull_all(Duration::from_secs(u64::from(options.all)), &mut outcome);
    }
    hand.pilot.player.leave(Instant::now());
    std::thread::sleep(Duration::from_millis(300));
    runtime.shutdown_timeout(Duration::from_secs(1));
    hand.lost.map_or(Ok(outcome), Err)
}

/// The hand at the cables.
struct Hand {
    pilot: Pilot,
    station: WeatherStation,
    /// Why it is over, if it is.
    lost: Option<String>,
}

impl Hand {
    fn step(&mut self) {
        for event in self.pilot.update(Instant::now()) {
            if let PlayerEvent::Ended { why } = event {
                self.lost.get_or_insert(why);
            }
        }
    }

    /// Flies until `done`, and returns how long that took; none if it takes longer than `most` or all is over.
    fn fly_until(&mut self, most: Duration, done: impl Fn(&Self) -> bool) -> Option<Duration> {
        let (start, mut next) = (Instant::now(), Instant::now());
        while start.elapsed() < most && self.lost.is_none() {
            self.step();
            if done(self) {
                return Some(start.elapsed());
            }
            wait_step(&mut next);
        }
        None
    }

    fn driving(&self) -> Option<Transport> {
        self.pilot.player.status(Instant::now()).driving
    }

    fn seen_since(&self, moment: Instant) -> bool {
        self.pilot.player.status(Instant::now()).last_snapshot.is_some_and(|at| at > moment)
    }

    fn standing(&self) -> (Option<game::SeatId>, u16) {
        let player = &self.pilot.player;
        (player.seat(), player.view().and_then(|view| view.own).map_or(0, |(_, ship)| ship.score))
    }

    /// Pulls the cable of `wire`, or of the driving one, and returns how long it took until another one showed the match.
    fn pull(&mut self, wire: Option<Transport>, outcome: &mut Outcome) -> Option<Duration> {
        let wire = match wire {
            Some(wire) => {
                self.pilot.player.switch(wire, Instant::now());
                self.fly_until(DEADLINE, |hand| hand.driving() == Some(wire));
                wire
            }
            None => self.driving()?,
        };
        self.fly_until(BREATH, |_| false);
        self.station.unplug(Some(wire));
        let pulled = Instant::now();
        outcome.pulled += 1;
        let took = self.fly_until(DEADLINE, |hand| {
            hand.driving().is_some_and(|driving| driving != wire) && hand.seen_since(pulled)
        });
        self.station.plug_in(None);
        match self.driving().filter(|_| took.is_some()) {
            Some(over) => *outcome.over.entry(over.to_string()).or_default() += 1,
            None => outcome.failed += 1,
        }
        took
    }

    /// Pulls all cables for `time`.
    fn pull_all(&mut self, time: Duration, outcome: &mut Outcome) {
        self.fly_until(BREATH, |_| false);
        let (seat, score) = self.standing();
        self.station.unplug(None);
        self.fly_until(time, |_| false);
        self.station.plug_in(None);
        let plugged = Instant::now();
        let back = self.fly_until(DEADLINE, |hand| hand.driving().is_some() && hand.seen_since(plugged));
        outcome.back_after_ms = back.map(|back| back.as_millis() as u64);
        let (seat_now, score_now) = self.standing();
        outcome.same_seat = seat.is_some() && seat == seat_now;
        outcome.score_kept = score_now >= score;
    }
}

fn print_table(o: &Outcome) {
    println!("{} cables pulled, {} times the match did not go on", o.pulled, o.failed);
    println!("  plays again after  {}", o.plays_again_ms.line());
    let over: Vec<_> = o.over.iter().map(|(wire, times)| format!("{wire} {times}")).collect();
    println!("  took over          {}", over.join(", "));
    if o.all_out_s > 0 {
        let back = o.back_after_ms.map_or("never".to_owned(), |ms| format!("{ms} ms"));
        let (seat, score) = (if o.same_seat { "same" } else { "lost" }, if o.score_kept { "kept" } else { "lost" });
        println!("  all out for {} s    back after {back}, seat {seat}, score {score}", o.all_out_s);
    }
}
