//! What the frames of a WebSocket mean, at both ends and in a page.
//!
//! Flow: `websocket.rs`, `browser/websocket.rs` -> here.

use super::reason_of;
use protocol::CloseReason;

/// The path of the upgrade on the lobby's port.
pub const PATH: &str = "/v1/link";

/// First byte of a frame with a Reliable message.
pub(crate) const RELIABLE: u8 = 0;
/// First byte of a frame with a Latest message.
pub(crate) const LATEST: u8 = 1;
/// Close codes from here on are ours: the standard leaves 4000 to 4999 to applications.
const CLOSE_CODES: u16 = 4_000;

/// Bytes of a frame's header. Clients add four for a mask; the difference does not matter for an estimate.
pub(crate) fn frame_header(length: usize) -> usize {
    match length {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}

/// Returns the close code that says why.
pub(crate) fn code_of(reason: CloseReason) -> u16 {
    CLOSE_CODES.saturating_add(u16::from(reason.code()))
}

/// Returns why a connection was closed.
pub(crate) fn reason_of_code(code: u16) -> CloseReason {
    match code {
        code @ CLOSE_CODES.. => u8::try_from(code.saturating_sub(CLOSE_CODES)).map_or(CloseReason::Done, reason_of),
        1000 | 1001 | 1005 => CloseReason::Done,
        _ => CloseReason::Violation,
    }
}
