//! Bots: they kill, they cope with bad views, and they never do what they should not.

mod common;

use common::{Flown, shipped};
use game::{
    Aim, Arena, Beam, Bolt, Bot, Buttons, Command, Commands, GameEvent, Phase, PhaseKind, Point, Rules, SeatId, Ship,
    ShipView, Tick, Velocity, View,
};
use proptest::prelude::*;

/// Rules under which a match does not end while a test looks.
const LONG: Rules = Rules { match_ticks: u32::MAX, score_limit: 0 };

fn kills(events: &[GameEvent]) -> usize {
    events.iter().filter(|event| matches!(event, GameEvent::Kill { .. })).count()
}

#[test]
fn four_bots_kill_somebody_every_few_seconds() {
    for map in 0..2 {
        let mut flown = Flown::new(shipped(map), LONG, 4, 31);
        let mut total = 0;
        let minutes = 5;
        for _ in 0..minutes * 3_600 {
            flown.step();
            total += kills(&flown.events);
        }
        let per_minute = total / minutes;
        assert!((12..60).contains(&per_minute), "{per_minute} kills per minute on {}", flown.arena.map().name);
    }
}

#[test]
fn skill_pays() {
    let mut arena = Arena::new(shipped(0), LONG, 8);
    let mut bots: Vec<Bot> = (0..6).map(|seat| Bot::new(seat, if seat < 3 { 0.1 } else { 0.9 })).collect();
    (0..6).for_each(|seat| arena.join(SeatId(seat)));
    for _ in 0..20_000 {
        let mut commands = Commands::default();
        for (seat, bot) in (0..).map(SeatId).zip(&mut bots) {
            commands.set(seat, bot.fly(&arena.view(Some(seat)), arena.map()));
        }
        arena.step(&commands, &mut Vec::new());
    }
    let score = |seats: std::ops::Range<u8>| seats.map(|seat| arena.ship(SeatId(seat)).unwrap().score).sum::<u16>();
    assert!(score(3..6) > 2 * score(0..3), "{} against {}", score(3..6), score(0..3));
}

#[test]
fn a_repeated_view_gets_the_same_answer() {
    let mut flown = Flown::new(shipped(0), LONG, 4, 5);
    for _ in 0..2_000 {
        let view = flown.arena.view(Some(SeatId(1)));
        let first = flown.bots[1].fly(&view, flown.arena.map());
        assert_eq!(flown.bots[1].fly(&view, flown.arena.map()), first);
        flown.step();
    }
}

/// Lets four bots fight who see every `every`th tick, `late` ticks after it was. Returns the kills of five minutes.
fn fight_with_bad_views(every: u32, late: usize) -> usize {
    let mut flown = Flown::new(shipped(0), LONG, 4, 12);
    let mut past: Vec<Vec<View>> = Vec::new();
    let mut total = 0;
    for tick in 0..5 * 3_600_u32 {
        if tick % every == 0 {
            past.push((0..4).map(|seat| flown.arena.view(Some(SeatId(seat)))).collect());
        }
        let shown = &past[past.len().saturating_sub(1 + late / every as usize)];
        let mut commands = Commands::default();
        for ((seat, bot), view) in (0..).map(SeatId).zip(&mut flown.bots).zip(shown) {
            commands.set(seat, bot.fly(view, flown.arena.map()));
        }
        let mut events = Vec::new();
        flown.arena.step(&commands, &mut events);
        total += kills(&events);
    }
    total
}

#[test]
fn bots_still_fight_when_views_are_rare_and_late() {
    assert!(fight_with_bad_views(2, 0) > 60);
    assert!(fight_with_bad_views(2, 8) > 40);
    assert!(fight_with_bad_views(3, 15) > 25);
}

#[test]
fn a_bot_without_a_living_ship_wants_nothing() {
    let map = shipped(0);
    let mut bot = Bot::new(1, 0.5);
    assert_eq!(bot.fly(&View { tick: Tick(1), ..View::default() }, &map), Command::default());
    let dead = Ship { respawn_in: 20, aim: Aim(77), ..Ship::default() };
    let view = View { tick: Tick(2), own: Some((SeatId(0), dead)), ..View::default() };
    assert_eq!(bot.fly(&view, &map), Command { aim: Aim(77), ..Command::default() });
}

#[test]
fn nobody_is_shot_at_who_cannot_be_hurt() {
    let map = shipped(0);
    let [own, other] = [[10.0, 3.0], [16.0, 3.0]].map(Point::from_tiles);
    for (shielded, health, fires) in [(false, 100, true), (true, 100, false), (false, 0, false)] {
        let mut bot = Bot::new(3, 1.0);
        let mut fired = false;
        for tick in 1..200 {
            let view = View {
                tick: Tick(tick),
                phase: Phase { kind: PhaseKind::Live, ends: Tick(9_999) },
                own: Some((SeatId(0), Ship { pos: own, health: 100, ..Ship::default() })),
                ships: vec![ShipView { seat: SeatId(1), pos: other, health, shielded, ..ShipView::default() }],
                ..View::default()
            };
            let buttons = bot.fly(&view, &map).buttons;
            fired |= buttons.contains(Buttons::BOLT) || buttons.contains(Buttons::RAIL);
        }
        assert_eq!(fired, fires, "shielded {shielded}, health {health}");
    }
}

#[test]
fn a_lone_bot_strolls_through_the_whole_map() {
    for index in 0..2 {
        let mut flown = Flown::new(shipped(index), LONG, 1, 6);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..20_000 {
            flown.step();
            let [x, y] = flown.arena.ship(SeatId(0)).unwrap().pos.tiles();
            seen.insert((x as i32 / 4, y as i32 / 4));
        }
        let blocks = (flown.arena.map().width / 4 * flown.arena.map().height / 4) as usize;
        assert!(seen.len() > blocks / 2, "{} of {blocks} blocks", seen.len());
    }
}

prop_compose! {
    fn any_point()(x in -1_000..70_000_i32, y in -1_000..70_000_i32) -> Point { Point { x, y } }
}

prop_compose! {
    fn any_view()(
        ticks in any::<[u32; 3]>(),
        own in prop::option::of((any::<u8>(), any_point(), any::<[i16; 2]>(), any::<u8>(), any::<u16>())),
        ships in prop::collection::vec((any::<u8>(), any_point(), any::<u8>(), any::<bool>()), 0..70),
        bolts in prop::collection::vec((any::<u8>(), any::<u32>(), any_point(), any::<u16>()), 0..70),
        pickups: u64,
    ) -> View {
        View {
            tick: Tick(ticks[0]),
            phase: Phase { kind: PhaseKind::Live, ends: Tick(ticks[1]) },
            own: own.map(|(seat, pos, vel, health, aim)| {
                let vel = Velocity { x: vel[0], y: vel[1] };
                (SeatId(seat), Ship { pos, vel, health, aim: Aim(aim), ..Ship::default() })
            }),
            ships: ships.into_iter().map(|(seat, pos, health, shielded)| {
                ShipView { seat: SeatId(seat), pos, health, shielded, ..ShipView::default() }
            }).collect(),
            bolts: bolts.into_iter().map(|(owner, spawned, origin, aim)| {
                Bolt { owner: SeatId(owner), spawned: Tick(spawned), origin, aim: Aim(aim) }
            }).collect(),
            beams: vec![Beam { fired: Tick(ticks[2]), ..Beam::default() }],
            pickups,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_view_makes_a_bot_panic(seed: u64, skill: f32, views in prop::collection::vec(any_view(), 1..12)) {
        let map = shipped(1);
        let mut bot = Bot::new(seed, skill);
        for view in views {
            for ahead in 0..4 {
                let command = bot.fly(&View { tick: view.tick.plus(ahead), ..view.clone() }, &map);
                prop_assert!(Buttons::ALL.contains(command.buttons));
            }
        }
    }
}
