//! The system's clipboard: a friend's address comes by chat, not by heart, and an invite goes the same way.
//!
//! Flow: the system's clipboard → [`paste`] → egui's input; a button → [`copy`] → [`hand_over`] → the system's clipboard.

use bevy::{
    clipboard::Clipboard,
    input::{InputSystems, keyboard::Key},
    prelude::*,
};
use bevy_egui::{EguiContexts, EguiInputSet, PrimaryEguiContext, egui, input::EguiInputEvent};
use egui::{Context, Event, Id};

/// Connects fields and buttons with the clipboard.
pub(crate) struct ClipboardPlugin;

impl Plugin for ClipboardPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(PreUpdate, paste.after(InputSystems).before(EguiInputSet::WriteEguiEvents));
        app.add_systems(Last, hand_over);
    }
}

/// Puts `text` into the system's clipboard, at the end of the frame.
pub(crate) fn copy(context: &Context, text: &str) {
    context.data_mut(|data| data.insert_temp(Id::new(COPIED), text.to_owned()));
}

/// Hands the clipboard's text to the field that has the keyboard, on Ctrl+V.
fn paste(
    keys: Res<ButtonInput<Key>>,
    mut clipboard: ResMut<Clipboard>,
    context: Query<Entity, With<PrimaryEguiContext>>,
    mut events: MessageWriter<EguiInputEvent>,
) {
    let command = if cfg!(target_os = "macos") { Key::Super } else { Key::Control };
    let wanted = keys.pressed(command) && keys.just_pressed(Key::Character("v".into()));
    let Some(context) = context.single().ok().filter(|_| wanted) else { return };
    if let Some(text) = text(&mut clipboard) {
        events.write(EguiInputEvent { context, event: Event::Paste(text) });
    }
}

/// Returns whether [`text`] has anything to ask.
pub(crate) const fn can_be_asked() -> bool {
    true
}

/// Returns what the clipboard holds. An empty clipboard, or one with a picture in it, is no reason to say anything.
pub(crate) fn text(clipboard: &mut Clipboard) -> Option<String> {
    clipboard.fetch_text().poll_result()?.ok()
}

/// Returns what the clipboard held when it was asked, if it is slow to tell; it never is.
pub(crate) const fn late() -> Option<Result<String, &'static str>> {
    None
}

fn hand_over(mut contexts: EguiContexts, mut clipboard: ResMut<Clipboard>) {
    let Ok(context) = contexts.ctx_mut() else { return };
    let Some(text) = context.data_mut(|data| data.remove_temp::<String>(Id::new(COPIED))) else { return };
    if let Err(error) = clipboard.set_text(text) {
        warn!("Nothing could be copied: {error}.");
    }
}

const COPIED: &str = "copied";
