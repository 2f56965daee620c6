//! Where an identity is kept in a browser: its storage, with a lease by which a second tab sees that it is taken.
//!
//! Flow: [`super::Identity`] ↔ [`Place`] ↔ the browser's storage.

use super::{Kept, file_name};
use crate::web;
use std::io;
use std::time::Duration;
use transport::runtime::{JoinHandle, sleep, spawn};

/// A part of the storage that is ours.
pub(super) struct Place {
    name: String,
    lease: Lease,
    renewing: JoinHandle,
}

/// What tells other tabs that a place is taken.
#[derive(Clone)]
struct Lease {
    name: String,
    tab: String,
}

impl Place {
    /// Takes the place for `name` at `server`; none if another tab has it.
    pub(super) fn take(server: &str, name: &str) -> io::Result<Option<Self>> {
        let name = format!("crosswire/guests/{}/{}", file_name(server), file_name(name));
        let tab = web::tab().ok_or_else(|| io::Error::other("the browser lets this page store nothing"))?;
        let lease = Lease { name: format!("{name}/lease"), tab };
        if lease.is_anothers() {
            return Ok(None);
        }
        lease.renew();
        let left = lease.clone();
        web::when_left(move || left.end());
        let renewed = lease.clone();
        let renewing = spawn(async move {
            loop {
                sleep(RENEW).await;
                // A tab that was asleep for long may have lost its place.
                if renewed.is_anothers() {
                    break;
                }
                renewed.renew();
            }
        });
        Ok(Some(Self { name, lease, renewing }))
    }

    /// Returns what is kept, if it makes sense.
    pub(super) fn read(&mut self) -> Option<Kept> {
        serde_json::from_str(&web::stored(&self.name)?).ok()
    }

    /// Keeps something else from now on.
    pub(super) fn write(&mut self, kept: &Kept) -> io::Result<()> {
        web::store(&self.name, Some(&serde_json::to_string(kept)?));
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.renewing.abort();
        self.lease.end();
    }
}

impl Lease {
    fn is_anothers(&self) -> bool {
        let until = self.held().filter(|(by, _)| *by != self.tab).map(|(_, until)| until);
        until.is_some_and(|until| until > js_sys::Date::now())
    }

    /// Holds the place for a while from now on.
    fn renew(&self) {
        let until = js_sys::Date::now() + LEASE.as_secs_f64() * 1_000.0;
        web::store(&self.name, Some(&format!("{} {until}", self.tab)));
    }

    /// Gives the place to whoever wants it, unless another tab already has it.
    fn end(&self) {
        if self.held().is_some_and(|(by, _)| by == self.tab) {
            web::store(&self.name, None);
        }
    }

    /// Returns which tab has it and until when, in milliseconds of Unix time.
    fn held(&self) -> Option<(String, f64)> {
        let text = web::stored(&self.name)?;
        let (by, until) = text.split_once(' ')?;
        Some((by.to_owned(), until.parse().ok()?))
    }
}

/// How long a place stays taken when its tab is gone without a word: longer than a browser makes a hidden tab's timers wait.
const LEASE: Duration = Duration::from_secs(90);
/// How often a lease is renewed.
const RENEW: Duration = Duration::from_secs(10);
