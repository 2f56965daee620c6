//! What may pass on to the UDP libraries: every datagram before `renetcode`, every decrypted payload before `renet`.
//!
//! Both libraries read lengths and numbers from the wire and trust them. Everything they are given is therefore first
//! checked here for the shape that our own peers produce, and everything else is counted and dropped. Fields of a datagram
//! that nobody has authenticated decide nothing but its rejection. A token bucket per source address bounds the work that a
//! stranger can cause before a key has been checked.
//!
//! Flow: socket -> `udp/socket.rs` -> here -> `renetcode` -> here -> `renet` -> `udp/flow.rs`.

use crate::crowd::account_of;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Kind of a netcode packet: the lower half of its first byte.
const REQUEST: u8 = 0;
const RESPONSE: u8 = 3;
const LAST_KIND: u8 = 6;
/// The size of every connection request: kind, version, protocol, expiry, nonce and the sealed part of the token.
const REQUEST_BYTES: usize = 1_078;
/// Largest datagram that netcode may send.
const MAX_DATAGRAM: usize = 1_400;
/// Longest sequence number, bytes.
const MAX_SEQUENCE_BYTES: usize = 8;
/// Authentication tag at the end of every sealed packet, bytes.
const TAG_BYTES: usize = 16;
/// Smallest packet that `renetcode` takes, bytes.
const MIN_DATAGRAM: usize = 18;
/// The replay window. A sequence number this close to the end of the range is one no honest peer reaches.
const REPLAY_WINDOW: u64 = 256;

/// Whether a datagram has the shape of a netcode packet: kind, exact or least size, and a sequence number that fits.
pub fn datagram_ok(datagram: &[u8]) -> bool {
    let Some((&first, rest)) = datagram.split_first() else { return false };
    let (kind, sequence_bytes) = split_prefix(first);
    if kind == REQUEST {
        return first == REQUEST && datagram.len() == REQUEST_BYTES;
    }
    if kind > LAST_KIND || sequence_bytes > MAX_SEQUENCE_BYTES || datagram.len() > MAX_DATAGRAM {
        return false;
    }
    let least = sequence_bytes.saturating_add(1 + TAG_BYTES).max(MIN_DATAGRAM);
    if datagram.len() < least {
        return false;
    }
    let Some(sequence) = rest.get(..sequence_bytes) else { return false };
    let sequence = sequence.iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    sequence < u64::MAX.saturating_sub(REPLAY_WINDOW)
}

/// Whether a well-shaped datagram is one that a peer without a connection may send: a request or the answer to a challenge.
pub fn opens_connection(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| matches!(split_prefix(*first).0, REQUEST | RESPONSE))
}

/// Whether a well-shaped datagram is a connection request, which is not sealed and so proves nothing about its sender.
pub fn is_request(datagram: &[u8]) -> bool {
    datagram.first() == Some(&REQUEST)
}

fn split_prefix(first: u8) -> (u8, usize) {
    (first & 0x0F, usize::from(first >> 4))
}

/// First byte of the renet packets that we use: small reliable messages, acknowledgements. All the others, slices and
/// unreliable messages, are never sent by us and never let in.
const SMALL_RELIABLE: u8 = 0;
const ACKNOWLEDGEMENT: u8 = 4;
/// Largest message inside a renet packet: see `udp/flow.rs`, which cuts what is larger.
const MAX_RENET_MESSAGE: u64 = 1_100;

/// What a decrypted renet payload would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renet {
    /// It acknowledges.
    Acknowledgement,
    /// It carries messages, all of which the channel can hold.
    Messages,
    /// It carries messages beyond what the channel can hold yet. Not a fault: unacknowledged, they come again.
    TooEarly,
    /// It is nothing that we would send.
    Refused,
}

/// Reads a renet payload without acting on it.
///
/// `beyond` is the number of the first message that may not come yet. renet limits the bytes that it stores but not how
/// many messages nor how far ahead, so the window is kept here.
pub fn renet_payload(payload: &[u8], channel: u8, beyond: u64) -> Renet {
    let mut reader = Reader(payload);
    match reader.byte() {
        Some(ACKNOWLEDGEMENT) => Renet::Acknowledgement,
        Some(SMALL_RELIABLE) => messages(reader, channel, beyond).unwrap_or(Renet::Refused),
        _ => Renet::Refused,
    }
}

fn messages(mut reader: Reader<'_>, channel: u8, beyond: u64) -> Option<Renet> {
    let _sequence = reader.varint()?;
    if reader.byte()? != channel {
        return None;
    }
    let count = u16::from_be_bytes([reader.byte()?, reader.byte()?]);
    let mut verdict = Renet::Messages;
    for _ in 0..count {
        let number = reader.varint()?;
        let length = reader.varint()?;
        if length == 0 || length > MAX_RENET_MESSAGE {
            return None;
        }
        reader.skip(usize::try_from(length).ok()?)?;
        if number >= beyond {
            verdict = Renet::TooEarly;
        }
    }
    (count > 0 && reader.0.is_empty()).then_some(verdict)
}

/// Reads from the front of a slice; `None` at its end.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    /// Reads QUIC's variable-length integer, which renet uses: two bits of length, then the number, big end first.
    fn varint(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = (1_u32 << (first >> 6)).saturating_sub(1);
        let mut number = u64::from(first & 0x3F);
        for _ in 0..more {
            number = (number << 8) | u64::from(self.byte()?);
        }
        Some(number)
    }
}

/// Datagrams per second that strangers at one IP address may send on average. A join takes two; a house of five hundred
/// bots behind one address still gets in within seconds.
const STRANGER_PER_SECOND: f64 = 400.0;
/// Datagrams that strangers at one address may send at once on top.
const STRANGER_BURST: f64 = 1_200.0;
/// Addresses that are told apart. All further ones share one bucket until the others have filled up again.
const MAX_SOURCES: usize = 4_096;

/// A token bucket for every address from which strangers send.
#[derive(Debug, Default)]
pub struct Sources {
    buckets: HashMap<IpAddr, Bucket>,
    shared: Option<Bucket>,
    tidied: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(now: Instant) -> Self {
        Self { tokens: STRANGER_BURST, at: now }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = passed.mul_add(STRANGER_PER_SECOND, self.tokens).min(STRANGER_BURST);
        self.at = now;
    }

    fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

impl Sources {
    /// Takes one datagram's worth from the bucket of `source`. Returns whether there was enough.
    pub fn allow(&mut self, source: IpAddr, now: Instant) -> bool {
        let source = account_of(source);
        if let Some(bucket) = self.buckets.get_mut(&source) {
            return bucket.take(now);
        }
        if self.buckets.len() >= MAX_SOURCES {
            self.tidy(now);
        }
        if self.buckets.len() >= MAX_SOURCES {
            return self.shared.get_or_insert_with(|| Bucket::full(now)).take(now);
        }
        self.buckets.entry(source).or_insert_with(|| Bucket::full(now)).take(now)
    }

    /// Forgets addresses whose bucket is full again, at most once a second: a flood must not make us do it for each packet.
    fn tidy(&mut self, now: Instant) {
        if self.tidied.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1)) {
            return;
        }
        self.tidied = Some(now);
        self.buckets.retain(|_, bucket| {
            bucket.refill(now);
            bucket.tokens < STRANGER_BURST
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(kind: u8, sequence: &[u8], body: usize) -> Vec<u8> {
        let mut datagram = vec![kind | (u8::try_from(sequence.len()).unwrap() << 4)];
        datagram.extend_from_slice(sequence);
        datagram.resize(datagram.len() + body + TAG_BYTES, 0);
        datagram
    }

    #[test]
    fn passes_what_netcode_sends() {
        assert!(datagram_ok(&vec![0; REQUEST_BYTES]));
        for kind in 1..=LAST_KIND {
            assert!(datagram_ok(&sealed(kind, &[], 8)), "kind {kind}");
            assert!(datagram_ok(&sealed(kind, &[1, 2, 3], 8)), "kind {kind}");
            assert!(datagram_ok(&sealed(kind, &[0, 0, 0, 0, 0, 0, 0, 1], 8)), "kind {kind}");
        }
    }

    #[test]
    fn refuses_every_other_shape() {
        assert!(!datagram_ok(&[]));
        assert!(!datagram_ok(&vec![0; REQUEST_BYTES - 1]));
        assert!(!datagram_ok(&vec![0; REQUEST_BYTES + 1]));
        assert!(!datagram_ok(&sealed(0, &[1], REQUEST_BYTES)), "a request has no sequence");
        assert!(!datagram_ok(&sealed(7, &[1], 64)), "no such kind");
        assert!(!datagram_ok(&sealed(5, &[1; 9], 64)), "a sequence number of nine bytes");
        assert!(!datagram_ok(&sealed(5, &[0xFF; 8], 64)), "a sequence number at the end of the range");
        assert!(!datagram_ok(&sealed(5, &[1], MAX_DATAGRAM)), "too long");
        assert!(!datagram_ok(&sealed(5, &[1, 2, 3, 4], 0)[..20]), "no room for the tag");
    }

    #[test]
    fn strangers_may_only_open() {
        assert!(opens_connection(&vec![0; REQUEST_BYTES]));
        assert!(opens_connection(&sealed(3, &[1], 300)));
        for kind in [1, 2, 4, 5, 6] {
            assert!(!opens_connection(&sealed(kind, &[1], 64)), "kind {kind}");
        }
        assert!(is_request(&[0]) && !is_request(&[0x15]) && !is_request(&[]));
    }

    #[test]
    fn only_acknowledgements_and_messages_within_the_window_reach_renet() {
        let one = [SMALL_RELIABLE, 5, 0, 0, 1, 9, 2, 7, 7];
        assert_eq!(renet_payload(&one, 0, 10), Renet::Messages);
        assert_eq!(renet_payload(&one, 0, 9), Renet::TooEarly);
        assert_eq!(renet_payload(&one, 1, 10), Renet::Refused, "another channel");
        assert_eq!(renet_payload(&one[..8], 0, 10), Renet::Refused, "cut short");
        assert_eq!(renet_payload(&[SMALL_RELIABLE, 5, 0, 0, 1, 9, 0], 0, 99), Renet::Refused, "empty message");
        assert_eq!(renet_payload(&[SMALL_RELIABLE, 5, 0, 0, 0], 0, 99), Renet::Refused, "no message");
        assert_eq!(renet_payload(&[ACKNOWLEDGEMENT, 1, 1, 0, 0], 0, 1), Renet::Acknowledgement);
        for kind in [1, 2, 3, 5, 200] {
            assert_eq!(renet_payload(&[kind, 5, 0, 0, 1, 9, 2, 7, 7], 0, 99), Renet::Refused, "kind {kind}");
        }
        assert_eq!(renet_payload(&[], 0, 99), Renet::Refused);
    }

    #[test]
    fn a_source_has_a_budget_and_gets_it_back() {
        let mut sources = Sources::default();
        let now = Instant::now();
        let source = IpAddr::from([192, 0, 2, 1]);
        let allowed = (0..5_000).filter(|_| sources.allow(source, now)).count();
        assert_eq!(allowed, STRANGER_BURST as usize);
        assert!(sources.allow(IpAddr::from([192, 0, 2, 2]), now), "another address is not affected");
        assert!(sources.allow(source, now + Duration::from_secs(1)));
    }

    #[test]
    fn a_flood_of_sources_does_not_grow_the_table() {
        let mut sources = Sources::default();
        let now = Instant::now();
        for n in 0..20_000_u32 {
            sources.allow(IpAddr::V4(n.into()), now);
        }
        assert_eq!(sources.buckets.len(), MAX_SOURCES);
        sources.allow(IpAddr::V4(1_000_000.into()), now + Duration::from_secs(10));
        assert!(sources.buckets.len() < MAX_SOURCES);
    }

    proptest! {
        #[test]
        fn never_panics_and_passes_only_what_the_rules_say(datagram in prop::collection::vec(any::<u8>(), 0..1_500)) {
            if datagram_ok(&datagram) {
                let (kind, sequence_bytes) = split_prefix(datagram[0]);
                prop_assert!(kind <= LAST_KIND && sequence_bytes <= MAX_SEQUENCE_BYTES);
                prop_assert!(datagram.len() >= 1 + sequence_bytes + TAG_BYTES && datagram.len() <= MAX_DATAGRAM);
            }
            let _ = renet_payload(&datagram, 0, 64);
        }

        #[test]
        fn no_message_beyond_the_window_counts_as_expected(number in 0_u64..200, length in 0_u8..64, end in 0_u64..200) {
            // Two bytes are enough for the numbers used here: the prefix 0b01 and fourteen bits.
            let mut payload = vec![SMALL_RELIABLE, 1, 0, 0, 1, 0x40 | (number >> 8) as u8, number as u8, length];
            payload.resize(payload.len() + usize::from(length), 1);
            let verdict = renet_payload(&payload, 0, end);
            prop_assert_eq!(verdict == Renet::Messages, length > 0 && number < end);
        }
    }
}
