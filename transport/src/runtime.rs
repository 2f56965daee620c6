//! The tokio runtime on which the async transports run, beside Bevy's own threads.
//!
//! Flow: a binary's `main` -> here -> `server.rs`, `lib.rs`.

use std::io;
use tokio::runtime::{Builder, Runtime};

/// Threads for sockets. Reading and sealing is quick; two keep one busy socket from delaying all others.
const THREADS: usize = 2;

/// Builds a runtime with clocks and sockets.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(THREADS).thread_name("crosswire-net").enable_all().build()
}
