//! What really happened to one ship at each tick, as the server saw it: what a prediction is compared with.

use game::{Command, Map, Phase, Ship, Tick, ship::advance};
use std::collections::BTreeMap;

/// One tick of one ship.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    /// What was executed.
    pub(crate) command: Command,
    /// It came from the client in time, rather than being a repetition.
    pub(crate) own: bool,
    /// The stage in which it was executed.
    pub(crate) phase: Phase,
    /// Nobody else had a part in where the ship is now.
    pub(crate) untouched: bool,
}

impl Flight {
    /// Compares what a ship did with what [`advance`] alone would have made of it.
    pub(crate) fn new(command: Command, own: bool, phase: Phase, before: Ship, after: &Ship, map: &Map) -> Self {
        let mut alone = before;
        advance(&mut alone, phase.filter(command), map);
        Self { command, own, phase, untouched: moved(&alone) == moved(after) && before.alive() == after.alive() }
    }
}

/// The part of a ship that follows from its commands.
pub(crate) fn moved(ship: &Ship) -> Ship {
    Ship { health: 0, shield: 0, score: 0, deaths: 0, respawn_in: 0, ..*ship }
}

/// All ticks of one ship.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(BTreeMap<Tick, Flight>);

impl Flights {
    pub(crate) fn note(&mut self, tick: Tick, flight: Flight) {
        assert!(self.0.last_key_value().is_none_or(|(last, _)| *last < tick), "a tick is executed once");
        self.0.insert(tick, flight);
    }

    pub(crate) fn at(&self, tick: Tick) -> Option<&Flight> {
        self.0.get(&tick)
    }

    /// Returns whether a client that knew the state of `base` and flew `flown` must have predicted `tick` exactly: the server executed
    /// the very same, in the stage that was foreseen, and nobody touched the ship.
    pub(crate) fn must_be_exact(&self, base: (Tick, Phase), tick: Tick, flown: &BTreeMap<Tick, Command>) -> bool {
        (base.0.next().0..=tick.0).map(Tick).all(|at| match (self.0.get(&at), flown.get(&at)) {
            (Some(flight), Some(command)) => {
                let foreseen = base.1.at(at).filter(*command) == flight.phase.filter(flight.command);
                flight.untouched && flight.command == *command && foreseen
            }
            _ => false,
        })
    }

    pub(crate) fn executed_since(&self, since: Tick) -> (usize, usize) {
        let after = self.0.range(since.next()..);
        after.fold((0, 0), |(own, all), (_, flight)| (own + usize::from(flight.own), all + 1))
    }
}
