//! The sending end of a modelled TCP connection: what it makes of acknowledgements and of silence, and what it sends when.
//!
//! Flow: `stream.rs`: an acknowledgement, a suspicion, a timer -> here -> `path.rs`, `window.rs`.

use super::super::later;
use super::window::News;
use super::{Flight, MSS, OVERHEAD, Stream, Timer, joined};
use web_time::{Duration, Instant};

/// Later segments whose arrival leaves no doubt that an earlier one is lost.
const DUPLICATES: usize = 3;

impl Stream {
    /// The sender hears what had arrived by the time `said`.
    pub(super) fn hear(&mut self, now: Instant, said: Instant) {
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
    pub(super) fn doubt(&mut self, now: Instant, index: usize) {
        if let Some(segment) = self.segments.get_mut(index) {
            (segment.suspect, segment.lost) = (None, true);
        }
        self.window.mend(self.newest());
        self.send_what_may(now);
        self.arm(now);
    }

    pub(super) fn fire(&mut self, now: Instant, timer: Timer) {
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
    pub(super) fn arm(&mut self, now: Instant) {
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
    pub(super) fn send_what_may(&mut self, now: Instant) -> bool {
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
}
