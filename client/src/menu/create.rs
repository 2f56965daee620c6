//! A room of one's own: map, places, bots.
//!
//! Flow: [`super`] → [`page`] → [`NewRoom`] → [`crate::lobby`].

use super::Parts;
use crate::{lobby::Goal, style};
use bevy_egui::egui::{Button, RichText, Slider, Ui, vec2};
use protocol::lobby::NewRoom;

/// What the fields say.
pub(super) struct Draft {
    name: String,
    map: String,
    seats: u8,
    bots: u8,
}

impl Default for Draft {
    fn default() -> Self {
        Self { name: String::new(), map: "crossfire".to_owned(), seats: 8, bots: 4 }
    }
}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    let maps = &parts.maps;
    let draft = &mut parts.menu.create;
    style::field(ui, "Name of the room (may stay empty)", &mut draft.name, MAX_ROOM_NAME_CHARS);
    ui.label(style::quiet("Map"));
    if let Ok(shelf) = &maps.0 {
        let names: Vec<&str> = shelf.names().collect();
        ui.columns(names.len().clamp(1, MAPS_PER_ROW), |columns| {
            let count = columns.len();
            for (index, name) in names.iter().enumerate() {
                let ui = &mut columns[index % count];
                let size = vec2(ui.available_width(), style::TARGET - style::GRID);
                let text = RichText::new(*name).font(style::words(style::SMALL));
                if ui
                    .add(Button::selectable(draft.map == *name, text).min_size(size).frame_when_inactive(true))
                    .clicked()
                {
                    draft.map = (*name).to_owned();
                }
            }
        });
    }
    let mut slider = |name: &str, value: &mut u8, range| {
        ui.label(style::quiet(name));
        ui.add(Slider::new(value, range));
    };
    slider("Places", &mut draft.seats, 2..=MAX_SEATS);
    slider("Bots that fill empty places", &mut draft.bots, 0..=MAX_SEATS - 1);
    draft.bots = draft.bots.min(draft.seats - 1);
    ui.add_space(style::GRID);

    let wished = style::main_button(ui, "Open and join");
    let room = wished.clicked().then(|| NewRoom {
        name: Some(draft.name.trim().to_owned()).filter(|name| !name.is_empty()),
        map: Some(draft.map.clone()),
        seats: Some(draft.seats),
        bots: Some(draft.bots),
        ..NewRoom::default()
    });
    parts.menu.focus_first(&wished);
    if let Some(room) = room {
        parts.go(Goal::Open(room));
    }
}

/// What the lobby takes.
const MAX_ROOM_NAME_CHARS: usize = 32;
/// Most places that a room may have.
const MAX_SEATS: u8 = game::MAX_SEATS as u8;
const MAPS_PER_ROW: usize = 3;
