//! Who this client is to a server, across restarts.
//!
//! The lobby knows a player by an id and a secret. They are kept in a file per server and name, so that a client that was killed
//! and started again is the same player and gets its seat back. It is locked while a client uses it: a second client on the
//! same machine finds it taken and becomes `Ada-2`, with a file of its own.
//!
//! Flow: file → [`Identity`] → [`crate::lobby`] (asks for a seat as this guest) → [`Identity::keep`] → file.

#[cfg_attr(target_family = "wasm", path = "identity/page.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "identity/file.rs")]
mod place;

use place::Place;
use protocol::{RoomId, limits::MAX_NAME_CHARS, lobby::Guest};
use serde::{Deserialize, Serialize};

/// Who this client is to one server.
pub(crate) struct Identity {
    server: String,
    /// Name that was asked for.
    asked: String,
    /// Name to use: the one asked for, or with a number behind it.
    pub(crate) name: String,
    /// Ours alone for as long as we have it. None if nothing can be kept.
    place: Option<Place>,
    kept: Kept,
}

/// What the file says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    guest: Option<Guest>,
    /// The room in which a seat may still be kept.
    room: Option<RoomId>,
}

impl Identity {
    /// Takes the first identity for `name` at `server` that no other client on this machine uses.
    pub(crate) fn take(server: &str, name: &str) -> Self {
        for number in 1..=MOST_CLIENTS {
            let numbered = numbered(name, number);
            match Place::take(server, &numbered) {
                Ok(Some(mut place)) => {
                    let kept = place.read();
                    let kept = kept.filter(|kept| kept.guest.as_ref().is_some_and(|guest| guest.name == numbered));
                    return Self {
                        server: server.to_owned(),
                        asked: name.to_owned(),
                        name: numbered,
                        place: Some(place),
                        kept: kept.unwrap_or_default(),
                    };
                }
                Ok(None) => {}
                Err(error) => {
                    bevy::log::warn!("This client will not be recognised after a restart: {error}.");
                    break;
                }
            }
        }
        let (asked, name) = (name.to_owned(), name.to_owned());
        Self { server: server.to_owned(), asked, name, place: None, kept: Kept::default() }
    }

    /// Returns whether this is who plays as `name` at `server`.
    pub(crate) fn is_for(&self, server: &str, name: &str) -> bool {
        self.server == server && self.asked == name
    }

    /// Returns who the server took us for the last time.
    pub(crate) fn guest(&self) -> Option<Guest> {
        self.kept.guest.clone()
    }

    /// Returns the room in which a seat may be waiting.
    pub(crate) const fn room(&self) -> Option<RoomId> {
        self.kept.room
    }

    /// Keeps who we are from now on. Whoever we were had the seat.
    pub(crate) fn keep(&mut self, guest: Guest) {
        self.kept = Kept { guest: Some(guest), room: None };
        self.write();
    }

    /// Forgets who we were.
    pub(crate) fn forget(&mut self) {
        self.kept = Kept::default();
        self.write();
    }

    /// Keeps where our seat is; none once it was given up.
    pub(crate) fn sit_in(&mut self, room: Option<RoomId>) {
        if self.kept.room != room {
            self.kept.room = room;
            self.write();
        }
    }

    fn write(&mut self) {
        if let Some(Err(error)) = self.place.as_mut().map(|place| place.write(&self.kept)) {
            bevy::log::warn!("This client will not be recognised after a restart: {error}.");
        }
    }
}

/// Returns `name` for the client with this number: the first has it as it is.
fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    let suffix = format!("-{number}");
    let room = MAX_NAME_CHARS.saturating_sub(suffix.len());
    let stem: String = name.chars().take(room).collect();
    format!("{}{suffix}", stem.trim_end())
}

/// Returns `text` with everything replaced that some file system does not like.
fn file_name(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    text.trim_start_matches("http://").chars().map(keep).collect()
}

/// Clients of one name on one machine; more than anybody starts by hand.
const MOST_CLIENTS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_into_a_name() {
        assert_eq!(numbered("Ada", 1), "Ada");
        assert_eq!(numbered("Ada", 2), "Ada-2");
        assert_eq!(numbered("ABCDEFGHIJKLMNOP", 12), "ABCDEFGHIJKLM-12");
        assert!(protocol::names::valid_name(&numbered("ABCDEFGHIJKLM OP", 12)));
    }
}
