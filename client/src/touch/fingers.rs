//! What each finger on the screen is there for, and how far its stick is tilted.
//!
//! A finger gets its task where it comes down and keeps it until it is lifted, wherever it slides meanwhile. A stick's middle is where
//! its finger came down; a finger that goes farther than the rim pulls the middle along, so that turning back is felt at once.
//!
//! Flow: touches → [`Fingers`] → sticks, buttons, and which finger is left to egui.

use bevy::prelude::*;
use protocol::Transport;

/// Something of the HUD that a finger can press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// What Esc does.
    Pause,
    /// The table, for as long as it is held.
    Scores,
    /// This wire.
    Wire(Transport),
    /// What F5 does: bad weather, and good again.
    Weather,
    /// What F6 does: a lag spike.
    Spike,
    /// What F7 does: the cable out, and in again.
    Cable,
    /// The dash.
    Dash,
    /// The rail: a stick of its own, which fires when it is let go.
    Rail,
    /// The field under the right thumb, tapped without aiming: one bolt.
    Field,
    /// Whoever only watches: the ship before.
    Before,
    /// Whoever only watches: the next ship.
    Next,
}

/// Which stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Thrust.
    Left,
    /// Aim and bolts.
    Right,
}

/// What a finger is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Stick(Side),
    Press(Spot),
    /// It belongs to egui.
    Panel,
    /// What it was there for is gone; it waits to be lifted.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Finger {
    id: u64,
    task: Task,
    /// The middle of its stick, logical pixels from the top left.
    middle: Vec2,
    at: Vec2,
    /// It has been tilted far enough to aim.
    aimed: bool,
}

/// The fingers on the screen.
#[derive(Resource, Default)]
pub(crate) struct Fingers {
    seen: bool,
    down: Vec<Finger>,
    /// The finger that egui takes for its mouse.
    pointer: Option<u64>,
    /// What can be pressed, the topmost first.
    spots: Vec<(Spot, Rect)>,
    /// There are sticks.
    flies: bool,
    /// What was pressed in this frame.
    struck: Vec<Spot>,
}

impl Fingers {
    /// Returns whether there was ever a finger: before that nothing is drawn for any.
    pub(crate) const fn seen(&self) -> bool {
        self.seen
    }

    /// Says what is on the screen: what can be pressed (logical pixels), and whether there are sticks. A finger whose task is gone
    /// waits to be lifted.
    pub(crate) fn lay_out(&mut self, spots: Vec<(Spot, Rect)>, flies: bool) {
        for finger in &mut self.down {
            let stays = match finger.task {
                Task::Stick(_) => flies,
                Task::Press(spot) => spots.iter().any(|(known, _)| *known == spot),
                Task::Panel | Task::Nothing => true,
            };
            if !stays {
                finger.task = Task::Nothing;
            }
        }
        (self.spots, self.flies) = (spots, flies);
    }

    /// Begins a frame: what was pressed in the last one is over.
    pub(super) fn begin(&mut self) {
        self.struck.clear();
        self.pointer = self.pointer.filter(|id| self.down.iter().any(|finger| finger.id == *id));
    }

    /// A finger comes down, on a panel of egui's or not. `half` is where the left half of the screen ends.
    pub(super) fn press(&mut self, id: u64, at: Vec2, half: f32, on_panel: bool) {
        self.seen = true;
        self.down.retain(|finger| finger.id != id);
        let spot = self.spots.iter().find(|(_, rect)| rect.contains(at)).map(|(spot, _)| *spot);
        let task = match spot {
            _ if on_panel => Task::Panel,
            Some(spot) => Task::Press(spot),
            None if self.flies => Task::Stick(if at.x < half { Side::Left } else { Side::Right }),
            None => Task::Panel,
        };
        match task {
            Task::Panel if self.pointer.is_none() => self.pointer = Some(id),
            // A dash answers an attack: it does not wait for the finger to be lifted.
            Task::Press(Spot::Dash) => self.struck.push(Spot::Dash),
            _ => {}
        }
        self.down.push(Finger { id, task, middle: at, at, aimed: false });
    }

    /// A finger slides.
    pub(super) fn slide(&mut self, id: u64, at: Vec2) {
        let Some(finger) = self.down.iter_mut().find(|finger| finger.id == id) else { return };
        finger.at = at;
        finger.middle = at + (finger.middle - at).clamp_length_max(RIM);
        finger.aimed |= finger.aims().is_some();
    }

    /// A finger is lifted: what it pressed is done.
    pub(super) fn lift(&mut self, id: u64, at: Vec2) {
        self.slide(id, at);
        let Some(finger) = self.forget(id) else { return };
        let within = |spot| self.spots.iter().any(|(known, rect)| *known == spot && rect.contains(at));
        match finger.task {
            // Wherever it is let go: that is how it aims.
            Task::Press(Spot::Rail) => self.struck.push(Spot::Rail),
            Task::Press(spot) if spot != Spot::Dash && within(spot) => self.struck.push(spot),
            Task::Stick(Side::Right) if !finger.aimed => self.struck.push(Spot::Field),
            _ => {}
        }
    }

    /// The system took a finger away, for a gesture of its own or because the page was left: nothing is done.
    pub(super) fn forget_touch(&mut self, id: u64) {
        self.forget(id);
    }

    fn forget(&mut self, id: u64) -> Option<Finger> {
        let at = self.down.iter().position(|finger| finger.id == id)?;
        Some(self.down.remove(at))
    }

    /// Returns the finger that egui may take for its mouse; if there is none, whether there are others, which it must not take.
    pub(super) const fn pointer(&self) -> (Option<u64>, bool) {
        (self.pointer, !self.down.is_empty())
    }

    /// Returns whether this was pressed in this frame.
    pub(crate) fn struck(&self, spot: Spot) -> bool {
        self.struck.contains(&spot)
    }

    /// Returns whether a finger is on this.
    pub(crate) fn holds(&self, spot: Spot) -> bool {
        self.down.iter().any(|finger| finger.task == Task::Press(spot))
    }

    /// Returns how far the left stick is pushed, y up, 1 at the rim.
    pub(crate) fn thrust(&self) -> Vec2 {
        self.stick(Side::Left).map_or(Vec2::ZERO, |(middle, at)| tilt(at - middle))
    }

    /// Returns where the right stick or the rail's points, radians, if one of them points anywhere.
    pub(crate) fn aim(&self) -> Option<f32> {
        let pointing = |finger: &&Finger| {
            matches!(finger.task, Task::Stick(Side::Right) | Task::Press(Spot::Rail)) && finger.aims().is_some()
        };
        self.down.iter().rfind(pointing).and_then(Finger::aims)
    }

    /// Returns whether bolts are fired: while the right stick points somewhere.
    pub(crate) fn fires(&self) -> bool {
        self.down.iter().any(|finger| finger.task == Task::Stick(Side::Right) && finger.aims().is_some())
    }

    /// Returns the middle of a stick that is held and where its finger is, logical pixels.
    pub(crate) fn stick(&self, side: Side) -> Option<(Vec2, Vec2)> {
        self.down.iter().rfind(|finger| finger.task == Task::Stick(side)).map(|finger| (finger.middle, finger.at))
    }
}

impl Finger {
    /// Returns where it points, radians, if it is tilted far enough.
    fn aims(&self) -> Option<f32> {
        let tilt = tilt(self.at - self.middle);
        (tilt.length() >= AIM_SHARE).then(|| tilt.to_angle())
    }
}

/// Returns how far a stick is tilted by a finger that is `offset` logical pixels from its middle (y down): y up, 1 at the rim.
fn tilt(offset: Vec2) -> Vec2 {
    let share = ((offset.length() - DEAD) / (RIM - DEAD)).clamp(0.0, 1.0);
    Vec2::new(offset.x, -offset.y).normalize_or_zero() * share
}

/// From the middle of a stick to its rim, logical pixels: as far as a thumb tilts without moving the hand.
pub(crate) const RIM: f32 = 56.0;
/// A finger is never quite still: within this of the middle, logical pixels, nothing is tilted.
const DEAD: f32 = 8.0;
/// A stick that is tilted less than this share does not aim: so near to its middle the direction jumps about.
const AIM_SHARE: f32 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::FRAC_PI_2;

    /// Half of a phone that is held sideways.
    const HALF: f32 = 422.0;

    /// Fingers over a match, with a button at the top right.
    fn flying() -> Fingers {
        let mut fingers = Fingers::default();
        let corner = Rect::from_corners(Vec2::new(788.0, 8.0), Vec2::new(836.0, 56.0));
        let rail = Rect::from_corners(Vec2::new(760.0, 190.0), Vec2::new(824.0, 254.0));
        let dash = Rect::from_corners(Vec2::new(760.0, 300.0), Vec2::new(824.0, 364.0));
        fingers.lay_out(vec![(Spot::Pause, corner), (Spot::Rail, rail), (Spot::Dash, dash)], true);
        fingers
    }

    #[test]
    fn a_stick_is_still_near_its_middle_and_full_at_its_rim() {
        assert_eq!(tilt(Vec2::ZERO), Vec2::ZERO);
        assert_eq!(tilt(Vec2::new(DEAD, 0.0)), Vec2::ZERO);
        assert!((tilt(Vec2::new(32.0, 0.0)) - Vec2::new(0.5, 0.0)).length() < 1e-6, "half way between the two");
        assert!((tilt(Vec2::new(0.0, -RIM)) - Vec2::Y).length() < 1e-6, "up on the screen is up on the field");
        assert!((tilt(Vec2::new(-300.0, 300.0)).length() - 1.0).abs() < 1e-6, "and no more, wherever the finger goes");
    }

    #[test]
    fn each_half_has_a_stick_and_they_are_held_at_once() {
        let mut fingers = flying();
        assert!(!fingers.seen());
        fingers.press(7, Vec2::new(100.0, 300.0), HALF, false);
        fingers.press(8, Vec2::new(700.0, 250.0), HALF, false);
        assert!(fingers.seen() && fingers.thrust() == Vec2::ZERO && fingers.aim().is_none() && !fingers.fires());
        fingers.slide(7, Vec2::new(100.0 + RIM, 300.0));
        fingers.slide(8, Vec2::new(700.0, 250.0 - RIM));
        assert!((fingers.thrust() - Vec2::X).length() < 1e-6);
        assert!(fingers.aim().is_some_and(|aim| (aim - FRAC_PI_2).abs() < 1e-6) && fingers.fires());
        // Across the middle it is still the same stick.
        fingers.slide(7, Vec2::new(600.0, 300.0));
        assert!((fingers.thrust() - Vec2::X).length() < 1e-6);
        fingers.lift(7, Vec2::new(600.0, 300.0));
        fingers.forget_touch(8);
        assert!(fingers.thrust() == Vec2::ZERO && fingers.aim().is_none() && !fingers.fires());
        assert!(!fingers.struck(Spot::Field), "neither was a tap");
    }

    #[test]
    fn a_finger_beyond_the_rim_pulls_the_stick_along() {
        let mut fingers = flying();
        fingers.press(1, Vec2::new(100.0, 300.0), HALF, false);
        fingers.slide(1, Vec2::new(300.0, 300.0));
        let (middle, at) = fingers.stick(Side::Left).expect("it is held");
        assert!((middle.distance(at) - RIM).abs() < 1e-3);
        fingers.slide(1, Vec2::new(300.0 - 2.0 * RIM, 300.0));
        assert!(fingers.thrust().x < -0.99, "as far back as from the middle: {}", fingers.thrust());
    }

    #[test]
    fn a_tap_is_one_bolt_and_the_rail_goes_off_when_it_is_let_go() {
        let mut fingers = flying();
        fingers.press(1, Vec2::new(600.0, 200.0), HALF, false);
        fingers.lift(1, Vec2::new(603.0, 200.0));
        assert!(fingers.struck(Spot::Field));
        fingers.begin();
        assert!(!fingers.struck(Spot::Field), "once");
        fingers.press(2, Vec2::new(790.0, 220.0), HALF, false);
        fingers.slide(2, Vec2::new(700.0, 220.0));
        assert!(fingers.aim().is_some() && !fingers.fires() && !fingers.struck(Spot::Rail), "it only aims");
        fingers.lift(2, Vec2::new(700.0, 220.0));
        assert!(fingers.struck(Spot::Rail));
        fingers.begin();
        fingers.press(3, Vec2::new(790.0, 220.0), HALF, false);
        fingers.forget_touch(3);
        assert!(!fingers.struck(Spot::Rail), "it was taken away");
    }

    #[test]
    fn a_button_is_pressed_where_it_is_let_go_and_a_dash_at_once() {
        let mut fingers = flying();
        fingers.press(1, Vec2::new(800.0, 30.0), HALF, false);
        assert!(fingers.holds(Spot::Pause) && !fingers.struck(Spot::Pause));
        fingers.lift(1, Vec2::new(600.0, 30.0));
        assert!(!fingers.struck(Spot::Pause), "slid off");
        fingers.press(1, Vec2::new(800.0, 30.0), HALF, false);
        fingers.lift(1, Vec2::new(801.0, 31.0));
        assert!(fingers.struck(Spot::Pause));
        fingers.press(2, Vec2::new(790.0, 330.0), HALF, false);
        assert!(fingers.struck(Spot::Dash) && fingers.holds(Spot::Dash));
    }

    #[test]
    fn egui_has_the_finger_on_its_panel_and_no_other() {
        let mut fingers = flying();
        assert_eq!(fingers.pointer(), (None, false));
        fingers.press(1, Vec2::new(100.0, 300.0), HALF, false);
        assert_eq!(fingers.pointer(), (None, true));
        fingers.press(2, Vec2::new(700.0, 100.0), HALF, true);
        assert_eq!(fingers.pointer().0, Some(2));
        fingers.lift(2, Vec2::new(700.0, 100.0));
        assert_eq!(fingers.pointer().0, Some(2), "it is told that it was lifted");
        fingers.begin();
        assert_eq!(fingers.pointer(), (None, true));
    }

    #[test]
    fn a_panel_over_everything_takes_the_sticks_and_gives_none_of_the_fingers_to_egui() {
        let mut fingers = flying();
        fingers.press(1, Vec2::new(100.0, 300.0), HALF, false);
        fingers.slide(1, Vec2::new(200.0, 300.0));
        fingers.lay_out(Vec::new(), false);
        assert_eq!(fingers.thrust(), Vec2::ZERO);
        fingers.lay_out(Vec::new(), true);
        assert_eq!(fingers.thrust(), Vec2::ZERO, "until the finger comes down again");
        assert_eq!(fingers.pointer().0, None);
        fingers.lay_out(Vec::new(), false);
        fingers.press(2, Vec2::new(100.0, 100.0), HALF, false);
        assert_eq!(fingers.pointer().0, Some(2), "in a menu every finger is egui's");
    }
}
