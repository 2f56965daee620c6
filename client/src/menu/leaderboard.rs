//! The best players.
//!
//! Flow: [`super`] → here.

use super::Parts;
use crate::style;
use bevy_egui::egui::Ui;

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    ui.label(style::quiet("Nobody has played a rated match yet."));
    let back = style::button(ui, "Back");
    parts.menu.focus_first(&back);
    if back.clicked() {
        parts.menu.back();
    }
}
