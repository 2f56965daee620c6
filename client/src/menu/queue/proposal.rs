//! Match found: accept or decline, before the ring is empty.
//!
//! Flow: [`Face::Proposed`] → [`show`] → the answer → [`Search::answer`].

use crate::{
    matching::{
        Search,
        board::{Board, Face},
    },
    palette, style,
};
use bevy_egui::egui::{Align2, Key, Painter, Pos2, Response, RichText, Sense, Stroke, Ui, Vec2, pos2, vec2};
use std::f32::consts::{FRAC_PI_2, TAU};

/// Shows the proposal. Returns the answer once one is given. `first` is told the target that the keyboard belongs to.
pub(super) fn show(
    ui: &mut Ui,
    search: &Search,
    board: &Board,
    face: &Face,
    first: impl FnOnce(&Response),
) -> Option<bool> {
    let Face::Proposed { left, share_per_mille, accepted, needed, mine } = face else { return None };
    let head = RichText::new("Match found").font(style::strong(style::CLOCK)).color(palette::ink(palette::OWN));
    ui.label(head);
    ui.label(RichText::new(&board.ticket().why).font(style::words(style::MIDDLE)));
    let (rect, _) =
        ui.allocate_exact_size(vec2(ui.available_width(), 2.0 * RADIUS + 2.0 * style::GRID), Sense::hover());
    let middle = pos2(rect.left() + RADIUS + style::GRID, rect.center().y);
    let hurry = left.as_secs_f32() < HURRY_SECONDS && !mine;
    let rgb = if hurry { palette::ALARM } else { palette::ACCENT };
    ring(ui.painter(), middle, f32::from(*share_per_mille) / 1_000.0, rgb);
    let seconds = left.as_secs_f32().ceil() as u32;
    let number = style::numbers(style::TITLE);
    ui.painter().text(middle, Align2::CENTER_CENTER, seconds.to_string(), number, palette::ink(palette::TEXT));
    pips(ui.painter(), pos2(middle.x + RADIUS + 3.0 * style::GRID, middle.y), *accepted, *needed);

    let mut answer = None;
    if *mine || search.is_answering() {
        let (rect, waiting) =
            ui.allocate_exact_size(vec2(ui.available_width(), style::TARGET + style::GRID), Sense::hover());
        let text = if *mine { "Accepted. Waiting for the others …" } else { "Telling the lobby …" };
        let own = palette::ink(palette::OWN);
        ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, text, style::strong(style::LARGE), own);
        first(&waiting);
    } else {
        let accept = style::main_button(ui, "Accept");
        first(&accept);
        // After a click elsewhere nothing has the keyboard; Enter still means what most people want.
        let enter = ui.memory(|memory| memory.focused().is_none()) && ui.input(|input| input.key_pressed(Key::Enter));
        if accept.clicked() || enter {
            answer = Some(true);
        }
        if style::button(ui, "Decline and leave the queue").clicked() {
            answer = Some(false);
        }
    }
    if let Some(why) = search.answer_trouble() {
        ui.label(RichText::new(why).font(style::words(style::SMALL)).color(palette::ink(palette::ALARM)));
    }
    ui.add_space(style::GRID);
    answer
}

/// Draws what is left of the time as a ring that empties clockwise.
fn ring(painter: &Painter, middle: Pos2, share: f32, rgb: palette::Rgb) {
    let arc = |from: f32, to: f32| -> Vec<Pos2> {
        (0..=ARC_STEPS)
            .map(|step| from + (to - from) * step as f32 / ARC_STEPS as f32)
            .map(|turn| middle + RADIUS * Vec2::angled(turn * TAU - FRAC_PI_2))
            .collect()
    };
    painter.line(arc(0.0, 1.0), Stroke::new(6.0, palette::ink(palette::RIM)));
    painter.line(arc(1.0 - share, 1.0), Stroke::new(6.0, palette::ink(rgb)));
}

/// Draws one pip per player, full for those who have accepted.
fn pips(painter: &Painter, at: Pos2, accepted: u8, needed: u8) {
    for pip in 0..needed {
        let (column, row) = (pip % PIPS_PER_ROW, pip / PIPS_PER_ROW);
        let place = at + vec2(PIP * (f32::from(column) + 0.5), PIP * (f32::from(row) - 0.6));
        if pip < accepted {
            painter.circle_filled(place, PIP * 0.34, palette::ink(palette::OWN));
        } else {
            painter.circle_stroke(place, PIP * 0.34, Stroke::new(1.5, palette::ink(palette::QUIET)));
        }
    }
    let text = format!("{accepted} of {needed} have accepted");
    let below = at + vec2(0.0, PIP * (f32::from(needed.saturating_sub(1) / PIPS_PER_ROW) + 0.5));
    painter.text(below, Align2::LEFT_CENTER, text, style::words(style::SMALL), palette::ink(palette::QUIET));
}

const RADIUS: f32 = 48.0;
/// Corners of a ring that looks round.
const ARC_STEPS: u32 = 64;
const HURRY_SECONDS: f32 = 3.0;
const PIP: f32 = 24.0;
const PIPS_PER_ROW: u8 = 8;
