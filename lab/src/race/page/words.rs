//! What one sees, in plain sentences.
//!
//! Flow: `page/mod.rs` → [`story`].

use super::super::figures::Row;

/// Wires whose 99th percentiles differ by less than this share, or by less than a few milliseconds, look alike.
const ALIKE: f64 = 0.12;
const ALIKE_MS: f64 = 4.0;

/// Tells what is worth knowing about the wires in one weather.
pub(super) fn story(rows: &[&Row]) -> Vec<String> {
    [freshness(rows), stalls(rows), presses(rows), trouble(rows)].into_iter().flatten().collect()
}

fn p99(row: &Row) -> f64 {
    row.picture_age_ms.p99
}

fn freshness(rows: &[&Row]) -> Option<String> {
    let best = rows.iter().copied().min_by(|a, b| p99(a).total_cmp(&p99(b)))?;
    let alike = |row: &&&Row| p99(row) <= p99(best) * (1.0 + ALIKE) || p99(row) <= p99(best) + ALIKE_MS;
    let fresh: Vec<&Row> = rows.iter().filter(alike).copied().collect();
    let oldest = fresh.iter().map(|row| p99(row)).fold(0.0, f64::max);
    if fresh.len() == rows.len() && rows.len() > 1 {
        return Some(format!(
            "All wires look alike here: 99 % of the time the picture was at most {oldest:.0} ms old, whichever carried it."
        ));
    }
    let mut told = format!(
        "{} {} the freshest picture: 99 % of the time it was at most {oldest:.0} ms old.",
        capital(&list(&names(&fresh))),
        if fresh.len() == 1 { "has" } else { "have" },
    );
    let mut rest: Vec<&Row> = rows.iter().filter(|row| !alike(row)).copied().collect();
    rest.sort_by(|a, b| p99(a).total_cmp(&p99(b)));
    let behind: Vec<String> = rest.iter().map(|row| format!("{:.0} ms over {}", p99(row), row.wire)).collect();
    if !behind.is_empty() {
        told.push_str(&format!(" It was up to {}.", list(&behind)));
    }
    Some(told)
}

fn stalls(rows: &[&Row]) -> Option<String> {
    let some: Vec<&Row> = rows.iter().filter(|row| row.stalls.count > 0).copied().collect();
    if some.is_empty() {
        return rows.first().map(|_| "It never stood still for a tenth of a second.".to_owned());
    }
    let each = |row: &&Row| {
        let (count, longest) = (row.stalls.count, row.stalls.longest_ms);
        format!("{} over {} (longest {longest:.0} ms)", times(count), row.wire)
    };
    let told: Vec<String> = some.iter().map(each).collect();
    let quiet: Vec<String> = rows.iter().filter(|row| row.stalls.count == 0).map(|row| row.wire.clone()).collect();
    let never = if quiet.is_empty() { String::new() } else { format!(", never over {}", list(&quiet)) };
    Some(format!("The picture stood still for a tenth of a second or more {}{never}.", list(&told)))
}

fn presses(rows: &[&Row]) -> Option<String> {
    let by = |row: &&&Row| row.presses.confirmed_ms.p50;
    let best = rows.iter().min_by(|a, b| by(a).total_cmp(&by(b)))?;
    let worst = rows.iter().max_by(|a, b| by(a).total_cmp(&by(b)))?;
    let (first, last) = (best.presses, worst.presses);
    let felt = format!(
        "Half of all key presses took effect on the server within {:.0} ms and were seen to within {:.0} ms over {}",
        first.applied_ms.p50, first.confirmed_ms.p50, best.wire
    );
    if last.confirmed_ms.p50 - first.confirmed_ms.p50 < ALIKE_MS {
        return Some(format!("{felt}; the other wires are as quick."))
            .filter(|_| rows.len() > 1)
            .or(Some(format!("{felt}.")));
    }
    Some(format!("{felt}, within {:.0} and {:.0} ms over {}.", last.applied_ms.p50, last.confirmed_ms.p50, worst.wire))
}

fn trouble(rows: &[&Row]) -> Option<String> {
    let mut told = Vec::new();
    for row in rows {
        let late = 100.0 * (1.0 - row.executed_share());
        if late >= 1.0 {
            told.push(format!("{late:.1} % of the commands over {} came too late for their tick", row.wire));
        }
        if row.links_lost > 0 {
            told.push(format!("{} lost its link {}", row.wire, times(row.links_lost)));
        }
        if row.away_ms > 0.0 {
            told.push(format!("another wire stood in for {} for {:.1} s", row.wire, row.away_ms / 1_000.0));
        }
    }
    (!told.is_empty()).then(|| format!("{}.", capital(&list(&told))))
}

fn names(rows: &[&Row]) -> Vec<String> {
    rows.iter().map(|row| row.wire.clone()).collect()
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The names of wires are written small everywhere, so only other words are raised.
fn capital(text: &str) -> String {
    let wire = protocol::Transport::WIRES.iter().any(|wire| text.starts_with(wire.name()));
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !wire => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::figures::{PressFigures, Stalls};
    use super::*;
    use crate::report::Percentiles;

    fn row(wire: &str, p99: f64, stalls: u64, confirmed: f64) -> Row {
        let at = |p50| Percentiles { p50, ..Percentiles::default() };
        Row {
            wire: wire.to_owned(),
            picture_age_ms: Percentiles { p99, ..Percentiles::default() },
            stalls: Stalls { count: stalls, longest_ms: 321.0, total_ms: 0.0 },
            presses: PressFigures {
                applied_ms: at(confirmed / 2.0),
                confirmed_ms: at(confirmed),
                ..PressFigures::default()
            },
            commands: 100,
            executed: 100,
            ..Row::default()
        }
    }

    fn told(rows: &[Row]) -> String {
        story(&rows.iter().collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn equals_are_called_alike() {
        let story = told(&[row("udp", 17.0, 0, 30.0), row("quic", 18.0, 0, 31.0)]);
        assert!(story.contains("All wires look alike") && story.contains("18 ms"), "{story}");
        assert!(story.contains("never stood still") && story.contains("other wires are as quick"), "{story}");
    }

    #[test]
    fn who_falls_behind_is_named_with_its_stalls() {
        let mut last = row("websocket", 260.0, 3, 120.0);
        last.executed = 90;
        let story = told(&[row("udp", 51.0, 0, 85.0), row("quic", 53.0, 1, 85.0), last]);
        assert!(story.starts_with("udp and quic have the freshest picture"), "{story}");
        assert!(story.contains("260 ms over websocket"), "{story}");
        assert!(
            story.contains("once over quic (longest 321 ms) and 3 times over websocket")
                && story.contains("never over udp")
        );
        assert!(story.contains("10.0 % of the commands over websocket"), "{story}");
    }
}
