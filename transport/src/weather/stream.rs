//! A byte stream in bad weather: nothing is lost, much is late. A model of what the kernel's TCP would do.
//!
//! A relay that dropped bytes of a TCP connection would break it: what TCP loses it repeats, and everything behind waits. So the
//! stream is cut into segments, the segments meet the same fate as datagrams would, and a sender after Linux's repeats them. All is
//! released in order, after a stall in one burst: head-of-line blocking, as the player of a WebSocket feels it.
//!
//! - A segment is lost when one sent later is acknowledged and a reordering window has passed: a quarter of the shortest round trip,
//!   or none once three later ones have arrived or repeats are under way (RACK, RFC 8985; before it three duplicate
//!   acknowledgements, RFC 5681 and 6675). That costs about a round trip and the time until the next segment.
//! - If nothing follows, the last segment is repeated after two round trips as a probe, plus 200 ms if it is the only one (tail
//!   loss probe, RFC 8985).
//! - Else after the retransmission timeout, srtt + max(200 ms, 4 rttvar) (RFC 6298 with Linux's floor), doubled each time. Until one
//!   repeat is acknowledged, new data waits.
//! - Repeats can be lost like everything else. With the cable out all are, and after plugging in the next repeat has to be waited for.
//! - A connection is opened by one packet each way, repeated after 1 s, 2 s, 4 s.
//!
//! Where the model ends: there is no congestion window (a game sends less than any window; bulk is only held by `rate`),
//! acknowledgements take the way back's plain delay and are never lost (they are cumulative, the next one heals it), there are no
//! delayed acknowledgements, and what the kernel would merge into one segment while it waits stays apart. A line with a limited rate
//! does not drop what it cannot take at once: the relay stops reading.
//!
//! Flow: socket -> `relay/tcp.rs` -> [`Stream::send`] -> [`Stream::poll`] -> socket.

use super::later;
use super::path::{Path, QUEUE};
use super::sky::{Direction, Sky};
use super::station::Counts;
use bytes::Bytes;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Payload of one segment, bytes: an Ethernet frame less the headers of IP and TCP, and room for what tunnels add.
pub const MSS: usize = 1_400;
/// Bytes that a stream holds before [`Stream::wants_more`] says no: about what a kernel's buffers hold.
pub const MAX_HELD_BYTES: usize = 256 * 1024;
/// Segments that a stream holds before [`Stream::wants_more`] says no, however small they are.
const MAX_SEGMENTS: usize = 2_048;
/// Headers of a segment, bytes: IPv4's 20, TCP's 20 and its timestamps.
const OVERHEAD: usize = 52;
/// Linux's floor for the part of the timeout that is not the round trip, and what a lone probe waits for a late acknowledgement.
const MIN_RTO: Duration = Duration::from_millis(200);
/// The longest timeout.
const MAX_RTO: Duration = Duration::from_secs(120);
/// Later segments whose arrival leaves no doubt that an earlier one is lost.
const DUPLICATES: usize = 3;

/// A byte stream on its way in one direction.
#[derive(Debug)]
pub struct Stream {
    path: Path,
    /// What an acknowledgement takes.
    back: Duration,
    /// Everything that was not acknowledged up to here.
    segments: VecDeque<Segment>,
    /// How many of them, from the front, were handed out.
    out: usize,
    /// How many of them, from the front, were ever sent.
    sent: usize,
    entered: u64,
    held_bytes: usize,
    trips: Trips,
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
    /// When the sender hears of that, and when it had sent that copy.
    news: Option<(Instant, Instant)>,
    acked: bool,
    /// When it counts as lost, if nothing is heard before.
    suspect: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Probe,
    Timeout,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Acked(usize),
    Suspect(usize),
    Timer(Timer),
}

/// Measured round trips (RFC 6298).
#[derive(Clone, Copy, Debug)]
struct Trips {
    smoothed: Duration,
    deviation: Duration,
    shortest: Duration,
}

impl Trips {
    fn new(first: Duration) -> Self {
        Self { smoothed: first, deviation: half(first), shortest: first }
    }

    fn add(&mut self, trip: Duration) {
        let weigh =
            |old: Duration, new: Duration, weight: f64| old.mul_f64(1.0 - weight).saturating_add(new.mul_f64(weight));
        self.deviation = weigh(self.deviation, self.smoothed.abs_diff(trip), 0.25);
        self.smoothed = weigh(self.smoothed, trip, 0.125);
        self.shortest = self.shortest.min(trip);
    }

    fn timeout(&self, backoff: u32) -> Duration {
        let once = self.smoothed.saturating_add(self.deviation.saturating_mul(4).max(MIN_RTO));
        once.saturating_mul(1_u32.checked_shl(backoff).unwrap_or(u32::MAX)).min(MAX_RTO)
    }

    fn probe(&self, alone: bool) -> Duration {
        self.smoothed.saturating_mul(2).saturating_add(if alone { MIN_RTO } else { Duration::ZERO })
    }
}

fn half(time: Duration) -> Duration {
    time.mul_f64(0.5)
}

impl Stream {
    /// Makes one direction of a connection that opens at `now`; `back` is what an acknowledgement takes.
    pub fn new(now: Instant, seed: u64, direction: Direction, sky: Sky, back: Duration) -> Self {
        let first = sky.delay(now).saturating_add(back);
        Self {
            path: Path::new(seed, direction, sky),
            back,
            segments: VecDeque::new(),
            out: 0,
            sent: 0,
            entered: 0,
            held_bytes: 0,
            trips: Trips::new(first),
            rack: None,
            timer: None,
            backoff: 0,
            probed: false,
            released: None,
            counts: Counts::ZERO,
        }
    }

    /// Changes the weather from `now` on. Pulling the plug also loses what is on its way, which is then repeated.
    pub fn set_sky(&mut self, now: Instant, sky: Sky, back: Duration) {
        self.advance(now);
        if !sky.plugged && self.path.sky().plugged {
            for segment in self.segments.iter_mut().filter(|s| s.arrives.is_some_and(|at| at > now)) {
                segment.arrives = None;
                segment.news = None;
                self.counts.lost = self.counts.lost.saturating_add(1);
            }
            self.path.forget();
        }
        self.path.set_sky(sky);
        self.back = back;
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
        self.entered = self.entered.wrapping_add(1);
        self.segments.push_back(Segment {
            number: self.entered,
            bytes,
            entered: now,
            sent: now,
            resent: 0,
            arrives: None,
            news: None,
            acked: false,
            suspect: None,
        });
        if self.backoff == 0 {
            self.send_waiting(now);
            if self.timer.is_none_or(|(_, timer)| timer == Timer::Probe) {
                self.arm(now);
            }
        }
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

    /// Lets the sender do all that it has to do up to `now`, each thing at its own time.
    fn advance(&mut self, now: Instant) {
        while let Some((at, event)) = self.next_event().filter(|(at, _)| *at <= now) {
            match event {
                Event::Acked(index) => self.acked(at, index),
                Event::Suspect(index) => self.resend(at, index),
                Event::Timer(timer) => self.fire(at, timer),
            }
        }
    }

    /// Returns what happens next. Of acknowledgements that come together, those of what was sent first come first.
    fn next_event(&self) -> Option<(Instant, Event)> {
        let timer = self.timer.map(|(at, timer)| ((at, None), Event::Timer(timer)));
        let segments = self.segments.iter().enumerate().flat_map(|(index, segment)| {
            let news = segment.news.map(|(at, sent)| ((at, Some(Reverse(sent))), Event::Acked(index)));
            let suspect = segment.suspect.map(|at| ((at, None), Event::Suspect(index)));
            [news, suspect].into_iter().flatten()
        });
        let next = segments.chain(timer).min_by_key(|((at, sent), _)| (*at, Reverse(*sent)));
        next.map(|((at, _), event)| (at, event))
    }

    /// The sender hears that a segment has arrived.
    fn acked(&mut self, now: Instant, index: usize) {
        let oldest = self.segments.iter().position(|segment| !segment.acked);
        let Some(segment) = self.segments.get_mut(index) else { return };
        let Some((_, sent)) = segment.news.take() else { return };
        segment.acked = true;
        segment.suspect = None;
        let (order, trip) = ((sent, segment.number), now.saturating_duration_since(sent));
        if segment.resent == 0 {
            self.trips.add(trip);
        }
        if self.rack.is_none_or(|(newest, _)| order > newest) {
            self.rack = Some((order, trip));
        }
        self.backoff = 0;
        self.send_waiting(now);
        let advanced = oldest == Some(index);
        self.probed &= !advanced;
        let repeated = self.find_lost(now);
        self.forget_acked();
        if advanced || repeated {
            self.arm(now);
        }
    }

    /// RACK: repeats what must have arrived by now if it had not been lost. Returns whether there was anything.
    fn find_lost(&mut self, now: Instant) -> bool {
        let Some((newest, trip)) = self.rack else { return false };
        let arrived = self.segments.iter().filter(|segment| segment.acked).count();
        let window =
            if arrived >= DUPLICATES || self.is_repeating() { Duration::ZERO } else { half(half(self.trips.shortest)) };
        let mut lost = Vec::new();
        for (index, segment) in self.segments.iter_mut().take(self.sent).enumerate() {
            if segment.acked || (segment.sent, segment.number) >= newest {
                continue;
            }
            let until = later(segment.sent, trip.saturating_add(window));
            if until <= now {
                lost.push(index);
            } else {
                segment.suspect = Some(until);
            }
        }
        lost.iter().for_each(|index| self.resend(now, *index));
        !lost.is_empty()
    }

    fn is_repeating(&self) -> bool {
        self.segments.iter().any(|segment| !segment.acked && segment.resent > 0)
    }

    fn fire(&mut self, now: Instant, timer: Timer) {
        self.timer = None;
        let unacked = |segment: &Segment| !segment.acked;
        match timer {
            Timer::Probe => {
                self.probed = true;
                let last = self.segments.iter().take(self.sent).rposition(unacked);
                last.into_iter().for_each(|index| self.resend(now, index));
            }
            Timer::Timeout => {
                self.backoff = self.backoff.saturating_add(1);
                self.segments.iter_mut().for_each(|segment| segment.suspect = None);
                let first = self.segments.iter().take(self.sent).position(unacked);
                first.into_iter().for_each(|index| self.resend(now, index));
            }
        }
        self.arm(now);
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
        let orderly = self.backoff == 0 && !self.probed && !self.is_repeating() && !self.has_gap();
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

    fn send_waiting(&mut self, now: Instant) {
        while self.sent < self.segments.len() {
            self.transmit(now, self.sent);
            self.sent = self.sent.saturating_add(1);
        }
    }

    fn resend(&mut self, now: Instant, index: usize) {
        if let Some(segment) = self.segments.get_mut(index) {
            segment.resent = segment.resent.saturating_add(1);
            segment.suspect = None;
            self.counts.resent = self.counts.resent.saturating_add(1);
        }
        self.transmit(now, index);
    }

    fn transmit(&mut self, now: Instant, index: usize) {
        let Some(segment) = self.segments.get_mut(index) else { return };
        let passage = self.path.pass(now, segment.bytes.len().saturating_add(OVERHEAD));
        segment.sent = now;
        self.counts.reordered = self.counts.reordered.saturating_add(u64::from(passage.reordered));
        match passage.arrives {
            Some(arrives) if segment.arrives.is_none_or(|already| arrives < already) => {
                segment.arrives = Some(arrives);
                segment.news = Some((later(arrives, self.back), now));
            }
            Some(_) => {}
            None => self.counts.lost = self.counts.lost.saturating_add(1),
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
