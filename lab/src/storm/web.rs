//! Nonsense at the lobby's port: what is not HTTP, HTTP that stops half-way, wrong JSON, and WebSockets that break their rules.
//!
//! Written by hand on bare sockets, since every library would refuse to send it.
//!
//! Flow: [`super::nonsense`] → TCP → the server's lobby.

use super::Storm;
use super::nonsense::Nonsense;
use super::tally::Port;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Time between two connections.
const PAUSE: Duration = Duration::from_millis(15);
/// How long a connection may take, and a write.
const DEADLINE: Duration = Duration::from_millis(500);
/// How long an answer is waited for where one is needed.
const ANSWER: Duration = Duration::from_millis(200);
/// Connections that are kept open half-way: a server serves many more.
const HELD: usize = 128;
/// Longest time that one is kept: longer than a server waits for the head of a request.
const HELD_FOR: Duration = Duration::from_secs(7);
/// A frame longer than any may be (RFC 6455, section 5.2).
const OVERSIZED: u64 = 1 << 20;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// What somebody does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    BadJson,
    BrokenUpgrade,
    HalfFrame,
    HalfRequest,
    OversizedFrame,
    Random,
    StrangeRequest,
    TextFrame,
    WildFrames,
}

const MANNERS: [Manner; 12] = [
    Manner::BadJson,
    Manner::BadJson,
    Manner::BadJson,
    Manner::BrokenUpgrade,
    Manner::HalfFrame,
    Manner::HalfRequest,
    Manner::OversizedFrame,
    Manner::Random,
    Manner::Random,
    Manner::StrangeRequest,
    Manner::TextFrame,
    Manner::WildFrames,
];

impl Manner {
    const fn name(self) -> &'static str {
        match self {
            Self::BadJson => "bad JSON",
            Self::BrokenUpgrade => "broken upgrade",
            Self::HalfFrame => "half a frame",
            Self::HalfRequest => "half a request",
            Self::OversizedFrame => "oversized frame",
            Self::Random => "random bytes",
            Self::StrangeRequest => "strange request",
            Self::TextFrame => "text frame",
            Self::WildFrames => "wild frames",
        }
    }
}

/// Throws until the storm is over.
pub(super) fn throw(storm: &Storm) {
    visit(storm, 50, (&MANNERS, Manner::name), |nonsense, manner, stream| speak(storm, nonsense, manner, stream));
}

/// Opens connection after connection until the storm is over, and lets `speak` misbehave on each in one of the named manners. `who` is the
/// thrower's number.
pub(super) fn visit<M: Copy>(
    storm: &Storm,
    who: u64,
    (manners, name): (&[M], fn(M) -> &'static str),
    mut speak: impl FnMut(&mut Nonsense, M, &mut TcpStream),
) {
    let mut nonsense = Nonsense::new(storm.seed, who);
    let mut held: VecDeque<(TcpStream, Instant)> = VecDeque::new();
    while !storm.over() {
        let manner = nonsense.one_of(manners);
        let stream = TcpStream::connect_timeout(&storm.http, DEADLINE).and_then(|stream| {
            stream.set_write_timeout(Some(DEADLINE))?;
            stream.set_read_timeout(Some(ANSWER))?;
            Ok(stream)
        });
        storm.tally.connection(Port::Http, name(manner), stream.is_ok());
        if let Ok(mut stream) = stream {
            speak(&mut nonsense, manner, &mut stream);
            // Some vanish at once, some are polite, some stay.
            match nonsense.below(3) {
                0 => drop(stream),
                1 => drop(stream.shutdown(Shutdown::Write)),
                _ => held.push_back((stream, Instant::now())),
            }
        }
        while held.len() > HELD || held.front().is_some_and(|(_, since)| since.elapsed() > HELD_FOR) {
            held.pop_front();
        }
        std::thread::sleep(PAUSE);
    }
}

fn speak(storm: &Storm, nonsense: &mut Nonsense, manner: Manner, stream: &mut TcpStream) {
    let say = |stream: &mut TcpStream, bytes: &[u8]| {
        // Being cut off in the middle is what usually happens here.
        let _ = stream.write_all(bytes);
        storm.tally.piece(Port::Http, manner.name(), bytes.len());
    };
    match manner {
        Manner::Random => say(stream, &nonsense.bytes(8_000)),
        Manner::HalfRequest => {
            let whole = json_request(storm, nonsense);
            let half = nonsense.below(whole.len());
            say(stream, &whole[..half]);
        }
        Manner::BadJson => say(stream, &json_request(storm, nonsense)),
        Manner::StrangeRequest => say(stream, &strange_request(storm, nonsense)),
        Manner::BrokenUpgrade => {
            let upgrade = nonsense.mutated(&upgrade_request(storm));
            say(stream, &upgrade);
        }
        Manner::TextFrame | Manner::OversizedFrame | Manner::HalfFrame | Manner::WildFrames => {
            if !upgraded(storm, stream) {
                return;
            }
            let body = nonsense.bytes(300);
            match manner {
                Manner::TextFrame => say(stream, &frame(TEXT, body.len() as u64, &body)),
                Manner::OversizedFrame => say(stream, &frame(BINARY, OVERSIZED, &nonsense.exactly(100_000))),
                Manner::HalfFrame => say(stream, &frame(BINARY, body.len() as u64 + 200, &body)),
                _ => {
                    for _ in 0..nonsense.below(20) + 1 {
                        let (_, message) = nonsense.broken_message();
                        let lane = nonsense.one_of(&[0, 0, 1, 1, 2, 255]);
                        let whole = [&[lane], message.as_slice()].concat();
                        let good = frame(BINARY, whole.len() as u64, &whole);
                        let wild = if nonsense.below(3) == 0 { nonsense.mutated(&good) } else { good };
                        say(stream, &wild);
                    }
                }
            }
        }
    }
}

/// Asks for a WebSocket and returns whether it was granted.
fn upgraded(storm: &Storm, stream: &mut TcpStream) -> bool {
    let mut answer = [0; 512];
    let asked = stream.write_all(&upgrade_request(storm));
    let got = asked.and_then(|()| stream.read(&mut answer)).unwrap_or(0);
    answer[..got].starts_with(b"HTTP/1.1 101")
}

fn upgrade_request(storm: &Storm) -> Vec<u8> {
    let host = storm.http;
    format!(
        "GET /v1/link HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// Returns a client's frame with `body`, masked with zeros, that claims to be `claimed` bytes long.
fn frame(first: u8, claimed: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match claimed {
        0..=125 => frame.push(0x80 | claimed as u8),
        126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend((claimed as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend(claimed.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(body);
    frame
}

fn json_request(storm: &Storm, nonsense: &mut Nonsense) -> Vec<u8> {
    let paths = [
        "/v1/guests",
        "/v1/rooms",
        "/v1/rooms/1/seats",
        "/v1/rooms/-1/seats",
        "/v1/sessions/7/endpoints",
        "/v1/link/http",
        "/v1/link/http/7",
    ];
    let path = nonsense.one_of(&paths);
    let body = match nonsense.below(6) {
        0 => "[".repeat(3_000).into_bytes(),
        1 => nonsense.exactly(6_000),
        2 => nonsense.bytes(200),
        3 => br#"{"name":"Somebody","name":"Else","admin":true}"#.to_vec(),
        _ => nonsense.mutated(br#"{"name":"Somebody","map":"crossfire","seats":8,"bots":2,"match_seconds":60}"#),
    };
    let secret: String = nonsense.bytes(60).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    // Claims more or less than comes, now and then.
    let length = body.len() + nonsense.one_of(&[0, 0, 0, 0, 1, 500]);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAuthorization: Bearer {secret}\r\n\
         Content-Length: {length}\r\n\r\n",
        storm.http
    );
    [head.into_bytes(), body].concat()
}

fn strange_request(storm: &Storm, nonsense: &mut Nonsense) -> Vec<u8> {
    let host = storm.http;
    match nonsense.below(5) {
        0 => format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(20_000)).into_bytes(),
        1 => {
            let lines: String = (0..200).map(|n| format!("X-{n}: {n}\r\n")).collect();
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n").into_bytes()
        }
        2 => format!("BREW /pot HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n")
            .into_bytes(),
        3 => format!("GET /../../etc/passwd HTTP/1.0\r\nHost: {host}\r\n\r\n").into_bytes(),
        _ => nonsense
            .mutated(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_claim_what_they_are_told_to() {
        assert_eq!(frame(TEXT, 2, b"hi"), [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(frame(BINARY, 300, b"")[..4], [0x82, 0xFE, 1, 44]);
        assert_eq!(frame(BINARY, OVERSIZED, b"").len(), 14);
    }
}
