//! The `udp` transport: renet over netcode over UDP, with a socket loop of our own.
//!
//! netcode seals every datagram with keys from a connect token that only the lobby can mint, and its handshake proves the
//! sender's address. renet repeats Reliable messages until they are acknowledged. Neither is given a byte that `guard.rs`
//! has not passed, which is why their own socket layer is not used. Latest messages are netcode payloads of our own next to
//! renet's, so that a tick costs one packet each way: renet would add a packet of acknowledgements to every one.
//!
//! ```text
//! netcode payload:
//! 00 ...   renet: small reliable messages (pieces of the Reliable stream, see `frames.rs`)
//! 04 ...   renet: acknowledgements
//! 10 ...   ours: one Latest message
//! 11 rr    ours: closing, for reason rr. Repeated a few times, then netcode's own disconnect
//! 12       ours: the client hears us. Repeated until something comes back
//! ```
//!
//! What cannot be mended from outside: renetcode 2.0 starts the server's packet numbers so that a challenge and a first
//! keep-alive share a nonce. Somebody on the path can recover a few known bytes of those and forge one of them. They carry
//! nothing of ours.
//!
//! Flow: `udp/socket.rs` -> `guard.rs` -> `udp/server.rs` (a Bevy system) or `udp/client.rs` (a task) -> `udp/flow.rs` ->
//! `link/driver.rs`, and back.

pub(crate) mod client;
mod flow;
pub(crate) mod server;
mod socket;
mod token;

pub(crate) use socket::{bind, connect, is_about_a_peer, open_client};
pub(crate) use token::first_address;
pub use token::{TokenError, connect_token};

use crate::Timing;
use bevy_renet::renet::{ChannelConfig, ConnectionConfig, SendType};
use bytes::Bytes;
use protocol::{CloseReason, limits};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// First bytes of our own payloads. renet's are 0 to 4.
const LATEST: u8 = 0x10;
const CLOSE: u8 = 0x11;
const HEARING: u8 = 0x12;

/// The one renet channel: reliable and ordered.
const CHANNEL: u8 = 0;
/// Wait before renet sends an unacknowledged message again: longer than the round trips that we like, short enough that a
/// lost chat line is not noticed.
const RESEND: Duration = Duration::from_millis(100);
/// Bytes that renet may send in one go. A burst must fit a default socket buffer, which holds about 90 full datagrams.
const BURST_BYTES: u64 = 24 * 1024;

/// Times that a close is said before netcode's disconnect, and that the disconnect is sent.
const FAREWELLS: u8 = 3;
/// Time between two of them: a burst of losses is shorter than three.
const FAREWELL_PAUSE: Duration = Duration::from_millis(15);

/// Headers below a datagram, bytes: UDP's 8 and IP's.
fn overhead(address: &SocketAddr) -> usize {
    if address.is_ipv4() { 28 } else { 48 }
}

/// The renet configuration of both ends.
fn channels(resend: Duration) -> ConnectionConfig {
    let channel = ChannelConfig {
        channel_id: CHANNEL,
        max_memory_usage_bytes: limits::LINK_BYTES,
        send_type: SendType::ReliableOrdered { resend_time: resend },
    };
    ConnectionConfig {
        available_bytes_per_tick: BURST_BYTES,
        server_channels_config: vec![channel.clone()],
        client_channels_config: vec![channel],
    }
}

/// A decrypted payload, told apart.
#[derive(Debug, PartialEq, Eq)]
enum Payload {
    Close(CloseReason),
    Hearing,
    Latest(Bytes),
    Renet(Bytes),
    Unknown,
}

/// Tells a decrypted payload apart. renet's are not yet checked.
fn tell_apart(payload: Bytes) -> Payload {
    match payload.first().copied() {
        Some(LATEST) if payload.len() <= limits::MAX_LATEST_BYTES.saturating_add(1) => {
            Payload::Latest(payload.slice(1..))
        }
        Some(CLOSE) => Payload::Close(crate::frames::reason_of(payload.get(1).copied().unwrap_or_default())),
        Some(HEARING) => Payload::Hearing,
        Some(0..LATEST) => Payload::Renet(payload),
        _ => Payload::Unknown,
    }
}

/// Puts the prefix before a Latest message.
fn latest_payload<'a>(scratch: &'a mut Vec<u8>, message: &[u8]) -> &'a [u8] {
    scratch.clear();
    scratch.push(LATEST);
    scratch.extend_from_slice(message);
    scratch
}

/// How one end leaves: first what was promised, then the reason, a few times, then it is over.
#[derive(Debug)]
struct Farewell {
    since: Instant,
    said: u8,
    last: Option<Instant>,
}

/// What a leaving end does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    Over,
    Say,
    Wait,
}

impl Farewell {
    fn new(now: Instant) -> Self {
        Self { since: now, said: 0, last: None }
    }

    fn step(&mut self, now: Instant, ready: bool, timing: &Timing) -> Leaving {
        if self.said == 0 && !ready && now.saturating_duration_since(self.since) < timing.linger {
            return Leaving::Wait;
        }
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < FAREWELL_PAUSE) {
            return Leaving::Wait;
        }
        if self.said >= FAREWELLS {
            return Leaving::Over;
        }
        self.said = self.said.saturating_add(1);
        self.last = Some(now);
        Leaving::Say
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_told_apart_by_their_first_byte() {
        let told = |bytes: &[u8]| tell_apart(Bytes::copy_from_slice(bytes));
        assert_eq!(told(&[0x10, 1, 2]), Payload::Latest(Bytes::from_static(&[1, 2])));
        assert_eq!(told(&[0x11, CloseReason::Replaced.code()]), Payload::Close(CloseReason::Replaced));
        assert_eq!(told(&[0x11]), Payload::Close(CloseReason::Done));
        assert_eq!(told(&[0x12]), Payload::Hearing);
        assert!(matches!(told(&[0, 1]), Payload::Renet(_)));
        assert_eq!(told(&[0x13]), Payload::Unknown);
        assert_eq!(told(&[]), Payload::Unknown);
        assert_eq!(told(&[0x10; limits::MAX_LATEST_BYTES + 2]), Payload::Unknown, "a Latest message that is too long");
    }

    #[test]
    fn a_farewell_waits_for_what_was_promised_but_not_forever() {
        let timing = Timing::default();
        let start = Instant::now();
        let mut farewell = Farewell::new(start);
        assert_eq!(farewell.step(start, false, &timing), Leaving::Wait);
        let mut now = start + timing.linger;
        for _ in 0..FAREWELLS {
            assert_eq!(farewell.step(now, false, &timing), Leaving::Say);
            assert_eq!(farewell.step(now, false, &timing), Leaving::Wait);
            now += FAREWELL_PAUSE;
        }
        assert_eq!(farewell.step(now, false, &timing), Leaving::Over);
    }
}
