//! The same inputs give the same bits: today, tomorrow, and on every target.

mod common;

use common::{Flown, shipped};
use game::proof::{MILLION_TICKS, checksum_after};
use game::{Rules, SeatId};

#[test]
fn million_ticks_of_four_bots_give_the_known_checksum() {
    let found = checksum_after(shipped(0), 1_000_000);
    assert_eq!(found, MILLION_TICKS, "found {found:#018X}");
}

#[test]
fn the_same_seed_gives_the_same_game_and_another_seed_another() {
    for map in 0..2 {
        let play = |seed| {
            let mut flown = Flown::new(shipped(map), Rules::default(), 8, seed);
            (0..5_000).for_each(|_| flown.step());
            flown.arena.checksum()
        };
        assert_eq!(play(1), play(1));
        assert_ne!(play(1), play(2));
    }
}

#[test]
fn a_clone_goes_on_exactly_as_its_original() {
    let mut flown = Flown::new(shipped(1), Rules::default(), 12, 3);
    (0..2_000).for_each(|_| flown.step());
    let mut fork = flown.clone();
    for _ in 0..2_000 {
        flown.step();
        fork.step();
        assert_eq!(flown.arena.checksum(), fork.arena.checksum());
        assert_eq!(flown.arena.view(None), fork.arena.view(None));
    }
}

#[test]
fn the_checksum_notices_a_departure_and_a_single_command() {
    let mut flown = Flown::new(shipped(0), Rules::default(), 4, 9);
    (0..600).for_each(|_| flown.step());
    let before = flown.arena.checksum();
    let mut fork = flown.clone();
    fork.arena.leave(SeatId(3));
    assert_ne!(fork.arena.checksum(), before);

    let mut fork = flown.clone();
    let mut commands = flown.commands();
    let mut changed = commands.get(SeatId(0));
    changed.aim.0 ^= 1;
    flown.arena.step(&commands, &mut Vec::new());
    commands.set(SeatId(0), changed);
    fork.arena.step(&commands, &mut Vec::new());
    assert_ne!(flown.arena.checksum(), fork.arena.checksum());
}
