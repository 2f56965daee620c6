//! The threads that touch the file: one that writes, one that reads.
//!
//! Waiting for the disk is what makes storing slow, and it takes as long for one change as for a hundred. So the writer puts all
//! changes that wait into one transaction, and answers nobody before the disk has confirmed it. Each change has a savepoint of its
//! own: one that fails is undone alone.
//!
//! Flow: [`super::Store::write`], [`super::Store::read`] → queues → here → SQLite → answers.

use super::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::time::Instant;
use tokio::sync::oneshot;
use tracing::{error, info};

/// Most changes that are stored at once: nobody waits for more than these.
const MOST_AT_ONCE: usize = 256;

/// A change that waits to be stored.
pub(super) trait Change: Send {
    /// Makes it.
    fn make(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()>;
    /// Tells whoever waits what has become of it.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A question that waits for an answer.
pub(super) type Question = Box<dyn FnOnce(&Connection) + Send>;

/// A [`Change`] with the value that it results in.
pub(super) struct Job<F, T> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job<F, T> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { work: Some(work), value: None, reply }
    }
}

impl<F, T: Send> Change for Job<F, T>
where
    F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send,
{
    fn make(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(transaction)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        // Whoever asked may have gone.
        let _ = reply.send(outcome.and_then(|()| value.ok_or(StoreError::Stopped)));
    }
}

/// Stores changes until nobody is left who could ask.
pub(super) fn write_all(mut connection: Connection, queue: &Receiver<Box<dyn Change>>) {
    let mut failing = false;
    while let Ok(first) = queue.recv() {
        let began = Instant::now();
        let written = write_some(&mut connection, first, queue);
        metrics::histogram!("crosswire_store_write_seconds").record(began.elapsed().as_secs_f64());
        match written {
            Err(trouble) if trouble.is_the_disk() && !failing => {
                error!("{trouble} Matches go on; new players and results have to wait.");
                failing = true;
            }
            Ok(()) if failing => {
                info!("The store works again.");
                failing = false;
            }
            _ => {}
        }
    }
}

/// Stores `first` and what waits behind it in one transaction.
fn write_some(
    connection: &mut Connection,
    first: Box<dyn Change>,
    queue: &Receiver<Box<dyn Change>>,
) -> Result<(), StoreError> {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            let error = StoreError::from(error);
            first.answer(Err(error.clone()));
            return Err(error);
        }
    };
    let mut made = Vec::new();
    let mut next = Some(first);
    while let Some(mut change) = next {
        if let Err(error) = make(change.as_mut(), &transaction) {
            change.answer(Err(error.clone()));
            // After some errors, a full disk among them, SQLite has undone everything.
            if transaction.is_autocommit() {
                made.into_iter().for_each(|change: Box<dyn Change>| change.answer(Err(error.clone())));
                return Err(error);
            }
        } else {
            made.push(change);
        }
        next = if made.len() < MOST_AT_ONCE { queue.try_recv().ok() } else { None };
    }
    let committed = transaction.commit().map_err(StoreError::from);
    made.into_iter().for_each(|change| change.answer(committed.clone()));
    committed
}

/// Makes one change; undoes it alone if it fails.
fn make(change: &mut dyn Change, transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch("SAVEPOINT change")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| change.make(transaction)))
        .unwrap_or_else(|_| Err(rusqlite::Error::UnwindingPanic));
    if outcome.is_err() && !transaction.is_autocommit() {
        transaction.execute_batch("ROLLBACK TO change")?;
    }
    if !transaction.is_autocommit() {
        transaction.execute_batch("RELEASE change")?;
    }
    outcome.map_err(StoreError::from)
}

/// Answers questions until nobody is left who could ask.
pub(super) fn read_all(connection: &Connection, queue: &Receiver<Question>) {
    while let Ok(question) = queue.recv() {
        // One that panics leaves its asker without an answer, which is an answer.
        let _ = catch_unwind(AssertUnwindSafe(|| question(connection)));
    }
}
