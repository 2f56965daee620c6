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
//! Flow: socket -> `relay/tcp.rs` -> [`Stream::send`] -> [`Stream::poll`] -> socket.

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
use std::time::{Duration, Instant};
use trips::Trips;
use window::{News, Window};

/// Payload of one segment, bytes: an Ethernet frame less the headers of IP and TCP, and room for what tunnels add.
pub const MSS: usize = 1_400;
/// Bytes that a stream holds before [`Stream::wants_more`] says no: about what a kernel's buffers hold.
pub const MAX_HELD_BYTES: usize = 256 * 1024;
/// Segments that a stream holds before [`Stream::wants_more`] says no, however small they are.
const MAX_SEGMENTS: usize = 2_048;
/// Headers of a segment, bytes: IPv4's 20, TCP's 20 and its timestamps.
const OVERHEAD: usize = 52;
/// Later segments whose arrival leaves no doubt that an earlier one is lost.
const DUPLICATES: usize = 3;
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

    /// The sender hears what had arrived by the time `said`.
    fn hear(&mut self, now: Instant, said: Instant) {
        let oldest = self.oldest();
        let (mut arrived, mut newest, mut trip) = (0_usize, None, None);
        for segment in self.segments.iter_mut().take(self.sent) {
            if segment.acked || segment.arrives.is_none_or(|at| at > said) {
                continue;
            }
            (segment.acked, segment.lost, segment.suspect) = (true, false, None);
            arrived = arrived.saturating_add(1);
            let took = now.saturating_duration_since(segment.sent);
            if segment.resent == 0 {
                trip = trip.or(Some(took));
            }
            // What comes back faster than ever answers an earlier copy.
            if segment.resent == 0 || took >= self.trips.shortest {
                newest = newest.max(Some(((segment.sent, segment.number), took)));
            }
        }
        if arrived == 0 {
            return;
        }
        trip.into_iter().for_each(|trip| self.trips.add(trip));
        if newest > self.rack {
            self.rack = newest;
        }
        let advanced = self.oldest() != oldest;
        if advanced {
            (self.backoff, self.probed) = (0, false);
            self.window.advance(self.oldest());
        }
        let lost = self.find_lost(now);
        let sent = newest.map_or(now, |((sent, _), _)| sent);
        self.window.hear(now, News { sent, arrived, lost, flying: self.in_flight() });
        self.send_what_may(now);
        self.forget_acked();
        if advanced || lost > 0 {
            self.arm(now);
        }
    }

    /// Returns the number of the oldest segment that is not acknowledged, or of the next one.
    fn oldest(&self) -> u64 {
        let unacked = self.segments.iter().find(|segment| !segment.acked);
        unacked.map_or(self.entered.wrapping_add(1), |segment| segment.number)
    }

    /// Returns the number of the newest segment that was sent.
    fn newest(&self) -> u64 {
        self.sent.checked_sub(1).and_then(|index| self.segments.get(index)).map_or(self.entered, |last| last.number)
    }

    /// Returns how many segments are on their way as far as the sender knows.
    fn in_flight(&self) -> usize {
        self.segments.iter().take(self.sent).filter(|segment| !segment.acked && !segment.lost).count()
    }

    /// RACK: marks what must have arrived by now if it had not been lost. Returns how many there were.
    fn find_lost(&mut self, now: Instant) -> usize {
        let Some((newest, trip)) = self.rack else { return 0 };
        let arrived = self.segments.iter().filter(|segment| segment.acked).count();
        let certain = arrived >= DUPLICATES || !self.window.is_open();
        let window = if certain { Duration::ZERO } else { self.trips.reordering() };
        let mut lost = 0_usize;
        for segment in self.segments.iter_mut().take(self.sent) {
            if segment.acked || segment.lost || (segment.sent, segment.number) >= newest {
                continue;
            }
            let until = later(segment.sent, trip.saturating_add(window));
            segment.suspect = Some(until).filter(|until| *until > now);
            if segment.suspect.is_none() {
                segment.lost = true;
                lost = lost.saturating_add(1);
            }
        }
        if lost > 0 {
            self.window.mend(self.newest());
        }
        lost
    }

    /// Nothing was heard of a segment in time.
    fn doubt(&mut self, now: Instant, index: usize) {
        if let Some(segment) = self.segments.get_mut(index) {
            (segment.suspect, segment.lost) = (None, true);
        }
        self.window.mend(self.newest());
        self.send_what_may(now);
        self.arm(now);
    }

    fn fire(&mut self, now: Instant, timer: Timer) {
        self.timer = None;
        match timer {
            Timer::Probe => {
                self.probed = true;
                let last = self.segments.iter().take(self.sent).rposition(|segment| !segment.acked);
                last.into_iter().for_each(|index| self.resend(now, index));
            }
            Timer::Timeout => {
                self.backoff = self.backoff.saturating_add(1);
                self.give_up(now);
                self.send_what_may(now);
            }
        }
        self.arm(now);
    }

    /// Takes everything for lost that was not sent just now. The oldest is, in any case.
    fn give_up(&mut self, now: Instant) {
        let trip = self.rack.map_or(Duration::ZERO, |(_, trip)| trip);
        let mut oldest = true;
        for segment in self.segments.iter_mut().take(self.sent).filter(|segment| !segment.acked) {
            segment.suspect = None;
            segment.lost |= std::mem::take(&mut oldest) || later(segment.sent, trip) <= now;
        }
        self.window.collapse(self.newest(), self.in_flight());
    }

    /// Sets the timer for what to do if nothing is heard.
    fn arm(&mut self, now: Instant) {
        let mut flying = self.segments.iter().take(self.sent).filter(|segment| !segment.acked);
        let Some(oldest) = flying.next() else {
            self.timer = None;
            return;
        };
        let alone = flying.next().is_none();
        let timeout = self.trips.timeout(self.backoff);
        let orderly = self.backoff == 0 && !self.probed && self.window.is_open() && !self.has_gap();
        self.timer = Some(if orderly {
            let latest = later(oldest.sent, timeout).max(now);
            (later(now, self.trips.probe(alone)).min(latest), Timer::Probe)
        } else {
            (later(now, timeout), Timer::Timeout)
        });
    }

    /// Whether something was acknowledged behind something that was not.
    fn has_gap(&self) -> bool {
        self.segments.iter().skip_while(|segment| segment.acked).any(|segment| segment.acked)
    }

    /// Sends as much as the window lets out, what was lost first. Returns whether there was anything.
    fn send_what_may(&mut self, now: Instant) -> bool {
        let mut sent = false;
        for _ in 0..self.window.room(self.in_flight()) {
            let lost = self.segments.iter().take(self.sent).position(|segment| segment.lost);
            if let Some(index) = lost {
                self.resend(now, index);
            } else if self.sent < self.segments.len() {
                self.transmit(now, self.sent);
                self.sent = self.sent.saturating_add(1);
            } else {
                break;
            }
            sent = true;
        }
        sent
    }

    fn resend(&mut self, now: Instant, index: usize) {
        self.absorb(index);
        if let Some(segment) = self.segments.get_mut(index) {
            segment.resent = segment.resent.saturating_add(1);
            (segment.suspect, segment.lost) = (None, false);
            self.counts.resent = self.counts.resent.saturating_add(1);
        }
        self.transmit(now, index);
    }

    /// Puts what follows a lost segment into its repeat, as far as it fits and the sender does not know that it has arrived.
    fn absorb(&mut self, index: usize) {
        let next = index.saturating_add(1);
        while next < self.sent {
            let (Some(segment), Some(follower)) = (self.segments.get(index), self.segments.get(next)) else { return };
            let length = segment.bytes.len().saturating_add(follower.bytes.len());
            if segment.arrives.is_some() || follower.acked || follower.bytes.is_empty() || length > MSS {
                return;
            }
            let bytes = joined(&segment.bytes, &follower.bytes);
            self.segments.get_mut(index).into_iter().for_each(|segment| segment.bytes = bytes.clone());
            self.segments.remove(next);
            self.sent = self.sent.saturating_sub(1);
        }
    }

    fn transmit(&mut self, now: Instant, index: usize) {
        let Some(segment) = self.segments.get_mut(index) else { return };
        let passage = self.path.pass(now, segment.bytes.len().saturating_add(OVERHEAD));
        segment.sent = now;
        self.counts.reordered = self.counts.reordered.saturating_add(u64::from(passage.reordered));
        let Some(arrives) = passage.arrives else {
            self.counts.lost = self.counts.lost.saturating_add(1);
            return;
        };
        segment.arrives = Some(segment.arrives.map_or(arrives, |already| already.min(arrives)));
        self.fly(arrives, Flight::Copy);
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
