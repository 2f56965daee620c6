//! The race as text.
//!
//! Flow: `mod.rs` → [`print`] → terminal.

use super::Race;
use super::figures::Row;

/// Relative difference between model and real link beyond which a figure is marked.
pub(super) const AGREE_WITHIN: f64 = 0.2;

/// Prints every row, weather by weather; then model and real side by side, if both were flown, and the promises, if there are any.
pub(super) fn print(race: &Race) {
    println!(
        "{} s per row, {} snapshots per second, {} bots, seed {}; picture age by the server's own time, in ms",
        race.seconds, race.snapshot_hz, race.bots, race.seed
    );
    for rows in race.by_course() {
        let Some(first) = rows.first() else { continue };
        println!(
            "\n{} ({}){}",
            first.course,
            first.weather,
            if first.link == "real" { ", over a real link" } else { "" }
        );
        println!(
            "  {:<10} {:>20}  {:>12}  {:>13}  {:>13}  {:>5}  {:>12}  {:>6}  {:>11}  {:>8}",
            "", "picture age", "stalls", "applied", "confirmed", "late", "shown behind", "corr.", "KB/s", "executed"
        );
        println!(
            "  {:<10} {:>6} {:>6} {:>6}  {:>4} {:>7}  {:>6} {:>6}  {:>6} {:>6}  {:>5}  {:>5} {:>6}  {:>6}  {:>5} {:>5}  {:>8}",
            "wire",
            "p50",
            "p95",
            "p99",
            "n",
            "longest",
            "p50",
            "p99",
            "p50",
            "p99",
            "%",
            "mean",
            "guess%",
            "/min",
            "in",
            "out",
            "%"
        );
        rows.iter().for_each(|row| print_row(row));
    }
    for row in race.rows.iter().filter(|row| row.was_disturbed()) {
        println!(
            "  note: this machine was busy during `{}` over {} ({}): 1 % of the server's ticks came {:.1} ms late or more, the bench \
             itself {} times by up to {:.0} ms",
            row.course, row.wire, row.link, row.server_late_ms.p99, row.hiccups, row.longest_turn_ms
        );
    }
    print_comparison(race);
    if !race.promises.is_empty() {
        println!("\npromises");
        for verdict in &race.promises {
            let (word, goal) = (if verdict.kept { "kept  " } else { "MISSED" }, verdict.goal);
            println!("  {word} {:<62} {:>7.1}  at most {goal}", verdict.what, verdict.measured);
        }
    }
}

fn print_row(row: &Row) {
    let (age, presses) = (row.picture_age_ms, row.presses);
    println!(
        "  {:<10} {:>6.1} {:>6.1} {:>6.1}  {:>4} {:>7.0}  {:>6.1} {:>6.1}  {:>6.1} {:>6.1}  {:>5.1}  {:>5.1} {:>6.2}  {:>6.1}  {:>5.1} {:>5.1}  {:>8.2}{}",
        row.wire,
        age.p50,
        age.p95,
        age.p99,
        row.stalls.count,
        row.stalls.longest_ms,
        presses.applied_ms.p50,
        presses.applied_ms.p99,
        presses.confirmed_ms.p50,
        presses.confirmed_ms.p99,
        100.0 * presses.late as f64 / presses.pressed.max(1) as f64,
        row.interpolation.mean_ms,
        100.0 * row.interpolation.underruns,
        row.corrections as f64 * 60.0 / row.seconds.max(0.001),
        row.wire_in_s / 1_000.0,
        row.wire_out_s / 1_000.0,
        100.0 * row.executed_share(),
        remark(row),
    );
}

fn remark(row: &Row) -> String {
    let mut remark = String::new();
    if row.links_lost > 0 {
        remark.push_str(&format!("  {} links lost", row.links_lost));
    }
    if row.away_ms > 0.0 {
        remark.push_str(&format!("  {:.1} s on another wire", row.away_ms / 1_000.0));
    }
    remark
}

fn print_comparison(race: &Race) {
    let pairs = race.pairs();
    if pairs.is_empty() {
        return;
    }
    println!(
        "\nmodel and real link, picture age in ms (marked where they differ by more than {:.0} %)",
        AGREE_WITHIN * 100.0
    );
    println!("  {:<14} {:<10} {:>23}  {:>23}  {:>23}", "weather", "wire", "p50", "p95", "p99");
    for (model, real) in pairs {
        let (m, r) = (model.picture_age_ms, real.picture_age_ms);
        let cells = [(m.p50, r.p50), (m.p95, r.p95), (m.p99, r.p99)].map(|(model, real)| {
            let off = difference(model, real);
            let mark = if off.abs() > AGREE_WITHIN { "!" } else { " " };
            format!("{model:>6.1} {real:>6.1} {:>+6.1} %{mark}", off * 100.0)
        });
        println!("  {:<14} {:<10} {}", model.course, model.wire, cells.join("  "));
    }
}

/// Returns by what share of the real figure the model differs from it.
pub(super) fn difference(model: f64, real: f64) -> f64 {
    if real > 0.0 { (model - real) / real } else { 0.0 }
}
