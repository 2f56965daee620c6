//! A wire dies in the middle of a match: another takes over by itself, and when all are gone for a while, the seat is still there.
//!
//! The cables are pulled in the weather below the transports, so the links find out for themselves, as they would outside.

mod common;

use common::{Crew, Server, alone};
use protocol::Transport;
use protocol::wire::event::ServerEvent;
use std::time::{Duration, Instant};
use transport::player::PlayerEvent;
use transport::{Weather, WeatherStation};

/// A player in a match, with a station that their links pass through.
struct Scene {
    _server: Server,
    crew: Crew,
    station: WeatherStation,
}

impl Scene {
    fn over(wire: Transport) -> Self {
        let server = Server::start(&["--bots", "4"]);
        let mut crew = Crew::new(&server);
        let guest = crew.guest("Falls over");
        crew.join(&guest, wire);
        let station = WeatherStation::new(Weather::CALM);
        crew.people[0].pilot.player.enter_weather(&station, Instant::now());
        // Whoever asks for the wire that they have does not give that up.
        crew.people[0].pilot.player.switch(wire, Instant::now());
        // The link that went straight to the server is replaced by one through the station, on the same wire.
        crew.fly_until(Duration::from_secs(5), "link through the station", |people| people[0].status().epoch == 2);
        crew.fly(Duration::from_secs(1));
        Self { _server: server, crew, station }
    }

    fn driving(&self) -> Option<Transport> {
        self.crew.people[0].status().driving
    }

    /// Flies until a snapshot has come over another wire than `dead`, and returns how long that took.
    fn plays_again(&mut self, dead: Transport) -> Duration {
        let pulled = Instant::now();
        self.crew.fly_until(Duration::from_secs(4), "other wire", |people| {
            let status = people[0].status();
            status.driving.is_some_and(|wire| wire != dead) && status.last_snapshot.is_some_and(|at| at > pulled)
        });
        pulled.elapsed()
    }
}

#[test]
fn another_wire_takes_over_within_two_seconds_when_one_is_unplugged() {
    let _turn = alone();
    let mut scene = Scene::over(Transport::Udp);
    for _ in 0..4 {
        let dead = scene.driving().expect("somebody drives");
        scene.station.unplug(Some(dead));
        let took = scene.plays_again(dead);
        assert!(took < Duration::from_secs(2), "{took:?} without {dead}");
        scene.station.plug_in(None);
        scene.crew.fly(Duration::from_secs(1));
    }
    let someone = &scene.crew.people[0];
    assert_eq!(someone.farewell(), None);
    assert_eq!(someone.status().decode_errors, 0);
    let unwished = someone.events.iter().any(|event| matches!(event, PlayerEvent::SwitchFailed { .. }));
    assert!(!unwished, "nobody wished for a change, so none can fail");
}

#[test]
fn a_player_whose_cables_were_all_out_for_thirteen_seconds_has_the_seat_still() {
    let _turn = alone();
    let mut scene = Scene::over(Transport::Quic);
    let seat = scene.crew.people[0].seat();
    let score = scene.crew.people[0].score();
    scene.station.unplug(None);
    // Longer than links live without a sign of life.
    scene.crew.fly(Duration::from_secs(13));
    let pulled = scene.crew.people[0].status().last_snapshot;
    scene.station.plug_in(None);
    scene.crew.fly_until(Duration::from_secs(5), "way back", |people| {
        people[0].plays() && people[0].status().last_snapshot > pulled
    });
    scene.crew.fly(Duration::from_millis(500));
    let someone = &scene.crew.people[0];
    assert_eq!((someone.farewell(), someone.seat()), (None, seat));
    assert!(someone.score() >= score, "the score was kept");
}

#[test]
fn a_player_who_began_on_a_worse_wire_moves_up_when_the_best_one_works_again() {
    let _turn = alone();
    let server = Server::start(&["--bots", "4"]);
    let mut crew = Crew::new(&server);
    let station = WeatherStation::new(Weather::CALM);
    station.unplug(Some(Transport::Udp));
    let guest = crew.guest("Moves up");
    crew.join_through(&guest, None, Some(&station));
    let wire = crew.people[0].status().driving;
    assert_eq!(wire, Some(Transport::Quic), "the next best");
    crew.people[0].pilot.player.say("before");
    // Udp is tried again, in vain, and nobody is told.
    crew.people[0].pilot.player.auto(Instant::now());
    crew.fly(Duration::from_secs(4));
    assert_eq!(crew.people[0].status().driving, wire);
    station.plug_in(None);
    crew.people[0].pilot.player.auto(Instant::now());
    crew.fly_until(Duration::from_secs(3), "move up to udp", |people| {
        people[0].status().driving == Some(Transport::Udp)
    });
    crew.people[0].pilot.player.say("after");
    crew.fly(Duration::from_secs(1));
    let someone = &crew.people[0];
    someone.assert_unharmed();
    let own = Some(someone.seat());
    let lines: Vec<_> = someone
        .heard()
        .filter_map(|event| match event {
            ServerEvent::Chat { seat, line } if Some(*seat) == own => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["before", "after"]);
    let told = someone.events.iter().any(|event| matches!(event, PlayerEvent::SwitchFailed { .. }));
    assert!(!told, "nobody wished for a change, so none can fail");
    let gap = someone.events.iter().filter_map(|event| match event {
        PlayerEvent::Drives { gap, .. } => *gap,
        _ => None,
    });
    assert!(gap.max().is_some_and(|gap| gap < Duration::from_millis(300)), "make before break");
}

#[test]
fn a_change_that_is_wished_for_in_a_silence_comes_about_also_when_the_silence_ends() {
    let _turn = alone();
    let mut scene = Scene::over(Transport::Udp);
    scene.station.unplug(None);
    scene.crew.fly(Duration::from_secs(1));
    scene.crew.people[0].pilot.player.switch(Transport::Quic, Instant::now());
    scene.station.plug_in(Some(Transport::Udp));
    scene.crew.fly(Duration::from_millis(300));
    assert_eq!(scene.driving(), Some(Transport::Udp), "it speaks again, and the other one is still cut off");
    scene.station.plug_in(None);
    scene.crew.fly_until(Duration::from_secs(5), "wished change", |people| {
        people[0].status().driving == Some(Transport::Quic)
    });
}

#[test]
fn a_change_that_falls_into_a_tunnel_comes_about_behind_it() {
    let _turn = alone();
    let mut scene = Scene::over(Transport::Udp);
    scene.station.unplug(Some(Transport::Quic));
    scene.crew.people[0].pilot.player.switch(Transport::Quic, Instant::now());
    scene.crew.fly(Duration::from_millis(3_300));
    assert_eq!(scene.driving(), Some(Transport::Udp));
    scene.station.plug_in(None);
    scene.crew.fly_until(Duration::from_secs(3), "change of wire", |people| {
        people[0].status().driving == Some(Transport::Quic)
    });
    let failed = scene.crew.people[0].events.iter().any(|event| matches!(event, PlayerEvent::SwitchFailed { .. }));
    assert!(!failed, "three seconds of silence are no failure yet");
}
