//! Matchmaking over real HTTP on loopback: tickets, three ways of being told, answers, parties, and who may see what.
//!
//! Flow: `lobby/bench.rs` starts a lobby with short waits → these tests → `server::lobby` → `server::matchmaker`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::{Answer, Server};
use protocol::ids::{RoomId, TicketId};
use protocol::lobby::{Grant, Guest, LobbyEvent, Party, Queue, Ticket, TicketState};
use server::lobby::{Keys, Limits};
use server::matchmaker::Rules;
use server::store::Store;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Two are enough after a moment; bots stay away, and nobody is hurried.
fn two_will_do() -> Rules {
    let (bots_after, answer_within) = (Duration::from_secs(60), Duration::from_secs(60));
    Rules { patience: ms(100), per_person: ms(10), bots_after, answer_within, ..Rules::default() }
}

fn server(rules: Rules) -> Server {
    Server::by_rules(Keys::temporary(), Limits::default(), Store::open(None).unwrap(), rules)
}

/// Somebody with what they need to ask.
struct Person<'a> {
    server: &'a Server,
    guest: Guest,
}

impl<'a> Person<'a> {
    fn new(server: &'a Server, name: &str) -> Self {
        Self { server, guest: server.guest(name) }
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        self.server.call(method, path, Some(&self.guest.secret), Some(("application/json", body)))
    }

    fn ask(&self, wish: &str) -> Ticket {
        let answer = self.call("POST", "/v1/tickets", wish);
        assert_eq!(answer.status, 201, "{answer:?}");
        let ticket: Ticket = answer.json();
        assert_eq!(answer.header("location"), Some(path(ticket.id).as_str()));
        ticket
    }

    fn see(&self, id: TicketId) -> Ticket {
        let answer = self.call("GET", &path(id), "");
        assert_eq!(answer.status, 200, "{answer:?}");
        let ticket: Ticket = answer.json();
        assert_eq!(answer.header("etag"), Some(format!("\"{}\"", ticket.version).as_str()));
        ticket
    }

    /// Asks again and again until `done`.
    fn poll(&self, id: TicketId, done: impl Fn(&TicketState) -> bool) -> Ticket {
        let begun = Instant::now();
        loop {
            let ticket = self.see(id);
            if done(&ticket.state) {
                return ticket;
            }
            assert!(begun.elapsed() < PATIENCE, "{ticket:?}");
            thread::sleep(ms(20));
        }
    }

    /// Waits for another version than `seen`.
    fn long_poll(&self, path: &str, seen: &str) -> Answer {
        let secret = &self.guest.secret;
        self.server.raw(&format!(
            "GET {path}?wait=9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\nIf-None-Match: {seen}\r\n\r\n"
        ))
    }

    fn listen(&self, id: TicketId) -> Listener {
        let mut stream = self.server.connect();
        let (path, secret) = (path(id), &self.guest.secret);
        let head = format!(
            "GET {path}/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        Listener(BufReader::new(stream))
    }

    fn answer(&self, id: TicketId, how: &str) -> Answer {
        self.call("POST", &format!("{}/{how}", path(id)), "")
    }

    fn take_seat(&self, room: RoomId) -> Answer {
        self.call("POST", &format!("/v1/rooms/{}/seats", room.0), "{}")
    }
}

/// A stream of a ticket's versions.
struct Listener(BufReader<TcpStream>);

impl Listener {
    /// Returns the next version and the ticket, or none at the end of the stream.
    fn next(&mut self) -> Option<(u64, Ticket)> {
        let id = self.after("id: ")?.parse().unwrap();
        assert_eq!(self.after("event: ")?, "ticket");
        Some((id, serde_json::from_str(&self.after("data: ")?).unwrap()))
    }

    fn until(&mut self, done: impl Fn(&TicketState) -> bool) -> Ticket {
        loop {
            let (id, ticket) = self.next().expect("it goes on");
            assert_eq!(id, ticket.version);
            if done(&ticket.state) {
                return ticket;
            }
        }
    }

    fn after(&mut self, start: &str) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(rest) = line.strip_prefix(start) {
                return Some(rest.trim_end().to_owned());
            }
        }
    }
}

fn path(id: TicketId) -> String {
    format!("/v1/tickets/{}", id.0)
}

fn proposed(state: &TicketState) -> bool {
    matches!(state, TicketState::Proposed { .. })
}

fn ready(state: &TicketState) -> bool {
    matches!(state, TicketState::Ready { .. })
}

#[test]
fn three_ways_of_being_told_of_the_same_match() {
    let server = server(two_will_do());
    let mut events = server.events.listen();
    let (ada, ben, eve) = (Person::new(&server, "Ada"), Person::new(&server, "Ben"), Person::new(&server, "Eve"));
    let mine = ada.ask(r#"{"round_trip_ms":30}"#);
    assert_eq!((&mine.state, mine.waiting, mine.points), (&TicketState::Waiting, 1, 1_000));
    assert!(mine.why.starts_with("You are alone in the queue."), "{mine:?}");
    assert_eq!(mine.players[0].name, "Ada");
    let mut stream = ada.listen(mine.id);
    assert_eq!(stream.next().expect("the present one comes first").1.version, mine.version);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ada.long_poll(&path(mine.id), &format!("\"{}\"", mine.version)));
        let theirs = ben.ask("{}");
        let polled = ben.poll(theirs.id, proposed);
        let told = waiting.join().unwrap();
        assert_eq!(told.status, 200, "{told:?}");
        assert!(proposed(&told.json::<Ticket>().state), "{told:?}");
        let heard = stream.until(proposed);
        assert_eq!(heard.version, told.json::<Ticket>().version);
        assert!(heard.changed_ms.abs_diff(polled.changed_ms) < 1_000, "the same moment");

        assert_eq!(eve.answer(mine.id, "accept").status, 404, "strangers cannot answer");
        let answer = ada.answer(mine.id, "accept");
        assert_eq!(answer.status, 200, "{answer:?}");
        let accepted: Ticket = answer.json();
        assert!(
            matches!(accepted.state, TicketState::Proposed { accepted: 1, needed: 2, mine: true, .. }),
            "{accepted:?}"
        );
        assert_eq!(ben.answer(theirs.id, "accept").status, 200);
        let there = ben.poll(theirs.id, ready);
        let TicketState::Ready { room } = stream.until(ready).state else { panic!("ready is ready") };
        assert_eq!(there.state, TicketState::Ready { room });
        assert!(stream.next().is_none(), "the stream ends with the ticket");

        for person in [&ada, &ben] {
            let seat = person.take_seat(room);
            assert_eq!(seat.status, 201, "{seat:?}");
            assert_eq!(seat.json::<Grant>().room, room);
        }
        assert_eq!(eve.take_seat(room).status, 404, "the room is kept for those who were matched, and private");
        let told =
            std::iter::repeat_with(|| events.try_recv()).take(100).find_map(|event| match event.ok()?.event.clone() {
                LobbyEvent::TicketMatched { tickets, room, players } => Some((tickets, room, players)),
                _ => None,
            });
        assert_eq!(told, Some((vec![mine.id, theirs.id], room, 2)));
    });
    let queue: Queue = server.get("/v1/queue").json();
    assert_eq!((queue.waiting, queue.matched, queue.rows.len()), (0, 1, 0));
    assert!(queue.wait_p50_ms.is_some_and(|wait| wait < 10_000), "{queue:?}");
}

#[test]
fn whoever_declines_leaves_and_the_other_waits_on() {
    let server = server(two_will_do());
    let (ada, ben) = (Person::new(&server, "Ada"), Person::new(&server, "Ben"));
    let mine = ada.ask("{}");
    assert_eq!(ada.answer(mine.id, "accept").problem().status, 409, "there is nothing to accept yet");
    let theirs = ben.ask("{}");
    ada.poll(mine.id, proposed);
    let declined = ben.answer(theirs.id, "decline");
    assert_eq!(declined.json::<Ticket>().state, TicketState::Declined, "{declined:?}");
    let back = ada.see(mine.id);
    assert_eq!(back.state, TicketState::Waiting);
    assert!(back.why.starts_with("Somebody did not accept."), "{back:?}");
    assert_eq!(ben.answer(theirs.id, "accept").problem().status, 409, "it is too late");
    let again = ben.ask("{}");
    assert_ne!(again.id, theirs.id);
    ada.poll(mine.id, proposed);
}

#[test]
fn one_search_each_and_it_can_be_given_up() {
    let server = server(two_will_do());
    let (ada, eve) = (Person::new(&server, "Ada"), Person::new(&server, "Eve"));
    let mine = ada.ask(r#"{"bots":false}"#);
    assert_eq!(mine.bots_in_ms, None);
    let twice = ada.call("POST", "/v1/tickets", "{}");
    assert_eq!((twice.problem().status, twice.header("location")), (409, Some(path(mine.id).as_str())));
    for (method, end) in [("GET", ""), ("DELETE", ""), ("GET", "/events"), ("POST", "/accept"), ("POST", "/decline")] {
        let at = format!("{}{end}", path(mine.id));
        assert_eq!(eve.call(method, &at, "").problem().status, 404, "{method} {end}");
        assert_eq!(server.call(method, &at, None, None).problem().status, 401, "{method} {end}");
    }
    let queue: Queue = server.get("/v1/queue").json();
    assert_eq!((queue.waiting, queue.rows[0].players, queue.rows[0].points), (1, 1, 1_000));
    assert_eq!(ada.call("DELETE", &path(mine.id), "").status, 204);
    assert_eq!(ada.see(mine.id).state, TicketState::Cancelled);
    assert_eq!(ada.call("DELETE", &path(mine.id), "").status, 204, "again is no mistake");
    ada.ask("{}");
    for (status, body) in [
        (422, r#"{"round_trip_ms":10001}"#),
        (400, r#"{"round_trip_ms":-1}"#),
        (400, r#"{"mode":"chess"}"#),
        (400, r#"{"x":1}"#),
    ] {
        assert_eq!(eve.call("POST", "/v1/tickets", body).problem().status, status, "{body}");
    }
    let gone = eve.call("GET", "/v1/tickets/12345", "").problem();
    assert!(gone.status == 404 && gone.detail.contains("Ask again"), "after a restart: {gone:?}");
}

#[test]
fn a_party_comes_together() {
    let server = server(two_will_do());
    let (ada, ben, cid) = (Person::new(&server, "Ada"), Person::new(&server, "Ben"), Person::new(&server, "Cid"));
    let opened = ada.call("POST", "/v1/parties", "{}");
    assert_eq!(opened.status, 201, "{opened:?}");
    let party: Party = opened.json();
    assert_eq!((party.leader, party.members.len(), party.ticket), (ada.guest.player, 1, None));
    let at = format!("/v1/parties/{}", party.code);
    assert_eq!(ben.call("GET", &at, "").problem().status, 404, "only for members");
    let typed = format!("/v1/parties/{}/members", party.code.to_lowercase().replace('-', ""));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ada.long_poll(&at, &format!("\"{}\"", party.version)));
        assert_eq!(ben.call("POST", &typed, "{}").status, 201);
        let told: Party = waiting.join().unwrap().json();
        let names: Vec<_> = told.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["Ada", "Ben"]);
    });
    let with_party = format!(r#"{{"party":"{}"}}"#, party.code);
    assert_eq!(ben.call("POST", "/v1/tickets", &with_party).problem().status, 403, "only the leader asks");
    assert_eq!(cid.call("POST", "/v1/tickets", &with_party).problem().status, 404);
    let ours = ada.ask(&with_party);
    assert_eq!((ours.players.len(), ours.waiting), (2, 2));
    assert_eq!(ben.call("GET", &at, "").json::<Party>().ticket, Some(ours.id));
    assert_eq!(ben.see(ours.id).id, ours.id);

    let other = cid.ask("{}");
    let found = ben.poll(ours.id, proposed);
    assert!(matches!(found.state, TicketState::Proposed { needed: 3, mine: false, .. }), "{found:?}");
    for (person, ticket) in [(&ada, ours.id), (&ben, ours.id), (&cid, other.id)] {
        assert_eq!(person.answer(ticket, "accept").status, 200);
    }
    let TicketState::Ready { room } = ben.poll(ours.id, ready).state else { panic!("ready is ready") };
    assert_eq!(ben.take_seat(room).status, 201);

    let again = ada.ask(&with_party);
    assert_eq!(ben.call("DELETE", &format!("{at}/members/me"), "").status, 204);
    assert_eq!(ada.see(again.id).state, TicketState::Cancelled, "the party is another one now");
    assert_eq!(ben.call("DELETE", &format!("{at}/members/me"), "").problem().status, 404);
    assert_eq!(ben.call("POST", "/v1/parties/nonsense/members", "{}").problem().status, 404);
}

#[test]
fn the_forgotten_are_dropped_unless_somebody_listens() {
    let server = server(Rules { forgotten_after: ms(600), ..two_will_do() });
    let (ada, ben) = (Person::new(&server, "Ada"), Person::new(&server, "Ben"));
    let far_apart = Rules::default().window as u16 + 9_000;
    let (mine, theirs) = (ada.ask("{}"), ben.ask(&format!(r#"{{"round_trip_ms":{far_apart}}}"#)));
    let _stream = ada.listen(mine.id);
    thread::sleep(ms(2_000));
    assert_eq!(ada.see(mine.id).state, TicketState::Waiting);
    let dropped = ben.see(theirs.id);
    assert_eq!(dropped.state, TicketState::Expired);
    assert!(dropped.why.contains("Ask again"), "{dropped:?}");
}

#[test]
fn the_lone_play_with_bots() {
    let server = server(Rules { bots_after: ms(300), ..two_will_do() });
    let ada = Person::new(&server, "Ada");
    let mine = ada.ask("{}");
    assert!(mine.bots_in_ms.is_some_and(|left| left <= 300), "{mine:?}");
    let there = ada.poll(mine.id, ready);
    assert!(there.why.contains("Take your seat"), "{there:?}");
    let TicketState::Ready { room } = there.state else { panic!("ready is ready") };
    assert_eq!(ada.take_seat(room).status, 201);
    let eve = Person::new(&server, "Eve");
    assert_eq!(eve.take_seat(room).status, 201, "others may come in the place of bots");
}
