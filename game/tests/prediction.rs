//! A client that replays [`ship::advance`] from a snapshot is exactly right about its own ship, until another ship touches it.

mod common;

use common::{Flown, shipped};
use game::{Arena, Command, Commands, GameEvent, Rules, SeatId, Ship, Tick, ship};
use proptest::prelude::*;

/// Returns what a client would predict for the next tick from what it knows after the present one.
fn predict(arena: &Arena, seat: SeatId, command: Command) -> Ship {
    let mut ship = *arena.ship(seat).unwrap();
    ship::advance(&mut ship, arena.phase().at(arena.tick().next()).filter(command), arena.map());
    ship
}

/// Returns whether another ship is near enough to have been in touch during the next tick, alone or through a third.
fn crowded(arena: &Arena, seat: SeatId) -> bool {
    let at = |seat| arena.ship(seat).unwrap().pos.tiles();
    let own = at(seat);
    arena.seated().filter(|&other| other != seat).map(at).any(|[x, y]| (x - own[0]).abs().max((y - own[1]).abs()) < 3.0)
}

/// What prediction is about: all but what others do to a ship.
fn predicted_part(ship: &Ship) -> Ship {
    Ship { health: 0, score: 0, deaths: 0, ..*ship }
}

/// Steps once and compares every ship that nobody touched. Returns how many were compared.
fn compare(arena: &mut Arena, commands: &Commands) -> usize {
    let seats: Vec<SeatId> = arena.seated().collect();
    let lonely: Vec<SeatId> = seats.into_iter().filter(|&seat| !crowded(arena, seat)).collect();
    let predicted: Vec<Ship> = lonely.iter().map(|&seat| predict(arena, seat, commands.get(seat))).collect();
    let before: Vec<Ship> = lonely.iter().map(|&seat| *arena.ship(seat).unwrap()).collect();
    let mut events = Vec::new();
    arena.step(commands, &mut events);
    let mut compared = 0;
    for ((seat, predicted), before) in lonely.into_iter().zip(predicted).zip(before) {
        let after = arena.ship(seat).unwrap();
        let moved = events.contains(&GameEvent::Spawned { seat });
        if moved || before.alive() != after.alive() {
            continue;
        }
        assert_eq!(predicted_part(&predicted), predicted_part(after), "seat {seat:?} at {:?}", arena.tick());
        compared += 1;
    }
    compared
}

#[test]
fn every_untouched_ship_of_a_whole_match_is_predicted_exactly() {
    for map in 0..2 {
        let mut flown = Flown::new(shipped(map), Rules::default(), 6, 77);
        let mut compared = 0;
        for _ in 0..20_000 {
            let commands = flown.commands();
            compared += compare(&mut flown.arena, &commands);
        }
        assert!(compared > 50_000, "only {compared} ships were left alone");
    }
}

#[test]
fn a_replay_of_many_ticks_ends_where_the_arena_does() {
    let mut flown = Flown::new(shipped(1), Rules::default(), 1, 5);
    (0..300).for_each(|_| flown.step());
    let seat = SeatId(0);
    let mut predicted = *flown.arena.ship(seat).unwrap();
    let mut fired = 0;
    for tick in 0..3_000_u32 {
        let mut commands = flown.commands();
        let command = Command { buttons: game::Buttons(tick as u8 & 7), ..commands.get(seat) };
        commands.set(seat, command);
        fired += u32::from(ship::advance(&mut predicted, command, flown.arena.map()).bolt);
        flown.arena.step(&commands, &mut Vec::new());
    }
    assert_eq!(predicted, *flown.arena.ship(seat).unwrap());
    assert!(fired > 200);
}

#[test]
fn the_end_of_a_countdown_is_foreseen() {
    let mut arena = Arena::new(shipped(0), Rules::default(), 1);
    arena.join(SeatId(0));
    arena.join(SeatId(1));
    common::wait_for(&mut arena, game::PhaseKind::Countdown);
    let phase = arena.phase();
    let full = Command { thrust: [127, 0], ..Command::default() };
    assert_eq!(phase.at(phase.ends.minus(1)).filter(full).thrust, [0, 0]);
    assert_eq!(phase.at(phase.ends).filter(full), full);
    common::wait_for(&mut arena, game::PhaseKind::Live);
    assert_eq!(arena.tick(), phase.ends);
    assert_eq!(arena.phase().at(Tick(u32::MAX)), arena.phase());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wild_commands_are_predicted_as_well_as_sane_ones(
        seed: u64,
        map in 0..2_usize,
        wishes in prop::collection::vec((any::<[i8; 2]>(), any::<u16>(), any::<u8>(), 1..40_u8), 1..40),
    ) {
        let mut arena = Arena::new(shipped(map), Rules::default(), seed);
        (0..4).for_each(|seat| arena.join(SeatId(seat)));
        common::wait_for(&mut arena, game::PhaseKind::Live);
        for (index, &(thrust, aim, buttons, ticks)) in wishes.iter().enumerate() {
            let mut commands = Commands::default();
            for seat in 0..4_u8 {
                // Four different readings of the same numbers.
                let thrust = if seat % 2 == 0 { thrust } else { [thrust[1], thrust[0]] };
                let command = Command {
                    thrust,
                    aim: game::Aim(aim.rotate_left(u32::from(seat))),
                    buttons: game::Buttons(buttons ^ (seat << 1) ^ index as u8),
                };
                commands.set(SeatId(seat), command);
            }
            for _ in 0..ticks {
                compare(&mut arena, &commands);
            }
        }
    }
}
