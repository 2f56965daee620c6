//! The clipboard in a page, in place of the system's: the browser pastes by itself and says what, or is asked for it by a button.
//!
//! Flow: `boot.js` → [`paste`] → egui's input; a button → [`copy`] → `boot.js`.

use crate::web;
use bevy::{clipboard::Clipboard, prelude::*};
use bevy_egui::{EguiInputSet, PrimaryEguiContext, egui, input::EguiInputEvent};
use egui::{Context, Event};

/// Connects fields and buttons with the clipboard.
pub(crate) struct ClipboardPlugin;

impl Plugin for ClipboardPlugin {
    fn build(&self, app: &mut App) {
        // After the keys of the same frame: Ctrl+A and Ctrl+V may fall into one.
        app.add_systems(PreUpdate, paste.after(EguiInputSet::ReadBevyMessages).before(EguiInputSet::WriteEguiEvents));
    }
}

/// Puts `text` into the clipboard at once: browsers let a page do so right after somebody has pressed something.
pub(crate) fn copy(_: &Context, text: &str) {
    web::copy(text);
}

/// Hands what was pasted to the field that has the keyboard.
fn paste(context: Query<Entity, With<PrimaryEguiContext>>, mut events: MessageWriter<EguiInputEvent>) {
    if let Ok(context) = context.single()
        && let Some(text) = web::take_pasted()
    {
        events.write(EguiInputEvent { context, event: Event::Paste(text) });
    }
}

/// Returns whether [`text`] has anything to ask: not on every page.
pub(crate) fn can_be_asked() -> bool {
    web::can_ask_for_paste()
}

/// Asks for what the clipboard holds. That comes [`late`].
pub(crate) fn text(_: &mut Clipboard) -> Option<String> {
    web::ask_for_paste();
    None
}

/// Returns what the clipboard held when it was asked, or why that is not to be had; once.
pub(crate) fn late() -> Option<Result<String, &'static str>> {
    web::take_fetched().map(|text| text.ok_or("The browser keeps the clipboard to itself. Ctrl+V pastes."))
}
