//! Options: loudness, shake, size of text, full screen, and the wire to begin on.
//!
//! Flow: [`Settings`] → sliders and choices → [`Settings`].

use super::Parts;
use crate::{
    full_screen::{self, ToggleFullScreen},
    hud, palette,
    settings::Settings,
    style,
};
use bevy::prelude::*;
use bevy_egui::egui::{self, Button, RichText, Stroke, Ui, vec2};
use protocol::Transport;

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let how = if style::by_touch(ui.ctx()) { "a press on its name changes" } else { "the number keys change" };
    ui.label(style::quiet(format!("Wire to begin on. In a match, {how} it.")));
    let mut draft = Settings::clone(&parts.settings);
    let choices: Vec<_> = [None].into_iter().chain(Transport::WIRES.map(Some)).collect();
    for row in choices.chunks(WIRES_PER_ROW) {
        ui.columns(WIRES_PER_ROW, |columns| {
            for (ui, choice) in columns.iter_mut().zip(row) {
                let button = choose_wire(ui, *choice, &mut draft.wire);
                if choice.is_none() {
                    parts.menu.focus_first(&button);
                }
            }
        });
    }
    // Written back only on a change: a changed resource is saved.
    parts.settings.set_if_neq(draft);
    ui.add_space(style::GRID);
    hud::sliders(ui, &mut parts.settings);
    ui.add_space(style::GRID);
    if full_screen::possible() && style::button(ui, &style::keyed(ui, "Full screen", "F11")).clicked() {
        parts.full_screen.write(ToggleFullScreen);
    }
}

fn choose_wire(ui: &mut Ui, choice: Option<Transport>, wire: &mut Option<Transport>) -> egui::Response {
    ui.spacing_mut().button_padding.x = 4.0;
    let rgb = choice.map_or(palette::TEXT, palette::wire);
    let name = choice.map_or("auto", Transport::name);
    let text = RichText::new(name).font(style::numbers(style::SMALL)).color(palette::ink(rgb));
    let size = vec2(ui.available_width(), style::TARGET);
    let response = ui.add_sized(size, Button::new(text).wrap_mode(egui::TextWrapMode::Extend));
    if *wire == choice {
        let line = response.rect.bottom() - 3.0;
        let room = response.rect.shrink2(vec2(style::GRID, 0.0));
        ui.painter().hline(room.x_range(), line, Stroke::new(2.0, palette::ink(rgb)));
    }
    if response.clicked() {
        *wire = choice;
    }
    response
}

/// Choices of wire side by side: a name needs this much room.
const WIRES_PER_ROW: usize = 3;
