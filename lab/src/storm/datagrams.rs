//! Datagrams from strangers at the two UDP ports: random ones, ones of the right shape, and real first words of a client after an
//! accident. What comes back is counted: a server must not send a stranger more than it got.
//!
//! They come from many loopback addresses, so that each has a stranger's full allowance.
//!
//! Flow: [`super::nonsense`], [`capture`] → socket → the server's `udp` and `quic` ports.

use super::nonsense::Nonsense;
use super::tally::Port;
use super::{Pass, Storm};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use transport::{Offer, dial};

/// Time between two bursts.
const BURST_EVERY: Duration = Duration::from_millis(10);
/// Datagrams per burst at the `udp` port: 4,000 per second.
const UDP_BURST: usize = 40;
/// Datagrams per burst at the `quic` port: 1,500 per second. Each costs the server a key derivation.
const QUIC_BURST: usize = 15;
/// Loopback addresses to throw from.
const SOURCES: u8 = 16;
/// Age at which a captured first word is replaced: connect tokens last 30 s.
const CAPTURE_EVERY: Duration = Duration::from_secs(12);
/// How long a client takes to say its first word.
const CAPTURE_DEADLINE: Duration = Duration::from_secs(1);
/// Answers read after every burst.
const ANSWERS: usize = 64;

/// Throws at the `udp` port until the storm is over.
pub(super) fn at_udp(storm: &Storm, pass: &Pass) {
    let address = storm.endpoints.udp.addr;
    throw(storm, pass, address, Port::Udp, UDP_BURST, Nonsense::netcode);
}

/// Throws at the `quic` port until the storm is over.
pub(super) fn at_quic(storm: &Storm, pass: &Pass) {
    let address = storm.endpoints.quic.addr;
    throw(storm, pass, address, Port::Quic, QUIC_BURST, Nonsense::quic);
}

fn throw(storm: &Storm, pass: &Pass, to: SocketAddr, port: Port, burst: usize, shape: fn(&mut Nonsense) -> Vec<u8>) {
    let mut nonsense = Nonsense::new(storm.seed, port as u64);
    let sockets = sockets(to);
    let (mut captured, mut next_capture) = (None, Instant::now());
    let mut scratch = [0; 2_048];
    while !storm.over() && !sockets.is_empty() {
        if Instant::now() >= next_capture {
            next_capture = Instant::now() + CAPTURE_EVERY;
            captured = capture(storm, pass, port).or(captured);
        }
        for _ in 0..burst {
            let (kind, datagram) = match (nonsense.below(5), &captured) {
                (0, _) => ("random", nonsense.datagram()),
                (1 | 2, Some(first)) => ("first words", nonsense.mutated(first)),
                _ => ("shaped", shape(&mut nonsense)),
            };
            let socket = &sockets[nonsense.below(sockets.len())];
            // A full buffer loses it, as a network would.
            if socket.send_to(&datagram, to).is_ok() {
                storm.tally.piece(port, kind, datagram.len());
            }
        }
        let answers = sockets.iter().flat_map(|socket| std::iter::repeat_n(socket, ANSWERS));
        for socket in answers {
            if let Ok(bytes) = socket.recv(&mut scratch) {
                storm.tally.answer(port, "answers", bytes);
            }
        }
        std::thread::sleep(BURST_EVERY);
    }
}

/// Opens sockets at as many loopback addresses as the system has.
fn sockets(to: SocketAddr) -> Vec<UdpSocket> {
    let from = |n| match to.is_ipv4() {
        true => SocketAddr::from((Ipv4Addr::new(127, 0, 0, n), 0)),
        false => SocketAddr::new(to.ip(), 0),
    };
    let open = |n| UdpSocket::bind(from(n)).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    // 127.0.0.1 is where the honest come from: its allowance is theirs.
    let many: Vec<_> = (2..2 + SOURCES).filter_map(|n| open(n).ok()).collect();
    if many.is_empty() { open(1).into_iter().collect() } else { many }
}

/// Lets a real client dial a socket of ours and returns the first datagram that it sends.
fn capture(storm: &Storm, pass: &Pass, port: Port) -> Option<Vec<u8>> {
    let grant = storm.runtime.block_on(storm.grant(pass))?;
    let ear = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    ear.set_read_timeout(Some(CAPTURE_DEADLINE)).ok()?;
    let here = ear.local_addr().ok()?;
    let offer = match port {
        Port::Udp => Offer::Udp { token: grant.endpoints.udp.token, server: Some(here) },
        _ => Offer::Quic { addr: here, certificate_sha256: grant.endpoints.quic.certificate_sha256 },
    };
    let dialling = storm.runtime.spawn(dial(offer));
    let mut first = vec![0; 2_048];
    let length = ear.recv(&mut first);
    dialling.abort();
    first.truncate(length.ok()?);
    Some(first)
}
