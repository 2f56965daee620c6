//! A live server and people who do not follow the protocol: each is refused in the right words or put out, and an honest player who
//! flies meanwhile does not notice.
//!
//! Build the workspace first; the programs are looked for beside the tests.

mod common;

use common::players::FIRST_ROOM;
use common::scene::{ANSWER, Scene};
use common::{Crew, Server, alone, output_of};
use game::{Command, Tick};
use protocol::grant::ResumeKey;
use protocol::ids::Epoch;
use protocol::limits::{
    CLOCK_LEEWAY, GRANT_LIFETIME, MAX_CLIENT_RELIABLE_BYTES, MAX_COMMAND_LEAD, MAX_VIOLATIONS, PROTOCOL_VERSION,
};
use protocol::lobby::Grant;
use protocol::wire::Kind;
use protocol::wire::command::Bundle;
use protocol::wire::event::{self, ClientEvent};
use protocol::wire::hello::{Hello, Refusal, Resume, encode_hello};
use protocol::{CloseReason, Lane, Transport};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use transport::{Closed, Offer, dial};

fn join_with(grant: &Grant) -> Vec<u8> {
    encode_hello(&Hello::Join { proof: grant.proof.clone() })
}

#[test]
fn another_version_is_refused_over_every_wire() {
    let _turn = alone();
    let mut scene = Scene::new();
    for wire in Transport::WIRES {
        let guest = scene.guest();
        let grant = scene.grant(&guest);
        let mut hello = join_with(&grant);
        hello[5..7].copy_from_slice(&(PROTOCOL_VERSION + 1).to_le_bytes());
        assert_eq!(scene.refused(wire, &grant, hello), Refusal::Version);
        let grant = scene.grant(&guest);
        assert_eq!(scene.refused(wire, &grant, b"\x01not a greeting".to_vec()), Refusal::NotHello);
    }
    scene.honest_player_is_unharmed();
}

#[test]
fn an_altered_grant_is_refused() {
    let _turn = alone();
    let mut scene = Scene::new();
    let guest = scene.guest();
    for at in [0, 24, 40] {
        let mut grant = scene.grant(&guest);
        grant.proof[at] ^= 1;
        assert_eq!(scene.refused(Transport::Websocket, &grant, join_with(&grant)), Refusal::ProofAltered, "byte {at}");
    }
    let mut grant = scene.grant(&guest);
    grant.proof.truncate(10);
    assert_eq!(scene.refused(Transport::Quic, &grant, join_with(&grant)), Refusal::ProofAltered);
    scene.honest_player_is_unharmed();
}

#[test]
fn a_grant_is_good_once_and_its_owner_plays_on() {
    let _turn = alone();
    let mut scene = Scene::new();
    let guest = scene.guest();
    let grant = scene.grant(&guest);
    let (owner, _) = scene.join(Transport::Websocket, &grant);
    for wire in [Transport::Quic, Transport::Websocket] {
        assert_eq!(scene.refused(wire, &grant, join_with(&grant)), Refusal::ProofUsed, "{wire}");
    }
    assert!(!scene.snapshots(&owner, Duration::from_millis(300)).is_empty());
    assert_eq!(owner.closed(), None);
    scene.honest_player_is_unharmed();
}

#[test]
fn a_grant_for_somebody_else_does_not_fit_the_connect_token() {
    let _turn = alone();
    let mut scene = Scene::new();
    let (mine, theirs) = (scene.guest(), scene.guest());
    let (mine, theirs) = (scene.grant(&mine), scene.grant(&theirs));
    assert_eq!(scene.refused(Transport::Udp, &mine, join_with(&theirs)), Refusal::WrongIdentity);
    scene.honest_player_is_unharmed();
}

#[test]
fn a_grant_expires() {
    // It idles for longer than all others take together, so it does not wait for its turn.
    let server = Server::start(&["--bots", "0"]);
    let crew = Crew::new(&server);
    let lobby = server.lobby();
    let guest = crew.guest("Late");
    let grant = crew.runtime.block_on(lobby.take_seat(&guest, FIRST_ROOM)).expect("there is a free seat");
    std::thread::sleep(GRANT_LIFETIME + CLOCK_LEEWAY + Duration::from_millis(500));
    let mut scene = Scene { server, honest: crew, lobby };
    assert_eq!(scene.refused(Transport::Websocket, &grant, join_with(&grant)), Refusal::ProofExpired);
    let offer = Offer::Udp { token: grant.endpoints.udp.token.clone(), server: Some(grant.endpoints.udp.addr) };
    assert!(scene.wait(dial(offer)).is_err(), "a connect token expires, too");
}

#[test]
fn a_resume_key_is_good_once_and_its_owner_plays_on() {
    let _turn = alone();
    let mut scene = Scene::new();
    let guest = scene.guest();
    let grant = scene.grant(&guest);
    let (first, welcome) = scene.join(Transport::Websocket, &grant);
    let resume = |epoch: u32, wire: Transport| {
        let key = ResumeKey(grant.resume_key).advanced(epoch - 1);
        let key_proof = key.prove(grant.session, Epoch(epoch), wire);
        Hello::Resume(Resume { session: grant.session, epoch: Epoch(epoch), key_proof, events_seen: 0 })
    };
    let second = scene.dial(Transport::Quic, &grant);
    let again = scene.welcomed(&second, &resume(2, Transport::Quic));
    assert_eq!((again.seat, again.epoch), (welcome.seat, Epoch(2)));

    let used = encode_hello(&resume(2, Transport::Quic));
    assert_eq!(scene.refused(Transport::Quic, &grant, used.clone()), Refusal::KeyUsed);
    assert_eq!(scene.refused(Transport::Websocket, &grant, used), Refusal::KeyUsed, "and for another wire");
    let far = encode_hello(&resume(1_000, Transport::Quic));
    assert_eq!(scene.refused(Transport::Quic, &grant, far), Refusal::KeyUsed, "further than anybody gets");
    let key_proof = ResumeKey(grant.resume_key).advanced(2).prove(grant.session, Epoch(3), Transport::Quic);
    let session = protocol::SessionId(7);
    let nobody = Hello::Resume(Resume { session, epoch: Epoch(3), key_proof, events_seen: 0 });
    assert_eq!(scene.refused(Transport::Quic, &grant, encode_hello(&nobody)), Refusal::NoSession);

    assert!(!scene.snapshots(&second, Duration::from_millis(300)).is_empty());
    assert_eq!(second.closed(), None);
    drop(first);
    scene.honest_player_is_unharmed();
}

/// Sends what is wrong until the server has enough, and returns how the link ended.
fn thrown_out(scene: &mut Scene, wire: Transport, wrong: impl Fn(u32) -> (Lane, Vec<u8>)) -> Closed {
    let guest = scene.guest();
    let grant = scene.grant(&guest);
    let (link, _) = scene.join(wire, &grant);
    for n in 0..MAX_VIOLATIONS * 3 {
        let (lane, message) = wrong(n);
        if link.send(lane, message.into()).is_err() {
            break;
        }
        // A newer Latest message replaces an unsent one.
        scene.honest.fly(Duration::from_millis(5));
    }
    scene.until_the_end(&link).1
}

#[test]
fn whoever_breaks_the_rules_again_and_again_is_put_out() {
    let _turn = alone();
    let mut scene = Scene::new();
    let bundle = Bundle {
        newest: Tick(1),
        snapshot: Tick(0),
        events_seen: 0,
        stamp: 0,
        shown: 0,
        commands: vec![Command::default(); 3],
    }
    .encode();
    for wire in Transport::WIRES {
        let oversized = |_| (Lane::Reliable, vec![Kind::ClientEvent as u8; MAX_CLIENT_RELIABLE_BYTES + 1]);
        assert_eq!(thrown_out(&mut scene, wire, oversized), Closed::ByPeer(CloseReason::Violation), "{wire}");
        let truncated = |n: u32| (Lane::Latest, bundle[..n as usize % bundle.len()].to_vec());
        assert_eq!(thrown_out(&mut scene, wire, truncated), Closed::ByPeer(CloseReason::Violation), "{wire}");
    }
    let chat = |number| event::encode(Kind::ClientEvent, number, ClientEvent::Chat("hello".into()));
    let gap = |n: u32| (Lane::Reliable, chat(n + 1_000));
    assert_eq!(thrown_out(&mut scene, Transport::Quic, gap), Closed::ByPeer(CloseReason::Violation));
    let wrong_lane = |_| (Lane::Latest, chat(1));
    assert_eq!(thrown_out(&mut scene, Transport::Udp, wrong_lane), Closed::ByPeer(CloseReason::Violation));
    let from_the_server = |_| (Lane::Reliable, vec![Kind::Welcome as u8, 1, 2, 3]);
    assert_eq!(thrown_out(&mut scene, Transport::Websocket, from_the_server), Closed::ByPeer(CloseReason::Violation));
    scene.honest.fly(Duration::from_millis(1_100));
    let health = scene.wait(scene.lobby.health()).expect("it is well");
    assert!(health.violations >= u64::from(MAX_VIOLATIONS) * 9, "{} violations", health.violations);
    scene.honest_player_is_unharmed();
}

#[test]
fn commands_for_the_far_future_are_not_executed_and_cost_nothing() {
    let _turn = alone();
    let mut scene = Scene::new();
    let guest = scene.guest();
    let grant = scene.grant(&guest);
    let (link, _) = scene.join(Transport::Quic, &grant);
    let now = scene.snapshots(&link, Duration::from_millis(200)).last().expect("snapshots flow").tick;
    for n in 0..60 {
        let newest = if n % 2 == 0 { Tick(u32::MAX - n) } else { now.plus(MAX_COMMAND_LEAD * 4 + n) };
        let commands = vec![Command::default(); 1];
        let bundle = Bundle { newest, snapshot: Tick(0), events_seen: 0, stamp: 0, shown: 0, commands };
        link.send(Lane::Latest, bundle.encode().into()).expect("an open link");
        scene.honest.fly(Duration::from_millis(5));
    }
    let after = scene.snapshots(&link, Duration::from_millis(400));
    assert!(after.iter().all(|header| header.executed == 0), "something was executed");
    assert_eq!(link.closed(), None, "a slow clock is no crime");
    scene.honest_player_is_unharmed();
}

/// Opens a WebSocket by hand, so that anything can be sent over it.
fn bare_websocket(scene: &Scene) -> TcpStream {
    let address = scene.server.address("http");
    let mut stream = TcpStream::connect(&address).expect("the lobby listens");
    stream.set_read_timeout(Some(ANSWER)).expect("a valid time");
    let request = format!(
        "GET /v1/link HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("an open connection");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// Returns the code of the close frame that comes next; pings before it are passed over.
fn close_code(stream: &mut TcpStream) -> u16 {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).expect("a frame");
        let mut body = vec![0; usize::from(head[1] & 0x7F)];
        stream.read_exact(&mut body).expect("a whole frame");
        if head[0] == 0x88 {
            return u16::from_be_bytes([body[0], body[1]]);
        }
    }
}

#[test]
fn a_websocket_that_breaks_its_own_rules_is_closed_with_the_right_code() {
    let _turn = alone();
    let scene = Scene::new();
    let violation = 4_000 + u16::from(CloseReason::Violation.code());
    let text = [&[0x81, 0x82, 0, 0, 0, 0], b"hi".as_slice()].concat();
    let unmasked = vec![0x82, 2, 0, 1];
    let unknown_lane = vec![0x82, 0x82, 0, 0, 0, 0, 9, 9];
    let oversized = [&[0x82, 0xFF, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0], vec![0; 1_000].as_slice()].concat();
    for (what, frame, code) in [
        ("text", text, 1_003),
        ("unmasked", unmasked, violation),
        ("lane", unknown_lane, violation),
        ("size", oversized, violation),
    ] {
        let mut stream = bare_websocket(&scene);
        stream.write_all(&frame).expect("an open connection");
        assert_eq!(close_code(&mut stream), code, "{what}");
    }
    scene.honest_player_is_unharmed();
}

#[test]
fn a_link_that_says_nothing_is_closed_after_a_while() {
    let _turn = alone();
    let mut scene = Scene::new();
    for wire in Transport::WIRES {
        let guest = scene.guest();
        let grant = scene.grant(&guest);
        let link = scene.dial(wire, &grant);
        let (_, closed) = scene.until_the_end(&link);
        assert_eq!(closed, Closed::ByPeer(CloseReason::HandshakeTimeout), "{wire}");
    }
    scene.honest_player_is_unharmed();
}

#[test]
fn a_link_that_talks_but_never_greets_is_closed_all_the_same() {
    let _turn = alone();
    let mut scene = Scene::new();
    let guest = scene.guest();
    for wire in Transport::WIRES {
        let grant = scene.grant(&guest);
        let link = scene.dial(wire, &grant);
        let start = Instant::now();
        while link.closed().is_none() {
            assert!(start.elapsed() < Duration::from_secs(6), "{wire}: still open");
            let commands = vec![Command::default()];
            let (newest, snapshot) = (Tick(1), Tick(0));
            let bundle = Bundle { newest, snapshot, events_seen: 0, stamp: 0, shown: 0, commands };
            // It fails once the link is closed, which is what is waited for.
            let _ = link.send(Lane::Latest, bundle.encode().into());
            scene.snapshots(&link, Duration::from_millis(10));
        }
        assert_eq!(link.closed(), Some(Closed::ByPeer(CloseReason::HandshakeTimeout)), "{wire}");
    }
    scene.honest_player_is_unharmed();
}

#[test]
fn a_storm_harms_nobody() {
    let _turn = alone();
    let server = Server::start(&["--seats", "32", "--bots", "2", "--tls-self-signed"]);
    let url = server.url();
    // How fast the honest are served is for a quiet machine to say; here it only must not be for ever.
    let few = ["--seconds", "5", "--players", "4", "--slow", "200", "--bodies", "1500", "--within", "3000", "--json"];
    let output = output_of("lab", &[["storm", "--server", &url].as_slice(), &few].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let honest = &seen["honest"];
    assert_eq!(
        (&honest["connected"], &honest["disconnects"], &honest["decode_errors"]),
        (&4.into(), &0.into(), &0.into()),
        "{seen}"
    );
    assert!(honest["executed_percent"].as_f64() > Some(90.0), "{seen}");
    assert_eq!((&seen["server_answers"], &seen["caught_panics"]), (&true.into(), &0.into()), "{seen}");
    assert!(seen["violations"].as_u64() > Some(50), "the storm must get through: {seen}");
    let grown = seen["memory_max"].as_u64().unwrap_or(u64::MAX) - seen["memory_before"].as_u64().unwrap_or(0);
    assert!(grown < 128 << 20, "{grown} bytes more");
    assert!(seen["called"]["requests"].as_u64() > Some(20) && seen["called"]["failed"] == 0, "{seen}");
    assert!(seen["slow_most"].as_u64() > Some(150), "{seen}");
    let forged = seen["forged"].as_object().expect("a table");
    assert!(forged.len() >= 10 && forged.values().all(|kind| kind["tried"].as_u64() > Some(0)), "{seen}");
    assert!(forged.values().all(|kind| kind["accepted"] == 0), "{seen}");
    let kinds = seen["thrown"].as_array().expect("a list");
    let bodies = kinds.iter().find(|thrown| thrown["kind"] == "bad body").expect("bad bodies");
    let refused = bodies["statuses"].as_object().expect("answers").iter();
    let refused = refused.filter(|(status, _)| status.starts_with('4')).filter_map(|(_, count)| count.as_u64());
    assert!(refused.sum::<u64>() > 1_000, "{seen}");
    // Those got through the handshake, and were answered behind it.
    let inside = kinds.iter().find(|thrown| thrown["kind"] == "tls nonsense inside").expect("TLS");
    assert!(inside["answered"].as_u64() > Some(100), "{seen}");
    for kind in ["h3 other path", "h3 foreign origin"] {
        let answers =
            kinds.iter().find(|thrown| thrown["kind"] == kind).and_then(|thrown| thrown["statuses"].as_object());
        let refused = |status: &String| ["403", "404"].contains(&status.as_str());
        assert!(answers.is_some_and(|answers| !answers.is_empty() && answers.keys().all(refused)), "{kind}: {seen}");
    }
    for port in ["udp", "quic", "http"] {
        let pieces = kinds.iter().filter(|t| t["port"] == port).filter_map(|t| t["pieces"].as_u64()).sum::<u64>();
        assert!(pieces > 200, "only {pieces} pieces at {port}: {seen}");
    }
    // Strangers must not be able to fill the disk, either.
    let told = ["panicked", "ERROR", "web_transport"].iter().find(|word| server.log().contains(**word));
    assert_eq!(told, None, "{}", server.log());
}
