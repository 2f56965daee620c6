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
    renewing: JoinHandle,
}

impl Place {
    /// Takes the place for `name` at `server`; none if another tab has it.
    pub(super) fn take(server: &str, name: &str) -> io::Result<Option<Self>> {
        let name = format!("crosswire/guests/{}/{}", file_name(server), file_name(name));
        let tab = web::tab().ok_or_else(|| io::Error::other("the browser lets this page store nothing"))?;
        let lease = lease_of(&name);
        let taken = web::stored(&lease).is_some_and(|text| match text.split_once(' ') {
            Some((by, until)) => by != tab && until.parse::<f64>().is_ok_and(|until| until > js_sys::Date::now()),
            None => false,
        });
        if taken {
            return Ok(None);
        }
        renew(&lease, &tab);
        let left = lease.clone();
        web::when_left(move || web::store(&left, None));
        let renewing = spawn(async move {
            loop {
                sleep(RENEW).await;
                renew(&lease, &tab);
            }
        });
        Ok(Some(Self { name, renewing }))
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
        web::store(&lease_of(&self.name), None);
    }
}

fn lease_of(name: &str) -> String {
    format!("{name}/lease")
}

fn renew(lease: &str, tab: &str) {
    web::store(lease, Some(&format!("{tab} {}", js_sys::Date::now() + LEASE.as_secs_f64() * 1_000.0)));
}

/// How long a place stays taken when its tab is gone without a word: longer than a browser makes a hidden tab's timers wait.
const LEASE: Duration = Duration::from_secs(90);
/// How often a lease is renewed.
const RENEW: Duration = Duration::from_secs(10);
