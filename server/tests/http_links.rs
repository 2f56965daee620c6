//! Links over `http` on the lobby's port: they are not held back by what holds back strangers, and strangers gain nothing from them.
//!
//! Flow: `lobby/bench.rs` starts a lobby → these tests → `server::lobby` → `transport::http`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::{Answer, Server, read_one};
use protocol::lobby::HttpLink;
use server::lobby::{Keys, Limits, Rate};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A limit so short that a test of it is quick, and so long that a busy machine does not reach it by accident.
const SHORT: Duration = Duration::from_millis(300);

fn open(server: &Server) -> HttpLink {
    let answer = server.call("POST", "/v1/link/http", None, None);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// Asks for news on a connection that stays open.
fn ask(stream: &mut TcpStream, link: u64, bearer: &str, wait: u32) -> Answer {
    let head = format!(
        "GET /v1/link/http/{link}?seen=0&wait={wait} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    read_one(stream)
}

#[test]
fn those_who_play_are_not_counted_and_those_who_guess_are() {
    let limits = Limits { local_requests: Rate { per_second: 0.5, burst: 12.0 }, ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let HttpLink { link, bearer } = open(&server);
    let mut stream = server.connect();
    for _ in 0..100 {
        assert_eq!(ask(&mut stream, link, &bearer, 0).status, 200);
    }
    assert_eq!(server.get("/v1/rooms").status, 200, "the calls of the link have cost nothing");
    // What is left pays for two guesses.
    let guesses: Vec<u16> = (0..4).map(|_| ask(&mut server.connect(), link, &"0".repeat(32), 0).status).collect();
    assert_eq!(guesses, [401, 401, 429, 429]);
    assert_eq!(server.get("/v1/rooms").status, 200, "a read is cheaper, and there is one left");
    assert_eq!(ask(&mut stream, link, &bearer, 0).status, 200, "and the link goes on");
}

#[test]
fn a_link_of_somebody_else_and_one_that_is_over_are_told_apart_in_words() {
    let server = Server::start();
    let HttpLink { link, bearer } = open(&server);
    for (status, path, bearer) in [
        (401, format!("/v1/link/http/{link}"), None),
        (401, format!("/v1/link/http/{link}"), Some("nonsense")),
        (404, "/v1/link/http/1".to_owned(), Some(bearer.as_str())),
        (404, "/v1/link/http/x".to_owned(), Some(bearer.as_str())),
        (404, "/v1/link/http/%ff".to_owned(), Some(bearer.as_str())),
        (404, format!("/v1/link/http/{link}/more"), Some(bearer.as_str())),
    ] {
        let answer = server.call("GET", &path, bearer, None);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.problem().detail.contains(&link.to_string()));
    }
    assert_eq!(server.get("/v1/link/http").status, 405);
    let page = "POST /v1/link/http HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n";
    let answer = server.raw(page);
    assert_eq!(answer.status, 403, "{answer:?}");
    answer.problem();
}

#[test]
fn a_question_may_wait_longer_than_any_other_request() {
    let limits = Limits { request: SHORT, connection_life: SHORT, ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let HttpLink { link, bearer } = open(&server);
    let mut stream = server.connect();
    let began = Instant::now();
    let answer = ask(&mut stream, link, &bearer, 3 * SHORT.as_millis() as u32);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(began.elapsed() >= 3 * SHORT, "{:?}", began.elapsed());
    assert_eq!(ask(&mut stream, link, &bearer, 0).status, 200, "the connection outlives those of strangers");
}

#[test]
fn a_connection_lives_as_long_as_its_link_and_no_longer() {
    let limits = Limits { connection_life: SHORT, ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let HttpLink { link, bearer } = open(&server);
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, link, &bearer, 0).status, 200);
    let mut other = server.connect();
    let body = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF];
    let head = format!(
        "POST /v1/link/http/{link} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 12\r\n\r\n"
    );
    other.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() && began.elapsed() < SHORT * 5, "{:?}", began.elapsed());
}

#[test]
fn a_connection_that_a_link_has_left_behind_does_not_stay_uncounted() {
    // Of the usual life of 60 s.
    let server = Server::start();
    let HttpLink { link, bearer } = open(&server);
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, link, &bearer, 0).status, 200);
    let goodbye = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF];
    let head = format!(
        "POST /v1/link/http/{link} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 12\r\n\r\n"
    );
    let mut other = server.connect();
    other.write_all(&[head.as_bytes(), &goodbye].concat()).unwrap();
    assert_eq!(read_one(&mut other).status, 200);
    // A busy one, so that it is not closed for being idle.
    let ended = Instant::now();
    let mut piece = [0; 4_096];
    while stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").is_ok() {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(_) => std::thread::sleep(Duration::from_millis(100)),
        }
        assert!(ended.elapsed() < Duration::from_secs(10), "it is still served");
    }
}

#[test]
fn the_connections_of_links_take_no_place_but_are_few_per_link() {
    const PLACES: usize = 8;
    let limits = Limits { connections: PLACES, head: Duration::from_secs(2), ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let mut held = Vec::new();
    for _ in 0..PLACES {
        let HttpLink { link, bearer } = open(&server);
        for _ in 0..2 {
            let mut stream = server.connect();
            assert_eq!(ask(&mut stream, link, &bearer, 0).status, 200);
            held.push(stream);
        }
    }
    assert_eq!(server.get("/v1/rooms").status, 200, "sixteen connections of links, and all places are free");
    // One link with many connections: the first few are its own, the others are like everybody's.
    let HttpLink { link, bearer } = open(&server);
    for _ in 0..protocol::limits::HTTP_CONNECTIONS + PLACES {
        let mut stream = server.connect();
        assert_eq!(ask(&mut stream, link, &bearer, 0).status, 200);
        held.push(stream);
    }
    let mut late = server.connect();
    late.set_read_timeout(Some(SHORT)).unwrap();
    late.write_all(b"GET /v1/rooms HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(late.read(&mut [0]).is_err(), "there is no place until one of them ends");
    late.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(read_one(&mut late).status, 200);
}
