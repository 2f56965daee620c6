//! `lab tun compare`: does the weather's model of TCP stall as long as the kernel's TCP does?
//!
//! For every loss and every delay the same load flies over both at the same time, with several seeds, and the median, the 95th and
//! the 99th percentile of the messages' ages are put side by side. Runs in which the router itself was late are flown again.
//!
//! Flow: command line -> [`run`] -> `ages.rs` -> table, JSON, Markdown.

use super::ages::{self, BYTES, Flight, Load, RATE};
use crate::report::{Percentiles, Times};
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use transport::weather::{Conditions, Weather};

/// A run in which one packet of a hundred was handed out later than this, milliseconds, is not one to compare with.
const TOO_LATE_MS: f64 = 2.0;
/// How often a run is flown until the router was punctual.
const ATTEMPTS: u32 = 4;
/// The difference between model and kernel up to which they agree, share.
const AGREES: f64 = 0.2;

/// Options of `lab tun compare`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Losses, percent, independent, each way.
    #[arg(long, value_name = "PERCENT,…", value_delimiter = ',', default_value = "0,1,2,5,10", value_parser = percent)]
    pub loss: Vec<f64>,
    /// Delays, milliseconds, each way: half of the round trip.
    #[arg(long, value_name = "MS,…", value_delimiter = ',', default_value = "10,20,25,40,50", value_parser = milliseconds)]
    pub delay: Vec<f64>,
    /// Jitter, milliseconds, up and down.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub jitter: f64,
    /// Seconds of each run that count.
    #[arg(long, value_name = "S", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// Runs of each cell, each with a seed of its own.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub seeds: u32,
    /// Connections of each run.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub links: u32,
    /// Cells that are measured at the same time.
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=25))]
    pub at_once: u32,
    /// Who paces the kernel's connections (reno, cubic, bbr); otherwise the system's default.
    #[arg(long, value_name = "NAME")]
    pub congestion: Option<String>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write the table as Markdown into this file.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// One cell of the comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cell {
    /// Loss each way, percent.
    pub loss_percent: f64,
    /// Delay each way, milliseconds.
    pub delay_ms: f64,
    /// Ages over the kernel, all runs together.
    pub kernel_ms: Percentiles,
    /// Ages over the model, all runs together.
    pub model_ms: Percentiles,
    /// Ages over the kernel, run by run.
    pub kernel_runs_ms: Vec<Percentiles>,
    /// Messages counted over the kernel.
    pub messages: u64,
    /// Share of packets lost over the kernel and over the model, 0 to 1.
    pub lost: [f64; 2],
    /// By how much the router was late, at its worst run.
    pub late_ms: Percentiles,
    /// Runs that were flown again because it was too late.
    pub discarded: u32,
    /// Runs that stayed too late.
    pub late_runs: u32,
    /// Who paced the kernel's connections.
    pub congestion: String,
}

/// A percentile of both.
struct Pair {
    kernel: f64,
    model: f64,
    /// How far apart the kernel's own runs are: largest less smallest over their mean.
    spread: f64,
}

impl Pair {
    fn difference(&self) -> f64 {
        self.model / self.kernel.max(0.001) - 1.0
    }

    fn agrees(&self) -> bool {
        self.difference().abs() <= AGREES
    }
}

impl Cell {
    /// Returns median, 95th and 99th percentile.
    fn pairs(&self) -> [Pair; 3] {
        let pick: [fn(&Percentiles) -> f64; 3] = [|p| p.p50, |p| p.p95, |p| p.p99];
        pick.map(|pick| {
            let runs: Vec<f64> = self.kernel_runs_ms.iter().map(pick).collect();
            let (least, most) =
                runs.iter().fold((f64::MAX, 0.0_f64), |(least, most), run| (least.min(*run), most.max(*run)));
            let mean = runs.iter().sum::<f64>() / runs.len().max(1) as f64;
            let spread = if mean > 0.0 { (most - least) / mean } else { 0.0 };
            Pair { kernel: pick(&self.kernel_ms), model: pick(&self.model_ms), spread }
        })
    }

    fn verdict(&self) -> &'static str {
        let pairs = self.pairs();
        if pairs.iter().all(Pair::agrees) {
            "agrees"
        } else if pairs.iter().all(|pair| pair.agrees() || pair.spread > AGREES) {
            "kernel varies"
        } else {
            "differs"
        }
    }
}

/// Compares and prints.
///
/// # Errors
/// A sentence: no link can be opened, a connection broke, or the file cannot be written.
pub fn run(options: &Options) -> Result<(), String> {
    let cells = measure(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&cells).map_err(|error| error.to_string())?);
    } else {
        println!("{}", table(options, &cells));
    }
    match &options.markdown {
        Some(path) => std::fs::write(path, table(options, &cells)).map_err(|e| format!("{}: {e}", path.display())),
        None => Ok(()),
    }
}

/// Measures all cells, some at the same time.
///
/// # Errors
/// A sentence: no link can be opened, or a connection broke.
pub fn measure(options: &Options) -> Result<Vec<Cell>, String> {
    let delays = options.delay.iter();
    let places: Vec<(f64, f64)> = delays.flat_map(|delay| options.loss.iter().map(|loss| (*delay, *loss))).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(delay, loss)) = places.get(index) else { return Ok(done) };
            done.push((index, cell(options, delay, loss)?));
        }
    };
    let mut cells = thread::scope(|scope| {
        let workers: Vec<_> = (0..options.at_once).map(|_| scope.spawn(worker)).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("A run panicked.".to_owned())));
        joined.collect::<Result<Vec<_>, String>>()
    })?;
    let mut all: Vec<(usize, Cell)> = cells.drain(..).flatten().collect();
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, cell)| cell).collect())
}

fn cell(options: &Options, delay_ms: f64, loss_percent: f64) -> Result<Cell, String> {
    let load = Load { links: options.links, seconds: options.seconds };
    let mut cell = Cell { loss_percent, delay_ms, ..Cell::default() };
    let (mut kernel, mut model) = (Times::default(), Times::default());
    for seed in 1..=u64::from(options.seeds) {
        let conditions = Conditions { delay_ms, loss_percent, jitter_ms: options.jitter, ..Conditions::CALM };
        let weather = Weather { seed, ..Weather::even(conditions) };
        let (over_kernel, over_model) = thread::scope(|scope| {
            let real = scope.spawn(|| punctual(weather, load, options, &mut cell));
            let modelled = ages::over_model(weather, load);
            (real.join().unwrap_or_else(|_| Err("A run panicked.".to_owned())), modelled)
        });
        let (over_kernel, over_model) = (over_kernel?, over_model?);
        cell.kernel_runs_ms.push(over_kernel.ages.percentiles());
        kernel.merge(&over_kernel.ages);
        model.merge(&over_model.ages);
        let runs = f64::from(options.seeds);
        cell.lost = [cell.lost[0] + over_kernel.lost / runs, cell.lost[1] + over_model.lost / runs];
        cell.congestion = over_kernel.congestion;
    }
    cell.messages = kernel.count();
    (cell.kernel_ms, cell.model_ms) = (kernel.percentiles(), model.percentiles());
    Ok(cell)
}

/// Flies over the kernel until the router was punctual, or often enough.
fn punctual(weather: Weather, load: Load, options: &Options, cell: &mut Cell) -> Result<Flight, String> {
    let mut attempt = 1;
    loop {
        let flight = ages::over_kernel(weather, load, options.congestion.as_deref())?;
        let late = flight.late.p99 > TOO_LATE_MS;
        if !late || attempt == ATTEMPTS {
            cell.late_runs += u32::from(late);
            if flight.late.p99 > cell.late_ms.p99 {
                cell.late_ms = flight.late;
            }
            return Ok(flight);
        }
        cell.discarded += 1;
        attempt += 1;
    }
}

/// Returns the comparison as a table in Markdown, with a line about how it was made.
fn table(options: &Options, cells: &[Cell]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{RATE} messages of {BYTES} bytes per second, one way, {} connections, {} seeds of {} s each; the kernel's congestion \
         control: {}. Ages in milliseconds, kernel / model, difference.\n",
        options.links,
        options.seeds,
        options.seconds,
        cells.first().map_or("", |cell| &cell.congestion),
    );
    text.push_str("| round trip | loss | median | | 95th | | 99th | | kernel's own spread | |\n");
    text.push_str("|---:|---:|---:|---:|---:|---:|---:|---:|---|---|\n");
    for cell in cells {
        let pairs = cell.pairs();
        let _ = write!(text, "| {} ms | {} % |", 2.0 * cell.delay_ms, cell.loss_percent);
        for pair in &pairs {
            let _ = write!(text, " {:.1} / {:.1} | {:+.0} % |", pair.kernel, pair.model, 100.0 * pair.difference());
        }
        let [p50, p95, p99] = pairs.map(|pair| (100.0 * pair.spread).round());
        let _ = writeln!(text, " {p50} / {p95} / {p99} % | {} |", cell.verdict());
    }
    let worst = cells.iter().map(|cell| cell.late_ms.p99).fold(0.0, f64::max);
    let (discarded, late) = cells.iter().fold((0, 0), |(d, l), cell| (d + cell.discarded, l + cell.late_runs));
    let agree = cells.iter().filter(|cell| cell.verdict() == "agrees").count();
    let _ = writeln!(
        text,
        "\n{agree} of {} cells agree within {:.0} %. The router's own lateness (p99) was at most {worst:.2} ms; {discarded} runs were \
         flown again, {late} stayed late.",
        cells.len(),
        100.0 * AGREES,
    );
    text
}

fn percent(text: &str) -> Result<f64, String> {
    within(text, 90.0)
}

fn milliseconds(text: &str) -> Result<f64, String> {
    within(text, 500.0)
}

fn within(text: &str, most: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=most).contains(&number) { Ok(number) } else { Err(format!("from 0 to {most}")) }
}
