//! The last few snapshots of one seat, by tick. The server keeps what it sent, the client what it read; both hold the same views.

use crate::limits::{BASELINES, MAX_BASELINE_AGE};
use game::{Tick, View};
use std::collections::VecDeque;
use std::sync::Arc;

/// At most [`BASELINES`] views, by rising tick.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    views: VecDeque<Arc<View>>,
}

impl Ring {
    /// Adds a view that is newer than all others; an older one is not kept.
    pub fn push(&mut self, view: Arc<View>) {
        if self.newest().is_some_and(|newest| newest.tick >= view.tick) {
            return;
        }
        if self.views.len() >= BASELINES {
            self.views.pop_front();
        }
        self.views.push_back(view);
    }

    /// Returns the view of `tick`, if it is still held.
    pub fn find(&self, tick: Tick) -> Option<&Arc<View>> {
        self.views.iter().rev().find(|view| view.tick == tick)
    }

    /// Returns the view of `acknowledged` if a snapshot of `tick` may be written against it. Tick 0 acknowledges nothing, even where
    /// a view of tick 0 was sent: a room whose first step is still to come has one.
    pub fn baseline(&self, acknowledged: Tick, tick: Tick) -> Option<&Arc<View>> {
        let age = tick.since(acknowledged);
        let usable = acknowledged > Tick(0) && (1..=MAX_BASELINE_AGE).contains(&age);
        if usable { self.find(acknowledged) } else { None }
    }

    /// Returns the newest view.
    pub fn newest(&self) -> Option<&Arc<View>> {
        self.views.back()
    }

    /// Returns all views, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<View>> {
        self.views.iter()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.views.clear();
    }
}
