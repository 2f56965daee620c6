//! Where an identity is kept on the desktop: a file, locked as long as it is open.
//!
//! Flow: [`super::Identity`] ↔ [`Place`] ↔ the user's data folder.

use super::{Kept, file_name};
use crate::data;
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, Write},
    path::Path,
};

/// A file that is ours.
pub(super) struct Place(File);

impl Place {
    /// Takes the place for `name` at `server`; none if another client has it.
    pub(super) fn take(server: &str, name: &str) -> io::Result<Option<Self>> {
        let dir = data::dir().ok_or(ErrorKind::NotFound)?;
        open(&dir.join("guests").join(file_name(server)), name).map(|file| file.map(Self))
    }

    /// Returns what is kept, if it makes sense.
    pub(super) fn read(&mut self) -> Option<Kept> {
        let mut text = String::new();
        self.0.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps something else from now on.
    pub(super) fn write(&mut self, kept: &Kept) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(kept)?;
        self.0.rewind()?;
        self.0.write_all(&text)?;
        self.0.set_len(text.len() as u64)
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

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::RoomId;

    #[test]
    fn a_locked_identity_is_left_alone_and_a_free_one_is_found_again() {
        let dir = std::env::temp_dir().join(format!("crosswire-identity-{}", std::process::id()));
        let first = open(&dir, "Ada").expect("a temporary folder can be written").expect("nobody else has it");
        assert!(open(&dir, "Ada").expect("readable").is_none());
        let kept = Kept { guest: None, room: Some(RoomId(7)) };
        let mut first = Place(first);
        first.write(&Kept { room: Some(RoomId(1234)), ..Kept::default() }).expect("writable");
        first.write(&kept).expect("writable");
        drop(first);
        let mut again = Place(open(&dir, "Ada").expect("readable").expect("it is free again"));
        assert_eq!(again.read().and_then(|kept| kept.room), Some(RoomId(7)));
        fs::remove_dir_all(dir).expect("it is ours");
    }
}
