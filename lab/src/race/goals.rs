//! What is promised for the `acceptance` weathers, and whether a row keeps it.
//!
//! Flow: `mod.rs` → [`verdicts`] → `table.rs`, `page/`.

use super::figures::Row;
use serde::Serialize;

/// One promise and what was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    /// Weather, link, wire and figure.
    pub(super) what: String,
    /// Measured.
    pub(super) measured: f64,
    /// At most this was promised.
    pub(super) goal: f64,
    /// Whether the promise is kept.
    pub(super) kept: bool,
}

type Figure = (&'static str, fn(&Row) -> f64);

const AGE: Figure = ("picture age p99, ms", |row| row.picture_age_ms.p99);
const APPLIED: Figure = ("key press to applied p50, ms", |row| row.presses.applied_ms.p50);
const APPLIED_LATE: Figure = ("key press to applied p99, ms", |row| row.presses.applied_ms.p99);
const DELAY: Figure = ("interpolation delay, mean, ms", |row| row.interpolation.mean_ms);
const UNDERRUNS: Figure = ("interpolation underruns, %", |row| row.interpolation.underruns * 100.0);

/// Name of the weather, wire, figure, and the most that it may be.
const GOALS: [(&str, &str, Figure, f64); 12] = [
    ("50 ms", "udp", APPLIED, 58.0),
    ("50 ms", "udp", APPLIED_LATE, 72.0),
    ("50 ms", "udp", DELAY, 18.0),
    ("50 ms", "udp", UNDERRUNS, 1.0),
    ("50 ms, 2 %", "udp", AGE, 51.0),
    ("50 ms, 2 %", "quic", AGE, 53.0),
    ("50 ms, 2 %", "websocket", AGE, 103.0),
    ("50 ms, 2 %", "udp", DELAY, 27.0),
    ("50 ms, 2 %", "udp", UNDERRUNS, 1.0),
    ("100 ms, 5 %", "udp", AGE, 90.0),
    ("100 ms, 5 %", "quic", AGE, 92.0),
    ("100 ms, 5 %", "websocket", AGE, 225.0),
];

/// Compares rows with what is promised of them.
pub(super) fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let about = |row: &Row| {
        let goals = GOALS.into_iter().filter(|(course, wire, ..)| *course == row.course && *wire == row.wire);
        let verdict = |(course, wire, (name, figure), goal): (&str, &str, Figure, f64)| {
            let measured = figure(row);
            let what = format!("{course} ({}), {wire}: {name}", row.link);
            Verdict { what, measured, goal, kept: measured <= goal }
        };
        goals.map(verdict).collect::<Vec<_>>()
    };
    rows.iter().flat_map(about).collect()
}

#[cfg(test)]
mod tests {
    use super::super::options::Options;
    use super::*;
    use crate::report::Percentiles;

    #[test]
    fn every_goal_is_about_a_weather_that_acceptance_flies() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        let line = <Line as clap::Parser>::parse_from(["race", "--weathers", "acceptance"]);
        let courses = line.options.courses().expect("it is known");
        for (name, ..) in GOALS {
            assert!(courses.iter().any(|course| course.name == name), "{name}");
        }
    }

    #[test]
    fn a_promise_is_kept_up_to_its_limit() {
        let row = |p99| Row {
            course: "50 ms, 2 %".into(),
            wire: "quic".into(),
            picture_age_ms: Percentiles { p99, ..Percentiles::default() },
            ..Row::default()
        };
        let kept: Vec<bool> = verdicts(&[row(53.0), row(53.1)]).iter().map(|verdict| verdict.kept).collect();
        assert_eq!(kept, [true, false]);
        assert!(verdicts(&[Row { course: "bad".into(), ..row(1.0) }]).is_empty());
    }
}
