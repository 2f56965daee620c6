//! What the operator is shown, over real HTTP on loopback: metrics, readiness, the console's stream, the token, and a listener apart.
//!
//! Flow: `lobby/bench.rs` starts a lobby → these tests → `server::lobby`, `server::operator`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::Server;
use protocol::Transport;
use protocol::ids::RoomId;
use protocol::lobby::{Console, ConsolePoint, Health, LobbyEvent};
use server::vitals::{Pulse, WireTotals};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

fn pulse(quic_bytes: u64) -> Pulse {
    let mut wires = [WireTotals::default(); Transport::ALL.len()];
    wires[1] = WireTotals { links: 3, bytes_in: quic_bytes, latest_in: quic_bytes / 100, ..WireTotals::default() };
    let ticks = vec![Duration::from_micros(1_500); 60];
    Pulse {
        at: Instant::now(),
        at_ms: 1_000,
        ticks,
        overruns: 2,
        violations: 5,
        refused: vec![("udp_strangers", 4)],
        wires,
    }
}

/// Reads Prometheus' text format as strictly as it is written down: values by series, types by name.
fn read_metrics(text: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let (mut values, mut types) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
            match kind {
                "TYPE" => assert_eq!(types.insert(name.to_owned(), rest.to_owned()), None, "{name} is declared once"),
                other => assert_eq!(other, "HELP", "{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|n| types.contains_key(*n)));
        assert!(types.contains_key(base.unwrap_or(name)), "a type comes before its values: {line}");
        assert_eq!(values.insert(series.to_owned(), value.parse().unwrap()), None, "{series} is told once");
    }
    (values, types)
}

fn metrics(server: &Server) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let answer = server.call("GET", "/metrics", Some(&server.token), None);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    read_metrics(&answer.body)
}

#[test]
fn metrics_are_by_wire_and_by_matched_path() {
    let server = Server::start();
    assert_eq!(server.get("/metrics").status, 401);
    for path in ["/v1/rooms", "/v1/rooms", "/v1/rooms/7777/seats", "/secret/path", "/v1/nothing?wait=1"] {
        server.get(path);
    }
    server.vitals.beat(pulse(7_000));
    let began = Instant::now();
    let (values, types) = loop {
        let read = metrics(&server);
        // The memory is written down last, and a question may come in between.
        let whole = read.0.get("process_resident_memory_bytes").is_some_and(|bytes| *bytes > 0.0);
        if whole && read.0.get(r#"crosswire_links{transport="quic"}"#) == Some(&3.0) {
            break read;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", read.0.keys());
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(values[r#"crosswire_bytes_total{transport="quic",direction="in"}"#], 7_000.0);
    assert_eq!(values[r#"crosswire_messages_total{transport="quic",direction="in",lane="latest"}"#], 70.0);
    assert_eq!(values[r#"crosswire_tick_seconds_bucket{le="0.001"}"#], 0.0);
    assert!(values[r#"crosswire_tick_seconds_bucket{le="0.002"}"#] >= 60.0);
    assert_eq!((values["crosswire_tick_overruns_total"], values["crosswire_violations_total"]), (2.0, 5.0));
    assert_eq!(values["crosswire_rooms"], 2.0);
    assert_eq!(values[r#"crosswire_players{kind="person"}"#], 8.0);
    assert!(values[r#"crosswire_http_requests_total{route="/v1/rooms",method="GET",status="200"}"#] >= 2.0);
    assert!(values.keys().any(|series| series.contains(r#"route="none""#) && series.contains(r#"status="404""#)));
    assert!(values.keys().all(|series| !series.contains("secret") && !series.contains("7777")), "no raw paths");
    assert_eq!((types["crosswire_tick_seconds"].as_str(), types["crosswire_links"].as_str()), ("histogram", "gauge"));
    assert!(values["process_resident_memory_bytes"] > 1e6);
}

#[test]
fn ready_means_that_rooms_tick_and_the_store_writes() {
    let server = Server::start();
    let silent = server.get("/readyz");
    assert_eq!(silent.status, 503, "no tick yet: {silent:?}");
    silent.problem();
    server.vitals.beat(pulse(0));
    let ready = server.get("/readyz");
    assert_eq!((ready.status, ready.json::<Health>().rooms), (200, 2));
    server.rooms.lock().unwrap().publish_health(Health { status: "stopping".into(), ..Health::default() });
    assert_eq!(server.get("/readyz").status, 503, "nobody is to be sent to a server that stops");
    assert_eq!(server.get("/healthz").status, 200, "but it lives");
}

/// A stream of server-sent events, its head read.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &Server) -> Self {
        let mut stream = server.connect();
        let head = format!("GET /v1/console HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", server.token);
        stream.write_all(head.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(stream));
        assert!(stream.line().starts_with("HTTP/1.1 200"));
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended");
        line.trim_end().to_owned()
    }

    /// Returns the data of the next event of this kind.
    fn next(&mut self, event: &str) -> String {
        while self.line() != format!("event: {event}") {}
        self.line().strip_prefix("data: ").unwrap().to_owned()
    }
}

#[test]
fn the_console_is_told_what_was_what_is_and_what_happens() {
    let server = Server::start();
    assert_eq!(server.get("/v1/console").status, 401);
    assert_eq!(server.get(&format!("/v1/console?token={}", server.token)).status, 401, "a URL is no place for a token");
    server.vitals.beat(pulse(1_000));
    server.vitals.beat(pulse(4_000));
    let mut stream = Stream::open(&server);
    let history: Vec<ConsolePoint> = serde_json::from_str(&stream.next("history")).unwrap();
    assert_eq!((history.len(), history[0].wires[1].bytes_in, history[0].tick_p99), (1, 3_000, 1.5));
    let now: Console = serde_json::from_str(&stream.next("now")).unwrap();
    assert_eq!((now.rooms.len(), now.point, now.writable), (2, Some(history[0].clone()), true));
    server.vitals.beat(pulse(9_000));
    server.events.tell(LobbyEvent::RoomClosed { room: RoomId(2) });
    assert!(stream.next("happened").contains(r#""event":"room.closed""#));
    let now: Console = serde_json::from_str(&stream.next("now")).unwrap();
    assert_eq!(now.point.unwrap().wires[1].bytes_in, 5_000);
}

#[test]
fn orders_of_the_operator_need_the_token() {
    let server = Server::start();
    for path in ["/v1/console/rooms/1", "/v1/console/rooms/1/members/7"] {
        assert_eq!(server.call("DELETE", path, None, None).status, 401);
    }
    for (status, path) in
        [(404, "/v1/console/rooms/x"), (404, "/v1/console/rooms/1/members/x"), (404, "/v1/console/rooms/1/members/7")]
    {
        let answer = server.call("DELETE", path, Some(&server.token), None);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        answer.problem();
    }
}

#[test]
fn pages_run_nothing_but_what_they_brought() {
    let server = Server::start();
    for path in ["/", "/console"] {
        let page = server.get(path);
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
        let policy = page.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "script-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[test]
fn a_listener_apart_takes_everything_of_the_operators_with_it() {
    let server = Server::with_admin();
    let admin = server.admin.unwrap();
    for path in ["/console", "/v1/console", "/metrics", "/v1/webhooks"] {
        assert_eq!(server.call("GET", path, Some(&server.token), None).status, 404, "{path} is not for the public");
    }
    assert!(!server.get("/").body.contains("/console"));
    let ask = |path: &str, token: &str| {
        server.raw_at(
            admin,
            &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"),
        )
    };
    for path in ["/", "/console", "/healthz"] {
        assert_eq!(ask(path, "").status, 200, "{path}");
    }
    for path in ["/metrics", "/v1/webhooks"] {
        assert_eq!((ask(path, "").status, ask(path, &server.token).status), (401, 200), "{path}");
    }
    assert_eq!(ask("/v1/rooms", &server.token).status, 404, "and nothing else is there");
}

/// Only a browser shows whether the rule that a page comes with lets its own script run.
#[test]
fn a_browser_runs_the_pages() {
    let server = Server::start();
    let dump = |path: &str| {
        let profile = std::env::temp_dir().join(format!("crosswire-browser-{:016x}", rand::random::<u64>()));
        let output = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--virtual-time-budget=4000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("http://{}{path}", server.addr))
            .output();
        let _ = std::fs::remove_dir_all(&profile);
        output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(landing) = dump("/") else {
        eprintln!("skipped: there is no chromium on this machine");
        return;
    };
    assert!(landing.contains(&format!(r#"<code id="address">{}</code>"#, server.addr)), "{landing}");
    assert!(landing.contains("At the moment: 0 players in 2 rooms."), "{landing}");
    let console = dump("/console").expect("it was there a moment ago");
    assert!(console.contains(r#"<div id="gate">"#) && console.contains(r#"<div id="console" hidden="">"#), "{console}");
}
