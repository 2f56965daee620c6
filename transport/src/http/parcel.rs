//! What the bodies of `http` hold: numbered Reliable messages, at most one Latest, and the bookkeeping that makes each count once.
//!
//! Flow: `link/driver.rs` -> [`Outbox`] -> body -> [`Parcel`] -> `link/driver.rs`.

use crate::lanes::{LANE_HEADER_BYTES, LaneDecoder, Said, encode};
use crate::link::Driver;
use bytes::{BufMut, Bytes, BytesMut};
use protocol::{CloseReason, Lane, limits};
use std::collections::VecDeque;

/// Bytes of Reliable frames in one body; what else may be in it is a Latest message, a goodbye and two numbers.
const RELIABLE_BUDGET: usize = limits::HTTP_BODY_BYTES - limits::MAX_LATEST_BYTES - 4 * LANE_HEADER_BYTES;
/// What one Reliable message takes at most.
const LARGEST: usize = limits::MAX_RELIABLE_BYTES + LANE_HEADER_BYTES;

/// Reliable messages that the other end has not seen yet: as many as fit one body.
#[derive(Debug)]
pub(super) struct Outbox {
    unseen: VecDeque<Bytes>,
    bytes: usize,
    /// Number of the first one; numbers begin at 1.
    first: u32,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { unseen: VecDeque::new(), bytes: 0, first: 1 }
    }

    /// Adds a message. There is room for one when nothing waits.
    pub(super) fn push(&mut self, message: Bytes) {
        self.bytes = self.bytes.saturating_add(message.len()).saturating_add(LANE_HEADER_BYTES);
        self.unseen.push_back(message);
    }

    /// Takes from `driver` what still fits.
    pub(super) fn fill(&mut self, driver: &Driver) {
        while self.bytes.saturating_add(LARGEST) <= RELIABLE_BUDGET
            && let Some(message) = driver.take_reliable()
        {
            self.push(message);
        }
    }

    /// Forgets everything up to number `seen`. Returns false if so many were never sent.
    pub(super) fn acknowledge(&mut self, seen: u32) -> bool {
        while self.first <= seen {
            let Some(message) = self.unseen.pop_front() else { return false };
            self.bytes = self.bytes.saturating_sub(message.len().saturating_add(LANE_HEADER_BYTES));
            self.first = self.first.saturating_add(1);
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unseen.is_empty()
    }

    /// Appends the number of the first message, and everything.
    pub(super) fn write(&self, body: &mut BytesMut, latest: Option<Bytes>, goodbye: Option<CloseReason>) {
        body.put_u32_le(self.first);
        for message in &self.unseen {
            encode(body, &Said::Message(Lane::Reliable, message.clone()));
        }
        if let Some(latest) = latest {
            encode(body, &Said::Message(Lane::Latest, latest));
        }
        if let Some(reason) = goodbye {
            encode(body, &Said::Goodbye(reason));
        }
    }
}

/// A body that has arrived, read from front to back.
#[derive(Debug)]
pub(super) struct Parcel {
    frames: LaneDecoder,
    /// Number of the next Reliable message in it.
    number: u32,
    ended: bool,
}

/// What is in a parcel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Goodbye(CloseReason),
    Latest(Bytes),
    /// One that has not come before.
    Reliable(Bytes),
}

impl Parcel {
    /// Opens a body whose first number was read before.
    pub(super) fn new(first: u32, frames: &[u8]) -> Self {
        let mut decoder = LaneDecoder::new();
        decoder.push(frames);
        Self { frames: decoder, number: first, ended: false }
    }

    /// Takes the next thing that is new to somebody who has `seen` so many Reliable messages; `seen` rises with each.
    pub(super) fn next(&mut self, seen: &mut u32) -> Result<Option<Item>, &'static str> {
        loop {
            match self.frames.next()? {
                Some(_) if self.ended => return Err("words after a goodbye"),
                Some(Said::Message(Lane::Latest, message)) => return Ok(Some(Item::Latest(message))),
                Some(Said::Message(Lane::Reliable, message)) => {
                    let number = self.number;
                    self.number = number.saturating_add(1);
                    let next = seen.saturating_add(1);
                    if number == next {
                        *seen = next;
                        return Ok(Some(Item::Reliable(message)));
                    }
                    if number == 0 || number > next {
                        return Err("a gap between Reliable messages");
                    }
                }
                Some(Said::Goodbye(reason)) => {
                    self.ended = true;
                    return Ok(Some(Item::Goodbye(reason)));
                }
                Some(Said::Ping(_) | Said::Pong(_)) => return Err("a frame of an unknown kind"),
                None if self.frames.is_empty() => return Ok(None),
                None => return Err("a body that ends within a frame"),
            }
        }
    }
}

/// Takes a number from the front of a body.
pub(super) fn number(body: &mut &[u8]) -> Option<u32> {
    let (number, rest) = body.split_first_chunk::<4>()?;
    *body = rest;
    Some(u32::from_le_bytes(*number))
}

/// Returns the body that says why a link has ended.
pub(super) fn farewell(reason: CloseReason) -> Bytes {
    crate::lanes::encoded(&Said::Goodbye(reason))
}

/// Reads [`farewell`]. Whoever says nothing is done.
pub(super) fn reason_in(body: &[u8]) -> CloseReason {
    match Parcel::new(1, body).next(&mut 0) {
        Ok(Some(Item::Goodbye(reason))) => reason,
        _ => CloseReason::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(number: u32) -> Bytes {
        Bytes::copy_from_slice(&number.to_le_bytes())
    }

    /// Returns all that is new in a body that begins with a number.
    fn opened(mut body: &[u8], seen: &mut u32) -> Result<Vec<Item>, &'static str> {
        let mut parcel = Parcel::new(number(&mut body).unwrap(), body);
        std::iter::from_fn(|| parcel.next(seen).transpose()).collect()
    }

    #[test]
    fn what_comes_again_counts_once_and_what_is_new_with_it_counts() {
        let (mut outbox, mut seen) = (Outbox::new(), 0);
        outbox.push(message(1));
        outbox.push(message(2));
        let mut first = BytesMut::new();
        outbox.write(&mut first, Some(message(90)), None);
        let all = [Item::Reliable(message(1)), Item::Reliable(message(2)), Item::Latest(message(90))];
        assert_eq!(opened(&first, &mut seen).unwrap(), all);
        // The answer was lost, so everything comes again, with more behind it.
        outbox.push(message(3));
        let mut again = BytesMut::new();
        outbox.write(&mut again, None, Some(CloseReason::Replaced));
        let rest = [Item::Reliable(message(3)), Item::Goodbye(CloseReason::Replaced)];
        assert_eq!(opened(&again, &mut seen).unwrap(), rest);
        assert!(outbox.acknowledge(seen) && outbox.is_empty());
        assert!(outbox.acknowledge(1), "an old answer says nothing new");
        assert!(!outbox.acknowledge(4), "so many were never sent");
    }

    #[test]
    fn what_no_honest_end_writes_is_refused() {
        let body = |first: u32, frames: &[Said]| {
            let mut body = BytesMut::new();
            body.put_u32_le(first);
            frames.iter().for_each(|said| encode(&mut body, said));
            body
        };
        let reliable = || Said::Message(Lane::Reliable, Bytes::new());
        let goodbye = || Said::Goodbye(CloseReason::Done);
        for wrong in [
            body(2, &[reliable()]),
            body(0, &[reliable()]),
            body(u32::MAX, &[reliable()]),
            body(1, &[Said::Ping([0; 8])]),
            body(1, &[goodbye(), reliable()]),
            body(1, &[goodbye(), goodbye()]),
            BytesMut::from(&[1, 0, 0, 0, 9, 0][..]),
            BytesMut::from(&[1, 0, 0, 0, 1, 0, 0, 0, 9][..]),
        ] {
            assert!(opened(&wrong, &mut 0).is_err(), "{wrong:?}");
        }
        assert_eq!(opened(&body(7, &[]), &mut 0).unwrap(), [], "nothing is no gap");
    }

    #[test]
    fn the_fullest_body_is_within_its_limit() {
        let (link, driver) = crate::link_pair(protocol::Transport::Memory, None, None);
        let largest = Bytes::from(vec![0; limits::MAX_RELIABLE_BYTES]);
        for length in [0, 1, limits::MAX_RELIABLE_BYTES / 2, 3] {
            link.send(Lane::Reliable, largest.slice(..length)).unwrap();
        }
        (0..2).for_each(|_| link.send(Lane::Reliable, largest.clone()).unwrap());
        let mut outbox = Outbox::new();
        outbox.fill(&driver);
        assert!(!driver.drained(), "not everything fits");
        let mut body = BytesMut::new();
        body.put_u32_le(1);
        outbox.write(&mut body, Some(largest.slice(..limits::MAX_LATEST_BYTES)), Some(CloseReason::Done));
        assert!(body.len() <= limits::HTTP_BODY_BYTES && body.len() > limits::MAX_RELIABLE_BYTES, "{}", body.len());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(first in any::<u32>(), frames in prop::collection::vec(any::<u8>(), 0..300), mut seen in any::<u32>()) {
            let mut parcel = Parcel::new(first, &frames);
            while let Ok(Some(_)) = parcel.next(&mut seen) {}
            reason_in(&frames);
        }
    }
}
