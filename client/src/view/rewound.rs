//! What the server did for a rail of ours: hollow circles where it looked for the others, and a thin line to where they really were.
//!
//! Shown for a second, only to players who asked for it. The circle is the ship's own, in its pilot's colour, so that one sees whether the
//! beam passes through it. The line needs the snapshot of the tick of the shot; if that has passed by already there is none.
//!
//! Flow: [`Told`] ([`ServerEvent::Rewound`]) → [`note`] → [`Rewound::draw`] → [`super::ink`].

use super::ink::{Ink, Pen};
use crate::{
    links::{Match, Told},
    palette,
};
use bevy::{math::Vec2, prelude::*};
use game::{SeatId, Ship, Tick, View};
use protocol::wire::event::ServerEvent;
use std::f32::consts::TAU;
use transport::player::PlayerEvent;

/// The circles that are still fading.
#[derive(Resource, Default)]
pub(super) struct Rewound(Vec<Mark>);

struct Mark {
    seat: SeatId,
    /// When the rail was fired.
    tick: Tick,
    /// Where the ship was looked for.
    at: Vec2,
    /// Where it was, once a snapshot has told.
    really: Option<Vec2>,
    light: Vec3,
    age: f32,
}

/// Takes in what is told, and lets what was told fade.
pub(super) fn note(
    mut told: MessageReader<Told>,
    the_match: Option<Res<Match>>,
    time: Res<Time>,
    mut rewound: ResMut<Rewound>,
) {
    let Some(the_match) = the_match else {
        rewound.0.clear();
        return told.clear();
    };
    let own = the_match.player.seat();
    for Told(event) in told.read() {
        let PlayerEvent::Game(ServerEvent::Rewound { tick, ships, .. }) = event else { continue };
        rewound.0.extend(ships.iter().map(|(seat, place)| Mark {
            seat: *seat,
            tick: *tick,
            at: place.tiles().into(),
            really: None,
            light: palette::light(palette::pilot(*seat, own)),
            age: 0.0,
        }));
    }
    if let Some(view) = the_match.player.view() {
        rewound.0.iter_mut().for_each(|mark| mark.look(view));
    }
    rewound.0.iter_mut().for_each(|mark| mark.age += time.delta_secs());
    rewound.0.retain(|mark| mark.age < SECONDS);
}

impl Mark {
    /// Finds out where the ship was, if `view` is of the tick of the shot or of one right after it.
    fn look(&mut self, view: &View) {
        if self.really.is_none() && view.tick >= self.tick && view.tick.since(self.tick) <= SAME_TICKS {
            let ship = view.ships.iter().find(|ship| ship.seat == self.seat);
            self.really = ship.map(|ship| ship.pos.tiles().into());
        }
    }
}

impl Rewound {
    /// Draws what is left of every circle.
    pub(super) fn draw(&self, ink: &mut Ink) {
        for mark in &self.0 {
            let left = 1.0 - mark.age / SECONDS;
            ink.arc(mark.at, Ship::RADIUS, 0.0, TAU, Pen::neon(mark.light, CIRCLE_TILES).faded(left));
            if let Some(way) =
                mark.really.and_then(|really| (really - mark.at).try_normalize().map(|way| (really, way)))
            {
                let (really, way) = way;
                // From the rim, not from the middle: the circle stays hollow.
                let from = mark.at + way * Ship::RADIUS.min(mark.at.distance(really));
                ink.line(&[from, really], false, Pen::plain(mark.light, LINE_TILES).faded(left * LINE_ALPHA));
            }
        }
    }
}

/// Seconds until a circle is gone.
const SECONDS: f32 = 1.0;
/// A snapshot of so many ticks after a shot still tells where a ship was: it has flown a third of a tile at most.
const SAME_TICKS: u32 = 2;
/// Width of a circle's line, tiles.
const CIRCLE_TILES: f32 = 0.06;
/// Width of the line to where the ship was, tiles.
const LINE_TILES: f32 = 0.04;
/// How much fainter that line is.
const LINE_ALPHA: f32 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;
    use game::{Point, ShipView};

    #[test]
    fn a_line_leads_to_where_the_ship_was_at_the_tick_of_the_shot() {
        let mut mark =
            Mark { seat: SeatId(3), tick: Tick(100), at: Vec2::ZERO, really: None, light: Vec3::ONE, age: 0.0 };
        let view = |tick, x| View {
            tick: Tick(tick),
            ships: vec![ShipView { seat: SeatId(3), pos: Point { x, y: 512 }, ..ShipView::default() }],
            ..View::default()
        };
        mark.look(&view(98, 512));
        assert_eq!(mark.really, None, "the past says nothing of it");
        mark.look(&view(103, 512));
        assert_eq!(mark.really, None, "nor does what came later");
        mark.look(&view(101, 1_024));
        mark.look(&view(102, 2_048));
        assert_eq!(mark.really, Some(Vec2::new(2.0, 1.0)));
    }
}
