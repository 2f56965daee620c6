//! Nonsense for HTTP/3 at the QUIC port, where browsers speak WebTransport: control streams, settings, frames and requests that are none,
//! pages that may not ask, and sessions that go wrong after they were granted.
//!
//! Real connections with real requests in them, since nothing else gets as far as the parts behind.
//!
//! Flow: [`script`] of [`super::nonsense`] → [`transport::knock`] → the server's `quic` port → statuses in the tally.

use super::Storm;
use super::nonsense::Nonsense;
use super::tally::Port;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use transport::Timing;
use url::Url;
use web_transport_quinn::http::{HeaderMap, HeaderValue, header::ORIGIN};
use web_transport_quinn::proto::{ConnectError, ConnectRequest, ConnectResponse, Settings, VarInt};
use web_transport_quinn::quinn::{Connection, RecvStream, SendStream};

/// Time between two connections.
const PAUSE: Duration = Duration::from_millis(30);
/// Connections at once: far fewer than handshakes that a server has in flight.
const AT_ONCE: usize = 48;
/// How long one line may take to be said, and an answer to come.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long some stay and say nothing more: longer than a server waits for a greeting.
const SILENCE: Duration = Duration::from_millis(3_600);
/// Kinds of frames and streams (RFC 9114, 7.2; RFC 9297, 3.1; draft-ietf-webtrans-http3, 4.3).
const DATA: u64 = 0x00;
const HEADERS: u64 = 0x01;
const SETTINGS: u64 = 0x04;
const SESSION_STREAM: u64 = 0x41;
/// Lengths that a frame may claim: none, the largest that is read and one more, more than there is memory, the largest number.
const CLAIMS: [u64; 5] = [0, 1 << 16, (1 << 16) + 1, 1 << 40, (1 << 62) - 1];
/// Settings in one frame that is still read.
const MANY_SETTINGS: u64 = 16_000;

/// What somebody does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    Control,
    Settings,
    Frames,
    FieldSection,
    OtherPath,
    ForeignOrigin,
    HalfWay,
    NoStream,
    OtherStream,
    Datagrams,
    Capsules,
}

const MANNERS: [Manner; 11] = [
    Manner::Control,
    Manner::Settings,
    Manner::Frames,
    Manner::FieldSection,
    Manner::OtherPath,
    Manner::ForeignOrigin,
    Manner::HalfWay,
    Manner::NoStream,
    Manner::OtherStream,
    Manner::Datagrams,
    Manner::Capsules,
];

impl Manner {
    const fn name(self) -> &'static str {
        match self {
            Self::Control => "h3 control stream",
            Self::Settings => "h3 settings",
            Self::Frames => "h3 frames",
            Self::FieldSection => "h3 field section",
            Self::OtherPath => "h3 other path",
            Self::ForeignOrigin => "h3 foreign origin",
            Self::HalfWay => "h3 half-way",
            Self::NoStream => "h3 no stream",
            Self::OtherStream => "h3 other stream",
            Self::Datagrams => "h3 datagrams",
            Self::Capsules => "h3 capsules",
        }
    }

    /// Whether nobody may be let in who comes so.
    const fn is_refused(self) -> bool {
        matches!(self, Self::OtherPath | Self::ForeignOrigin)
    }
}

/// One thing that is said.
enum Line {
    /// On a new stream in one direction.
    OneWay(Vec<u8>),
    /// On a new stream in both directions; an answer is waited for.
    Stream(Vec<u8>),
    /// On the first stream in both directions, which is that of the request.
    More(Vec<u8>),
    Datagram(Vec<u8>),
}

/// Opens connection after connection until the storm is over.
pub(super) async fn throw(storm: Arc<Storm>) {
    let mut nonsense = Nonsense::new(storm.seed, 60);
    let mut visits = JoinSet::new();
    while !storm.over() {
        let manner = nonsense.one_of(&MANNERS);
        let Some(script) = script(&mut nonsense, manner, &storm.endpoints.webtransport.url) else {
            return storm.note("HTTP/3 is left out: the server's address is none.");
        };
        let silent = matches!(manner, Manner::HalfWay | Manner::NoStream) && nonsense.below(3) == 0;
        visits.spawn(visit(Arc::clone(&storm), manner, script, if silent { SILENCE } else { PATIENCE }));
        if visits.len() >= AT_ONCE {
            visits.join_next().await;
        }
        sleep(PAUSE).await;
    }
    while visits.join_next().await.is_some() {}
}

/// Writes down everything that will be said, so that it depends on the seed and the address alone. None if that is no address.
fn script(nonsense: &mut Nonsense, manner: Manner, url: &str) -> Option<Vec<Line>> {
    let url: Url = url.parse().ok()?;
    let request = |url: Url, origin: Option<&'static str>| {
        let origin = origin.map(|origin| (ORIGIN, HeaderValue::from_static(origin)));
        let mut bytes = Vec::new();
        let request = ConnectRequest::new(url).with_headers(HeaderMap::from_iter(origin));
        request.encode(&mut bytes).ok().map(|()| bytes)
    };
    let good = request(url.clone(), None)?;
    let opening = || vec![Line::OneWay(settings()), Line::Stream(good.clone())];
    Some(match manner {
        Manner::Control => {
            let streams = nonsense.below(4) + 1;
            let mut lines: Vec<Line> = (0..streams).map(|_| Line::OneWay(nonsense.bytes(2_000))).collect();
            lines.push(Line::Stream(nonsense.bytes(200)));
            lines
        }
        Manner::Settings => vec![Line::OneWay(strange_settings(nonsense)), Line::Stream(good)],
        Manner::Frames => vec![Line::OneWay(settings()), Line::Stream(strange_frames(nonsense, &good))],
        Manner::FieldSection => {
            let section = match nonsense.below(3) {
                0 => nonsense.bytes(300),
                1 => [vec![0, 0], vec![0xFF; nonsense.below(40)]].concat(),
                _ => nonsense.mutated(field_section(&good)?),
            };
            vec![Line::OneWay(settings()), Line::Stream(frame(HEADERS, section.len() as u64, &section))]
        }
        Manner::OtherPath => {
            let long = "x".repeat(12_000);
            let path = nonsense.one_of(&["/", "/v1/rooms", "/v1/link/", "/v1/link/http", "/%00", "//", long.as_str()]);
            let mut other = url;
            other.set_path(path);
            vec![Line::OneWay(settings()), Line::Stream(request(other, None)?)]
        }
        Manner::ForeignOrigin => {
            let origins = ["https://evil.example", "null", "", "https://127.0.0.1.evil.example", "file://"];
            vec![Line::OneWay(settings()), Line::Stream(request(url, Some(nonsense.one_of(&origins)))?)]
        }
        Manner::HalfWay => {
            let (first, second) = (settings(), nonsense.below(2) == 0);
            let (all, whole) = if second { (good, Some(first)) } else { (first, None) };
            let half = all.get(..nonsense.below(all.len())).unwrap_or_default().to_vec();
            match whole {
                Some(first) => vec![Line::OneWay(first), Line::Stream(half)],
                None => vec![Line::OneWay(half)],
            }
        }
        Manner::NoStream => opening(),
        Manner::OtherStream => {
            let session = nonsense.one_of(&[0, 0, 4, 1_000, (1 << 62) - 1]);
            let start = [varint(SESSION_STREAM), varint(session)].concat();
            let words = nonsense.bytes(100);
            let stream = nonsense.mutated(&[start, words].concat());
            opening().into_iter().chain([Line::Stream(stream)]).collect()
        }
        Manner::Datagrams => {
            let mut lines = opening();
            lines.extend((0..nonsense.below(60)).map(|_| {
                let session = nonsense.one_of(&[0, 0, 4, 1_000, (1 << 62) - 1]);
                let words = nonsense.bytes(900);
                let whole = [varint(session), words].concat();
                Line::Datagram(match nonsense.below(3) {
                    // A number that ends before it is over.
                    0 => vec![0xC0; nonsense.below(8)],
                    1 => nonsense.bytes(20),
                    _ => whole,
                })
            }));
            lines
        }
        Manner::Capsules => {
            let mut lines = opening();
            lines.extend((0..nonsense.below(40) + 1).map(|_| {
                let (kind, claim) = (nonsense.one_of(&[0, 0x2843, 0x78AE, (1 << 62) - 1]), nonsense.one_of(&CLAIMS));
                let body = nonsense.bytes(100);
                let length = if nonsense.below(2) == 0 { body.len() as u64 } else { claim };
                let capsule = [varint(kind), varint(length), body].concat();
                Line::More(frame(DATA, capsule.len() as u64, &capsule))
            }));
            lines
        }
    })
}

/// Returns what comes behind the kind and the length of a request's frame.
fn field_section(mut frame: &[u8]) -> Option<&[u8]> {
    VarInt::decode(&mut frame).ok()?;
    VarInt::decode(&mut frame).ok()?;
    Some(frame)
}

/// A control stream as a browser opens it.
fn settings() -> Vec<u8> {
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    let mut bytes = Vec::new();
    settings.encode(&mut bytes);
    bytes
}

fn strange_settings(nonsense: &mut Nonsense) -> Vec<u8> {
    let claim = nonsense.one_of(&CLAIMS);
    match nonsense.below(5) {
        // As many as fit, each another one.
        0 => {
            let pairs: Vec<u8> = (0..MANY_SETTINGS).flat_map(|n| [varint(0x40 + n), varint(n % 64)].concat()).collect();
            control(frame(SETTINGS, pairs.len() as u64, &pairs))
        }
        1 => control(frame(SETTINGS, claim, &nonsense.bytes(500))),
        2 => control(frame(nonsense.one_of(&[DATA, HEADERS, 0x03, 0x07, 0x21]), claim, &nonsense.bytes(500))),
        // Empty frames of no meaning, without an end.
        3 => control(frame(0x21, 0, &[]).repeat(2_000)),
        _ => nonsense.mutated(&settings()),
    }
}

fn control(frames: Vec<u8>) -> Vec<u8> {
    [varint(0), frames].concat()
}

fn strange_frames(nonsense: &mut Nonsense, good: &[u8]) -> Vec<u8> {
    let claim = nonsense.one_of(&CLAIMS);
    let kind = nonsense.one_of(&[DATA, HEADERS, SETTINGS, 0x05, 0x21, SESSION_STREAM, (1 << 62) - 1]);
    match nonsense.below(4) {
        0 => frame(kind, claim, &nonsense.bytes(500)),
        1 => [frame(0x21, 0, &[]).repeat(2_000), good.to_vec()].concat(),
        2 => nonsense.mutated(good),
        _ => [good.to_vec(), frame(kind, claim, &nonsense.bytes(500))].concat(),
    }
}

/// Returns a frame with `body` that claims to be `claimed` bytes long.
fn frame(kind: u64, claimed: u64, body: &[u8]) -> Vec<u8> {
    [varint(kind), varint(claimed), body.to_vec()].concat()
}

/// Writes a number as QUIC does (RFC 9000, 16).
fn varint(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    VarInt::from_u64(number).unwrap_or(VarInt::MAX).encode(&mut bytes);
    bytes
}

async fn visit(storm: Arc<Storm>, manner: Manner, script: Vec<Line>, stay: Duration) {
    let (to, hash) = (storm.endpoints.quic.addr, storm.endpoints.webtransport.certificate_sha256);
    let knocked = transport::knock(to, hash, Timing::default()).await;
    storm.tally.connection(Port::Quic, manner.name(), knocked.is_ok());
    let Ok((endpoint, connection)) = knocked else { return };
    let mut said = Said { storm: &storm, manner, connection, streams: Vec::new(), ways: Vec::new() };
    for line in script {
        // Being cut off in the middle is what usually happens here.
        if !matches!(timeout(PATIENCE, said.line(line)).await, Ok(Some(()))) {
            break;
        }
    }
    let _ = timeout(stay, said.connection.closed()).await;
    drop(said);
    // Half of the goodbyes would be lost with the socket.
    let _ = timeout(PATIENCE, endpoint.wait_idle()).await;
}

/// A connection and what was opened on it: whatever is dropped would be ended in good order.
struct Said<'a> {
    storm: &'a Storm,
    manner: Manner,
    connection: Connection,
    streams: Vec<(SendStream, RecvStream)>,
    ways: Vec<SendStream>,
}

impl Said<'_> {
    async fn line(&mut self, line: Line) -> Option<()> {
        let (Line::OneWay(bytes) | Line::Stream(bytes) | Line::More(bytes) | Line::Datagram(bytes)) = &line;
        self.storm.tally.piece(Port::Quic, self.manner.name(), bytes.len());
        match line {
            Line::OneWay(bytes) => {
                self.ways.push(self.connection.open_uni().await.ok()?);
                self.ways.last_mut()?.write_all(&bytes).await.ok()
            }
            Line::Stream(bytes) => {
                self.streams.push(self.connection.open_bi().await.ok()?);
                let (send, recv) = self.streams.last_mut()?;
                send.write_all(&bytes).await.ok()?;
                let mut answer = [0; 512];
                let got = timeout(PATIENCE / 2, recv.read(&mut answer)).await;
                let Ok(Ok(Some(got))) = got else { return Some(()) };
                self.storm.tally.answer(Port::Quic, self.manner.name(), got);
                let status = status(answer.get(..got)?).filter(|_| self.manner.is_refused());
                status.into_iter().for_each(|status| self.storm.tally.status(Port::Quic, self.manner.name(), status));
                Some(())
            }
            Line::More(bytes) => self.streams.first_mut()?.0.write_all(&bytes).await.ok(),
            Line::Datagram(bytes) => self.connection.send_datagram(bytes.into()).ok(),
        }
    }
}

/// Reads the status out of an answer.
fn status(mut answer: &[u8]) -> Option<u16> {
    match ConnectResponse::decode(&mut answer) {
        Ok(response) => Some(response.status.as_u16()),
        Err(ConnectError::WrongStatus(status)) => status.map(|status| status.as_u16()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://127.0.0.1:5000/v1/link";

    #[test]
    fn every_manner_has_something_to_say() {
        let mut nonsense = Nonsense::new(1, 1);
        for manner in MANNERS {
            for _ in 0..50 {
                let lines = script(&mut nonsense, manner, URL).expect("an address");
                assert!(!lines.is_empty(), "{}", manner.name());
            }
            assert!(script(&mut nonsense, manner, "none").is_none());
        }
    }

    #[test]
    fn what_begins_as_something_real_is_real() {
        assert_eq!(Settings::decode(&mut settings().as_slice()).expect("settings").supports_webtransport(), 1);
        let mut nonsense = Nonsense::new(1, 1);
        let lines = script(&mut nonsense, Manner::NoStream, URL).expect("an address");
        let Some(Line::Stream(request)) = lines.get(1) else { panic!("no request") };
        let request = ConnectRequest::decode(&mut request.as_slice()).expect("a request");
        assert_eq!(request.url.path(), "/v1/link");
    }

    #[test]
    fn statuses_are_read_also_where_they_refuse() {
        for expected in [200, 403, 404] {
            let status_code = web_transport_quinn::http::StatusCode::from_u16(expected).expect("a status");
            let mut answer = Vec::new();
            ConnectResponse::new(status_code).encode(&mut answer).expect("short");
            assert_eq!(status(&answer), Some(expected));
        }
        assert_eq!(status(b"\x01"), None);
    }
}
