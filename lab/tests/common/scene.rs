//! A server with one honest player, and somebody who is about to misbehave on links of their own.

use super::players::{Crew, FIRST_ROOM};
use super::server::Server;
use bytes::Bytes;
use protocol::lobby::{Grant, Guest};
use protocol::wire::Kind;
use protocol::wire::hello::{Hello, Refusal, Welcome, decode_refusal, decode_welcome, encode_hello};
use protocol::wire::reader::BitReader;
use protocol::wire::snapshot::Header;
use protocol::{CloseReason, Lane, Transport};
use std::time::{Duration, Instant};
use transport::lobby::LobbyClient;
use transport::{Closed, Link, Offer, WireOptions, dial};

/// How long an answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// A server, and somebody who is about to misbehave.
pub(crate) struct Scene {
    /// The server.
    pub(crate) server: Server,
    /// The honest player.
    pub(crate) honest: Crew,
    /// The server's lobby.
    pub(crate) lobby: LobbyClient,
}

impl Scene {
    /// Starts a server on which one honest player flies over QUIC.
    pub(crate) fn new() -> Self {
        let server = Server::start(&["--seats", "32", "--bots", "2"]);
        let mut honest = Crew::new(&server);
        let guest = honest.guest("Honest");
        honest.join(&guest, Transport::Quic);
        let lobby = server.lobby();
        Self { server, honest, lobby }
    }

    /// Becomes somebody.
    pub(crate) fn guest(&self) -> Guest {
        self.honest.guest("Stranger")
    }

    /// Asks for a seat in the first room.
    pub(crate) fn grant(&self, guest: &Guest) -> Grant {
        self.wait(self.lobby.take_seat(guest, FIRST_ROOM)).expect("there is a free seat")
    }

    /// Waits for what the honest player's runtime does meanwhile.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.honest.runtime.block_on(what)
    }

    /// Opens a link as a client does.
    pub(crate) fn dial(&self, wire: Transport, grant: &Grant) -> Link {
        let offer = Offer::over(wire, grant.endpoints.clone(), WireOptions::default());
        self.wait(dial(offer)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Says `hello` on a new link and returns what it was refused with.
    pub(crate) fn refused(&mut self, wire: Transport, grant: &Grant, hello: Vec<u8>) -> Refusal {
        let link = self.dial(wire, grant);
        link.send(Lane::Reliable, hello.into()).expect("an open link");
        let (messages, closed) = self.until_the_end(&link);
        assert_eq!(closed, Closed::ByPeer(CloseReason::Refused), "{wire}");
        let refusal = messages.iter().find_map(|(lane, message)| match Kind::split(*lane, message) {
            Ok((Kind::Refusal, body)) => Some(decode_refusal(body).expect("a refusal of this version")),
            _ => None,
        });
        refusal.unwrap_or_else(|| panic!("closed without a word over {wire}"))
    }

    /// Reads a link until the server closes it, while the honest player flies.
    pub(crate) fn until_the_end(&mut self, link: &Link) -> (Vec<(Lane, Bytes)>, Closed) {
        let mut messages = Vec::new();
        let start = Instant::now();
        loop {
            while let Some(inbound) = link.try_recv() {
                messages.push((inbound.lane, inbound.bytes));
            }
            if let Some(closed) = link.closed() {
                messages.extend(std::iter::from_fn(|| link.try_recv()).map(|inbound| (inbound.lane, inbound.bytes)));
                return (messages, closed);
            }
            assert!(start.elapsed() < ANSWER, "the server does not close {link:?}");
            self.honest.fly(Duration::from_millis(5));
        }
    }

    /// Joins with a good grant and returns link and welcome.
    pub(crate) fn join(&mut self, wire: Transport, grant: &Grant) -> (Link, Welcome) {
        let link = self.dial(wire, grant);
        let welcome = self.welcomed(&link, &Hello::Join { proof: grant.proof.clone() });
        (link, welcome)
    }

    /// Says `hello` and returns the welcome.
    pub(crate) fn welcomed(&mut self, link: &Link, hello: &Hello) -> Welcome {
        link.send(Lane::Reliable, encode_hello(hello).into()).expect("an open link");
        let start = Instant::now();
        while start.elapsed() < ANSWER {
            if let Some(inbound) = link.try_recv()
                && let Ok((Kind::Welcome, body)) = Kind::split(inbound.lane, &inbound.bytes)
            {
                return decode_welcome(body).expect("a welcome of this version");
            }
            self.honest.fly(Duration::from_millis(2));
        }
        panic!("no welcome over {link:?}");
    }

    /// Reads snapshots for `time` and returns their beginnings.
    pub(crate) fn snapshots(&mut self, link: &Link, time: Duration) -> Vec<Header> {
        let start = Instant::now();
        let mut headers = Vec::new();
        while start.elapsed() < time {
            while let Some(inbound) = link.try_recv() {
                if let Ok((Kind::Snapshot, body)) = Kind::split(inbound.lane, &inbound.bytes) {
                    headers.push(Header::read(&mut BitReader::new(body)).expect("a snapshot of this version"));
                }
            }
            self.honest.fly(Duration::from_millis(2));
        }
        headers
    }

    /// Fails unless the honest player has noticed nothing and the server has caught no fault of its own.
    pub(crate) fn honest_player_is_unharmed(mut self) {
        // The health page is written once per second.
        self.honest.fly(Duration::from_millis(1_100));
        self.honest.people[0].assert_unharmed();
        let health = self.wait(self.lobby.health()).expect("it is well");
        assert_eq!(health.caught_panics, 0);
        assert!(!self.server.log().contains("ERROR"), "faults of peers are not errors of ours");
    }
}
