//! What the server has promised: every write that it acknowledged, noted the moment the answer came.
//!
//! Flow: [`super::stream`] notes → [`super::check`] compares with the file and with what the next server says.

use protocol::ids::{MatchId, PlayerId};
use protocol::lobby::{Grant, Guest, MatchResult};
use std::collections::{BTreeMap, BTreeSet};

/// Guests and matches of the present life that are asked for again over HTTP after it; the file is asked for all.
const ASKED_AGAIN: usize = 150;

/// A guest that was promised.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// What the answer said.
    pub guest: Guest,
    /// The names that it may have: more than one while a change has not been answered.
    pub names: BTreeSet<String>,
}

/// Everything that was promised in all lives.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Everybody who was told that they are somebody.
    pub guests: BTreeMap<PlayerId, Known>,
    /// Every result that was told to anybody.
    pub results: BTreeMap<MatchId, MatchResult>,
    /// Grants of this life: some whose seat was taken, some that nobody used.
    pub grants: Vec<(Guest, Grant)>,
    /// Changes of names that were answered.
    pub renames: u64,
    /// Rooms that were opened.
    pub rooms: u64,
    /// Grants that were given out.
    pub seats: u64,
    /// Requests that the living server refused with a fault of its own (5xx).
    pub refused: u64,
    fresh_guests: Vec<PlayerId>,
    fresh_results: Vec<MatchId>,
}

impl Ledger {
    /// Notes a guest that was promised.
    pub(super) fn guest(&mut self, guest: &Guest) {
        let known = Known { guest: guest.clone(), names: BTreeSet::from([guest.name.clone()]) };
        self.fresh_guests.push(guest.player);
        self.guests.insert(guest.player, known);
    }

    /// Notes that a guest is about to ask for another name: from now on either may be true.
    pub(super) fn renaming(&mut self, player: PlayerId, name: &str) {
        if let Some(known) = self.guests.get_mut(&player) {
            known.names.insert(name.to_owned());
        }
    }

    /// Notes that the change was answered: the other names are gone.
    pub(super) fn renamed(&mut self, player: PlayerId, name: &str) {
        self.renames += 1;
        if let Some(known) = self.guests.get_mut(&player) {
            known.names = BTreeSet::from([name.to_owned()]);
        }
    }

    /// Notes a result that was told. Returns a sentence if it differs from what was told before.
    pub(super) fn result(&mut self, result: MatchResult) -> Option<String> {
        let id = result.id;
        let told = format!("{result:?}");
        match self.results.insert(id, result) {
            None => self.fresh_results.push(id),
            Some(before) if format!("{before:?}") != told => {
                return Some(format!("match {} was told in two ways: {before:?} and {told}", id.0));
            }
            Some(_) => {}
        }
        None
    }

    /// Returns whom and what to ask the next server for, and begins a new life.
    pub(super) fn turn(&mut self) -> (Vec<Known>, Vec<MatchResult>) {
        let guests = std::mem::take(&mut self.fresh_guests);
        let results = std::mem::take(&mut self.fresh_results);
        let guests = guests.iter().rev().take(ASKED_AGAIN).filter_map(|id| self.guests.get(id).cloned());
        let results = results.iter().rev().take(ASKED_AGAIN).filter_map(|id| self.results.get(id).cloned());
        (guests.collect(), results.collect())
    }
}
