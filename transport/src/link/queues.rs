//! What waits in one end of a link, under one lock: messages to send, messages to read, counters and the end itself.
//!
//! Every rule about memory is in this file, so that no transport can forget one: Latest is replaced, Reliable is refused,
//! and what nobody reads makes the transport wait (Reliable) or goes (Latest, oldest first).
//!
//! Flow: `link.rs` and `link/driver.rs` both call in here; nothing is called from here.

use super::{Closed, Inbound, LinkStats, Lost, SendError, Traffic};
use bytes::Bytes;
use protocol::{CloseReason, Lane, limits};
use std::collections::VecDeque;
use web_time::{Duration, Instant};

#[derive(Default)]
pub(super) struct State {
    reliable_out: VecDeque<Bytes>,
    reliable_out_bytes: usize,
    latest_out: Option<Bytes>,
    reliable_in: Lineup,
    latest_in: Lineup,
    /// Number of the next arrival, so that the two inbound queues can be read in the order of arrival.
    arrivals: u64,
    counters: LinkStats,
    asked: Option<CloseReason>,
    hurried: bool,
    closed: Option<Closed>,
}

/// Messages of one lane in the order of arrival.
#[derive(Default)]
struct Lineup {
    waiting: VecDeque<(u64, Inbound)>,
    bytes: usize,
}

impl Lineup {
    fn push(&mut self, number: u64, inbound: Inbound) {
        self.bytes = self.bytes.saturating_add(inbound.bytes.len());
        self.waiting.push_back((number, inbound));
    }

    fn pop(&mut self) -> Option<Inbound> {
        let (_, inbound) = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(inbound.bytes.len());
        Some(inbound)
    }

    fn first(&self) -> u64 {
        self.waiting.front().map_or(u64::MAX, |(number, _)| *number)
    }
}

impl Traffic {
    fn count(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}

impl State {
    pub(super) fn push_out(&mut self, lane: Lane, bytes: Bytes) -> Result<(), SendError> {
        if self.closed.is_some() || self.asked.is_some() {
            return Err(SendError::Closed);
        }
        match lane {
            Lane::Latest => {
                if self.latest_out.replace(bytes).is_some() {
                    self.counters.latest_replaced = self.counters.latest_replaced.saturating_add(1);
                }
            }
            Lane::Reliable => {
                let waiting = self.reliable_out_bytes.saturating_add(bytes.len());
                if waiting > limits::LINK_BYTES || self.reliable_out.len() >= MAX_RELIABLE_OUT {
                    self.ask_close(CloseReason::SlowReader, true);
                    return Err(SendError::Full);
                }
                self.reliable_out_bytes = waiting;
                self.reliable_out.push_back(bytes);
            }
        }
        Ok(())
    }

    pub(super) fn take_latest(&mut self) -> Option<Bytes> {
        let bytes = self.latest_out.take()?;
        self.counters.latest_out.count(bytes.len());
        Some(bytes)
    }

    pub(super) fn take_reliable(&mut self) -> Option<Bytes> {
        let bytes = self.reliable_out.pop_front()?;
        self.reliable_out_bytes = self.reliable_out_bytes.saturating_sub(bytes.len());
        self.counters.reliable_out.count(bytes.len());
        Some(bytes)
    }

    pub(super) fn deliver(&mut self, at: Instant, lane: Lane, bytes: Bytes) {
        if self.closed.is_some() {
            return;
        }
        let number = self.arrivals;
        self.arrivals = self.arrivals.saturating_add(1);
        let line = match lane {
            Lane::Latest => {
                self.counters.latest_in.count(bytes.len());
                &mut self.latest_in
            }
            Lane::Reliable => {
                self.counters.reliable_in.count(bytes.len());
                &mut self.reliable_in
            }
        };
        line.push(number, Inbound { at, lane, bytes });
        while self.inbound_bytes() > limits::LINK_BYTES || self.inbound_messages() > limits::LINK_INBOUND_MESSAGES {
            if self.latest_in.pop().is_none() {
                break;
            }
            self.counters.inbound_dropped = self.counters.inbound_dropped.saturating_add(1);
        }
    }

    /// Takes the oldest arrival, and says whether a waiting transport may go on because of it.
    pub(super) fn pop_in(&mut self) -> (Option<Inbound>, bool) {
        let had_room = self.has_room();
        let reliable_first = self.reliable_in.first() < self.latest_in.first();
        let inbound = if reliable_first { self.reliable_in.pop() } else { self.latest_in.pop() };
        (inbound, !had_room && self.has_room())
    }

    /// Whether another Reliable message of any size may arrive. Latest messages never stand in its way.
    pub(super) fn has_room(&self) -> bool {
        self.reliable_in.bytes.saturating_add(limits::MAX_RELIABLE_BYTES) <= limits::LINK_BYTES
            && self.reliable_in.waiting.len() < limits::LINK_INBOUND_MESSAGES
    }

    pub(super) fn ask_close(&mut self, reason: CloseReason, hurry: bool) {
        if self.closed.is_none() && self.asked.is_none() {
            self.asked = Some(reason);
            self.latest_out = None;
        }
        if hurry {
            self.hurried = true;
            self.drop_unsent();
        }
    }

    pub(super) fn asked(&self) -> Option<CloseReason> {
        self.asked
    }

    pub(super) fn hurried(&self) -> bool {
        self.hurried
    }

    pub(super) fn drained(&self) -> bool {
        self.reliable_out.is_empty()
    }

    /// Records the end, once. An end that we asked for is ours, whatever the wire says about it afterwards.
    pub(super) fn finish(&mut self, closed: Closed) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(match self.asked {
            Some(CloseReason::SlowReader) => Closed::Lost(Lost::SlowReader),
            Some(reason) => Closed::ByUs(reason),
            None => closed,
        });
        self.latest_out = None;
        self.drop_unsent();
    }

    pub(super) fn closed(&self) -> Option<Closed> {
        self.closed
    }

    pub(super) fn stats(&self) -> LinkStats {
        let out = self.latest_out.as_ref().map_or(0, Bytes::len).saturating_add(self.reliable_out_bytes);
        LinkStats { queued_bytes: out.saturating_add(self.inbound_bytes()), ..self.counters }
    }

    pub(super) fn add_wire(&mut self, inward: u64, outward: u64) {
        self.counters.wire_in = self.counters.wire_in.saturating_add(inward);
        self.counters.wire_out = self.counters.wire_out.saturating_add(outward);
    }

    pub(super) fn set_wire(&mut self, inward: u64, outward: u64) {
        self.counters.wire_in = inward;
        self.counters.wire_out = outward;
    }

    pub(super) fn set_rtt(&mut self, rtt: Duration) {
        self.counters.rtt = Some(rtt);
    }

    fn inbound_bytes(&self) -> usize {
        self.reliable_in.bytes.saturating_add(self.latest_in.bytes)
    }

    fn inbound_messages(&self) -> usize {
        self.reliable_in.waiting.len().saturating_add(self.latest_in.waiting.len())
    }

    fn drop_unsent(&mut self) {
        self.reliable_out.clear();
        self.reliable_out_bytes = 0;
    }
}

/// Reliable messages that may wait to be sent. Bytes are the real limit; this one bounds the queue's own overhead when
/// the messages are tiny.
const MAX_RELIABLE_OUT: usize = 16 * 1024;
