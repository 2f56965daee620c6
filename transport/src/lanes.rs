//! Both lanes on one byte stream, for the transports that have nothing else: `tcp`, and the bodies of `http`.
//!
//! ```text
//! 0        4
//! +--------+------+-------------+
//! | length | kind | message ... |   length: of kind and message together
//! +--------+------+-------------+
//!
//! kind 0  a Reliable message      1  a Latest message
//!      2  ping, 8 bytes           3  pong, the same 8 bytes
//! ```
//!
//! The frames around it, and the goodbye in place of a length, are those of `frames.rs`.
//!
//! Flow: `tcp.rs`, `http/` -> [`encode`] -> stream -> [`LaneDecoder`] -> `tcp.rs`, `http/`.

use crate::frames::{Decoder, Frame, HEADER_BYTES, Oversize, goodbye};
use bytes::{BufMut, Bytes, BytesMut};
use protocol::{CloseReason, Lane, limits};

/// Bytes in front of every message: length and kind.
pub(crate) const LANE_HEADER_BYTES: usize = HEADER_BYTES + 1;
/// Longest kind and message.
const MAX_FRAME: usize = limits::MAX_RELIABLE_BYTES + 1;

const RELIABLE: u8 = 0;
const LATEST: u8 = 1;
const PING: u8 = 2;
const PONG: u8 = 3;

/// What a stream with both lanes carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The other end closes; nothing follows.
    Goodbye(CloseReason),
    /// One message.
    Message(Lane, Bytes),
    /// Please send these bytes back.
    Ping([u8; 8]),
    /// What was sent as a ping.
    Pong([u8; 8]),
}

/// Takes frames apart.
#[derive(Debug)]
pub(crate) struct LaneDecoder(Decoder);

impl LaneDecoder {
    pub(crate) fn new() -> Self {
        Self(Decoder::with_limit(MAX_FRAME))
    }

    /// Returns whether nothing waits for its rest.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends what came next on the stream.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.0.push(piece);
    }

    /// Takes the next whole frame, or says what is wrong with it.
    pub(crate) fn next(&mut self) -> Result<Option<Said>, &'static str> {
        let frame = match self.0.next() {
            Ok(Some(Frame::Message(frame))) => frame,
            Ok(Some(Frame::Goodbye(reason))) => return Ok(Some(Said::Goodbye(reason))),
            Ok(None) => return Ok(None),
            Err(Oversize) => return Err("a message longer than any may be"),
        };
        let clock = || frame.get(1..).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        let said = match frame.first() {
            Some(&RELIABLE) => Some(Said::Message(Lane::Reliable, frame.slice(1..))),
            Some(&LATEST) if frame.len() <= limits::MAX_LATEST_BYTES.saturating_add(1) => {
                Some(Said::Message(Lane::Latest, frame.slice(1..)))
            }
            Some(&PING) => clock().map(Said::Ping),
            Some(&PONG) => clock().map(Said::Pong),
            _ => None,
        };
        said.map(Some).ok_or("a frame of an unknown kind")
    }
}

/// Appends a frame to a stream.
pub(crate) fn encode(stream: &mut BytesMut, said: &Said) {
    match said {
        Said::Goodbye(reason) => stream.put_slice(&goodbye(*reason)),
        Said::Message(Lane::Reliable, message) => put(stream, RELIABLE, message),
        Said::Message(Lane::Latest, message) => put(stream, LATEST, message),
        Said::Ping(clock) => put(stream, PING, clock),
        Said::Pong(clock) => put(stream, PONG, clock),
    }
}

/// Returns one frame.
pub(crate) fn encoded(said: &Said) -> Bytes {
    let mut frame = BytesMut::new();
    encode(&mut frame, said);
    frame.freeze()
}

fn put(stream: &mut BytesMut, kind: u8, bytes: &[u8]) {
    // `Link::send` has checked the length.
    let length = u32::try_from(bytes.len().saturating_add(1)).unwrap_or(u32::MAX);
    stream.reserve(bytes.len().saturating_add(LANE_HEADER_BYTES));
    stream.put_u32_le(length);
    stream.put_u8(kind);
    stream.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<Option<Said>, &'static str> {
        let mut decoder = LaneDecoder::new();
        decoder.push(bytes);
        decoder.next()
    }

    #[test]
    fn everything_that_is_said_is_understood() {
        let largest = Bytes::from(vec![7; limits::MAX_RELIABLE_BYTES]);
        for said in [
            Said::Message(Lane::Reliable, Bytes::from_static(b"one")),
            Said::Message(Lane::Latest, Bytes::new()),
            Said::Message(Lane::Reliable, largest),
            Said::Ping(*b"12345678"),
            Said::Pong(*b"87654321"),
            Said::Goodbye(CloseReason::Replaced),
        ] {
            assert_eq!(decoded(&encoded(&said)), Ok(Some(said)));
        }
    }

    #[test]
    fn what_nobody_says_is_refused() {
        for wrong in [
            &[0, 0, 0, 0][..],
            &[1, 0, 0, 0, 4],
            &[2, 0, 0, 0, 2, 1],
            &[2, 0, 1, 0],
            &[&[10, 0, 0, 0, 3][..], &[0; 9]].concat(),
            &encoded(&Said::Message(Lane::Latest, vec![0; limits::MAX_LATEST_BYTES + 1].into())),
        ] {
            assert!(decoded(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(decoded(&[9, 0, 0, 0, 0, 1]), Ok(None), "the rest may still come");
    }
}
