//! Touch screens: sticks that float under the thumbs, buttons of the HUD, and panels that are egui's.
//!
//! Nothing of it is there until somebody touches the screen. egui takes one finger for its mouse; it is told which, so that a thumb on a
//! stick presses no button, and a button is pressed while a thumb is on a stick.
//!
//! Flow: [`TouchInput`] → [`Fingers`] → [`crate::input`] (sticks), [`crate::hud`] (buttons, and how all that looks), egui.

mod fingers;

pub(crate) use fingers::{Fingers, RIM, Side, Spot};

use crate::state::Screen;
use bevy::{
    input::{
        InputSystems,
        touch::{TouchInput, TouchPhase},
    },
    prelude::*,
    window::PrimaryWindow,
};
use bevy_egui::{EguiContext, EguiInputSet, PrimaryEguiContext, egui, input::EguiContextPointerTouchId};

/// Reads the touch screen.
pub(crate) struct TouchPlugin;

impl Plugin for TouchPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Fingers>();
        app.add_systems(PreUpdate, feel.after(InputSystems).before(EguiInputSet::FocusContext));
        app.add_systems(OnExit(Screen::InMatch), |mut fingers: ResMut<Fingers>| fingers.lay_out(Vec::new(), false));
    }
}

/// Gives each finger that comes down its task, and tells egui which one is its own.
fn feel(
    mut touches: MessageReader<TouchInput>,
    mut context: Query<(&mut EguiContext, &mut EguiContextPointerTouchId), With<PrimaryEguiContext>>,
    window: Query<&Window, With<PrimaryWindow>>,
    mut fingers: ResMut<Fingers>,
) {
    let (Ok((mut context, mut translated)), Ok(window)) = (context.single_mut(), window.single()) else { return };
    let context = context.get_mut();
    fingers.begin();
    for touch in touches.read() {
        let (id, at) = (touch.id, touch.position);
        match touch.phase {
            TouchPhase::Started => {
                let point = egui::pos2(at.x, at.y) / context.zoom_factor();
                // The ground below all panels is a layer too.
                let layer = context.layer_id_at(point).filter(|layer| layer.order != egui::Order::Background);
                fingers.press(id, at, window.width() * 0.5, layer.is_some());
            }
            TouchPhase::Moved => fingers.slide(id, at),
            TouchPhase::Ended => fingers.lift(id, at),
            TouchPhase::Canceled => fingers.forget_touch(id),
        }
    }
    let (pointer, others) = fingers.pointer();
    translated.pointer_touch_id = pointer.or(others.then_some(NOBODY));
}

/// No finger has this number: as long as egui believes that it follows this one, it follows none.
const NOBODY: u64 = u64::MAX;
