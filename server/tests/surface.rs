//! The whole surface of the lobby against its own description, as strangers and neighbours see it: who is asked for a bearer, what may be
//! kept on the way, what is charged for guesses.
//!
//! Flow: `lobby/bench.rs` starts a lobby → `GET /v1/openapi.json` → these tests ask every operation that it names.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::{Answer, Server};
use protocol::lobby::{Guest, OpenedRoom, Party};
use serde_json::Value;
use server::lobby::{Keys, Limits, Rate};

/// Every operation: method and path with something for each parameter, and its description.
fn operations(server: &Server) -> Vec<(String, String, Value)> {
    let document: Value = server.get("/v1/openapi.json").json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut filled = path.clone();
        while let Some((before, rest)) = filled.split_once('{') {
            filled = format!("{before}1{}", rest.split_once('}').unwrap().1);
        }
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_uppercase(), filled.clone(), operation.clone()));
        }
    }
    assert!(all.len() > 50, "{}", all.len());
    all
}

fn ask(server: &Server, method: &str, path: &str, lines: &str, body: &str) -> Answer {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let length = body.len();
    server.raw(&format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}{lines}Content-Length: {length}\r\n\r\n{body}"
    ))
}

fn bearer(guest: &Guest) -> String {
    format!("Authorization: Bearer {}\r\n", guest.secret)
}

#[test]
fn a_bearer_is_asked_for_where_the_document_says_so_and_nowhere_else() {
    let server = Server::start();
    for (method, path, operation) in operations(&server) {
        let security = operation["security"].as_array().cloned().unwrap_or_default();
        let needed = !security.is_empty() && security.iter().all(|scheme| !scheme.as_object().unwrap().is_empty());
        let stream = operation["responses"]["200"]["content"]["text/event-stream"].is_object();
        // Calls of a link that is over are told so, whoever asks.
        if (stream && !needed) || path.starts_with("/v1/link/http/") {
            continue;
        }
        let answer = server.call(&method, &path, None, None);
        assert_eq!(answer.status == 401, needed, "{method} {path}: {answer:?}");
        if needed {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
            let guest = server.guest("Ripley");
            let operators = security.iter().any(|scheme| scheme["operator"].is_array());
            let other = if operators { guest.secret } else { server.token.clone() };
            assert_eq!(server.call(&method, &path, Some(&other), None).status, 401, "{method} {path}: not this one");
        }
    }
}

#[test]
fn what_may_be_kept_on_the_way_is_said_and_secrets_never_are() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    let kept = |path: &str| server.get(path).header("cache-control").map(str::to_owned);
    for path in ["/v1/rooms", "/v1/leaderboard", "/v1/matches", "/v1/queue", "/v1/files", "/v1/rooms/1"] {
        assert_eq!(kept(path).as_deref(), Some("private, no-cache"), "{path}");
        let tag = server.get(path).header("etag").expect("a version").to_owned();
        let same = ask(&server, "GET", path, &format!("If-None-Match: {tag}\r\n"), "");
        assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", Some(tag.as_str())), "{path}");
        assert_eq!(same.header("cache-control"), Some("private, no-cache"), "{path}");
        assert_eq!(same.header("content-type"), None, "{path}");
    }
    for path in ["/v1/players/me", "/v1/rooms", "/v1/rooms/1", "/v1/rooms/1/members", "/v1/webhooks"] {
        let told = ask(&server, "GET", path, &bearer(&guest), "");
        assert_eq!(told.header("cache-control"), Some("no-store"), "{path}: {told:?}");
    }
    let profile = format!("/v1/players/{}", guest.player.0);
    assert!(server.get(&profile).header("etag").is_some());
    for (path, body) in [("/v1/guests", r#"{"name":"Newt"}"#), ("/v1/rooms", "{}")] {
        assert_eq!(server.post(path, Some(&guest.secret), body).header("cache-control"), Some("no-store"), "{path}");
    }
    for nothing in ["/v1/rooms/99", "/v1/matches/99", "/v1/nothing"] {
        assert_eq!(kept(nothing).as_deref(), Some("no-store"), "{nothing}");
    }
}

#[test]
fn a_key_is_of_use_to_its_caller_alone() {
    let server = Server::start();
    let (ripley, newt) = (server.guest("Ripley"), server.guest("Newt"));
    let open = |who: &Guest| {
        let lines = format!("{}Idempotency-Key: one\r\n", bearer(who));
        ask(&server, "POST", "/v1/rooms", &lines, r#"{"private":true}"#)
    };
    let first: OpenedRoom = open(&ripley).json();
    let other = open(&newt);
    assert_eq!((other.status, other.header("idempotency-replayed")), (201, None), "{other:?}");
    let again = open(&ripley);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json::<OpenedRoom>(), first);
    let stranger = ask(&server, "POST", "/v1/rooms", "Idempotency-Key: one\r\n", r#"{"private":true}"#);
    assert_eq!(stranger.status, 401, "who is nobody is given nothing");
    let false_one = "Authorization: Bearer AAAA\r\nIdempotency-Key: one\r\n";
    assert_eq!(ask(&server, "POST", "/v1/rooms", false_one, r#"{"private":true}"#).status, 401);
}

#[test]
fn codes_of_parties_cannot_be_guessed_for_nothing() {
    let limits = Limits { local_guesses: Rate { per_second: 0.1, burst: 3.0 }, ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let (ripley, newt) = (server.guest("Ripley"), server.guest("Newt"));
    let party: Party = server.post("/v1/parties", Some(&ripley.secret), "").json();
    let join = |code: &str| server.post(&format!("/v1/parties/{code}/members"), Some(&newt.secret), "");
    assert_eq!(join("222-222").status, 404);
    assert_eq!(join("333-333").status, 404);
    assert_eq!(join(&party.code).status, 201, "three guesses are free");
    let refused = join(&party.code);
    assert_eq!(refused.status, 429, "the right one is no way to go on guessing");
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn a_list_is_no_object_and_null_is_nothing() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    for path in ["/v1/guests", "/v1/rooms", "/v1/seats", "/v1/tickets", "/v1/rooms/1/seats"] {
        for list in ["[]", "[null,null]", r#"["Ripley"]"#, " [\"skirmish\",5]"] {
            let answer = server.post(path, Some(&guest.secret), list);
            assert_eq!(answer.status, 400, "{path} {list}: {answer:?}");
            answer.problem();
        }
    }
    assert_eq!(server.post("/v1/rooms/1/seats", Some(&guest.secret), "null").status, 201);
    assert_eq!(server.post("/v1/seats", Some(&guest.secret), "null").status, 400, "here something is wished for");
}

#[test]
fn numbers_have_an_end() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    let beyond = (1_u64 << 53) + 1;
    for path in [
        format!("/v1/matches?before={beyond}"),
        format!("/v1/players/{}/matches?before={}", guest.player.0, u64::MAX),
        "/v1/leaderboard?after=1000001".to_owned(),
    ] {
        let answer = server.get(&path);
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
        answer.problem();
    }
    for path in [format!("/v1/sessions/{beyond}/endpoints"), "/v1/sessions/18446744073709551615/endpoints".to_owned()] {
        assert_eq!(server.post(&path, Some(&guest.secret), "").status, 404, "{path}");
    }
    assert_eq!(server.post("/v1/sessions/7/endpoints", Some(&guest.secret), "").status, 200);
}
