//! How a ship handles: speed, dash, weapons, walls.

mod common;

use common::hall;
use game::{
    Aim, Bolt, Buttons, Command, Point, SeatId, Ship, Tick, Velocity, bolt,
    collide::length,
    rail,
    ship::{self, BOLT_WAIT_TICKS, DASH_TICKS, DASH_WAIT_TICKS, MAX_HEALTH, RAIL_WAIT_TICKS, TOP_SPEED},
};

fn ship_at(pos: [f32; 2]) -> Ship {
    Ship { pos: Point::from_tiles(pos), health: MAX_HEALTH, ..Ship::default() }
}

fn holding(buttons: Buttons) -> Command {
    Command { buttons, ..Command::default() }
}

fn speed(ship: &Ship) -> f32 {
    length(ship.vel.tiles())
}

#[test]
fn full_thrust_reaches_top_speed_and_no_more() {
    let map = hall();
    for thrust in [[127, 0], [-128, 0], [127, 127], [-128, -128]] {
        let mut ship = ship_at([15.0, 6.0]);
        let mut fastest = 0.0_f32;
        for _ in 0..300 {
            ship::advance(&mut ship, Command { thrust, ..Command::default() }, &map);
            fastest = fastest.max(speed(&ship));
            // Keep it away from the walls: this is about speed.
            ship.pos = Point::from_tiles([15.0, 6.0]);
        }
        assert!((TOP_SPEED - 0.002..TOP_SPEED + 0.001).contains(&fastest), "{thrust:?}: {fastest}");
    }
}

#[test]
fn without_thrust_a_ship_comes_to_rest() {
    let map = hall();
    let mut ship = ship_at([15.0, 6.0]);
    ship.vel = Velocity::from_tiles([0.1, -0.05]);
    for _ in 0..300 {
        ship::advance(&mut ship, Command::default(), &map);
    }
    let rest = ship;
    ship::advance(&mut ship, Command::default(), &map);
    assert_eq!((ship, ship.vel), (rest, Velocity::default()));
}

#[test]
fn a_dash_is_short_fast_shielded_and_then_has_to_wait() {
    let map = hall();
    let mut ship = ship_at([3.0, 6.0]);
    let dash = Command { thrust: [127, 0], buttons: Buttons::DASH, ..Command::default() };
    for tick in 0..u32::from(DASH_WAIT_TICKS) {
        ship::advance(&mut ship, dash, &map);
        let dashing = tick < u32::from(DASH_TICKS);
        assert_eq!((ship.dash_left > 0, ship.shielded()), (dashing, dashing), "tick {tick}");
        assert!(speed(&ship) > 2.0 * TOP_SPEED || !dashing);
    }
    assert_eq!(ship.dash_left, 0);
    ship::advance(&mut ship, dash, &map);
    assert_eq!(ship.dash_left, DASH_TICKS);
}

#[test]
fn without_thrust_a_dash_follows_the_nose() {
    let mut ship = ship_at([15.0, 3.0]);
    let up = Command { aim: Aim(1024), ..holding(Buttons::DASH) };
    ship::advance(&mut ship, up, &hall());
    assert!(ship.vel.y > 0 && ship.vel.x.abs() < 8, "{:?}", ship.vel);
}

#[test]
fn weapons_keep_their_rhythm() {
    let map = hall();
    let mut ship = ship_at([15.0, 6.0]);
    let (mut bolts, mut rails) = (Vec::new(), Vec::new());
    for tick in 0..400_u32 {
        let fired = ship::advance(&mut ship, holding(Buttons::BOLT.with(Buttons::RAIL)), &map);
        bolts.extend(fired.bolt.then_some(tick));
        rails.extend(fired.rail.then_some(tick));
    }
    assert!(bolts.iter().zip(0..).all(|(&tick, n)| tick == n * u32::from(BOLT_WAIT_TICKS)));
    assert!(rails.iter().zip(0..).all(|(&tick, n)| tick == n * u32::from(RAIL_WAIT_TICKS)));
    assert_eq!((bolts.len(), rails.len()), (40, 3));
}

#[test]
fn who_fires_gives_up_its_shield() {
    let mut ship = Ship { shield: 80, ..ship_at([15.0, 6.0]) };
    ship::advance(&mut ship, Command::default(), &hall());
    assert!(ship.shielded());
    ship::advance(&mut ship, holding(Buttons::BOLT), &hall());
    assert!(!ship.shielded());
}

#[test]
fn a_dead_ship_only_counts_down() {
    let dead = Ship { health: 0, respawn_in: 2, vel: Velocity { x: 900, y: 900 }, ..ship_at([15.0, 6.0]) };
    let mut ship = dead;
    let wild = Command { thrust: [127, 127], aim: Aim(5), buttons: Buttons::ALL };
    for left in [1, 0, 0] {
        assert_eq!(ship::advance(&mut ship, wild, &hall()), ship::Fired::default());
        assert_eq!(ship, Ship { respawn_in: left, ..dead });
    }
}

#[test]
fn a_bolt_starts_at_the_nose_and_keeps_its_speed() {
    let ship = Ship { aim: Aim(512), ..ship_at([5.0, 5.0]) };
    let bolt = Bolt::from_ship(SeatId(3), &ship, Tick(100));
    let far = |from: Point, to: Point| length([to.tiles()[0] - from.tiles()[0], to.tiles()[1] - from.tiles()[1]]);
    assert!(far(ship.pos, bolt.origin) <= Ship::RADIUS);
    assert_eq!((bolt.at(Tick(100)), bolt.at(Tick(0))), (bolt.origin, bolt.origin));
    for age in 1..=bolt::LIFE_TICKS {
        assert!((far(bolt.origin, bolt.at(Tick(100 + age))) - bolt::SPEED * age as f32).abs() < 0.01);
    }
    assert_eq!(bolt.at(Tick(u32::MAX)), bolt.at(Tick(100 + bolt::LIFE_TICKS)));
}

#[test]
fn a_beam_ends_at_the_wall_or_at_its_range() {
    let from = Point::from_tiles([5.0, 6.0]);
    assert_eq!(rail::trace(&hall(), from, Aim(0), rail::RANGE_TILES), Point::from_tiles([29.0, 6.0]));
    assert_eq!(rail::trace(&hall(), from, Aim(0), 3.0), Point::from_tiles([8.0, 6.0]));
}
