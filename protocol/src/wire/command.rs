//! The command bundle: what a client sends every tick, on the Latest lane.
//!
//! ```text
//! bits  8 | 32     | 32       | 32          | 16    | 8     | 3     | ...
//!      0x81 newest   snapshot   events seen   stamp   shown   n − 1   n commands, newest first
//!
//! first command    thrust x 8 | thrust y 8 | aim 12 | buttons 3
//! each older one   1: thrust as in the newer one      0: thrust x 8 | y 8
//!                  1: aim as in the newer one         0: aim 12
//!                  1: buttons as in the newer one     0: buttons 3
//! ```
//!
//! *newest* is the tick of the first command, each older one is of the tick before. *snapshot* acknowledges the newest snapshot
//! held (0: none), *events seen* the last server event. *stamp* is the sender's clock in quarter milliseconds, wrapping; the next
//! snapshot echoes it, which measures the round trip on every wire alike. *shown* is how far behind *newest* the picture of the others
//! lay on which that command was made, in quarter ticks (255: that or more); see [`crate::rewind`].
//!
//! Flow: `session::client` → here → link → `session::server`.

use super::reader::BitReader;
use super::writer::BitWriter;
use super::{DecodeError, Kind};
use crate::limits::BUNDLE_COMMANDS;
use game::{Aim, Buttons, Command, Tick};

/// What a client sends every tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Tick of the first command.
    pub newest: Tick,
    /// Newest snapshot held; tick 0 for none.
    pub snapshot: Tick,
    /// Number of the last server event applied.
    pub events_seen: u32,
    /// The sender's clock, quarter milliseconds, wrapping.
    pub stamp: u16,
    /// How far behind `newest` the picture of the others lay, quarter ticks.
    pub shown: u8,
    /// 1 to [`BUNDLE_COMMANDS`] commands, newest first.
    pub commands: Vec<Command>,
}

impl Bundle {
    /// Returns the bundle as bytes. More commands than fit are left out, oldest first.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = BitWriter::starting_with(Kind::Commands as u8);
        let count = self.commands.len().clamp(1, BUNDLE_COMMANDS);
        w.bits(self.newest.0, 32);
        w.bits(self.snapshot.0, 32);
        w.bits(self.events_seen, 32);
        w.bits(u32::from(self.stamp), 16);
        w.bits(u32::from(self.shown), 8);
        w.bits((count as u32).saturating_sub(1), 3);
        let mut newer: Option<Command> = None;
        let absent = Command::default();
        for command in self.commands.iter().chain(std::iter::once(&absent)).take(count) {
            if !newer.is_some_and(|n| w.flag(n.thrust == command.thrust)) {
                command.thrust.iter().for_each(|axis| w.bits(u32::from(*axis as u8), 8));
            }
            if !newer.is_some_and(|n| w.flag(n.aim == command.aim)) {
                w.bits(u32::from(command.aim.0), 12);
            }
            if !newer.is_some_and(|n| w.flag(n.buttons == command.buttons)) {
                w.bits(u32::from(command.buttons.0), 3);
            }
            newer = Some(*command);
        }
        w.finish()
    }

    /// Reads the body of a bundle.
    ///
    /// # Errors
    /// If it is cut short or goes on behind its end.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = BitReader::new(body);
        let newest = Tick(r.bits(32)?);
        let snapshot = Tick(r.bits(32)?);
        let events_seen = r.bits(32)?;
        let stamp = r.bits(16)? as u16;
        let shown = r.bits(8)? as u8;
        let count = r.bits(3)?.saturating_add(1);
        let mut commands = Vec::with_capacity(BUNDLE_COMMANDS);
        let mut newer: Option<Command> = None;
        for _ in 0..count {
            let thrust = match newer {
                Some(n) if r.flag()? => n.thrust,
                _ => [r.bits(8)? as u8 as i8, r.bits(8)? as u8 as i8],
            };
            let aim = match newer {
                Some(n) if r.flag()? => n.aim,
                _ => Aim(r.bits(12)? as u16),
            };
            let buttons = match newer {
                Some(n) if r.flag()? => n.buttons,
                _ => Buttons(r.bits(3)? as u8),
            };
            let command = Command { thrust, aim, buttons };
            commands.push(command);
            newer = Some(command);
        }
        r.finish()?;
        Ok(Self { newest, snapshot, events_seen, stamp, shown, commands })
    }

    /// Returns the commands with their ticks, oldest first.
    pub fn in_order(&self) -> impl Iterator<Item = (Tick, Command)> + '_ {
        let numbered = (0_u32..).zip(&self.commands);
        let mut ticks: Vec<_> = numbered.map(|(back, command)| (self.newest.minus(back), *command)).collect();
        ticks.reverse();
        ticks.into_iter()
    }
}
