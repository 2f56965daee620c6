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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ticks: impl IntoIterator<Item = u32>) -> Ring {
        let mut ring = Ring::default();
        ticks.into_iter().for_each(|tick| ring.push(Arc::new(View { tick: Tick(tick), ..View::default() })));
        ring
    }

    #[test]
    fn only_what_is_held_acknowledged_and_young_enough_is_a_baseline() {
        let ring = ring([0, 10, 12]);
        let baseline = |acknowledged, tick| ring.baseline(Tick(acknowledged), Tick(tick)).map(|view| view.tick.0);
        assert_eq!(baseline(10, 14), Some(10));
        assert_eq!(baseline(11, 14), None, "never sent");
        assert_eq!(baseline(12, 12), None, "not older");
        assert_eq!(baseline(12, 12 + MAX_BASELINE_AGE), Some(12));
        assert_eq!(baseline(12, 13 + MAX_BASELINE_AGE), None, "too old for the wire");
        assert_eq!(baseline(0, 14), None, "0 acknowledges nothing");
    }

    #[test]
    fn the_oldest_views_make_room_and_late_ones_are_not_kept() {
        let ring = ring((1..=BASELINES as u32 + 1).chain([3]));
        assert_eq!(ring.find(Tick(1)), None);
        assert_eq!(ring.iter().count(), BASELINES);
        assert_eq!(ring.newest().map(|view| view.tick.0), Some(BASELINES as u32 + 1));
    }
}
