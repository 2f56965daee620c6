//! The one secret of a server, and the keys that follow from it.
//!
//! 32 random bytes are made once and kept in the operator's data folder, readable by the operator alone. Everything else is
//! `HMAC-SHA256(secret, label ‖ …)`, so that losing one derived key gives away no other. What must *not* survive a restart
//! has 16 random bytes of this process mixed in: the netcode key, because its packet counters begin at 0 again and must never
//! meet the same key twice, and the audience of grants, because the rooms that they were for are gone.
//!
//! Guests do not hang on it: see [`super::auth`].
//!
//! Flow: `--data` → here → [`super::grants`], rooms ([`Keys::sealer`]), UDP ([`Keys::netcode_key`]).

use crate::private_file;
use hmac::{Hmac, Mac};
use protocol::grant::Sealer;
use sha2::Sha256;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Name of the file in the data folder.
const FILE: &str = "server.key";
/// Bytes of the secret: as many as HMAC-SHA256 makes use of.
const SECRET_BYTES: usize = 32;
/// Most bytes that are read from the file: the secret in hex, a line end, and some that should not be there.
const MAX_FILE_BYTES: u64 = 256;

/// Why the secret could not be read or made. All are the operator's to mend.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file is not 64 hexadecimal digits.
    #[error("`{}` is damaged. Restore it from a backup, or delete it; a new one is made then.", .0.display())]
    Damaged(PathBuf),
    /// The system did not allow it.
    #[error("Cannot use `{}`: {error}. Choose another folder with --data.", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// The keys of one run of the server. Cheap to clone; shows nothing of itself.
#[derive(Clone)]
pub struct Keys {
    secret: [u8; SECRET_BYTES],
    run: [u8; 16],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(secret)")
    }
}

impl Keys {
    /// Returns keys that end with the process.
    pub fn temporary() -> Self {
        Self { secret: rand::random(), run: rand::random() }
    }

    /// Reads the secret from the folder `data`, or makes both.
    ///
    /// # Errors
    /// See [`KeyError`]; every one is a sentence for the operator.
    pub fn open(data: &Path) -> Result<Self, KeyError> {
        let path = data.join(FILE);
        let io = |error| KeyError::Io { path: path.clone(), error };
        fs::create_dir_all(data).map_err(io)?;
        let secret = match File::open(&path) {
            Ok(file) => {
                private_file::close_to_others(&path).map_err(io)?;
                let mut text = String::new();
                file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(|_| KeyError::Damaged(path.clone()))?;
                from_hex(text.trim()).ok_or_else(|| KeyError::Damaged(path.clone()))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret: [u8; SECRET_BYTES] = rand::random();
                private_file::create(&path, &format!("{}\n", hex(&secret))).map_err(io)?;
                secret
            }
            Err(error) => return Err(io(error)),
        };
        Ok(Self { secret, run: rand::random() })
    }

    /// Returns what seals and opens the grants of this run.
    pub fn sealer(&self) -> Sealer {
        let audience = format!("crosswire-room-server {}", hex(&self.run));
        Sealer::new(&self.derive(&[b"crosswire grant key"]), &audience)
    }

    /// Returns the key of this run's netcode tokens.
    pub fn netcode_key(&self) -> [u8; 32] {
        self.derive(&[b"crosswire netcode key", &self.run])
    }

    fn derive(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads its key with zeros to the block of the hash (RFC 2104), which is 64 bytes for SHA-256.
        let mut block = [0; 64];
        block.iter_mut().zip(self.secret).for_each(|(to, from)| *to = from);
        let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// Writes bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * SECRET_BYTES)?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | *d as u8)).collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("crosswire-keys-{:016x}", rand::random::<u64>())))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_secret_is_made_once_and_the_runs_differ() {
        let folder = Folder::new();
        let first = Keys::open(&folder.0).expect("the temporary folder is writable");
        let second = Keys::open(&folder.0).expect("the file is there now");
        assert_eq!(first.secret, second.secret);
        assert_ne!(first.netcode_key(), second.netcode_key());
        assert_eq!(first.netcode_key(), first.clone().netcode_key());
        assert_ne!(first.secret, Keys::temporary().secret);
        assert_eq!(format!("{first:?}"), "Keys(secret)");
    }

    #[test]
    #[cfg(unix)]
    fn only_the_operator_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        let path = folder.0.join(FILE);
        let mode = || fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
        Keys::open(&folder.0).expect("writable");
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
        Keys::open(&folder.0).expect("readable");
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_in_words() {
        let folder = Folder::new();
        fs::create_dir_all(&folder.0).expect("writable");
        for damaged in ["", "abc", &"zz".repeat(32), &"ab".repeat(31), &"ab".repeat(200)] {
            fs::write(folder.0.join(FILE), damaged).expect("writable");
            let error = Keys::open(&folder.0).expect_err(damaged).to_string();
            assert!(error.contains("server.key` is damaged"), "{error}");
        }
        let error = Keys::open(&folder.0.join(FILE)).expect_err("a file is no folder").to_string();
        assert!(error.contains("--data"), "{error}");
    }
}
