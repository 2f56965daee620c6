//! Bolts between two pictures: which were fired, which ended, and where a wall stopped one.
//!
//! The own bolts are drawn ahead of the server's word, so that they leave the muzzle in time; whether one met a wall is known before
//! that word comes, since everybody has the map. It sparks there and is drawn no further, however late the server is. One that is
//! fired at a wall from close by never flies at all, but flashes and sounds like any other.
//!
//! Flow: [`protocol::scene`] → [`stop_at_walls`] → [`super::Picture`] → [`changes`] → [`Happened`].

use super::Happened;
use bevy::math::Vec2;
use game::{Map, bolt, collide, tick::TICK_HZ};
use protocol::scene::SceneBolt;

/// A bolt, and the wall that has stopped it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shot {
    /// As if there were no walls.
    bolt: SceneBolt,
    /// Where it struck one, tiles.
    wall: Option<Vec2>,
}

impl Shot {
    /// Returns a bolt that no wall has stopped.
    pub(super) const fn flying(bolt: SceneBolt) -> Self {
        Self { bolt, wall: None }
    }

    /// Returns where it can be seen.
    fn place(&self) -> Vec2 {
        self.wall.unwrap_or(self.bolt.pos.into())
    }

    fn fired(&self) -> Happened {
        Happened::BoltFired { owner: self.bolt.owner, at: self.place(), aim: self.bolt.aim }
    }

    /// Returns its end, `further` tiles beyond where it was seen.
    fn ended(&self, further: f32) -> Happened {
        let SceneBolt { owner, aim, .. } = self.bolt;
        Happened::BoltEnded { owner, at: self.place() + Vec2::from_angle(aim) * further, aim }
    }

    /// Whether this is `old`, `flown` tiles later: bolts fly straight at one speed, so each is found again where it must be.
    fn was(&self, old: &Self, flown: f32) -> bool {
        let (now, old) = (&self.bolt, &old.bolt);
        let came_from = Vec2::from(now.pos) - Vec2::from_angle(now.aim) * flown;
        now.owner == old.owner
            && (now.aim - old.aim).abs() < SAME_AIM
            && Vec2::from(old.pos).distance(came_from) < SAME_BOLT_TILES
    }
}

/// Takes bolts out that have met a wall on their way, and returns them.
pub(crate) fn stop_at_walls(bolts: &mut Vec<SceneBolt>, map: &Map) -> Vec<Shot> {
    let mut stopped = Vec::new();
    bolts.retain(|bolt| {
        let along = Vec2::from_angle(bolt.aim);
        let way = bolt.age.clamp(0.0, LIFE_SECONDS) * TILES_PER_SECOND;
        let muzzle = Vec2::from(bolt.pos) - along * way;
        let free = collide::ray(map, muzzle.into(), along.into(), way);
        if free < way {
            stopped.push(Shot { bolt: *bolt, wall: Some(muzzle + along * free) });
        }
        free >= way
    });
    stopped
}

/// Returns which bolts are new and which have ended, `flown` tiles of flight later.
pub(super) fn changes(before: &[Shot], now: &[Shot], flown: f32) -> Vec<Happened> {
    let mut kept = vec![false; before.len()];
    let mut happened = Vec::new();
    for shot in now {
        let was = (0..before.len()).find(|&i| !kept[i] && shot.was(&before[i], flown));
        let is_new = was.is_none() && shot.bolt.age < FRESH_SECONDS;
        if is_new {
            happened.push(shot.fired());
        }
        if let Some(i) = was {
            kept[i] = true;
        }
        if shot.wall.is_some() && was.map_or(is_new, |i| before[i].wall.is_none()) {
            happened.push(shot.ended(0.0));
        }
    }
    let gone = before.iter().zip(kept).filter(|(old, kept)| !kept && old.wall.is_none());
    let early = gone.filter(|(old, _)| old.bolt.age < LIFE_SECONDS - FRESH_SECONDS);
    happened.extend(early.map(|(old, _)| old.ended(flown * 0.3)));
    happened
}

const TILES_PER_SECOND: f32 = bolt::SPEED * TICK_HZ as f32;
const LIFE_SECONDS: f32 = bolt::LIFE_TICKS as f32 / TICK_HZ as f32;
/// Bolts of one ship in nearly one direction are told apart by place alone.
const SAME_AIM: f32 = 0.01;
/// How far from where it must be a bolt is still the same: half of the way between two bolts of one ship.
const SAME_BOLT_TILES: f32 = 2.0;
/// A bolt older than this was fired before it came into view: no flash, no sound.
const FRESH_SECONDS: f32 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;
    use game::{Aim, Point, SeatId, Ship, Tick};

    fn bolt(owner: u8, x: f32, age: f32) -> SceneBolt {
        SceneBolt { owner: SeatId(owner), pos: [x, 5.0], aim: 0.0, age }
    }

    fn flying(owner: u8, x: f32, age: f32) -> Shot {
        Shot::flying(bolt(owner, x, age))
    }

    #[test]
    fn a_bolt_that_flies_on_is_neither_new_nor_gone() {
        let happened = changes(&[flying(1, 10.0, 0.1)], &[flying(1, 10.45, 0.117)], 0.45);
        assert!(happened.is_empty(), "{happened:?}");
    }

    #[test]
    fn a_new_bolt_is_heard_and_a_lost_one_is_seen_to_end() {
        let happened = changes(&[flying(1, 10.0, 0.1)], &[flying(2, 10.45, 0.0)], 0.45);
        assert!(matches!(happened[0], Happened::BoltFired { owner: SeatId(2), .. }), "{happened:?}");
        assert!(matches!(happened[1], Happened::BoltEnded { owner: SeatId(1), .. }), "{happened:?}");
    }

    #[test]
    fn a_bolt_that_comes_into_view_late_or_dies_of_age_says_nothing() {
        assert!(changes(&[], &[flying(1, 10.0, 0.6)], 0.45).is_empty());
        assert!(changes(&[flying(1, 10.0, 0.99)], &[], 0.45).is_empty());
    }

    /// A room with a pillar of one tile in its middle: x from 7 to 8, y from 3 to 4.
    fn room() -> Map {
        let text = "crosswire-map 1\nname Room\nsize 20 7\n####################\n#..................#\n#..................#\n\
                    #S.S...#........S.S#\n#..................#\n#..................#\n####################\n";
        Map::parse("room.map", text).expect("a map")
    }

    /// Follows a bolt that is fired to the right, at 60 frames per second and for so long that it would fly 13 tiles, by a server that
    /// has not yet said that it is gone. Returns the farthest x at which it was drawn, and what happened.
    fn follow(map: &Map, ship_x: f32) -> (f32, Vec<Happened>) {
        let ship = Ship { pos: Point::from_tiles([ship_x, 3.5]), aim: Aim::from_radians(0.0), ..Ship::default() };
        let fired = game::Bolt::from_ship(SeatId(0), &ship, Tick(100));
        let (mut seen, mut happened, mut before) = (0.0_f32, Vec::new(), Vec::new());
        for frame in 0..30 {
            // Frames are not in step with ticks.
            let t = 0.7;
            let [from, to] = [0, 1].map(|next| Vec2::from(fired.at(Tick(100 + frame + next)).tiles()));
            let age = (frame as f32 + t) / TICK_HZ as f32;
            let mut bolts = vec![SceneBolt { owner: SeatId(0), pos: from.lerp(to, t).into(), aim: 0.0, age }];
            let stopped = stop_at_walls(&mut bolts, map);
            seen = bolts.iter().fold(seen, |seen, bolt| seen.max(bolt.pos[0]));
            let now: Vec<Shot> = bolts.into_iter().map(Shot::flying).chain(stopped).collect();
            happened.extend(changes(&before, &now, bolt::SPEED));
            before = now;
        }
        (seen, happened)
    }

    #[test]
    fn a_bolt_ends_at_a_wall_and_not_behind_it_however_late_the_server_is() {
        let (seen, happened) = follow(&room(), 3.0);
        assert!((6.0..=7.0).contains(&seen), "drawn as far as {seen}");
        let [Happened::BoltFired { .. }, Happened::BoltEnded { at, .. }] = happened[..] else { panic!("{happened:?}") };
        assert!((at - Vec2::new(7.0, 3.5)).length() < 0.01, "it sparks at {at}");
    }

    #[test]
    fn a_shot_at_a_wall_that_the_ship_touches_flashes_and_sparks_once() {
        let (seen, happened) = follow(&room(), 7.0 - Ship::RADIUS);
        assert!(seen <= 7.0, "drawn as far as {seen}");
        let [Happened::BoltFired { at: muzzle, .. }, Happened::BoltEnded { at, .. }] = happened[..] else {
            panic!("{happened:?}")
        };
        assert!(muzzle.distance(at) < 0.02 && (at.x - 7.0).abs() < 0.01, "from {muzzle} to {at}");
    }

    #[test]
    fn a_bolt_in_the_open_is_drawn_all_the_way() {
        let (seen, happened) = follow(&room(), 9.0);
        assert!((18.0..=19.0).contains(&seen), "drawn as far as {seen}");
        assert!(matches!(happened[..], [Happened::BoltFired { .. }, Happened::BoltEnded { .. }]), "{happened:?}");
    }
}
