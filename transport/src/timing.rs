//! How patient a transport is. The limits are the only values in use; tests shorten them so as not to wait.
//!
//! Flow: `dial.rs`, `server.rs` -> every transport.

use protocol::limits;
use std::time::Duration;

/// How long each thing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From an open socket to a link that can be used.
    pub handshake: Duration,
    /// Between signs of life on a silent link. `udp` has netcode's own 250 ms.
    pub keep_alive: Duration,
    /// Silence after which a link is given up. `udp` counts whole seconds, at least one.
    pub silence: Duration,
    /// How long a close may wait for what was sent before it.
    pub linger: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            handshake: limits::HANDSHAKE_DEADLINE,
            keep_alive: limits::KEEP_ALIVE,
            silence: limits::LINK_TIMEOUT,
            linger: limits::CLOSE_LINGER,
        }
    }
}
