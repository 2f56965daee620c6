//! The live field behind the menu: a local arena in which bots play.
//!
//! Whoever starts the game sees at once what it is. It is the real arena with the real bots, stepped 60 times per second here, so
//! the view has nothing to pretend.
//!
//! Flow: [`Maps`] → [`game::Arena`] with [`game::Bot`]s → [`crate::picture::Picture`].

use crate::{
    assets::Maps,
    picture::{FrameSystems, Picture, Source},
    state::Screen,
};
use bevy::prelude::*;
use game::{
    Arena, Bolt, Bot, SeatId, ShipView, Tick, View,
    arena::{Commands as Orders, Rules},
    tick::{TICK_HZ, TICK_SECONDS},
};
use protocol::scene::{Scene, SceneBeam, SceneBolt, SceneShip};
use std::{collections::BTreeMap, time::Duration};

/// Runs the arena outside of matches.
pub(crate) struct BackdropPlugin;

impl Plugin for BackdropPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Startup, load);
        app.add_systems(Update, play.in_set(FrameSystems::Fly).run_if(not(in_state(Screen::InMatch))));
    }
}

/// The arena and its pilots.
#[derive(Resource)]
struct Backdrop {
    arena: Arena,
    bots: Vec<Bot>,
    before: View,
    now: View,
    behind: f64,
}

fn load(mut commands: Commands, maps: Res<Maps>) {
    let map = match &maps.0 {
        Ok(shelf) => shelf.find(MAP).cloned(),
        Err(why) => {
            warn!("The menu has no live background. {why}");
            None
        }
    };
    let Some(map) = map else { return };
    // No end: a result behind a menu means nothing to anybody.
    let rules = Rules { match_ticks: u32::MAX, score_limit: 0 };
    let mut arena = Arena::new(map, rules, SEED);
    for seat in 0..BOTS {
        arena.join(SeatId(seat));
    }
    let bots = (0..BOTS).map(|seat| Bot::new(SEED ^ u64::from(seat), SKILL)).collect();
    let mut backdrop = Backdrop { arena, bots, before: View::default(), now: View::default(), behind: 0.0 };
    // The countdown is over when the window opens, and shots are in the air.
    for _ in 0..WARM_UP_TICKS {
        backdrop.step();
    }
    commands.insert_resource(backdrop);
}

impl Backdrop {
    fn step(&mut self) {
        let mut orders = Orders::default();
        for (seat, bot) in (0..BOTS).map(SeatId).zip(&mut self.bots) {
            orders.set(seat, bot.fly(&self.arena.view(Some(seat)), self.arena.map()));
        }
        self.arena.step(&orders, &mut Vec::new());
        self.before = std::mem::replace(&mut self.now, self.arena.view(None));
    }

    /// Returns the picture `part` of the way from the last tick but one to the last.
    fn scene(&self, part: f32) -> Scene {
        let ships = self.now.ships.iter().map(|ship| self.ship(ship, part)).collect();
        let moment = self.before.tick.0 as f32 + part;
        Scene {
            tick: self.now.tick,
            phase: self.now.phase,
            phase_left: Duration::ZERO,
            own: None,
            truth: None,
            ships,
            bolts: self.now.bolts.iter().map(|bolt| bolt_at(bolt, moment)).collect(),
            beams: (self.now.beams.iter())
                .map(|beam| SceneBeam {
                    owner: beam.owner,
                    from: beam.from.tiles(),
                    to: beam.to.tiles(),
                    age: age(beam.fired, moment),
                    key: (beam.fired, beam.owner),
                })
                .collect(),
            pickups: self.now.pickups,
        }
    }

    fn ship(&self, now: &ShipView, part: f32) -> SceneShip {
        let before = self.before.ships.iter().find(|ship| ship.seat == now.seat).unwrap_or(now);
        let (from, to) = (Vec2::from(before.pos.tiles()), Vec2::from(now.pos.tiles()));
        let jumped = from.distance(to) > JUMP_TILES;
        let (start, end) = (before.aim.radians(), now.aim.radians());
        let turn = (end - start + std::f32::consts::PI).rem_euclid(std::f32::consts::TAU) - std::f32::consts::PI;
        SceneShip {
            view: *now,
            pos: if jumped { to } else { from.lerp(to, part) }.into(),
            aim: start + turn * part,
            vel: if jumped { Vec2::ZERO } else { (to - from) * TICK_HZ as f32 }.into(),
        }
    }
}

fn play(backdrop: Option<ResMut<Backdrop>>, mut picture: ResMut<Picture>, time: Res<Time>) {
    let Some(mut backdrop) = backdrop else {
        *picture = Picture::default();
        return;
    };
    backdrop.behind = (backdrop.behind + time.delta_secs_f64()).min(MAX_BEHIND_SECONDS);
    while backdrop.behind >= TICK_SECONDS {
        backdrop.behind -= TICK_SECONDS;
        backdrop.step();
    }
    *picture = Picture {
        source: Source::Backdrop,
        map: Some(backdrop.arena.map().clone()),
        scene: Some(backdrop.scene((backdrop.behind / TICK_SECONDS) as f32)),
        stopped: Vec::new(),
        members: BTreeMap::new(),
        own_aim: None,
    };
}

fn bolt_at(bolt: &Bolt, moment: f32) -> SceneBolt {
    let age = age(bolt.spawned, moment);
    let flown = bolt.velocity().map(|tiles| tiles * TICK_HZ as f32 * age);
    let origin = bolt.origin.tiles();
    SceneBolt { owner: bolt.owner, pos: [origin[0] + flown[0], origin[1] + flown[1]], aim: bolt.aim.radians(), age }
}

fn age(since: Tick, moment: f32) -> f32 {
    ((moment - since.0 as f32) / TICK_HZ as f32).max(0.0)
}

/// The map behind the menu.
const MAP: &str = "crossfire";
/// Pilots behind the menu: enough that something is always happening.
const BOTS: u8 = 9;
/// Good enough to look like a match.
const SKILL: f32 = 0.7;
/// The same show for everybody; any number would do.
const SEED: u64 = 7;
/// Six seconds: the countdown and the first exchange.
const WARM_UP_TICKS: u32 = 6 * TICK_HZ;
/// A window that was held for longer goes on from where it was.
const MAX_BEHIND_SECONDS: f64 = 0.25;
/// No ship flies this far in a tick; it came back somewhere else.
const JUMP_TILES: f32 = 1.5;
