//! `server matchmaking`: what would the matchmaker do with so many players? Played in virtual time over the very code that serves them, and
//! beside it, on the same arrivals, a plain queue that puts together whoever came first.
//!
//! Flow: the command line → [`Options`] → [`crowd`] → [`play`], twice → [`figures`] → a table on standard output.

mod crowd;
mod figures;
mod play;

use crate::matchmaker::Rules;
use clap::Args;
use clap::value_parser;
use figures::Figures;
use std::fmt::Write;
use std::time::Duration;

/// What `docs/MATCHMAKING.md` promises at the default arrivals: 95 % are found a match within this time.
pub const BOUND: Duration = Duration::from_secs(10);

/// The players of a dry run.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Options {
    /// Players in all.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub players: u32,
    /// Players who come per minute, on average.
    #[arg(long, value_name = "N", default_value = "600", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub per_minute: u32,
    /// Spread (standard deviation) of real strength, points: of two who are 236 apart the stronger wins 73 duels of 100.
    #[arg(long, value_name = "POINTS", default_value = "250", value_parser = value_parser!(u32).range(0..=2_000))]
    pub skill_spread: u32,
    /// Newcomers among the players, %: their rating says nothing yet.
    #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = value_parser!(u8).range(0..=100))]
    pub newcomers: u8,
    /// Parties of two to four among the tickets, %.
    #[arg(long, value_name = "PERCENT", default_value = "15", value_parser = value_parser!(u8).range(0..=100))]
    pub party_share: u8,
    /// Median round trip to the server, ms.
    #[arg(long, value_name = "MS", default_value = "45", value_parser = value_parser!(u32).range(1..=1_000))]
    pub round_trips: u32,
    /// Players who do not answer when a match is found, %.
    #[arg(long, value_name = "PERCENT", default_value = "3", value_parser = value_parser!(u8).range(0..=100))]
    pub no_answer: u8,
    /// Seed of all chances: the same one gives the same table.
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            players: 10_000,
            per_minute: 600,
            skill_spread: 250,
            newcomers: 10,
            party_share: 15,
            round_trips: 45,
            no_answer: 3,
            seed: 1,
        }
    }
}

/// Plays `options` and returns the table to print.
pub fn report(options: &Options) -> String {
    let arrivals = crowd::arrivals(options);
    let ours = play::play(&arrivals, Rules::default());
    let plain = play::play(&arrivals, Rules { choosy: false, ..Rules::default() });
    let Options { players, per_minute, skill_spread, newcomers, party_share, round_trips, no_answer, seed } = options;
    let figures = (Figures::of(&arrivals, &ours), Figures::of(&arrivals, &plain));
    let mut text = format!(
        "{players} players, {per_minute} per minute; skill spread {skill_spread} points; {newcomers} % newcomers; {party_share} % of \
         tickets are parties;\nmedian round trip {round_trips} ms; {no_answer} % do not answer; seed {seed}\n\n"
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<46}{:>12}{:>14}", "", "matchmaker", "first come");
    for ((name, ours), (_, plain)) in figures.0.rows().into_iter().zip(figures.1.rows()) {
        let _ = writeln!(text, "{name:<46}{ours:>12}{plain:>14}");
    }
    let held = if figures.0.found_p95 <= BOUND {
        "held"
    } else {
        "not held: too few players come, so that many wait for bots"
    };
    let (bound, p95) = (BOUND.as_secs(), figures.0.found_p95.as_secs_f64());
    let _ = writeln!(text, "\nBound: 95 % are found a match within {bound} s. Here {p95:.1} s: {held}.");
    let cost = ours.dearest_beat.as_secs_f64() * 1_000.0;
    let _ = writeln!(
        text,
        "At most {} players waited at once; the dearest beat took {cost:.1} ms here.",
        ours.longest_line
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(options: &Options) -> (Figures, Figures) {
        let arrivals = crowd::arrivals(options);
        let ours = play::play(&arrivals, Rules::default());
        let plain = play::play(&arrivals, Rules { choosy: false, ..Rules::default() });
        (Figures::of(&arrivals, &ours), Figures::of(&arrivals, &plain))
    }

    #[test]
    fn the_bound_holds_and_matches_are_better_than_first_come() {
        let (ours, plain) = figures(&Options { players: 3_000, ..Options::default() });
        assert!(ours.found_p95 <= BOUND, "{ours:?}");
        assert!(ours.pair_gap < plain.pair_gap * 0.8, "{ours:?} {plain:?}");
        assert!(ours.spread < plain.spread && ours.round_trips < plain.round_trips, "{ours:?} {plain:?}");
        assert!(ours.bots < 0.01, "{ours:?}");
    }

    #[test]
    fn where_few_come_bots_do() {
        let (ours, _) = figures(&Options { players: 100, per_minute: 2, ..Options::default() });
        let rules = Rules::default();
        assert!(ours.bots > 0.2, "{ours:?}");
        // Only those wait for longer who were let down by somebody else.
        assert!(ours.found_p95 <= rules.bots_after + rules.answer_within, "{ours:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_table() {
        let options = Options { players: 300, ..Options::default() };
        let table =
            |text: String| text.lines().take_while(|line| !line.starts_with("At most")).collect::<Vec<_>>().join("\n");
        assert_eq!(table(report(&options)), table(report(&options)));
        assert_ne!(table(report(&options)), table(report(&Options { seed: 2, ..options })));
    }
}
