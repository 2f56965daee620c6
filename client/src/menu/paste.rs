//! Ctrl+V in the menu's fields: a friend's address comes by chat, not by heart.
//!
//! Flow: the system's clipboard → here → egui's input.

use bevy::{clipboard::Clipboard, input::keyboard::Key, prelude::*};
use bevy_egui::{PrimaryEguiContext, egui::Event, input::EguiInputEvent};

/// Hands the clipboard's text to the field that has the keyboard.
pub(super) fn feed(
    keys: Res<ButtonInput<Key>>,
    mut clipboard: ResMut<Clipboard>,
    context: Query<Entity, With<PrimaryEguiContext>>,
    mut events: MessageWriter<EguiInputEvent>,
) {
    let command = if cfg!(target_os = "macos") { Key::Super } else { Key::Control };
    let wanted = keys.pressed(command) && keys.just_pressed(Key::Character("v".into()));
    let Some(context) = context.single().ok().filter(|_| wanted) else { return };
    // An empty clipboard, or one with a picture in it, is no reason to say anything.
    if let Some(Ok(text)) = clipboard.fetch_text().poll_result() {
        events.write(EguiInputEvent { context, event: Event::Paste(text) });
    }
}
