//! Play with friends: the ways to get somebody you know into the same room.
//!
//! Flow: [`super`] → here → [`super::create`], the start page's box, [`super::queue`] (parties).

use super::{Page, Parts};
use crate::style;
use bevy_egui::egui::Ui;

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    ui.label(style::quiet("Open a room and send its code, link or QR code."));
    parts.menu.link(ui, Page::Create, "Create a room");
}
