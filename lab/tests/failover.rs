//! A wire dies in the middle of a match: another takes over by itself, and when all are gone for a while, the seat is still there.
//!
//! The cables are pulled in the weather below the transports, so the links find out for themselves, as they would outside.

mod common;

use common::{Crew, Server, alone};
use protocol::Transport;
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
