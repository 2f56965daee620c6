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
//! Flow: server's main → [`Announcer`] → mDNS → [`Browser`] → the start screen's list, the doctor.

mod announce;
mod browse;

pub use announce::Announcer;
pub use browse::{Browser, LanServer};

/// What servers are announced as.
const SERVICE: &str = "_crosswire._tcp.local.";
/// Longest name of a server, bytes of UTF-8: as much as a label of DNS holds.
pub const MAX_NAME_BYTES: usize = 63;

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
