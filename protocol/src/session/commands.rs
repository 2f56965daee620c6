//! The commands of one seat on the server: which to execute at which tick.
//!
//! One command is executed per tick and seat, so sending faster changes nothing. What is missing is replaced by the last one for
//! [`REPEAT_COMMAND`] ticks, then by a neutral one. What lies in the past, was executed, or is further ahead than
//! [`MAX_COMMAND_LEAD`] is refused.
//!
//! Flow: bundle → [`CommandQueue::insert`] → `Arena::step` of its tick ← [`CommandQueue::take`].

use crate::limits::{MAX_COMMAND_LEAD, REPEAT_COMMAND};
use game::{Buttons, Command, Tick};
use std::collections::BTreeMap;

/// What became of a command that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It waits for its tick.
    New,
    /// It was known.
    Repeated,
    /// Its tick is over and was executed without it.
    Late,
    /// It is too far ahead.
    Future,
}

/// Commands of one seat that wait for their tick.
#[derive(Clone, Debug, Default)]
pub struct CommandQueue {
    waiting: BTreeMap<Tick, Command>,
    newest: Tick,
    executed_to: Tick,
    last: Command,
    missing: u32,
    executed: u64,
    late: u64,
    future: u64,
}

impl CommandQueue {
    /// Takes in the command of `tick`. `now` is the tick that was executed last.
    pub fn insert(&mut self, now: Tick, tick: Tick, command: Command) -> Arrival {
        if tick.since(now) > MAX_COMMAND_LEAD {
            self.future = self.future.saturating_add(1);
            return Arrival::Future;
        }
        if tick <= now.max(self.executed_to) {
            let late = tick > self.newest;
            self.newest = self.newest.max(tick);
            self.late = self.late.saturating_add(u64::from(late));
            return if late { Arrival::Late } else { Arrival::Repeated };
        }
        self.newest = self.newest.max(tick);
        let buttons = Buttons(command.buttons.0 & Buttons::ALL.0);
        match self.waiting.insert(tick, Command { buttons, ..command }) {
            None => Arrival::New,
            Some(_) => Arrival::Repeated,
        }
    }

    /// Returns the command to execute at `tick`.
    pub fn take(&mut self, tick: Tick) -> Command {
        self.executed_to = self.executed_to.max(tick);
        let later = self.waiting.split_off(&tick.next());
        let own = std::mem::replace(&mut self.waiting, later).remove(&tick);
        if let Some(own) = own {
            self.last = own;
            self.missing = 0;
            self.executed = self.executed.saturating_add(1);
            return own;
        }
        self.missing = self.missing.saturating_add(1);
        if self.missing > REPEAT_COMMAND {
            self.last = Command { aim: self.last.aim, ..Command::default() };
        }
        self.last
    }

    /// Returns for how many ticks the seat's own command was there in time.
    pub const fn executed(&self) -> u64 {
        self.executed
    }

    /// Returns how many new commands came after their tick.
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Returns how many commands were refused because they lay too far ahead.
    pub const fn future(&self) -> u64 {
        self.future
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thrust(x: i8) -> Command {
        Command { thrust: [x, 0], buttons: Buttons(0xff), ..Command::default() }
    }

    #[test]
    fn each_tick_gets_its_own_command_and_meaningless_bits_are_cleared() {
        let mut queue = CommandQueue::default();
        assert_eq!(queue.insert(Tick(10), Tick(12), thrust(2)), Arrival::New);
        assert_eq!(queue.insert(Tick(10), Tick(11), thrust(1)), Arrival::New);
        assert_eq!(queue.insert(Tick(10), Tick(11), thrust(9)), Arrival::Repeated);
        assert_eq!(queue.take(Tick(11)).thrust, [9, 0]);
        assert_eq!(queue.take(Tick(12)), Command { buttons: Buttons::ALL, ..thrust(2) });
        assert_eq!(queue.executed(), 2);
    }

    #[test]
    fn a_missing_command_repeats_the_last_then_lets_go() {
        let mut queue = CommandQueue::default();
        queue.insert(Tick(0), Tick(1), thrust(5));
        let flown: Vec<i8> = (1..=6).map(|tick| queue.take(Tick(tick)).thrust[0]).collect();
        assert_eq!(flown, [5, 5, 5, 5, 0, 0]);
        assert_eq!(queue.executed(), 1);
    }

    #[test]
    fn the_past_and_the_far_future_are_refused() {
        let mut queue = CommandQueue::default();
        assert_eq!(queue.insert(Tick(100), Tick(100), thrust(1)), Arrival::Late);
        assert_eq!(queue.insert(Tick(100), Tick(99), thrust(1)), Arrival::Repeated);
        assert_eq!(queue.insert(Tick(100), Tick(130), thrust(1)), Arrival::New);
        assert_eq!(queue.insert(Tick(100), Tick(131), thrust(1)), Arrival::Future);
        assert_eq!(queue.insert(Tick(100), Tick(u32::MAX), thrust(1)), Arrival::Future);
        assert_eq!((queue.late(), queue.future()), (1, 2));
    }

    #[test]
    fn a_tick_is_executed_once_however_often_it_is_sent() {
        let mut queue = CommandQueue::default();
        queue.insert(Tick(0), Tick(1), thrust(1));
        queue.take(Tick(1));
        assert_eq!(queue.insert(Tick(1), Tick(1), thrust(7)), Arrival::Repeated);
        assert_eq!(queue.take(Tick(2)).thrust, [1, 0], "only a repetition of what was executed");
        assert_eq!(queue.executed(), 1);
    }
}
