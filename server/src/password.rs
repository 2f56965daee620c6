//! Passwords of rooms: kept as a salted code, compared in constant time, never shown.
//!
//! A room's password lives as long as the room, in memory only, and guessing is counted by the lobby; so a plain keyed hash is enough.
//!
//! Flow: `POST /v1/rooms` → `server::rooms` → [`Password`] in the directory → [`Password::matches`] at `POST /v1/rooms/{room}/seats`.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// What must be said to get into a room.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    salt: [u8; 16],
    code: [u8; 32],
}

impl Password {
    /// Keeps `text`, with a random `salt` of its own.
    pub fn new(text: &str, salt: [u8; 16]) -> Self {
        let code = mac(salt, text).finalize().into_bytes().into();
        Self { salt, code }
    }

    /// Returns whether `text` is the password. Takes the same time wherever the two differ.
    pub fn matches(&self, text: &str) -> bool {
        mac(self.salt, text).verify_slice(&self.code).is_ok()
    }
}

fn mac(salt: [u8; 16], text: &str) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
    let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
    mac.update(b"crosswire room password");
    mac.update(text.as_bytes());
    mac
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_words_open() {
        let password = Password::new("Nostromo", [7; 16]);
        assert!(password.matches("Nostromo"));
        for wrong in ["", "nostromo", "Nostromo ", "Nostrom"] {
            assert!(!password.matches(wrong), "{wrong}");
        }
        assert_ne!(password, Password::new("Nostromo", [8; 16]), "salted");
        assert!(!format!("{password:?}").contains("Nostromo"));
    }
}
