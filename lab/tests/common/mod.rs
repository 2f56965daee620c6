//! What the tests over real sockets share: a server process that ends with its test, the other programs, and players in this process.
#![allow(dead_code, reason = "every test program uses its own part of this")]

pub(crate) mod players;
pub(crate) mod scene;
pub(crate) mod server;
pub(crate) mod stage;

#[allow(unused_imports, reason = "every test program uses its own part of this")]
pub(crate) use players::{Crew, Someone};
#[allow(unused_imports, reason = "every test program uses its own part of this")]
pub(crate) use server::{Server, command, output_of};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lets one test at a time measure: two cores are not enough for two servers.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
