//! Who this client is to a server, across restarts.
//!
//! The lobby knows a player by an id and a secret. They are kept in a file per server and name, so that a client that was killed
//! and started again is the same player and gets its seat back. The file is locked while a client uses it: a second client on the
//! same machine finds it taken and becomes `Ada-2`, with a file of its own.
//!
//! Flow: file → [`Identity`] → [`crate::lobby`] (asks for a seat as this guest) → [`Identity::keep`] → file.

use crate::data;
use protocol::{RoomId, limits::MAX_NAME_CHARS, lobby::Guest};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::Path,
};

/// Who this client is to one server.
pub(crate) struct Identity {
    server: String,
    /// Name that was asked for.
    asked: String,
    /// Name to use: the one asked for, or with a number behind it.
    pub(crate) name: String,
    /// Locked as long as it is open. None if nothing can be kept.
    file: Option<File>,
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
        let dir = data::dir().map(|dir| dir.join("guests").join(file_name(server)));
        for number in 1..=MOST_CLIENTS {
            let numbered = numbered(name, number);
            let opened = dir.as_deref().map(|dir| open(dir, &numbered));
            match opened {
                Some(Ok(Some(mut file))) => {
                    let kept =
                        read(&mut file).filter(|kept| kept.guest.as_ref().is_some_and(|guest| guest.name == numbered));
                    return Self {
                        server: server.to_owned(),
                        asked: name.to_owned(),
                        name: numbered,
                        file: Some(file),
                        kept: kept.unwrap_or_default(),
                    };
                }
                Some(Ok(None)) => {}
                Some(Err(error)) => {
                    bevy::log::warn!("This client will not be recognised after a restart: {error}.");
                    break;
                }
                None => break,
            }
        }
        let (asked, name) = (name.to_owned(), name.to_owned());
        Self { server: server.to_owned(), asked, name, file: None, kept: Kept::default() }
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

    /// Keeps where our seat is; none once it was given up.
    pub(crate) fn sit_in(&mut self, room: Option<RoomId>) {
        if self.kept.room != room {
            self.kept.room = room;
            self.write();
        }
    }

    fn write(&mut self) {
        let Some(file) = &mut self.file else { return };
        let text = serde_json::to_vec_pretty(&self.kept).unwrap_or_default();
        let written = file.rewind().and_then(|()| file.write_all(&text)).and_then(|()| file.set_len(text.len() as u64));
        if let Err(error) = written {
            bevy::log::warn!("This client will not be recognised after a restart: {error}.");
        }
    }
}

/// Opens and locks a file; none if another client has it.
fn open(dir: &Path, name: &str) -> io::Result<Option<File>> {
    fs::create_dir_all(dir)?;
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        // Whoever reads it can play as us.
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(dir.join(format!("{}.json", file_name(name))))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn read(file: &mut File) -> Option<Kept> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
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

    #[test]
    fn a_locked_identity_is_left_alone_and_a_free_one_is_found_again() {
        let dir = std::env::temp_dir().join(format!("crosswire-identity-{}", std::process::id()));
        let mut first = open(&dir, "Ada").expect("a temporary folder can be written").expect("nobody else has it");
        assert!(open(&dir, "Ada").expect("readable").is_none());
        first.write_all(br#"{"guest":null,"room":7}"#).expect("writable");
        drop(first);
        let mut again = open(&dir, "Ada").expect("readable").expect("it is free again");
        assert_eq!(read(&mut again).and_then(|kept| kept.room), Some(RoomId(7)));
        fs::remove_dir_all(dir).expect("it is ours");
    }
}
