//! Numbered events: an outbox that keeps what is not acknowledged, and an inbox that lets each through once and in order.
//!
//! Flow: room or player → [`Outbox`] → link (again and again, if need be) → [`Inbox`] → room or player.

use crate::limits::{OUTBOX_BYTES, OUTBOX_MESSAGES};
use crate::wire::Kind;
use crate::wire::event::{Sequenced, encode};
use bytes::Bytes;
use serde::Serialize;
use std::collections::VecDeque;

use super::PeerError;

/// Events that were sent and not acknowledged, by rising number.
#[derive(Clone, Debug)]
pub struct Outbox {
    kind: Kind,
    last: u32,
    kept: VecDeque<(u32, Bytes)>,
    bytes: usize,
    unsent: usize,
}

/// The outbox holds more than a living peer ever leaves unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl Outbox {
    /// Returns an empty outbox for events of `kind`.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, last: 0, kept: VecDeque::new(), bytes: 0, unsent: 0 }
    }

    /// Adds an event.
    ///
    /// # Errors
    /// If the outbox is full. The event is not added; the session should end.
    pub fn push(&mut self, event: &impl Serialize) -> Result<(), Overflow> {
        let number = self.last.saturating_add(1);
        let bytes = Bytes::from(encode(self.kind, number, event));
        let total = self.bytes.saturating_add(bytes.len());
        if self.kept.len() >= OUTBOX_MESSAGES || total > OUTBOX_BYTES {
            return Err(Overflow);
        }
        (self.last, self.bytes) = (number, total);
        self.kept.push_back((number, bytes));
        self.unsent = self.unsent.saturating_add(1);
        Ok(())
    }

    /// Forgets every event up to `number`.
    pub fn acknowledge(&mut self, number: u32) {
        while let Some((_, bytes)) = self.kept.pop_front_if(|(kept, _)| *kept <= number) {
            self.bytes = self.bytes.saturating_sub(bytes.len());
        }
        self.unsent = self.unsent.min(self.kept.len());
    }

    /// Makes everything that is not acknowledged unsent again: another link drives now.
    pub fn resend(&mut self) {
        self.unsent = self.kept.len();
    }

    /// Returns the next event to send.
    pub fn next_unsent(&mut self) -> Option<Bytes> {
        let at = self.kept.len().checked_sub(self.unsent)?;
        let (_, bytes) = self.kept.get(at)?;
        self.unsent = self.unsent.saturating_sub(1);
        Some(bytes.clone())
    }

    /// Returns the number of the last event that was added; 0 for none.
    pub const fn last(&self) -> u32 {
        self.last
    }
}

/// The number of the last event applied.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    seen: u32,
    repeated: u64,
}

impl Inbox {
    /// Returns the event if it is the next one; none if it was applied before.
    ///
    /// # Errors
    /// [`PeerError::Gap`] if one in between is missing.
    pub fn accept<E>(&mut self, sequenced: Sequenced<E>) -> Result<Option<E>, PeerError> {
        let next = self.seen.saturating_add(1);
        if sequenced.number > next {
            return Err(PeerError::Gap);
        }
        if sequenced.number < next {
            self.repeated = self.repeated.saturating_add(1);
            return Ok(None);
        }
        self.seen = next;
        Ok(Some(sequenced.event))
    }

    /// Returns the number of the last event applied.
    pub const fn seen(&self) -> u32 {
        self.seen
    }

    /// Returns how many events came more than once and were dropped.
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }
}
