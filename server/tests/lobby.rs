//! The lobby over real HTTP on loopback: what every route promises, and what happens to those who break the rules.
//!
//! Flow: `lobby/bench.rs` starts a lobby → these tests → `server::lobby`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with other tests, which need more of it")]
mod bench;

use bench::{Answer, Server, read_answer, read_one};
use bevy::app::App;
use protocol::grant::{LinkIdentity, UnixMillis};
use protocol::ids::{RoomId, Transport};
use protocol::lobby::{Endpoints, Grant, Health, RoomInfo, RoomList};
use server::lobby::{Keys, Limits, Rate};
use server::store::{Store, StoreError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use transport::{Link, Offer, WireOptions};

/// A limit so short that a test of it is quick, and so long that a busy machine does not reach it by accident.
const SHORT: Duration = Duration::from_millis(300);

/// Status, method, path, bearer, content type and body.
type Case<'a> = (u16, &'a str, &'a str, Option<&'a str>, Option<(&'a str, &'a str)>);

#[test]
fn a_player_finds_the_way_to_a_seat() {
    let server = Server::start();
    let page = server.get("/");
    assert!(page.status == 200 && page.body.contains("Crosswire"), "{page:?}");
    assert_eq!(server.get("/healthz").json::<Health>().rooms, 2);

    let guest = server.guest("Ripley");
    assert_eq!(guest.name, "Ripley");
    let list: RoomList = server.get("/v1/rooms").json();
    assert_eq!(list.rooms.iter().map(|r| r.id.0).collect::<Vec<_>>(), [1, 2]);

    let seat = server.post("/v1/rooms/1/seats", Some(&guest.secret), "");
    assert_eq!(seat.status, 201, "{seat:?}");
    let grant: Grant = seat.json();
    assert_eq!((grant.room, grant.expires_in_s), (RoomId(1), 30));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let proof = server.keys.sealer().open(&grant.proof, UnixMillis(now)).unwrap();
    assert_eq!((proof.player, proof.name, proof.session), (guest.player, guest.name, grant.session));
    assert_eq!(proof.resume_key.0, grant.resume_key);
    assert_eq!(grant.endpoints.udp.addr, server.listeners.udp_addr);
    assert_eq!(grant.endpoints.quic.addr, server.listeners.quic_addr);
    assert_eq!(grant.endpoints.quic.certificate_sha256, server.listeners.certificate_sha256());
    assert_eq!(grant.endpoints.websocket.url, format!("ws://{}/v1/link", server.addr));
    assert_eq!(grant.endpoints.tcp.addr, server.listeners.tcp_addr);
    assert_eq!(grant.endpoints.http.url, format!("http://{}/v1/link/http", server.addr));

    let path = format!("/v1/sessions/{}/endpoints", grant.session.0);
    let fresh = server.post(&path, Some(&guest.secret), "{}");
    assert_eq!(fresh.status, 200, "{fresh:?}");
    let fresh: Endpoints = fresh.json();
    assert!(!fresh.udp.token.is_empty() && fresh.udp.addr == grant.endpoints.udp.addr);
}

#[test]
fn a_player_opens_a_room() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    let wish = r#"{"name":"Friday night","map":"crossfire","seats":12,"bots":3,"match_seconds":60,"score_limit":9}"#;
    let answer = server.post("/v1/rooms", Some(&guest.secret), wish);
    assert_eq!(answer.status, 201, "{answer:?}");
    let opened: RoomInfo = answer.json();
    assert_eq!((opened.name.as_str(), opened.seats), ("Friday night", 12));
    let seat = server.post(&format!("/v1/rooms/{}/seats", opened.id.0), Some(&guest.secret), "");
    assert_eq!(seat.status, 201, "its guests may come at once: {seat:?}");
    assert_eq!(server.post("/v1/rooms", Some(&guest.secret), "{}").status, 201, "everything may be left out");
}

#[test]
fn bad_requests_are_refused_in_words() {
    let server = Server::start();
    let guest = server.guest("Ripley");
    let secret = guest.secret.as_str();
    let altered = format!("{}{}", if secret.starts_with('A') { 'B' } else { 'A' }, &secret[1..]);
    let big = format!(r#"{{"name":"{}"}}"#, "x".repeat(5_000));
    let json = |body| Some(("application/json", body));
    #[rustfmt::skip]
    let table: &[Case] = &[
        (400, "POST", "/v1/guests", None, json("{")),
        (400, "POST", "/v1/guests", None, json("")),
        (400, "POST", "/v1/guests", None, json(r#"{"name":"Al"} {}"#)),
        (400, "POST", "/v1/guests", None, json(r#"{"name":"Al","admin":true}"#)),
        (400, "POST", "/v1/guests", None, json(r#"{"name":7}"#)),
        (400, "POST", "/v1/guests", None, json(r#"{"name":"Al","name":"Bo"}"#)),
        (422, "POST", "/v1/guests", None, json(r#"{"name":"x"}"#)),
        (422, "POST", "/v1/guests", None, json(r#"{"name":"Zoë"}"#)),
        (422, "POST", "/v1/guests", None, json(r#"{"name":"\u001b[31m"}"#)),
        (413, "POST", "/v1/guests", None, json(&big)),
        (415, "POST", "/v1/guests", None, Some(("text/plain", r#"{"name":"Al"}"#))),
        (415, "POST", "/v1/guests", None, None),
        (405, "GET", "/v1/guests", None, None),
        (405, "DELETE", "/v1/rooms", None, None),
        (405, "POST", "/healthz", None, None),
        (404, "GET", "/v1/nothing", None, None),
        (404, "GET", "/v2/rooms", None, None),
        (401, "POST", "/v1/rooms", None, json("{}")),
        (401, "POST", "/v1/rooms", Some(&altered), json("{}")),
        (401, "POST", "/v1/rooms", Some(""), json("{}")),
        (401, "POST", "/v1/rooms/1/seats", Some("AAAA"), None),
        (401, "POST", "/v1/sessions/1/endpoints", None, None),
        (400, "POST", "/v1/rooms", Some(secret), json(r#"{"seets":4}"#)),
        (400, "POST", "/v1/rooms", Some(secret), json(r#"{"seats":300}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"seats":0}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"seats":65}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"bots":64}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"match_seconds":9}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"score_limit":0}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"name":""}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"name":"a\nb"}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"map":"../../etc/passwd"}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"map":"moon"}"#)),
        (409, "POST", "/v1/rooms", Some(secret), json(r#"{"map":"crowd"}"#)),
        (404, "POST", "/v1/rooms/99/seats", Some(secret), None),
        (404, "POST", "/v1/rooms/-1/seats", Some(secret), None),
        (404, "POST", "/v1/rooms/%ff/seats", Some(secret), None),
        (409, "POST", "/v1/rooms/2/seats", Some(secret), None),
        (400, "POST", "/v1/rooms/1/seats", Some(secret), json(r#"{"team":1}"#)),
        (415, "POST", "/v1/rooms/1/seats", Some(secret), Some(("text/plain", "{}"))),
        (404, "GET", "/v1/rooms/99", None, None),
        (401, "GET", "/v1/rooms/1", Some("AAAA"), None),
        (401, "GET", "/v1/rooms/1/members", None, None),
        (403, "GET", "/v1/rooms/1/members", Some(secret), None),
        (403, "GET", "/v1/rooms/1/invite", Some(secret), None),
        (403, "POST", "/v1/rooms/1/start", Some(secret), None),
        (403, "PATCH", "/v1/rooms/1", Some(secret), json("{}")),
        (403, "DELETE", "/v1/rooms/1", Some(secret), None),
        (403, "DELETE", "/v1/rooms/1/members/7", Some(secret), None),
        (404, "DELETE", "/v1/rooms/1/members/x", Some(secret), None),
        (422, "PATCH", "/v1/rooms/1", Some(secret), json(r#"{"bots":64}"#)),
        (422, "POST", "/v1/rooms", Some(secret), json(r#"{"password":""}"#)),
        (404, "GET", "/v1/invites/nothing", None, None),
        (404, "GET", "/v1/invites/%ff", None, None),
        (404, "POST", "/v1/invites/KM7-4QX/seats", Some(secret), None),
        (400, "GET", "/v1/rooms?free=perhaps", None, None),
        (422, "POST", "/v1/seats", Some(secret), json(r#"{"map":"../x"}"#)),
        (401, "POST", "/v1/seats", None, json("{}")),
        (413, "POST", "/v1/rooms/1/seats", Some(secret), json(&big)),
        (404, "POST", "/v1/sessions/abc/endpoints", Some(secret), None),
        (426, "GET", "/v1/link", None, None),
    ];
    for (status, method, path, bearer, body) in table {
        let answer = server.call(method, path, *bearer, *body);
        assert_eq!(answer.status, *status, "{method} {path} {body:?}: {answer:?}");
        let problem = answer.problem();
        assert!(!problem.detail.contains(secret), "{problem:?}");
    }
    assert_eq!(server.post("/v1/rooms", None, "{}").header("www-authenticate"), Some("Bearer"));
    assert_eq!(server.call("DELETE", "/v1/rooms", None, None).header("allow"), Some("GET,HEAD,POST"));
}

#[test]
fn two_identities_are_none() {
    let server = Server::start();
    let secret = server.guest("Ripley").secret;
    let line = format!("Authorization: Bearer {secret}\r\n");
    let send = |lines: &str| {
        server.raw(&format!("POST /v1/rooms/1/seats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n")).status
    };
    assert_eq!(send(&line), 201);
    assert_eq!(send(&line.repeat(2)), 401);
    assert_eq!(send(&line.replace("Bearer", "Basic")), 401);
}

#[test]
fn every_answer_carries_security_headers() {
    let server = Server::start();
    for path in ["/", "/healthz", "/v1/nothing"] {
        let answer = server.get(path);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    }
}

#[test]
fn a_head_is_limited() {
    let server = Server::start();
    let long = format!("GET /v1/rooms HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(server.raw(&long).status, 431);
    let many = format!("GET /v1/rooms HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(40));
    assert_eq!(server.raw(&many).status, 431);
    assert_eq!(server.raw("\u{0}\u{1}\u{2}\r\n\r\n").status, 400);
    assert_eq!(server.get("/v1/rooms").status, 200, "others do not notice");
}

#[test]
fn a_head_that_dribbles_in_is_cut_off() {
    let server = Server::with(Keys::temporary(), Limits { head: SHORT, ..Limits::default() });
    let began = Instant::now();
    let mut stream = server.connect();
    let dribble = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        for byte in "GET /v1/rooms HTTP/1.1\r\nHost: somewhere.example\r\n".bytes() {
            if (&dribble).write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut rest = Vec::new();
    // Either an orderly end or a reset, depending on what was still under way.
    let _ = stream.read_to_end(&mut rest);
    assert!(began.elapsed() < SHORT + Duration::from_secs(1), "{:?}", began.elapsed());
    writer.join().unwrap();
}

#[test]
fn a_body_that_dribbles_in_is_cut_off() {
    let server = Server::with(Keys::temporary(), Limits { request: SHORT, ..Limits::default() });
    let mut stream = server.connect();
    let head =
        "POST /v1/guests HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"na";
    stream.write_all(head.as_bytes()).unwrap();
    let answer = read_answer(stream);
    assert_eq!(answer.status, 408, "{answer:?}");
    answer.problem();
}

#[test]
fn a_connection_serves_many_requests_but_not_for_ever() {
    let limits = Limits { connection_life: SHORT, ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(b"GET /v1/rooms HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(read_one(&mut stream).status, 200);
    }
    let began = Instant::now();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() && began.elapsed() < SHORT * 3);
}

#[test]
fn who_asks_too_often_has_to_wait() {
    let limits = Limits { local_requests: Rate { per_second: 2.0, burst: 10.0 }, ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let answers: Vec<Answer> = (0..12).map(|_| server.get("/v1/rooms")).collect();
    assert!(answers.iter().take(10).all(|answer| answer.status == 200));
    let refused = answers.last().unwrap();
    assert_eq!(refused.status, 429, "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.problem().detail.contains("Try again in 1 s"));
}

#[test]
fn rooms_are_opened_more_rarely_than_looked_at() {
    let limits = Limits { local_rooms: Rate { per_second: 0.1, burst: 2.0 }, ..Limits::default() };
    let server = Server::with(Keys::temporary(), limits);
    let secret = server.guest("Ripley").secret;
    let opened: Vec<u16> = (0..3).map(|_| server.post("/v1/rooms", Some(&secret), "{}").status).collect();
    assert_eq!(opened, [201, 201, 429]);
    assert_eq!(server.post("/v1/rooms", Some(&secret), r#"{"seats":0}"#).status, 422, "a mistake costs nothing");
    assert_eq!(server.get("/v1/rooms").status, 200);
}

/// Opens the store as soon as the one before has let go of it.
fn reopen(data: &Path) -> Store {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match Store::open(Some(data)) {
            Err(StoreError::InUse(_)) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn a_guest_survives_a_restart_if_the_data_does() {
    let data = std::env::temp_dir().join(format!("crosswire-lobby-{:016x}", rand::random::<u64>()));
    let open = || Server::with_store(Keys::open(&data).unwrap(), Limits::default(), reopen(&data));
    let first = open();
    let secret = first.guest("Ripley").secret;
    let old: Grant = first.post("/v1/rooms/1/seats", Some(&secret), "").json();
    drop(first);

    let second = open();
    assert_eq!(second.post("/v1/rooms/1/seats", Some(&secret), "").status, 201);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let opened = second.keys.sealer().open(&old.proof, UnixMillis(now));
    assert!(opened.is_err(), "a grant was for rooms that are gone");
    drop(second);
    drop(reopen(&data));
    std::fs::remove_dir_all(&data).unwrap();

    let stranger = Server::start();
    let answer = stranger.post("/v1/rooms/1/seats", Some(&secret), "");
    assert_eq!((answer.status, answer.problem().title.as_str()), (401, "Unknown player"));
}

#[test]
fn health_is_what_the_rooms_say() {
    let server = Server::start();
    let stopping = Health { status: "stopping".into(), ..Health::default() };
    server.rooms.lock().unwrap().publish_health(stopping.clone());
    assert_eq!(server.get("/healthz").json::<Health>(), stopping);
}

#[test]
fn a_swarm_on_this_machine_may_join_at_once() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for bot in 0..20 {
            let server = &server;
            scope.spawn(move || {
                for again in 0..25 {
                    let guest = server.guest(&format!("Bot {bot}-{again}"));
                    assert_eq!(server.post("/v1/rooms/1/seats", Some(&guest.secret), "").status, 201);
                }
            });
        }
    });
}

#[test]
fn a_stop_ends_idle_connections_and_frees_the_port() {
    let mut server = Server::start();
    let mut idle = server.connect();
    idle.write_all(b"GET /v1/rooms HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut idle).status, 200);
    let began = Instant::now();
    server.stop.send(true).unwrap();
    server.runtime.block_on(&mut server.serving).unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert!(std::net::TcpStream::connect(server.addr).is_err());
}

#[test]
fn a_grant_opens_a_link_over_every_wire() {
    let mut server = Server::start();
    let guest = server.guest("Ripley");
    let grant: Grant = server.post("/v1/rooms/1/seats", Some(&guest.secret), "").json();
    let offers = Transport::ALL.map(|wire| Offer::over(wire, grant.endpoints.clone(), WireOptions::default()));
    let mut app = App::new();
    app.add_plugins(server.plugin.take().unwrap());
    let identity = LinkIdentity { player: guest.player, session: grant.session };
    for offer in offers {
        let wire = offer.transport();
        let dialled = server.runtime.spawn(transport::dial(offer));
        let id = update_until_linked(&mut app, wire);
        let ours = server.runtime.block_on(dialled).unwrap().unwrap();
        assert_eq!(ours.transport(), wire);
        let known = id.map(|id| LinkIdentity::from_user_data(&id));
        assert_eq!(known, (wire == Transport::Udp).then_some(identity), "{wire}");
    }
}

/// Updates until a link over `wire` is there and returns what the transport itself knows about its player.
fn update_until_linked(app: &mut App, wire: Transport) -> Option<transport::Identity> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        app.update();
        let mut links = app.world_mut().query::<&Link>();
        if let Some(link) = links.iter(app.world()).find(|link| link.transport() == wire) {
            return link.identity().copied();
        }
        assert!(Instant::now() < until, "no link came over {wire}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_upgrade_follows_the_standard_and_only_for_our_own_pages() {
    let server = Server::start();
    // The key and its answer are the example of RFC 6455, section 1.3.
    let hello = "GET /v1/link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut stream = server.connect();
    stream.write_all(format!("{hello}\r\n").as_bytes()).unwrap();
    let answer = read_one(&mut stream);
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));

    let mut stream = server.connect();
    stream.write_all(format!("{hello}Origin: http://evil.example\r\n\r\n").as_bytes()).unwrap();
    let answer = read_one(&mut stream);
    assert_eq!(answer.status, 403, "{answer:?}");
    answer.problem();
}
