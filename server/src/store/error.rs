//! Why something could not be stored or looked up, as a sentence for the operator; players get one from the lobby.
//!
//! Flow: SQLite → [`StoreError`] → the start of the server, the log, `server::lobby`.

use rusqlite::ErrorCode;
use std::path::PathBuf;
use thiserror::Error;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the folder.
    #[error("Another server uses the folder `{}`. Stop that one, or choose another folder with --data.", .0.display())]
    InUse(PathBuf),
    /// A version to come has written the file.
    #[error(
        "`{}` was written by a newer version of the server. Install that version, or choose another folder with --data.",
        .0.display()
    )]
    Newer(PathBuf),
    /// What is in the file is no database, or not a sound one.
    #[error(
        "The database is damaged ({0}). Stop the server and restore `crosswire.db` from a backup; or move it away, together \
         with `crosswire.db-wal`, to begin with an empty one."
    )]
    Damaged(String),
    /// No space is left.
    #[error("The disk is full, so nothing can be stored. Free some space on the disk of the --data folder.")]
    Full,
    /// The system did not allow it.
    #[error("The database cannot be read or written ({0}). Check the disk, and who may write in the --data folder.")]
    Io(String),
    /// More waits to be stored than can be.
    #[error("The store has too much to do. Try again in a moment.")]
    Busy,
    /// The store has ended.
    #[error("The store is closed, because the server is shutting down.")]
    Stopped,
    /// What was to be stored contradicts what is there. A fault of ours.
    #[error("The store refused a change ({0}). This is a fault of the server; please report it.")]
    Refused(String),
}

impl StoreError {
    /// Returns whether it may help to try the same again later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full | Self::Io(_) | Self::Busy)
    }

    /// Returns whether the operator has to do something.
    pub(super) fn is_the_disk(&self) -> bool {
        matches!(self, Self::Full | Self::Io(_) | Self::Damaged(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory,
            ) => Self::Io(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}
