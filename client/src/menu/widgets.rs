//! What several pages show alike: lines of words, fields, rows that can be chosen.
//!
//! Flow: pages → here → egui.

use crate::{
    lobby::{milliseconds, shown},
    palette, style,
};
use bevy_egui::egui::{self, Align2, Margin, Rect, Response, RichText, Sense, TextEdit, Ui, pos2, vec2};
use transport::lan::LanServer;

/// Adds a line about something that is wrong.
pub(super) fn alarm(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).font(style::words(style::SMALL)).color(palette::ink(palette::ALARM)));
}

/// Adds what was found out, with a mark that tells good from bad by shape too.
pub(super) fn told(ui: &mut Ui, text: &str, wrong: bool) {
    let rgb = if wrong { palette::ALARM } else { palette::QUIET };
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, 18.0), Sense::hover());
        let (center, color) = (rect.center(), palette::ink(rgb));
        if wrong {
            ui.painter().rect_filled(Rect::from_center_size(center, vec2(3.0, 12.0)), 0, color);
        } else {
            ui.painter().circle_filled(center, 3.5, palette::ink(palette::ACCENT));
        }
        ui.add(egui::Label::new(RichText::new(text).font(style::words(style::SMALL)).color(color)).wrap());
    });
}

/// Adds a field for one line of text, with a hint inside while it is empty.
pub(super) fn text(ui: &mut Ui, text: &mut String, hint: &str, width: f32) -> Response {
    let filter = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
    let margin = Margin::symmetric(style::GRID as i8 + 4, style::GRID as i8 + 2);
    ui.add(
        TextEdit::singleline(text)
            .font(style::words(style::MIDDLE))
            .hint_text(RichText::new(hint).color(palette::faded(palette::QUIET, 0.6)))
            .event_filter(filter)
            .char_limit(MAX_CHARS)
            .margin(margin)
            .desired_width(width),
    )
}

/// Adds a switch; it has a line below while it is on.
pub(super) fn switch(ui: &mut Ui, text: &str, on: &mut bool) {
    if choice(ui, text, *on).clicked() {
        *on = !*on;
    }
}

/// Adds one of several things to choose from, as wide as there is room; the chosen one has a line below.
pub(super) fn choice(ui: &mut Ui, text: &str, chosen: bool) -> Response {
    ui.spacing_mut().button_padding.x = 4.0;
    let rgb = if chosen { palette::TEXT } else { palette::QUIET };
    let text = RichText::new(text).font(style::words(style::SMALL)).color(palette::ink(rgb));
    let size = vec2(ui.available_width(), style::TARGET - style::GRID);
    let response = ui.add_sized(size, egui::Button::new(text));
    if chosen {
        mark(ui, response.rect);
    }
    response
}

/// Marks what is chosen.
pub(super) fn mark(ui: &Ui, rect: Rect) {
    let room = rect.shrink2(vec2(style::GRID, 0.0));
    let stroke = egui::Stroke::new(2.0, palette::ink(palette::ACCENT));
    ui.painter().hline(room.x_range(), rect.bottom() - 3.0, stroke);
}

/// Adds a wide target that is drawn by hand, and returns it with the room inside.
pub(super) fn row(ui: &mut Ui, width: f32, enabled: bool) -> (Response, Rect) {
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(width, style::TARGET), sense);
    let visuals = *ui.style().interact(&response);
    ui.painter().rect(rect, visuals.corner_radius, visuals.weak_bg_fill, visuals.bg_stroke, egui::StrokeKind::Inside);
    (response, rect.shrink2(vec2(ROW_MARGIN, 0.0)))
}

/// What a row leaves free at either side.
pub(super) const ROW_MARGIN: f32 = 1.5 * style::GRID;

/// Adds a server of this network as a row.
pub(super) fn server_row(ui: &mut Ui, server: &LanServer) -> Response {
    let time = server.round_trip.map_or_else(String::new, milliseconds);
    let people = format!("{}/{}", server.players, server.seats);
    place_row(ui, &server.name, shown(&server.addr.to_string()), &people, &time)
}

/// Adds a row with a name, an address, and two short facts at the right.
pub(super) fn place_row(ui: &mut Ui, name: &str, address: &str, people: &str, time: &str) -> Response {
    let (response, inside) = row(ui, ui.available_width(), true);
    let (text, quiet) = (palette::ink(palette::TEXT), palette::ink(palette::QUIET));
    let at = |x: f32| pos2(x, inside.center().y);
    let numbers = style::numbers(style::SMALL);
    let painter = ui.painter();
    painter.text(at(inside.right()), Align2::RIGHT_CENTER, time, numbers.clone(), quiet);
    let facts = inside.right() - 76.0;
    painter.text(at(facts), Align2::RIGHT_CENTER, people, numbers.clone(), text);
    let clipped = painter.with_clip_rect(Rect::from_x_y_ranges(inside.left()..=facts - 64.0, inside.y_range()));
    let name = clipped.text(at(inside.left()), Align2::LEFT_CENTER, name, style::strong(style::SMALL), text);
    clipped.text(at(name.right() + style::GRID), Align2::LEFT_CENTER, address, numbers, quiet);
    response
}

/// Adds the name of a part of a page.
pub(super) fn part(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).font(style::strong(style::MIDDLE)));
}

/// Longer than any invite link, with a little chat around it.
pub(super) const MAX_CHARS: usize = 200;
