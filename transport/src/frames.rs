//! A byte stream cut into messages, for the transports whose Reliable lane is one: `quic` and, over renet's pieces, `udp`.
//!
//! A stream has no message boundaries, and a library's own splitting of large messages is one more parser of a stranger's
//! numbers. So both transports share this one, with one bound on what a length may claim.
//!
//! ```text
//! 0        4
//! +--------+-----------------+
//! | length | message ...     |   length: u32, little end first, at most MAX_RELIABLE_BYTES
//! +--------+-----------------+
//! | FFFFFFrr |                   goodbye, the last frame: rr is the code of a CloseReason
//! +----------+
//! ```
//!
//! Flow: `link/driver.rs` -> [`encode`] -> stream -> [`Decoder`] -> `link/driver.rs`.

pub(crate) mod websocket;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use protocol::{CloseReason, limits};

/// What a client writes first on a stream of `quic` or `webtransport`.
pub(crate) const PREAMBLE: &[u8; 4] = b"CWQ1";
/// Bytes in front of every message.
pub(crate) const HEADER_BYTES: usize = 4;
/// Marks a goodbye; the low byte is the reason. No length reaches this high.
const GOODBYE: u32 = 0xFFFF_FF00;

/// What a stream carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The other end closes; nothing follows.
    Goodbye(CloseReason),
    /// One Reliable message.
    Message(Bytes),
}

/// A length beyond the limit. The stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Oversize;

/// Returns the header that goes before `message`. A length that does not fit cannot occur: `Link::send` has checked it.
pub(crate) fn header(message: &Bytes) -> [u8; HEADER_BYTES] {
    u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Returns the frame that says goodbye.
pub(crate) fn goodbye(reason: CloseReason) -> [u8; HEADER_BYTES] {
    (GOODBYE | u32::from(reason.code())).to_le_bytes()
}

/// Appends `message` to a stream.
pub(crate) fn encode(stream: &mut BytesMut, message: &Bytes) {
    stream.reserve(message.len().saturating_add(HEADER_BYTES));
    stream.put_slice(&header(message));
    stream.put_slice(message);
}

/// Puts messages together again. Holds at most one message and the piece that completed it.
#[derive(Debug)]
pub(crate) struct Decoder {
    waiting: BytesMut,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(limits::MAX_RELIABLE_BYTES)
    }
}

impl Decoder {
    /// Returns a decoder of messages of up to `limit` bytes.
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self { waiting: BytesMut::new(), limit }
    }

    /// Returns whether nothing waits for its rest.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Appends what came next on the stream.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.waiting.extend_from_slice(piece);
    }

    /// Takes the next whole frame.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Oversize> {
        let Some(header) = self.waiting.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header);
        if length >= GOODBYE {
            self.waiting.advance(HEADER_BYTES);
            return Ok(Some(Frame::Goodbye(reason_of(length.to_le_bytes()[0]))));
        }
        let length = usize::try_from(length).map_err(|_| Oversize)?;
        if length > self.limit {
            return Err(Oversize);
        }
        if self.waiting.len() < length.saturating_add(HEADER_BYTES) {
            return Ok(None);
        }
        self.waiting.advance(HEADER_BYTES);
        Ok(Some(Frame::Message(self.waiting.split_to(length).freeze())))
    }
}

/// Returns the reason behind a code. A newer peer may know more reasons than we do; to us it is simply done.
pub(crate) fn reason_of(code: u8) -> CloseReason {
    CloseReason::from_code(code).unwrap_or(CloseReason::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_goodbye_carries_its_reason() {
        let mut decoder = Decoder::default();
        for reason in CloseReason::ALL {
            decoder.push(&goodbye(reason));
            assert_eq!(decoder.next(), Ok(Some(Frame::Goodbye(reason))));
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_stored() {
        for length in [limits::MAX_RELIABLE_BYTES as u32 + 1, u32::MAX >> 1, GOODBYE - 1] {
            let mut decoder = Decoder::default();
            decoder.push(&length.to_le_bytes());
            assert_eq!(decoder.next(), Err(Oversize));
        }
    }

    proptest! {
        #[test]
        fn messages_survive_any_cutting(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..12),
            piece in 1_usize..1_500,
        ) {
            let mut stream = BytesMut::new();
            for message in &messages {
                encode(&mut stream, &Bytes::copy_from_slice(message));
            }
            let mut decoder = Decoder::default();
            let mut out = Vec::new();
            for piece in stream.chunks(piece) {
                decoder.push(piece);
                while let Some(frame) = decoder.next().unwrap() {
                    let Frame::Message(message) = frame else { panic!("a goodbye that nobody said") };
                    out.push(message.to_vec());
                }
            }
            prop_assert_eq!(out, messages);
        }

        #[test]
        fn garbage_never_panics_and_never_grows(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1_000), 0..20)) {
            let mut decoder = Decoder::default();
            'stream: for piece in pieces {
                decoder.push(&piece);
                loop {
                    match decoder.next() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(Oversize) => break 'stream,
                    }
                }
                prop_assert!(decoder.waiting.len() <= limits::MAX_RELIABLE_BYTES + HEADER_BYTES + 1_000);
            }
        }
    }
}
