//! The menu by gamepad: the cross moves, A presses, B goes back.
//!
//! egui knows keyboards, so the pad's buttons are handed to it as keys.
//!
//! Flow: [`Gamepad`] → here → egui's input.

use crate::{hud::Panels, state::Screen};
use bevy::prelude::*;
use bevy_egui::{PrimaryEguiContext, egui, input::EguiInputEvent};
use egui::{Event, Key, Modifiers};

/// Hands presses on as keys, unless the pad flies a ship.
pub(super) fn feed(
    pads: Query<&Gamepad>,
    context: Query<Entity, With<PrimaryEguiContext>>,
    screen: Res<State<Screen>>,
    panels: Res<Panels>,
    mut events: MessageWriter<EguiInputEvent>,
) {
    let Ok(context) = context.single() else { return };
    if *screen.get() == Screen::InMatch && !panels.pause && !panels.hands {
        return;
    }
    for pad in &pads {
        for (button, key) in KEYS {
            let pressed = pad.just_pressed(button);
            if pressed || pad.just_released(button) {
                let event =
                    Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::default() };
                events.write(EguiInputEvent { context, event });
            }
        }
    }
}

const KEYS: [(GamepadButton, Key); 6] = [
    (GamepadButton::DPadUp, Key::ArrowUp),
    (GamepadButton::DPadDown, Key::ArrowDown),
    (GamepadButton::DPadLeft, Key::ArrowLeft),
    (GamepadButton::DPadRight, Key::ArrowRight),
    (GamepadButton::South, Key::Enter),
    (GamepadButton::East, Key::Escape),
];
