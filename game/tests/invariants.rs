//! What must be true after every tick, whatever anybody wants.

mod common;

use common::{Flown, shipped};
use game::{
    Aim, Arena, Buttons, Command, Commands, MAX_SEATS, Rules, SeatId, Ship, ShipView, collide, ship::MAX_HEALTH,
    space::STEPS_PER_TILE,
};
use proptest::prelude::*;

/// Checks all that must hold after a tick.
fn check(arena: &Arena) {
    for seat in arena.seated() {
        let ship = arena.ship(seat).unwrap();
        let pos = ship.pos.tiles();
        assert!(collide::clear(arena.map(), pos, Ship::RADIUS), "{seat:?} is inside a wall at {pos:?}");
        assert!(ship.health <= MAX_HEALTH);
        assert!(ship.alive() || ship.respawn_in > 0, "{seat:?} is dead and does not come back");
        assert!(ship.aim.0 < game::space::AIM_TURN);
    }
    let view = arena.view(None);
    assert!(view.bolts.is_sorted_by_key(|bolt| (bolt.spawned, bolt.owner)));
    assert!(view.beams.is_sorted_by_key(|beam| (beam.fired, beam.owner)));
    // A place just before a wall may be rounded onto its edge, so one step to any side counts too.
    let here = |point: game::Point| {
        [(1, 0), (-1, 0), (0, 1), (0, -1)].into_iter().any(|(dx, dy)| {
            let tile = |v: i32| v.div_euclid(STEPS_PER_TILE);
            !arena.map().is_wall(tile(point.x + dx), tile(point.y + dy))
        })
    };
    assert!(view.bolts.iter().all(|bolt| here(bolt.origin) && here(bolt.at(arena.tick()))), "a bolt is inside a wall");
    assert!(view.beams.iter().all(|beam| here(beam.from)));
}

#[test]
fn nothing_breaks_when_every_seat_is_flown_by_a_bot() {
    for map in 0..2 {
        let mut flown = Flown::new(shipped(map), Rules::default(), MAX_SEATS as u8, 11);
        for _ in 0..4_000 {
            flown.step();
            check(&flown.arena);
        }
    }
}

#[test]
fn a_crowd_that_all_pushes_into_one_corner_is_never_pushed_into_a_wall() {
    let mut arena = Arena::new(shipped(0), Rules { match_ticks: 100_000, score_limit: 0 }, 1);
    (0..MAX_SEATS as u8).for_each(|seat| arena.join(SeatId(seat)));
    for tick in 0..4_000_u32 {
        let mut commands = Commands::default();
        for seat in 0..MAX_SEATS as u8 {
            let thrust = if tick < 2_000 { [-127, -127] } else { [127, 40] };
            let buttons = if (tick + u32::from(seat)) % 50 == 0 { Buttons::DASH } else { Buttons::default() };
            commands.set(SeatId(seat), Command { thrust, buttons, ..Command::default() });
        }
        arena.step(&commands, &mut Vec::new());
        check(&arena);
    }
}

#[test]
fn sixty_four_ships_find_room_of_their_own_at_every_start() {
    for map in 0..2 {
        let mut arena = Arena::new(shipped(map), Rules::default(), 5);
        (0..MAX_SEATS as u8).for_each(|seat| arena.join(SeatId(seat)));
        common::step(&mut arena, &Commands::default());
        let places: Vec<_> = arena.seated().map(|seat| arena.ship(seat).unwrap().pos.tiles()).collect();
        for (index, a) in places.iter().enumerate() {
            for b in &places[index + 1..] {
                assert!(collide::length(collide::sub(*a, *b)) >= 2.0 * Ship::RADIUS - 0.01, "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn a_view_shows_the_arena_and_nothing_else() {
    let mut flown = Flown::new(shipped(1), Rules::default(), 6, 21);
    for _ in 0..3_000 {
        flown.step();
        let arena = &flown.arena;
        let all = arena.view(None);
        assert_eq!((all.tick, all.phase, all.own), (arena.tick(), arena.phase(), None));
        assert_eq!(all.ships.len(), 6);
        for seat in arena.seated() {
            let view = arena.view(Some(seat));
            assert_eq!(view.own, Some((seat, *arena.ship(seat).unwrap())));
            let mut ships = view.ships.clone();
            ships.push(ShipView::of(seat, arena.ship(seat).unwrap()));
            ships.sort_by_key(|ship| ship.seat);
            assert_eq!(ships, all.ships);
            assert_eq!((view.bolts, view.beams, view.pickups), (all.bolts.clone(), all.beams.clone(), all.pickups));
        }
        assert_eq!(arena.view(Some(SeatId(40))), all);
        assert_eq!(arena.view(Some(SeatId(255))), all);
        assert!(all.pickups < 1 << arena.map().pickups.len());
    }
}

#[test]
fn commands_of_missing_seats_are_ignored() {
    let mut flown = Flown::new(shipped(0), Rules::default(), 3, 2);
    for _ in 0..1_000 {
        let commands = flown.commands();
        let mut noisy = commands.clone();
        for seat in 3..=255 {
            noisy.set(SeatId(seat), Command { thrust: [-128, 127], aim: Aim(u16::MAX), buttons: Buttons(255) });
        }
        let mut fork = flown.arena.clone();
        fork.step(&noisy, &mut Vec::new());
        flown.arena.step(&commands, &mut Vec::new());
        assert_eq!(fork.checksum(), flown.arena.checksum());
    }
    assert_eq!(Commands::default().get(SeatId(255)), Command::default());
}

#[test]
fn an_arena_stays_small_enough_to_keep_many() {
    let mut flown = Flown::new(shipped(1), Rules::default(), MAX_SEATS as u8, 4);
    let mut most = 0;
    for _ in 0..2_000 {
        flown.step();
        let view = flown.arena.view(None);
        most = most.max(size_of_val(&view.bolts[..]) + size_of_val(&view.beams[..]));
    }
    let bytes = size_of::<Arena>() + most;
    assert!(bytes < 10_000, "{bytes} bytes");
}

fn any_command() -> impl Strategy<Value = Command> {
    (any::<[i8; 2]>(), any::<u16>(), any::<u8>()).prop_map(|(thrust, aim, buttons)| Command {
        thrust,
        aim: Aim(aim),
        buttons: Buttons(buttons),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_commands_comings_and_goings_break_nothing(
        seed: u64,
        map in 0..2_usize,
        deeds in prop::collection::vec((any::<u8>(), any::<bool>(), any_command(), 1..60_u8), 1..60),
    ) {
        let mut arena = Arena::new(shipped(map), Rules { match_ticks: 900, score_limit: 2 }, seed);
        let mut commands = Commands::default();
        for (seat, stays, command, ticks) in deeds {
            // Few seats, so that they meet; sometimes one that cannot exist.
            let seat = SeatId(if seat > 250 { seat } else { seat % 10 });
            if stays { arena.join(seat) } else { arena.leave(seat) }
            commands.set(seat, command);
            for _ in 0..ticks {
                arena.step(&commands, &mut Vec::new());
                check(&arena);
            }
        }
    }

    #[test]
    fn no_ship_state_makes_advance_panic(
        (x, y, vx, vy) in (any::<i32>(), any::<i32>(), any::<i16>(), any::<i16>()),
        timers: [u8; 7],
        command in any_command(),
    ) {
        let [health, bolt_wait, rail_wait, dash_wait, dash_left, shield, respawn_in] = timers;
        let mut ship = Ship {
            pos: game::Point { x, y },
            vel: game::Velocity { x: vx, y: vy },
            health, bolt_wait, rail_wait, dash_wait, dash_left, shield, respawn_in,
            ..Ship::default()
        };
        let map = shipped(0);
        for _ in 0..20 {
            game::ship::advance(&mut ship, command, &map);
        }
    }
}
