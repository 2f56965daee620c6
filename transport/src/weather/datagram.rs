//! Datagrams in bad weather: each one arrives late, twice, out of order, or not at all.
//!
//! What UDP-based transports build upon (renet's repeats, QUIC's congestion control) reacts to what happens to real datagrams, so
//! this model knows nothing about them. Order is kept unless a datagram takes a detour (`reorder`); see `path.rs`.
//!
//! - A line with a limited rate holds at most 250 ms worth; a datagram that finds it full is lost, as at a router (tail drop).
//! - At most [`MAX_HELD`] datagrams and [`MAX_HELD_BYTES`] are on their way; more are lost.
//! - With the cable out, all that is on its way and all that enters is lost.
//!
//! `lab tun` puts whole IP packets of the kernel's through the same model ([`Datagrams::send_packet`]).
//!
//! Flow: socket -> `relay/udp.rs` -> [`Datagrams::send`] -> [`Datagrams::poll`] -> socket.

use super::path::{Path, QUEUE};
use super::sky::{Direction, Sky};
use super::station::Counts;
use bytes::Bytes;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use web_time::Instant;

/// Datagrams on their way, at most: half a minute of a game's traffic at the longest delay.
pub const MAX_HELD: usize = 4_096;
/// Bytes on their way, at most.
pub const MAX_HELD_BYTES: usize = 2 * 1024 * 1024;
/// Headers below a datagram, bytes: UDP's 8 and IPv4's 20. They take their time on a line.
const OVERHEAD: usize = 28;

/// Datagrams on their way in one direction.
#[derive(Debug)]
pub struct Datagrams {
    path: Path,
    flying: BinaryHeap<Reverse<Flying>>,
    held_bytes: usize,
    /// Numbers what enters, so that of two due at once the older one goes first.
    entered: u64,
    counts: Counts,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    due: Instant,
    number: u64,
    bytes: Bytes,
}

impl Datagrams {
    /// Makes one direction of a path. The same seed and sky give the same fate to the same datagrams.
    pub const fn new(seed: u64, direction: Direction, sky: Sky) -> Self {
        Self {
            path: Path::new(seed, direction, sky),
            flying: BinaryHeap::new(),
            held_bytes: 0,
            entered: 0,
            counts: Counts::ZERO,
        }
    }

    /// Changes the weather for all that enters from now on. Pulling the plug also loses what is on its way.
    pub fn set_sky(&mut self, sky: Sky) {
        if !sky.plugged && self.path.sky().plugged {
            self.counts.lost = self.counts.lost.saturating_add(self.flying.len() as u64);
            self.flying.clear();
            self.held_bytes = 0;
            self.path.forget();
        }
        self.path.set_sky(sky);
    }

    /// Takes a datagram, whose headers take their time on a line as well.
    pub fn send(&mut self, now: Instant, bytes: Bytes) {
        self.enter(now, bytes, OVERHEAD);
    }

    /// Takes a whole IP packet, headers and all.
    pub fn send_packet(&mut self, now: Instant, packet: Bytes) {
        self.enter(now, packet, 0);
    }

    fn enter(&mut self, now: Instant, bytes: Bytes, overhead: usize) {
        let full = self.path.backlog(now) > QUEUE
            || self.flying.len() >= MAX_HELD
            || self.held_bytes.saturating_add(bytes.len()) > MAX_HELD_BYTES;
        if full {
            self.counts.lost = self.counts.lost.saturating_add(1);
            return;
        }
        let passage = self.path.pass(now, bytes.len().saturating_add(overhead));
        let Some(due) = passage.arrives else {
            self.counts.lost = self.counts.lost.saturating_add(1);
            return;
        };
        self.counts.reordered = self.counts.reordered.saturating_add(u64::from(passage.reordered));
        self.counts.delayed = self.counts.delayed.saturating_add(u64::from(due > now));
        if passage.doubled {
            self.counts.duplicated = self.counts.duplicated.saturating_add(1);
            self.hold(due, bytes.clone());
        }
        self.hold(due, bytes);
    }

    fn hold(&mut self, due: Instant, bytes: Bytes) {
        self.held_bytes = self.held_bytes.saturating_add(bytes.len());
        self.entered = self.entered.wrapping_add(1);
        self.flying.push(Reverse(Flying { due, number: self.entered, bytes }));
    }

    /// Returns the next datagram that has arrived by `now`. Call until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<Bytes> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse(flying) = self.flying.pop()?;
        self.held_bytes = self.held_bytes.saturating_sub(flying.bytes.len());
        self.counts.forwarded = self.counts.forwarded.saturating_add(1);
        Some(flying.bytes)
    }

    /// Returns when the next datagram arrives.
    pub fn next_due(&self) -> Option<Instant> {
        self.flying.peek().map(|Reverse(flying)| flying.due)
    }

    /// Returns how many datagrams are on their way, and their bytes.
    pub fn held(&self) -> (usize, usize) {
        (self.flying.len(), self.held_bytes)
    }

    /// Returns what has happened since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }
}
