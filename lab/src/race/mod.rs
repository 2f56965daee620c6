//! `lab race`: for every wire and a list of weathers, the same bots fly the same match; what comes out is a table, JSON, and a report
//! with plots.
//!
//! Wires are flown one after the other, so that they do not disturb each other, each on a server of its own that begins the same match
//! from the same seed, in weather of the same seed, with keys pressed at the same moments. What is measured and how is said in
//! [`figures`]; times on the server are known from an observer that sits beside it, see [`truth`].
//!
//! ```text
//! options ─ for every weather and wire ─ place (server, weather) ─ flight (player, observer) ─ figures ─┬─ table
//!                                                                    │                                  ├─ JSON
//!                                                                    └─ truth, presses                  └─ page
//! ```
//!
//! Flow: command line → [`run`] → here.

mod figures;
mod flight;
mod goals;
mod host;
mod options;
mod page;
mod place;
mod presses;
mod table;
mod truth;

pub use options::Options;

use figures::Row;
use goals::Verdict;
use options::Course;
use place::Place;
use protocol::Transport;
use serde::Serialize;

/// Everything that was flown.
#[derive(Debug, Serialize)]
struct Race {
    /// Seconds per row.
    seconds: u32,
    /// Snapshots per second.
    snapshot_hz: u32,
    /// Bots in the match.
    bots: u8,
    /// Seed of everything.
    seed: u64,
    /// One per weather, link and wire.
    rows: Vec<Row>,
    /// What is promised of them.
    promises: Vec<Verdict>,
}

impl Race {
    /// Returns the rows of each weather and link together, in the order flown.
    fn by_course(&self) -> Vec<Vec<&Row>> {
        let mut groups: Vec<Vec<&Row>> = Vec::new();
        for row in &self.rows {
            let same = |group: &&mut Vec<&Row>| group.iter().all(|r| r.course == row.course && r.link == row.link);
            match groups.iter_mut().find(same) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        groups
    }

    /// Returns the rows that were flown over the model and over the real link.
    fn pairs(&self) -> Vec<(&Row, &Row)> {
        let real =
            |model: &Row| self.rows.iter().find(|r| r.link == REAL && r.course == model.course && r.wire == model.wire);
        let models = self.rows.iter().filter(|row| row.link == MODEL);
        models.filter_map(|model| Some((model, real(model)?))).collect()
    }
}

const MODEL: &str = "model";
const REAL: &str = "real";

/// Races and prints.
///
/// # Errors
/// A sentence: a name that is not known, a server that cannot be reached, or a wire that nobody got in over.
pub fn run(options: &Options) -> Result<(), String> {
    let race = fly(options)?;
    if let Some(file) = &options.report {
        std::fs::write(file, page::write(&race))
            .map_err(|error| format!("Could not write the report to {}: {error}.", file.display()))?;
        eprintln!("report written to {}", file.display());
    }
    if options.json {
        println!("{}", serde_json::to_string(&race).map_err(|error| error.to_string())?);
    } else {
        table::print(&race);
    }
    Ok(())
}

fn fly(options: &Options) -> Result<Race, String> {
    let (courses, wires) = (options.courses()?, options.wires());
    let links: &[&'static str] = match (options.compare, options.real) {
        (true, _) => &[MODEL, REAL],
        (false, true) => &[REAL],
        (false, false) => &[MODEL],
    };
    let all = courses.len() * wires.len() * links.len();
    let mut rows = Vec::with_capacity(all);
    for course in &courses {
        for link in links {
            for wire in &wires {
                eprintln!("{:>3} of {all}: {} over {wire} ({link})", rows.len() + 1, course.name);
                rows.push(fly_row(course, *wire, link, options)?);
            }
        }
    }
    let promises = goals::verdicts(&rows);
    let Options { seconds, snapshot_hz, bots, seed, .. } = *options;
    Ok(Race { seconds, snapshot_hz, bots, seed, rows, promises })
}

fn fly_row(course: &Course, wire: Transport, link: &str, options: &Options) -> Result<Row, String> {
    let place = if link == REAL { Place::real(course, options)? } else { Place::model(course, options)? };
    // On a thread of its own, which may take precedence without passing anything of that on to servers and network threads.
    let flown = std::thread::scope(|scope| scope.spawn(|| flight::fly(&place, wire, options)).join());
    let track = flown.unwrap_or_else(|_| Err("The flight was broken off.".into()));
    place.close();
    let row = Row::of(&track?, course, wire.name(), link);
    row.ok_or_else(|| format!("Nothing was seen of `{}` over {wire}.", course.name))
}
