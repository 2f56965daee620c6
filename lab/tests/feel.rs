//! How a match feels over real sockets: corrections, commands in time, the delay of the picture, and what a key does in the next frame.
//!
//! Short in the suite; for figures: `FEEL_SECONDS=60 FEEL_WEATHER=bad cargo test -p lab --test feel -- --nocapture`.

mod common;

use common::{Crew, Server, alone};
use game::{Buttons, Command};
use protocol::Transport;
use std::time::{Duration, Instant};
use transport::player::{Netcode, Player};
use transport::{Weather, WeatherStation};

/// A frame of a 60 Hz screen.
const FRAME: Duration = Duration::from_micros(16_667);

/// Somebody who is alone on the map, over `wire` in `weather`.
fn alone_over(wire: Transport, weather: Weather, arguments: &[&str]) -> (Server, Crew) {
    let server = Server::start(&[&["--bots", "0"], arguments].concat());
    let mut crew = Crew::new(&server);
    let guest = crew.guest("Alone");
    crew.join_through(&guest, Some(wire), Some(&WeatherStation::new(weather)));
    (server, crew)
}

/// Flies frame by frame with what `stick` says, and asks for a scene each time. `stick` is told how long it has been.
fn fly(
    crew: &mut Crew,
    time: Duration,
    mut stick: impl FnMut(Duration) -> Command,
    mut look: impl FnMut(&mut Player, Instant),
) {
    let (start, player) = (Instant::now(), &mut crew.people[0].pilot.player);
    let mut next = start;
    while start.elapsed() < time {
        let now = Instant::now();
        player.update(now);
        while player.due(now).is_some() {
            player.fly(stick(now - start));
        }
        player.flush(now);
        look(player, now);
        while player.poll_event().is_some() {}
        next += FRAME;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Turns all the time, stops and starts, and dashes now and then.
fn restless(passed: Duration) -> Command {
    let seconds = passed.as_secs_f64();
    let (x, y) = ((seconds * 1.3).sin(), (seconds * 2.1).cos());
    let resting = (seconds * 0.7).sin() > 0.9;
    let thrust = if resting { [0, 0] } else { [(x * 127.0) as i8, (y * 127.0) as i8] };
    let dash = passed.as_millis() % 4_000 < 50;
    Command { thrust, buttons: if dash { Buttons::DASH } else { Buttons::default() }, ..Command::default() }
}

/// Thrust where there is room.
fn towards_the_middle(player: &mut Player) -> Command {
    let [x, y] = player.view().and_then(|view| view.own).expect("a ship").1.pos.tiles();
    let map = player.map().expect("a map");
    let axis = |at: f32, size: i32| if at * 2.0 < size as f32 { 127 } else { -127 };
    Command { thrust: [axis(x, map.width), axis(y, map.height)], ..Command::default() }
}

#[test]
fn corrections_are_rare_and_small_in_bad_weather_over_every_wire() {
    let _turn = alone();
    let seconds: u64 = std::env::var("FEEL_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let weather: Weather = std::env::var("FEEL_WEATHER").as_deref().unwrap_or("bad").parse().expect("a weather");
    let rate = std::env::var("FEEL_RATE").unwrap_or_else(|_| "30".into());
    println!("{weather}, {rate} snapshots per second, {seconds} s per wire");
    // Calls are too slow for a game: over http a quarter of the commands comes too late in such weather, which is its lesson.
    for wire in Transport::WIRES.into_iter().filter(|wire| *wire != Transport::Http) {
        let (_server, mut crew) = alone_over(wire, weather, &["--snapshot-hz", &rate]);
        fly(&mut crew, Duration::from_secs(8), restless, |player, now| drop(player.scene(now)));
        let before = crew.people[0].status();
        let mut delays = Vec::new();
        fly(&mut crew, Duration::from_secs(seconds), restless, |player, now| {
            player.scene(now);
            delays.push(player.status(now).interpolation_delay.as_secs_f64() * 1_000.0);
        });
        let after = crew.people[0].status();
        let large = after.large_corrections - before.large_corrections;
        let (executed, answered) = (after.executed - before.executed, after.answered - before.answered);
        let underruns = (after.underruns - before.underruns) as f64 / (after.frames - before.frames) as f64;
        println!(
            "{:<10} {:>4} corrections, {large} above a radius, largest {:.2} tiles; executed {:.2} %; lead {:.1} ticks; \
             others {:.1} ms behind, {:.2} % underruns; {} resets",
            wire.name(),
            after.corrections - before.corrections,
            after.largest_correction,
            100.0 * executed as f64 / answered.max(1) as f64,
            after.lead_ticks,
            delays.iter().sum::<f64>() / delays.len() as f64,
            100.0 * underruns,
            after.resets - before.resets,
        );
        assert!(large <= seconds / 10 + 1, "{wire}: {large} corrections above a radius in {seconds} s");
        assert!(executed * 100 >= answered * 90, "{wire}: {executed} of {answered} commands were in time");
    }
}

#[test]
fn a_key_moves_the_ship_in_the_next_frame_over_every_wire() {
    let _turn = alone();
    for wire in Transport::WIRES {
        let (_server, mut crew) = alone_over(wire, "bad".parse().expect("a weather"), &[]);
        let naive = Netcode { prediction: false, ..Netcode::default() };
        let mut waited = Vec::new();
        for netcode in [Netcode::default(), naive] {
            crew.people[0].pilot.player.set_netcode(netcode);
            // At rest first; then the key goes down, and frames are counted until the ship that is drawn moves.
            fly(&mut crew, Duration::from_secs(6), |_| Command::default(), |player, now| drop(player.scene(now)));
            let (mut frames, mut rest) = (None, None);
            let key = towards_the_middle(&mut crew.people[0].pilot.player);
            let mut count = 0;
            fly(
                &mut crew,
                Duration::from_millis(800),
                |_| key,
                |player, now| {
                    let pos = player.scene(now).and_then(|scene| scene.own).expect("a ship").pos;
                    let from = *rest.get_or_insert(pos);
                    count += 1;
                    let moved = (pos[0] - from[0]).hypot(pos[1] - from[1]) > 1e-4;
                    frames = frames.or(moved.then_some(count));
                },
            );
            waited.push(frames.expect("the ship moves"));
        }
        println!("{wire}: the ship moves in frame {} with prediction, in frame {} without", waited[0], waited[1]);
        // The first frame is the one that the key goes down in; a frame in which no tick falls due can lie between.
        assert!(waited[0] <= 3, "{wire}: {waited:?}");
        assert!(waited[1] >= 6, "{wire}: without prediction a round trip passes: {waited:?}");
    }
}

#[test]
fn the_netcode_can_be_switched_off_and_on_in_the_middle_of_a_match() {
    let _turn = alone();
    let (_server, mut crew) = alone_over(Transport::Udp, "delay=40".parse().expect("a weather"), &[]);
    let off = Netcode {
        pacing: false,
        prediction: false,
        smoothing: false,
        interpolation: false,
        compensation: false,
        strands: false,
        copies: false,
    };
    let mut executed = Vec::new();
    for netcode in [Netcode::default(), off, Netcode::default()] {
        crew.people[0].pilot.player.set_netcode(netcode);
        assert_eq!(crew.people[0].pilot.player.netcode(), netcode);
        fly(&mut crew, Duration::from_secs(3), restless, |player, now| drop(player.scene(now)));
        let before = crew.people[0].status();
        fly(&mut crew, Duration::from_secs(3), restless, |player, now| {
            let scene = player.scene(now).expect("a scene");
            let truth = scene.truth.expect("we have a ship");
            assert_eq!(truth.tick, scene.tick);
        });
        let after = crew.people[0].status();
        executed.push((after.executed - before.executed) as f64 / (after.answered - before.answered) as f64);
    }
    println!("executed with pacing on, off, on: {executed:.3?}");
    assert!(executed[0] > 0.98 && executed[1] < 0.1 && executed[2] > 0.98, "{executed:?}");
}
