//! The store: players, results and whatever else has to outlive the process, in one SQLite file in the operator's data folder.
//!
//! A change counts as stored when the disk has confirmed it (write-ahead log, `synchronous=FULL`); nobody is told so earlier, so
//! that neither `kill -9` nor a power cut takes back what was promised. All changes pass through one thread and all questions
//! through another; what waits for either is bounded. Without a folder everything lives in memory and ends with the process.
//!
//! Flow: [`crate::lobby`], [`crate::clerk`] → [`Store`] → [`worker`] → `crosswire.db`.

mod error;
pub mod matches;
mod migrate;
pub mod players;
mod worker;

pub use error::StoreError;

use rusqlite::{Connection, OpenFlags, Row, Transaction};
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;
use worker::{Change, Job, Question};

/// Name of the database in the data folder.
pub const FILE: &str = "crosswire.db";
/// Name of the file that the one server of a folder holds a lock on.
const LOCK_FILE: &str = "crosswire.lock";
/// Changes that may wait, and questions: at some thousands per second, a longer queue means that the disk is stuck.
const MOST_WAITING: usize = 4_096;
/// How long a tool that looks into the file may hold the writer up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Size, in bytes, to which the write-ahead log is cut back after a burst.
const LOG_BYTES: u32 = 16 * 1024 * 1024;
/// Prepared statements that each thread keeps.
const KEPT_STATEMENTS: usize = 64;

/// What outlives the process. Cheap to clone; closed when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    changes: SyncSender<Box<dyn Change>>,
    /// None in memory, where only the writer can see anything.
    questions: Option<SyncSender<Question>>,
    /// Released with the last clone, or by the system when the process ends in any way.
    _lock: Option<Arc<File>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.questions.is_some() { "Store(file)" } else { "Store(memory)" })
    }
}

impl Store {
    /// Opens the store in `folder`, making both if need be; without one, opens an empty one in memory.
    ///
    /// # Errors
    /// See [`StoreError`]; every one is a sentence for the operator.
    pub fn open(folder: Option<&Path>) -> Result<Self, StoreError> {
        let Some(folder) = folder else {
            return Self::start(prepare(Connection::open_in_memory()?)?, None, None);
        };
        fs::create_dir_all(folder).map_err(|error| io_error(&error))?;
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        create_private(&path).map_err(|error| io_error(&error))?;
        let writer = prepare(Connection::open(&path)?)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&path, flags)?;
        reader.busy_timeout(BUSY_TIMEOUT)?;
        reader.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
        Self::start(writer, Some(reader), Some(Arc::new(lock)))
    }

    fn start(writer: Connection, reader: Option<Connection>, lock: Option<Arc<File>>) -> Result<Self, StoreError> {
        let (changes, queue) = sync_channel(MOST_WAITING);
        // Each thread holds the lock too: a second server may not begin before this one has closed the file.
        let held = lock.clone();
        spawn("store-write", move || {
            worker::write_all(writer, &queue);
            drop(held);
        })?;
        let questions = match reader {
            None => None,
            Some(reader) => {
                let (questions, queue) = sync_channel(MOST_WAITING);
                let held = lock.clone();
                spawn("store-read", move || {
                    worker::read_all(&reader, &queue);
                    drop((reader, held));
                })?;
                Some(questions)
            }
        };
        Ok(Self { changes, questions, _lock: lock })
    }

    /// Makes a change. Returns what `job` returned, after the disk has confirmed it.
    ///
    /// - `job` must not begin or end transactions.
    /// - A change whose asker stops waiting may be made nevertheless.
    ///
    /// # Errors
    /// See [`StoreError`]. Nothing of the change is stored then, except that after [`StoreError::Io`] it may be.
    pub async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.changes.try_send(Box::new(Job::new(job, reply))).map_err(|error| full_or_gone(&error))?;
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// Looks something up. Sees every change that was confirmed before.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(questions) = &self.questions else { return self.write(|transaction| job(transaction)).await };
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            // Whoever asked may have gone.
            let _ = reply.send(job(connection).map_err(StoreError::from));
        });
        questions.try_send(question).map_err(|error| full_or_gone(&error))?;
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }
}

/// Checks and configures the writer's connection.
fn prepare(mut connection: Connection) -> Result<Connection, StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreError::Damaged(found));
    }
    if !migrate::migrate(&mut connection)? {
        return Err(StoreError::Newer(PathBuf::from(FILE)));
    }
    Ok(connection)
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(folder.join(LOCK_FILE)).map_err(|error| io_error(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(io_error(&error)),
    }
}

/// Makes sure that the file exists and that nobody but the operator can read it. SQLite gives its companions the same rights.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn io_error(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Io(error.to_string()),
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(|error| io_error(&error))
}

fn full_or_gone<T>(error: &TrySendError<T>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Busy,
        TrySendError::Disconnected(_) => StoreError::Stopped,
    }
}

/// Returns a number below 2⁶³ as the database keeps it; a larger one, which nothing here ever is, as the largest.
fn id_in(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads what [`id_in`] wrote.
fn id_out(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::unsigned_abs)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
