//! Rails between whole sessions in virtual time: what a shooter sees under the crosshair is hit with lag compensation and not without,
//! and lying about the picture only makes it worse.
//!
//! Flow: two hands at the sticks → [`support::world::World`] → what the arena did with every shot.

mod support;

use game::collide::{Vec2, dot, length, scale, sub};
use game::{Aim, Buttons, Command, Map, PhaseKind, Rules, Ship, Tick};
use protocol::Transport;
use protocol::scene::Scene;
use protocol::wire::event::ClientEvent;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use support::link::Weather;
use support::world::World;

/// An open hall of 40 × 14 tiles.
fn hall() -> Arc<Map> {
    let mut rows = vec!["#".repeat(40)];
    rows.extend((1..=12).map(|row| match row {
        1 | 12 => format!("#S{}S#", ".".repeat(36)),
        _ => format!("#{}#", ".".repeat(38)),
    }));
    rows.push("#".repeat(40));
    Arc::new(Map::parse("hall.map", &format!("crosswire-map 1\nname Hall\nsize 40 14\n{}\n", rows.join("\n"))).unwrap())
}

/// Where the shooter stands, and the height of the lane that the target flies along.
const POST: Vec2 = [20.0, 3.0];
const LANE: f32 = 10.0;

fn toward(goal: Vec2, ship: &Ship) -> [i8; 2] {
    let wish = sub(scale(sub(goal, ship.pos.tiles()), 0.6), scale(ship.vel.tiles(), 5.0));
    scale(wish, 127.0 / length(wish).max(1.0)).map(|axis| axis as i8)
}

/// Flies to and fro along the lane.
fn target() -> impl FnMut(&Scene, Tick) -> Command {
    let mut right = false;
    move |scene, _| {
        let Some(own) = &scene.own else { return Command::default() };
        let [x, y] = own.ship.pos.tiles();
        if (y - LANE).abs() > 1.0 {
            return Command { thrust: toward([x, LANE], &own.ship), ..Command::default() };
        }
        right = if right { x < 30.0 } else { x < 10.0 };
        let [_, hold] = toward([x, LANE], &own.ship);
        Command { thrust: [if right { 127 } else { -127 }, hold / 4], ..Command::default() }
    }
}

/// Whether the beam passed through the ship in the shooter's picture, by tick of the command.
type Aimed = Rc<RefCell<BTreeMap<Tick, bool>>>;

/// Stands at the post, aims at the middle of what it sees and holds the button for six ticks whenever the rail is ready.
fn shooter(aimed: Aimed) -> impl FnMut(&Scene, Tick) -> Command {
    let mut held = 0_u32;
    move |scene, tick| {
        let (Some(own), Some(seen)) = (&scene.own, scene.ships.first()) else { return Command::default() };
        let from = own.ship.pos.tiles();
        let stands = length(sub(from, POST)) < 0.4;
        let aim = Aim::toward(sub(seen.pos, from)).unwrap();
        let to = sub(seen.pos, from);
        let off = length(sub(to, scale(aim.unit(), dot(to, aim.unit()))));
        aimed.borrow_mut().insert(tick, off < Ship::RADIUS);
        let worth_it = scene.phase.kind == PhaseKind::Live
            && stands
            && own.ship.rail_wait == 0
            && seen.view.alive()
            && !seen.view.shielded
            && (seen.pos[1] - LANE).abs() < 1.0;
        if held == 0 && worth_it {
            held = 6;
        }
        let buttons = if held > 0 { Buttons::RAIL } else { Buttons::default() };
        held = held.saturating_sub(1);
        let thrust = if stands { [0, 0] } else { toward(POST, &own.ship) };
        Command { thrust, aim, buttons }
    }
}

/// What is said of the picture in place of the truth, given its tick and that of the newest command.
type Lie = fn(f64, Tick) -> f64;

/// What became of a series.
#[derive(Debug, Default)]
struct Series {
    on_target: u32,
    hits: u32,
    /// Quarter ticks, of every shot.
    behind: Vec<u8>,
}

impl Series {
    fn share(&self) -> f64 {
        f64::from(self.hits) / f64::from(self.on_target)
    }
}

/// Shoots for two minutes over a path of `weather` each way.
fn shoot(weather: Weather, compensate: bool, lie: Option<Lie>, seed: u64) -> Series {
    let mut world = World::with(hall(), Rules { match_ticks: 100_000, score_limit: 0 }, 0, seed);
    let near = Weather::new(2, 0, 0);
    let (by, at) = (world.add_player(), world.add_player());
    let aimed = Aimed::default();
    world.players[by].hand = Some(Box::new(shooter(Rc::clone(&aimed))));
    world.players[by].lie = lie;
    world.players[at].hand = Some(Box::new(target()));
    world.dial(by, Transport::Udp, weather, weather);
    world.dial(at, Transport::Udp, near, near);
    world.run(1_000);
    if !compensate {
        world.players[by].session.send(&ClientEvent::Rewind { compensate, draw: false }).unwrap();
    }
    let (by, at) = (world.seated(by).session.seat(), world.seated(at).session.seat());
    let mut series = Series::default();
    let (mut last, mut health) = (world.tick(), 0);
    world.run_with(120_000, |world| {
        let arena = &world.room.arena;
        if arena.tick() == last {
            return;
        }
        last = arena.tick();
        let now = arena.ship(at).unwrap().health;
        if let Some(rail) = arena.rewound().iter().find(|rail| rail.shooter == by) {
            series.behind.push(rail.behind);
            let on_target = aimed.borrow().range(..=last).next_back().is_some_and(|(_, on)| *on);
            series.on_target += u32::from(on_target);
            series.hits += u32::from(on_target && now < health);
        }
        health = now;
    });
    assert!(series.on_target > 20, "only {series:?}");
    series
}

#[test]
fn what_is_seen_at_150_ms_is_hit_with_compensation_and_not_without() {
    support::for_seeds(3, |seed| {
        let weather = Weather::new(73, 4, 10);
        let with = shoot(weather, true, None, seed);
        assert!(with.share() >= 0.95, "{with:?}");
        assert!(with.behind.iter().all(|behind| (30..=48).contains(behind)), "{with:?}");
        let without = shoot(weather, false, None, seed);
        assert!(without.share() <= 0.4, "{without:?}");
        assert!(without.behind.iter().all(|behind| *behind == 0), "{without:?}");
    });
}

#[test]
fn an_honest_claim_is_hit_on_every_path() {
    for weather in [Weather::new(1, 0, 0), Weather::new(20, 8, 20), Weather::new(40, 8, 50)] {
        let series = shoot(weather, true, None, 7);
        assert!(series.share() >= 0.95, "{weather:?}: {series:?}");
    }
}

#[test]
fn lies_about_the_picture_hit_less_and_look_back_hardly_further() {
    let weather = Weather::new(25, 2, 0);
    let honest = shoot(weather, true, None, 5);
    let most = honest.behind.iter().copied().max().unwrap();
    let lies: [(&str, Lie); 4] = [
        ("the far past", |shown, _| shown - 1_000.0),
        ("the future", |shown, _| shown + 1_000.0),
        ("nonsense", |_, _| f64::NAN),
        ("one, then the other", |shown, tick| if tick.0 % 2 == 0 { shown - 1_000.0 } else { shown + 1_000.0 }),
    ];
    for (what, lie) in lies {
        let liar = shoot(weather, true, Some(lie), 5);
        assert!(liar.share() <= honest.share(), "{what}: {liar:?}, honest {honest:?}");
        assert!(liar.behind.iter().all(|behind| *behind <= most + 16), "{what}: {liar:?}, honest {honest:?}");
    }
}

#[test]
fn the_wish_outlives_links() {
    let mut world = World::with(hall(), Rules::default(), 2, 3);
    let weather = Weather::new(20, 2, 0);
    let player = world.add_player();
    let first = world.dial(player, Transport::Udp, weather, weather);
    world.run(500);
    world.players[player].session.send(&ClientEvent::Rewind { compensate: false, draw: true }).unwrap();
    world.run(200);
    assert!(world.seated(player).session.rewind().draws());
    world.cut(first, Duration::from_millis(50));
    world.run(500);
    world.dial(player, Transport::Quic, weather, weather);
    world.run(1_000);
    world.assert_plays(player);
    assert!(world.seated(player).session.rewind().draws());
}
