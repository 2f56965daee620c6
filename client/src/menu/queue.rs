//! Quick match: a match with whoever is there.
//!
//! Flow: [`super`] → here → [`super::Parts::go`].

use super::Parts;
use crate::{lobby::Goal, style};
use bevy_egui::egui::Ui;

/// Shows the page.
pub(super) fn page(ui: &mut Ui, parts: &mut Parts) {
    ui.label(style::quiet("The fullest room with a free seat, or a new one."));
    let join = style::main_button(ui, "Join");
    parts.menu.focus_first(&join);
    if join.clicked() {
        parts.go(Goal::Quick);
    }
}
