//! Which panels are open, and the keys that open and close them.
//!
//! Panels never take the keyboard from the ship, and the mouse only while it is over them. Only chat, the pause panel, a question,
//! and a panel that was opened by gamepad have the hands of the player; Esc gives them back.
//!
//! Flow: keys, fingers, pause panel → [`Pressed`] → [`act`] → [`Panels`] → everything in [`super`].

use super::{Blind, Telemetry, tour::Tour};
use crate::{
    full_screen::{self, ToggleFullScreen},
    links::Match,
    touch::{Fingers, Spot},
    weather::Sky,
};
use bevy::prelude::*;
use bevy_egui::egui::Pos2;
use protocol::Transport;
use web_time::Instant;

/// A panel beside the ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panel {
    /// How old each wire's picture is.
    Graph,
    /// From key press to effect.
    Truth,
    /// What rides on what.
    Map,
    /// What the network does.
    Weather,
    /// What is done about it.
    Netcode,
    /// All keys.
    Help,
    /// How the blind test ended.
    Result,
    /// How friends get in.
    Invite,
}

impl Panel {
    /// Returns whether it stands on the left, where things are measured.
    const fn is_left(self) -> bool {
        matches!(self, Self::Graph | Self::Truth)
    }

    /// Returns whether there is something to press in it.
    const fn is_touched(self) -> bool {
        matches!(self, Self::Weather | Self::Netcode)
    }
}

impl Action {
    /// Returns whether it can be done here: what is about weather needs one.
    pub(super) fn is_there(self, sky: &Sky) -> bool {
        match self {
            Self::Open(Panel::Weather) | Self::Blind | Self::Tour => sky.can_be(),
            Self::FullScreen => full_screen::possible(),
            Self::Open(_) | Self::Ghosts | Self::Chat => true,
        }
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Open this, or close it.
    Open(Panel),
    /// Let the other wires carry the match along and draw where they see the ship, or stop that.
    Ghosts,
    /// Begin a blind test, or put its result away.
    Blind,
    /// Show the tour's card, or hide it.
    Tour,
    /// Open the line for chat.
    Chat,
    /// Fill the screen, or be a window again.
    FullScreen,
}

/// Please do this.
#[derive(Message, Clone, Copy, Debug)]
pub(super) struct Pressed {
    /// What.
    pub(super) action: Action,
    /// By somebody who may have no mouse: what opens gets the hands.
    pub(super) by_hand: bool,
}

/// Which panels are open.
#[derive(Resource)]
pub(crate) struct Panels {
    /// The scoreboard.
    pub(crate) scores: bool,
    /// The line for chat.
    pub(crate) chat: bool,
    /// The pause panel. The match goes on.
    pub(crate) pause: bool,
    /// A panel has the player's hands: keys go there and not to the ship.
    pub(crate) hands: bool,
    /// The mouse is over something that can be clicked.
    pub(crate) pointer: bool,
    /// Hands were just given; the first thing to press has not been marked yet.
    pub(super) fresh: bool,
    /// On the left of the ship.
    pub(super) left: Option<Panel>,
    /// On the right of the ship.
    pub(super) right: Option<Panel>,
    /// The invite stands there until the first friend has come.
    pub(super) inviting: bool,
    /// The other wires carry the match along and are drawn.
    pub(crate) ghosts: bool,
    /// Something large stands in the middle; panels beside it wait.
    pub(super) covered: bool,
    /// How far down panels may reach: to the card at the bottom, if there is one. Points.
    pub(super) floor: f32,
    /// Where the heads of panels end on the left and on the right of the ship, points: there they are closed.
    pub(super) heads: [Pos2; 2],
    /// How far down the left panel reaches, points.
    pub(super) left_bottom: f32,
}

impl Default for Panels {
    fn default() -> Self {
        Self {
            scores: false,
            chat: false,
            pause: false,
            hands: false,
            pointer: false,
            fresh: false,
            left: None,
            right: None,
            inviting: false,
            ghosts: false,
            covered: false,
            floor: f32::INFINITY,
            heads: [Pos2::ZERO; 2],
            left_bottom: 0.0,
        }
    }
}

impl Panels {
    /// Returns whether a panel stands on the left and on the right of the ship.
    pub(crate) const fn sides(&self) -> [bool; 2] {
        [self.left.is_some(), self.right.is_some()]
    }

    /// Returns whether keys and mouse belong to a panel.
    pub(crate) const fn take_input(&self) -> bool {
        self.chat || self.pause || self.hands
    }

    /// Closes the panel on the left (0) or on the right (1) of the ship.
    pub(super) const fn close(&mut self, side: usize) {
        if side == 0 {
            self.left = None;
        } else {
            (self.right, self.hands) = (None, false);
        }
    }

    fn toggle(&mut self, panel: Panel) {
        let side = if panel.is_left() { &mut self.left } else { &mut self.right };
        *side = if *side == Some(panel) { None } else { Some(panel) };
    }
}

/// Opens and closes panels. Esc always closes what has the hands first.
pub(super) fn read(
    (keys, fingers): (Res<ButtonInput<KeyCode>>, Res<Fingers>),
    pads: Query<&Gamepad>,
    sky: Res<Sky>,
    mut panels: ResMut<Panels>,
    mut pressed: MessageWriter<Pressed>,
) {
    let pad = |button: GamepadButton| pads.iter().any(|pad| pad.just_pressed(button));
    panels.scores = !panels.take_input()
        && (keys.pressed(KeyCode::Tab)
            || fingers.holds(Spot::Scores)
            || pads.iter().any(|pad| pad.pressed(GamepadButton::Select)));
    let back = (panels.hands && pad(GamepadButton::East)) || fingers.struck(Spot::Pause);
    if keys.just_pressed(KeyCode::Escape) || pad(GamepadButton::Start) || back {
        let was_open = panels.take_input();
        (panels.chat, panels.hands, panels.fresh) = (false, false, false);
        panels.pause = !was_open;
    } else if panels.take_input() {
        return;
    }
    if keys.any_just_pressed([KeyCode::Enter, KeyCode::NumpadEnter]) && !panels.take_input() {
        panels.chat = true;
    }
    for (key, action) in ACTIONS {
        if action.is_there(&sky) && keys.just_pressed(key) {
            pressed.write(Pressed { action, by_hand: false });
        }
    }
}

/// Does what was asked for.
pub(super) fn act(
    mut pressed: MessageReader<Pressed>,
    (keys, fingers): (Res<ButtonInput<KeyCode>>, Res<Fingers>),
    mut panels: ResMut<Panels>,
    mut blind: ResMut<Blind>,
    (mut tour, mut sky, the_match): (ResMut<Tour>, ResMut<Sky>, ResMut<Match>),
    telemetry: Res<Telemetry>,
    mut full_screen: MessageWriter<ToggleFullScreen>,
) {
    let the_match = the_match.into_inner();
    if blind.is_running() {
        // Everything else would tell. Esc ends the test instead of opening the pause panel.
        pressed.clear();
        if keys.just_pressed(KeyCode::Escape) || fingers.struck(Spot::Pause) {
            blind.stop(&mut sky, &mut panels, telemetry.now);
            sky.enter(&mut the_match.player);
            panels.pause = false;
        }
        return;
    }
    for Pressed { action, by_hand } in pressed.read() {
        match action {
            Action::Open(panel) => {
                panels.toggle(*panel);
                panels.hands = *by_hand && panel.is_touched() && panels.right == Some(*panel);
                panels.fresh = panels.hands;
            }
            Action::Ghosts => panels.ghosts = !panels.ghosts,
            Action::Chat => panels.chat = true,
            Action::FullScreen => {
                full_screen.write(ToggleFullScreen);
            }
            Action::Tour => {
                tour.open = !tour.open;
                panels.hands = *by_hand && tour.open;
                panels.fresh = panels.hands;
            }
            Action::Blind if blind.has_result() => {
                blind.close(&mut panels);
            }
            Action::Blind => {
                blind.begin(&mut sky, &mut panels, &the_match.player, telemetry.now);
                sky.enter(&mut the_match.player);
            }
        }
    }
}

/// Lets the other wires carry the match along, or not. The one in use is left out by itself.
pub(super) fn shadow(panels: Res<Panels>, mut the_match: ResMut<Match>, mut last: Local<bool>) {
    if std::mem::replace(&mut *last, panels.ghosts) != panels.ghosts {
        let wires: &[Transport] = if panels.ghosts { &Transport::WIRES } else { &[] };
        the_match.player.shadow(wires, Instant::now());
    }
}

const ACTIONS: [(KeyCode, Action); 10] = [
    (KeyCode::KeyN, Action::Open(Panel::Graph)),
    (KeyCode::KeyT, Action::Open(Panel::Truth)),
    (KeyCode::KeyM, Action::Open(Panel::Map)),
    (KeyCode::KeyK, Action::Open(Panel::Weather)),
    (KeyCode::KeyJ, Action::Open(Panel::Netcode)),
    (KeyCode::KeyH, Action::Open(Panel::Help)),
    (KeyCode::KeyV, Action::Open(Panel::Invite)),
    (KeyCode::KeyG, Action::Ghosts),
    (KeyCode::KeyB, Action::Blind),
    (KeyCode::KeyL, Action::Tour),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_replaces_the_one_on_its_side_and_its_key_closes_it() {
        let mut panels = Panels::default();
        panels.toggle(Panel::Graph);
        panels.toggle(Panel::Map);
        panels.toggle(Panel::Truth);
        assert_eq!((panels.left, panels.right), (Some(Panel::Truth), Some(Panel::Map)));
        panels.toggle(Panel::Truth);
        assert_eq!((panels.left, panels.right), (None, Some(Panel::Map)));
        assert!(!panels.take_input(), "whoever reads a graph flies on");
    }
}
