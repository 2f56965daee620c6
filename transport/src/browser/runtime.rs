//! Tasks and their clock in a page: what tokio is elsewhere. There is one thread, and the browser's own loop runs everything on it.
//!
//! Flow: [`Handle`], [`spawn`] → the browser's queue; [`sleep`] → the browser's timers, which a hidden tab slows down.

use futures_util::future::{AbortHandle, Either, abortable, select};
use gloo_timers::future::TimeoutFuture;
use send_wrapper::SendWrapper;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot::{self, error::RecvError};
use wasm_bindgen_futures::spawn_local;

/// Where tasks are run. There is one such place in a page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handle;

impl Handle {
    /// Runs a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> JoinHandle {
        spawn(task)
    }
}

/// What a page has instead of threads for the network: nothing that has to be started.
#[derive(Debug, Default)]
pub struct Runtime(Handle);

impl Runtime {
    /// Returns where its tasks are run.
    pub fn handle(&self) -> &Handle {
        &self.0
    }
}

/// Returns the page's runtime.
///
/// # Errors
/// None; elsewhere the system may have no threads.
pub fn runtime() -> std::io::Result<Runtime> {
    Ok(Runtime::default())
}

/// A task that can be ended, and waited for.
#[derive(Debug)]
pub struct JoinHandle {
    abort: AbortHandle,
    over: oneshot::Receiver<()>,
}

impl JoinHandle {
    /// Ends the task where it waits.
    pub fn abort(&self) {
        self.abort.abort();
    }
}

impl Future for JoinHandle {
    /// An error if the task was ended before it was done.
    type Output = Result<(), RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.over).poll(context)
    }
}

/// Runs a task.
pub fn spawn(task: impl Future<Output = ()> + 'static) -> JoinHandle {
    let (task, abort) = abortable(task);
    let (done, over) = oneshot::channel();
    spawn_local(async {
        if task.await.is_ok() {
            // Whoever does not wait does not want to know.
            let _ = done.send(());
        }
    });
    JoinHandle { abort, over }
}

/// The time was over first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

/// Waits.
pub fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
    SendWrapper::new(TimeoutFuture::new(u32::try_from(time.as_millis()).unwrap_or(u32::MAX)))
}

/// Waits for `future`, but no longer than `time`.
///
/// # Errors
/// If the time was over first.
pub async fn timeout<F: Future>(time: Duration, future: F) -> Result<F::Output, Elapsed> {
    match select(pin!(future), pin!(sleep(time))).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(_) => Err(Elapsed),
    }
}
