//! Players in the test's own process: the client's sessions and links, flown by bots, with everything that they hear kept.

use super::server::{Server, workspace};
use game::SeatId;
use lab::pilot::{Field, Pilot, wait_step};
use protocol::Transport;
use protocol::ids::RoomId;
use protocol::lobby::{Grant, Guest};
use protocol::wire::event::ServerEvent;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use transport::WeatherStation;
use transport::WireOptions;
use transport::lobby::LobbyClient;
use transport::maps::MapShelf;
use transport::player::{PlayerEvent, Status};

/// The room that every server has.
pub(crate) const FIRST_ROOM: RoomId = RoomId(1);

/// One player and what they heard.
pub(crate) struct Someone {
    /// The player.
    pub(crate) pilot: Pilot,
    /// Everything that happened to them.
    pub(crate) events: Vec<PlayerEvent>,
}

impl Someone {
    /// Returns how the connection is.
    pub(crate) fn status(&self) -> Status {
        self.pilot.player.status(Instant::now())
    }

    /// Returns whether they drive a link and see the arena.
    pub(crate) fn plays(&self) -> bool {
        self.status().driving.is_some() && self.pilot.player.view().is_some()
    }

    /// Returns the own score, as the newest snapshot tells it.
    pub(crate) fn score(&self) -> u16 {
        self.pilot.player.view().and_then(|view| view.own).map_or(0, |(_, ship)| ship.score)
    }

    /// Returns the own seat.
    pub(crate) fn seat(&self) -> SeatId {
        self.pilot.player.seat().expect("they were seated")
    }

    /// Returns what they heard from the room.
    pub(crate) fn heard(&self) -> impl Iterator<Item = &ServerEvent> {
        self.events.iter().filter_map(|event| match event {
            PlayerEvent::Game(event) => Some(event),
            _ => None,
        })
    }

    /// Returns the sentence with which it ended, if it did.
    pub(crate) fn farewell(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match event {
            PlayerEvent::Ended { why } => Some(why.as_str()),
            _ => None,
        })
    }

    /// Fails unless nothing bad has happened to them.
    pub(crate) fn assert_unharmed(&self) {
        let status = self.status();
        assert_eq!(self.farewell(), None, "an honest player was thrown out");
        assert_eq!((status.links_lost, status.decode_errors), (0, 0), "links lost, messages that could not be used");
        let age = self.pilot.player.picture_age(Instant::now());
        assert!(age.is_some_and(|age| age < Duration::from_millis(500)), "the picture is {age:?} old");
    }
}

/// Players on one runtime.
pub(crate) struct Crew {
    /// Where their links live.
    pub(crate) runtime: Runtime,
    /// The players.
    pub(crate) people: Vec<Someone>,
    lobby: LobbyClient,
    maps: MapShelf,
}

impl Crew {
    /// Returns an empty crew for `server`.
    pub(crate) fn new(server: &Server) -> Self {
        // `RUST_LOG=transport=debug` shows why a message could not be used; only the first crew of a program has to do this.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let runtime = transport::runtime::runtime().expect("threads can be started");
        let maps = MapShelf::open(&workspace().join("assets")).expect("the maps are in order");
        Self { runtime, people: Vec::new(), lobby: server.lobby(), maps }
    }

    /// Becomes somebody.
    pub(crate) fn guest(&self, name: &str) -> Guest {
        self.runtime.block_on(self.lobby.guest(name)).expect("the lobby lets everybody in")
    }

    /// Takes a seat in the first room and waits until the arena is seen. Returns the place among [`Self::people`].
    pub(crate) fn join(&mut self, guest: &Guest, wire: Transport) -> usize {
        self.join_through(guest, Some(wire), None)
    }

    /// Takes a seat as [`Self::join`] does, over links that pass through `weather`.
    pub(crate) fn join_through(
        &mut self,
        guest: &Guest,
        wire: Option<Transport>,
        weather: Option<&WeatherStation>,
    ) -> usize {
        let field = self.field(weather);
        let join = field.join_as(guest.clone(), FIRST_ROOM, wire, self.people.len() as u64);
        let pilot = self.runtime.block_on(join).unwrap_or_else(|error| panic!("{error}"));
        self.settle(pilot)
    }

    /// Takes the seat of `grant` and waits until the arena is seen.
    pub(crate) fn enter(&mut self, guest: &Guest, grant: Grant, wire: Transport) -> usize {
        let pilot = self.field(None).enter(guest.clone(), grant, Some(wire), self.people.len() as u64);
        self.settle(pilot)
    }

    fn field(&self, weather: Option<&WeatherStation>) -> Field {
        Field {
            runtime: self.runtime.handle().clone(),
            lobby: self.lobby.clone(),
            maps: self.maps.clone(),
            options: WireOptions::default(),
            weather: weather.cloned(),
        }
    }

    fn settle(&mut self, pilot: Pilot) -> usize {
        self.people.push(Someone { pilot, events: Vec::new() });
        let at = self.people.len() - 1;
        self.fly_until(Duration::from_secs(5), "a place in the arena", |people| people[at].plays());
        at
    }

    /// Takes one seat per wire.
    pub(crate) fn join_over_every_wire(&mut self) {
        for wire in Transport::WIRES {
            let guest = self.guest(&format!("Over {wire}"));
            self.join(&guest, wire);
        }
    }

    /// Flies for `time`.
    pub(crate) fn fly(&mut self, time: Duration) {
        let (start, mut next) = (Instant::now(), Instant::now());
        while start.elapsed() < time {
            self.step();
            wait_step(&mut next);
        }
    }

    /// Flies until `done`, which must be within `most`.
    pub(crate) fn fly_until(&mut self, most: Duration, what: &str, mut done: impl FnMut(&[Someone]) -> bool) {
        let (start, mut next) = (Instant::now(), Instant::now());
        while !done(&self.people) {
            let farewells: Vec<_> = self.people.iter().filter_map(Someone::farewell).collect();
            assert!(start.elapsed() < most, "no {what} within {most:?}; {farewells:?}");
            self.step();
            wait_step(&mut next);
        }
    }

    fn step(&mut self) {
        let now = Instant::now();
        for someone in &mut self.people {
            someone.events.extend(someone.pilot.update(now));
        }
    }

    /// Ends as a killed process does: every socket is gone, and nobody has said goodbye.
    pub(crate) fn crash(self) {
        let Self { runtime, people, .. } = self;
        runtime.shutdown_timeout(Duration::from_secs(1));
        // Their links have nothing left to say goodbye with.
        drop(people);
    }
}
