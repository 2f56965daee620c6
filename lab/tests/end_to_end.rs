//! The real programs over real sockets: everything that friends do on an evening, and what they must never notice.
//!
//! Build the workspace first; the programs are looked for beside the tests.

mod common;

use common::{Crew, Server, alone, output_of};
use game::PhaseKind;
use protocol::Transport;
use protocol::limits::PROTOCOL_VERSION;
use protocol::wire::event::ServerEvent;
use serde_json::Value;
use std::process::Output;
use std::time::Duration;

/// Room for the tests' players in the first room.
const ROOMY: [&str; 4] = ["--seats", "32", "--bots", "4"];

/// Runs a tool of the bench that prints JSON, and fails if it does.
fn lab(arguments: &[&str]) -> Value {
    let output = output_of("lab", arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "lab {arguments:?}: {errors}{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in `{text}`"))
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// Flies six over `wire`. Whether a command is in time depends on who else uses the machine, so that gets three attempts; nothing else.
fn swarm_is_served(server: &Server, wire: &str) {
    let url = server.url();
    let arguments = ["swarm", "--server", &url, "--clients", "6", "--seconds", "4", "--transport", wire, "--json"];
    let mut shares = Vec::new();
    for _ in 0..3 {
        let seen = lab(&arguments);
        assert_eq!(number(&seen, "connected"), 6.0, "{wire}: {seen}");
        assert_eq!(number(&seen, "disconnects"), 0.0, "{wire}: {seen}");
        assert_eq!(number(&seen, "decode_errors"), 0.0, "{wire}: {seen}");
        assert!(number(&seen, "commands_sent") > 6.0 * 4.0 * 50.0, "{wire}: {seen}");
        assert!(number(&seen, "snapshots") > 6.0 * 4.0 * 25.0, "{wire}: {seen}");
        let share = number(&seen, "commands_executed") / number(&seen, "commands_sent");
        if share > 0.99 {
            return;
        }
        shares.push(share);
    }
    panic!("{wire}: of the commands, these shares were executed in time: {shares:?}");
}

#[test]
fn a_swarm_is_served_over_every_wire() {
    let _turn = alone();
    let server = Server::start(&ROOMY);
    for wire in Transport::WIRES.map(Transport::name).into_iter().chain(["mixed"]) {
        swarm_is_served(&server, wire);
    }
    let crew = Crew::new(&server);
    let health = crew.runtime.block_on(server.lobby().health()).expect("it is well");
    assert_eq!((health.violations, health.caught_panics), (0, 0), "{health:?}");
}

#[test]
fn changing_wires_over_every_ordered_pair_loses_and_doubles_nothing() {
    let _turn = alone();
    let server = Server::start(&ROOMY);
    let seen = lab(&["switch", "--server", &server.url(), "--seconds", "17", "--every", "0.7", "--json"]);
    for nothing in ["failed", "reliable_lost", "reliable_doubled", "decode_errors"] {
        assert_eq!(number(&seen, nothing), 0.0, "{nothing}: {seen}");
    }
    let pairs = seen["pairs"].as_object().expect("pairs");
    assert_eq!(pairs.len(), Transport::WIRES.len() * (Transport::WIRES.len() - 1), "{seen}");
    assert!(pairs.values().all(|pair| number(pair, "switches") >= 1.0), "{seen}");
}

#[test]
fn a_match_starts_is_fought_and_ends() {
    let server = Server::start(&["--seats", "16", "--bots", "12", "--match-seconds", "10", "--score-limit", "1000"]);
    let mut crew = Crew::new(&server);
    let guest = crew.guest("Spectator");
    crew.join(&guest, Transport::Quic);
    let ended = |event: &ServerEvent| matches!(event, ServerEvent::Finished { .. });
    crew.fly_until(Duration::from_secs(20), "end of a match", |people| people[0].heard().any(ended));
    crew.fly(Duration::from_millis(200));
    let someone = &crew.people[0];
    let phases: Vec<PhaseKind> = someone
        .heard()
        .filter_map(|event| match event {
            ServerEvent::Phase(phase) => Some(phase.kind),
            _ => None,
        })
        .collect();
    assert!(phases.ends_with(&[PhaseKind::Live, PhaseKind::Results]), "{phases:?}");
    let kills = someone.heard().filter(|event| matches!(event, ServerEvent::Kill { .. })).count();
    assert!(kills > 0, "nobody was hit in ten seconds of thirteen ships");
    someone.assert_unharmed();
}

#[test]
fn a_server_that_is_told_to_stop_tells_everybody_and_ends_in_order() {
    let _turn = alone();
    let mut server = Server::start(&ROOMY);
    let mut crew = Crew::new(&server);
    crew.join_over_every_wire();
    server.terminate();
    crew.fly_until(Duration::from_secs(3), "farewell for everybody", |people| {
        people.iter().all(|p| p.farewell().is_some())
    });
    for someone in &crew.people {
        let farewell = someone.farewell().expect("just waited for");
        assert!(farewell.contains("shut down"), "{farewell}");
        assert!(someone.heard().any(|event| *event == ServerEvent::Stopping));
    }
    let status = server.ended(Duration::from_secs(3)).expect("it ends within three seconds");
    assert_eq!(status.code(), Some(0), "{}", server.log());
}

#[test]
fn a_player_whose_process_died_finds_seat_and_score_again() {
    let _turn = alone();
    let server = Server::start(&["--seats", "16", "--bots", "6", "--match-seconds", "600", "--score-limit", "1000"]);
    let mut others = Crew::new(&server);
    let witness = others.guest("Witness");
    others.join(&witness, Transport::Quic);

    let mut crew = Crew::new(&server);
    let guests = [crew.guest("Over udp"), crew.guest("Over websocket")];
    for (guest, wire) in guests.iter().zip([Transport::Udp, Transport::Websocket]) {
        crew.join(guest, wire);
    }
    // Somebody should have something to lose; if luck denies it, the seat must do.
    let mut left = 6_000;
    crew.fly_until(Duration::from_secs(60), "kill", |people| {
        left -= 1;
        left == 0 || people.iter().all(|p| p.score() > 0)
    });
    let before: Vec<_> = crew.people.iter().map(|p| (p.seat(), p.score())).collect();
    crew.crash();
    let lost = before[1].0;
    others.fly_until(Duration::from_secs(3), "word that somebody is away", |people| {
        people[0].heard().any(|event| *event == ServerEvent::Away { seat: lost })
    });

    let mut again = Crew::new(&server);
    for (guest, wire) in guests.iter().zip([Transport::Udp, Transport::Websocket]) {
        again.join(guest, wire);
    }
    for (someone, (seat, score)) in again.people.iter().zip(&before) {
        assert_eq!(someone.seat(), *seat);
        assert!(someone.score() >= *score, "{} of {score} kills are left", someone.score());
    }
    others.fly(Duration::from_millis(500));
    let back = others.people[0].heard().any(|event| *event == ServerEvent::Back { seat: lost });
    assert!(back, "the others were not told that somebody is back");
    let left = others.people[0].heard().filter(|event| matches!(event, ServerEvent::Left { .. })).count();
    // Bots make room for people at most.
    assert!(left <= 2, "{left} seats were given up");
    others.people[0].assert_unharmed();
}

#[test]
fn a_swarm_that_is_killed_leaves_the_others_alone() {
    let _turn = alone();
    let server = Server::start(&ROOMY);
    let mut crew = Crew::new(&server);
    crew.join_over_every_wire();
    let mut swarm = common::command("lab")
        .args(["swarm", "--server", &server.url(), "--clients", "6", "--seconds", "60"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the swarm can be started");
    let people = |p: &common::Someone| p.pilot.player.roster().values().filter(|member| !member.bot).count();
    let all = 6 + Transport::WIRES.len();
    crew.fly_until(Duration::from_secs(8), "swarm in the room", |crew| people(&crew[0]) == all);
    crew.fly(Duration::from_millis(500));
    swarm.kill().expect("our own child");
    swarm.wait().expect("our own child");
    // TCP tells at once that those on a WebSocket and on bare TCP are gone; the others fall silent.
    let away = |p: &common::Someone| p.pilot.player.roster().values().filter(|member| member.away).count();
    crew.fly_until(Duration::from_secs(3), "word that two are away", |crew| away(&crew[0]) >= 2);
    crew.fly(Duration::from_secs(1));
    crew.people.iter().for_each(common::Someone::assert_unharmed);
}

#[test]
fn the_health_page_is_sane() {
    let _turn = alone();
    let server = Server::start(&ROOMY);
    let mut crew = Crew::new(&server);
    crew.join_over_every_wire();
    crew.fly(Duration::from_millis(2_500));
    let health = crew.runtime.block_on(server.lobby().health()).expect("it is well");
    assert_eq!((health.status.as_str(), health.protocol), ("ok", PROTOCOL_VERSION));
    assert_eq!((health.rooms, usize::try_from(health.players)), (1, Ok(Transport::WIRES.len())));
    let mut links: Vec<_> = health.links.iter().filter(|(_, count)| *count > 0).copied().collect();
    links.sort();
    assert_eq!(links, Transport::WIRES.map(|wire| (wire, 1)).to_vec());
    assert!(health.uptime_s >= 1 && !health.version.is_empty(), "{health:?}");
    assert!((1 << 20..1 << 29).contains(&health.memory_bytes), "{} bytes", health.memory_bytes);
    assert!(health.tick_ms.p50 > 0.0 && health.tick_ms.p50 < 16.0, "{:?}", health.tick_ms);
    assert_eq!((health.violations, health.caught_panics), (0, 0));
}

/// Fails unless a program says no in plain words: not with code 0, not with a backtrace, and in the first line.
fn refused_in_words(name: &str, arguments: &[&str], word: &str) -> Output {
    let output = output_of(name, arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{name} {arguments:?} succeeds");
    assert!(errors.contains(word), "{name} {arguments:?}: no `{word}` in `{errors}`");
    for scary in ["panicked", "RUST_BACKTRACE", "stack backtrace", "unwrap", "Os {"] {
        assert!(!errors.contains(scary), "{name} {arguments:?}: {errors}");
    }
    output
}

/// The same, and nothing but that one sentence.
fn refused_in_a_sentence(name: &str, arguments: &[&str], word: &str) {
    let output = refused_in_words(name, arguments, word);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors.trim().lines().count(), 1, "{name} {arguments:?}: {errors}");
    assert!(errors.trim().ends_with(['.', '?']), "{name} {arguments:?}: {errors}");
}

#[test]
fn wrong_arguments_are_answered_in_words() {
    refused_in_words("server", &["--snapshot-hz", "25"], "20, 30 or 60");
    refused_in_words("server", &["--http", "nowhere"], "IP:PORT");
    refused_in_words("server", &["--fly"], "--fly");
    refused_in_words("lab", &["swarm", "--clients", "many"], "many");
    refused_in_words("lab", &[], "swarm");
    refused_in_sentences_by_the_client();
}

fn refused_in_sentences_by_the_client() {
    refused_in_a_sentence("client", &["--fly"], "--fly");
    refused_in_a_sentence("client", &["--name", "\u{1b}[31m"], "name");
    refused_in_a_sentence("client", &["--transport", "pigeon"], "pigeon");
    #[cfg(target_os = "linux")]
    refused_in_a_sentence("client", &["--quick"], "No display");
}

#[test]
fn help_is_there_without_a_display_and_without_a_network() {
    for name in ["server", "client", "lab"] {
        let output = output_of(name, &["--help"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("Usage"), "{name}: {text}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_in_a_sentence() {
    let server = Server::start(&[]);
    let [http, udp, quic, tcp] = ["http", "udp", "quic", "tcp"].map(|socket| server.address(socket));
    let any = "127.0.0.1:0";
    refused_in_a_sentence("server", &["--http", &http, "--udp", any, "--quic", any, "--tcp", any], &http);
    for (socket, taken) in [("--udp", &udp), ("--quic", &quic), ("--tcp", &tcp)] {
        let (_, port) = taken.rsplit_once(':').expect("a port");
        let mut arguments = vec!["--http", any, "--udp", any, "--quic", any, "--tcp", any];
        let at = arguments.iter().position(|argument| *argument == socket).expect("it is among them");
        arguments[at + 1] = taken;
        refused_in_a_sentence("server", &arguments, port);
    }
}

#[test]
fn a_server_that_is_not_there_is_told_in_a_sentence() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let nobody = format!("http://{free}");
    for tool in ["swarm", "switch", "storm"] {
        refused_in_a_sentence("lab", &[tool, "--server", &nobody], "Could not reach the server");
    }
    refused_in_a_sentence("lab", &["storm", "--server", "http://192.0.2.1:8080"], "on this machine");
    refused_in_a_sentence("server", &["--assets", "/nowhere"], "/nowhere");
    refused_in_a_sentence(
        "server",
        &[
            "--http",
            "127.0.0.1:0",
            "--udp",
            "127.0.0.1:0",
            "--quic",
            "127.0.0.1:0",
            "--tcp",
            "127.0.0.1:0",
            "--map",
            "none",
        ],
        "none",
    );
}
