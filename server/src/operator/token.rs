//! The operator's token: whoever shows it may look behind the scenes.
//!
//! 32 random bytes, made at the first start and kept in the data folder, readable by the operator alone. Without a data folder there is
//! another one at each start, and the log says it once. In memory there is only its hash, so what is compared takes the same time for
//! every wrong one and says nothing about the right one.
//!
//! Flow: `--data` → [`Token::open`] → `Authorization: Bearer …` → [`Token::is`] → `lobby::routes`.

use crate::private_file;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// Name of the file in the data folder.
const FILE: &str = "admin.token";
/// Shortest token that is taken from the file: an operator may have chosen their own.
const MIN_CHARS: usize = 32;
/// Longest.
const MAX_CHARS: usize = 256;

/// Knows the operator's token when it sees it.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(secret)")
    }
}

impl Token {
    /// Returns a token that ends with the process, and its text.
    pub fn temporary() -> (Self, String) {
        let text = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        (Self::of(&text), text)
    }

    /// Reads the token from the folder `data`, or makes one there.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn open(data: &Path) -> Result<Self, String> {
        let path = data.join(FILE);
        let cannot =
            |error: io::Error| format!("Cannot use `{}`: {error}. Choose another folder with --data.", path.display());
        match fs::read_to_string(&path) {
            Ok(text) => {
                private_file::close_to_others(&path).map_err(cannot)?;
                let text = text.trim();
                let fits = (MIN_CHARS..=MAX_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
                fits.then(|| Self::of(text)).ok_or_else(|| {
                    format!(
                        "`{}` does not hold a token of {MIN_CHARS} to {MAX_CHARS} visible characters. Delete it to get a new one.",
                        path.display()
                    )
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (token, text) = Self::temporary();
                let made = fs::create_dir_all(data).and_then(|()| private_file::create(&path, &format!("{text}\n")));
                made.map_err(cannot)?;
                Ok(token)
            }
            Err(error) => Err(cannot(error)),
        }
    }

    /// Returns whether `text` is the token.
    pub fn is(&self, text: &str) -> bool {
        let shown = Self::of(text);
        self.0.iter().zip(shown.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_for_the_operator_alone() {
        let folder = std::env::temp_dir().join(format!("crosswire-token-{:016x}", rand::random::<u64>()));
        let first = Token::open(&folder).expect("the temporary folder is writable");
        let text = fs::read_to_string(folder.join(FILE)).expect("it is there");
        let text = text.trim();
        assert_eq!(text.len(), 43);
        let again = Token::open(&folder).expect("it is there now");
        for token in [first, again] {
            assert!(token.is(text));
            for wrong in ["", "x", &text[1..], &format!("{text}x"), &format!(" {text}"), &text.to_uppercase()] {
                assert!(!token.is(wrong), "{wrong}");
            }
            assert_eq!(format!("{token:?}"), "Token(secret)");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = || fs::metadata(folder.join(FILE)).expect("there").permissions().mode() & 0o777;
            assert_eq!(mode(), 0o600);
            fs::set_permissions(folder.join(FILE), fs::Permissions::from_mode(0o644)).expect("it is ours");
            Token::open(&folder).expect("readable");
            assert_eq!(mode(), 0o600);
        }
        fs::write(folder.join(FILE), "short").expect("writable");
        assert!(Token::open(&folder).expect_err("too short").contains("Delete it"));
        fs::remove_dir_all(&folder).expect("ours");
        assert_ne!(Token::temporary().1, Token::temporary().1);
    }
}
