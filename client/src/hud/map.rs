//! The protocol map: which traffic rides on which protocol right now, and why.
//!
//! Flow: [`Telemetry`] → [`draw`] → [`super::canvas`].

use super::{
    canvas::Canvas,
    panel::{Dock, counted},
    telemetry::{Meter, Telemetry},
};
use crate::{
    palette::{self, Rgb},
    style,
};
use bevy_egui::egui::{Align2, Color32, Pos2, Rect, Stroke, pos2, vec2};
use protocol::Transport;
use transport::player::Role;

/// One kind of traffic.
struct Route {
    /// What it carries.
    what: &'static str,
    /// On which protocols; each has a line.
    on: Vec<(String, Rgb)>,
    /// How much.
    count: String,
    /// Why so.
    why: &'static str,
    way: Way,
    /// Messages per second, up and down.
    rates: (f32, f32),
}

/// Where it goes.
#[derive(PartialEq)]
enum Way {
    /// Between client and server.
    Across,
    /// Nowhere: from the own disk.
    Here,
}

/// Draws the panel.
pub(super) fn draw(canvas: &Canvas, dock: &Dock, telemetry: &Telemetry) {
    let routes = routes(telemetry);
    let room = (dock.inner_height() - ENDS) / routes.len() as f32;
    let row = room.min(TALLEST_ROW);
    let inside = dock.open(canvas, "Protocol map", "M", ENDS + row * routes.len() as f32);
    let text = palette::ink(palette::TEXT);
    let client =
        Rect::from_min_max(pos2(inside.left(), inside.top() + ENDS), pos2(inside.left() + POST, inside.bottom()));
    let server = client.translate(vec2(inside.width() - POST, 0.0));
    let font = style::strong(style::SMALL);
    canvas.text(inside.left_top(), Align2::LEFT_TOP, "this client", font.clone(), text);
    canvas.text(inside.right_top(), Align2::RIGHT_TOP, "server", font, text);
    for post in [client, server] {
        canvas.frame(post, palette::faded(palette::EDGE, 0.25), palette::ink(palette::EDGE));
    }
    // Where there is little room, the reasons go first.
    let explained = row >= EXPLAINED_ROW;
    for (index, route) in routes.iter().enumerate() {
        let top = inside.top() + ENDS + row * index as f32;
        let (left, right) = (client.right() + style::GRID, server.left() - style::GRID);
        draw_route(
            canvas,
            route,
            Rect::from_min_max(pos2(left, top), pos2(right, top + row)),
            telemetry.now,
            explained,
        );
    }
}

fn draw_route(canvas: &Canvas, route: &Route, room: Rect, now: f64, explained: bool) {
    let font = style::words(style::SMALL);
    let quiet = palette::ink(palette::QUIET);
    let words = room.top() + 1.0;
    let mut pieces = vec![(route.what, palette::ink(palette::TEXT))];
    // In a narrow panel the colour of the line has to tell the protocol.
    for (name, rgb) in route.on.iter().filter(|_| room.width() > ROOMY) {
        pieces.extend([("  ", quiet), (name.as_str(), palette::ink(*rgb))]);
    }
    canvas.line(pos2(room.left(), words), Align2::LEFT_TOP, &font, &pieces);
    canvas.text(pos2(room.right(), words), Align2::RIGHT_TOP, &route.count, style::numbers(style::SMALL), quiet);
    let y = words + 22.0;
    let end = if route.way == Way::Here { room.left() + 3.0 * style::GRID } else { room.right() };
    let lines = route.on.len() as f32;
    for (index, (_, rgb)) in route.on.iter().enumerate() {
        let color = palette::ink(*rgb);
        let y = y + (index as f32 - (lines - 1.0) * 0.5) * LINE_GAP;
        canvas.stroke(pos2(room.left(), y), pos2(end, y), Stroke::new(1.5, color.gamma_multiply(0.55)));
        if route.way == Way::Here {
            let disk = Rect::from_center_size(pos2(end + 4.0, y), vec2(12.0, 8.0));
            canvas.frame(disk, palette::ink(palette::GLASS), color);
        } else {
            let (up, down) = route.rates;
            let (left, right) = (pos2(room.left(), y), pos2(end, y));
            // Wires beside each other do not march in step.
            let now = now + index as f64 * 0.37;
            draw_dots(canvas, up, (left, right), now, color);
            draw_dots(canvas, down, (right, left), now, color);
        }
    }
    if explained {
        canvas.elided(pos2(room.left(), y + 15.0), room.width(), route.why, font, quiet);
    }
}

/// Draws messages on their way. Each dot stands for several, or a busy lane would be a solid line.
fn draw_dots(canvas: &Canvas, rate: f32, (from, to): (Pos2, Pos2), now: f64, color: Color32) {
    if rate <= 0.0 {
        return;
    }
    let shown = (rate / MESSAGES_PER_DOT).clamp(SLOWEST_DOTS, FASTEST_DOTS);
    let (length, gap) = ((to - from).length(), DOT_SPEED / shown);
    let mut at = (now * f64::from(DOT_SPEED)).rem_euclid(f64::from(gap)) as f32;
    while at < length {
        canvas.disc(from + (to - from) * (at / length), 2.5, color);
        at += gap;
    }
}

fn routes(telemetry: &Telemetry) -> Vec<Route> {
    let driving = telemetry.driving().map(|report| report.transport);
    let (wire, color) = driving.map_or(("no wire", palette::QUIET), |wire| (wire.name(), palette::wire(wire)));
    let traffic = &telemetry.traffic;
    let per_second = |meter: &Meter| format!("{} · {:.0}/s", thousands(meter.total()), meter.rate());
    let bytes = |wire: Transport| {
        let trace = telemetry.traces.get(&wire);
        trace.map_or(0.0, |trace| (trace.inward.rate() + trace.outward.rate()) / 1_000.0)
    };
    let lane = |what, on: &str, why, meter: &Meter, rates| Route {
        what,
        on: vec![(on.to_owned(), color)],
        count: per_second(meter),
        why,
        way: Way::Across,
        rates,
    };
    let reliable = format!("{wire}, Reliable lane");
    let latest = format!("{wire}, Latest lane");
    let shadow = telemetry.wires.iter().filter(|report| report.role == Role::Shadow).map(|report| report.transport);
    let mut shadows: Vec<Transport> = shadow.collect();
    shadows.sort_unstable();
    let names: Vec<_> = shadows.iter().map(|wire| (wire.name().to_owned(), palette::wire(*wire))).collect();
    // An empty sum of floats is -0.
    let load = shadows.iter().map(|wire| bytes(*wire)).fold(0.0, |sum, more| sum + more);
    vec![
        Route {
            what: "lobby",
            on: vec![("HTTP".to_owned(), palette::TEXT)],
            count: counted(traffic.calls.total(), "call"),
            why: "Asked once, answered once: a letter is enough.",
            way: Way::Across,
            rates: (traffic.calls.rate(), traffic.calls.rate()),
        },
        lane(
            "welcome, chat, events",
            &reliable,
            "Must all arrive, in order; may take a moment.",
            &traffic.events,
            (0.0, traffic.events.rate()),
        ),
        lane(
            "commands",
            &latest,
            "Sent with those before, so that a loss costs nothing.",
            &traffic.commands,
            (traffic.commands.rate(), 0.0),
        ),
        lane(
            "snapshots",
            &latest,
            "Only the newest counts; a late one is thrown away.",
            &traffic.snapshots,
            (0.0, traffic.snapshots.rate()),
        ),
        Route {
            what: "shadows",
            on: if names.is_empty() { vec![("none, G starts them".to_owned(), palette::QUIET)] } else { names },
            count: format!("{load:.1} kB/s"),
            why: "The same match in short, to compare the wires.",
            way: Way::Across,
            rates: if shadows.is_empty() { (0.0, 0.0) } else { (0.0, traffic.snapshots.rate()) },
        },
        Route {
            what: "map, fonts, sounds",
            on: vec![("this disk".to_owned(), palette::TEXT)],
            count: "0 kB/s".to_owned(),
            why: "Both sides have them; a checksum proves they agree.",
            way: Way::Here,
            rates: (0.0, 0.0),
        },
    ]
}

/// Returns a count that stays short.
fn thousands(count: u64) -> String {
    if count < 10_000 { count.to_string() } else { format!("{:.1}k", count as f64 / 1_000.0) }
}

/// Above the first line: what stands at its ends.
const ENDS: f32 = 3.0 * style::GRID;
/// Width of what the lines end at.
const POST: f32 = style::GRID;
/// Wide enough for what a line carries, on which protocol, and how much.
const ROOMY: f32 = 300.0;
/// Between the lines of wires that carry the same.
const LINE_GAP: f32 = 3.0;
/// Lower rows have no room for a reason.
const EXPLAINED_ROW: f32 = 45.0;
const TALLEST_ROW: f32 = 7.0 * style::GRID + 4.0;
const DOT_SPEED: f32 = 80.0;
const MESSAGES_PER_DOT: f32 = 15.0;
const SLOWEST_DOTS: f32 = 0.3;
const FASTEST_DOTS: f32 = 8.0;

#[cfg(test)]
mod tests {
    use super::super::telemetry::tests::report;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_lanes_ride_on_the_wire_in_use_and_the_lobby_on_http() {
        let mut telemetry = Telemetry::default();
        let wires = vec![report(Transport::Quic, Role::Driving, 60), report(Transport::Udp, Role::Shadow, 60)];
        telemetry.take(1.0, wires, None, Duration::ZERO);
        let routes = routes(&telemetry);
        let on: Vec<&str> = routes.iter().map(|route| route.on[0].0.as_str()).collect();
        let lanes = ["quic, Reliable lane", "quic, Latest lane", "quic, Latest lane"];
        assert_eq!((routes[0].count.as_str(), routes[4].count.as_str()), ("0 calls", "0.0 kB/s"));
        assert_eq!(on, ["HTTP", lanes[0], lanes[1], lanes[2], "udp", "this disk"]);
        assert_eq!(
            (routes[2].on[0].1, routes[4].on[0].1),
            (palette::wire(Transport::Quic), palette::wire(Transport::Udp))
        );
    }

    #[test]
    fn without_shadows_nothing_is_sent_for_them() {
        assert_eq!(routes(&Telemetry::default())[4].count, "0.0 kB/s");
    }

    #[test]
    fn counts_stay_short() {
        assert_eq!([7, 9_999, 123_456].map(thousands), ["7", "9999", "123.5k"]);
    }
}
