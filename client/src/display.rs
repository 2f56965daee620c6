//! What to say when there is nothing to draw on.
//!
//! On a server or over a bare SSH session there is no display, and in a container there may be no graphics driver. The libraries
//! below answer with a panic and a backtrace; a player needs a sentence and a next step.
//!
//! Flow: [`crate::main`] → here → the window.

use std::{panic, process};

/// Exit code when there is no display or nothing that can draw.
pub(crate) const NO_DISPLAY: u8 = 3;

/// Returns whether there is a display, and says what to do if not.
pub(crate) fn present() -> bool {
    // Elsewhere the desktop is part of the system and needs no variable to be found.
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let found = !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY");
    if !found {
        eprintln!("{NO_DISPLAY_TEXT}");
    }
    found
}

/// Turns the panics of a missing display server or graphics driver into one sentence each.
pub(crate) fn explain_panics() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or_default();
        let sentence = if text.contains("event loop") {
            NO_DISPLAY_TEXT
        } else if text.contains("Unable to find a GPU") {
            NO_GPU_TEXT
        } else {
            return default(info);
        };
        eprintln!("{sentence}");
        process::exit(i32::from(NO_DISPLAY));
    }));
}

const NO_DISPLAY_TEXT: &str =
    "No display found. Start the client on a desktop, or set DISPLAY or WAYLAND_DISPLAY to one that is reachable.";
const NO_GPU_TEXT: &str =
    "No graphics driver found. Install one for Vulkan or OpenGL (on Debian: mesa-vulkan-drivers) and try again.";
