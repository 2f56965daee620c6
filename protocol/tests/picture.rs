//! What is drawn: others between two snapshots, never backwards, never nowhere; the own ship and its bolts in one piece.

mod support;

use game::rng::Rng;
use game::{Arena, Buttons, Command, Commands, Phase, PhaseKind, Rules, SeatId, Tick, View};
use proptest::prelude::*;
use protocol::clock::Clock;
use protocol::interpolate::{Interpolator, MAX_EXTRAPOLATION, between};
use protocol::predict::Predictor;
use protocol::scene::{Scene, compose};
use protocol::snapshot::Ring;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{shipped, views};

#[test]
fn the_picture_never_goes_back_and_keeps_a_small_distance() {
    for (jitter, loss, seed) in [(0, 0, 1), (16, 50, 2), (40, 200, 3), (100, 0, 4)] {
        let start = Instant::now();
        let (mut clock, mut shown, mut rng) = (Clock::new(start), Interpolator::default(), Rng::new(seed));
        let mut arrivals = std::collections::BTreeMap::new();
        let (mut last, mut newest, mut distances) = (0.0, Tick(0), Vec::new());
        for ms in 0..20_000_u32 {
            let now = start + Duration::from_millis(u64::from(ms));
            // Every second tick of 60 per second.
            if ms * 30 / 1_000 != (ms + 1) * 30 / 1_000 && rng.below(1_000) >= loss {
                let tick = Tick(1_000 + 2 * (ms * 30 / 1_000));
                arrivals.insert(now + Duration::from_millis(40 + u64::from(rng.below(jitter + 1))), tick);
            }
            while let Some(first) = arrivals.first_entry().filter(|first| *first.key() <= now) {
                let (at, tick) = first.remove_entry();
                if tick > newest {
                    newest = tick;
                    clock.observe(tick, at, Some(Duration::from_millis(80)));
                    shown.observe(&clock, tick, at);
                }
            }
            if ms % 8 == 0 && clock.is_set() {
                let tick = shown.advance(&clock, 2, now);
                assert!(tick.is_finite() && (tick >= last || last == 0.0), "back from {last} to {tick}");
                last = tick;
                if ms > 3_000 {
                    distances.push(clock.arriving(now) - tick);
                }
            }
        }
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        let most = 4.0 + f64::from(jitter) * 0.06 + f64::from(loss) * 0.02;
        assert!(mean > 2.0 && mean < most, "{mean} ticks behind with {jitter} ms of jitter and {loss} lost");
    }
}

fn numbers(scene: &Scene) -> Vec<f32> {
    let ships = scene.ships.iter().flat_map(|ship| [ship.pos[0], ship.pos[1], ship.aim, ship.vel[0], ship.vel[1]]);
    let bolts = scene.bolts.iter().flat_map(|bolt| [bolt.pos[0], bolt.pos[1], bolt.aim, bolt.age]);
    let beams = scene.beams.iter().flat_map(|beam| [beam.from[0], beam.from[1], beam.to[0], beam.to[1], beam.age]);
    let own = scene.own.iter().flat_map(|own| [own.pos[0], own.pos[1], own.vel[0], own.vel[1]]);
    ships.chain(bolts).chain(beams).chain(own).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_scene_can_be_drawn(
        (old, new) in views::two_views([8, 12, 4]),
        shown in prop_oneof![-50.0..300.0_f64, Just(0.0), Just(1e9), Just(-1e9)],
        own_tick in prop_oneof![-50.0..300.0_f64, Just(1e9), Just(-1e9)],
    ) {
        let map = shipped("crossfire");
        let (mut ring, mut predictor) = (Ring::default(), Predictor::default());
        prop_assert!(compose(&ring, 0.0, &predictor, None, 0.0).is_none());
        for view in [old, new] {
            predictor.reconcile(&view, &map);
            predictor.fly(view.tick.next(), Command { buttons: Buttons::ALL, ..Command::default() }, &map);
            ring.push(Arc::new(view));
            let newest = ring.newest().unwrap();
            let (shown, own_tick) = (f64::from(newest.tick.0) - 100.0 + shown, f64::from(newest.tick.0) + own_tick);
            let pos = predictor.position(0.016, 0.5);
            let scene = compose(&ring, shown, &predictor, pos, own_tick).unwrap();
            prop_assert!(numbers(&scene).iter().all(|n| n.is_finite()), "{:?}", scene);
            prop_assert_eq!(scene.ships.len(), between(&ring, shown).unwrap().1.ships.len());
            prop_assert_eq!(scene.own.is_some(), newest.own.is_some());
        }
    }
}

#[test]
fn movement_goes_on_without_news_only_for_a_moment() {
    let mut ring = Ring::default();
    for tick in [10, 12, 20] {
        ring.push(Arc::new(View { tick: Tick(tick), ..View::default() }));
    }
    let at = |tick: f64| between(&ring, tick).map(|(a, b, t)| (a.tick.0, b.tick.0, t)).unwrap();
    assert_eq!(at(11.0), (10, 12, 0.5));
    assert_eq!(at(12.0), (10, 12, 1.0));
    assert_eq!(at(14.0), (12, 20, 0.25));
    assert_eq!(at(5.0), (10, 10, 1.0), "before all that is known, the oldest is shown");
    assert_eq!(at(22.0), (12, 20, 1.25));
    let most = (20.0 + MAX_EXTRAPOLATION - 12.0) as f32 / 8.0;
    assert_eq!((at(26.0).2, at(1e6).2), (most, most));
    assert!(between(&Ring::default(), 0.0).is_none());
}

#[test]
fn an_own_bolt_is_seen_from_the_shot_to_its_end_without_a_break() {
    let map = shipped("crossfire");
    let mut arena = Arena::new(Arc::clone(&map), Rules::default(), 3);
    let seat = SeatId(0);
    arena.join(seat);
    let (mut ring, mut predictor) = (Ring::default(), Predictor::default());
    let mut on_their_way = std::collections::VecDeque::new();
    let (ahead, delay) = (5, 4);
    // One shot at tick 60, along the nose. Until then the client has nothing to do but to stay ahead.
    let command = |tick: u32| {
        let buttons = if tick == 60 { Buttons::BOLT } else { Buttons::default() };
        Command { buttons, aim: game::Aim(0), ..Command::default() }
    };
    let mut seen = Vec::new();
    for tick in 1..130_u32 {
        let mut commands = Commands::default();
        commands.set(seat, command(tick));
        arena.step(&commands, &mut Vec::new());
        if tick % 2 == 0 {
            on_their_way.push_back((tick + delay, arena.view(Some(seat))));
        }
        while let Some((_, view)) = on_their_way.pop_front_if(|(due, _)| *due <= tick) {
            predictor.reconcile(&view, &map);
            ring.push(Arc::new(view));
        }
        predictor.fly(Tick(tick + ahead), command(tick + ahead), &map);
        let own_tick = f64::from(tick + ahead);
        let shown = f64::from(tick) - f64::from(delay) - 3.0;
        if let Some(scene) = compose(&ring, shown, &predictor, predictor.clone().position(0.0, 0.0), own_tick) {
            seen.push((tick, scene.bolts.len(), arena.view(None).bolts.len()));
        }
    }
    let first = seen.iter().position(|(_, drawn, _)| *drawn > 0).unwrap();
    assert_eq!(seen[first].0, 60 - ahead, "it leaves the muzzle with the key press");
    let gone = seen.iter().position(|(tick, _, real)| *tick > 60 && *real == 0).unwrap();
    assert!(gone - first > 20, "the shot was too short to tell");
    assert!(seen[first..gone].iter().all(|(_, drawn, _)| *drawn == 1), "{:?}", &seen[first..gone]);
}

#[test]
fn a_countdown_is_told_in_the_own_ships_time() {
    let phase = Phase { kind: PhaseKind::Countdown, ends: Tick(160) };
    let mut ring = Ring::default();
    ring.push(Arc::new(View { tick: Tick(90), phase, ..View::default() }));
    let scene = compose(&ring, 88.0, &Predictor::default(), None, 100.0).unwrap();
    assert_eq!((scene.phase, scene.phase_left), (phase, Duration::from_secs(1)));
    let over = compose(&ring, 88.0, &Predictor::default(), None, 500.0).unwrap();
    assert_eq!(over.phase_left, Duration::ZERO);
}
