//! The Reliable lane over renet: a stream of frames, cut into pieces that renet sends whole.
//!
//! renet acknowledges what it has received, not what was read, and would send its acknowledgements every time it is asked.
//! So this file decides when it is asked (something to send, to repeat or to acknowledge), how much is on its way, and how
//! far ahead the peer may be. Pieces are small enough that renet never slices a message: its slices do not pass the guard.
//!
//! Flow: `link/driver.rs` -> [`Flow::push`] -> renet -> [`Flow::packets`] -> `udp/client.rs` or `udp/server.rs` -> socket;
//! and socket -> [`Flow::admit`] -> renet -> [`Flow::pull`] -> `link/driver.rs`.

use super::{BURST_BYTES, CHANNEL};
use crate::frames::{self, Decoder, Frame};
use crate::guard::{self, Renet};
use crate::link::Driver;
use bevy_renet::renet::{RenetClient, RenetServer};
use bytes::{Bytes, BytesMut};
use protocol::{Lane, limits};
use std::time::{Duration, Instant};

/// Bytes of a piece. With every header it stays below the smallest path MTU of IPv6, 1,280.
const PIECE_BYTES: usize = 1_000;
/// Bytes handed to renet and not yet acknowledged. Also the most that one round trip can carry.
const IN_FLIGHT_BYTES: usize = 64 * 1024;
/// Pieces that the peer may be ahead of our reader. Together they stay below `LINK_BYTES`, renet's own limit.
const WINDOW: u64 = 256;

/// How often renet is asked whether something must be repeated: often enough that a repetition is hardly late.
const ASK_PAUSE: Duration = Duration::from_millis(50);

/// renet's end of one connection, the same on server and client.
pub(super) trait Channel {
    /// Bytes that are not yet acknowledged.
    fn in_flight(&self) -> usize;
    /// Gives renet a piece to deliver.
    fn send(&mut self, piece: Bytes);
    /// Takes the next piece that has arrived.
    fn receive(&mut self) -> Option<Bytes>;
    /// Takes the packets that are due.
    fn packets(&mut self) -> Vec<Vec<u8>>;
    /// Gives renet a packet that the guard has passed.
    fn process(&mut self, payload: &[u8]);
    /// Whether renet has given the connection up.
    fn failed(&self) -> bool;
    /// renet's estimate of the round trip, once it has one. It includes the wait for the peer's next tick.
    fn rtt(&self) -> Option<Duration>;
}

impl Channel for RenetClient {
    fn in_flight(&self) -> usize {
        limits::LINK_BYTES.saturating_sub(self.channel_available_memory(CHANNEL))
    }

    fn send(&mut self, piece: Bytes) {
        self.send_message(CHANNEL, piece);
    }

    fn receive(&mut self) -> Option<Bytes> {
        self.receive_message(CHANNEL)
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        self.get_packets_to_send()
    }

    fn process(&mut self, payload: &[u8]) {
        self.process_packet(payload);
    }

    fn failed(&self) -> bool {
        self.is_disconnected()
    }

    fn rtt(&self) -> Option<Duration> {
        measured(Self::rtt(self))
    }
}

/// One connection of a [`RenetServer`].
pub(super) struct OfServer<'a> {
    pub(super) server: &'a mut RenetServer,
    pub(super) id: u64,
}

impl Channel for OfServer<'_> {
    fn in_flight(&self) -> usize {
        limits::LINK_BYTES.saturating_sub(self.server.channel_available_memory(self.id, CHANNEL))
    }

    fn send(&mut self, piece: Bytes) {
        self.server.send_message(self.id, CHANNEL, piece);
    }

    fn receive(&mut self) -> Option<Bytes> {
        self.server.receive_message(self.id, CHANNEL)
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        self.server.get_packets_to_send(self.id).unwrap_or_default()
    }

    fn process(&mut self, payload: &[u8]) {
        // The only error is an unknown id, and then there is nothing to tell.
        let _ = self.server.process_packet_from(payload, self.id);
    }

    fn failed(&self) -> bool {
        !self.server.is_connected(self.id)
    }

    fn rtt(&self) -> Option<Duration> {
        measured(self.server.rtt(self.id))
    }
}

fn measured(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|rtt| !rtt.is_zero())
}

/// The state of the Reliable lane of one connection.
#[derive(Debug, Default)]
pub(super) struct Flow {
    decoder: Decoder,
    /// Framed, and not yet handed to renet.
    out: BytesMut,
    /// Pieces taken from renet: the lower edge of the window.
    taken: u64,
    acknowledge: bool,
    more: bool,
    asked: Option<Instant>,
}

impl Flow {
    /// Gives renet a payload if the guard agrees. Returns whether it did or merely came too early.
    pub(super) fn admit(&mut self, channel: &mut impl Channel, payload: &[u8]) -> bool {
        match guard::renet_payload(payload, CHANNEL, self.taken.saturating_add(WINDOW)) {
            Renet::Acknowledgement => channel.process(payload),
            Renet::Messages => {
                channel.process(payload);
                self.acknowledge = true;
            }
            Renet::TooEarly => {}
            Renet::Refused => return false,
        }
        true
    }

    /// Delivers every message that is complete, as long as the session has room.
    pub(super) fn pull(
        &mut self,
        channel: &mut impl Channel,
        driver: &Driver,
        at: Instant,
    ) -> Result<(), &'static str> {
        while driver.has_room() {
            match self.decoder.next() {
                Ok(Some(Frame::Message(bytes))) => driver.deliver(at, Lane::Reliable, bytes),
                Ok(Some(Frame::Goodbye(_))) => return Err("a goodbye in the stream, where none belongs"),
                Ok(None) => {
                    let Some(piece) = channel.receive() else { break };
                    self.taken = self.taken.saturating_add(1);
                    self.decoder.push(&piece);
                }
                Err(frames::Oversize) => return Err("a message longer than any may be"),
            }
        }
        Ok(())
    }

    /// Hands renet what the session wants to send, as far as the window allows.
    pub(super) fn push(&mut self, channel: &mut impl Channel, driver: &Driver) {
        let mut in_flight = channel.in_flight();
        while in_flight < IN_FLIGHT_BYTES {
            while self.out.len() < PIECE_BYTES
                && let Some(message) = driver.take_reliable()
            {
                frames::encode(&mut self.out, &message);
            }
            if self.out.is_empty() {
                break;
            }
            let piece = self.out.split_to(self.out.len().min(PIECE_BYTES)).freeze();
            in_flight = in_flight.saturating_add(piece.len());
            channel.send(piece);
            self.more = true;
        }
    }

    /// Returns the renet packets that are due: new pieces, repetitions, acknowledgements. Mostly none.
    pub(super) fn packets(&mut self, channel: &mut impl Channel, now: Instant) -> Vec<Vec<u8>> {
        let pause_over = self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= ASK_PAUSE);
        let repeat = pause_over && channel.in_flight() > 0;
        if !(self.more || self.acknowledge || repeat) {
            return Vec::new();
        }
        self.acknowledge = false;
        self.asked = Some(now);
        let packets = channel.packets();
        // renet stops at its budget for one go. A go that came near it may have left something behind.
        let bytes: usize = packets.iter().map(Vec::len).sum();
        self.more = bytes.saturating_add(2 * PIECE_BYTES) as u64 > BURST_BYTES;
        packets
    }

    /// Whether everything that the session gave us has been acknowledged.
    pub(super) fn drained(&self, channel: &impl Channel) -> bool {
        self.out.is_empty() && channel.in_flight() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link, link_pair};
    use protocol::Transport;

    struct End {
        renet: RenetClient,
        flow: Flow,
        link: Link,
        driver: Driver,
    }

    impl End {
        fn new() -> Self {
            let mut renet = RenetClient::new(super::super::channels(super::super::RESEND));
            renet.set_connected();
            let (link, driver) = link_pair(Transport::Udp, None, None);
            Self { renet, flow: Flow::default(), link, driver }
        }

        fn step(&mut self, now: Instant) -> Vec<Vec<u8>> {
            self.renet.update(Duration::from_millis(16));
            self.flow.push(&mut self.renet, &self.driver);
            self.flow.packets(&mut self.renet, now)
        }

        fn take(&mut self, packets: &[Vec<u8>], now: Instant) {
            for packet in packets {
                assert!(self.flow.admit(&mut self.renet, packet), "our own packets pass the guard");
            }
            self.flow.pull(&mut self.renet, &self.driver, now).unwrap();
        }
    }

    #[test]
    fn messages_of_every_size_cross_a_lossy_wire_in_order_and_then_it_is_silent() {
        let (mut a, mut b) = (End::new(), End::new());
        let sizes = [0, 1, 999, 1_000, 1_001, 30_000, limits::MAX_RELIABLE_BYTES, 5, 700, 700];
        for (n, size) in sizes.iter().enumerate() {
            a.link.send(Lane::Reliable, Bytes::from(vec![n as u8; *size])).unwrap();
        }
        let mut now = Instant::now();
        let mut arrived = Vec::new();
        let mut count = 0_u32;
        let mut packets_at_the_end = 0;
        for step in 0..400 {
            now += Duration::from_millis(16);
            let mut keep = |packets: Vec<Vec<u8>>| {
                packets_at_the_end = if step > 350 { packets_at_the_end + packets.len() } else { 0 };
                packets
                    .into_iter()
                    .filter(|_| {
                        count += 1;
                        !count.is_multiple_of(4)
                    })
                    .collect::<Vec<_>>()
            };
            let packets = keep(a.step(now));
            b.take(&packets, now);
            let packets = keep(b.step(now));
            a.take(&packets, now);
            arrived.extend(std::iter::from_fn(|| b.link.try_recv()).map(|m| m.bytes));
        }
        let expected: Vec<Bytes> =
            sizes.iter().enumerate().map(|(n, size)| Bytes::from(vec![n as u8; *size])).collect();
        assert_eq!(arrived, expected);
        assert!(a.flow.drained(&a.renet));
        assert_eq!(packets_at_the_end, 0, "acknowledgements must not answer each other for ever");
    }

    #[test]
    fn a_reader_that_stops_makes_the_sender_wait_and_breaks_nothing() {
        let (mut a, mut b) = (End::new(), End::new());
        let message = Bytes::from(vec![7; 10_000]);
        let mut now = Instant::now();
        let mut sent = 0;
        let mut read = 0;
        for step in 0..1_500 {
            now += Duration::from_millis(16);
            if sent < 100 && a.link.stats().queued_bytes < limits::LINK_BYTES / 2 {
                a.link.send(Lane::Reliable, message.clone()).unwrap();
                sent += 1;
            }
            let packets = a.step(now);
            b.take(&packets, now);
            let packets = b.step(now);
            a.take(&packets, now);
            assert!(b.link.stats().queued_bytes <= limits::LINK_BYTES);
            assert!(!b.renet.failed() && !a.renet.failed());
            if step > 400 {
                read += std::iter::from_fn(|| b.link.try_recv()).count();
            }
        }
        assert_eq!((sent, read), (100, 100));
    }
}
