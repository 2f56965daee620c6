//! Rooms among friends, over real wires: who watches, who is sent away, what the host decides, and what is left of a match.
//!
//! Build the workspace first; the programs are looked for beside the tests.

mod common;

use common::players::FIRST_ROOM;
use common::{Crew, Server, Someone, alone};
use game::{PhaseKind, SeatId};
use protocol::lobby::{Guest, MemberList, NewRoom, OpenedRoom, RoomChange, SeatWish};
use protocol::wire::event::ServerEvent;
use protocol::{RoomId, Transport};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

/// A server and people on it.
struct Evening {
    server: Server,
    crew: Crew,
}

impl Evening {
    fn begin(arguments: &[&str]) -> Self {
        let server = Server::start(arguments);
        let crew = Crew::new(&server);
        Self { server, crew }
    }

    fn wait<T, E: std::fmt::Display>(&self, call: impl Future<Output = Result<T, E>>) -> T {
        self.crew.runtime.block_on(call).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused<T>(&self, call: impl Future<Output = Result<T, transport::lobby::LobbyError>>) -> Option<u16> {
        self.crew.runtime.block_on(call).err().and_then(|error| error.status())
    }

    /// Opens a room and seats its host.
    fn host(&mut self, wish: NewRoom) -> (Guest, OpenedRoom, usize) {
        let (host, lobby) = (self.crew.guest("Host"), self.server.lobby());
        let opened = self.wait(lobby.open_room(&host, &wish));
        let grant = self.wait(lobby.take_seat(&host, opened.room.id));
        let at = self.crew.enter(&host, grant, Transport::Udp);
        (host, opened, at)
    }

    fn friend(&mut self, name: &str, opened: &OpenedRoom, wish: &SeatWish, wire: Transport) -> (Guest, usize) {
        let (guest, lobby) = (self.crew.guest(name), self.server.lobby());
        let grant = self.wait(lobby.take_seat_by_code(&guest, &opened.invite.code, wish));
        let at = self.crew.enter(&guest, grant, wire);
        (guest, at)
    }

    fn members(&self, by: &Guest, room: RoomId) -> MemberList {
        self.wait(self.server.lobby().members(by, room))
    }
}

fn phase(someone: &Someone) -> Option<PhaseKind> {
    someone.pilot.player.view().map(|view| view.phase.kind)
}

#[test]
fn a_spectator_sees_everything_over_two_wires_and_counts_for_nothing() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "2"]);
    let wish = NewRoom { private: true, bots: Some(2), seats: Some(4), ..NewRoom::default() };
    let (host, opened, flies) = evening.host(wish);
    let watch = SeatWish { spectate: true, ..SeatWish::default() };
    let (_, watches) = evening.friend("Eyes", &opened, &watch, Transport::Quic);
    let seat = evening.crew.people[watches].seat();
    assert!(seat.watches() && evening.crew.people[watches].pilot.player.watches());
    evening.crew.fly_until(SOON, "all three ships in the spectator's picture", |people| {
        people[watches].pilot.player.view().is_some_and(|view| view.own.is_none() && view.ships.len() == 3)
    });
    let scene = evening.crew.people[watches].pilot.player.scene(Instant::now()).expect("a picture");
    assert!(scene.own.is_none() && scene.ships.len() == 3);

    evening.crew.people[watches].pilot.player.say("nice shot");
    evening.crew.fly_until(SOON, "the spectator's words", |people| {
        people[flies].heard().any(|event| matches!(event, ServerEvent::Chat { seat: by, .. } if *by == seat))
    });
    let now = Instant::now();
    evening.crew.people[watches].pilot.player.switch(Transport::Websocket, now);
    evening
        .crew
        .fly_until(SOON, "the other wire", |people| people[watches].status().driving == Some(Transport::Websocket));
    evening.crew.fly(Duration::from_secs(1));
    evening.crew.people[watches].assert_unharmed();

    let room = evening.wait(evening.server.lobby().room(Some(&host), opened.room.id));
    assert_eq!((room.players, room.spectators, room.bots), (1, 1, 2), "{room:?}");
    let members = evening.members(&host, opened.room.id).members;
    let eyes = members.iter().find(|member| member.name == "Eyes").expect("a member");
    assert_eq!((eyes.seat, eyes.wire), (None, Some(Transport::Websocket)));
    let now = Instant::now();
    evening.crew.people[watches].pilot.player.leave(now);
    evening.crew.fly_until(SOON, "the farewell", |people| {
        people[flies].heard().any(|event| *event == ServerEvent::Left { seat })
    });
}

#[test]
fn whoever_is_kicked_hears_why_and_stays_out() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let (host, opened, flies) = evening.host(NewRoom { bots: Some(1), ..NewRoom::default() });
    for wire in Transport::WIRES {
        let (guest, at) = evening.friend(&format!("Rude {wire}"), &opened, &SeatWish::default(), wire);
        evening.wait(evening.server.lobby().kick(&host, opened.room.id, guest.player));
        evening.crew.fly_until(SOON, "the end", |people| people[at].farewell().is_some());
        let why = evening.crew.people[at].farewell().expect("just seen");
        assert!(why.contains("sent you away"), "{wire}: {why}");
        let seat = evening.crew.people[at].seat();
        evening.crew.fly_until(SOON, "the empty seat", |people| {
            people[flies].heard().any(|event| *event == ServerEvent::Left { seat })
        });
        let again = evening.server.lobby();
        assert_eq!(evening.refused(again.take_seat(&guest, opened.room.id)), Some(403), "{wire}");
        let wish = SeatWish::default();
        let by_code = again.take_seat_by_code(&guest, &opened.invite.code, &wish);
        assert_eq!(evening.refused(by_code), Some(403), "{wire}");
    }
    evening.crew.people[flies].assert_unharmed();
}

#[test]
fn the_host_changes_the_map_and_everybody_moves() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let wish = NewRoom { map: Some("crossfire".into()), bots: Some(2), ..NewRoom::default() };
    let (host, opened, flies) = evening.host(wish);
    let (_, watches) = evening.friend("Eyes", &opened, &SeatWish { spectate: true, password: None }, Transport::Tcp);
    let lobby = evening.server.lobby();
    evening.crew.fly_until(SOON, "the match", |people| phase(&people[flies]) == Some(PhaseKind::Live));
    let before = evening.crew.people[flies].pilot.player.map().map(|map| map.hash);
    let shelf = transport::maps::MapShelf::open(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets"));
    let shelf = shelf.expect("the maps are in order");
    let other = shelf.names().find(|name| *name != "crossfire").expect("a second map").to_owned();
    let change = RoomChange { map: Some(other.clone()), ..RoomChange::default() };
    evening.wait(lobby.change_room(&host, opened.room.id, &change));
    evening.crew.fly(Duration::from_millis(500));
    let map = evening.crew.people[flies].pilot.player.map().map(|map| map.hash);
    assert_eq!(map, before, "a match is played to its end where it began");
    evening.wait(lobby.start(&host, opened.room.id));
    let hash = shelf.find(&other).map(|map| map.hash);
    evening.crew.fly_until(SOON, "the other map", |people| {
        [flies, watches].iter().all(|at| people[*at].pilot.player.map().map(|map| map.hash) == hash)
    });
    evening.crew.fly_until(SOON, "a match there", |people| phase(&people[flies]) == Some(PhaseKind::Live));
    // Prediction and bots know the new walls: nobody is corrected all the time, and everybody flies.
    let corrected = evening.crew.people[flies].status().large_corrections;
    evening.crew.fly(Duration::from_secs(3));
    let later = evening.crew.people[flies].status().large_corrections;
    assert!(later - corrected <= 15, "{} large corrections in three seconds", later - corrected);
    evening.crew.people[flies].assert_unharmed();
    evening.crew.people[watches].assert_unharmed();
    let room = evening.wait(lobby.room(Some(&host), opened.room.id));
    assert_eq!(room.map, other);
}

#[test]
fn a_locked_private_room_opens_to_code_and_password_and_closes_by_its_host() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let password = Some("Nostromo".to_owned());
    let (host, opened, flies) =
        evening.host(NewRoom { private: true, password: password.clone(), bots: Some(0), ..NewRoom::default() });
    let (friend, lobby) = (evening.crew.guest("Friend"), evening.server.lobby());
    let code = opened.invite.code.to_lowercase();
    assert_eq!(evening.refused(lobby.take_seat(&friend, opened.room.id)), Some(404), "it is private");
    assert_eq!(evening.refused(lobby.take_seat_by_code(&friend, &code, &SeatWish::default())), Some(403));
    let (_, guest) = evening.friend("Friend", &opened, &SeatWish { password, spectate: false }, Transport::Http);
    evening.crew.fly_until(SOON, "a countdown of two", |people| phase(&people[flies]) != Some(PhaseKind::Waiting));
    evening.wait(lobby.close_room(&host, opened.room.id));
    evening.crew.fly_until(SOON, "the end for both", |people| people.iter().all(|one| one.farewell().is_some()));
    let why = evening.crew.people[guest].farewell().expect("just seen");
    assert!(why.contains("closed this room"), "{why}");
    assert_eq!(evening.refused(lobby.room(Some(&host), opened.room.id)), Some(404));
}

#[test]
fn whoever_leaves_a_match_is_in_its_result() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let wish = NewRoom { bots: Some(0), match_seconds: Some(10), score_limit: Some(1_000), ..NewRoom::default() };
    let (host, opened, stays) = evening.host(wish);
    let (quitter, quits) = evening.friend("Quitter", &opened, &SeatWish::default(), Transport::Tcp);
    // Without a third the match would be over at once.
    evening.friend("Third", &opened, &SeatWish::default(), Transport::Quic);
    evening.crew.fly_until(SOON, "the match", |people| phase(&people[stays]) == Some(PhaseKind::Live));
    let now = Instant::now();
    evening.crew.people[quits].pilot.player.leave(now);
    let limit = 2 * SOON;
    evening.crew.fly_until(limit, "the end of the match", |people| phase(&people[stays]) == Some(PhaseKind::Results));
    let lobby = evening.server.lobby();
    let until = Instant::now() + SOON;
    let result = loop {
        let history = evening.wait(lobby.history(quitter.player, None, 1));
        if let Some(result) = history.matches.into_iter().next() {
            break result;
        }
        assert!(Instant::now() < until, "the result is in nobody's history");
        evening.crew.fly(Duration::from_millis(50));
    };
    let of = |guest: &Guest| result.standings.iter().find(|standing| standing.player == Some(guest.player));
    let (first, last) = (of(&host).expect("the host stayed"), of(&quitter).expect("the quitter played"));
    assert!(!first.left && first.seat.is_some() && first.place < 3, "{result:?}");
    assert_eq!((last.left, last.seat, last.place), (true, None, 3), "{result:?}");
    assert!(result.rated && last.points_after.is_some(), "{result:?}");
}

#[test]
fn whoever_goes_elsewhere_gives_up_the_place_they_had() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let (_, opened, flies) = evening.host(NewRoom { bots: Some(1), ..NewRoom::default() });
    let (guest, first) = evening.friend("Guest", &opened, &SeatWish::default(), Transport::Quic);
    let (seat, lobby) = (evening.crew.people[first].seat(), evening.server.lobby());
    let watch = SeatWish { spectate: true, ..SeatWish::default() };
    let grant = evening.wait(lobby.take_seat_as(&guest, FIRST_ROOM, &watch));
    let second = evening.crew.enter(&guest, grant, Transport::Tcp);
    evening.crew.fly_until(SOON, "the end of the first place", |people| people[first].farewell().is_some());
    let why = evening.crew.people[first].farewell().expect("just seen");
    assert!(why.contains("somewhere else"), "{why}");
    evening.crew.fly_until(SOON, "the empty seat", |people| {
        people[flies].heard().any(|event| *event == ServerEvent::Left { seat })
    });
    evening.crew.people[second].assert_unharmed();
    let rooms = [opened.room.id, FIRST_ROOM].map(|room| evening.wait(lobby.room(None, room)));
    assert_eq!(rooms.map(|room| (room.players, room.spectators)), [(1, 0), (0, 1)]);
}

#[test]
fn a_room_that_its_host_has_left_empty_makes_place_for_the_next() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let (host, opened, at) = evening.host(NewRoom { bots: Some(1), ..NewRoom::default() });
    let (lobby, again) = (evening.server.lobby(), NewRoom::default());
    assert_eq!(evening.refused(lobby.open_room(&host, &again)), Some(409), "they are in it");
    let now = Instant::now();
    evening.crew.people[at].pilot.player.leave(now);
    let until = Instant::now() + SOON;
    while evening.wait(lobby.room(None, opened.room.id)).players > 0 {
        assert!(Instant::now() < until, "the host does not leave");
        evening.crew.fly(Duration::from_millis(50));
    }
    let next = evening.wait(lobby.open_room(&host, &again)).room;
    assert_eq!(next.host, Some(host.player));
    assert_eq!(evening.refused(lobby.room(None, opened.room.id)), Some(404), "it is closed");
}

#[test]
fn the_longest_seated_inherits_the_room() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let (host, opened, first) = evening.host(NewRoom { bots: Some(0), ..NewRoom::default() });
    let (heir, _) = evening.friend("Heir", &opened, &SeatWish::default(), Transport::Udp);
    let (late, _) = evening.friend("Late", &opened, &SeatWish::default(), Transport::Quic);
    let lobby = evening.server.lobby();
    assert_eq!(evening.refused(lobby.start(&heir, opened.room.id)), Some(403));
    let now = Instant::now();
    evening.crew.people[first].pilot.player.leave(now);
    let until = Instant::now() + SOON;
    while evening.wait(lobby.room(None, opened.room.id)).host != Some(heir.player) {
        assert!(Instant::now() < until, "the heir does not become host");
        evening.crew.fly(Duration::from_millis(50));
    }
    evening.wait(lobby.start(&heir, opened.room.id));
    assert_eq!(evening.refused(lobby.kick(&late, opened.room.id, heir.player)), Some(403));
    assert_eq!(evening.refused(lobby.start(&host, opened.room.id)), Some(403), "who has left leads no more");
}

#[test]
fn somebody_who_watched_takes_a_seat_and_the_other_way_round() {
    let _turn = alone();
    let mut evening = Evening::begin(&["--bots", "0"]);
    let (_, opened, _) = evening.host(NewRoom { bots: Some(1), ..NewRoom::default() });
    let watch = SeatWish { spectate: true, ..SeatWish::default() };
    let (guest, watched) = evening.friend("Both", &opened, &watch, Transport::Udp);
    let lobby = evening.server.lobby();
    let grant = evening.wait(lobby.take_seat(&guest, opened.room.id));
    let flies = evening.crew.enter(&guest, grant, Transport::Udp);
    assert!(!evening.crew.people[flies].seat().watches());
    evening.crew.fly_until(SOON, "the end of the spectator", |people| people[watched].farewell().is_some());
    let members = evening.members(&guest, opened.room.id).members;
    let seats: Vec<_> = members.iter().filter(|member| member.player == guest.player).map(|one| one.seat).collect();
    assert_eq!(seats, [Some(evening.crew.people[flies].seat().0)]);
    assert_ne!(evening.crew.people[flies].seat(), SeatId(0), "the host's");
}
