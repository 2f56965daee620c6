//! The net graph: how old each wire's picture is, over the last twenty seconds, and the numbers below it.
//!
//! The picture's age is what a player feels of a wire: the server's present moment less that of the newest snapshot held. A vertical
//! line with a name marks every switch, a tick at the bottom every correction of the own ship.
//!
//! Flow: [`Telemetry`] → [`draw`] → [`super::canvas`].

use super::{
    canvas::Canvas,
    panel::{self, Dock, ROW, counted},
    telemetry::{KEPT_SECONDS, Telemetry, Trace, milliseconds},
};
use crate::{palette, style};
use bevy_egui::egui::{Align2, Pos2, Rect, Stroke, pos2, vec2};
use protocol::Transport;
use std::time::Duration;
use transport::player::{Role, WireReport};

/// Draws the panel and returns how far down it reaches. Without `ghosts` there is but one wire to see: then it says how to see more.
pub(super) fn draw(canvas: &Canvas, dock: &Dock, telemetry: &Telemetry, (ghosts, by_touch): (bool, bool)) -> f32 {
    let rows = (telemetry.traces.len().max(1) + 1) as f32 * ROW;
    let below = AXIS + rows + ROW;
    let plot = (dock.inner_height() - below).clamp(LOWEST, TALLEST);
    let inside = dock.open(canvas, "Net graph", "N", plot + below);
    let quiet = palette::ink(palette::QUIET);
    let area = Rect::from_min_max(inside.min + vec2(GUTTER, 4.0), pos2(inside.right(), inside.top() + plot));
    draw_plot(canvas, area, telemetry);
    canvas.text(area.left_bottom(), Align2::LEFT_TOP, "20 s ago", style::words(style::SMALL), quiet);
    canvas.text(area.right_bottom(), Align2::RIGHT_TOP, "now", style::words(style::SMALL), quiet);
    let text = counted(telemetry.corrections.len() as u64, "correction");
    canvas.text(area.center_bottom(), Align2::CENTER_TOP, &text, style::words(style::SMALL), quiet);

    let mut y = area.bottom() + AXIS + ROW * 0.5;
    let columns = columns(inside.width());
    let ends = ends(inside, &columns);
    for ((name, ..), x) in columns.iter().zip(&ends) {
        let at = pos2(*x, y);
        canvas.text(at, Align2::RIGHT_CENTER, name, style::words(style::SMALL), quiet);
    }
    for (wire, trace) in &telemetry.traces {
        y += ROW;
        let report = telemetry.report(*wire);
        let strength = if report.is_some() { 1.0 } else { 0.5 };
        let color = palette::faded(palette::wire(*wire), strength);
        panel::swatch(canvas, inside.left(), y, color);
        let bold = report.is_some_and(|report| report.role == Role::Driving);
        let font = if bold { style::strong(style::SMALL) } else { style::words(style::SMALL) };
        canvas.text(pos2(inside.left() + 2.0 * style::GRID, y), Align2::LEFT_CENTER, wire.name(), font, color);
        for ((.., value), x) in columns.iter().zip(&ends) {
            let text = report.map_or_else(dash, |report| value(report, trace));
            let shade = if report.is_some() { palette::ink(palette::TEXT) } else { quiet };
            let at = pos2(*x, y);
            canvas.text(at, Align2::RIGHT_CENTER, &text, style::numbers(style::SMALL), shade);
        }
    }
    let (note, rgb) = if ghosts {
        ("Lines: age of the picture. Marks: corrections.", palette::QUIET)
    } else if by_touch {
        ("To compare all wires: menu, Ghosts", palette::ACCENT)
    } else {
        ("G: fly all wires at once to compare", palette::ACCENT)
    };
    let at = pos2(inside.left(), y + ROW);
    canvas.elided(at, inside.width(), note, style::words(style::SMALL), palette::ink(rgb));
    inside.bottom() + panel::PADDING
}

fn draw_plot(canvas: &Canvas, area: Rect, telemetry: &Telemetry) {
    canvas.block(area, palette::faded(palette::VOID, 0.6));
    let ages = telemetry.traces.values().flat_map(|trace| &trace.ages).filter_map(|(_, age)| *age);
    let top = scale(ages.collect());
    let quiet = palette::ink(palette::QUIET);
    let grid = Stroke::new(1.0, palette::ink(palette::RIM));
    let height = |age: f32| area.bottom() - area.height() * (age / top).clamp(0.0, 1.0);
    let across = |at: f64| area.right() - area.width() * ((telemetry.now - at) / KEPT_SECONDS).clamp(0.0, 1.0) as f32;
    for share in [0.0, 0.5, 1.0] {
        let y = height(top * share);
        canvas.stroke(pos2(area.left(), y), pos2(area.right(), y), grid);
        let at = pos2(area.left() - 6.0, y);
        let text = if share == 0.0 { "0 ms".to_owned() } else { format!("{:.0} ms", top * share) };
        canvas.text(at, Align2::RIGHT_CENTER, &text, style::numbers(style::SMALL), quiet);
    }
    let inner = canvas.inside(area.expand(1.0));
    for (at, wire) in &telemetry.switches {
        let (x, color) = (across(*at), palette::faded(palette::wire(*wire), 0.7));
        inner.stroke(pos2(x, area.top()), pos2(x, area.bottom()), Stroke::new(1.0, color));
    }
    for at in &telemetry.corrections {
        let x = across(*at);
        let stroke = Stroke::new(1.5, palette::ink(palette::ALARM));
        inner.stroke(pos2(x, area.bottom() - style::GRID), pos2(x, area.bottom()), stroke);
    }
    // The driving wire last, so that it is on top.
    let drives = |wire: &Transport| telemetry.driving().is_some_and(|report| report.transport == *wire);
    let mut traces: Vec<(&Transport, &Trace)> = telemetry.traces.iter().collect();
    traces.sort_by_key(|(wire, _)| drives(wire));
    for (wire, trace) in traces {
        let width = if drives(wire) { 2.0 } else { 1.25 };
        let color = palette::ink(palette::wire(*wire));
        for points in stretches(trace) {
            let points = points.windows(HELD.min(points.len())).map(highest);
            let points: Vec<Pos2> = points.map(|(at, age)| pos2(across(at), height(age))).collect();
            inner.path(points, Stroke::new(width, color));
        }
        for at in peaks(trace, top) {
            // An arrowhead at the upper edge: it goes on beyond.
            let tip = pos2(across(at), area.top());
            let sides = [vec2(-3.5, 5.0), vec2(0.0, 0.0), vec2(3.5, 5.0)];
            inner.path(sides.map(|side| tip + side).to_vec(), Stroke::new(1.5, color));
        }
    }
    // Names above everything, on plates.
    for (index, (at, wire)) in telemetry.switches.iter().enumerate() {
        let (x, font) = (across(*at), style::words(style::SMALL));
        // Those of switches that follow each other closely stand below each other.
        let y = area.top() + 4.0 + (index % 3) as f32 * (style::SMALL + 4.0);
        let size = vec2(canvas.width(wire.name(), &font) + 6.0, style::SMALL + 3.0);
        let left = if x + size.x > area.right() { x - size.x - 1.0 } else { x + 1.0 };
        let plate = Rect::from_min_size(pos2(left, y), size);
        inner.block(plate, palette::faded(palette::VOID, 0.8));
        inner.text(plate.center(), Align2::CENTER_CENTER, wire.name(), font, palette::ink(palette::wire(*wire)));
    }
}

/// Returns the parts of a trace in which the wire was there.
fn stretches(trace: &Trace) -> Vec<Vec<(f64, f32)>> {
    let mut all = vec![Vec::new()];
    for (at, age) in &trace.ages {
        match (age, all.last_mut()) {
            (Some(age), Some(last)) => last.push((*at, *age)),
            (None, Some(last)) if !last.is_empty() => all.push(Vec::new()),
            _ => {}
        }
    }
    all.retain(|stretch| stretch.len() > 1);
    all
}

/// Returns the last moment of some, with the highest age in them.
fn highest(moments: &[(f64, f32)]) -> (f64, f32) {
    let age = moments.iter().map(|(_, age)| *age).fold(0.0, f32::max);
    (moments.last().map_or(0.0, |(at, _)| *at), age)
}

/// Returns when a trace is highest in each stretch that is above the top of the axis.
fn peaks(trace: &Trace, top: f32) -> Vec<f64> {
    let mut found = Vec::new();
    let mut highest: Option<(f64, f32)> = None;
    for (at, age) in &trace.ages {
        match age.filter(|age| *age > top) {
            Some(age) if highest.is_none_or(|(_, most)| age > most) => highest = Some((*at, age)),
            Some(_) => {}
            None => found.extend(highest.take().map(|(at, _)| at)),
        }
    }
    found.extend(highest.map(|(at, _)| at));
    found
}

/// Returns the top of the axis, milliseconds: a round number above nearly all ages, so that the axis does not breathe and a single
/// spike does not flatten the rest.
fn scale(mut ages: Vec<f32>) -> f32 {
    ages.sort_unstable_by(f32::total_cmp);
    let usual = ages.get((ages.len() as f32 * USUAL_SHARE) as usize).copied().unwrap_or(0.0);
    TOPS.into_iter().find(|top| usual * 1.05 <= *top).unwrap_or(HIGHEST)
}

/// A number: its name, the room that it needs, and what it is.
type Column = (&'static str, f32, fn(&WireReport, &Trace) -> String);

/// Returns what fits into `width`, the most telling first.
fn columns(width: f32) -> Vec<Column> {
    let all: [Column; 5] = [
        ("age ms", 44.0, |report, _| report.picture_age.map_or_else(dash, |age| format!("{:.0}", milliseconds(age)))),
        ("trip ms", 62.0, |report, _| {
            let trip = report.round_trip.filter(|_| !is_silent(report)).map(milliseconds);
            trip.map_or_else(dash, |trip| {
                // On one machine the first decimal is what there is to see.
                let digits = usize::from(trip < 9.95);
                format!("{trip:.digits$}±{:.digits$}", milliseconds(report.jitter))
            })
        }),
        ("missed %", 66.0, |report, _| if is_silent(report) { dash() } else { format!("{:.1}", report.loss * 100.0) }),
        ("stall ms", 60.0, |report, _| format!("{:.0}", milliseconds(report.stall))),
        ("↓ ↑ kB/s", 84.0, |_, trace| {
            format!("{:.1} {:.1}", trace.inward.rate() / 1_000.0, trace.outward.rate() / 1_000.0)
        }),
    ];
    let mut left = width - NAME;
    let fits = |(_, room, _): &Column| {
        left -= room;
        left >= 0.0
    };
    all.into_iter().take_while(fits).collect()
}

/// Returns where each column ends; what room is left over is shared among them.
fn ends(inside: Rect, columns: &[Column]) -> Vec<f32> {
    let needed: f32 = columns.iter().map(|(_, room, _)| room).sum();
    let more = (inside.width() - NAME - needed) / columns.len().max(1) as f32;
    let mut x = inside.left() + NAME;
    let end = |(_, room, _): &Column| {
        x += room + more;
        x
    };
    columns.iter().map(end).collect()
}

/// Returns whether a wire has brought nothing for so long that what it measured before says nothing any more.
fn is_silent(report: &WireReport) -> bool {
    report.picture_age.is_some_and(|age| age > STALE)
}

fn dash() -> String {
    "–".to_owned()
}

/// Height of what stands below the time axis.
const AXIS: f32 = 2.5 * style::GRID;
/// Room for the numbers of the axis.
const GUTTER: f32 = 8.0 * style::GRID;
const LOWEST: f32 = 80.0;
const TALLEST: f32 = 176.0;
/// Room for a wire's name.
const NAME: f32 = 92.0;
/// A point of the line is the worst of so many samples: frames and snapshots beat against each other, and what is looked for is how high
/// it goes.
const HELD: usize = 4;
/// Where the axis may end, milliseconds.
const TOPS: [f32; 12] = [50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0, 1_200.0, 2_000.0, HIGHEST];
/// Whatever is older is as bad.
const HIGHEST: f32 = 4_000.0;
/// So much of what is drawn is below the top.
const USUAL_SHARE: f32 = 0.97;
/// A picture this old is of an outage.
const STALE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::telemetry::tests::report;
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number_above_nearly_all() {
        let of = |usual: f32| scale(vec![usual; 10]);
        assert_eq!([10.0, 49.0, 90.0, 700.0, 9_000.0].map(of), [50.0, 75.0, 100.0, 800.0, 4_000.0]);
        let mut ages = vec![60.0; 195];
        ages.extend([900.0; 5]);
        assert_eq!(scale(ages), 75.0, "half a second of trouble in twenty does not flatten the rest");
        assert_eq!(scale(Vec::new()), 50.0);
    }

    #[test]
    fn the_line_is_as_high_as_the_teeth_of_the_saw() {
        let saw: Vec<(f64, f32)> =
            (0..20_u32).map(|at| (f64::from(at), if at % 3 == 0 { 33.0 } else { 12.0 })).collect();
        assert!(saw.windows(HELD).map(highest).all(|(_, age)| age == 33.0));
        assert_eq!(highest(&saw[1..3]), (2.0, 12.0));
    }

    #[test]
    fn what_is_cut_off_has_one_mark_for_each_spike() {
        let ages = [50.0, 300.0, 400.0, 300.0, 50.0, 500.0].into_iter().enumerate();
        let mut trace = Trace::default();
        trace.ages.extend(ages.map(|(at, age)| (at as f64, Some(age))));
        assert_eq!(peaks(&trace, 100.0), [2.0, 5.0]);
        assert!(peaks(&trace, 500.0).is_empty());
    }

    #[test]
    fn during_an_outage_there_is_a_dash_instead_of_stale_numbers() {
        let show = |age| {
            let report = report(Transport::Udp, Role::Driving, age);
            let shown = columns(408.0).iter().map(|(.., value)| value(&report, &Trace::default())).collect::<Vec<_>>();
            [shown[1].clone(), shown[2].clone()]
        };
        assert_eq!(show(900), ["80±3", "2.0"]);
        assert_eq!(show(1_100), ["–", "–"]);
    }

    #[test]
    fn a_wire_that_was_gone_for_a_while_leaves_a_gap() {
        let mut telemetry = Telemetry::default();
        for step in 0..100_u32 {
            let there = !(40..60).contains(&step);
            let wires = there.then(|| report(Transport::Udp, Role::Driving, 50)).into_iter().collect();
            telemetry.take(f64::from(step) * 0.11, wires, None, Duration::ZERO);
        }
        let parts: Vec<usize> = stretches(&telemetry.traces[&Transport::Udp]).iter().map(Vec::len).collect();
        assert_eq!(parts, [40, 40]);
    }

    #[test]
    fn a_narrow_panel_drops_what_tells_least() {
        let names = |width| columns(width).iter().map(|(name, ..)| *name).collect::<Vec<_>>();
        assert_eq!(names(408.0).len(), 5);
        assert_eq!(names(275.0), ["age ms", "trip ms", "missed %"]);
    }
}
