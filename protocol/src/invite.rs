//! Invite codes: six characters that somebody can read out to a friend.
//!
//! The alphabet has 31 letters and digits: none that another one is mistaken for (0 and O, 1, I and L). That makes 887 million codes, so
//! guessing one of a few hundred rooms takes millions of attempts, and the lobby counts attempts.
//!
//! Flow: `server::rooms` draws one per room → `POST /v1/rooms` → a friend types it → `POST /v1/invites/{code}/seats`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Every character that a code may have, by rising value.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const BASE: u32 = ALPHABET.len() as u32;
/// Characters of a code, its dash not counted.
pub const CODE_CHARS: u32 = 6;
/// How many codes there are.
pub const CODES: u32 = BASE.pow(CODE_CHARS);

/// What leads into one room for as long as it is open. Shown as `KM7-4QX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteCode(u32);

/// The text is no invite code. The typist's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "An invite code has six letters and digits, such as KM7-4QX. The letters I, L and O and the digits 0 and 1 do not occur."
)]
pub struct NoCode;

impl InviteCode {
    /// Returns the code that `random` stands for.
    pub const fn from_random(random: u64) -> Self {
        Self((random % CODES as u64) as u32)
    }
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |place: u32| {
            let value = self.0.checked_div(BASE.pow(place)).unwrap_or_default().checked_rem(BASE).unwrap_or_default();
            ALPHABET.get(value as usize).copied().map_or('2', char::from)
        };
        let text: String = (0..CODE_CHARS).rev().map(digit).collect();
        let (head, tail) = text.split_at_checked(3).unwrap_or((&text, ""));
        write!(f, "{head}-{tail}")
    }
}

impl FromStr for InviteCode {
    type Err = NoCode;

    /// Reads a code as people write it: case, spaces and dashes do not matter.
    fn from_str(text: &str) -> Result<Self, NoCode> {
        let mut value = 0_u32;
        let mut read = 0_u32;
        for letter in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}')) {
            let letter = u8::try_from(letter).map_err(|_| NoCode)?.to_ascii_uppercase();
            let digit = (0_u32..).zip(ALPHABET).find(|(_, known)| **known == letter).ok_or(NoCode)?.0;
            read = read.checked_add(1).filter(|read| *read <= CODE_CHARS).ok_or(NoCode)?;
            value = value.saturating_mul(BASE).saturating_add(digit);
        }
        if read == CODE_CHARS { Ok(Self(value)) } else { Err(NoCode) }
    }
}

impl Serialize for InviteCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InviteCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code: InviteCode = "KM7-4QX".parse().expect("a code");
        for text in ["km74qx", " KM7 4QX ", "k-m-7-4-q-x", "KM7\u{2013}4QX"] {
            assert_eq!(text.parse(), Ok(code), "{text}");
        }
        assert_eq!(code.to_string(), "KM7-4QX");
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in
            ["", "KM7-4Q", "KM7-4QXX", "KM7-4Q0", "KM7-4QO", "KM7-4Q1", "KM7-4QI", "KM7-4QL", "KM7_4QX", "КM7-4QX"]
        {
            assert_eq!(text.parse::<InviteCode>(), Err(NoCode), "{text}");
        }
    }

    #[test]
    fn no_character_looks_like_another() {
        assert!(ALPHABET.is_sorted() && b"01ILO".iter().all(|c| !ALPHABET.contains(c)));
        assert_eq!(CODES, 887_503_681);
        assert_eq!(InviteCode::from_random(u64::from(CODES) - 1).to_string(), "ZZZ-ZZZ");
    }

    proptest! {
        #[test]
        fn every_code_is_read_back(random: u64) {
            let code = InviteCode::from_random(random);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }

        #[test]
        fn no_text_panics(text: String) {
            if let Ok(code) = text.parse::<InviteCode>() {
                prop_assert_eq!(code.to_string().len(), 7);
            }
        }
    }
}
