//! *Auto*: nobody wished for a wire, so the best that works is used. Which one worked last is tried first; and a match that had to begin on
//! a worse wire, or fell back to one, moves up when a better one works again.
//!
//! Moving up is the same operation as a change by hand, make before break, only that nobody is told when it fails. It is tried every
//! [`FIRST_PAUSE`], then after twice as long each time, up to [`LONGEST_PAUSE`]: a port that is blocked stays blocked, and a race costs
//! packets. A wire that was moved up to and died soon counts as a failure as well, so that a flapping one is not ridden to death.
//!
//! Flow: [`super::Player::update`] → [`Auto::better`] → [`super::dialing`] → [`Auto::drives`] or [`Auto::failed`].

use super::{Player, RETRY_EVERY};
use protocol::Transport;
use protocol::limits::{SEAT_KEPT, SILENCE};
use web_time::{Duration, Instant};

/// Time on a worse wire before better ones are tried.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// Longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(480);
/// A wire that drove for less after moving up to it has failed.
const TRIAL: Duration = Duration::from_secs(60);

/// What *auto* remembers.
#[derive(Debug)]
pub(super) struct Auto {
    /// No wire was picked by hand.
    pub(super) on: bool,
    pause: Duration,
    next: Option<Instant>,
    /// A better wire is being tried.
    pub(super) moving_up: bool,
    moved_up: Option<Instant>,
}

/// Returns the wires that are raced, the best first, but `first` before them if it is one of them.
pub(super) fn order(first: Option<Transport>) -> Vec<Transport> {
    let first = first.filter(|wire| Transport::RACE.contains(wire));
    let others = Transport::RACE.into_iter().filter(|wire| Some(*wire) != first);
    first.into_iter().chain(others).collect()
}

impl Auto {
    pub(super) const fn new(on: bool) -> Self {
        Self { on, pause: FIRST_PAUSE, next: None, moving_up: false, moved_up: None }
    }

    /// Somebody picked a wire, or returned to *auto*, which tries better wires at once.
    pub(super) const fn set(&mut self, on: bool, now: Instant) {
        *self = Self::new(on);
        self.next = Some(now);
    }

    /// Returns the wires that are better than `driving`, if it is time to try them.
    pub(super) fn better(&mut self, driving: Transport, now: Instant) -> Option<Vec<Transport>> {
        let better: Vec<_> = Transport::RACE.into_iter().filter(|wire| wire.code() < driving.code()).collect();
        if !self.on || self.moving_up || better.is_empty() || self.next.is_none_or(|next| next > now) {
            return None;
        }
        self.moving_up = true;
        Some(better)
    }

    /// A wire drives.
    pub(super) fn drives(&mut self, now: Instant) {
        if std::mem::take(&mut self.moving_up) {
            self.moved_up = Some(now);
        } else if self.moved_up.take().is_some_and(|then| now.saturating_duration_since(then) < TRIAL) {
            self.back_off();
        }
        self.next = now.checked_add(self.pause);
    }

    /// None of the better wires works. Returns whether any was being tried.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let was = std::mem::take(&mut self.moving_up);
        if was {
            self.back_off();
            self.next = now.checked_add(self.pause);
        }
        was
    }

    fn back_off(&mut self) {
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

impl Player {
    /// The driving link has gone silent: the other wires are raced, and if none works, all of them again. Should the link speak again
    /// before another has taken over, it goes on.
    pub(super) fn fail_over(&mut self, now: Instant) {
        let (Some(driving), Some(heard)) = (self.status.driving, self.status.last_snapshot) else { return };
        let silent = now.saturating_duration_since(heard) > SILENCE;
        // A page that was busy for long is given what has come meanwhile only after this: one look is not enough.
        let silent = std::mem::replace(&mut self.silent, silent) && silent;
        if !silent && std::mem::take(&mut self.failing_over) {
            self.dialing.cancel();
        }
        if silent && !self.session.is_attaching() && self.promote(None, now) {
            return;
        }
        if silent && self.auto.failed(now) {
            self.dialing.cancel();
        }
        let free = !self.dialing.is_busy() && !self.session.is_attaching() && self.retry_at.is_none_or(|at| at <= now);
        if silent && free {
            self.failing_over = true;
            let others = Transport::RACE.into_iter().filter(|wire| *wire != driving);
            let wires: Vec<_> = others.chain([driving]).collect();
            self.dialing.begin(&wires, now);
        }
    }

    /// All links are lost: dials again and again, every wire in turn, for as long as the seat is kept.
    pub(super) fn come_back(&mut self, now: Instant) {
        let Some(since) = self.away_since else { return };
        if now.saturating_duration_since(since) > SEAT_KEPT {
            self.end("The connection was lost and could not be made again. Check the network, then join again.".into());
        } else if !self.dialing.is_busy() && !self.session.is_attaching() && self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = now.checked_add(RETRY_EVERY);
            // What carried the match along is open still, perhaps.
            if !self.promote(None, now) {
                self.dialing.begin(&Transport::RACE, now);
            }
        }
    }

    /// Does what was wished for while another link was on its way to drive.
    pub(super) fn heed_wish(&mut self, now: Instant) {
        if let Some(to) = self.wished.take_if(|_| !self.session.is_attaching()) {
            self.switch(to, now);
        }
    }

    /// On a worse wire than need be, and nobody wished for it: now and then the better ones are tried.
    pub(super) fn move_up(&mut self, now: Instant) {
        let free = !self.failing_over && !self.dialing.is_busy() && !self.session.is_attaching();
        if let Some(driving) = self.status.driving.filter(|_| free)
            && let Some(better) = self.auto.better(driving, now)
        {
            self.dialing.begin(&better, now);
        }
    }

    /// Returns to *auto*: the best wire that works is used, beginning with a try of those that are better than the present one.
    pub const fn auto(&mut self, now: Instant) {
        self.auto.set(true, now);
    }

    /// Returns whether the wire is chosen by *auto*, not by hand.
    pub const fn is_auto(&self) -> bool {
        self.auto.on
    }

    /// Returns the wire that drove last: a good [`super::Entry::first`] for the next match on the same server.
    pub const fn worked(&self) -> Option<Transport> {
        self.worked
    }

    /// Makes `to` the driving wire as soon as it works; the present one goes on until then. A link that carries the match along over it
    /// takes over at once. This ends *auto*.
    pub fn switch(&mut self, to: Transport, now: Instant) {
        self.auto.set(false, now);
        // It is on its way from outside of the weather into it, which is no other wire.
        if self.status.driving == Some(to) && self.dialing.is_dialling(to) {
            return;
        }
        // Whatever else was on its way was not wished for any more.
        self.dialing.cancel();
        self.wished = None;
        if self.session.is_attaching() {
            self.wished = Some(to);
            return;
        }
        let other = self.status.driving.is_some_and(|driving| driving != to);
        if !self.ended && other && !self.promote(Some(to), now) {
            self.failing_over = false;
            self.dialing.begin(&[to], now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: Transport = Transport::Udp;
    const WEBSOCKET: Transport = Transport::Websocket;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_wire_that_worked_last_is_tried_first() {
        assert_eq!(order(None), Transport::RACE);
        assert_eq!(order(Some(Transport::Tcp)), Transport::RACE, "only on request");
        let order = order(Some(WEBSOCKET));
        assert_eq!((order[0], order[1], order.len()), (WEBSOCKET, UDP, Transport::RACE.len()));
    }

    #[test]
    fn better_wires_are_tried_after_a_while_and_then_ever_more_rarely() {
        let (start, mut auto, mut tried) = (Instant::now(), Auto::new(true), Vec::new());
        auto.drives(start);
        for second in 0..1_000 {
            let now = start + seconds(second);
            assert_eq!(auto.better(UDP, now), None, "nothing is better");
            if let Some(better) = auto.better(WEBSOCKET, now) {
                assert_eq!(better[0], UDP);
                assert!(!better.contains(&WEBSOCKET) && auto.failed(now));
                tried.push(second);
            }
        }
        assert_eq!(tried, [30, 90, 210, 450, 930]);
    }

    #[test]
    fn a_wire_that_dies_soon_after_moving_up_is_left_alone_for_longer() {
        let (start, mut auto) = (Instant::now(), Auto::new(true));
        auto.drives(start);
        assert!(auto.better(WEBSOCKET, start + seconds(30)).is_some());
        auto.drives(start + seconds(31));
        // It dies, and the match falls back.
        auto.drives(start + seconds(40));
        assert!(auto.better(WEBSOCKET, start + seconds(99)).is_none());
        assert!(auto.better(WEBSOCKET, start + seconds(100)).is_some());
    }

    #[test]
    fn a_wire_picked_by_hand_is_kept_until_auto_is_wished_for() {
        let (start, mut auto) = (Instant::now(), Auto::new(true));
        auto.set(false, start);
        auto.drives(start);
        assert_eq!(auto.better(WEBSOCKET, start + seconds(999)), None);
        auto.set(true, start + seconds(1_000));
        assert!(auto.better(WEBSOCKET, start + seconds(1_000)).is_some());
    }
}
