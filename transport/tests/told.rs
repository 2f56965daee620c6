//! A ticket is watched in all three ways against a lobby of a few lines: each tells of the same change, each counts what it took, and one
//! that breaks does not stop the others.

use protocol::ids::{PlayerId, RoomId, TicketId};
use protocol::lobby::{Guest, Health, Mode, Ticket, TicketState};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use transport::lobby::LobbyClient;
use transport::told::{Report, Said, Watch, Way};

fn ticket(version: u64, state: TicketState) -> Ticket {
    Ticket {
        id: TicketId(7),
        version,
        state,
        mode: Mode::Skirmish,
        players: Vec::new(),
        points: 1_000,
        waited_ms: 0,
        window_points: 100,
        expected_ms: None,
        bots_in_ms: None,
        waiting: 1,
        why: "Alone in the queue.".to_owned(),
        changed_ms: 0,
    }
}

/// A lobby with one ticket.
struct Lobby {
    state: watch::Sender<Ticket>,
    /// What was asked for, and how often.
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    client: LobbyClient,
}

impl Lobby {
    /// Opens one; with `stream`, it also tells without being asked.
    async fn open(stream: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = LobbyClient::new(&listener.local_addr().expect("bound").to_string()).expect("an address");
        let (state, _) = watch::channel(ticket(1, TicketState::Waiting));
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let (sender, counts) = (state.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, sender.subscribe(), Arc::clone(&counts), stream));
            }
        });
        Self { state, asked, client }
    }

    fn watch(&self) -> Watch {
        let guest = Guest { player: PlayerId(1), name: "Ada".to_owned(), secret: "s3cret".to_owned() };
        let runtime = tokio::runtime::Handle::current();
        transport::told::watch(&runtime, self.client.base(), &guest, TicketId(7)).expect("an address of ours")
    }

    fn asked(&self, what: &str) -> usize {
        self.asked.lock().expect("nobody panics").get(what).copied().unwrap_or(0)
    }
}

/// Answers calls on one connection until it ends.
async fn serve(
    socket: TcpStream,
    mut state: watch::Receiver<Ticket>,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    stream: bool,
) -> Option<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let (mut first, mut seen, mut known) = (String::new(), None, false);
        while !first.ends_with("\r\n\r\n") {
            let before = first.len();
            (socket.read_line(&mut first).await.ok()? > 0).then_some(())?;
            let line = first[before..].trim().to_ascii_lowercase();
            seen = line.strip_prefix("if-none-match: ").and_then(|tag| tag.trim_matches('"').parse().ok()).or(seen);
            known |= line == "authorization: bearer s3cret";
        }
        assert!(known || first.starts_with("GET /healthz"), "the secret goes with every call about a ticket");
        let target = first.split(' ').nth(1)?.to_owned();
        *asked.lock().expect("nobody panics").entry(target.clone()).or_default() += 1;
        if target.ends_with("/events") && stream {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            socket.write_all(head.as_bytes()).await.ok()?;
            loop {
                let now = state.borrow_and_update().clone();
                let event =
                    format!(": here\n\nid: {}\ndata: {}\n\n", now.version, serde_json::to_string(&now).expect("JSON"));
                socket.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.ok()?;
                state.changed().await.ok()?;
            }
        }
        if target.ends_with("?wait=25") && seen == Some(state.borrow().version) {
            state.wait_for(|now| Some(now.version) != seen).await.ok()?;
        }
        let now = state.borrow().clone();
        let (status, body) = if target.ends_with("/events") {
            let body = r#"{"title":"Too many","status":503,"detail":"There are too many streams."}"#;
            ("503 Service Unavailable", body.to_owned())
        } else if seen == Some(now.version) {
            ("304 Not Modified", String::new())
        } else if target == "/healthz" {
            ("200 OK", serde_json::to_string(&Health::default()).expect("JSON"))
        } else {
            ("200 OK", serde_json::to_string(&now).expect("JSON"))
        };
        let head = format!("HTTP/1.1 {status}\r\netag: \"{}\"\r\ncontent-length: {}\r\n\r\n", now.version, body.len());
        socket.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    }
}

/// Collects what is said until `done`, for five seconds at most.
async fn until(watch: &mut Watch, mut done: impl FnMut(&[Report]) -> bool) -> Vec<Report> {
    let (start, mut reports) = (Instant::now(), Vec::new());
    while !done(&reports) {
        assert!(start.elapsed() < Duration::from_secs(5), "{reports:#?}");
        match watch.heard() {
            Some(report) => reports.push(report),
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    reports
}

fn told(reports: &[Report], way: Way, version: u64) -> Option<&Report> {
    let tells = |report: &&Report| matches!(&report.said, Said::Ticket(ticket) if ticket.version == version);
    reports.iter().filter(|report| report.way == way).find(tells)
}

#[tokio::test]
async fn every_way_tells_of_the_match_and_counts_what_it_took() {
    let lobby = Lobby::open(true).await;
    let mut watch = lobby.watch();
    until(&mut watch, |reports| Way::ALL.iter().all(|way| told(reports, *way, 1).is_some())).await;
    lobby.state.send_replace(ticket(2, TicketState::Ready { room: RoomId(3) }));
    let reports = until(&mut watch, |reports| Way::ALL.iter().all(|way| told(reports, *way, 2).is_some())).await;
    let at = |way| told(&reports, way, 2).expect("it told").at;
    assert!(at(Way::Stream) < at(Way::Polling) && at(Way::LongPoll) < at(Way::Polling), "polling comes last");
    for way in Way::ALL {
        let cost = told(&reports, way, 2).expect("it told").cost;
        let calls = if way == Way::Stream { 1 } else { 2 };
        assert_eq!((cost.calls, cost.connections), (calls, 1), "{way:?} keeps its connection");
        assert!(cost.received > 400 && cost.sent > 100, "{way:?}: {cost:?}");
    }
    assert_eq!(lobby.asked("/v1/tickets/7?wait=25"), 2, "nobody asks about a ticket that is over");
    assert_eq!(lobby.asked("/v1/tickets/7/events"), 1);
}

#[tokio::test]
async fn one_way_that_breaks_says_so_and_the_others_go_on() {
    let lobby = Lobby::open(false).await;
    let mut watch = lobby.watch();
    let broken = |report: &Report| matches!(&report.said, Said::Broken(why) if why == "There are too many streams.");
    let reports = until(&mut watch, |reports| reports.iter().any(broken)).await;
    assert!(reports.iter().filter(|report| broken(report)).all(|report| report.way == Way::Stream));
    lobby.state.send_replace(ticket(2, TicketState::Cancelled));
    until(&mut watch, |reports| told(reports, Way::LongPoll, 2).is_some()).await;
}

#[tokio::test]
async fn the_round_trip_is_measured_on_one_connection() {
    let lobby = Lobby::open(true).await;
    let time = transport::told::round_trip(&lobby.client).await.expect("the lobby answers");
    assert!(time < Duration::from_secs(1), "{time:?}");
    assert_eq!(lobby.asked("/healthz"), 5);
    let nobody = LobbyClient::new("127.0.0.1:1").expect("an address");
    assert!(transport::told::round_trip(&nobody).await.is_err());
}
