//! All keys, once: for the overlay and for `--help`'s reader. And the hint that there is such a thing.
//!
//! Flow: [`keys`] → [`draw`], [`draw_hint`] → [`super::canvas`].

use super::{
    canvas::Canvas,
    panel::{self, Dock},
};
use crate::{palette, style, weather::Sky};
use bevy_egui::egui::{Align2, pos2, vec2};

const FLY: (&str, &[(&str, &str)]) = (
    "Fly",
    &[
        ("WASD", "thrust"),
        ("mouse", "aim"),
        ("left · right", "bolt · rail"),
        ("Space", "dash"),
        ("Tab", "scores"),
        ("Enter", "chat"),
        ("Esc", "pause, all panels"),
    ],
);

/// Instead of [`FLY`] for whoever has touched the screen.
const TOUCH: (&str, &[(&str, &str)]) = (
    "Fly",
    &[
        ("left thumb", "thrust"),
        ("right thumb", "aim and fire"),
        ("a tap", "one bolt"),
        ("RAIL", "drag aims, letting go fires"),
        ("DASH", "short burst, out of reach"),
        ("time · a wire", "scores · takes that wire"),
        ("menu", "pause, settings, leave"),
    ],
);
const _: () = assert!(TOUCH.1.len() == FLY.1.len(), "the panel has room for as many lines");

/// The keys of the wires.
#[cfg(target_family = "wasm")]
const WIRES: [(&str, &str); 2] = [("1 · 2 · 3", "webtransport websocket http"), ("0", "the best that works")];
/// The keys of the wires.
#[cfg(not(target_family = "wasm"))]
const WIRES: [(&str, &str); 3] =
    [("1-3, F1-F3", "udp quic websocket"), ("4 · 5", "tcp http"), ("0", "the best that works")];

/// What stands beside the wires.
const LINES: [(&str, &str); 2] = [("52±3 ms", "round trip, jitter"), ("[2]", "ticks sent ahead")];
/// What compares them.
const COMPARE: [(&str, &str); 2] = [("G", "all wires at once"), ("B", "blind test")];

const WEATHER: [(&str, &str); 3] =
    [("F5", "bad, Shift: next"), ("F6 · F7", "lag spike · unplug"), ("K", "weather panel")];

/// Instead of [`WEATHER`] for whoever has touched the screen.
const TOUCHED_WEATHER: [(&str, &str); 3] =
    [("weather", "bad, and calm again"), ("lag spike", "300 ms for a moment"), ("cable", "out, and in again")];

const SEE: [(&str, &str); 9] = [
    ("N", "net graph"),
    ("T", "key press to effect"),
    ("M", "protocol map"),
    ("J", "netcode switches"),
    ("PROICXYUE", "one each, J open"),
    ("L · , · .", "tour: open, back, next"),
    ("V", "invite friends"),
    ("F11", "full screen"),
    ("H · F8", "this help · doctor"),
];

/// Instead of [`SEE`] for whoever has touched the screen.
const TOUCHED_SEE: [(&str, &str); 3] =
    [("menu", "panels, chat, invites"), ("menu", "tour, blind test"), ("×", "closes a panel")];

/// Groups of keys and what each does. One line each, short enough for a narrow panel.
fn keys(weather: bool, by_touch: bool) -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    // What is about weather needs one.
    let there = |(key, what): &(&str, &str)| weather || !(*key == "B" || what.starts_with("tour"));
    let rows = |rows: &[(&'static str, &'static str)]| rows.iter().copied().filter(there).collect::<Vec<_>>();
    let (fly, see) = if by_touch { (TOUCH, &TOUCHED_SEE[..]) } else { (FLY, &SEE[..]) };
    let wire = if by_touch { LINES.to_vec() } else { [&WIRES[..], &LINES, &COMPARE].concat() };
    let mut groups = vec![(fly.0, rows(fly.1)), ("Wire", rows(&wire))];
    if weather {
        groups.push(("Weather", rows(if by_touch { &TOUCHED_WEATHER } else { &WEATHER })));
    }
    groups.push(("See", rows(see)));
    groups
}

/// Draws the panel.
pub(super) fn draw(canvas: &Canvas, dock: &Dock, (sky, by_touch): (&Sky, bool)) {
    let groups = keys(sky.can_be(), by_touch);
    let lines: usize = groups.iter().map(|(_, keys)| keys.len()).sum();
    let gaps = (groups.len() - 1) as f32 * style::GRID;
    let row = ((dock.inner_height() - gaps) / lines as f32).clamp(LOWEST_ROW, TALLEST_ROW);
    let inside = dock.open(canvas, if by_touch { "Help" } else { "Keys" }, "H", row * lines as f32 + gaps);
    let quiet = palette::ink(palette::QUIET);
    let what_at = inside.left() + if inside.width() > ROOMY { WHAT } else { WHAT_ALONE };
    let mut y = inside.top() + row * 0.5;
    for (group, keys) in groups {
        if inside.width() > ROOMY {
            canvas.text(pos2(inside.left(), y), Align2::LEFT_CENTER, group, style::strong(style::SMALL), quiet);
        }
        for (key, what) in keys {
            let at = pos2(what_at - style::GRID, y);
            canvas.text(at, Align2::RIGHT_CENTER, key, style::numbers(style::SMALL), palette::ink(palette::ACCENT));
            let (at, width) = (pos2(what_at, y), inside.right() - what_at);
            canvas.elided(at, width, what, style::words(style::SMALL), palette::ink(palette::TEXT));
            y += row;
        }
        y += style::GRID;
    }
}

/// Writes in the bottom right corner how to open the panel.
pub(super) fn draw_hint(canvas: &Canvas) {
    let at = canvas.screen.right_bottom() - vec2(panel::MARGIN, panel::MARGIN);
    let quiet = palette::faded(palette::QUIET, 0.9);
    let word = canvas.text(at, Align2::RIGHT_BOTTOM, "help", style::words(style::SMALL), quiet);
    panel::key_cap(canvas, pos2(word.left() - style::GRID, word.center().y), Align2::RIGHT_CENTER, "H");
}

/// Wide enough for the names of the groups.
const ROOMY: f32 = 340.0;
/// Where the meaning of a key begins without them.
const WHAT_ALONE: f32 = 14.0 * style::GRID;
/// Where the meaning of a key begins.
const WHAT: f32 = 23.0 * style::GRID;
const LOWEST_ROW: f32 = 16.0;
const TALLEST_ROW: f32 = 3.0 * style::GRID;

#[cfg(test)]
mod tests {
    use super::super::panel::Side;
    use super::*;
    use bevy_egui::egui::{Pos2, Rect};

    #[test]
    fn all_keys_fit_the_smallest_window() {
        let screen = Rect::from_min_size(Pos2::ZERO, vec2(914.0, 571.0));
        let dock = Dock::new(screen, Side::Right, f32::INFINITY).to_the_top();
        let groups = keys(true, false);
        let lines: usize = groups.iter().map(|(_, keys)| keys.len()).sum();
        let needed = lines as f32 * LOWEST_ROW + (groups.len() - 1) as f32 * style::GRID;
        assert!(needed <= dock.inner_height(), "{needed} of {}", dock.inner_height());
    }
}
