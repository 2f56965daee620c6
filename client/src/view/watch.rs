//! Whom somebody without a ship looks at: the leader, until they choose somebody else.
//!
//! Flow: keys, mouse, gamepad, fingers → [`choose`] → [`Watched`] → [`super::camera`], [`crate::hud`].

use crate::{
    hud::Panels,
    links::Match,
    picture::{Picture, Pilot, Source},
    touch::{Fingers, Spot},
};
use bevy::prelude::*;
use game::SeatId;

/// Whom somebody who only watches looks at.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Watched {
    /// The ship in the middle of the picture; none for whoever flies, or while there is nobody to look at.
    pub(crate) seat: Option<SeatId>,
    /// Somebody was chosen by hand.
    pub(crate) by_hand: bool,
}

/// Reads what was pressed, and finds somebody else when the ship is gone.
pub(super) fn choose(
    (keys, mouse, pads): (Res<ButtonInput<KeyCode>>, Res<ButtonInput<MouseButton>>, Query<&Gamepad>),
    (panels, fingers): (Res<Panels>, Res<Fingers>),
    picture: Res<Picture>,
    the_match: Option<Res<Match>>,
    mut watched: ResMut<Watched>,
) {
    if picture.source != Source::Match || !the_match.is_some_and(|the_match| the_match.player.watches()) {
        watched.set_if_neq(Watched::default());
        return;
    }
    let pad = |button| pads.iter().any(|pad| pad.just_pressed(button));
    let click = |button| !panels.pointer && mouse.just_pressed(button);
    let free = !panels.take_input();
    let next = keys.just_pressed(KeyCode::ArrowRight) || click(MouseButton::Left) || pad(GamepadButton::DPadRight);
    let before = keys.just_pressed(KeyCode::ArrowLeft) || click(MouseButton::Right) || pad(GamepadButton::DPadLeft);
    let (next, before) = (next || fingers.struck(Spot::Next), before || fingers.struck(Spot::Before));
    let step = if free { i32::from(next) - i32::from(before) } else { 0 };
    let back = free && (keys.just_pressed(KeyCode::Space) || pad(GamepadButton::South));
    let now = watched.next(&picture.pilots(), step, back);
    watched.set_if_neq(now);
}

impl Watched {
    /// Returns whom to look at among `pilots` after `step` ships to the right, or `back` at the leader.
    fn next(self, pilots: &[Pilot], step: i32, back: bool) -> Self {
        let mut seats: Vec<SeatId> = pilots.iter().map(|pilot| pilot.seat).collect();
        seats.sort_unstable();
        let at = self.seat.and_then(|seat| seats.binary_search(&seat).ok());
        match at {
            Some(at) if step != 0 => {
                let next = (at as i32 + step).rem_euclid(seats.len() as i32);
                Self { seat: seats.get(next as usize).copied(), by_hand: true }
            }
            Some(_) if self.by_hand && !back => self,
            _ => Self { seat: leader(pilots, self.seat), by_hand: false },
        }
    }
}

/// Returns who leads. Among those who are level it stays with `now`, so that the picture does not jump to and fro.
fn leader(pilots: &[Pilot], now: Option<SeatId>) -> Option<SeatId> {
    let rank = |pilot: &&Pilot| (u16::MAX - pilot.score, pilot.deaths, Some(pilot.seat) != now, pilot.seat);
    pilots.iter().min_by_key(rank).map(|pilot| pilot.seat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pilot(seat: u8, score: u16) -> Pilot {
        Pilot {
            seat: SeatId(seat),
            pos: Vec2::ZERO,
            vel: Vec2::ZERO,
            aim: 0.0,
            health: 100,
            dashing: false,
            shielded: false,
            score,
            deaths: 0,
        }
    }

    fn at(seat: u8, by_hand: bool) -> Watched {
        Watched { seat: Some(SeatId(seat)), by_hand }
    }

    #[test]
    fn the_leader_is_followed_without_jumping_to_and_fro() {
        let start = Watched::default().next(&[pilot(3, 0), pilot(1, 0)], 0, false);
        assert_eq!(start.seat, Some(SeatId(1)));
        assert_eq!(at(3, false).next(&[pilot(3, 2), pilot(1, 2)], 0, false).seat, Some(SeatId(3)), "level");
        assert_eq!(at(3, false).next(&[pilot(3, 2), pilot(1, 3)], 0, false).seat, Some(SeatId(1)));
        assert_eq!(Watched::default().next(&[], 1, false).seat, None);
    }

    #[test]
    fn whoever_was_chosen_stays_until_they_go_or_the_leader_is_wished_for() {
        let pilots = [pilot(5, 9), pilot(1, 0), pilot(3, 0)];
        let chosen = at(1, false).next(&pilots, 1, false);
        assert_eq!(chosen, at(3, true));
        assert_eq!(chosen.next(&pilots, 0, false), at(3, true));
        assert_eq!(at(5, true).next(&pilots, 1, false), at(1, true), "around the end");
        assert_eq!(at(1, true).next(&pilots, -1, false), at(5, true), "and the beginning");
        assert_eq!(chosen.next(&pilots[..2], 0, false), at(5, false), "gone");
        assert_eq!(chosen.next(&pilots, 0, true), at(5, false));
    }
}
