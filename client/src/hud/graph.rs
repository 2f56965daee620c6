//! The net graph: how old each wire's picture is, over the last twenty seconds, and the numbers below it.
//!
//! The picture's age is what a player feels of a wire: the server's present moment less that of the newest snapshot held. A vertical
//! line with a name marks every switch, a tick at the bottom every correction of the own ship.
//!
//! Flow: [`Telemetry`] → [`draw`] → [`super::canvas`].

use super::{
    canvas::Canvas,
    panel::{self, Dock, ROW},
    telemetry::{KEPT_SECONDS, Telemetry, Trace, milliseconds},
};
use crate::{palette, style};
use bevy_egui::egui::{Align2, Pos2, Rect, Stroke, pos2, vec2};
use protocol::Transport;
use transport::player::{Role, WireReport};

/// Draws the panel and returns how far down it reaches.
pub(super) fn draw(canvas: &Canvas, dock: &Dock, telemetry: &Telemetry) -> f32 {
    let rows = (telemetry.traces.len().max(1) + 1) as f32 * ROW;
    let below = AXIS + rows + ROW;
    let plot = (dock.inner_height() - below).clamp(LOWEST, TALLEST);
    let inside = dock.open(canvas, "Net graph", "N", plot + below);
    let quiet = palette::ink(palette::QUIET);
    let area = Rect::from_min_max(inside.min + vec2(GUTTER, 4.0), pos2(inside.right(), inside.top() + plot));
    draw_plot(canvas, area, telemetry);
    canvas.text(area.left_bottom(), Align2::LEFT_TOP, "20 s ago", style::words(style::SMALL), quiet);
    canvas.text(area.right_bottom(), Align2::RIGHT_TOP, "now", style::words(style::SMALL), quiet);
    let text = format!("{} corrections", telemetry.corrections.len());
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
            let text = report.map_or_else(|| "–".to_owned(), |report| value(report, trace));
            let shade = if report.is_some() { palette::ink(palette::TEXT) } else { quiet };
            let at = pos2(*x, y);
            canvas.text(at, Align2::RIGHT_CENTER, &text, style::numbers(style::SMALL), shade);
        }
    }
    let note = "Graph: picture age, ms. Red ticks: corrections.";
    let at = pos2(inside.left(), y + ROW);
    canvas.elided(at, inside.width(), note, style::words(style::SMALL), quiet);
    inside.bottom() + panel::PADDING
}

fn draw_plot(canvas: &Canvas, area: Rect, telemetry: &Telemetry) {
    canvas.block(area, palette::faded(palette::VOID, 0.6));
    let worst = telemetry.traces.values().flat_map(|trace| &trace.ages).filter_map(|(_, age)| *age);
    let top = scale(worst.fold(0.0, f32::max));
    let quiet = palette::ink(palette::QUIET);
    let grid = Stroke::new(1.0, palette::ink(palette::RIM));
    let height = |age: f32| area.bottom() - area.height() * (age / top).clamp(0.0, 1.0);
    let across = |at: f64| area.right() - area.width() * ((telemetry.now - at) / KEPT_SECONDS).clamp(0.0, 1.0) as f32;
    for share in [0.0, 0.5, 1.0] {
        let y = height(top * share);
        canvas.stroke(pos2(area.left(), y), pos2(area.right(), y), grid);
        let at = pos2(area.left() - 6.0, y);
        canvas.text(at, Align2::RIGHT_CENTER, &format!("{:.0}", top * share), style::numbers(style::SMALL), quiet);
    }
    let inner = canvas.inside(area.expand(1.0));
    for (index, (at, wire)) in telemetry.switches.iter().enumerate() {
        let (x, color) = (across(*at), palette::ink(palette::wire(*wire)));
        inner.stroke(pos2(x, area.top()), pos2(x, area.bottom()), Stroke::new(1.0, color.gamma_multiply(0.7)));
        // Names of switches that follow each other closely stand below each other.
        let y = area.top() + 4.0 + (index % 3) as f32 * (style::SMALL + 2.0);
        let room = canvas.width(wire.name(), &style::words(style::SMALL)) + 8.0;
        let (x, align) =
            if x + room > area.right() { (x - 4.0, Align2::RIGHT_TOP) } else { (x + 4.0, Align2::LEFT_TOP) };
        inner.text(pos2(x, y), align, wire.name(), style::words(style::SMALL), color);
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
            let points: Vec<Pos2> = points.iter().map(|(at, age)| pos2(across(*at), height(*age))).collect();
            inner.path(points, Stroke::new(width, color));
        }
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

/// Returns the top of the axis for a worst age, milliseconds: a round number above it, so that the axis does not breathe.
fn scale(worst: f32) -> f32 {
    let tops = [50.0, 100.0, 200.0, 400.0, 800.0, 1_600.0];
    tops.into_iter().find(|top| worst * 1.05 <= *top).unwrap_or(HIGHEST)
}

/// A number: its name, the room that it needs, and what it is.
type Column = (&'static str, f32, fn(&WireReport, &Trace) -> String);

/// Returns what fits into `width`, the most telling first.
fn columns(width: f32) -> Vec<Column> {
    let all: [Column; 6] = [
        ("age ms", 48.0, |report, _| report.picture_age.map_or_else(dash, |age| format!("{:.0}", milliseconds(age)))),
        ("trip ms", 68.0, |report, _| {
            let trip = report.round_trip.map(milliseconds);
            trip.map_or_else(dash, |trip| {
                // On one machine the first decimal is what there is to see.
                let digits = usize::from(trip < 9.95);
                format!("{trip:.digits$}±{:.digits$}", milliseconds(report.jitter))
            })
        }),
        ("loss %", 48.0, |report, _| format!("{:.1}", report.loss * 100.0)),
        ("stall ms", 54.0, |report, _| format!("{:.0}", milliseconds(report.stall))),
        ("↓ kB/s", 52.0, |_, trace| format!("{:.1}", trace.inward.rate() / 1_000.0)),
        ("↑ kB/s", 52.0, |_, trace| format!("{:.1}", trace.outward.rate() / 1_000.0)),
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

fn dash() -> String {
    "–".to_owned()
}

/// Height of what stands below the time axis.
const AXIS: f32 = 2.5 * style::GRID;
/// Room for the numbers of the axis.
const GUTTER: f32 = 5.0 * style::GRID;
const LOWEST: f32 = 80.0;
const TALLEST: f32 = 176.0;
/// Room for a wire's name.
const NAME: f32 = 84.0;
/// Whatever is older is as bad.
const HIGHEST: f32 = 3_200.0;

#[cfg(test)]
mod tests {
    use super::super::telemetry::tests::report;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_axis_ends_at_a_round_number_above_the_worst() {
        assert_eq!([10.0, 49.0, 90.0, 700.0, 9_000.0].map(scale), [50.0, 100.0, 100.0, 800.0, 3_200.0]);
    }

    #[test]
    fn a_wire_that_was_gone_for_a_while_leaves_a_gap() {
        let mut telemetry = Telemetry::default();
        for step in 0..100_u32 {
            let there = !(40..60).contains(&step);
            let wires = there.then(|| report(Transport::Udp, Role::Driving, 50)).into_iter().collect();
            telemetry.take(f64::from(step) * 0.1, wires, None, Duration::ZERO);
        }
        let parts: Vec<usize> = stretches(&telemetry.traces[&Transport::Udp]).iter().map(Vec::len).collect();
        assert_eq!(parts, [40, 40]);
    }

    #[test]
    fn a_narrow_panel_drops_what_tells_least() {
        let names = |width| columns(width).iter().map(|(name, ..)| *name).collect::<Vec<_>>();
        assert_eq!(names(408.0).len(), 6);
        assert_eq!(names(275.0), ["age ms", "trip ms", "loss %"]);
    }
}
