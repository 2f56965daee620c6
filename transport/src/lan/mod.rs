//! Servers on the local network, found without anybody typing an address: mDNS service discovery (RFC 6762, RFC 6763).
//!
//! A server announces `_crosswire._tcp.local.` with the lobby's port and, as text, what a list shows. A client listens for that, and
//! asks every server that it has heard of whether it still answers: who was killed cannot say goodbye.
//!
//! ```text
//! text       meaning
//! name       what to call the server
//! version    of the program
//! protocol   of the wire format
//! players    people in its rooms
//! seats      places in its rooms
//! ```
//!
//! A page can do neither; it only knows what such a server would be.
//!
//! Flow: server's main → [`Announcer`] → mDNS → [`Browser`] → the start screen's list, the doctor.

#[cfg(not(target_family = "wasm"))]
mod announce;
#[cfg(not(target_family = "wasm"))]
mod browse;

#[cfg(not(target_family = "wasm"))]
pub use announce::Announcer;
#[cfg(not(target_family = "wasm"))]
pub use browse::Browser;

use protocol::limits::PROTOCOL_VERSION;
use std::net::SocketAddr;
use std::time::Duration;

/// What servers are announced as.
const SERVICE: &str = "_crosswire._tcp.local.";
/// Longest name of a server, bytes of UTF-8: as much as a label of DNS holds.
pub const MAX_NAME_BYTES: usize = 63;

/// A server on the local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanServer {
    /// What it is called.
    pub name: String,
    /// Where its lobby is.
    pub addr: SocketAddr,
    /// People in its rooms.
    pub players: u32,
    /// Places in its rooms.
    pub seats: u32,
    /// Version of the program.
    pub version: String,
    /// Version of the wire format.
    pub protocol: u16,
    /// Time until a connection was open, from the latest answer; none before the first.
    pub round_trip: Option<Duration>,
}

impl LanServer {
    /// Returns whether it speaks as we do.
    pub fn same_protocol(&self) -> bool {
        self.protocol == PROTOCOL_VERSION
    }
}

/// Returns `name` without what cannot be shown, cut to [`MAX_NAME_BYTES`].
fn tidy(name: &str) -> String {
    let mut tidy = String::new();
    for char in name.trim().chars().filter(|char| !char.is_control()) {
        if tidy.len().saturating_add(char.len_utf8()) > MAX_NAME_BYTES {
            break;
        }
        tidy.push(char);
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(tidy(" Ripley's\u{7}\n box "), "Ripley's box");
        assert_eq!(tidy(&"ä".repeat(40)), "ä".repeat(31));
    }
}
