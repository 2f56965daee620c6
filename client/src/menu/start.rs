//! The start page: who you are, where to, and the way to everything else.
//!
//! Whoever only presses Enter is looking for a match a second later.
//!
//! Flow: [`Settings`] → fields → [`super::Parts::go`], other pages.

use super::{Page, Parts};
use crate::{palette, settings::Settings, style};
use bevy::prelude::*;
use bevy_egui::egui::{self, Key, RichText, Sense, Stroke, Ui, vec2};
use protocol::{Transport, limits::MAX_NAME_CHARS};

/// What is typed and not a setting.
#[derive(Default)]
pub(super) struct Fields {}

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    title(ui);
    let mut draft = Settings::clone(&parts.settings);
    style::field(ui, "Name", &mut draft.name, MAX_NAME_CHARS);
    style::field(ui, "Server", &mut draft.server, MAX_ADDRESS_CHARS);
    if !protocol::names::valid_name(draft.name.trim()) {
        let rule = RichText::new(format!("Please note: {}.", crate::args::NAME_RULE));
        ui.label(rule.font(style::words(style::SMALL)).color(palette::ink(palette::ALARM)));
    }
    // Written back only on a change: a changed resource is saved.
    parts.settings.set_if_neq(draft);
    ui.add_space(style::GRID);
    let quick = style::main_button(ui, "Quick match");
    parts.menu.focus_first(&quick);
    // After a click nothing has the keyboard; Enter still means what most people want.
    let idle = ui.memory(|memory| memory.focused().is_none());
    if quick.clicked() || idle && ui.input(|input| input.key_pressed(Key::Enter)) {
        parts.menu.turn_to(Page::Queue);
    }
    for row in LINKS {
        ui.columns(2, |columns| {
            for (ui, (page, text)) in columns.iter_mut().zip(row) {
                parts.menu.link(ui, page, text);
            }
        });
    }
    ui.columns(2, |columns| {
        parts.menu.link(&mut columns[0], Page::Options, "Options");
        if style::button(&mut columns[1], "Quit").clicked() {
            parts.exit.write(AppExit::Success);
        }
    });
}

fn title(ui: &mut Ui) {
    let job = egui::text::LayoutJob::single_section(
        "CROSSWIRE".to_owned(),
        egui::TextFormat {
            font_id: style::strong(style::TITLE),
            color: palette::ink(palette::TEXT),
            extra_letter_spacing: 5.0,
            ..Default::default()
        },
    );
    let name = ui.label(job);
    // The wires, crossing below the name: the product in one stroke each.
    let (rect, _) = ui.allocate_exact_size(vec2(name.rect.width(), 6.0), Sense::hover());
    let share = rect.width() / Transport::WIRES.len() as f32;
    for (index, wire) in Transport::WIRES.into_iter().enumerate() {
        let left = rect.left() + share * index as f32;
        let stroke = Stroke::new(2.0, palette::ink(palette::wire(wire)));
        ui.painter().hline(left..=left + share - 4.0, rect.center().y, stroke);
    }
    ui.label(style::quiet("One game, every wire. Switch in the middle of a match."));
    ui.add_space(style::GRID);
}

const LINKS: [[(Page, &str); 2]; 2] = [
    [(Page::Rooms, "Rooms"), (Page::Friends, "Play with friends")],
    [(Page::Leaderboard, "Leaderboard"), (Page::Profile, "Profile")],
];
/// Longer than any host name that people type.
const MAX_ADDRESS_CHARS: usize = 120;
