//! The menu by gamepad: the cross or the left stick moves, A presses, B goes back.
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
    mut tilted: Local<[bool; TILTS.len()]>,
    mut events: MessageWriter<EguiInputEvent>,
) {
    let Ok(context) = context.single() else { return };
    if *screen.get() == Screen::InMatch && !panels.pause && !panels.hands {
        return;
    }
    let mut hand_on = |key, pressed| {
        let event = Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::default() };
        events.write(EguiInputEvent { context, event });
    };
    for pad in &pads {
        for (button, key) in KEYS {
            let pressed = pad.just_pressed(button);
            if pressed || pad.just_released(button) {
                hand_on(key, pressed);
            }
        }
    }
    let stick = pads.iter().map(Gamepad::left_stick).max_by(|a, b| a.length().total_cmp(&b.length()));
    for ((toward, key), was) in TILTS.into_iter().zip(tilted.iter_mut()) {
        // One step per push: a stick that trembles about the limit must not run through the page.
        let limit = if *was { LET_GO } else { PUSHED };
        let is = stick.unwrap_or_default().dot(toward) > limit;
        if std::mem::replace(was, is) != is {
            hand_on(key, is);
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
/// The left stick, pushed that way.
const TILTS: [(Vec2, Key); 4] =
    [(Vec2::Y, Key::ArrowUp), (Vec2::NEG_Y, Key::ArrowDown), (Vec2::NEG_X, Key::ArrowLeft), (Vec2::X, Key::ArrowRight)];
/// A stick that is pushed so far means it: more than half way, so that a slanting push is one direction.
const PUSHED: f32 = 0.75;
/// A stick that has come back so far may push again.
const LET_GO: f32 = 0.4;

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::{
        input::{
            InputPlugin,
            gamepad::{RawGamepadAxisChangedEvent, RawGamepadButtonChangedEvent, RawGamepadEvent},
        },
        state::app::StatesPlugin,
    };

    /// An app with nothing but a gamepad in it, which is plugged in.
    fn bench(screen: Screen) -> (App, Entity) {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, StatesPlugin, InputPlugin));
        app.insert_state(screen).init_resource::<Panels>().add_message::<EguiInputEvent>();
        app.add_systems(PreUpdate, feed.after(bevy::input::InputSystems));
        // Without the systems of egui, its marker alone is enough to be found.
        app.world_mut().spawn(PrimaryEguiContext);
        let pad = app.world_mut().spawn(Gamepad::default()).id();
        app.update();
        (app, pad)
    }

    fn button(pad: Entity, button: GamepadButton, value: f32) -> RawGamepadEvent {
        RawGamepadButtonChangedEvent::new(pad, button, value).into()
    }

    fn push(pad: Entity, axis: GamepadAxis, value: f32) -> RawGamepadEvent {
        RawGamepadAxisChangedEvent::new(pad, axis, value).into()
    }

    /// Lets something happen to the pad and returns the keys that egui is told of, and whether they went down.
    fn told(app: &mut App, event: RawGamepadEvent) -> Vec<(Key, bool)> {
        app.world_mut().resource_mut::<Messages<EguiInputEvent>>().clear();
        app.world_mut().write_message(event);
        app.update();
        let told = app.world_mut().resource_mut::<Messages<EguiInputEvent>>().drain().collect::<Vec<_>>();
        let key = |told: EguiInputEvent| match told.event {
            Event::Key { key, pressed, .. } => (key, pressed),
            other => panic!("{other:?} is no key"),
        };
        told.into_iter().map(key).collect()
    }

    #[test]
    fn every_button_of_the_menu_is_a_key_and_goes_up_again() {
        let (mut app, pad) = bench(Screen::Menu);
        for (which, key) in KEYS {
            assert_eq!(told(&mut app, button(pad, which, 1.0)), [(key, true)], "{which:?}");
            assert_eq!(told(&mut app, button(pad, which, 0.0)), [(key, false)], "{which:?}");
        }
        assert!(told(&mut app, button(pad, GamepadButton::North, 1.0)).is_empty(), "it means nothing in a menu");
    }

    #[test]
    fn the_stick_moves_one_step_per_push() {
        let (mut app, pad) = bench(Screen::Menu);
        assert!(told(&mut app, push(pad, GamepadAxis::LeftStickY, -0.5)).is_empty(), "not far enough");
        assert_eq!(told(&mut app, push(pad, GamepadAxis::LeftStickY, -1.0)), [(Key::ArrowDown, true)]);
        assert!(told(&mut app, push(pad, GamepadAxis::LeftStickY, -0.6)).is_empty(), "it trembles");
        assert_eq!(told(&mut app, push(pad, GamepadAxis::LeftStickY, 0.0)), [(Key::ArrowDown, false)]);
        assert_eq!(told(&mut app, push(pad, GamepadAxis::LeftStickX, 1.0)), [(Key::ArrowRight, true)]);
    }

    #[test]
    fn whoever_flies_does_not_press_buttons_of_panels() {
        let (mut app, pad) = bench(Screen::InMatch);
        assert!(told(&mut app, button(pad, GamepadButton::South, 1.0)).is_empty(), "this is a dash");
        app.world_mut().resource_mut::<Panels>().pause = true;
        told(&mut app, button(pad, GamepadButton::South, 0.0));
        assert_eq!(told(&mut app, button(pad, GamepadButton::South, 1.0)), [(Key::Enter, true)]);
    }
}
