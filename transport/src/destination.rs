//! The one box of the start screen: whatever a friend has sent, in whatever form, is a place to go to.
//!
//! ```text
//! km7 4qx                                  a room, by its code, on the server that is set
//! 192.168.1.20   attic.local:8080          a server
//! http://host:8080/join/KM7-4QX            a room on a server; also in the middle of a line of chat
//! http://host:8080/?room=KM7-4QX            the same, as the game in a browser shows it
//! ```
//!
//! A bare word that can be a code is one; who means a machine of that name adds its port.
//!
//! Flow: the box, `--join` → [`Destination::parse`] → [`crate::lobby::LobbyClient`].

use crate::lobby::LobbyClient;
use protocol::invite::{CODE_CHARS, InviteCode, NoCode};

/// What stands between server and code in an invite link: one for everybody, and the address of the game in a browser.
const JOINS: [&str; 2] = ["/join/", "/?room="];

/// A place to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The room with this code, on the server that is set.
    Code(InviteCode),
    /// A server's start screen, as `host:port`.
    Server(String),
    /// A room on a server.
    Invite {
        /// The server, as `host:port`.
        server: String,
        /// The room's code.
        code: InviteCode,
    },
}

impl Destination {
    /// Reads what somebody has typed or pasted.
    ///
    /// # Errors
    /// One sentence for whoever typed it, with an example of what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Type an invite code such as KM7-4QX, or a server's address such as 192.168.1.20.".to_owned());
        }
        let link = |word: &&str| JOINS.iter().any(|join| word.contains(join));
        if let Some(link) = text.split_whitespace().find(link) {
            return Self::from_link(link);
        }
        if let Ok(code) = text.parse() {
            return Ok(Self::Code(code));
        }
        if looks_like_code(text) {
            return Err(NoCode.to_string());
        }
        server(text).map(Self::Server)
    }

    fn from_link(link: &str) -> Result<Self, String> {
        // Chat programs and people put brackets, quotes and full stops around links.
        let link = link.trim_matches(['<', '>', '(', ')', '"', '\'', ',', '.']);
        let (host, code) = JOINS.iter().find_map(|join| link.split_once(join)).unwrap_or_default();
        let code = code.split(['/', '?', '#', '&']).next().unwrap_or_default();
        let code = code.parse().map_err(|wrong: NoCode| wrong.to_string())?;
        Ok(Self::Invite { server: server(host)?, code })
    }
}

/// Returns the address as `host:port`.
fn server(text: &str) -> Result<String, String> {
    let lobby = LobbyClient::new(text)?;
    Ok(lobby.address().to_owned())
}

/// Returns whether somebody most likely meant a code: three and three, as codes are shown. What is wrong with it is one letter.
fn looks_like_code(text: &str) -> bool {
    let parts: Vec<_> = text.split(['-', ' ']).collect();
    let half = (CODE_CHARS / 2) as usize;
    parts.len() == 2 && parts.iter().all(|part| part.len() == half && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code() -> InviteCode {
        "KM7-4QX".parse().unwrap()
    }

    #[test]
    fn codes_are_taken_as_people_write_them() {
        for text in ["KM7-4QX", "km7 4qx", " km74qx\n"] {
            assert_eq!(Destination::parse(text), Ok(Destination::Code(code())), "{text}");
        }
    }

    #[test]
    fn addresses_get_their_port() {
        for (text, server) in [
            ("192.168.1.20", "192.168.1.20:8080"),
            ("attic.local:9000", "attic.local:9000"),
            ("http://203.0.113.9:80/", "203.0.113.9:80"),
            ("[2001:db8::7]", "[2001:db8::7]:8080"),
            ("garage:8080", "garage:8080"),
            ("localhost", "localhost:8080"),
        ] {
            assert_eq!(Destination::parse(text), Ok(Destination::Server(server.to_owned())), "{text}");
        }
    }

    #[test]
    fn links_are_found_in_what_was_pasted() {
        let invite = |server: &str| Ok(Destination::Invite { server: server.to_owned(), code: code() });
        assert_eq!(Destination::parse("http://10.0.0.7:8080/join/KM7-4QX"), invite("10.0.0.7:8080"));
        assert_eq!(Destination::parse("http://10.0.0.7:8080/?room=KM7-4QX&watch"), invite("10.0.0.7:8080"));
        assert_eq!(Destination::parse("10.0.0.7/join/km74qx/"), invite("10.0.0.7:8080"));
        assert_eq!(
            Destination::parse("play with me: <http://arena.example:80/join/KM7-4QX>."),
            invite("arena.example:80")
        );
        assert_eq!(Destination::parse("http://[::1]:8080/join/KM7-4QX?from=chat"), invite("[::1]:8080"));
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        for (text, word) in [
            ("", "invite code such as KM7-4QX"),
            ("KM7-4Q0", "do not occur"),
            ("http://10.0.0.7:8080/join/", "six letters"),
            ("http://10.0.0.7:8080/join/KM7", "six letters"),
            ("http:///join/KM7-4QX", "192.168.1.20:8080"),
            ("ftp://arena.example", "http://"),
            ("what is this", "192.168.1.20:8080"),
            ("host:99999", "192.168.1.20:8080"),
        ] {
            let error = Destination::parse(text).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, code: u64) {
            let _ = Destination::parse(&text);
            let code = InviteCode::from_random(code);
            prop_assert_eq!(Destination::parse(&code.to_string()), Ok(Destination::Code(code)));
        }
    }
}
