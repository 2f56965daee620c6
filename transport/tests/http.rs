//! The `http` wire, taken at its word: what is sent twice counts once, what was lost comes again, strangers and nonsense get nothing.
//!
//! The calls here are written by hand, because no client of ours makes them.
//!
//! Flow: `tests/support` runs the server; the tests speak HTTP over bare sockets.

#[allow(dead_code, reason = "shared with the conformance suite, which needs more of it")]
mod support;

use bytes::Bytes;
use protocol::{CloseReason, Lane, Transport, limits};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Rig, SOON, eventually, receive};
use transport::{Closed, DialError, HttpMode, Link, Lost, Offer, Timing};

/// Status and body of an answer.
type Answer = (u16, Vec<u8>);

/// A link that is called by hand.
struct Calls {
    server: SocketAddr,
    link: u64,
    bearer: String,
}

impl Calls {
    /// Opens a link and returns it with the server's end.
    fn open(rig: &Rig) -> (Self, Link) {
        let (status, body) = call(rig.http, "POST", "/v1/link/http", "", b"");
        assert_eq!(status, 201);
        let opened: protocol::lobby::HttpLink = serde_json::from_slice(&body).unwrap();
        (Self { server: rig.http, link: opened.link, bearer: opened.bearer }, rig.accept())
    }

    fn path(&self) -> String {
        format!("/v1/link/http/{}", self.link)
    }

    fn authorization(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.bearer)
    }

    fn post(&self, post: u32, first: u32, frames: &[u8]) -> Answer {
        let body = [&post.to_le_bytes()[..], &first.to_le_bytes(), frames].concat();
        call(self.server, "POST", &self.path(), &self.authorization(), &body)
    }

    fn ask(&self, seen: u32, wait: Duration) -> Answer {
        let path = format!("{}?seen={seen}&wait={}", self.path(), wait.as_millis());
        call(self.server, "GET", &path, &self.authorization(), b"")
    }
}

/// Makes one call on a connection of its own.
fn call(server: SocketAddr, method: &str, path: &str, lines: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}Content-Length: {length}\r\n\r\n");
    raw(server, &[head.as_bytes(), body].concat())
}

/// Says these bytes and reads the answer. A status of 0 stands for none.
fn raw(server: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    // The server may have answered and closed before everything was written.
    let _ = stream.write_all(bytes);
    let mut heard = Vec::new();
    let mut piece = [0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        heard.extend_from_slice(&piece[..length]);
    }
    let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") else { return (0, Vec::new()) };
    let head = String::from_utf8_lossy(&heard[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, heard[end + 4..].to_vec())
}

fn frame(kind: u8, message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32 + 1).to_le_bytes()[..], &[kind], message].concat()
}

fn seen(number: u32) -> Answer {
    (200, number.to_le_bytes().to_vec())
}

/// The answer to a question.
fn news(number: u32, first: u32, frames: &[&[u8]]) -> Answer {
    (200, [&number.to_le_bytes()[..], &first.to_le_bytes(), &frames.concat()].concat())
}

const NOW: Duration = Duration::ZERO;

#[test]
fn a_body_that_is_posted_again_is_applied_once() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    let body = [frame(0, b"one"), frame(0, b"two"), frame(1, b"latest")].concat();
    for _ in 0..3 {
        assert_eq!(calls.post(1, 1, &body), seen(2), "a lost answer is given again");
    }
    // More behind what was not acknowledged.
    assert_eq!(calls.post(2, 1, &[body.as_slice(), &frame(0, b"three")].concat()), seen(3));
    // One that was overtaken.
    assert_eq!(calls.post(1, 1, &body), seen(3));
    let heard: Vec<_> = std::iter::from_fn(|| server.try_recv()).map(|inbound| inbound.bytes).collect();
    assert_eq!(heard, [&b"one"[..], b"two", b"latest", b"latest", b"three"]);
    assert_eq!(server.closed(), None);
}

#[test]
fn an_answer_that_was_lost_comes_again_until_it_was_seen() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    server.send(Lane::Reliable, Bytes::from_static(b"one")).unwrap();
    server.send(Lane::Reliable, Bytes::from_static(b"two")).unwrap();
    server.send(Lane::Latest, Bytes::from_static(b"old")).unwrap();
    server.send(Lane::Latest, Bytes::from_static(b"new")).unwrap();
    let (one, two) = (frame(0, b"one"), frame(0, b"two"));
    let newest = frame(1, b"new");
    assert_eq!(calls.ask(0, SOON), news(1, 1, &[&one, &two, &newest]), "at once, and only the newest");
    assert_eq!(calls.ask(0, SOON), news(2, 1, &[&one, &two]), "only what is reliable comes again");
    assert_eq!(calls.ask(1, SOON), news(3, 2, &[&two]));
    let began = Instant::now();
    assert_eq!(calls.ask(2, Duration::from_millis(200)), news(4, 3, &[]), "nothing is an answer, too");
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_question_waits_for_news_and_makes_room_for_a_newer_one() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    std::thread::scope(|scope| {
        let older = scope.spawn(|| calls.ask(0, SOON));
        std::thread::sleep(Duration::from_millis(100));
        let newer = scope.spawn(|| calls.ask(0, SOON));
        assert_eq!(older.join().unwrap(), news(1, 1, &[]), "the older one is sent away with nothing");
        assert!(!newer.is_finished());
        server.send(Lane::Latest, Bytes::from_static(b"news")).unwrap();
        assert_eq!(newer.join().unwrap(), news(2, 1, &[&frame(1, b"news")]));
    });
}

#[test]
fn the_answer_to_a_post_brings_the_newest_picture_to_those_who_want_it() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    server.send(Lane::Latest, Bytes::from_static(b"picture")).unwrap();
    server.send(Lane::Reliable, Bytes::from_static(b"word")).unwrap();
    assert_eq!(calls.post(1, 1, b""), seen(0), "nobody has asked");
    let post = |number: u32| {
        let body = [number.to_le_bytes(), 1_u32.to_le_bytes()].concat();
        call(calls.server, "POST", &format!("{}?latest", calls.path()), &calls.authorization(), &body)
    };
    let zero = 0_u32.to_le_bytes();
    assert_eq!(post(2), (200, [&zero[..], &1_u32.to_le_bytes(), &frame(1, b"picture")].concat()));
    assert_eq!(post(3), (200, [zero, 2_u32.to_le_bytes()].concat()), "there is no newer one");
    assert_eq!(calls.ask(0, NOW), news(3, 1, &[&frame(0, b"word")]), "what is reliable waits for a question");
}

#[test]
fn a_goodbye_stands_behind_all_messages_and_late_calls_are_told_why() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    server.send(Lane::Reliable, Bytes::from_static(b"last words")).unwrap();
    server.close(CloseReason::Replaced);
    let goodbye = [1, 0xFF, 0xFF, 0xFF];
    assert_eq!(calls.ask(0, SOON), news(1, 1, &[&frame(0, b"last words"), &goodbye]));
    assert_eq!(calls.post(1, 1, &[0, 0xFF, 0xFF, 0xFF]), seen(0));
    assert_eq!(server.closed(), Some(Closed::ByUs(CloseReason::Replaced)));
    assert_eq!(calls.post(2, 1, b""), (410, goodbye.to_vec()));
    assert_eq!(calls.ask(1, SOON), (410, goodbye.to_vec()));
    eventually("it is forgotten", SOON, || (calls.ask(1, NOW).0 == 404).then_some(()));

    let (calls, server) = Calls::open(&rig);
    let body = [frame(0, b"bye"), vec![2, 0xFF, 0xFF, 0xFF]].concat();
    assert_eq!(calls.post(1, 1, &body), seen(1));
    assert_eq!(server.closed(), Some(Closed::ByPeer(CloseReason::Refused)));
    assert_eq!(receive_rest(&server), [&b"bye"[..]]);
}

fn receive_rest(link: &Link) -> Vec<Bytes> {
    std::iter::from_fn(|| link.try_recv()).map(|inbound| inbound.bytes).collect()
}

#[test]
fn nobody_without_the_bearer_touches_a_link() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    let (other, _other_server) = Calls::open(&rig);
    let good = calls.authorization();
    let body = [&1_u32.to_le_bytes()[..], &1_u32.to_le_bytes(), &frame(0, b"forged")].concat();
    let first = calls.bearer.chars().next().unwrap();
    let flipped = calls.bearer.replacen(first, if first == '0' { "1" } else { "0" }, 1);
    for lines in [
        String::new(),
        other.authorization(),
        good.replace("Bearer", "Basic"),
        good.repeat(2),
        format!("Authorization: Bearer {flipped}\r\n"),
        format!("Authorization: Bearer {}\r\n", &calls.bearer[1..]),
        "Authorization: Bearer \r\n".to_owned(),
    ] {
        assert_eq!(call(rig.http, "POST", &calls.path(), &lines, &body).0, 401, "{lines}");
        assert_eq!(call(rig.http, "GET", &format!("{}?seen=0&wait=0", calls.path()), &lines, b"").0, 401, "{lines}");
    }
    for unknown in ["0", "1", "99999999999999999999", "-1", "..", ""] {
        let (status, _) = call(rig.http, "POST", &format!("/v1/link/http/{unknown}"), &good, &body);
        assert!(matches!(status, 401 | 404), "{unknown}: {status}");
    }
    assert_eq!(call(rig.http, "POST", "/v1/link/http", "Origin: http://evil.example\r\n", b"").0, 403);
    assert_eq!((server.try_recv(), server.closed()), (None, None));
    assert_eq!(call(rig.http, "POST", &calls.path(), &good, &body), seen(1), "its owner has noticed nothing");
}

#[test]
fn nonsense_with_the_right_bearer_ends_the_link_and_no_other() {
    let rig = Rig::new(Transport::Http);
    let (bystander, unmoved) = rig.pair();
    let reliable = frame(0, b"x");
    let numbers = |post: u32, first: u32| [post.to_le_bytes(), first.to_le_bytes()].concat();
    let too_long = frame(1, &vec![0; limits::MAX_LATEST_BYTES + 1]);
    for (status, body) in [
        (400, Vec::new()),
        (400, vec![1, 0, 0, 0, 1]),
        (400, [numbers(1, 2), reliable.clone()].concat()),
        (400, [numbers(1, 0), reliable.clone()].concat()),
        (400, [numbers(1, 1), frame(2, b"12345678")].concat()),
        (400, [numbers(1, 1), frame(9, b"")].concat()),
        (400, [numbers(1, 1), vec![0, 0, 0, 0]].concat()),
        (400, [numbers(1, 1), reliable[..3].to_vec()].concat()),
        (400, [numbers(1, 1), (limits::MAX_RELIABLE_BYTES as u32 + 2).to_le_bytes().to_vec()].concat()),
        (400, [numbers(1, 1), too_long].concat()),
        (413, vec![0; limits::HTTP_BODY_BYTES + 1]),
    ] {
        let (calls, server) = Calls::open(&rig);
        let (answered, said) = call(rig.http, "POST", &calls.path(), &calls.authorization(), &body);
        assert!(answered == status || (status == 413 && answered == 0), "{answered} for {} bytes", body.len());
        assert!(answered == 0 || said == [4, 0xFF, 0xFF, 0xFF], "it is told: {said:?}");
        let end = eventually("the link ends", SOON, || server.closed());
        assert!(matches!(end, Closed::Violation(_)), "{end:?}");
    }
    for query in [
        "",
        "?",
        "?seen=0",
        "?wait=0",
        "?seen=-1&wait=0",
        "?seen=99999999999&wait=0",
        "?seen=1&wait=0",
        "?seen=x&wait=y",
    ] {
        let (calls, server) = Calls::open(&rig);
        assert_eq!(
            call(rig.http, "GET", &format!("{}{query}", calls.path()), &calls.authorization(), b"").0,
            400,
            "{query}"
        );
        let end = eventually("the link ends", SOON, || server.closed());
        assert!(matches!(end, Closed::Violation(_)), "{query}: {end:?}");
    }
    let chunks = "Transfer-Encoding: chunked\r\n\r\nnot a length\r\n";
    for (status, method, rest) in [(405, "DELETE", "\r\n"), (405, "PUT", "\r\n"), (400, "POST", chunks)] {
        let (calls, server) = Calls::open(&rig);
        let head = format!("{method} {} HTTP/1.1\r\nHost: x\r\n{}{rest}", calls.path(), calls.authorization());
        assert_eq!(raw(rig.http, head.as_bytes()), (status, vec![4, 0xFF, 0xFF, 0xFF]), "{method}");
        let end = eventually("the link ends", SOON, || server.closed());
        assert!(matches!(end, Closed::Violation(_)), "{method}: {end:?}");
    }
    bystander.send(Lane::Reliable, Bytes::from_static(b"unmoved")).unwrap();
    assert_eq!(receive(&unmoved).bytes, &b"unmoved"[..]);
}

#[test]
fn a_body_whose_connection_ends_costs_nothing_but_the_call() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    let head =
        format!("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: 100\r\n\r\n", calls.path(), calls.authorization());
    for _ in 0..3 {
        let mut stream = TcpStream::connect(rig.http).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&[1, 0, 0, 0]).unwrap();
        // Long enough for the server to have read it.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(calls.post(1, 1, &frame(0, b"again")), seen(1), "on another connection it goes on");
    assert_eq!((receive(&server).bytes, server.closed()), (Bytes::from_static(b"again"), None));
}

/// Stands between a client and a server. From `hold` on, what the server says over the connections on which the client has asked until
/// then is swallowed; they stay open, and everything else goes through.
struct Swallower {
    address: SocketAddr,
    hold: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

impl Swallower {
    fn before(server: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(support::any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        let (hold, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (held, counted) = (Arc::clone(&hold), Arc::clone(&connections));
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let Ok(mut near) = near else { return };
                let mut far = TcpStream::connect(server).unwrap();
                let (mut near_too, mut far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let asks = Arc::new(AtomicBool::new(false));
                let (asked, held, counted) = (Arc::clone(&asks), Arc::clone(&held), Arc::clone(&counted));
                let fresh = held.load(Ordering::SeqCst);
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    copy(&mut near, &mut far, |said| {
                        asked.fetch_or(said.starts_with(b"GET"), Ordering::SeqCst);
                        true
                    });
                    counted.fetch_sub(1, Ordering::SeqCst);
                });
                std::thread::spawn(move || {
                    let passes = |_: &[u8]| fresh || !asks.load(Ordering::SeqCst) || !held.load(Ordering::SeqCst);
                    copy(&mut far_too, &mut near_too, passes);
                });
            }
        });
        Self { address, hold, connections }
    }
}

/// Passes on what `passes` lets through, until the end.
fn copy(from: &mut TcpStream, to: &mut TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut piece = [0; 4_096];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if passes(&piece[..length]) && to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // An end is something that is said, too.
    if passes(&[]) {
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
}

#[test]
fn a_question_that_leads_nowhere_is_asked_again_while_posts_go_through() {
    let rig = Rig::new(Transport::Http);
    let between = Swallower::before(rig.http);
    let url = format!("http://{}/v1/link/http", between.address);
    let offer = Offer::Http { url, mode: HttpMode::LongPoll };
    let client = rig.runtime.block_on(transport::dial_with(offer, rig.timing)).unwrap();
    let server = rig.accept();
    server.send(Lane::Reliable, Bytes::from_static(b"before")).unwrap();
    assert_eq!(receive(&client).bytes, &b"before"[..]);

    between.hold.store(true, Ordering::SeqCst);
    server.send(Lane::Reliable, Bytes::from_static(b"swallowed")).unwrap();
    assert_eq!(receive(&client).bytes, &b"swallowed"[..], "long before the longest question is over");
    client.send(Lane::Reliable, Bytes::from_static(b"all the same")).unwrap();
    assert_eq!(receive(&server).bytes, &b"all the same"[..]);
    eventually("two connections are open", SOON, || (between.connections.load(Ordering::SeqCst) == 2).then_some(()));
    assert_eq!((client.closed(), server.closed()), (None, None));
}

#[test]
fn a_body_that_dribbles_in_costs_only_its_own_link() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    let (client, unmoved) = rig.pair();
    let head =
        format!("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: 100\r\n\r\n", calls.path(), calls.authorization());
    let mut stream = TcpStream::connect(rig.http).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[1, 0, 0, 0]).unwrap();
    let end = eventually("silence is noticed", rig.timing.silence + SOON, || server.closed());
    assert_eq!(end, Closed::Lost(Lost::TimedOut));
    client.send(Lane::Reliable, Bytes::from_static(b"unmoved")).unwrap();
    receive(&unmoved);
    assert_eq!(client.closed(), None);
}

#[test]
fn more_calls_than_anybody_needs_are_slowed_down_not_refused() {
    let rig = Rig::new(Transport::Http);
    let (calls, server) = Calls::open(&rig);
    let began = Instant::now();
    let many = limits::INBOUND_BURST + limits::INBOUND_PER_SECOND;
    for _ in 0..many {
        assert_eq!(calls.ask(0, NOW).0, 200);
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?} for {many} calls", began.elapsed());
    assert_eq!(server.closed(), None);
}

#[test]
fn a_client_that_asks_at_a_fixed_rate_gets_news_at_that_rate() {
    let every = Duration::from_millis(100);
    let mut rig = Rig::new(Transport::Http);
    rig.http_mode = HttpMode::Poll(every);
    let (client, server) = rig.pair();
    let began = Instant::now();
    let mut heard = Vec::new();
    for n in 0..100_u8 {
        server.send(Lane::Latest, Bytes::from(vec![n])).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        heard.extend(std::iter::from_fn(|| client.try_recv()).map(|inbound| inbound.bytes[0]));
    }
    let questions = began.elapsed().as_millis() / every.as_millis();
    assert!(heard.is_sorted() && heard.len() as u128 <= questions + 1, "{heard:?} in {questions} questions");
    assert!(heard.len() as u128 >= questions / 2, "{heard:?}");
    server.send(Lane::Reliable, Bytes::from_static(b"all the same")).unwrap();
    client.send(Lane::Reliable, Bytes::from_static(b"and up at once")).unwrap();
    assert_eq!(receive(&server).bytes, &b"and up at once"[..]);
    let last = eventually("it comes", SOON, || client.try_recv().filter(|inbound| inbound.lane == Lane::Reliable));
    assert_eq!(last.bytes, &b"all the same"[..]);
}

#[test]
fn what_is_dialled_and_is_no_lobby_is_named() {
    let rig = Rig::new(Transport::Http);
    let dial = |url: String| {
        let offer = Offer::Http { url, mode: HttpMode::LongPoll };
        let impatient = Timing { handshake: Duration::from_millis(600), ..rig.timing };
        rig.runtime.block_on(transport::dial_with(offer, impatient)).unwrap_err()
    };
    let refused = dial(format!("http://{}/elsewhere", rig.http));
    assert!(matches!(refused, DialError::Http { status: 404, .. }), "{refused:?}");
    for url in ["", "ws://localhost/v1/link/http", "http://", "not an address"] {
        let refused = dial(url.to_owned());
        assert!(matches!(refused, DialError::Address(_)), "{url}: {refused:?}");
    }
    let vacant = std::net::TcpListener::bind(support::any_port()).unwrap().local_addr().unwrap();
    let refused = dial(format!("http://{vacant}/v1/link/http"));
    assert!(matches!(refused, DialError::Refused { .. }), "{refused:?}");
}

#[test]
fn a_link_that_nobody_knows_is_lost_and_not_asked_for_again() {
    let rig = Rig::new(Transport::Http);
    for status in ["401 Unauthorized", "404 Not Found", "429 Too Many Requests"] {
        let listener = std::net::TcpListener::bind(support::any_port()).unwrap();
        let url = format!("http://{}/v1/link/http", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.read(&mut [0; 2_048]);
                let opens = counted.fetch_add(1, Ordering::SeqCst) == 0;
                let answer = if opens {
                    "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: 23\r\n\r\n{\"link\":7,\"bearer\":\"a\"}".to_owned()
                } else {
                    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                };
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let offer = Offer::Http { url, mode: HttpMode::LongPoll };
        let client = rig.runtime.block_on(transport::dial_with(offer, rig.timing)).unwrap();
        let end = eventually("the link ends", SOON, || client.closed());
        assert_eq!(end, Closed::Lost(Lost::Reset), "{status}");
        assert!(calls.load(Ordering::SeqCst) <= 3, "{status}: one call of each kind, no repetition");
    }
}

/// Answers every call with `answer`, on as many connections as come.
fn strange_server(answer: &'static str) -> SocketAddr {
    let listener = std::net::TcpListener::bind(support::any_port()).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 2_048]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_server_that_answers_strangely_opens_no_link() {
    let rig = Rig::new(Transport::Http);
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 201 Created\r\ncontent-length: 35\r\n\r\n{\"link\":7,\"bearer\":\"a\\r\\nX: injected\"}",
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 201 Created\r\ncontent-length: 99999999999\r\n\r\n",
        "HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\n{",
    ] {
        let url = format!("http://{}/v1/link/http", strange_server(answer));
        let impatient = Timing { handshake: Duration::from_millis(600), ..rig.timing };
        let dialled =
            rig.runtime.block_on(transport::dial_with(Offer::Http { url, mode: HttpMode::LongPoll }, impatient));
        assert!(dialled.is_err(), "{answer}");
    }
}
