//! Play with friends: the ways to get somebody you know into the same room.
//!
//! Flow: [`super`] → here → [`super::create`], the start page's box, [`super::servers`], [`super::queue`] (parties).

use super::{Page, Parts};
use crate::style;
use bevy_egui::egui::Ui;

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    ui.label(style::quiet("You open a room, and send its code, link or QR code."));
    let create = style::main_button(ui, "Create a room");
    parts.menu.focus_first(&create);
    parts.menu.focus_left(&create, Page::Create);
    if create.clicked() {
        parts.menu.turn_to(Page::Create);
    }
    ui.add_space(style::GRID);
    ui.label(style::quiet("A friend has sent you a code or a link."));
    if style::button(ui, "Enter a code").clicked() {
        parts.menu.back();
        parts.menu.left = None;
        parts.menu.start.want_box();
    }
    ui.add_space(style::GRID);
    // A page may ask no server but its own.
    if cfg!(not(target_family = "wasm")) {
        ui.label(style::quiet("You are in the same network: servers are found by themselves."));
        parts.menu.link(ui, Page::Servers, "Servers nearby");
        ui.add_space(style::GRID);
    }
    ui.label(style::quiet("You want to be matched together, as a party."));
    parts.menu.link(ui, Page::Queue, "Quick match with a party");
}
