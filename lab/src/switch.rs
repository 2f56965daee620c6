//! `lab switch`: one player that changes its wire over and over, over every ordered pair, and checks that nothing is lost.
//!
//! The player says numbered lines and listens for them: each must come back once, in order. Around every change the longest time
//! between two new snapshots is measured.
//!
//! Flow: command line → [`run`] → [`crate::pilot::Pilot`] → table, JSON.

use crate::pilot::{Field, Pilot, places, wait_step};
use crate::report::{Percentiles, Times};
use crate::wires::WireArgs;
use clap::Args;
use protocol::Transport;
use protocol::wire::event::ServerEvent;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use transport::player::PlayerEvent;
use transport::weather::{Weather, WeatherStation};

/// The wires in an order that goes once through every ordered pair, round and round, beginning behind the first wire.
const TOUR: [Transport; PAIRS] = {
    let wires = Transport::WIRES;
    // From each wire to each later one and back, the last one excepted: from there it goes on to the next wire's turn.
    let mut tour = [wires[0]; PAIRS];
    let (mut at, mut one) = (0, 0);
    while one < wires.len() {
        let mut other = one + 1;
        while other < wires.len() {
            // The player is on the first wire already, so all is one stop earlier.
            tour[(at + PAIRS - 1) % PAIRS] = wires[one];
            tour[at] = wires[other];
            at += 2;
            other += 1;
        }
        one += 1;
    }
    tour
};
/// Ordered pairs of different wires.
const PAIRS: usize = Transport::WIRES.len() * (Transport::WIRES.len() - 1);
/// How long a change may take before it counts as failed.
const SWITCH_DEADLINE: Duration = Duration::from_secs(5);
/// How long after a change its gap is still looked for: the old link's grace.
const AFTERMATH: Duration = Duration::from_millis(400);
/// Time between two lines: below the server's allowance.
const SAY_EVERY: Duration = Duration::from_millis(350);
/// How long lines may still be on their way at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Options of `lab switch`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The server's lobby.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// Seconds to fly.
    #[arg(long, value_name = "S", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Seconds between two changes.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub every: f64,
    /// Weather on the way: a name (calm, lan, home, mobile, hotel, train, satellite, bad) or settings, as in
    /// `delay=40,jitter=8,loss=5,burst=3,reorder=1,dup=0,rate=0,seed=7`.
    #[arg(long, value_name = "WEATHER")]
    pub weather: Option<Weather>,
    /// What is chosen about single wires.
    #[command(flatten)]
    pub wires: WireArgs,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.5..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| format!("`{text}` is not a number of seconds from 0.5 to 3600"))
}

/// What the changes did.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Weather on the way, as it is typed; none without.
    pub weather: Option<String>,
    /// Changes that were asked for.
    pub switches: u64,
    /// Changes that did not come about.
    pub failed: u64,
    /// Lines that never came back.
    pub reliable_lost: u64,
    /// Lines that came back more than once, or out of order.
    pub reliable_doubled: u64,
    /// Lines said.
    pub reliable_sent: u64,
    /// Messages that could not be used.
    pub decode_errors: u64,
    /// Times between two new snapshots around a change, longest per change, all pairs.
    pub snapshot_gap_ms: Percentiles,
    /// The same per ordered pair, `from-to`.
    pub pairs: BTreeMap<String, Pair>,
}

/// Changes from one wire to another.
#[derive(Debug, Default, Serialize)]
pub struct Pair {
    /// How many.
    pub switches: u64,
    /// Longest time between two new snapshots, per change.
    pub snapshot_gap_ms: Percentiles,
    /// From the wish to the first snapshot over the new wire.
    pub takes_ms: Percentiles,
}

/// Flies one switching player and prints what came of it.
///
/// # Errors
/// A sentence: the server is unreachable, or something was lost.
pub fn run(options: &Options) -> Result<(), String> {
    let outcome = fly(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&outcome).map_err(|error| error.to_string())?);
    } else {
        print_table(&outcome);
    }
    let clean = outcome.failed == 0 && outcome.reliable_lost == 0 && outcome.reliable_doubled == 0;
    if clean { Ok(()) } else { Err("Not every change went through without loss.".to_owned()) }
}

/// Flies one switching player.
///
/// # Errors
/// A sentence.
pub fn fly(options: &Options) -> Result<Outcome, String> {
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    let weather = options.weather.map(WeatherStation::new);
    let field = Field::open(runtime.handle(), &options.server, options.wires.options(), weather)?;
    let pilot = runtime.block_on(async {
        let rooms = places(&field.lobby, None, 1).await?;
        let room = rooms.first().copied().unwrap_or_default();
        field.join(room, "Switcher", Some(Transport::Udp), 1).await
    });
    let mut tour = Tour::new(pilot.map_err(|error| error.to_string())?);
    tour.arrive()?;
    tour.fly(Duration::from_secs(u64::from(options.seconds)), Duration::from_secs_f64(options.every), options.json)?;
    let mut outcome = tour.outcome();
    outcome.weather = options.weather.map(|weather| weather.to_string());
    tour.pilot.player.leave(Instant::now());
    std::thread::sleep(Duration::from_millis(300));
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome)
}

/// A change that is under way or has just happened.
struct Change {
    from: Transport,
    to: Transport,
    wished: Instant,
    took: Option<Duration>,
    longest_gap: Duration,
}

#[derive(Default)]
struct Measured {
    gaps: Times,
    takes: Times,
}

struct Tour {
    pilot: Pilot,
    stops: usize,
    change: Option<Change>,
    last_snapshot: Option<Instant>,
    said: u64,
    heard: u64,
    last_heard: u64,
    doubled: u64,
    switches: u64,
    failed: u64,
    pairs: BTreeMap<(Transport, Transport), Measured>,
}

impl Tour {
    fn new(pilot: Pilot) -> Self {
        Self {
            pilot,
            stops: 0,
            change: None,
            last_snapshot: None,
            said: 0,
            heard: 0,
            last_heard: 0,
            doubled: 0,
            switches: 0,
            failed: 0,
            pairs: BTreeMap::new(),
        }
    }

    /// Flies until the first snapshots have come and the clock has settled.
    fn arrive(&mut self) -> Result<(), String> {
        let start = Instant::now();
        let mut next = start;
        while start.elapsed() < Duration::from_secs(2) || self.last_snapshot.is_none() {
            self.step(Instant::now())?;
            if start.elapsed() > SWITCH_DEADLINE * 2 {
                return Err("The server let us in but sends no snapshots.".to_owned());
            }
            wait_step(&mut next);
        }
        Ok(())
    }

    fn fly(&mut self, time: Duration, every: Duration, quiet: bool) -> Result<(), String> {
        let start = Instant::now();
        let (mut next, mut next_line, mut next_change) = (start, start, start);
        while start.elapsed() < time + LAST_WORDS {
            let now = Instant::now();
            self.step(now)?;
            let going = start.elapsed() < time;
            if going && now >= next_line {
                next_line = now + SAY_EVERY;
                self.said += 1;
                self.pilot.player.say(&format!("line {}", self.said));
            }
            if going && now >= next_change && self.change.is_none() {
                next_change += every;
                self.begin_change(now);
                if !quiet && self.switches.is_multiple_of(10) {
                    eprintln!("{:>5} s: {} switches, {} failed", start.elapsed().as_secs(), self.switches, self.failed);
                }
            }
            wait_step(&mut next);
        }
        Ok(())
    }

    fn begin_change(&mut self, now: Instant) {
        let Some(from) = self.pilot.player.status(now).driving else { return };
        let mut to = TOUR[self.stops % TOUR.len()];
        self.stops += 1;
        if to == from {
            to = TOUR[self.stops % TOUR.len()];
            self.stops += 1;
        }
        self.switches += 1;
        self.change = Some(Change { from, to, wished: now, took: None, longest_gap: Duration::ZERO });
        self.pilot.player.switch(to, now);
    }

    fn step(&mut self, now: Instant) -> Result<(), String> {
        for event in self.pilot.update(now) {
            match event {
                PlayerEvent::Ended { why } => return Err(why),
                PlayerEvent::Drives { transport, .. } => self.arrived(transport, now),
                PlayerEvent::SwitchFailed { transport, why } => {
                    eprintln!("the change to {transport} failed: {why}");
                    self.failed += 1;
                    self.change = None;
                }
                PlayerEvent::Game(ServerEvent::Chat { seat, line }) if Some(seat) == self.pilot.player.seat() => {
                    self.hear(&line);
                }
                _ => {}
            }
        }
        let newest = self.pilot.player.status(now).last_snapshot;
        if newest != self.last_snapshot {
            if let Some((newest, before)) = newest.zip(self.last_snapshot)
                && let Some(change) = &mut self.change
            {
                change.longest_gap = change.longest_gap.max(newest.saturating_duration_since(before));
            }
            self.last_snapshot = newest;
        }
        self.finish_change(now);
        Ok(())
    }

    fn arrived(&mut self, transport: Transport, now: Instant) {
        if let Some(change) = &mut self.change
            && change.to == transport
        {
            change.took = Some(now.saturating_duration_since(change.wished));
        }
    }

    fn finish_change(&mut self, now: Instant) {
        let Some(change) = &self.change else { return };
        let passed = now.saturating_duration_since(change.wished);
        match change.took {
            Some(took) if passed >= took + AFTERMATH => {
                let measured = self.pairs.entry((change.from, change.to)).or_default();
                measured.gaps.add(change.longest_gap);
                measured.takes.add(took);
                self.change = None;
            }
            None if passed > SWITCH_DEADLINE => {
                eprintln!("the change from {} to {} did not come about in time", change.from, change.to);
                self.failed += 1;
                self.change = None;
            }
            _ => {}
        }
    }

    fn hear(&mut self, line: &str) {
        let number = line.strip_prefix("line ").and_then(|number| number.parse::<u64>().ok());
        match number {
            Some(number) if number > self.last_heard => {
                self.last_heard = number;
                self.heard += 1;
            }
            _ => self.doubled += 1,
        }
    }

    fn outcome(&self) -> Outcome {
        let mut all = Times::default();
        self.pairs.values().for_each(|measured| all.merge(&measured.gaps));
        let pair = |measured: &Measured| Pair {
            switches: measured.gaps.count(),
            snapshot_gap_ms: measured.gaps.percentiles(),
            takes_ms: measured.takes.percentiles(),
        };
        Outcome {
            weather: None,
            switches: self.switches,
            failed: self.failed,
            reliable_lost: self.said.saturating_sub(self.heard),
            reliable_doubled: self.doubled,
            reliable_sent: self.said,
            decode_errors: self.pilot.player.status(Instant::now()).decode_errors,
            snapshot_gap_ms: all.percentiles(),
            pairs: self.pairs.iter().map(|((from, to), measured)| (format!("{from}-{to}"), pair(measured))).collect(),
        }
    }
}

fn print_table(o: &Outcome) {
    let weather = o.weather.as_deref().map(|weather| format!("; weather {weather}")).unwrap_or_default();
    println!(
        "{} switches, {} failed; {} lines said, {} lost, {} doubled{weather}",
        o.switches, o.failed, o.reliable_sent, o.reliable_lost, o.reliable_doubled
    );
    println!("  longest time between snapshots around a change (ms)    change takes (ms)");
    println!("  {:<20} {:>5} {:>8} {:>8} {:>8}          {:>8} {:>8}", "pair", "n", "p50", "p99", "max", "p50", "max");
    for (name, pair) in &o.pairs {
        let (gap, takes) = (pair.snapshot_gap_ms, pair.takes_ms);
        let n = pair.switches;
        println!(
            "  {name:<20} {n:>5} {:>8.1} {:>8.1} {:>8.1}          {:>8.1} {:>8.1}",
            gap.p50, gap.p99, gap.max, takes.p50, takes.max
        );
    }
    let all = o.snapshot_gap_ms;
    println!("  {:<20} {:>5} {:>8.1} {:>8.1} {:>8.1}", "all", "", all.p50, all.p99, all.max);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_tour_goes_once_through_every_ordered_pair() {
        let from = [Transport::WIRES[0]].into_iter().chain(TOUR);
        let pairs: BTreeSet<_> = from.zip(TOUR).collect();
        assert_eq!(pairs.len(), PAIRS);
        assert!(pairs.iter().all(|(from, to)| from != to));
        assert_eq!(TOUR.last(), Transport::WIRES.first(), "the next round begins where the first did");
    }
}
