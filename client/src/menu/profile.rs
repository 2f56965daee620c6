//! What the server knows about you.
//!
//! Flow: [`super`] → here.

use super::Parts;
use crate::style;
use bevy_egui::egui::Ui;

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    ui.label(style::quiet("Your matches will be listed here."));
    let back = style::button(ui, "Back");
    parts.menu.focus_first(&back);
    if back.clicked() {
        parts.menu.back();
    }
}
