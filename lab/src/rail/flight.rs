//! How the two of a duel fly: one to a post, where it stands; the other to a lane, up and down which it flies.
//!
//! Flow: what a player knows of its own ship → here → thrust.

use game::bot::paths::Paths;
use game::collide::{Vec2, length, scale, sub};
use game::{Map, Ship};

/// Where the shooter stands on `crossfire`, tiles: it sees all of the lane.
pub(super) const POST: Vec2 = [20.0, 14.5];
/// The height of the lane, and where the target turns around, tiles.
pub(super) const LANE: f32 = 17.5;
const ENDS: [f32; 2] = [14.5, 25.5];
/// Nearer than this to the lane's height the target counts as on it, tiles.
const ON_LANE: f32 = 0.6;
/// Nearer than this to the post the shooter lets go, tiles.
const AT_POST: f32 = 0.4;

/// A pilot that finds its way.
#[derive(Default)]
pub(super) struct Flight {
    paths: Paths,
    /// Whether the target flies to the right.
    right: bool,
}

impl Flight {
    /// Returns the thrust that takes a ship to the post and lets it stand there.
    pub(super) fn stand(&mut self, ship: &Ship, map: &Map) -> [i8; 2] {
        if at_post(ship) { [0, 0] } else { self.toward(POST, ship, map) }
    }

    /// Returns the thrust that takes a ship to the lane and up and down it.
    pub(super) fn along_lane(&mut self, ship: &Ship, map: &Map) -> [i8; 2] {
        let [x, y] = ship.pos.tiles();
        let off = LANE - y;
        if off.abs() > 2.0 * ON_LANE || !(ENDS[0] - 4.0..=ENDS[1] + 4.0).contains(&x) {
            return self.toward([20.0, LANE], ship, map);
        }
        self.right = if self.right { x < ENDS[1] } else { x < ENDS[0] };
        let hold = (off * 0.5 - ship.vel.tiles()[1] * 4.0).clamp(-0.4, 0.4);
        [if self.right { i8::MAX } else { -i8::MAX }, (hold * f32::from(i8::MAX)) as i8]
    }

    fn toward(&mut self, goal: Vec2, ship: &Ship, map: &Map) -> [i8; 2] {
        let pos = ship.pos.tiles();
        self.paths.find(map, pos, &[goal]);
        let next = self.paths.next(map, pos).unwrap_or(goal);
        // Over the last tiles the goal itself counts, not the middle of its tile.
        let next = if length(sub(goal, pos)) < 1.5 { goal } else { next };
        let wish = sub(scale(sub(next, pos), 0.6), scale(ship.vel.tiles(), 5.0));
        let strength = length(wish).max(1.0);
        scale(wish, 1.0 / strength).map(|axis| (axis * f32::from(i8::MAX)) as i8)
    }
}

/// Returns whether a ship stands at the post.
pub(super) fn at_post(ship: &Ship) -> bool {
    length(sub(ship.pos.tiles(), POST)) < AT_POST
}

/// Returns whether a place is on the lane.
pub(super) fn on_lane([x, y]: Vec2) -> bool {
    (y - LANE).abs() < ON_LANE && x > ENDS[0] - 2.0 && x < ENDS[1] + 2.0
}
