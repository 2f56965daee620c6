//! Sessions in a virtual world: whatever happens to the links, nothing is lost, nothing happens twice, and the seat stays.

mod support;

use game::Tick;
use protocol::limits::{HANDSHAKE_DEADLINE, SEAT_KEPT};
use protocol::session::server::SessionEvent;
use protocol::wire::hello::Refusal;
use protocol::{LinkId, Transport};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::for_seeds;
use support::link::Weather;
use support::world::World;

const CALM: Weather = Weather::new(20, 0, 0);
const ROUGH: Weather = Weather::new(40, 16, 50);
const NOTICE: Duration = Duration::from_millis(750);

fn alone(weather: Weather, seed: u64) -> World {
    let mut world = World::new("crossfire", 3, seed);
    world.add_player();
    world.dial(0, Transport::Udp, weather, weather);
    world
}

/// Another wire than `present`.
fn other(world: &mut World, present: Option<Transport>) -> Transport {
    let others: Vec<_> = Transport::WIRES.into_iter().filter(|wire| Some(*wire) != present).collect();
    others[world.rng.below(others.len() as u32) as usize]
}

/// What is going to happen to a link.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is cut after so many milliseconds.
    Cut(u64),
    Lives,
}

/// Players who change wires all the time, over links of which many die at the worst moment.
fn switch_at_random(seed: u64, ms: u64) -> World {
    let mut world = World::new(if seed.is_multiple_of(2) { "crossfire" } else { "foundry" }, 2, seed);
    world.chatter = 20;
    let players = 1 + seed as usize % 2;
    let mut doomed: Vec<(u64, LinkId)> = Vec::new();
    let mut next_dial = [0_u64; 2];
    for _ in 0..players {
        world.add_player();
    }
    for at in 0..ms {
        for (player, next_dial) in next_dial.iter_mut().enumerate().take(players) {
            let session = &world.players[player].session;
            let (driving, attaching) = (session.driving(), session.is_attaching());
            // A player without a link comes back soon; one with a link changes it about once per second.
            if attaching || at < *next_dial {
                continue;
            }
            *next_dial = at + if driving.is_some() { 600 + u64::from(world.rng.below(800)) } else { 250 };
            let wire = other(&mut world, driving.map(|(_, wire)| wire));
            let weather = |world: &mut World| {
                Weather::new(5 + u64::from(world.rng.below(75)), u64::from(world.rng.below(30)), world.rng.below(100))
            };
            let (up, down) = (weather(&mut world), weather(&mut world));
            let there = up.delay.as_millis() as u64;
            let back = there + down.delay.as_millis() as u64;
            // Before the hello arrives, before the welcome does, right after it, and some time.
            let fate = match world.rng.below(8) {
                0 => Fate::Cut(u64::from(world.rng.below(there as u32 + 1))),
                1 => Fate::Cut(there + u64::from(world.rng.below((back - there) as u32 + 1))),
                2 => Fate::Cut(back + u64::from(world.rng.below(70))),
                3 => Fate::Cut(back + u64::from(world.rng.below(2_000))),
                _ => Fate::Lives,
            };
            let link = world.dial(player, wire, up, down);
            if let Fate::Cut(after) = fate {
                doomed.push((at + after, link));
            }
        }
        for (_, link) in doomed.extract_if(.., |(due, _)| *due <= at).collect::<Vec<_>>() {
            world.cut(link, NOTICE);
        }
        world.run(1);
    }
    world
}

#[test]
fn wires_may_change_all_the_time_and_die_at_any_moment() {
    let changes = AtomicUsize::new(0);
    for_seeds(200, |seed| {
        let mut world = switch_at_random(seed, 8_000);
        // The faults stop: every client is back on some link soon, and everything that was said arrives.
        let mut waited = 0;
        while waited < 5_000 {
            for player in 0..world.players.len() {
                let session = &world.players[player].session;
                if session.driving().is_none() && !session.is_attaching() {
                    world.dial(player, Transport::Udp, CALM, CALM);
                }
            }
            world.run(250);
            waited += 250;
        }
        world.chatter = 0;
        world.run(1_500);
        for player in 0..world.players.len() {
            world.assert_plays(player);
            let (seated, player) = (world.seated(player), &world.players[player]);
            assert!(player.heard > 100 && seated.heard > 50, "{} and {} lines", player.heard, seated.heard);
            changes.fetch_add(player.drove.len(), Ordering::Relaxed);
            assert!(seated.epochs.is_sorted(), "{:?}", seated.epochs);
            assert!(player.refusals.iter().all(|refusal| *refusal == Refusal::ProofUsed), "{:?}", player.refusals);
            assert!(player.outcomes.demanded > 50, "{:?}", player.outcomes);
        }
    });
    assert!(changes.into_inner() > 1_500, "the wires hardly changed");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in [3, 4] {
        assert_eq!(switch_at_random(seed, 4_000).trace(), switch_at_random(seed, 4_000).trace());
    }
    assert_ne!(switch_at_random(5, 2_000).trace(), switch_at_random(6, 2_000).trace());
}

#[test]
fn a_change_of_wire_leaves_no_gap() {
    for seed in 0..20 {
        let mut world = alone(ROUGH, seed);
        world.chatter = 20;
        world.run(2_000);
        world.players[0].longest_gap = Duration::ZERO;
        for wire in [Transport::Quic, Transport::Websocket, Transport::Udp, Transport::Websocket, Transport::Quic] {
            world.dial(0, wire, ROUGH, ROUGH);
            world.run(1_500);
            assert_eq!(world.players[0].session.driving().map(|(_, wire)| wire), Some(wire));
            assert_eq!(world.seated(0).session.links().count(), 1, "the old link is closed after its grace");
        }
        // Three snapshots lost in a row and the most jitter: the change itself adds nothing.
        assert!(world.players[0].longest_gap < Duration::from_millis(150), "{:?}", world.players[0].longest_gap);
        world.chatter = 0;
        world.run(500);
        world.assert_plays(0);
        assert_eq!(world.players[0].times_away, 0);
    }
}

#[test]
fn a_new_link_that_dies_before_it_drives_changes_nothing() {
    for seed in 0..30 {
        let mut world = alone(CALM, seed);
        world.chatter = 30;
        world.run(1_000);
        let old = world.players[0].session.driving();
        // From right after the dial to right before the first snapshot can be back.
        let doomed = world.dial(0, Transport::Quic, CALM, CALM);
        world.run(seed * 40 / 30);
        world.cut(doomed, NOTICE);
        world.run(1_200);
        world.chatter = 0;
        world.run(500);
        assert_eq!(world.players[0].session.driving(), old, "the old link goes on");
        assert_eq!(world.seated(0).session.driving(), old);
        assert_eq!((world.players[0].times_away, world.seated(0).reports.len()), (0, 1), "nobody was away");
        assert_eq!((world.players[0].heard, world.seated(0).heard), (world.seated(0).told, world.players[0].told));
        // And the next attempt succeeds: the epoch that was used up does not matter.
        world.dial(0, Transport::Websocket, CALM, CALM);
        world.run(1_000);
        world.assert_plays(0);
    }
}

#[test]
fn a_link_that_swallows_everything_is_given_up_in_time() {
    let mut world = alone(CALM, 1);
    world.run(1_000);
    let old = world.players[0].session.driving();
    // Cut at once, and neither end is told by its transport.
    let dead = world.dial(0, Transport::Quic, CALM, CALM);
    world.cut(dead, Duration::from_secs(3_600));
    world.run(HANDSHAKE_DEADLINE.as_millis() as u64 + 200);
    assert_eq!(world.players[0].unanswered, 1);
    assert_eq!((world.players[0].session.driving(), world.players[0].session.is_attaching()), (old, false));
    world.assert_plays(0);
}

#[test]
fn a_welcome_that_never_comes_does_not_silence_the_room() {
    let mut world = alone(CALM, 2);
    world.run(1_000);
    // The server hears the hello, and nothing of its answer ever arrives: not even an end of the link is told.
    let half = world.dial(0, Transport::Quic, CALM, CALM);
    world.run(21);
    assert_eq!(world.seated(0).session.driving().map(|(link, _)| link), Some(half));
    world.cut(half, Duration::from_secs(3_600));
    world.chatter = 20;
    world.run(HANDSHAKE_DEADLINE.as_millis() as u64 + 1_000);
    world.chatter = 0;
    world.run(500);
    world.assert_plays(0);
    assert_eq!(world.players[0].times_away, 0);
}

#[test]
fn a_seat_outlives_all_links_for_a_minute() {
    let mut world = alone(CALM, 3);
    world.run(1_000);
    let seat = world.seated(0).session.seat();
    let link = world.players[0].session.driving().unwrap().0;
    world.cut(link, Duration::ZERO);
    world.run(SEAT_KEPT.as_millis() as u64 - 1_000);
    assert_eq!(world.players[0].times_away, 1);
    assert!(world.seated(0).session.away_for(world.now).is_some());
    world.dial(0, Transport::Websocket, CALM, CALM);
    world.run(1_500);
    world.assert_plays(0);
    assert_eq!(world.seated(0).session.seat(), seat, "the same seat");
    assert_eq!(world.seated(0).reports, [SessionEvent::Back, SessionEvent::Away, SessionEvent::Back]);

    let link = world.players[0].session.driving().unwrap().0;
    world.cut(link, Duration::ZERO);
    world.run(SEAT_KEPT.as_millis() as u64 + 1_000);
    assert!(world.room.seated.is_empty(), "the seat was kept long enough");
    world.dial(0, Transport::Udp, CALM, CALM);
    world.run(500);
    assert_eq!(world.players[0].refusals, [Refusal::NoSession]);
}

#[test]
fn the_second_of_two_joins_with_one_proof_comes_back_with_the_key() {
    let mut world = alone(CALM, 4);
    // The same proof over two links at once; the answer to the first never arrives.
    let first = world.players[0].session.is_attaching();
    assert!(first);
    let second = world.dial(0, Transport::Quic, CALM, CALM);
    world.run(21);
    assert_eq!(world.room.refusals, [Refusal::ProofUsed]);
    world.cut(LinkId(second.0 - 1), Duration::ZERO);
    world.run(100);
    assert_eq!(world.players[0].refusals, [Refusal::ProofUsed]);
    world.dial(0, Transport::Websocket, CALM, CALM);
    world.run(1_000);
    world.assert_plays(0);
    assert_eq!(world.seated(0).epochs.iter().map(|epoch| epoch.0).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn two_wires_that_overtake_each_other_end_on_the_newer_one() {
    for seed in 0..40 {
        let mut world = alone(CALM, seed);
        world.chatter = 20;
        world.run(1_000);
        // The first is asked first and answers last, by more and more.
        let slow = Weather::new(20 + 5 * seed, 0, 0);
        world.dial(0, Transport::Quic, CALM, slow);
        world.run(seed % 4);
        world.dial(0, Transport::Websocket, CALM, CALM);
        world.run(2_000);
        world.chatter = 0;
        world.run(1_000);
        assert_eq!(world.players[0].times_away, 0, "the second wire was up all the time");
        world.assert_plays(0);
        assert_eq!(world.players[0].session.driving().map(|(_, wire)| wire), Some(Transport::Websocket));
    }
}

#[test]
fn nearly_every_command_is_executed_on_a_calm_link_and_on_a_rough_one() {
    for (weather, least) in [(CALM, 0.999), (Weather::new(40, 16, 50), 0.99), (Weather::new(120, 20, 20), 0.99)] {
        for seed in 0..6 {
            let mut world = alone(weather, seed);
            world.run(2_000);
            let since = world.tick();
            world.run(20_000);
            let (own, all) = world.seated(0).executed_since(since);
            let share = own as f64 / all as f64;
            assert!(share >= least, "{weather:?}: {own} of {all}, seed {seed}");
            assert!(all > 1_190 && since > Tick(110));
            let outcomes = world.players[0].outcomes;
            assert!(outcomes.demanded * 10 > outcomes.exact * 9 && outcomes.exact > 400, "{outcomes:?}");
        }
    }
}
