//! A match starts, is fought and ends, whoever comes and goes.

mod common;

use common::{Flown, hall, shipped, step, wait_for};
use game::{
    Aim, Arena, Buttons, Command, Commands, GameEvent, MAX_SEATS, Phase, PhaseKind, Rules, SeatId,
    arena::{COUNTDOWN_TICKS, RESULTS_TICKS, SPAWN_SHIELD_TICKS},
    ship::MAX_HEALTH,
};

fn pair(rules: Rules) -> Arena {
    let mut arena = Arena::new(hall(), rules, 3);
    arena.join(SeatId(0));
    arena.join(SeatId(1));
    arena
}

fn phases(events: &[GameEvent]) -> Vec<PhaseKind> {
    let kind = |event: &GameEvent| if let GameEvent::Phase(phase) = event { Some(phase.kind) } else { None };
    events.iter().filter_map(kind).collect()
}

#[test]
fn a_lone_ship_waits_but_may_fly_and_shoot() {
    let mut arena = Arena::new(hall(), Rules::default(), 3);
    arena.join(SeatId(7));
    let start = arena.ship(SeatId(7)).unwrap().pos;
    let mut commands = Commands::default();
    commands.set(SeatId(7), Command { thrust: [60, 60], aim: Aim(100), buttons: Buttons::BOLT.with(Buttons::RAIL) });
    assert_eq!(step(&mut arena, &commands), [GameEvent::Spawned { seat: SeatId(7) }]);
    for _ in 0..60 {
        assert_eq!(step(&mut arena, &commands), []);
    }
    assert_eq!(arena.phase().kind, PhaseKind::Waiting);
    assert_ne!(arena.ship(SeatId(7)).unwrap().pos, start);
    assert!(!arena.view(None).bolts.is_empty());
}

#[test]
fn a_countdown_holds_ships_still_but_lets_them_aim() {
    let mut arena = pair(Rules::default());
    let events = step(&mut arena, &Commands::default());
    assert_eq!(phases(&events), [PhaseKind::Countdown]);
    assert_eq!(arena.phase().ends, arena.tick().plus(COUNTDOWN_TICKS));
    let places: Vec<_> = (0..2).map(|seat| arena.ship(SeatId(seat)).unwrap().pos).collect();
    let mut commands = Commands::default();
    for seat in 0..2 {
        commands.set(SeatId(seat), Command { thrust: [127, 127], aim: Aim(1_000), buttons: Buttons::ALL });
    }
    for _ in 1..COUNTDOWN_TICKS {
        assert_eq!(step(&mut arena, &commands), []);
        for seat in 0..2 {
            let ship = arena.ship(SeatId(seat)).unwrap();
            assert_eq!((ship.pos, ship.aim), (places[usize::from(seat)], Aim(1_000)));
        }
        assert!(arena.view(None).bolts.is_empty() && arena.view(None).beams.is_empty());
    }
    assert_eq!(phases(&step(&mut arena, &commands)), [PhaseKind::Live]);
    assert_ne!(arena.ship(SeatId(0)).unwrap().pos, places[0]);
}

#[test]
fn bots_fight_matches_to_their_end_again_and_again() {
    for map in 0..2 {
        let rules = Rules { match_ticks: 60 * 60, score_limit: 8 };
        let mut flown = Flown::new(shipped(map), rules, 6, 99);
        let (mut order, mut kills, mut early, mut finished) = (Vec::new(), 0, 0, 0);
        for _ in 0..30_000 {
            flown.step();
            let arena = &flown.arena;
            if phases(&flown.events).contains(&PhaseKind::Countdown) {
                // A new match: the sums below show that scores and deaths begin at 0 again.
                kills = 0;
            }
            kills += flown.events.iter().filter(|event| matches!(event, GameEvent::Kill { .. })).count();
            let scores: Vec<u16> = arena.seated().map(|seat| arena.ship(seat).unwrap().score).collect();
            let deaths: u16 = arena.seated().map(|seat| arena.ship(seat).unwrap().deaths).sum();
            assert_eq!(scores.iter().map(|&score| usize::from(score)).sum::<usize>(), kills);
            assert_eq!(usize::from(deaths), kills);
            for event in &flown.events {
                if let GameEvent::Finished { winner } = event {
                    finished += 1;
                    let best = *scores.iter().max().unwrap();
                    early += usize::from(best >= rules.score_limit);
                    let leaders: Vec<_> =
                        arena.seated().filter(|seat| arena.ship(*seat).unwrap().score == best).collect();
                    assert_eq!(*winner, if leaders.len() == 1 { Some(leaders[0]) } else { None });
                }
            }
            order.extend(phases(&flown.events));
        }
        let cycle = [PhaseKind::Countdown, PhaseKind::Live, PhaseKind::Results];
        assert!(order.iter().eq(cycle.iter().cycle().take(order.len())), "{order:?}");
        assert!(finished >= 5 && early >= 3, "{finished} matches, {early} of them by score");
    }
}

#[test]
fn a_match_in_which_nothing_happens_is_a_draw_when_time_is_up() {
    let mut arena = pair(Rules { match_ticks: 500, score_limit: 20 });
    wait_for(&mut arena, PhaseKind::Live);
    for _ in 1..500 {
        assert_eq!(step(&mut arena, &Commands::default()), []);
    }
    let events = step(&mut arena, &Commands::default());
    let results = Phase { kind: PhaseKind::Results, ends: arena.tick().plus(RESULTS_TICKS) };
    assert_eq!(events, [GameEvent::Finished { winner: None }, GameEvent::Phase(results)]);
    for _ in 1..RESULTS_TICKS {
        assert_eq!(phases(&step(&mut arena, &Commands::default())), []);
    }
    assert_eq!(phases(&step(&mut arena, &Commands::default())), [PhaseKind::Countdown]);
}

#[test]
fn who_comes_late_plays_at_once_behind_a_shield() {
    let mut arena = pair(Rules::default());
    wait_for(&mut arena, PhaseKind::Live);
    arena.join(SeatId(63));
    let ship = *arena.ship(SeatId(63)).unwrap();
    assert_eq!((ship.health, ship.shield), (MAX_HEALTH, SPAWN_SHIELD_TICKS));
    arena.join(SeatId(63));
    assert_eq!(arena.ship(SeatId(63)), Some(&ship), "joining twice changes nothing");
    assert_eq!(step(&mut arena, &Commands::default()), [GameEvent::Spawned { seat: SeatId(63) }]);
    assert_eq!(arena.phase().kind, PhaseKind::Live);
    assert_eq!(arena.seated().collect::<Vec<_>>(), [SeatId(0), SeatId(1), SeatId(63)]);
}

#[test]
fn a_match_that_loses_its_second_ship_goes_back_to_waiting() {
    for kind in [PhaseKind::Countdown, PhaseKind::Live, PhaseKind::Results] {
        let mut arena = pair(Rules { match_ticks: 100, score_limit: 0 });
        wait_for(&mut arena, kind);
        arena.leave(SeatId(0));
        assert_eq!(phases(&step(&mut arena, &Commands::default())), [PhaseKind::Waiting]);
        arena.join(SeatId(5));
        assert_eq!(phases(&step(&mut arena, &Commands::default())), [PhaseKind::Countdown]);
    }
}

#[test]
fn seats_that_cannot_exist_are_refused_quietly() {
    let mut arena = pair(Rules::default());
    for seat in [MAX_SEATS as u8, 200, 255] {
        arena.join(SeatId(seat));
        arena.leave(SeatId(seat));
        assert_eq!(arena.ship(SeatId(seat)), None);
    }
    assert_eq!(arena.seated().count(), 2);
}

#[test]
fn an_empty_arena_ticks_on() {
    let mut arena = Arena::new(hall(), Rules::default(), 0);
    for _ in 0..1_000 {
        assert_eq!(step(&mut arena, &Commands::default()), []);
    }
    assert_eq!((arena.tick().0, arena.phase().kind), (1_000, PhaseKind::Waiting));
}
