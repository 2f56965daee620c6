//! Full screen and back: by F11, or by a button where there are no keys.
//!
//! A page may do that only right after somebody has pressed something, and the browser ends it by itself (on Esc, for one): there the
//! page does it, and knows how things are.
//!
//! Flow: F11, pause panel, options → [`ToggleFullScreen`] → the window, or the page.

use bevy::prelude::*;
#[cfg(not(target_family = "wasm"))]
use bevy::window::{MonitorSelection, PrimaryWindow, WindowMode};

/// Fills the screen.
pub(crate) struct FullScreenPlugin;

impl Plugin for FullScreenPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<ToggleFullScreen>();
        app.add_systems(Update, (ask, toggle.run_if(on_message::<ToggleFullScreen>)).chain());
    }
}

/// Please fill the screen, or be a window again.
#[derive(Message)]
pub(crate) struct ToggleFullScreen;

/// Returns whether it can be done: some phones let no page fill the screen.
pub(crate) fn possible() -> bool {
    #[cfg(target_family = "wasm")]
    return crate::web::has_full_screen();
    #[cfg(not(target_family = "wasm"))]
    true
}

fn ask(keys: Res<ButtonInput<KeyCode>>, mut wanted: MessageWriter<ToggleFullScreen>) {
    if keys.just_pressed(KeyCode::F11) {
        wanted.write(ToggleFullScreen);
    }
}

#[cfg(not(target_family = "wasm"))]
fn toggle(mut window: Single<&mut Window, With<PrimaryWindow>>) {
    window.mode = match window.mode {
        WindowMode::Windowed => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
        WindowMode::BorderlessFullscreen(_) | WindowMode::Fullscreen(..) => WindowMode::Windowed,
    };
}

#[cfg(target_family = "wasm")]
fn toggle() {
    crate::web::toggle_full_screen();
}
