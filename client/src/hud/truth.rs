//! The truth panel: from key press to confirmed effect, and what the time is spent on, for every wire.
//!
//! The bars hold the same parts for all wires. By how much others are drawn late is no part of it: that is the same whichever wire
//! carries the match along, so it stands on a line of its own.
//!
//! The own ship moves at once because it is predicted; this panel shows how long the server's word really takes. What waits before the
//! command is flown is measured here in the client; the rest comes from the ticks and times that every snapshot carries.
//!
//! Flow: [`Telemetry`] → [`draw`] → [`super::canvas`].

use super::{
    canvas::Canvas,
    panel::{self, Dock, ROW},
    telemetry::{Effect, PARTS, Telemetry, milliseconds},
};
use crate::{
    palette::{self, Rgb},
    style,
};
use bevy_egui::egui::{Align2, Pos2, Rect, pos2, vec2};
use protocol::Transport;
use transport::player::Role;

/// Draws the panel and returns how far down it reaches.
pub(super) fn draw(canvas: &Canvas, dock: &Dock, telemetry: &Telemetry) -> f32 {
    let (place, inside) = dock.begin(canvas, "Truth: key press to effect", "T");
    let (font, quiet) = (style::words(style::SMALL), palette::ink(palette::QUIET));
    let order = ordered(telemetry);
    let Some(wire) = order.first().copied() else {
        let text = "Nothing measured yet. It takes a second of play.";
        let said = canvas.paragraph(inside.left_top(), inside.width(), text, font, quiet);
        return dock.finish(canvas, place, said.bottom());
    };
    let shown = telemetry.effects[&wire];
    // In a low panel everything moves closer together.
    let wished = order.len() as f32 * BAR_ROW + (PARTS.len() + 1) as f32 * ROW + style::GRID;
    let squeeze = ((inside.height() - ROW - 2.0 * style::GRID - SENTENCE) / wished).clamp(0.6, 1.0);
    let longest = telemetry.effects.values().map(Effect::total).fold(MIN_SCALE_MS, f32::max);
    let mut y = inside.top() + ROW * 0.5;
    let text = "In milliseconds. Faded: last seen.";
    canvas.elided(pos2(inside.left(), y), inside.width(), text, font.clone(), quiet);
    y += ROW * 0.5;
    for wire in order {
        let room = Rect::from_min_size(pos2(inside.left(), y), vec2(inside.width(), BAR_ROW * squeeze));
        draw_row(canvas, room, wire, &telemetry.effects[&wire], longest);
        y = room.bottom();
    }
    panel::rule(canvas, inside, y + style::GRID * 0.5);
    y += style::GRID;
    let longest = shown.longest();
    let parts = PARTS.iter().zip(shown.parts).zip(COLORS).enumerate();
    for (index, ((name, value), rgb)) in parts {
        let room = Rect::from_min_size(pos2(inside.left(), y), vec2(inside.width(), ROW * squeeze));
        draw_part(canvas, room, (name, rgb), (value, shown.total()), index == longest);
        y = room.bottom();
    }
    // Part of what is seen, but of no bar: it delays the others, not the own ship.
    y += style::GRID * 0.5;
    let room = Rect::from_min_size(pos2(inside.left(), y), vec2(inside.width(), ROW * squeeze));
    draw_late(canvas, room, milliseconds(telemetry.status.interpolation_delay));
    y = room.bottom();
    let at = pos2(inside.left(), y + style::GRID * 0.5);
    let text = sentence(wire, &shown);
    let said = canvas.paragraph(at, inside.width(), &text, font, palette::ink(palette::TEXT));
    dock.finish(canvas, place, said.bottom())
}

/// Draws one part of the wire's time: its colour, its name, its length in numbers and as a bar.
fn draw_part(canvas: &Canvas, room: Rect, (name, rgb): (&str, Rgb), (value, total): (f32, f32), longest: bool) {
    let right = draw_value(canvas, room, (name, rgb), value, if longest { palette::TEXT } else { palette::QUIET });
    let width = (room.right() - right.x) * value / total.max(0.1);
    canvas.block(Rect::from_min_size(right - vec2(0.0, 4.0), vec2(width.max(1.0), 8.0)), palette::ink(rgb));
}

/// Draws how late others are drawn: a line that can be read as a sentence.
fn draw_late(canvas: &Canvas, room: Rect, late: f32) {
    let at = draw_value(canvas, room, ("others are drawn", LATE), late, palette::QUIET);
    let quiet = palette::ink(palette::QUIET);
    let text = if room.right() - at.x > ROOMY { "late, so that they move evenly" } else { "late" };
    canvas.elided(at, room.right() - at.x, text, style::words(style::SMALL), quiet);
}

/// Draws a swatch, a name and a number. Returns where the rest of the line begins.
fn draw_value(canvas: &Canvas, room: Rect, (name, swatch): (&str, Rgb), value: f32, shade: Rgb) -> Pos2 {
    let (y, shade) = (room.center().y, palette::ink(shade));
    panel::swatch(canvas, room.left(), y, palette::ink(swatch));
    let at = pos2(room.left() + 2.0 * style::GRID, y);
    canvas.text(at, Align2::LEFT_CENTER, name, style::words(style::SMALL), shade);
    let (at, text) = (pos2(room.left() + VALUE, y), format!("{value:.0} ms"));
    canvas.text(at, Align2::RIGHT_CENTER, &text, style::numbers(style::SMALL), shade);
    at + vec2(style::GRID, 0.0)
}

fn draw_row(canvas: &Canvas, inside: Rect, wire: Transport, effect: &Effect, longest: f32) {
    let y = inside.center().y;
    let strength = match effect.role {
        Some(Role::Driving) => 1.0,
        Some(Role::Shadow) => 0.85,
        None => 0.4,
    };
    let font =
        if effect.role == Some(Role::Driving) { style::strong(style::SMALL) } else { style::words(style::SMALL) };
    let color = palette::faded(palette::wire(wire), strength);
    canvas.text(pos2(inside.left(), y), Align2::LEFT_CENTER, wire.name(), font, color);
    let width = inside.width() - NAME - TOTAL;
    let mut x = inside.left() + NAME;
    for (value, rgb) in effect.parts.iter().zip(COLORS) {
        let part = width * value / longest;
        let bar = Rect::from_min_max(pos2(x, y - BAR), pos2(x + part, y + BAR));
        canvas.block(bar, palette::faded(rgb, strength));
        let text = format!("{value:.0}");
        let number = style::numbers(style::SMALL);
        if canvas.width(&text, &number) + 4.0 < part {
            // Dark on bright: a shadow would only blur it.
            canvas.plain(bar.center(), Align2::CENTER_CENTER, &text, number, palette::ink(palette::VOID));
        }
        x += part;
    }
    let text = format!("{:.0}", effect.total());
    let at = pos2(inside.right(), y);
    let color = palette::faded(palette::TEXT, strength);
    canvas.text(at, Align2::RIGHT_CENTER, &text, style::numbers(style::MIDDLE), color);
}

/// Returns the wires, the driving one first, those that are gone last.
fn ordered(telemetry: &Telemetry) -> Vec<Transport> {
    let mut wires: Vec<_> = telemetry.effects.iter().collect();
    wires.sort_by_key(|(_, effect)| match effect.role {
        Some(Role::Driving) => 0,
        Some(Role::Shadow) => 1,
        None => 2,
    });
    wires.into_iter().map(|(wire, _)| *wire).collect()
}

/// Returns in words what takes most of the time, and what would help.
fn sentence(wire: Transport, effect: &Effect) -> String {
    let longest = effect.longest();
    let share = effect.parts[longest] / effect.total().max(0.1) * 100.0;
    let advice = match longest {
        0 => "A faster screen asks more often.",
        1 | 3 => "Weather and wire decide that.",
        _ => "Commands wait for their tick; pacing keeps it short.",
    };
    format!("On {wire} most goes to {}: {share:.0} % of {:.0} ms. {advice}", PARTS[longest], effect.total())
}

/// One hue from light to dark to light, so that the parts are told apart by lightness too; none is a wire's.
const COLORS: [Rgb; 4] = [[0xE6, 0xEB, 0xF5], [0x8C, 0x9E, 0xFF], [0xB4, 0x9C, 0xE6], [0x6B, 0x83, 0xF0]];
/// How late others are drawn.
const LATE: Rgb = [0xA9, 0xB4, 0xC8];
const BAR_ROW: f32 = 3.5 * style::GRID;
/// Half the height of a bar.
const BAR: f32 = 10.0;
/// Room for a wire's name.
const NAME: f32 = 84.0;
/// Room for the sum.
const TOTAL: f32 = 48.0;
/// Where the numbers of the parts end.
const VALUE: f32 = 184.0;
/// Room for a whole sentence.
const ROOMY: f32 = 200.0;
/// Three lines in a narrow panel.
const SENTENCE: f32 = 52.0;
/// On a LAN the bars need not fill the panel.
const MIN_SCALE_MS: f32 = 60.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_what_takes_most() {
        let effect = Effect { parts: [8.0, 40.0, 12.0, 90.0], role: Some(Role::Driving) };
        let text = sentence(Transport::Websocket, &effect);
        assert!(text.starts_with("On websocket most goes to downlink: 60 % of 150 ms."), "{text}");
    }

    #[test]
    fn the_driving_wire_comes_first_and_those_that_are_gone_last() {
        let mut telemetry = Telemetry::default();
        let roles = [
            (Transport::Udp, None),
            (Transport::Quic, Some(Role::Shadow)),
            (Transport::Websocket, Some(Role::Driving)),
        ];
        for (wire, role) in roles {
            telemetry.effects.insert(wire, Effect { parts: [1.0; 4], role });
        }
        assert_eq!(ordered(&telemetry), [Transport::Websocket, Transport::Quic, Transport::Udp]);
    }
}
