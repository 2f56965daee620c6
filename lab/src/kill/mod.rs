//! `lab kill`: kills a server over and over while players join and matches end, and checks that it keeps every promise.
//!
//! A promise is an answer or an event: a guest, a name, a result. Each must be in the file after the kill, and in the next server's
//! answers. No seat may be given twice, ratings must follow from the stored matches, and grants of the server before are worth nothing.
//!
//! Flow: command line → [`run`] → lives: [`Host`] · [`stream`] · [`matches`] → kill → [`check`] → table, JSON.

mod check;
mod ledger;
mod matches;
mod stream;

use crate::host::Host;
use crate::pilot::{Field, wait_step};
use clap::Args;
use matches::{Matches, PEOPLE, ROOMS};
use protocol::lobby::Guest;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Serialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use stream::Notes;
use tokio::runtime::Runtime;
use transport::WireOptions;

/// Shortest life: some kills come while everybody is still joining.
const SHORTEST: Duration = Duration::from_millis(50);

/// Options of `lab kill`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Times to kill the server.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub times: u32,
    /// Longest life, from ready to killed, in seconds; each is somewhere between nothing and this.
    #[arg(long, value_name = "S", default_value = "6", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub longest: u32,
    /// Seed of the moments.
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Keep the server's folder here, to look into it afterwards; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What was promised and what has become of it.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Times the server was killed.
    pub kills: u32,
    /// Guests that were acknowledged.
    pub guests: u64,
    /// Changes of names that were acknowledged.
    pub renames: u64,
    /// Rooms that were opened.
    pub rooms: u64,
    /// Grants that were given out.
    pub seats: u64,
    /// Results of matches that were told.
    pub results: u64,
    /// Those among them that moved ratings.
    pub rated: u64,
    /// Grants of the server before that were shown to the next one, and refused by it.
    pub old_grants_refused: u64,
    /// Faults (5xx) of the living server.
    pub refused: u64,
    /// Longest time from the start of the program to `ready`, milliseconds.
    pub slowest_start_ms: u64,
    /// Size of the database at the end, bytes.
    pub file_bytes: u64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Broken promises.
    pub faults: Vec<String>,
}

/// Kills, checks, and prints what came of it.
///
/// # Errors
/// A sentence: something could not be run, or a promise was broken.
pub fn run(options: &Options) -> Result<(), String> {
    let outcome = torture(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&outcome).map_err(|error| error.to_string())?);
    } else {
        print_table(&outcome);
    }
    match outcome.faults.len() {
        0 => Ok(()),
        broken => Err(format!("{broken} promises were broken.")),
    }
}

/// A folder that is gone in the end, unless it is to be kept.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The server's place, its people and its promises, over all lives.
struct Torture {
    folder: Folder,
    addresses: [String; 4],
    runtime: Runtime,
    notes: Notes,
    crew: Vec<Guest>,
    random: StdRng,
    outcome: Outcome,
}

fn torture(options: &Options) -> Result<Outcome, String> {
    let temporary = std::env::temp_dir().join(format!("crosswire-kill-{}", std::process::id()));
    let folder = Folder { kept: options.data.is_some(), path: options.data.clone().unwrap_or(temporary) };
    fs::create_dir(&folder.path).map_err(|error| format!("Cannot make `{}`: {error}.", folder.path.display()))?;
    let any = || "127.0.0.1:0".to_owned();
    let runtime =
        transport::runtime::runtime().map_err(|error| format!("Cannot start the network threads: {error}."))?;
    let mut torture = Torture {
        folder,
        addresses: [any(), any(), any(), any()],
        runtime,
        notes: Notes::default(),
        crew: Vec::new(),
        random: StdRng::seed_from_u64(options.seed),
        outcome: Outcome::default(),
    };
    let begun = Instant::now();
    for number in 0..options.times {
        torture.life(number, Duration::from_secs(u64::from(options.longest)))?;
        if (number + 1).is_multiple_of(10) {
            let ledger = torture.notes.ledger();
            let (guests, results) = (ledger.guests.len(), ledger.results.len());
            eprintln!("{:>5} kills: {guests} guests, {results} results", number + 1);
        }
    }
    // The last kill, too, must leave something that a server can open.
    let last = torture.start()?;
    torture.ask(&last)?;
    last.kill();
    Ok(torture.outcome(begun.elapsed()))
}

impl Torture {
    fn data(&self) -> PathBuf {
        self.folder.path.join("data")
    }

    /// Starts a server where the one before was, so that old grants lead to it.
    fn start(&mut self) -> Result<Host, String> {
        let log = File::options().create(true).append(true).open(self.folder.path.join("server.log"));
        let log = log.map_err(|error| format!("Cannot write a log: {error}."))?;
        let begun = Instant::now();
        let arguments = ["--data".as_ref(), self.data().as_os_str()].map(ToOwned::to_owned);
        let more = ["--bots", "0", "--max-rooms", "64"].map(Into::into);
        let host = Host::start(&self.addresses, arguments.into_iter().chain(more), Stdio::from(log));
        let host = host.map_err(|error| format!("{error} Its log ends with:\n{}", self.end_of_log()))?;
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.outcome.slowest_start_ms = self.outcome.slowest_start_ms.max(took);
        self.addresses = host.addresses().clone();
        Ok(host)
    }

    fn end_of_log(&self) -> String {
        let text = fs::read_to_string(self.folder.path.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// Asks a fresh server about what the one before has promised.
    fn ask(&self, host: &Host) -> Result<(), String> {
        let field = self.field(host)?;
        let (guests, results) = self.notes.ledger().turn();
        self.runtime.block_on(check::server(&field.lobby, &guests, &results, &self.notes));
        Ok(())
    }

    fn field(&self, host: &Host) -> Result<Field, String> {
        Field::open(self.runtime.handle(), &host.url(), WireOptions::default(), None)
    }

    /// Starts a server, checks it, keeps it busy, kills it, and checks what is left.
    fn life(&mut self, number: u32, longest: Duration) -> Result<(), String> {
        let host = self.start()?;
        self.ask(&host)?;
        let until = Instant::now() + self.random.random_range(SHORTEST..longest);
        let field = self.field(&host)?;
        let streams = {
            let _inside = self.runtime.enter();
            stream::start(&field.lobby, &self.notes, number)
        };
        let grants = std::mem::take(&mut self.notes.ledger().grants);
        let seated = self.runtime.block_on(async {
            tokio::time::timeout_at(until.into(), seat(&mut self.crew, &field, &self.notes, u64::from(number))).await
        });
        match seated {
            Ok(Ok(mut matches)) => {
                matches.haunt(&field, grants);
                let mut next = Instant::now();
                while Instant::now() < until {
                    matches.step(Instant::now());
                    wait_step(&mut next);
                }
                self.outcome.old_grants_refused += matches.ghosts_refused;
                host.kill();
            }
            Ok(Err(error)) => return Err(format!("Nobody could play: {error}")),
            // Killed while everybody was still joining.
            Err(_) => host.kill(),
        }
        self.outcome.kills += 1;
        // What was answered before the kill may still be on its way through the streams.
        self.runtime.block_on(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(streams);
        });
        check::file(&self.data(), &self.folder.path.join("copy"), &self.notes)
    }

    fn outcome(self, took: Duration) -> Outcome {
        let ledger = self.notes.ledger();
        Outcome {
            guests: ledger.guests.len() as u64,
            renames: ledger.renames,
            rooms: ledger.rooms,
            seats: ledger.seats,
            results: ledger.results.len() as u64,
            rated: ledger.results.values().filter(|result| result.rated).count() as u64,
            refused: ledger.refused,
            file_bytes: size(&self.data().join("crosswire.db")),
            seconds: took.as_secs_f64(),
            faults: self.notes.faults(),
            ..self.outcome
        }
    }
}

/// Seats the crew, which is the same in every life; the first server makes them guests.
async fn seat(
    crew: &mut Vec<Guest>,
    field: &Field,
    notes: &Notes,
    seed: u64,
) -> Result<Matches, transport::lobby::LobbyError> {
    while crew.len() < ROOMS * PEOPLE {
        let guest = field.lobby.guest(&format!("Crew {}", crew.len())).await?;
        notes.ledger().guest(&guest);
        crew.push(guest);
    }
    Matches::open(field, crew, notes, seed).await
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map(|found| found.len()).unwrap_or(0)
}

fn print_table(o: &Outcome) {
    println!("{} kills in {:.0} s, under a stream of joins and results", o.kills, o.seconds);
    println!("  guests             {:>10}     renames        {:>8}", o.guests, o.renames);
    println!("  rooms opened       {:>10}     grants         {:>8}", o.rooms, o.seats);
    println!("  results            {:>10}     rated          {:>8}", o.results, o.rated);
    println!("  old grants refused {:>10}     faults (5xx)   {:>8}", o.old_grants_refused, o.refused);
    println!("  slowest start      {:>7} ms     database       {:>5} KiB", o.slowest_start_ms, o.file_bytes / 1_024);
    println!("  broken promises    {:>10}", o.faults.len());
    o.faults.iter().take(10).for_each(|fault| println!("    {fault}"));
}
