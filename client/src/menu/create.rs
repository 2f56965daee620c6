//! A room of one's own: map, places, bots, rules, and who may come in.
//!
//! Flow: [`super`] → [`page`] → [`NewRoom`] → [`crate::lobby`] → a match with its invite beside it.

use super::{Parts, start::MAX_PASSWORD_CHARS, widgets};
use crate::{lobby::Goal, palette, style};
use bevy_egui::egui::{self, Align2, Rect, Sense, Slider, Ui, pos2, vec2};
use game::Map;
use protocol::lobby::{Mode, NewRoom};
use std::ops::RangeInclusive;

/// What the fields say.
pub(super) struct Draft {
    name: String,
    mode: Mode,
    map: String,
    seats: u8,
    bots: u8,
    minutes: u32,
    score_limit: u16,
    private: bool,
    password: String,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            name: String::new(),
            mode: Mode::default(),
            map: "crossfire".to_owned(),
            seats: 8,
            bots: 3,
            minutes: 5,
            score_limit: 20,
            private: true,
            password: String::new(),
        }
    }
}

impl Draft {
    /// Returns the room to open; without a name of its own it has that of whoever opens it.
    fn room(&self, owner: &str) -> NewRoom {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        NewRoom {
            name: filled(&self.name).or_else(|| Some(format!("{owner}'s room"))),
            mode: self.mode,
            map: Some(self.map.clone()),
            seats: Some(self.seats),
            bots: Some(self.bots),
            match_seconds: Some(self.minutes * 60),
            score_limit: Some(self.score_limit),
            private: self.private,
            password: filled(&self.password),
        }
    }
}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let create = style::main_button(ui, "Create and play");
    parts.menu.focus_first(&create);
    if create.clicked() {
        let room = parts.menu.create.room(parts.settings.name.trim());
        parts.go(Goal::Open(room));
    }
    ui.label(style::quiet("Or change first what shall be different:"));
    let draft = &mut parts.menu.create;
    ui.columns(2, |columns| {
        for (ui, (text, private)) in columns.iter_mut().zip([("Friends only", true), ("Open to all", false)]) {
            if widgets::choice(ui, text, draft.private == private).clicked() {
                draft.private = private;
            }
        }
    });
    if let Ok(shelf) = &parts.maps.0 {
        let maps: Vec<_> = shelf.names().filter_map(|name| Some((name, shelf.find(name)?))).collect();
        for row in maps.chunks(MAPS_PER_ROW) {
            ui.columns(MAPS_PER_ROW, |columns| {
                for (ui, (name, map)) in columns.iter_mut().zip(row) {
                    if preview(ui, map, draft.map == *name).clicked() {
                        draft.map = (*name).to_owned();
                    }
                }
            });
        }
    }
    if Mode::ALL.len() > 1 {
        ui.columns(Mode::ALL.len(), |columns| {
            for (ui, mode) in columns.iter_mut().zip(Mode::ALL) {
                if widgets::choice(ui, mode.name(), draft.mode == mode).clicked() {
                    draft.mode = mode;
                }
            }
        });
    }
    slide(ui, "Seats", &mut draft.seats, 2..=MAX_SEATS, "");
    slide(ui, "Bots", &mut draft.bots, 0..=draft.seats - 1, "");
    draft.bots = draft.bots.min(draft.seats - 1);
    slide(ui, "Length", &mut draft.minutes, 1..=20, " min");
    slide(ui, "Ends at", &mut draft.score_limit, 5..=100, " kills");
    ui.columns(2, |columns| {
        style::field(&mut columns[0], "Name (may stay empty)", &mut draft.name, MAX_ROOM_NAME_CHARS);
        style::field(&mut columns[1], "Password (may stay empty)", &mut draft.password, MAX_PASSWORD_CHARS);
    });
}

/// Adds a map to choose, drawn small: its walls as they are in the match.
fn preview(ui: &mut Ui, map: &Map, chosen: bool) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), PREVIEW), Sense::click());
    let visuals = *ui.style().interact(&response);
    let painter = ui.painter_at(rect);
    let fill = palette::ink(palette::VOID);
    painter.rect(rect, visuals.corner_radius, fill, visuals.bg_stroke, egui::StrokeKind::Inside);
    let inside = Rect::from_min_max(rect.min + vec2(8.0, 8.0), rect.max - vec2(8.0, 26.0));
    let scale = (inside.width() / map.width as f32).min(inside.height() / map.height as f32);
    let origin = inside.center() - vec2(map.width as f32, -(map.height as f32)) * scale * 0.5;
    let at = |x: i32, y: i32| pos2(origin.x + x as f32 * scale, origin.y - y as f32 * scale);
    for wall in map.walls() {
        let block = Rect::from_two_pos(at(wall.x, wall.y), at(wall.x + wall.w, wall.y + wall.h));
        painter.rect_filled(block, 0, palette::faded(palette::EDGE, if chosen { 0.75 } else { 0.4 }));
    }
    let name = pos2(rect.left() + 10.0, rect.bottom() - 14.0);
    let rgb = if chosen { palette::TEXT } else { palette::QUIET };
    painter.text(name, Align2::LEFT_CENTER, &map.name, style::words(style::SMALL), palette::ink(rgb));
    let size = format!("{}×{}", map.width, map.height);
    let right = pos2(rect.right() - 10.0, rect.bottom() - 14.0);
    painter.text(right, Align2::RIGHT_CENTER, size, style::numbers(style::SMALL), palette::ink(palette::QUIET));
    if chosen {
        widgets::mark(ui, rect);
    }
    response
}

fn slide<T: egui::emath::Numeric>(ui: &mut Ui, name: &str, value: &mut T, range: RangeInclusive<T>, unit: &str) {
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(NAME, style::TARGET - style::GRID), Sense::hover());
        let quiet = palette::ink(palette::QUIET);
        ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, name, style::words(style::SMALL), quiet);
        ui.spacing_mut().slider_width = ui.available_width() - VALUE;
        ui.add(Slider::new(value, range).suffix(unit));
    });
}

/// What the lobby takes.
const MAX_ROOM_NAME_CHARS: usize = 32;
/// Most places that a room may have.
const MAX_SEATS: u8 = game::MAX_SEATS as u8;
const MAPS_PER_ROW: usize = 2;
/// Height of a map that can be chosen.
const PREVIEW: f32 = 128.0;
/// Room for the name of a slider.
const NAME: f32 = 72.0;
/// Room for its value, right of it.
const VALUE: f32 = 96.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_empty_is_filled_in() {
        let room = Draft { name: "  ".to_owned(), ..Draft::default() }.room("Ripley");
        assert_eq!((room.name.as_deref(), room.password, room.match_seconds), (Some("Ripley's room"), None, Some(300)));
        assert!(room.private, "who creates a room waits for friends");
    }
}
