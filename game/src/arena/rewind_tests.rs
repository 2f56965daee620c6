//! Rails that are traced against where others were: places, lives and teleports in between, and what stays of the present.

use super::*;
use crate::{Aim, Buttons, Point, Velocity, rail};

/// A hall of 40 × 12 tiles without anything in it.
fn hall() -> Arc<Map> {
    let mut rows = vec!["#".repeat(40)];
    rows.extend((1..=10).map(|row| match row {
        1 | 10 => format!("#S{}S#", ".".repeat(36)),
        _ => format!("#{}#", ".".repeat(38)),
    }));
    rows.push("#".repeat(40));
    Arc::new(Map::parse("hall.map", &format!("crosswire-map 1\nname Hall\nsize 40 12\n{}\n", rows.join("\n"))).unwrap())
}

const SHOOTER: SeatId = SeatId(0);
const TARGET: SeatId = SeatId(1);
const NORTH: Aim = Aim(1024);
/// Quarter ticks per tick.
const TICK: u8 = 4;

/// A live match: the shooter stands at the bottom and looks up, the target flies past from the left at top speed.
fn passing() -> Arena {
    let mut arena = Arena::new(hall(), Rules::default(), 1);
    let ship = |pos, vel| Ship {
        pos: Point::from_tiles(pos),
        vel: Velocity::from_tiles(vel),
        aim: NORTH,
        health: MAX_HEALTH,
        ..Ship::default()
    };
    for (seat, ship) in [(SHOOTER, ship([20.0, 2.0], [0.0, 0.0])), (TARGET, ship([10.0, 8.0], [0.18, 0.0]))] {
        arena.join(seat);
        arena.ships[usize::from(seat.0)] = Some(ship);
    }
    arena.phase = Phase { kind: PhaseKind::Live, ends: Tick(100_000) };
    arena
}

/// Steps once: the target holds its course, the shooter aims at `place` and fires on request, seeing others `behind` quarters late.
fn step(arena: &mut Arena, at: [f32; 2], fires: bool, behind: u8) -> Vec<GameEvent> {
    let from = arena.ship(SHOOTER).unwrap().pos.tiles();
    let aim = Aim::toward(sub(at, from)).unwrap();
    let mut commands = Commands::default();
    commands.set(TARGET, Command { thrust: [127, 0], aim: NORTH, ..Command::default() });
    let buttons = if fires { Buttons::RAIL } else { Buttons::default() };
    commands.set(SHOOTER, Command { aim, buttons, ..Command::default() });
    commands.set_behind(SHOOTER, behind);
    let mut events = Vec::new();
    arena.step(&commands, &mut events);
    events
}

fn place(arena: &Arena) -> [f32; 2] {
    arena.ship(TARGET).unwrap().pos.tiles()
}

/// Flies `ticks` and returns where the target was at the end of each, the present last.
fn fly(arena: &mut Arena, ticks: usize) -> Vec<[f32; 2]> {
    (0..ticks)
        .map(|_| {
            step(arena, [20.0, 9.0], false, 0);
            place(arena)
        })
        .collect()
}

fn lost(arena: &Arena) -> u8 {
    MAX_HEALTH - arena.ship(TARGET).unwrap().health
}

#[test]
fn what_was_seen_is_hit_at_every_quarter_tick_up_to_the_limit_and_nothing_beyond() {
    for behind in 0..=u8::MAX {
        let mut arena = passing();
        // The step that fires is one more tick behind what is known here.
        let mut known = fly(&mut arena, 70);
        let mut future = arena.clone();
        step(&mut future, [20.0, 9.0], false, 0);
        known.push(place(&future));
        let whole = usize::from(behind / TICK);
        let part = f32::from(behind % TICK) / f32::from(TICK);
        let newest = known.len() - 1;
        let (from, to) = (known[newest - whole - 1], known[newest - whole]);
        let seen = [to[0] + (from[0] - to[0]) * part, to[1]];
        step(&mut arena, seen, true, behind);
        let error = f32::from(behind.saturating_sub(rail::MAX_BEHIND)) / f32::from(TICK) * 0.18;
        if error < 0.4 {
            assert_eq!(lost(&arena), rail::DAMAGE, "{behind} quarter ticks behind");
        } else if error > 0.6 {
            assert_eq!(lost(&arena), 0, "{behind} quarter ticks behind");
        }
        let told = &arena.rewound()[0];
        assert_eq!((told.shooter, told.behind), (SHOOTER, behind.min(rail::MAX_BEHIND)));
        if behind <= rail::MAX_BEHIND {
            let [(seat, place)] = told.ships[..] else { panic!("{told:?}") };
            assert_eq!(seat, TARGET);
            assert!((place.tiles()[0] - seen[0]).abs() < 0.002, "{place:?} is not {seen:?}");
        }
    }
}

#[test]
fn without_compensation_the_same_shot_misses() {
    let mut arena = passing();
    let known = fly(&mut arena, 40);
    step(&mut arena, known[31], true, 0);
    assert_eq!(lost(&arena), 0);
    assert_eq!(arena.rewound()[0].behind, 0);
    step(&mut arena, known[31], false, 0);
    assert!(arena.rewound().is_empty(), "it is about the last step only");
}

#[test]
fn a_command_that_is_set_anew_is_not_compensated() {
    let mut commands = Commands::default();
    commands.set_behind(SHOOTER, 200);
    assert_eq!(commands.behind(SHOOTER), rail::MAX_BEHIND);
    commands.set(SHOOTER, Command::default());
    assert_eq!(commands.behind(SHOOTER), 0);
    commands.set_behind(SeatId(255), 3);
    assert_eq!(commands.behind(SeatId(255)), 0);
}

#[test]
fn bolts_are_not_compensated() {
    let mut arena = passing();
    fly(&mut arena, 40);
    let mut plain = arena.clone();
    for (arena, behind) in [(&mut arena, 40), (&mut plain, 0)] {
        for _ in 0..60 {
            let mut commands = Commands::default();
            commands.set(SHOOTER, Command { aim: NORTH, buttons: Buttons::BOLT, ..Command::default() });
            commands.set_behind(SHOOTER, behind);
            arena.step(&commands, &mut Vec::new());
        }
    }
    assert_eq!(arena.checksum(), plain.checksum());
}

#[test]
fn a_shield_of_now_protects_and_one_of_then_does_not() {
    for (shield, damage) in [(200, 0), (0, rail::DAMAGE)] {
        let mut arena = passing();
        arena.ships[1].as_mut().unwrap().shield = 200;
        let known = fly(&mut arena, 40);
        arena.ships[1].as_mut().unwrap().shield = shield;
        step(&mut arena, known[31], true, 9 * TICK);
        assert_eq!(lost(&arena), damage);
    }
}

#[test]
fn the_dead_are_neither_hit_again_nor_in_the_way() {
    let mut arena = passing();
    let known = fly(&mut arena, 40);
    let behind = known[31];
    // Somebody stands right behind where the target is seen.
    arena.join(SeatId(2));
    arena.ships[2] = Some(Ship {
        pos: Point::from_tiles([behind[0], behind[1] + 1.5]),
        aim: NORTH,
        health: MAX_HEALTH,
        ..Ship::default()
    });
    let shooter = arena.ship(SHOOTER).unwrap().pos.tiles();
    arena.ships[0].as_mut().unwrap().pos = Point::from_tiles([behind[0], shooter[1]]);
    let target = arena.ships[1].as_mut().unwrap();
    (target.health, target.respawn_in) = (0, 100);
    // The bystander has no past yet; by now it has.
    let mut commands = Commands::default();
    commands.set(SHOOTER, Command { aim: NORTH, buttons: Buttons::RAIL, ..Command::default() });
    for _ in 0..9 {
        let mut waiting = commands.clone();
        waiting.set(SHOOTER, Command { aim: NORTH, ..Command::default() });
        arena.step(&waiting, &mut Vec::new());
    }
    commands.set_behind(SHOOTER, 8 * TICK);
    let mut events = Vec::new();
    arena.step(&commands, &mut events);
    assert_eq!(arena.ship(SeatId(2)).unwrap().health, MAX_HEALTH - rail::DAMAGE, "the shot goes through to who lives");
    assert_eq!(arena.rewound()[0].ships.len(), 1);
}

#[test]
fn whoever_came_back_or_sat_down_after_that_moment_is_not_there_yet() {
    for leaves in [false, true] {
        let mut arena = passing();
        let known = fly(&mut arena, 40);
        if leaves {
            arena.leave(TARGET);
            arena.join(TARGET);
        } else {
            arena.spawn(TARGET);
        }
        arena.ships[1].as_mut().unwrap().shield = 0;
        let mut old = arena.clone();
        step(&mut old, known[31], true, 9 * TICK);
        assert_eq!(lost(&old), 0, "an earlier life");
        assert!(old.rewound()[0].ships.is_empty(), "it was nowhere");
        // Three quarters of a tick ago it was on its way into the arena: it counts as where it appeared.
        let mut new = arena.clone();
        let at = place(&new);
        step(&mut new, at, true, 3);
        assert_eq!(lost(&new), rail::DAMAGE, "where it appeared");
    }
}

#[test]
fn the_first_ticks_of_a_room_have_no_past() {
    let mut arena = passing();
    step(&mut arena, [20.0, 9.0], true, rail::MAX_BEHIND);
    assert!(arena.rewound()[0].ships.is_empty());
    assert_eq!(lost(&arena), 0);
}

#[test]
fn only_ships_near_the_beam_are_told_the_nearest_first() {
    let mut arena = passing();
    for (seat, y) in (2..).zip([2.0, 4.0, 3.0, 9.0]) {
        arena.join(SeatId(seat));
        arena.ships[usize::from(seat)] =
            Some(Ship { pos: Point::from_tiles([30.0, y]), health: MAX_HEALTH, ..Ship::default() });
    }
    fly(&mut arena, 20);
    step(&mut arena, [39.0, 2.1], true, 20);
    let told: Vec<u8> = arena.rewound()[0].ships.iter().map(|(seat, _)| seat.0).collect();
    assert_eq!(told, [2, 4, 3]);
}

#[test]
fn a_clone_remembers_too() {
    let mut arena = passing();
    let known = fly(&mut arena, 40);
    let mut fork = arena.clone();
    for arena in [&mut arena, &mut fork] {
        step(arena, known[31], true, 9 * TICK);
    }
    assert_eq!((lost(&arena), lost(&fork)), (rail::DAMAGE, rail::DAMAGE));
    assert_eq!(arena.checksum(), fork.checksum());
}
