//! The plots of the report.
//!
//! Flow: `page/mod.rs` → here → `svg.rs`.

use super::super::figures::{Row, STALL_MS};
use super::svg::{Drawing, FAINT, GRID, Scale, colour, short, ticks};

/// Width of a plot that fills half of the page, in its own units.
const WIDTH: f64 = 560.0;
/// Space for the names at the left.
const LEFT: f64 = 92.0;
const RIGHT: f64 = 16.0;
/// Shares of the time that the tail plot has lines for.
const TAIL: [(f64, &str); 5] = [(1.0, "always"), (0.5, "50 %"), (0.1, "10 %"), (0.01, "1 %"), (0.001, "0.1 %")];

/// One line per weather, one dot per wire: the age that the picture exceeded 1 % of the time.
pub(super) fn overview(groups: &[Vec<&Row>]) -> String {
    const STEP: f64 = 44.0;
    const TOP: f64 = 34.0;
    const WIDE: f64 = 1_160.0;
    const NAMES: f64 = 280.0;
    let all = || groups.iter().flatten().map(|row| row.picture_age_ms.p99.max(1.0));
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(1.0, f64::max));
    if groups.is_empty() {
        return String::new();
    }
    let height = TOP + STEP * groups.len() as f64 + 10.0;
    let x = Scale::log(least * 0.85, most * 1.2, NAMES, WIDE - 40.0);
    let mut drawing = Drawing::new(WIDE, height, "Picture age that is exceeded 1 % of the time, by weather and wire");
    for mark in [5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1_000.0, 2_000.0, 5_000.0] {
        if (least * 0.85..=most * 1.2).contains(&mark) {
            drawing.line([x.at(mark), TOP - 8.0], [x.at(mark), height - 6.0], GRID);
            drawing.text([x.at(mark), TOP - 14.0], "middle", "n", FAINT, &format!("{} ms", short(mark)));
        }
    }
    for (group, top) in groups.iter().zip((0..).map(|n| TOP + STEP * f64::from(n))) {
        let Some(first) = group.first() else { continue };
        let y = top + STEP / 2.0;
        let ages = || group.iter().map(|row| row.picture_age_ms.p99.max(1.0));
        let (from, to) = (ages().fold(f64::MAX, f64::min), ages().fold(1.0, f64::max));
        let suffix = if first.link == "real" { " · real link" } else { "" };
        drawing.text([NAMES - 18.0, y + 5.0], "end", "w", "#D7DEEA", &format!("{}{suffix}", cut(&first.course)));
        drawing.line([x.at(from), y], [x.at(to), y], "#33415A");
        // Side by side, so that wires that are alike can all be seen.
        let middle = (group.len() as f64 - 1.0) / 2.0;
        for (row, place) in group.iter().zip((0..).map(f64::from)) {
            drawing.dot([x.at(row.picture_age_ms.p99.max(1.0)), y + (place - middle) * 6.0], 6.0, colour(&row.wire));
        }
    }
    drawing.finish()
}

/// Returns a name that fits beside the overview.
fn cut(name: &str) -> String {
    const LETTERS: usize = 24;
    if name.chars().count() <= LETTERS {
        name.to_owned()
    } else {
        name.chars().take(LETTERS - 1).chain(['…']).collect()
    }
}

/// How often the picture was older than so much, with the rare times made visible.
pub(super) fn tail(rows: &[&Row]) -> String {
    const HEIGHT: f64 = 264.0;
    const BOTTOM: f64 = HEIGHT - 34.0;
    let most = rows.iter().flat_map(|row| row.plot.ages.last()).map(|(_, age)| *age).fold(1.0, f64::max);
    let x = Scale::linear(0.0, most * 1.04, LEFT, WIDTH - RIGHT);
    let y = Scale::log(0.001, 1.0, BOTTOM, 14.0);
    let mut drawing = Drawing::new(WIDTH, HEIGHT, "Share of the time for which the picture was older than a given age");
    for (share, name) in TAIL {
        drawing.line([LEFT, y.at(share)], [WIDTH - RIGHT, y.at(share)], GRID);
        drawing.text([LEFT - 10.0, y.at(share) + 4.0], "end", "n", FAINT, name);
    }
    for mark in ticks(most * 1.04, 6) {
        drawing.line([x.at(mark), 14.0], [x.at(mark), BOTTOM], GRID);
        drawing.text([x.at(mark), BOTTOM + 18.0], "middle", "n", FAINT, &format!("{} ms", short(mark)));
    }
    drawing.text([WIDTH - RIGHT, HEIGHT - 1.0], "end", "n", FAINT, "older than →");
    for row in rows.iter().rev() {
        let rare = row.plot.ages.iter().filter(|(share, _)| *share <= 0.9991);
        let points: Vec<_> = rare.map(|(share, age)| [x.at(*age), y.at(1.0 - share)]).collect();
        drawing.path(&points, colour(&row.wire));
    }
    drawing.finish()
}

/// The age of the picture as it went, one strip per wire, all to the same scale.
pub(super) fn timelines(rows: &[&Row]) -> String {
    const STRIP: f64 = 58.0;
    const GAP: f64 = 8.0;
    let height = (STRIP + GAP) * rows.len() as f64 + 34.0;
    let seconds = rows.iter().map(|row| row.seconds).fold(0.0, f64::max);
    let most = rows.iter().flat_map(|row| &row.plot.timeline).copied().fold(STALL_MS / 2.0, f64::max);
    let x = Scale::linear(0.0, seconds, LEFT, WIDTH - RIGHT);
    let mut drawing = Drawing::new(WIDTH, height, "Picture age over time, one strip per wire");
    let foot = height - 34.0;
    for mark in ticks(seconds, 6) {
        drawing.line([x.at(mark), 4.0], [x.at(mark), foot], GRID);
        drawing.text([x.at(mark), foot + 20.0], "middle", "n", FAINT, &format!("{} s", short(mark)));
    }
    for (row, top) in rows.iter().zip((0..).map(|n| (STRIP + GAP) * f64::from(n))) {
        let base = top + STRIP;
        let y = Scale::linear(0.0, most, base, top + 4.0);
        let columns = row.plot.timeline.len().max(1) as f64;
        let points: Vec<_> = (row.plot.timeline.iter().enumerate())
            .map(|(n, age)| [x.at(row.seconds * n as f64 / columns), y.at(*age)])
            .collect();
        drawing.line([LEFT, base], [WIDTH - RIGHT, base], "#33415A");
        drawing.area(&points, base, colour(&row.wire));
        drawing.text([LEFT - 10.0, top + STRIP / 2.0 + 2.0], "end", "w", colour(&row.wire), &row.wire);
        let oldest = row.plot.timeline.iter().copied().fold(0.0, f64::max);
        drawing.text([LEFT - 10.0, top + STRIP / 2.0 + 18.0], "end", "n", FAINT, &format!("≤ {oldest:.0} ms"));
    }
    drawing.finish()
}

/// From a key press to its effect, in parts laid end to end.
pub(super) fn parts(rows: &[&Row]) -> String {
    const STRIP: f64 = 30.0;
    let height = STRIP * rows.len() as f64 + 56.0;
    let whole = |row: &Row| {
        let parts = row.presses;
        parts.wait_ms + parts.up_ms + parts.down_ms + row.interpolation.mean_ms.max(0.0)
    };
    let most = rows.iter().map(|row| whole(row)).fold(1.0, f64::max);
    let x = Scale::linear(0.0, most * 1.1, LEFT, WIDTH - RIGHT);
    let foot = STRIP * rows.len() as f64;
    let mut drawing = Drawing::new(WIDTH, height, "Mean time from a key press to its effect, in parts");
    for mark in ticks(most * 1.1, 6) {
        drawing.line([x.at(mark), 0.0], [x.at(mark), foot], GRID);
        drawing.text([x.at(mark), foot + 18.0], "middle", "n", FAINT, &format!("{} ms", short(mark)));
    }
    for (row, top) in rows.iter().zip((0..).map(|n| STRIP * f64::from(n))) {
        let presses = row.presses;
        drawing.text([LEFT - 10.0, top + 19.0], "end", "w", colour(&row.wire), &row.wire);
        let server = presses.server_ms.clamp(0.0, presses.up_ms.max(0.0));
        let mut from = 0.0;
        for (part, opacity) in [
            (presses.wait_ms, 0.35),
            (presses.up_ms - server, 1.0),
            (server, 0.5),
            (presses.down_ms, 0.75),
            (row.interpolation.mean_ms, 0.2),
        ] {
            let part = part.max(0.0);
            drawing.bar(
                [x.at(from), top + 5.0],
                [x.at(from + part) - x.at(from) - 1.5, STRIP - 10.0],
                colour(&row.wire),
                opacity,
            );
            from += part;
        }
        drawing.text([x.at(from) + 6.0, top + 19.0], "start", "n", "#D7DEEA", &format!("{from:.0}"));
    }
    let mut at = LEFT;
    for (name, opacity, width) in [
        ("wait", 0.35, 62.0),
        ("way up", 1.0, 78.0),
        ("wait for its tick", 0.5, 158.0),
        ("way down", 0.75, 94.0),
        ("drawn", 0.2, 0.0),
    ] {
        drawing.bar([at, foot + 34.0], [12.0, 12.0], "#9AA4B2", opacity);
        drawing.text([at + 17.0, foot + 44.0], "start", "n", FAINT, name);
        at += width;
    }
    drawing.finish()
}

/// What each wire costs: bytes per second down and up, every header counted.
pub(super) fn bytes(rows: &[&Row]) -> String {
    const STRIP: f64 = 30.0;
    let height = STRIP * rows.len() as f64 + 56.0;
    let most = rows.iter().map(|row| row.wire_in_s + row.wire_out_s).fold(1.0, f64::max) / 1_000.0;
    let x = Scale::linear(0.0, most * 1.14, LEFT, WIDTH - RIGHT);
    let foot = STRIP * rows.len() as f64;
    let mut drawing = Drawing::new(WIDTH, height, "Bytes per second on the wire");
    for mark in ticks(most * 1.14, 6) {
        drawing.line([x.at(mark), 0.0], [x.at(mark), foot], GRID);
        drawing.text([x.at(mark), foot + 18.0], "middle", "n", FAINT, &format!("{} KB/s", short(mark)));
    }
    for (row, top) in rows.iter().zip((0..).map(|n| STRIP * f64::from(n))) {
        let (down, up) = (row.wire_in_s / 1_000.0, row.wire_out_s / 1_000.0);
        drawing.text([LEFT - 10.0, top + 19.0], "end", "w", colour(&row.wire), &row.wire);
        drawing.bar([x.at(0.0), top + 5.0], [x.at(down) - x.at(0.0) - 1.5, STRIP - 10.0], colour(&row.wire), 1.0);
        drawing.bar([x.at(down), top + 5.0], [x.at(down + up) - x.at(down), STRIP - 10.0], colour(&row.wire), 0.45);
        drawing.text([x.at(down + up) + 6.0, top + 19.0], "start", "n", "#D7DEEA", &format!("{:.1}", down + up));
    }
    for (at, name, opacity) in [(LEFT, "from the server", 1.0), (LEFT + 148.0, "to the server", 0.45)] {
        drawing.bar([at, foot + 34.0], [12.0, 12.0], "#9AA4B2", opacity);
        drawing.text([at + 17.0, foot + 44.0], "start", "n", FAINT, name);
    }
    drawing.finish()
}
