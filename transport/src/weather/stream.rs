//! A byte stream in bad weather: nothing is lost, much is late. A model of what the kernel's TCP would do.
//!
//! A relay that dropped bytes of a TCP connection would break it: what TCP loses it repeats, and everything behind waits. So the
//! stream is cut into segments, the segments meet the same fate as datagrams would, and a sender after Linux's repeats them. All is
//! released in order, after a stall in one burst: head-of-line blocking, as the player of a WebSocket feels it.
//!
//! - A segment is lost when one sent later is acknowledged and a reordering window has passed: a quarter of the shortest round trip,
//!   or none once three later ones have arrived or repeats are under way (RACK, RFC 8985; before it three duplicate
//!   acknowledgements, RFC 5681 and 6675). That costs about a round trip and the time until the next segment.
//! - While that is mended, a congestion window limits what may be on its way (`stream/window.rs`). What has to wait for it is put
//!   together into segments as large as they may be, and so is what is repeated, with what follows it.
//! - If nothing follows, the last segment is repeated after two round trips as a probe, plus 200 ms if it is the only one (tail
//!   loss probe, RFC 8985).
//! - Else after the retransmission timeout, srtt + max(200 ms, 4 rttvar) (RFC 6298 with Linux's floor), doubled each time.
//! - Each segment that arrives is acknowledged at once. Acknowledgements meet the weather of the way back; the next one heals the
//!   loss of one. Repeats can be lost like everything else. With the cable out all are, and after plugging in the next repeat has to
//!   be waited for.
//! - A connection is opened by one packet each way, repeated after 1 s, 2 s, 4 s.
//!
//! Where the model ends: there is no congestion window as long as nothing is lost (a game sends less than any window; bulk is only
//! held by `rate`), and there are no delayed acknowledgements. A line with a limited rate does not drop what it cannot take at once:
//! the relay stops reading. `docs/WEATHER.md` puts the model beside a kernel.
//!
//! Flow: socket -> `relay/tcp.rs` -> [`Stream::send`] -> `stream/sender.rs` -> [`Stream::poll`] -> socket.

mod sender;
mod trips;
mod window;

use super::dice::mix_seeds;
use super::later;
use super::path::{Path, QUEUE};
use super::sky::{Direction, Sky};
use super::station::Counts;
use bytes::{Bytes, BytesMut};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use trips::Trips;
use web_time::{Duration, Instant};
use window::Window;

/// Payload of one segment, bytes: an Ethernet frame less the headers of IP and TCP, and room for what tunnels add.
pub const MSS: usize = 1_400;
/// Bytes that a stream holds before [`Stream::wants_more`] says no: about what a kernel's buffers hold.
pub const MAX_HELD_BYTES: usize = 256 * 1024;
/// Segments that a stream holds before [`Stream::wants_more`] says no, however small they are.
const MAX_SEGMENTS: usize = 2_048;
/// Headers of a segment, bytes: IPv4's 20, TCP's 20 and its timestamps.
const OVERHEAD: usize = 52;
/// Keeps the chance of acknowledgements apart from that of segments the other way.
const ACKNOWLEDGEMENTS: u64 = 0xACC;

/// A byte stream on its way in one direction.
#[derive(Debug)]
pub struct Stream {
    path: Path,
    /// The way of the acknowledgements.
    back: Path,
    /// Everything that was not acknowledged up to here.
    segments: VecDeque<Segment>,
    /// How many of them, from the front, were handed out.
    out: usize,
    /// How many of them, from the front, were ever sent.
    sent: usize,
    entered: u64,
    held_bytes: usize,
    /// Copies of segments, and acknowledgements.
    flying: BinaryHeap<Reverse<Flying>>,
    flown: u64,
    trips: Trips,
    window: Window,
    /// The segment sent last among those acknowledged, and its round trip.
    rack: Option<(Order, Duration)>,
    timer: Option<(Instant, Timer)>,
    /// Timeouts in a row.
    backoff: u32,
    /// Whether a probe was sent and nothing has been acknowledged since.
    probed: bool,
    /// When the last segment was handed out.
    released: Option<Instant>,
    counts: Counts,
}

/// What was sent first: by time, then by place in the stream.
type Order = (Instant, u64);

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: Bytes,
    entered: Instant,
    /// When it was sent last.
    sent: Instant,
    resent: u32,
    /// When the first copy to make it arrives.
    arrives: Option<Instant>,
    acked: bool,
    /// The sender believes so, and has not repeated it yet.
    lost: bool,
    /// When it counts as lost, if nothing is heard before.
    suspect: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    due: Instant,
    number: u64,
    what: Flight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Flight {
    /// A copy of a segment.
    Copy,
    /// The word that everything has arrived that did by then.
    Acknowledgement(Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Probe,
    Timeout,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Lands,
    Suspect(usize),
    Timer(Timer),
}

impl Stream {
    /// Makes one direction of a connection that opens at `now`; `back` is the sky over the other one.
    pub fn new(now: Instant, seed: u64, direction: Direction, sky: Sky, back: Sky) -> Self {
        let first = sky.delay(now).saturating_add(back.delay(now));
        Self {
            path: Path::new(seed, direction, sky),
            back: Path::new(mix_seeds(seed, ACKNOWLEDGEMENTS), direction.against(), back),
            segments: VecDeque::new(),
            out: 0,
            sent: 0,
            entered: 0,
            held_bytes: 0,
            flying: BinaryHeap::new(),
            flown: 0,
            trips: Trips::new(first),
            window: Window::OPEN,
            rack: None,
            timer: None,
            backoff: 0,
            probed: false,
            released: None,
            counts: Counts::ZERO,
        }
    }

    /// Changes the weather from `now` on. Pulling the plug also loses what is on its way, which is then repeated.
    pub fn set_sky(&mut self, now: Instant, sky: Sky, back: Sky) {
        self.advance(now);
        if !sky.plugged && self.path.sky().plugged {
            for segment in self.segments.iter_mut().filter(|s| s.arrives.is_some_and(|at| at > now)) {
                segment.arrives = None;
                self.counts.lost = self.counts.lost.saturating_add(1);
            }
            self.flying.clear();
            self.path.forget();
            self.back.forget();
        }
        self.path.set_sky(sky);
        self.back.set_sky(back);
    }

    /// Sends the packet that opens a connection or its answer, and returns when it arrives, if it does.
    pub fn knock(&mut self, now: Instant) -> Option<Instant> {
        self.path.pass(now, OVERHEAD).arrives
    }

    /// Returns whether the sender may go on. Whoever sends regardless is held, in memory.
    pub fn wants_more(&self, now: Instant) -> bool {
        self.held_bytes < MAX_HELD_BYTES && self.segments.len() < MAX_SEGMENTS && self.path.backlog(now) <= QUEUE
    }

    /// Takes what was written.
    pub fn send(&mut self, now: Instant, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let segment = bytes.split_to(bytes.len().min(MSS));
            self.enter(now, segment);
        }
    }

    /// Takes the end of the stream. It arrives as an empty segment, after everything else.
    pub fn finish(&mut self, now: Instant) {
        self.enter(now, Bytes::new());
    }

    fn enter(&mut self, now: Instant, bytes: Bytes) {
        self.advance(now);
        self.held_bytes = self.held_bytes.saturating_add(bytes.len());
        if !self.append(&bytes) {
            self.entered = self.entered.wrapping_add(1);
            self.segments.push_back(Segment {
                number: self.entered,
                bytes,
                entered: now,
                sent: now,
                resent: 0,
                arrives: None,
                acked: false,
                lost: false,
                suspect: None,
            });
        }
        if self.send_what_may(now) && self.timer.is_none_or(|(_, timer)| timer == Timer::Probe) {
            self.arm(now);
        }
    }

    /// Adds to a segment that waits for its turn. The end of the stream stays by itself.
    fn append(&mut self, bytes: &Bytes) -> bool {
        let waits = self.sent < self.segments.len() && !bytes.is_empty();
        let Some(last) = self.segments.back_mut().filter(|_| waits) else { return false };
        let fits = last.bytes.len().saturating_add(bytes.len()) <= MSS;
        if fits {
            last.bytes = joined(&last.bytes, bytes);
        }
        fits
    }

    /// Returns the next bytes that have arrived by `now`, in order; none yet, or the empty end. Call until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<Bytes> {
        self.advance(now);
        let segment = self.segments.get_mut(self.out)?;
        let arrived = segment.arrives.filter(|at| *at <= now)?;
        let bytes = std::mem::take(&mut segment.bytes);
        self.held_bytes = self.held_bytes.saturating_sub(bytes.len());
        self.counts.forwarded = self.counts.forwarded.saturating_add(1);
        self.counts.delayed = self.counts.delayed.saturating_add(u64::from(arrived > segment.entered));
        if segment.resent > 0 {
            let undisturbed = later(segment.entered, self.path.sky().delay(segment.entered));
            let since = self.released.map_or(undisturbed, |released| released.max(undisturbed));
            self.counts.stalled = self.counts.stalled.saturating_add(arrived.saturating_duration_since(since));
        }
        self.released = Some(self.released.map_or(arrived, |released| released.max(arrived)));
        self.out = self.out.saturating_add(1);
        self.forget_acked();
        Some(bytes)
    }

    /// Returns when something happens next.
    pub fn next_due(&self) -> Option<Instant> {
        let arrival = self.segments.get(self.out).and_then(|segment| segment.arrives);
        let event = self.next_event().map(|(at, _)| at);
        [arrival, event].into_iter().flatten().min()
    }

    /// Returns whether all that was sent has been handed out.
    pub fn is_drained(&self) -> bool {
        self.out == self.segments.len()
    }

    /// Returns the bytes that have not been handed out.
    pub const fn held(&self) -> usize {
        self.held_bytes
    }

    /// Returns what has happened since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Lets both ends do all that they have to do up to `now`, each thing at its own time.
    fn advance(&mut self, now: Instant) {
        while let Some((at, event)) = self.next_event().filter(|(at, _)| *at <= now) {
            match event {
                Event::Lands => self.land(),
                Event::Suspect(index) => self.doubt(at, index),
                Event::Timer(timer) => self.fire(at, timer),
            }
        }
    }

    /// Returns what happens next. Of what happens at the same time, what lands comes first, then what is suspected.
    fn next_event(&self) -> Option<(Instant, Event)> {
        let lands = self.flying.peek().map(|Reverse(flying)| (flying.due, Event::Lands));
        let suspects = self.segments.iter().take(self.sent).enumerate();
        let suspects = suspects.filter_map(|(index, segment)| Some((segment.suspect?, Event::Suspect(index))));
        let timer = self.timer.map(|(at, timer)| (at, Event::Timer(timer)));
        lands.into_iter().chain(suspects).chain(timer).min_by_key(|(at, _)| *at)
    }

    fn fly(&mut self, due: Instant, what: Flight) {
        self.flown = self.flown.wrapping_add(1);
        self.flying.push(Reverse(Flying { due, number: self.flown, what }));
    }

    fn land(&mut self) {
        let Some(Reverse(Flying { due, what, .. })) = self.flying.pop() else { return };
        match what {
            Flight::Copy => {
                if let Some(arrives) = self.back.pass(due, OVERHEAD).arrives {
                    self.fly(arrives, Flight::Acknowledgement(due));
                }
            }
            Flight::Acknowledgement(said) => self.hear(due, said),
        }
    }

    /// Lets go of what is acknowledged and handed out, from the front.
    fn forget_acked(&mut self) {
        while self.out > 0 && self.segments.front().is_some_and(|segment| segment.acked) {
            self.segments.pop_front();
            self.out = self.out.saturating_sub(1);
            self.sent = self.sent.saturating_sub(1);
        }
    }
}

fn joined(first: &Bytes, second: &Bytes) -> Bytes {
    let mut both = BytesMut::with_capacity(first.len().saturating_add(second.len()));
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}
