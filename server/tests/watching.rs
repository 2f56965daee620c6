//! Being told over real HTTP on loopback: streams of events that live on, come back and end, and the places that they take.
//!
//! Flow: `lobby/bench.rs` starts a lobby → these tests → `server::lobby`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::Server;
use protocol::ids::{PlayerId, RoomId};
use protocol::lobby::LobbyEvent;
use server::lobby::{Keys, Limits};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A limit so short that a test of it is quick, and so long that a busy machine does not reach it by accident.
const SHORT: Duration = Duration::from_millis(300);

/// A stream of events, its head read.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn open(server: &Server, path: &str, lines: &str) -> Self {
        let mut stream = server.connect();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n").as_bytes()).unwrap();
        let mut listener = Self(BufReader::new(stream));
        assert!(listener.line().starts_with("HTTP/1.1 200"));
        listener.until("retry:");
        listener
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads on to the line that begins with `start` and returns what follows.
    fn until(&mut self, start: &str) -> String {
        let mut lines = std::iter::repeat_with(|| self.line()).take(100);
        let line = lines.find(|line| line.starts_with(start)).expect("it is told");
        line.trim_start_matches(start).trim().to_owned()
    }
}

fn left(room: u32) -> LobbyEvent {
    LobbyEvent::PlayerLeft { room: RoomId(room), player: PlayerId(1), name: "Ripley".into() }
}

#[test]
fn events_are_told_and_told_again_after_a_break() {
    let server = Server::start();
    let mut listener = Listener::open(&server, "/v1/events", "");
    let mut closings = Listener::open(&server, "/v1/events?kinds=room.closed", "");
    server.events.tell(left(1));
    let id = listener.until("id:");
    assert_eq!(listener.until("event:"), "player.left");
    let data: serde_json::Value = serde_json::from_str(&listener.until("data:")).unwrap();
    assert_eq!((data["event"].as_str(), data["room"].as_u64()), (Some("player.left"), Some(1)));
    drop(listener);
    server.events.tell(LobbyEvent::RoomClosed { room: RoomId(2) });
    assert_eq!(closings.until("event:"), "room.closed", "the first that it hears");
    let mut back = Listener::open(&server, "/v1/events", &format!("Last-Event-ID: {id}\r\n"));
    assert_eq!(back.until("event:"), "room.closed", "what it has missed");
    let wrong = server.get("/v1/events?kinds=weather");
    assert!(wrong.status == 422 && wrong.problem().detail.contains("room.opened"), "{wrong:?}");
}

#[test]
fn a_stream_outlives_the_deadline_and_the_life_of_other_connections() {
    let limits = Limits { request: SHORT, head: SHORT, connection_life: SHORT, ..Limits::default() };
    let server = Server::with(Keys::temporary(), Limits { connection_life: Duration::from_secs(60), ..limits });
    let mut listener = Listener::open(&server, "/v1/events", "");
    std::thread::sleep(SHORT * 3);
    server.events.tell(left(1));
    assert_eq!(listener.until("event:"), "player.left");
    let server = Server::with(Keys::temporary(), limits);
    let Listener(mut silent) = Listener::open(&server, "/v1/events", "");
    let began = Instant::now();
    let _ = silent.read_to_end(&mut Vec::new());
    assert!(began.elapsed() < Duration::from_secs(5), "nothing could be written to it for the life of a connection");
}

#[test]
fn places_are_limited_and_come_back() {
    let server = Server::with(Keys::temporary(), Limits { watchers: 2, ..Limits::default() });
    let first = Listener::open(&server, "/v1/events", "");
    let _second = Listener::open(&server, "/v1/events", "");
    let refused = server.get("/v1/events");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
    assert!(refused.problem().detail.contains("Ask again without waiting"));
    assert_eq!(server.get("/v1/rooms").status, 200, "others do not notice");
    drop(first);
    let until = Instant::now() + Duration::from_secs(5);
    while server.connect().write_all(b"").is_ok() && Instant::now() < until {
        let mut stream = server.connect();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        if &head == b"HTTP/1.1 200" {
            return;
        }
    }
    panic!("the place of a listener that has gone is not free");
}
