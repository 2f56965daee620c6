//! Key presses: when they happened, which command carried them, and when the match felt them.
//!
//! Keys are pressed at random moments, the same for every wire. Each waits for the next command, as in the client. Whether the server
//! executed that very command follows from its counter of executed commands, which every snapshot carries. A key is held for longer than
//! a tick, so if the command was late, the first later one that was executed counts; the press is reported as late.
//!
//! Flow: `flight.rs` → [`Presses`] → [`Press`], [`Held`] → [`answer`] → `figures.rs`.

use game::rng::Rng;
use std::time::Duration;

/// Least and most time between two presses, milliseconds: a busy player, and no multiple of a tick.
const PAUSE_MS: (f32, f32) = (110.0, 290.0);

/// A key press that a command has carried. Times are milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Press {
    /// When the key went down.
    pub(super) at: f64,
    /// When the command left.
    pub(super) flown: f64,
    /// The command's tick.
    pub(super) tick: u32,
}

/// A snapshot that the player holds. Times are milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    /// Its tick.
    pub(super) tick: u32,
    /// When it arrived.
    pub(super) at: f64,
    /// Ticks up to it that the server executed with the player's own command.
    pub(super) executed: u64,
}

/// What became of a press.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    /// The tick in which the server first acted on it.
    pub(super) tick: u32,
    /// When a snapshot of that tick, or of a later one, was held; milliseconds since the start.
    pub(super) held: f64,
    /// Its command missed its tick, or may have.
    pub(super) late: bool,
}

/// Presses keys.
#[derive(Clone, Debug)]
pub(super) struct Presses {
    rng: Rng,
    next: Duration,
    waiting: Vec<Duration>,
}

impl Presses {
    /// Begins to press at the start. The same seed presses at the same moments.
    pub(super) const fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), next: Duration::ZERO, waiting: Vec::new() }
    }

    /// Presses what is due by `now`, the time since the start.
    pub(super) fn press(&mut self, now: Duration) {
        while self.next <= now {
            if !self.next.is_zero() {
                self.waiting.push(self.next);
            }
            let (least, most) = PAUSE_MS;
            let pause = least + (most - least) * self.rng.unit_f32();
            self.next += Duration::from_secs_f32(pause / 1_000.0);
        }
    }

    /// Hands what was pressed to the command of `tick` that leaves at `now`.
    pub(super) fn carry(&mut self, tick: u32, now: Duration) -> impl Iterator<Item = Press> + '_ {
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        self.waiting.drain(..).map(move |at| Press { at: ms(at), flown: ms(now), tick })
    }
}

/// Finds out what became of `press`. None if no snapshot in `held` (oldest first) tells.
///
/// Between two snapshots in which every tick was executed with the player's own command, each tick is certain. Otherwise any of them may
/// have been missed; then the first tick after them that is certain counts, which errs on the late side.
pub(super) fn answer(press: &Press, held: &[Held]) -> Option<Answer> {
    let first = held.partition_point(|held| held.tick < press.tick).checked_sub(1)?;
    let mut late = false;
    for (index, pair) in held.windows(2).enumerate().skip(first) {
        let [before, after] = pair else { continue };
        let whole = after.executed.saturating_sub(before.executed) == u64::from(after.tick - before.tick);
        if !whole {
            late = true;
            continue;
        }
        let tick = press.tick.max(before.tick + 1);
        let held = held.get(index + 1).map_or(after.at, |held| held.at);
        return Some(Answer { tick, held, late });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(all: &[(u32, u64)]) -> Vec<Held> {
        all.iter()
            .map(|(tick, executed)| Held { tick: *tick, at: f64::from(*tick) * 10.0, executed: *executed })
            .collect()
    }

    const PRESS: Press = Press { at: 0.0, flown: 5.0, tick: 105 };

    #[test]
    fn a_command_in_time_counts_at_its_tick_once_a_snapshot_covers_it() {
        let held = held(&[(102, 2), (104, 4), (106, 6), (108, 8)]);
        assert_eq!(answer(&PRESS, &held), Some(Answer { tick: 105, held: 1_060.0, late: false }));
        let at_once = Press { tick: 106, ..PRESS };
        assert_eq!(answer(&at_once, &held), Some(Answer { tick: 106, held: 1_060.0, late: false }));
    }

    #[test]
    fn a_late_command_counts_with_the_next_one_that_was_executed() {
        // One of 105 and 106 was missed, so was 107; from 108 on all is well.
        let held = held(&[(104, 4), (106, 5), (107, 5), (109, 7)]);
        assert_eq!(answer(&PRESS, &held), Some(Answer { tick: 108, held: 1_090.0, late: true }));
    }

    #[test]
    fn what_no_snapshot_covers_is_not_answered() {
        assert_eq!(answer(&PRESS, &held(&[(102, 2), (104, 4)])), None);
        assert_eq!(answer(&PRESS, &held(&[(105, 5), (107, 7)])), None, "nothing is known about 105 alone");
        assert_eq!(answer(&PRESS, &held(&[(104, 4), (106, 5)])), None);
    }

    #[test]
    fn a_seed_presses_at_the_same_moments_and_each_waits_for_a_command() {
        let run = |seed| {
            let mut presses = Presses::new(seed);
            let mut carried = Vec::new();
            for ms in 0..10_000_u32 {
                let now = Duration::from_millis(u64::from(ms));
                presses.press(now);
                if ms % 17 == 0 {
                    carried.extend(presses.carry(ms / 17, now));
                }
            }
            carried
        };
        let (one, two) = (run(7), run(7));
        assert_eq!(one, two);
        assert_ne!(one, run(8));
        assert!((40..70).contains(&one.len()), "{} presses in ten seconds", one.len());
        assert!(one.iter().all(|press| (0.0..=18.0).contains(&(press.flown - press.at))), "{one:?}");
    }
}
