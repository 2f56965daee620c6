//! A bot: flies a ship by what a player could see, and by nothing else.
//!
//! The same code fills empty seats on the server, flies the lab's swarm and is the client's autopilot, so it is a pure function
//! of its seed and the views it was shown, and it must not mind views that repeat, skip ticks or come late. It is made to be a
//! pleasure to fight: it has to turn before it shoots, is surprised by what comes around a corner, misses like a person (by an
//! error that drifts, not by dice per shot), sidesteps, runs for health when hurt, and never fires at what cannot be hurt.
//!
//! Flow: [`View`] → `bot::tracks`, `bot::paths`, `bot::dodge`, `bot::steer`, `bot::aim` → here → [`Command`].

mod aim;
mod dodge;
pub mod paths;
mod steer;
mod tracks;

use crate::{
    Buttons, Command, Map, PhaseKind, SeatId, Ship, ShipView, Tick, View,
    collide::{self, Vec2, length, sub},
    rng::Rng,
    ship::RAIL_WAIT_TICKS,
};
use aim::{off_by, tolerance};
use paths::Paths;
use tracks::{Track, Tracks};

/// A pilot.
#[derive(Clone, Debug)]
pub struct Bot {
    rng: Rng,
    traits: Traits,
    tracks: Tracks,
    paths: Paths,
    /// The view that was answered last, and the answer.
    last: Option<(Tick, Command)>,
    target: Option<SeatId>,
    /// Since when the target has been in sight without a break.
    in_sight_since: Option<Tick>,
    /// Where it wanders when there is nobody to chase.
    wander_to: Option<Vec2>,
    /// Direction error in radians, and the one that it drifts to.
    error: f32,
    error_goal: f32,
    /// Which way it circles: 1 or -1.
    side: f32,
    /// Where it was when it last checked whether it gets anywhere.
    anchor: Vec2,
    escape: Vec2,
    timers: Timers,
}

/// First ticks at which something is done again.
#[derive(Clone, Copy, Debug, Default)]
struct Timers {
    choose_target: Tick,
    plan: Tick,
    new_error: Tick,
    turn_side: Tick,
    check_stuck: Tick,
    escape_until: Tick,
    rail: Tick,
}

/// What skill and character mean in numbers.
#[derive(Clone, Copy, Debug)]
struct Traits {
    /// Largest direction error in radians.
    error: f32,
    /// Fastest turn, in directions per tick.
    turn: f32,
    /// Ticks from seeing a target to shooting at it.
    reaction: u32,
    /// Share of the bolts that it notices, `0.0..=1.0`.
    notices: f32,
    /// Most ticks that it waits with a ready rail, in doubt.
    rail_doubt: u32,
    /// Distance in tiles that it likes to fight at.
    distance: f32,
    /// Health below which it looks for more.
    timid: u8,
    /// Makes it notice other bolts than its neighbour does.
    salt: u32,
}

/// What a pilot knows of its own ship.
#[derive(Clone, Copy)]
struct Me {
    seat: SeatId,
    ship: Ship,
    pos: Vec2,
    vel: Vec2,
    tick: Tick,
}

/// The ship that is being hunted.
#[derive(Clone, Copy)]
struct Prey {
    track: Track,
    /// From here to there.
    apart: Vec2,
    distance: f32,
    visible: bool,
    /// It was in sight for long enough to react.
    noticed: bool,
    shielded: bool,
}

impl Bot {
    /// Creates a pilot. `skill` goes from 0, who hardly hits, to 1, who hardly misses. The seed gives it a character.
    pub fn new(seed: u64, skill: f32) -> Self {
        // A skill that is no number counts as none.
        let skill = if skill >= 0.0 { skill.min(1.0) } else { 0.0 };
        let mut rng = Rng::new(seed);
        let between = |clumsy: f32, skilled: f32| clumsy + (skilled - clumsy) * skill;
        let traits = Traits {
            error: between(0.24, 0.03),
            turn: between(40.0, 150.0),
            reaction: between(34.0, 8.0) as u32,
            notices: between(0.15, 0.9),
            rail_doubt: between(420.0, 60.0) as u32,
            distance: 4.5 + 3.5 * rng.unit_f32(),
            timid: 35 + rng.below(25) as u8,
            salt: rng.next_u32(),
        };
        Self {
            rng,
            traits,
            tracks: Tracks::default(),
            paths: Paths::default(),
            last: None,
            target: None,
            in_sight_since: None,
            wander_to: None,
            error: 0.0,
            error_goal: 0.0,
            side: 1.0,
            anchor: [0.0, 0.0],
            escape: [0.0, 0.0],
            timers: Timers::default(),
        }
    }

    /// Returns what it wants to do next, given what it sees.
    ///
    /// * The same view again gives the same command again.
    /// * A spectator's view, or that of a dead ship, gives a command that does nothing.
    pub fn fly(&mut self, view: &View, map: &Map) -> Command {
        let mut elapsed = 1;
        if let Some((tick, command)) = self.last {
            if tick == view.tick {
                return command;
            }
            elapsed = view.tick.since(tick);
            if !(1..=FORGET_TICKS).contains(&elapsed) {
                self.forget();
                elapsed = 1;
            }
        }
        self.tracks.observe(view);
        let command = match view.own {
            Some((seat, ship)) if ship.alive() => {
                let me = Me { seat, ship, pos: ship.pos.tiles(), vel: ship.vel.tiles(), tick: view.tick };
                self.decide(me, view, map, elapsed)
            }
            Some((_, ship)) => {
                self.forget();
                Command { aim: ship.aim, ..Command::default() }
            }
            None => Command::default(),
        };
        self.last = Some((view.tick, command));
        command
    }

    /// Starts afresh after a death or a gap: all plans and timers belong to another place or time.
    fn forget(&mut self) {
        self.paths.clear();
        self.tracks = Tracks::default();
        self.target = None;
        self.in_sight_since = None;
        self.wander_to = None;
        self.timers = Timers::default();
        self.last = None;
    }

    fn decide(&mut self, me: Me, view: &View, map: &Map, elapsed: u32) -> Command {
        let prey = self.hunt(me, view, map);
        let (way, mut buttons) = self.steer(me, prey, view, map);
        let (goal, with_rail) = self.aim_goal(me, prey, way);
        let aim = self.turn(me, goal, elapsed);
        if let Some(prey) = prey
            && prey.noticed
            && !prey.shielded
            && view.phase.kind != PhaseKind::Results
            && off_by(aim, goal) <= tolerance(prey.distance)
        {
            if with_rail {
                buttons = buttons.with(Buttons::RAIL);
                let doubt = self.rng.below(self.traits.rail_doubt + 1);
                self.timers.rail = me.tick.plus(u32::from(RAIL_WAIT_TICKS) + doubt);
            } else if prey.distance < BOLT_RANGE_TILES {
                buttons = buttons.with(Buttons::BOLT);
            }
        }
        Command { thrust: self.thrust(me, way), aim, buttons }
    }

    /// Keeps or chooses the ship to hunt, and looks at it.
    fn hunt(&mut self, me: Me, view: &View, map: &Map) -> Option<Prey> {
        let alive = |seat: SeatId| view.ships.iter().find(|ship| ship.seat == seat && ship.alive());
        if me.tick >= self.timers.choose_target || self.target.and_then(alive).is_none() {
            self.timers.choose_target = me.tick.plus(CHOOSE_TICKS);
            let chosen = self.choose(me, view, map);
            if chosen != self.target {
                self.target = chosen;
                self.in_sight_since = None;
                self.timers.plan = me.tick;
            }
        }
        let ship = self.target.and_then(alive)?;
        let track = self.tracks.of(ship.seat)?;
        let apart = sub(track.pos, me.pos);
        let visible = collide::sees(map, me.pos, track.pos);
        self.in_sight_since = visible.then(|| self.in_sight_since.unwrap_or(me.tick));
        let noticed = self.in_sight_since.is_some_and(|since| me.tick.since(since) >= self.traits.reaction);
        Some(Prey { track, apart, distance: length(apart), visible, noticed, shielded: ship.shielded })
    }

    /// Returns the ship that is the best prey: near, in sight, weak, and rather the one hunted already.
    fn choose(&self, me: Me, view: &View, map: &Map) -> Option<SeatId> {
        let cost = |ship: &ShipView| {
            let pos = ship.pos.tiles();
            let distance = length(sub(pos, me.pos));
            let hidden = distance > SIGHT_TILES || !collide::sees(map, me.pos, pos);
            distance
                + if hidden { HIDDEN_COST } else { 0.0 }
                + if ship.shielded { SHIELDED_COST } else { 0.0 }
                + f32::from(ship.health) * HEALTH_COST
                - if self.target == Some(ship.seat) { LOYALTY } else { 0.0 }
        };
        let mut best: Option<(f32, SeatId)> = None;
        for ship in view.ships.iter().filter(|ship| ship.alive()) {
            let cost = cost(ship);
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, ship.seat));
            }
        }
        best.map(|(_, seat)| seat)
    }
}

/// Ticks without a view after which plans are worthless.
const FORGET_TICKS: u32 = 60;
/// Ticks between two thoughts about whom to hunt.
const CHOOSE_TICKS: u32 = 14;
/// Tiles beyond which nobody is looked for: about what a screen shows.
const SIGHT_TILES: f32 = 22.0;
/// Tiles that a hidden ship counts as further away.
const HIDDEN_COST: f32 = 15.0;
/// Tiles that a shielded ship counts as further away.
const SHIELDED_COST: f32 = 5.0;
/// Tiles per point of health that a healthy ship counts as further away.
const HEALTH_COST: f32 = 0.03;
/// Tiles that the present prey counts as nearer, so that two alike do not make it dither.
const LOYALTY: f32 = 2.5;
/// Tiles within which bolts are worth firing: they need 40 ticks for it.
const BOLT_RANGE_TILES: f32 = 18.0;
