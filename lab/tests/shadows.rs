//! Other wires carry the match along while one drives: they tell what they are like, and one of them takes over without being dialled.

mod common;

use common::{Crew, Server, alone};
use protocol::Transport;
use std::time::{Duration, Instant};
use transport::player::{PlayerEvent, Role, WireReport};
use transport::{Weather, WeatherStation};

/// A player in a match over udp whose other wires carry it along.
fn shadowed(station: Option<&WeatherStation>) -> (Server, Crew) {
    let server = Server::start(&["--bots", "4"]);
    let mut crew = Crew::new(&server);
    let guest = crew.guest("Shadowed");
    crew.join(&guest, Transport::Udp);
    let now = Instant::now();
    if let Some(station) = station {
        crew.people[0].pilot.player.enter_weather(station, now);
        crew.fly_until(Duration::from_secs(5), "link through the station", |people| people[0].status().epoch == 2);
    }
    crew.people[0].pilot.player.shadow(&Transport::WIRES, now);
    crew.fly_until(Duration::from_secs(6), "shadow on every other wire", |people| {
        let wires = people[0].pilot.player.wires(Instant::now());
        wires.len() == Transport::WIRES.len() && wires.iter().all(|wire| wire.effect.is_some())
    });
    (server, crew)
}

fn wires(crew: &Crew) -> Vec<WireReport> {
    crew.people[0].pilot.player.wires(Instant::now())
}

#[test]
fn every_wire_tells_what_it_is_like() {
    let _turn = alone();
    let station = WeatherStation::new(Weather::CALM);
    let (_server, mut crew) = shadowed(Some(&station));
    let weather: Weather = "delay=40,jitter=4,loss=5".parse().expect("a weather");
    station.set(weather);
    crew.fly(Duration::from_secs(4));
    let reports = wires(&crew);
    assert_eq!(reports[0].role, Role::Driving);
    assert_eq!(reports.iter().filter(|wire| wire.role == Role::Driving).count(), 1);
    for wire in &reports {
        let ms = |time: Option<Duration>| time.map_or(0, |time| time.as_millis());
        // Calls bring few samples, so their average still remembers the calm.
        let least = if wire.transport == Transport::Http { 40 } else { 70 };
        assert!((least..400).contains(&ms(wire.round_trip)), "{wire:?}");
        assert!((30..800).contains(&ms(wire.picture_age)), "{wire:?}");
        assert!((80..800).contains(&ms(wire.effect)), "{wire:?}");
        // What a call cannot bring because the one before is still under way is lost to it.
        let most = if wire.transport == Transport::Http { 0.9 } else { 0.5 };
        assert!(wire.stall < Duration::from_secs(2) && wire.loss < most, "{wire:?}");
        assert!(wire.margin.is_some() && wire.wire_bytes.0 > 1_000 && wire.wire_bytes.1 > 1_000, "{wire:?}");
    }
    let truth = crew.people[0].pilot.player.truth().expect("a driving wire");
    assert!(
        (30..150).contains(&truth.uplink.as_millis()) && (30..150).contains(&truth.downlink.as_millis()),
        "{truth:?}"
    );
    // Headers, mostly: the compact form itself is 16 bytes.
    let before: Vec<_> = reports.iter().map(|wire| wire.wire_bytes.0).collect();
    crew.fly(Duration::from_secs(2));
    let down: Vec<_> = wires(&crew).iter().zip(before).map(|(wire, before)| wire.wire_bytes.0 - before).collect();
    assert!(down.iter().skip(1).all(|bytes| *bytes < 2 * 5_000), "{down:?}");
    crew.people[0].assert_unharmed();
}

#[test]
fn a_shadow_takes_over_at_once_and_the_old_wire_becomes_one() {
    let _turn = alone();
    let (_server, mut crew) = shadowed(None);
    for wire in [Transport::Quic, Transport::Websocket, Transport::Udp] {
        let asked = Instant::now();
        crew.people[0].pilot.player.switch(wire, asked);
        crew.fly_until(Duration::from_secs(2), "change of wire", |people| people[0].status().driving == Some(wire));
        assert!(asked.elapsed() < Duration::from_millis(300), "{wire} took {:?}", asked.elapsed());
        crew.fly_until(Duration::from_secs(6), "shadow on every other wire", |people| {
            let wires = people[0].pilot.player.wires(Instant::now());
            wires.len() == Transport::WIRES.len() && wires.iter().all(|wire| wire.effect.is_some())
        });
    }
    let failed = crew.people[0].events.iter().any(|event| matches!(event, PlayerEvent::SwitchFailed { .. }));
    assert!(!failed);
    crew.people[0].pilot.player.shadow(&[], Instant::now());
    crew.fly(Duration::from_millis(300));
    assert_eq!(wires(&crew).len(), 1);
    crew.people[0].assert_unharmed();
}

#[test]
fn a_silent_wire_is_replaced_by_a_shadow_in_a_second() {
    let _turn = alone();
    let station = WeatherStation::new(Weather::CALM);
    let (_server, mut crew) = shadowed(Some(&station));
    crew.fly(Duration::from_millis(500));
    station.unplug(Some(Transport::Udp));
    let pulled = Instant::now();
    crew.fly_until(Duration::from_secs(2), "another wire", |people| {
        people[0].status().driving.is_some_and(|wire| wire != Transport::Udp)
    });
    // 750 ms of silence, and a round trip.
    assert!(pulled.elapsed() < Duration::from_millis(1_100), "{:?}", pulled.elapsed());
    assert_eq!(crew.people[0].farewell(), None);
}
