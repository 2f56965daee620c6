//! What the tests over real sockets share: a server process that ends with its test, the other programs, and players in this process.
#![allow(dead_code, reason = "every test program uses its own part of this")]

pub mod players;
pub mod server;

pub use players::{Crew, Someone};
pub use server::{Server, output_of, program};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lets one test at a time measure: two cores are not enough for two servers.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
