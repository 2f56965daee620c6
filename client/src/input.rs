//! Keyboard, mouse, gamepad and fingers become a command.
//!
//! Devices are read every frame and ticks are due at times of their own, so the newest sample is kept, and a press is kept until a
//! tick has had it: a tap between two ticks still fires.
//!
//! Flow: devices → [`Stick`] → [`crate::links`] → wire. Keys that are not for flying → [`crate::hud`].

use crate::{
    hud::{Blind, Panels},
    links::{BestWire, Match, SwitchWire},
    picture::{FrameSystems, Picture, Source},
    state::Screen,
    touch::{Fingers, Spot},
    view::camera::Eye,
};
use bevy::{ecs::system::SystemParam, prelude::*, window::PrimaryWindow};
use game::{Aim, Bot, Buttons, Command};
use protocol::Transport;
use web_time::{Duration, Instant};

/// Reads the devices.
pub(crate) struct InputPlugin;

impl Plugin for InputPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Stick>().init_resource::<Autopilot>();
        app.add_systems(Update, (sample, choose_wire).run_if(in_state(Screen::InMatch)).in_set(FrameSystems::Sample));
    }
}

/// What the player wants at this moment.
#[derive(Resource, Default)]
pub(crate) struct Stick {
    thrust: Vec2,
    aim: f32,
    held: Buttons,
    /// Pressed since the last tick, even if let go since.
    tapped: Buttons,
    /// When something was pressed that no tick has had yet.
    pressed: Option<Instant>,
    mean_wait: Duration,
}

impl Stick {
    /// Returns the command for a tick that is due.
    pub(crate) fn take_command(&mut self) -> Command {
        if let Some(pressed) = self.pressed.take() {
            self.mean_wait = (self.mean_wait * (WAITS - 1) + pressed.elapsed()) / WAITS;
        }
        let thrust = self.thrust.clamp_length_max(1.0) * f32::from(i8::MAX);
        let buttons = self.held.with(std::mem::take(&mut self.tapped));
        Command { thrust: [thrust.x.round() as i8, thrust.y.round() as i8], aim: Aim::from_radians(self.aim), buttons }
    }

    /// Returns how long a press waits for the tick that carries it, from the frame that saw it; a mean of the last few.
    pub(crate) const fn mean_wait(&self) -> Duration {
        self.mean_wait
    }

    /// Returns where the player points, radians.
    pub(crate) const fn aim(&self) -> f32 {
        self.aim
    }

    fn press(&mut self, button: Buttons, held: bool, tapped: bool) {
        self.held = if held { self.held.with(button) } else { self.held };
        self.tapped = if tapped { self.tapped.with(button) } else { self.tapped };
    }

    fn let_go(&mut self) {
        (self.thrust, self.held, self.tapped) = (Vec2::ZERO, Buttons::default(), Buttons::default());
    }
}

/// Flies instead of the player, if asked to.
#[derive(Resource, Default)]
pub(crate) struct Autopilot(Option<Bot>);

impl Autopilot {
    /// Returns an autopilot that is on or off.
    pub(crate) fn new(on: bool, seed: u64) -> Self {
        Self(on.then(|| Bot::new(seed, AUTOPILOT_SKILL)))
    }

    /// Returns who flies instead of the player.
    pub(crate) const fn pilot(&mut self) -> Option<&mut Bot> {
        self.0.as_mut()
    }
}

/// What a player has their hands on.
#[derive(SystemParam)]
struct Devices<'w, 's> {
    keys: Res<'w, ButtonInput<KeyCode>>,
    mouse: Res<'w, ButtonInput<MouseButton>>,
    pads: Query<'w, 's, &'static Gamepad>,
    fingers: Res<'w, Fingers>,
    window: Single<'w, 's, &'static Window, With<PrimaryWindow>>,
}

fn sample(
    devices: Devices,
    eye: Res<Eye>,
    picture: Res<Picture>,
    panels: Res<Panels>,
    mut stick: ResMut<Stick>,
    mut last_cursor: Local<Option<Vec2>>,
) {
    let Devices { keys, mouse, pads, fingers, window } = devices;
    stick.held = Buttons::default();
    stick.thrust = Vec2::ZERO;
    if panels.take_input() || !window.focused {
        // Somebody who types or reads does not fly; the nose stays where it was.
        stick.let_go();
        return;
    }
    if stick.pressed.is_none() && (keys.any_just_pressed(FLIGHT_KEYS) || mouse.any_just_pressed(FLIGHT_BUTTONS)) {
        stick.pressed = Some(Instant::now());
    }
    let key = |codes: &[KeyCode]| if keys.any_pressed(codes.iter().copied()) { 1.0 } else { 0.0 };
    stick.thrust = Vec2::new(
        key(&[KeyCode::KeyD, KeyCode::ArrowRight]) - key(&[KeyCode::KeyA, KeyCode::ArrowLeft]),
        key(&[KeyCode::KeyW, KeyCode::ArrowUp]) - key(&[KeyCode::KeyS, KeyCode::ArrowDown]),
    )
    .normalize_or_zero();
    let dash = [KeyCode::Space, KeyCode::ShiftLeft, KeyCode::ShiftRight];
    // Whoever clicks on a panel does not shoot.
    let aims = !panels.pointer;
    for (button, by) in [(Buttons::BOLT, MouseButton::Left), (Buttons::RAIL, MouseButton::Right)] {
        stick.press(button, aims && mouse.pressed(by), aims && mouse.just_pressed(by));
    }
    stick.press(Buttons::DASH, keys.any_pressed(dash), keys.any_just_pressed(dash));

    let ship = (picture.source == Source::Match)
        .then(|| picture.scene.as_ref()?.own.as_ref())
        .flatten()
        .map(|own| Vec2::from(own.pos));
    let cursor = window.cursor_position();
    let pad_aim = pads.iter().map(Gamepad::right_stick).find(|aim| aim.length() > AIM_DEAD_ZONE);
    if let Some(aim) = pad_aim.map(Vec2::to_angle).or_else(|| fingers.aim()) {
        stick.aim = aim;
        *last_cursor = cursor;
    } else if let (Some(cursor), Some(ship)) = (cursor, ship)
        && *last_cursor != Some(cursor)
    {
        // The mouse takes over from the sticks only when it is moved.
        *last_cursor = None;
        let toward = eye.to_field(&window, cursor) - ship;
        if toward.length() > AIM_TILES {
            stick.aim = toward.to_angle();
        }
    }
    for pad in &pads {
        if pad.left_stick().length() > THRUST_DEAD_ZONE {
            stick.thrust = pad.left_stick();
        }
        let button = |button| (pad.pressed(button), pad.just_pressed(button));
        for (meaning, (held, tapped)) in [
            (Buttons::BOLT, button(GamepadButton::RightTrigger2)),
            (Buttons::RAIL, button(GamepadButton::LeftTrigger2)),
            (Buttons::DASH, button(GamepadButton::South)),
        ] {
            stick.press(meaning, held, tapped);
        }
    }
    if fingers.thrust() != Vec2::ZERO {
        stick.thrust = fingers.thrust();
    }
    stick.press(Buttons::BOLT, fingers.fires(), fingers.struck(Spot::Field));
    stick.press(Buttons::RAIL, false, fingers.struck(Spot::Rail));
    stick.press(Buttons::DASH, fingers.holds(Spot::Dash), fingers.struck(Spot::Dash));
}

/// The digits change the wire, 0 takes the best that works. F1, F2 and F3 do it too, even for somebody who types; fingers
/// have a button for each, and a gamepad's R1 takes the next one. Only in a blind test the game does.
fn choose_wire(
    (keys, fingers, pads): (Res<ButtonInput<KeyCode>>, Res<Fingers>, Query<&Gamepad>),
    (the_match, mut tried): (Option<Res<Match>>, Local<Option<Transport>>),
    (panels, blind): (Res<Panels>, Res<Blind>),
    mut wanted: MessageWriter<SwitchWire>,
    mut best: MessageWriter<BestWire>,
) {
    if blind.is_running() {
        return;
    }
    let typing = panels.take_input();
    let digits = DIGITS.into_iter().zip(Transport::WIRES).filter(|_| !typing);
    for (key, transport) in digits.chain(F_KEYS.into_iter().zip(Transport::WIRES)) {
        if keys.just_pressed(key) {
            wanted.write(SwitchWire(transport));
        }
    }
    if !typing && keys.just_pressed(KeyCode::Digit0) {
        best.write(BestWire);
    }
    wanted.write_batch(Transport::WIRES.into_iter().filter(|wire| fingers.struck(Spot::Wire(*wire))).map(SwitchWire));
    let pad = !typing && pads.iter().any(|pad| pad.just_pressed(GamepadButton::RightTrigger));
    if pad && let Some(the_match) = the_match {
        *tried = next_wire(*tried, the_match.player.status(Instant::now()).driving);
        wanted.write_batch(tried.map(SwitchWire));
    }
}

/// Returns the wire after the one that was tried last, whether it came to anything or not: one that is not to be had must not bar the
/// way to those behind it. Never the one that drives.
fn next_wire(tried: Option<Transport>, driving: Option<Transport>) -> Option<Transport> {
    let at = tried.or(driving).and_then(|last| Transport::WIRES.iter().position(|wire| *wire == last));
    let mut after = Transport::WIRES.into_iter().cycle().skip(at.map_or(0, |at| at + 1)).take(Transport::WIRES.len());
    after.find(|wire| Some(*wire) != driving)
}

/// What a press of counts for the wait until its tick.
const FLIGHT_KEYS: [KeyCode; 11] = [
    KeyCode::KeyW,
    KeyCode::KeyA,
    KeyCode::KeyS,
    KeyCode::KeyD,
    KeyCode::ArrowUp,
    KeyCode::ArrowLeft,
    KeyCode::ArrowDown,
    KeyCode::ArrowRight,
    KeyCode::Space,
    KeyCode::ShiftLeft,
    KeyCode::ShiftRight,
];
const FLIGHT_BUTTONS: [MouseButton; 2] = [MouseButton::Left, MouseButton::Right];
/// Presses that a mean is made of.
const WAITS: u32 = 8;
/// One per wire, in the order of [`Transport::WIRES`]; a browser has fewer wires.
const DIGITS: [KeyCode; 5] = [KeyCode::Digit1, KeyCode::Digit2, KeyCode::Digit3, KeyCode::Digit4, KeyCode::Digit5];
const _: () = assert!(DIGITS.len() >= Transport::WIRES.len());
/// The first three wires, for hands that are used to it.
const F_KEYS: [KeyCode; 3] = [KeyCode::F1, KeyCode::F2, KeyCode::F3];

/// The autopilot flies as well as a practised player.
const AUTOPILOT_SKILL: f32 = 0.8;
/// A stick at rest is not at zero.
const THRUST_DEAD_ZONE: f32 = 0.2;
/// A stick that only wobbles does not aim.
const AIM_DEAD_ZONE: f32 = 0.4;
/// With the cursor on the ship there is no direction to point in.
const AIM_TILES: f32 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_between_two_ticks_still_fires_and_only_once() {
        let mut stick = Stick::default();
        stick.press(Buttons::RAIL, false, true);
        assert!(stick.take_command().buttons.contains(Buttons::RAIL));
        assert!(!stick.take_command().buttons.contains(Buttons::RAIL));
    }

    #[test]
    fn a_wire_that_is_not_to_be_had_does_not_bar_the_way_to_the_next() {
        let [first, second, third, ..] = Transport::WIRES;
        assert_eq!(next_wire(None, Some(first)), Some(second));
        assert_eq!(next_wire(Some(second), Some(first)), Some(third), "the second did not come");
        let last = Transport::WIRES.last().copied();
        assert_eq!(next_wire(last, Some(first)), Some(second), "around the end, but not to the one that drives");
        assert_eq!(next_wire(None, None), Some(first));
    }

    #[test]
    fn thrust_fills_its_range_and_no_more() {
        let mut stick = Stick { thrust: Vec2::new(3.0, 0.0), ..Stick::default() };
        assert_eq!(stick.take_command().thrust, [127, 0]);
        stick.thrust = Vec2::new(0.0, -1.0);
        assert_eq!(stick.take_command().thrust, [0, -127]);
    }
}
