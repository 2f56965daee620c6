//! What somebody who leads a room may do to its arena: begin a match now, and have the next one on another map.
//!
//! Both are taken note of and done at the beginning of the next step, so that a step stays the only way from one tick to the next.
//!
//! Flow: host → [`Arena::restart`], [`Arena::change_map`] → [`Arena::step`].

use super::{Arena, MIN_SHIPS};
use crate::{GameEvent, Map, PhaseKind};
use std::sync::Arc;

/// What was asked for and is not done yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    restart: bool,
    map: Option<Arc<Map>>,
}

impl Arena {
    /// Begins a match in the next step: a countdown is over at once, a match under way or its result makes place for the next countdown.
    /// Too few ships go on waiting.
    pub fn restart(&mut self) {
        self.asked.restart = true;
    }

    /// Plays on `map` from the next countdown on, or from the next step on if nobody is playing yet.
    pub fn change_map(&mut self, map: Arc<Map>) {
        self.asked.map = Some(map);
    }

    /// Does what was asked for and cannot wait for the next countdown.
    pub(super) fn heed(&mut self, events: &mut Vec<GameEvent>) {
        let restart = std::mem::take(&mut self.asked.restart) && self.seated().count() >= MIN_SHIPS;
        match self.phase.kind {
            PhaseKind::Waiting if self.asked.map.is_some() => {
                self.take_map();
                self.place_all(events);
            }
            // With another map to come, everybody needs a new place and the time to look around.
            PhaseKind::Countdown if self.asked.map.is_some() => self.count_down(events),
            PhaseKind::Countdown if restart => self.phase.ends = self.tick,
            PhaseKind::Live | PhaseKind::Results if restart => self.count_down(events),
            PhaseKind::Waiting | PhaseKind::Countdown | PhaseKind::Live | PhaseKind::Results => {}
        }
    }

    /// Moves to the map that was asked for, if one was.
    pub(super) fn take_map(&mut self) {
        if let Some(map) = self.asked.map.take() {
            self.map = map;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arena, COUNTDOWN_TICKS, Commands, GameEvent, Map, Phase, PhaseKind, Rules};
    use crate::SeatId;
    use std::sync::Arc;

    fn room(width: usize) -> Arc<Map> {
        let inner = width - 2;
        let mut rows = vec!["#".repeat(width)];
        rows.extend((0..10).map(|row| match row {
            0 | 9 => format!("#S{}S#", ".".repeat(inner - 2)),
            _ => format!("#{}#", ".".repeat(inner)),
        }));
        rows.push("#".repeat(width));
        let text = format!("crosswire-map 1\nname Room\nsize {width} 12\n{}\n", rows.join("\n"));
        Arc::new(Map::parse("room.map", &text).unwrap())
    }

    fn arena(ships: u8) -> Arena {
        let mut arena = Arena::new(room(30), Rules::default(), 1);
        (0..ships).for_each(|seat| arena.join(SeatId(seat)));
        step(&mut arena);
        arena
    }

    fn step(arena: &mut Arena) -> Vec<GameEvent> {
        let mut events = Vec::new();
        arena.step(&Commands::default(), &mut events);
        events
    }

    fn phases(events: &[GameEvent]) -> Vec<PhaseKind> {
        let kind = |event: &GameEvent| match event {
            GameEvent::Phase(phase) => Some(phase.kind),
            _ => None,
        };
        events.iter().filter_map(kind).collect()
    }

    #[test]
    fn a_countdown_can_be_cut_short_and_a_match_begun_again() {
        let mut arena = arena(2);
        assert_eq!(arena.phase().kind, PhaseKind::Countdown);
        arena.restart();
        assert_eq!(phases(&step(&mut arena)), [PhaseKind::Live]);
        arena.restart();
        assert_eq!(phases(&step(&mut arena)), [PhaseKind::Countdown]);
        assert_eq!(arena.phase().ends, arena.tick().plus(COUNTDOWN_TICKS));
        arena.phase = Phase { kind: PhaseKind::Results, ends: arena.tick.plus(100) };
        arena.restart();
        assert_eq!(phases(&step(&mut arena)), [PhaseKind::Countdown]);
        assert!(phases(&step(&mut arena)).is_empty(), "it was asked for once");
    }

    #[test]
    fn nobody_plays_alone() {
        let mut arena = arena(1);
        arena.restart();
        assert!(phases(&step(&mut arena)).is_empty());
        arena.join(SeatId(1));
        assert_eq!(phases(&step(&mut arena)), [PhaseKind::Countdown], "a vain wish is forgotten");
        assert!(phases(&step(&mut arena)).is_empty());
    }

    #[test]
    fn another_map_comes_with_the_next_match() {
        let (mut arena, other) = (arena(2), room(60));
        arena.restart();
        step(&mut arena);
        arena.change_map(Arc::clone(&other));
        step(&mut arena);
        assert_eq!((arena.phase().kind, arena.map().hash == other.hash), (PhaseKind::Live, false));
        arena.restart();
        let events = step(&mut arena);
        assert_eq!((phases(&events).as_slice(), arena.map().hash), ([PhaseKind::Countdown].as_slice(), other.hash));
        let spawned = events.iter().filter(|event| matches!(event, GameEvent::Spawned { .. })).count();
        assert_eq!(spawned, 2, "everybody has a place on it");
    }

    #[test]
    fn whoever_waits_moves_at_once_and_a_countdown_begins_again() {
        let other = room(60);
        let mut alone = arena(1);
        alone.change_map(Arc::clone(&other));
        let events = step(&mut alone);
        assert_eq!((phases(&events).len(), alone.map().hash), (0, other.hash));
        assert!(events.contains(&GameEvent::Spawned { seat: SeatId(0) }));
        let mut counting = arena(2);
        (0..60).for_each(|_| drop(step(&mut counting)));
        counting.change_map(Arc::clone(&other));
        assert_eq!(phases(&step(&mut counting)), [PhaseKind::Countdown]);
        assert_eq!((counting.map().hash, counting.phase().ends), (other.hash, counting.tick().plus(COUNTDOWN_TICKS)));
    }
}
