//! Nonsense: bytes that are random, bytes that look like something, and real messages after an accident.
//!
//! Random bytes alone test little, since nearly all die at the first check. So most of this begins as something real: a message of
//! our own encoders, a datagram that a real client sent, the shape of a packet. Then bits flip, ends are lost, parts come twice.
//! The same seed gives the same nonsense.
//!
//! Flow: `--seed` → here → every thrower.

use game::{Aim, Buttons, Command, Tick};
use protocol::ids::{Epoch, Lane, SessionId};
use protocol::limits::{BUNDLE_COMMANDS, MAX_CLIENT_RELIABLE_BYTES, MAX_LATEST_BYTES, NETCODE_PROTOCOL_ID};
use protocol::wire::Kind;
use protocol::wire::command::Bundle;
use protocol::wire::event::{self, ClientEvent};
use protocol::wire::hello::{Hello, Refusal, Resume, encode_hello, encode_refusal};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

/// Largest datagram that is thrown: more than any network carries whole.
const MAX_DATAGRAM: usize = 4_000;
/// Size of a netcode connection request.
const REQUEST_BYTES: usize = 1_078;
/// What netcode's connection requests carry behind their first byte.
const NETCODE_VERSION: &[u8; 13] = b"NETCODE 1.02\0";
/// Least size of a datagram with a QUIC Initial (RFC 9000, section 14.1).
const INITIAL_BYTES: usize = 1_200;

/// A source of nonsense.
pub(super) struct Nonsense(StdRng);

impl Nonsense {
    /// Returns the source of the thrower `who` in the storm `seed`.
    pub(super) fn new(seed: u64, who: u64) -> Self {
        Self(StdRng::seed_from_u64(seed ^ who.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// Returns a number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// Returns one of `all`.
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.random_range(0..all.len())]
    }

    /// Returns exactly `length` random bytes.
    pub(super) fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Returns up to `most` random bytes.
    pub(super) fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        self.exactly(length)
    }

    /// Returns a random datagram; now and then an empty or an oversized one.
    pub(super) fn datagram(&mut self) -> Vec<u8> {
        let most = self.one_of(&[0, 20, 100, 1_200, 1_400, MAX_DATAGRAM]);
        self.bytes(most)
    }

    /// Returns `original` after one to three accidents.
    pub(super) fn mutated(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..self.0.random_range(1..=3) {
            self.accident(&mut bytes);
        }
        bytes
    }

    fn accident(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(7) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            2 if !bytes.is_empty() => bytes[at] = self.one_of(&[0, 1, 0x7F, 0x80, 0xFF]),
            3 => bytes.truncate(at),
            4 => {
                let twice: Vec<u8> = bytes.iter().skip(at).take(64).copied().collect();
                bytes.splice(at..at, twice);
            }
            5 => {
                let more = self.bytes(40);
                bytes.extend(more);
            }
            _ => {
                let strange = self.bytes(12);
                let end = (at + strange.len()).min(bytes.len());
                bytes.splice(at..end, strange);
            }
        }
    }

    /// Returns something of the shape of a netcode packet: every kind, every length of number, cut off anywhere.
    pub(super) fn netcode(&mut self) -> Vec<u8> {
        if self.0.random_bool(0.25) {
            return self.request();
        }
        let kind = self.below(16) as u8;
        let number = if self.0.random_bool(0.8) { self.below(10) } else { self.below(16) };
        let mut bytes = vec![kind | (number as u8) << 4];
        let filler = self.one_of(&[None, None, Some(0), Some(0xFF)]);
        bytes.extend((0..number).map(|_| filler.unwrap_or_else(|| self.0.random())));
        let most = self.one_of(&[4, 20, 40, 350, 1_400, MAX_DATAGRAM]);
        bytes.extend(self.bytes(most));
        bytes
    }

    /// Returns a connection request of the right size with a token that nobody sealed.
    fn request(&mut self) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(NETCODE_VERSION);
        bytes.extend(NETCODE_PROTOCOL_ID.to_le_bytes());
        bytes.extend(u64::from(u32::MAX).to_le_bytes());
        let sealed = self.exactly(REQUEST_BYTES - bytes.len());
        bytes.extend(sealed);
        if self.0.random_bool(0.3) { self.mutated(&bytes) } else { bytes }
    }

    /// Returns something of the shape of a QUIC packet: every kind of long header, known and unknown versions, short headers.
    pub(super) fn quic(&mut self) -> Vec<u8> {
        if self.0.random_bool(0.2) {
            let mut short = vec![0x40 | self.below(64) as u8];
            short.extend(self.bytes(1_300));
            return short;
        }
        let mut bytes = vec![0xC0 | self.below(64) as u8];
        let version = self.one_of(&[1, 1, 1, 0x6B33_43CF, 0, 0xFF00_001D, 0x1A2A_3A4A]);
        bytes.extend(u32::to_be_bytes(version));
        for _ in 0..2 {
            let length = self.one_of(&[0, 8, 8, 16, 20, 21, 255]);
            bytes.push(length);
            let id = self.bytes(usize::from(length));
            bytes.extend(id);
        }
        bytes.push(self.one_of(&[0, 0, 0, 16, 0x40, 0xC0]));
        let length = self.one_of(&[0x4000_u16 | 1_150, 0x4000, 0x7FFF, 20]);
        bytes.extend(length.to_be_bytes());
        let rest = INITIAL_BYTES.saturating_sub(bytes.len());
        let rest = if self.0.random_bool(0.8) { self.exactly(rest) } else { self.bytes(rest) };
        bytes.extend(rest);
        bytes
    }

    /// Returns a message of the protocol in good order, and the lane that it belongs on.
    pub(super) fn message(&mut self) -> (Lane, Vec<u8>) {
        match self.below(8) {
            0 => (Lane::Reliable, encode_hello(&Hello::Join { proof: self.bytes(300) })),
            1 => {
                let key_proof = self.0.random();
                let (session, epoch) = (SessionId(self.0.random()), Epoch(self.0.random()));
                (
                    Lane::Reliable,
                    encode_hello(&Hello::Resume(Resume { session, epoch, key_proof, events_seen: self.0.random() })),
                )
            }
            2 => {
                let line = "chat ".repeat(self.below(60));
                (Lane::Reliable, event::encode(Kind::ClientEvent, self.0.random_range(0..4), ClientEvent::Chat(line)))
            }
            3 => (Lane::Reliable, event::encode(Kind::ClientEvent, self.0.random(), ClientEvent::Leave)),
            4 => (Lane::Reliable, encode_refusal(Refusal::Stopping)),
            _ => (Lane::Latest, self.bundle().encode()),
        }
    }

    /// Returns a bundle of commands for any time.
    fn bundle(&mut self) -> Bundle {
        let newest = self.one_of(&[0, 1, 1_000, u32::MAX - 3, u32::MAX]).wrapping_add(self.0.random_range(0..3));
        let command =
            |rng: &mut StdRng| Command { thrust: rng.random(), aim: Aim(rng.random()), buttons: Buttons(rng.random()) };
        let commands = (0..self.0.random_range(1..=BUNDLE_COMMANDS)).map(|_| command(&mut self.0)).collect();
        let (snapshot, events_seen) = (Tick(self.0.random()), self.0.random());
        let (stamp, shown) = (self.0.random(), self.0.random());
        Bundle { newest: Tick(newest), snapshot, events_seen, stamp, shown, commands }
    }

    /// Returns a message that went wrong: in its bytes, in its lane, in its length. Both lanes can carry it.
    pub(super) fn broken_message(&mut self) -> (Lane, Vec<u8>) {
        let (lane, message) = self.message();
        let other = if lane == Lane::Latest { Lane::Reliable } else { Lane::Latest };
        let (lane, mut message) = match self.below(6) {
            0 => (other, message),
            1 => (self.one_of(&[Lane::Latest, Lane::Reliable]), self.bytes(300)),
            2 => (Lane::Reliable, self.exactly(MAX_CLIENT_RELIABLE_BYTES * 2)),
            _ => (lane, self.mutated(&message)),
        };
        if lane == Lane::Latest {
            message.truncate(MAX_LATEST_BYTES);
        }
        (lane, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_nonsense_again() {
        let some = |seed| {
            let mut nonsense = Nonsense::new(seed, 1);
            let shapes = [nonsense.datagram(), nonsense.netcode(), nonsense.quic(), nonsense.broken_message().1];
            (shapes, nonsense.mutated(b"an original"))
        };
        assert_eq!(some(5), some(5));
        assert_ne!(some(5), some(6));
    }

    #[test]
    fn every_kind_and_every_length_of_number_occurs() {
        let mut nonsense = Nonsense::new(1, 1);
        let first: std::collections::BTreeSet<u8> =
            (0..20_000).filter_map(|_| nonsense.netcode().first().copied()).collect();
        assert!(first.len() > 250, "{}", first.len());
    }

    #[test]
    fn messages_in_good_order_can_be_read() {
        let mut nonsense = Nonsense::new(2, 1);
        for _ in 0..1_000 {
            let (lane, message) = nonsense.message();
            let (kind, body) = Kind::split(lane, &message).expect("a message of the protocol");
            if kind == Kind::Commands {
                Bundle::decode(body).expect("a bundle");
            }
        }
    }

    #[test]
    fn nothing_is_longer_than_its_lane() {
        let mut nonsense = Nonsense::new(3, 1);
        for _ in 0..2_000 {
            let (lane, message) = nonsense.broken_message();
            assert!(lane == Lane::Reliable || message.len() <= MAX_LATEST_BYTES);
        }
    }
}
