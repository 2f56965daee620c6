//! Should every snapshot come twice?
//!
//! On a datagram wire that loses one packet in fifty, every fiftieth picture is a whole interval older than it need be. A second copy of each
//! snapshot makes that one in 2,500, for twice the bytes down. So the client measures what its wire really loses, copies counted one by
//! one, and asks for them only while they help: not on a wire that loses next to nothing, and not on one that loses more since it has
//! to carry twice as much, for that one is full.
//!
//! Flow: `session::client` (snapshots heard) → [`Copies::heard`] → `ClientEvent::Copies` → server → link.

use game::Tick;
use web_time::{Duration, Instant};

/// Time over which arrivals are counted before they are weighed.
const WINDOW: Duration = Duration::from_secs(2);
/// Weight of a new window.
const SMOOTHING: f64 = 0.4;
/// Share of lost datagrams above which copies are asked for, and below which they are given up.
const WORTH_IT: f64 = 0.01;
const NOT_WORTH_IT: f64 = 0.003;
/// A wire that loses as much more with copies than without is full: twice as much and two in a hundred on top.
const FULL_FACTOR: f64 = 2.0;
const FULL_ON_TOP: f64 = 0.02;
/// How long a full wire is spared.
const SPARE: Duration = Duration::from_secs(60);
/// Snapshots that fail to come for as long are no loss but an outage; nothing can be learned from it.
const OUTAGE_TICKS: u32 = 30;

/// Measures what a datagram wire loses and decides whether each snapshot should come twice.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    wished: bool,
    /// The first snapshot of the window, when it came, and how many had been heard before it.
    began: Option<(Tick, Instant, u64)>,
    newest: Tick,
    loss: Option<f64>,
    /// What the wire lost when copies were asked for.
    before: f64,
    spared_until: Option<Instant>,
}

impl Copies {
    /// Takes note of a snapshot that is newer than all before, when `heard` copies of any have come in all, one is made every `every` ticks
    /// and each is sent once or, as wished, twice. Returns a new wish, if there is one.
    pub fn heard(&mut self, tick: Tick, heard: u64, every: u8, now: Instant) -> Option<bool> {
        let outage = tick.since(self.newest) > OUTAGE_TICKS;
        self.newest = tick;
        let Some((first, since, before)) = self.began.filter(|_| !outage) else {
            self.began = Some((tick, now, heard));
            return None;
        };
        if now.saturating_duration_since(since) < WINDOW {
            return None;
        }
        self.began = Some((tick, now, heard));
        let copies = if self.wished { 2.0 } else { 1.0 };
        let sent = f64::from(tick.since(first)) / f64::from(every.max(1)) * copies;
        let lost = (1.0 - heard.saturating_sub(before) as f64 / sent.max(1.0)).clamp(0.0, 1.0);
        let loss = self.loss.map_or(lost, |loss| loss + (lost - loss) * SMOOTHING);
        self.loss = Some(loss);
        let wish = self.decide(loss, now);
        (wish != self.wished).then(|| {
            // What is under way was sent as before: the next window begins late enough not to count it.
            self.began = None;
            self.before = loss;
            self.wished = wish;
            wish
        })
    }

    fn decide(&mut self, loss: f64, now: Instant) -> bool {
        if !self.wished {
            return loss >= WORTH_IT && self.spared_until.is_none_or(|until| until <= now);
        }
        if loss > self.before * FULL_FACTOR + FULL_ON_TOP {
            self.spared_until = now.checked_add(SPARE);
            return false;
        }
        loss >= NOT_WORTH_IT
    }

    /// Another link drives: what was learned of the old one says nothing of it. Returns whether copies were wished for.
    pub fn path_changed(&mut self) -> bool {
        std::mem::take(self).wished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wire that loses `loss(copies)` of its datagrams, evenly. Returns the wish at the end of each second.
    fn fly(seconds: u32, every: u8, loss: impl Fn(u32) -> f64) -> Vec<bool> {
        let start = Instant::now();
        let (mut copies, mut wished, mut heard, mut owed) = (Copies::default(), false, 0, 0.0);
        let mut wishes = Vec::new();
        for tick in (0..seconds * 60).step_by(usize::from(every)) {
            let sent = if wished { 2 } else { 1 };
            let mut came = 0;
            for _ in 0..sent {
                owed += 1.0 - loss(sent);
                if owed >= 1.0 {
                    owed -= 1.0;
                    came += 1;
                }
            }
            heard += came;
            let now = start + Duration::from_secs_f64(f64::from(tick) / 60.0);
            if came > 0
                && let Some(wish) = copies.heard(Tick(tick), heard, every, now)
            {
                wished = wish;
            }
            if tick % 60 < u32::from(every) {
                wishes.push(wished);
            }
        }
        wishes
    }

    #[test]
    fn a_wire_that_loses_gets_copies_and_keeps_them() {
        for (every, loss) in [(1, 0.02), (2, 0.02), (1, 0.05), (2, 0.3)] {
            let wishes = fly(60, every, |_| loss);
            assert!(!wishes[0] && wishes[10..].iter().all(|wished| *wished), "{every} {loss}: {wishes:?}");
        }
    }

    #[test]
    fn a_wire_that_loses_nothing_or_next_to_nothing_gets_none() {
        for loss in [0.0, 0.002] {
            assert!(fly(60, 1, |_| loss).iter().all(|wished| !wished), "{loss}");
        }
    }

    #[test]
    fn a_wire_that_is_full_is_spared() {
        // Half of what does not fit is lost: with copies, far more.
        let wishes = fly(120, 2, |copies| if copies == 2 { 0.4 } else { 0.04 });
        let with = wishes.iter().filter(|wished| **wished).count();
        assert!((1..=16).contains(&with), "{with} of 120 s with copies");
    }

    #[test]
    fn an_outage_is_no_loss_and_another_link_begins_anew() {
        let start = Instant::now();
        let mut copies = Copies::default();
        let mut heard = 0;
        for tick in (0..600).filter(|tick| !(200..400).contains(tick)) {
            heard += 1;
            let now = start + Duration::from_secs_f64(f64::from(tick) / 60.0);
            assert_eq!(copies.heard(Tick(tick), heard, 1, now), None, "at {tick}");
        }
        assert!(!copies.path_changed());
    }
}
