//! Getting out of the way: which bolt is about to hit, and to which side to leave its path.
//!
//! Flow: [`View::bolts`] → here → [`super::Bot`] (thrust, dash).

use crate::{
    Bolt, Map, SeatId, Ship, View, bolt,
    collide::{self, Vec2, add, dot, length, scale, sub},
};

/// A bolt that will come too close.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threat {
    /// Unit vector along which to leave its path.
    pub(super) away: Vec2,
    /// Ticks until it is nearest.
    pub(super) ticks: f32,
}

/// Returns the most urgent of the bolts that `notices` says this pilot has noticed.
pub(super) fn threat(
    view: &View,
    map: &Map,
    seat: SeatId,
    pos: Vec2,
    vel: Vec2,
    notices: impl Fn(&Bolt) -> bool,
) -> Option<Threat> {
    let mut worst: Option<Threat> = None;
    for bolt in view.bolts.iter().filter(|bolt| bolt.owner != seat) {
        // A cheap bound before the sine and cosine: it cannot be nearer than this.
        let flown = bolt::SPEED * view.tick.since(bolt.spawned) as f32;
        if length(sub(bolt.origin.tiles(), pos)) - flown > HORIZON_TICKS * bolt::SPEED || !notices(bolt) {
            continue;
        }
        let heading = bolt.velocity();
        let at = add(bolt.origin.tiles(), scale(heading, flown / bolt::SPEED));
        let from_bolt = sub(pos, at);
        let closing = sub(heading, vel);
        let ticks = dot(from_bolt, closing) / dot(closing, closing).max(f32::MIN_POSITIVE);
        if !(0.0..HORIZON_TICKS).contains(&ticks) || worst.is_some_and(|worst| worst.ticks <= ticks) {
            continue;
        }
        let miss = sub(from_bolt, scale(closing, ticks));
        if length(miss) < DANGER_TILES && collide::sees(map, at, pos) {
            // Sideways of the bolt's flight, to the side on which the ship already is.
            let side = scale([-heading[1], heading[0]], 1.0 / bolt::SPEED);
            let away = if dot(side, miss) < 0.0 { scale(side, -1.0) } else { side };
            worst = Some(Threat { away, ticks });
        }
    }
    worst
}

/// Ticks ahead that a pilot looks: ten tiles of flight.
const HORIZON_TICKS: f32 = 22.0;
/// Miss distance in tiles that is too close: the radii of both and half a hull for doubt.
const DANGER_TILES: f32 = Ship::RADIUS + bolt::RADIUS + 0.2;
