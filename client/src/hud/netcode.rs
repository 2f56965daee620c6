//! The netcode panel: what makes a match over a bad network playable, each part on a switch of its own.
//!
//! Flow: J, letters, clicks → [`Switches`] → [`transport::player::Player`]; [`Telemetry`] → the live numbers.

use super::{
    Panel, Panels,
    pane::{key_cap, pane},
    panel::{Dock, Side, counted},
    telemetry::{Telemetry, milliseconds},
};
use crate::{links::Match, palette, style};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{
    Align2, Rect, Sense, Ui, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};
use transport::player::Netcode;

/// What is switched on, and what is drawn besides.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Switches {
    /// The parts that work on the match.
    pub(crate) netcode: Netcode,
    /// Draw where the server last said the own ship was.
    pub(crate) truth: bool,
    /// Draw where the server put the targets of the own rail.
    pub(crate) rewound: bool,
}

impl Switches {
    fn of(&mut self, row: usize) -> &mut bool {
        match row {
            0 => &mut self.netcode.pacing,
            1 => &mut self.netcode.prediction,
            2 => &mut self.netcode.smoothing,
            3 => &mut self.netcode.interpolation,
            4 => &mut self.netcode.compensation,
            5 => &mut self.netcode.strands,
            6 => &mut self.netcode.copies,
            7 => &mut self.truth,
            _ => &mut self.rewound,
        }
    }
}

/// One switch: its key, its name, what it does and costs.
struct Row {
    code: KeyCode,
    key: &'static str,
    name: &'static str,
    about: &'static str,
}

const ROWS: [Row; 9] = [
    Row { code: KeyCode::KeyP, key: "P", name: "Pacing", about: "Commands arrive just in time; costs a tick of wait." },
    Row {
        code: KeyCode::KeyR,
        key: "R",
        name: "Prediction",
        about: "Your ship obeys at once; errors of the last 20 s.",
    },
    Row { code: KeyCode::KeyO, key: "O", name: "Smoothing", about: "Corrections glide; the farthest so far is shown." },
    Row { code: KeyCode::KeyI, key: "I", name: "Interpolation", about: "Others move smoothly, but in the past." },
    Row { code: KeyCode::KeyC, key: "C", name: "Rail compensation", about: "Hit what you saw; others die a bit late." },
    Row {
        code: KeyCode::KeyX,
        key: "X",
        name: "Websocket strands",
        about: "When it stalls, more links share its work.",
    },
    Row { code: KeyCode::KeyY, key: "Y", name: "Copies", about: "Udp and quic: where packets are lost, two of each." },
    Row {
        code: KeyCode::KeyU,
        key: "U",
        name: "Show server's truth",
        about: "A ghost where the server has your ship.",
    },
    Row { code: KeyCode::KeyE, key: "E", name: "Show rewound targets", about: "Where your rail shot looked for them." },
];

/// Reads the letters while the panel is open, and tells the match.
pub(super) fn keys(
    keys: Res<ButtonInput<KeyCode>>,
    panels: Res<Panels>,
    mut switches: ResMut<Switches>,
    mut the_match: ResMut<Match>,
) {
    if panels.right == Some(Panel::Netcode) && !panels.take_input() {
        let mut draft = *switches;
        for (index, row) in ROWS.iter().enumerate() {
            if keys.just_pressed(row.code) {
                let switch = draft.of(index);
                *switch = !*switch;
            }
        }
        switches.set_if_neq(draft);
    }
    // Told in every frame: a new match begins with everything on.
    let player = &mut the_match.player;
    if player.netcode() != switches.netcode {
        player.set_netcode(switches.netcode);
    }
    player.set_rewind(switches.netcode.compensation, switches.rewound);
}

/// Draws the panel.
pub(super) fn draw(
    mut contexts: EguiContexts,
    mut panels: ResMut<Panels>,
    mut switches: ResMut<Switches>,
    telemetry: Res<Telemetry>,
) -> Result {
    if panels.right != Some(Panel::Netcode) || panels.covered {
        return Ok(());
    }
    let context = contexts.ctx_mut()?;
    let dock = Dock::new(context.content_rect(), Side::Right, panels.floor);
    let mut draft = *switches;
    pane(context, &dock, "Netcode", "J", &mut panels, |ui, fresh| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let height = ((dock.inner_height() - style::GRID) / ROWS.len() as f32).min(TALLEST_ROW);
        let height = style::row(ui, height);
        for (index, row) in ROWS.iter().enumerate() {
            let on = draft.of(index);
            let clicked = show(ui, row, *on, &number(index, &telemetry), height, fresh && index == 0);
            *on ^= clicked;
        }
    });
    switches.set_if_neq(draft);
    Ok(())
}

/// Draws a row. Returns whether it was pressed.
fn show(ui: &mut Ui, row: &Row, on: bool, number: &str, height: f32, focus: bool) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    if focus {
        response.request_focus();
    }
    let painter = ui.painter();
    if response.hovered() || response.has_focus() {
        painter.rect_filled(rect.expand2(vec2(style::GRID, 0.0)), 3.0, palette::faded(palette::EDGE, 0.16));
    }
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let first = rect.top() + height * 0.3;
    let mut left = rect.left();
    if !style::by_touch(ui.ctx()) {
        let cap = Rect::from_center_size(pos2(left + 10.0, first), vec2(20.0, 20.0));
        key_cap(painter, cap, row.key);
        left += WORDS;
    }
    painter.text(pos2(left, first), Align2::LEFT_CENTER, row.name, style::strong(style::SMALL), text);
    // The knob's side tells as well as its colour.
    let track = Rect::from_center_size(pos2(rect.right() - 16.0, first), vec2(32.0, 16.0));
    let rgb = if on { palette::ACCENT } else { palette::RIM };
    painter.rect_filled(track, 8.0, palette::ink(rgb));
    let knob = if on { track.right() - 8.0 } else { track.left() + 8.0 };
    painter.circle_filled(pos2(knob, first), 6.0, text);
    let mut right = track.left() - 6.0;
    let roomy = rect.width() > ROOMY;
    let number = if roomy { number } else { number.trim_end_matches(" back") };
    if roomy {
        let word = if on { "on" } else { "off" };
        painter.text(pos2(right, first), Align2::RIGHT_CENTER, word, style::words(style::SMALL), quiet);
        right -= 4.0 * style::GRID;
    }
    painter.text(pos2(right, first), Align2::RIGHT_CENTER, number, style::numbers(style::SMALL), text);
    let mut job = LayoutJob::simple_singleline(row.about.to_owned(), style::words(style::SMALL), quiet);
    job.wrap = TextWrapping::truncate_at_width(rect.right() - left);
    let about = painter.layout_job(job);
    painter.galley(pos2(left, rect.top() + height * 0.74 - about.size().y * 0.5), about, quiet);
    response.clicked()
}

/// Returns the live number of a switch.
fn number(row: usize, telemetry: &Telemetry) -> String {
    let status = &telemetry.status;
    let dash = || "–".to_owned();
    match row {
        0 => telemetry.driving().and_then(|report| report.margin).map_or_else(dash, |margin| {
            let side = if margin < 0.0 { "late" } else { "early" };
            format!("{:.0} ms {side}", margin.abs())
        }),
        1 => counted(telemetry.corrections.len() as u64, "correction"),
        2 => format!("{:.2} tiles", status.largest_correction),
        3 => format!("{:.0} ms", milliseconds(status.interpolation_delay)),
        4 => telemetry.behind.map_or_else(dash, |behind| format!("{:.0} ms back", milliseconds(behind))),
        6 => (if status.twice { "×2" } else { "×1" }).to_owned(),
        _ => String::new(),
    }
}

/// With less room the knob's side has to say it alone.
const ROOMY: f32 = 340.0;
const TALLEST_ROW: f32 = 6.0 * style::GRID;
/// Where words begin, right of the key.
const WORDS: f32 = 4.0 * style::GRID;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_turns_its_own_thing_and_every_key_is_another() {
        let mut switches = Switches::default();
        let start = switches;
        for (index, row) in ROWS.iter().enumerate() {
            let switch = switches.of(index);
            *switch = !*switch;
            assert!(switches != start, "{} does something", row.name);
            let switch = switches.of(index);
            *switch = !*switch;
            assert_eq!(switches, start);
        }
        let mut keys: Vec<&str> = ROWS.iter().map(|row| row.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), ROWS.len());
    }
}
