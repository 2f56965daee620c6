//! Tasks and their clock: tokio's, beside Bevy's own threads. A page has `browser/runtime.rs` instead, with the same names.
//!
//! Flow: a binary's `main` -> here -> `server.rs`, `lib.rs`; whoever runs something of their own -> [`Handle`], [`sleep`], [`timeout`].

pub use tokio::runtime::{Handle, Runtime};
pub use tokio::time::error::Elapsed;
pub use tokio::time::{sleep, timeout};

use std::future::Future;
use std::io;
use tokio::runtime::Builder;

/// A task that can be ended.
pub type JoinHandle = tokio::task::JoinHandle<()>;

/// Threads for sockets. Reading and sealing is quick; two keep one busy socket from delaying all others.
const THREADS: usize = 2;

/// Runs a task on the present runtime.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle {
    tokio::spawn(task)
}

/// Builds a runtime with clocks and sockets.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(THREADS).thread_name("crosswire-net").enable_all().build()
}
