//! What the tests share: the shipped maps, and a match flown by bots.

#![allow(dead_code, reason = "each test file uses another part of it")]

use game::{Arena, Bot, Commands, GameEvent, Map, Rules, SeatId};
use std::sync::Arc;

/// The two maps that ship with the game, by file and text.
pub(crate) const SHIPPED: [(&str, &str); 2] = [
    ("crossfire.map", include_str!("../../../assets/maps/crossfire.map")),
    ("foundry.map", include_str!("../../../assets/maps/foundry.map")),
];

/// Returns a shipped map.
pub(crate) fn shipped(index: usize) -> Arc<Map> {
    let (file, text) = SHIPPED[index];
    Arc::new(Map::parse(file, text).unwrap())
}

/// Returns a bare hall of 30 × 12 tiles with a pickup in its middle.
pub(crate) fn hall() -> Arc<Map> {
    let mut rows = vec!["#".repeat(30)];
    rows.extend((0..10).map(|row| match row {
        0 | 9 => format!("#S{}S#", ".".repeat(26)),
        5 => format!("#{}+{}#", ".".repeat(14), ".".repeat(13)),
        _ => format!("#{}#", ".".repeat(28)),
    }));
    rows.push("#".repeat(30));
    let text = format!("crosswire-map 1\nname Hall\nsize 30 12\n{}\n", rows.join("\n"));
    Arc::new(Map::parse("hall.map", &text).unwrap())
}

/// An arena whose first seats are flown by bots.
#[derive(Clone)]
pub(crate) struct Flown {
    pub(crate) arena: Arena,
    pub(crate) bots: Vec<Bot>,
    pub(crate) events: Vec<GameEvent>,
}

impl Flown {
    pub(crate) fn new(map: Arc<Map>, rules: Rules, bots: u8, seed: u64) -> Self {
        let mut arena = Arena::new(map, rules, seed);
        (0..bots).for_each(|seat| arena.join(SeatId(seat)));
        let skill = |seat: u8| f32::from(seat % 4) / 3.0;
        let bots = (0..bots).map(|seat| Bot::new(seed ^ u64::from(seat), skill(seat))).collect();
        Self { arena, bots, events: Vec::new() }
    }

    /// Asks every bot for its command.
    pub(crate) fn commands(&mut self) -> Commands {
        let mut commands = Commands::default();
        for (seat, bot) in (0..).map(SeatId).zip(&mut self.bots) {
            commands.set(seat, bot.fly(&self.arena.view(Some(seat)), self.arena.map()));
        }
        commands
    }

    /// Steps once; `events` holds what happened.
    pub(crate) fn step(&mut self) {
        let commands = self.commands();
        self.events.clear();
        self.arena.step(&commands, &mut self.events);
    }
}

/// Steps `arena` with these commands and returns what happened.
pub(crate) fn step(arena: &mut Arena, commands: &Commands) -> Vec<GameEvent> {
    let mut events = Vec::new();
    arena.step(commands, &mut events);
    events
}

/// Steps `arena` without commands until its stage is `kind`.
pub(crate) fn wait_for(arena: &mut Arena, kind: game::PhaseKind) {
    for _ in 0..100_000 {
        if arena.phase().kind == kind {
            return;
        }
        step(arena, &Commands::default());
    }
    panic!("the stage {kind:?} never came");
}
