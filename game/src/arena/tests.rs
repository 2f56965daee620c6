//! Shots, pickups and bumps between ships that a test has put in their places.

use super::*;
use crate::{Aim, Buttons, Point, Velocity, bolt};

/// A hall of 30 × 12 tiles with a wall in the middle of its lower half and a pickup in its upper.
fn hall() -> Arc<Map> {
    let mut rows = vec!["#".repeat(30)];
    rows.extend((1..=10).map(|row| match row {
        1 | 10 => format!("#S{}S#", ".".repeat(26)),
        3 => format!("#{}+{}#", ".".repeat(13), ".".repeat(14)),
        6..=8 => format!("#{}##{}#", ".".repeat(13), ".".repeat(13)),
        _ => format!("#{}#", ".".repeat(28)),
    }));
    rows.push("#".repeat(30));
    let text = format!("crosswire-map 1\nname Hall\nsize 30 12\n{}\n", rows.join("\n"));
    Arc::new(Map::parse("hall.map", &text).unwrap())
}

/// Returns a live match in which ships without shields stand at `places`, their noses at `aims` (1/4096 turns).
fn live(places: &[([f32; 2], u16)]) -> Arena {
    let mut arena = Arena::new(hall(), Rules::default(), 1);
    for (seat, &(pos, aim)) in (0..).zip(places) {
        arena.join(SeatId(seat));
        arena.ships[usize::from(seat)] =
            Some(Ship { pos: Point::from_tiles(pos), aim: Aim(aim), health: MAX_HEALTH, ..Ship::default() });
    }
    arena.phase = Phase { kind: PhaseKind::Live, ends: Tick(100_000) };
    arena
}

/// Steps once; everybody keeps the nose where it is, and those in `buttons` hold these.
fn step(arena: &mut Arena, buttons: &[(u8, Buttons)]) -> Vec<GameEvent> {
    let mut commands = Commands::default();
    for seat in seats() {
        let aim = arena.ship(seat).map_or(Aim(0), |ship| ship.aim);
        let held = buttons.iter().find(|(of, _)| *of == seat.0).map_or(Buttons::default(), |(_, held)| *held);
        commands.set(seat, Command { aim, buttons: held, ..Command::default() });
    }
    let mut events = Vec::new();
    arena.step(&commands, &mut events);
    events
}

fn health(arena: &Arena, seat: u8) -> u8 {
    arena.ship(SeatId(seat)).unwrap().health
}

const EAST: u16 = 0;
const WEST: u16 = 2048;

#[test]
fn five_bolts_kill_and_the_kill_is_credited() {
    let mut arena = live(&[([3.0, 9.5], EAST), ([10.0, 9.5], WEST)]);
    let mut events = Vec::new();
    let mut ticks = 0;
    while health(&arena, 1) > 0 {
        assert_eq!(health(&arena, 1) % bolt::DAMAGE, 0);
        events = step(&mut arena, &[(0, Buttons::BOLT)]);
        ticks += 1;
        assert!(ticks < 200);
    }
    let kill = GameEvent::Kill { killer: Some(SeatId(0)), victim: SeatId(1), weapon: Weapon::Bolt };
    assert!(events.contains(&kill), "{events:?}");
    let (killer, victim) = (arena.ship(SeatId(0)).unwrap(), arena.ship(SeatId(1)).unwrap());
    assert_eq!((killer.score, killer.deaths, victim.score, victim.deaths), (1, 0, 0, 1));

    // It comes back after exactly two seconds, whole and shielded, and its deaths are remembered.
    for left in (0..RESPAWN_TICKS).rev() {
        let events = step(&mut arena, &[]);
        assert_eq!(events.contains(&GameEvent::Spawned { seat: SeatId(1) }), left == 0);
    }
    let victim = arena.ship(SeatId(1)).unwrap();
    assert_eq!((victim.health, victim.shield, victim.deaths), (MAX_HEALTH, SPAWN_SHIELD_TICKS, 1));
}

#[test]
fn a_shield_absorbs_bolts_and_beams() {
    let mut arena = live(&[([3.0, 9.5], EAST), ([6.0, 9.5], WEST)]);
    arena.ships[1].as_mut().unwrap().shield = 200;
    for _ in 0..100 {
        step(&mut arena, &[(0, Buttons::ALL)]);
        // A dash carries the shooter into its target; only the shots matter here.
        arena.ships[0].as_mut().unwrap().pos = Point::from_tiles([3.0, 9.5]);
    }
    assert_eq!(health(&arena, 1), MAX_HEALTH);
    assert!(arena.bolts.len() < 3, "absorbed bolts are gone");
}

#[test]
fn two_rails_in_the_same_tick_both_hit() {
    let mut arena = live(&[([3.0, 9.5], EAST), ([20.0, 9.5], WEST)]);
    arena.ships[0].as_mut().unwrap().health = 10;
    arena.ships[1].as_mut().unwrap().health = 10;
    let events = step(&mut arena, &[(0, Buttons::RAIL), (1, Buttons::RAIL)]);
    let kills = events.iter().filter(|event| matches!(event, GameEvent::Kill { weapon: Weapon::Rail, .. })).count();
    assert_eq!((kills, health(&arena, 0), health(&arena, 1)), (2, 0, 0));
    assert_eq!(arena.beams.len(), 2);
    for _ in 0..crate::rail::BEAM_TICKS {
        assert_eq!(arena.view(None).beams.len(), 2);
        step(&mut arena, &[]);
    }
    assert!(arena.view(None).beams.is_empty());
}

#[test]
fn a_beam_ends_at_the_first_ship_and_spares_the_one_behind() {
    let mut arena = live(&[([3.0, 9.5], EAST), ([8.0, 9.7], WEST), ([12.0, 9.5], WEST)]);
    step(&mut arena, &[(0, Buttons::RAIL)]);
    assert_eq!((health(&arena, 1), health(&arena, 2)), (MAX_HEALTH - crate::rail::DAMAGE, MAX_HEALTH));
    let end = arena.beams[0].to.tiles()[0];
    assert!((7.5..8.0).contains(&end), "{end}");
}

#[test]
fn walls_stop_bolts_and_beams() {
    let mut arena = live(&[([10.0, 4.5], EAST), ([20.0, 4.5], WEST)]);
    for _ in 0..200 {
        step(&mut arena, &[(0, Buttons::BOLT.with(Buttons::RAIL)), (1, Buttons::BOLT.with(Buttons::RAIL))]);
    }
    assert_eq!((health(&arena, 0), health(&arena, 1)), (MAX_HEALTH, MAX_HEALTH));
}

#[test]
fn a_ship_pressed_against_a_wall_cannot_shoot_through_it() {
    let mut arena = live(&[([13.54, 4.5], EAST), ([16.46, 4.5], WEST)]);
    for _ in 0..100 {
        step(&mut arena, &[(0, Buttons::BOLT.with(Buttons::RAIL))]);
    }
    assert_eq!(health(&arena, 1), MAX_HEALTH);
}

#[test]
fn a_ship_in_contact_is_hit_by_both_weapons() {
    let mut arena = live(&[([3.0, 9.5], EAST), ([3.91, 9.5], WEST)]);
    step(&mut arena, &[(0, Buttons::BOLT.with(Buttons::RAIL))]);
    step(&mut arena, &[]);
    assert_eq!(health(&arena, 1), MAX_HEALTH - crate::rail::DAMAGE - bolt::DAMAGE);
}

#[test]
fn nobody_is_hurt_while_the_result_is_shown() {
    let mut arena = live(&[([3.0, 9.5], EAST), ([6.0, 9.5], WEST)]);
    arena.phase.kind = PhaseKind::Results;
    for _ in 0..200 {
        step(&mut arena, &[(0, Buttons::BOLT.with(Buttons::RAIL))]);
    }
    assert_eq!(health(&arena, 1), MAX_HEALTH);
}

#[test]
fn a_pickup_heals_who_needs_it_and_comes_back() {
    let mut arena = live(&[([14.5, 8.5], EAST), ([25.5, 2.5], EAST)]);
    assert_eq!(arena.map.pickups, [Point::from_tiles([14.5, 8.5])]);
    step(&mut arena, &[]);
    assert_eq!(arena.view(None).pickups, 1, "nobody needed it");
    arena.ships[0].as_mut().unwrap().health = 50;
    let events = step(&mut arena, &[]);
    assert_eq!(events, [GameEvent::PickedUp { seat: SeatId(0), pickup: 0 }]);
    assert_eq!((health(&arena, 0), arena.view(None).pickups), (50 + PICKUP_HEALTH, 0));
    for _ in 1..PICKUP_WAIT_TICKS {
        assert_eq!(step(&mut arena, &[]), []);
        assert_eq!(arena.view(None).pickups, 0);
    }
    step(&mut arena, &[]);
    assert_eq!(health(&arena, 0), MAX_HEALTH, "more than 100 is not possible");
}

#[test]
fn ships_on_top_of_each_other_come_apart() {
    let mut arena = live(&[([8.0, 9.0], EAST); 6]);
    for _ in 0..60 {
        step(&mut arena, &[]);
    }
    for (a, b) in (0..6).flat_map(|a| (0..a).map(move |b| (a, b))) {
        let at = |seat: u8| arena.ship(SeatId(seat)).unwrap().pos.tiles();
        let apart = sub(at(a), at(b));
        assert!(dot(apart, apart) > 0.8, "{a} {b} {apart:?}");
    }
}

#[test]
fn ships_that_meet_head_on_bounce_apart() {
    let mut arena = live(&[([8.0, 9.0], EAST), ([8.92, 9.0], WEST)]);
    arena.ships[0].as_mut().unwrap().vel = Velocity::from_tiles([0.15, 0.0]);
    arena.ships[1].as_mut().unwrap().vel = Velocity::from_tiles([-0.15, 0.0]);
    step(&mut arena, &[]);
    let vel = |seat| arena.ship(SeatId(seat)).unwrap().vel;
    assert!(vel(0).x < 0 && vel(1).x > 0);
    assert_eq!((vel(0).x, vel(0).y), (-vel(1).x, 0));
}

#[test]
fn who_leaves_takes_its_shots_along() {
    let mut arena = live(&[([3.0, 9.5], EAST), ([25.0, 3.0], WEST), ([25.0, 9.5], EAST)]);
    step(&mut arena, &[(0, Buttons::BOLT.with(Buttons::RAIL)), (1, Buttons::BOLT)]);
    arena.leave(SeatId(0));
    assert!(arena.bolts.iter().all(|bolt| bolt.owner == SeatId(1)) && arena.bolts.len() == 1);
    assert!(arena.beams.is_empty() && arena.ship(SeatId(0)).is_none());
    arena.leave(SeatId(0));
    arena.leave(SeatId(255));
}

#[test]
fn a_spawn_is_far_from_everybody() {
    let mut arena = live(&[([2.0, 2.0], EAST), ([2.0, 9.0], EAST)]);
    for seat in 2..4 {
        arena.join(SeatId(seat));
        assert!(arena.ship(SeatId(seat)).unwrap().pos.tiles()[0] > 20.0);
    }
}
