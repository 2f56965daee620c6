//! What is to be drawn now, whoever made it.
//!
//! The field behind the menu and a match on a server are the same kind of picture, so the view, the sounds and most of the HUD
//! know neither arena nor network: they read this resource. [`Happened`] is what changed between two pictures; it is worked out
//! from the pictures alone, so a bolt that was predicted, interpolated or simulated next door sparks and sounds alike.
//!
//! Flow: [`crate::backdrop`] or [`crate::links`] → [`Picture`] → [`Happened`] → [`crate::view`], [`crate::sound`], [`crate::hud`].

use bevy::{math::Vec2, prelude::*};
use game::{Map, PhaseKind, SeatId, bolt, ship};
use protocol::{
    scene::{Scene, SceneBolt},
    wire::event::Member,
};
use std::{collections::BTreeMap, sync::Arc};

/// The order of a frame, from the network to the screen.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FrameSystems {
    /// Takes in what arrived.
    Receive,
    /// Reads keyboard, mouse and gamepad.
    Sample,
    /// Sends commands and asks for the picture of now.
    Fly,
    /// Works out what changed.
    Compare,
    /// Draws and sounds.
    Show,
}

/// What is to be drawn now.
#[derive(Resource, Default)]
pub(crate) struct Picture {
    /// Who makes it. A change means that nothing of the previous picture goes on.
    pub(crate) source: Source,
    /// Walls and pickups.
    pub(crate) map: Option<Arc<Map>>,
    /// Everything that moves.
    pub(crate) scene: Option<Scene>,
    /// Names by seat.
    pub(crate) members: BTreeMap<SeatId, Member>,
    /// Where the player points at this moment, radians; the own ship's nose does not wait for a tick.
    pub(crate) own_aim: Option<f32>,
}

/// Who makes the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// The arena behind the menu.
    #[default]
    Backdrop,
    /// A server.
    Match,
}

/// One ship as it is drawn, own or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pilot {
    /// Whose.
    pub(crate) seat: SeatId,
    /// Tiles.
    pub(crate) pos: Vec2,
    /// Tiles per second.
    pub(crate) vel: Vec2,
    /// Radians.
    pub(crate) aim: f32,
    /// 0 while dead.
    pub(crate) health: u8,
    /// In a dash.
    pub(crate) dashing: bool,
    /// Cannot be hurt.
    pub(crate) shielded: bool,
    /// Kills.
    pub(crate) score: u16,
    /// Deaths.
    pub(crate) deaths: u16,
}

impl Picture {
    /// Returns the player's seat, if there is a player.
    pub(crate) fn own(&self) -> Option<SeatId> {
        self.scene.as_ref()?.own.as_ref().map(|own| own.seat)
    }

    /// Returns every ship, the player's last, so that it is drawn on top.
    pub(crate) fn pilots(&self) -> Vec<Pilot> {
        let Some(scene) = &self.scene else { return Vec::new() };
        let mut pilots: Vec<Pilot> = scene
            .ships
            .iter()
            .map(|ship| Pilot {
                seat: ship.view.seat,
                pos: ship.pos.into(),
                vel: ship.vel.into(),
                aim: ship.aim,
                health: ship.view.health,
                dashing: ship.view.dashing,
                shielded: ship.view.shielded,
                score: ship.view.score,
                deaths: ship.view.deaths,
            })
            .collect();
        pilots.extend(scene.own.as_ref().map(|own| Pilot {
            seat: own.seat,
            pos: own.pos.into(),
            vel: own.vel.into(),
            aim: self.own_aim.unwrap_or_else(|| own.ship.aim.radians()),
            health: own.ship.health,
            dashing: own.ship.dash_left > 0,
            shielded: own.ship.shielded(),
            score: own.ship.score,
            deaths: own.ship.deaths,
        }));
        pilots
    }

    /// Returns the name of whoever sits in `seat`.
    pub(crate) fn name(&self, seat: SeatId) -> &str {
        self.members.get(&seat).map_or("somebody", |member| member.name.as_str())
    }
}

/// Something that can be seen and heard.
#[derive(Message, Clone, Copy, Debug)]
pub(crate) enum Happened {
    /// A bolt left a muzzle.
    BoltFired { owner: SeatId, at: Vec2, aim: f32 },
    /// A bolt ended before its time.
    BoltEnded { owner: SeatId, at: Vec2, aim: f32 },
    /// The rail went off.
    RailFired { owner: SeatId, from: Vec2, to: Vec2 },
    /// A ship lost health.
    Hurt { seat: SeatId, at: Vec2, lost: u8 },
    /// A ship was destroyed.
    Died { seat: SeatId, at: Vec2, vel: Vec2 },
    /// A ship appeared.
    Spawned { seat: SeatId, at: Vec2 },
    /// A ship began to dash.
    Dashed { seat: SeatId, at: Vec2, vel: Vec2 },
    /// A pickup was taken.
    PickedUp { at: Vec2 },
    /// A second of the countdown passed; 0 is the start.
    Counted { left: u32 },
    /// The result is out.
    Finished,
}

/// Compares pictures.
pub(crate) struct PicturePlugin;

impl Plugin for PicturePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Picture>().add_message::<Happened>();
        app.configure_sets(
            Update,
            (FrameSystems::Receive, FrameSystems::Sample, FrameSystems::Fly, FrameSystems::Compare, FrameSystems::Show)
                .chain(),
        );
        app.add_systems(Update, compare.in_set(FrameSystems::Compare));
    }
}

/// What of the previous picture is needed to see a change.
#[derive(Default)]
struct Before {
    source: Source,
    pilots: BTreeMap<SeatId, Pilot>,
    bolts: Vec<SceneBolt>,
    beams: Vec<(game::Tick, SeatId)>,
    pickups: u64,
    phase: PhaseKind,
    seconds_left: u32,
    seen: bool,
}

fn compare(picture: Res<Picture>, time: Res<Time>, mut before: Local<Before>, mut happened: MessageWriter<Happened>) {
    let Some(scene) = &picture.scene else {
        *before = Before::default();
        return;
    };
    let pilots: BTreeMap<SeatId, Pilot> = picture.pilots().into_iter().map(|pilot| (pilot.seat, pilot)).collect();
    let seconds_left = scene.phase_left.as_secs_f32().ceil() as u32;
    if before.seen && before.source == picture.source {
        happened.write_batch(pilots.values().flat_map(|now| changes(before.pilots.get(&now.seat), now)));
        let flown = bolt::SPEED * game::tick::TICK_HZ as f32 * time.delta_secs();
        happened.write_batch(bolt_changes(&before.bolts, &scene.bolts, flown));
        for beam in scene.beams.iter().filter(|beam| !before.beams.contains(&beam.key)) {
            happened.write(Happened::RailFired { owner: beam.owner, from: beam.from.into(), to: beam.to.into() });
        }
        let taken = before.pickups & !scene.pickups;
        let places = picture.map.iter().flat_map(|map| map.pickups.iter()).enumerate();
        for (_, place) in places.filter(|(index, _)| taken >> index & 1 == 1) {
            happened.write(Happened::PickedUp { at: place.tiles().into() });
        }
        match (before.phase, scene.phase.kind) {
            (PhaseKind::Countdown, PhaseKind::Live) => drop(happened.write(Happened::Counted { left: 0 })),
            (PhaseKind::Live, PhaseKind::Results) => drop(happened.write(Happened::Finished)),
            (_, PhaseKind::Countdown) if seconds_left != before.seconds_left => {
                happened.write(Happened::Counted { left: seconds_left });
            }
            _ => {}
        }
    }
    *before = Before {
        source: picture.source,
        pilots,
        bolts: scene.bolts.clone(),
        beams: scene.beams.iter().map(|beam| beam.key).collect(),
        pickups: scene.pickups,
        phase: scene.phase.kind,
        seconds_left,
        seen: true,
    };
}

/// Returns what happened to one ship.
fn changes(before: Option<&Pilot>, now: &Pilot) -> impl Iterator<Item = Happened> {
    let (seat, at) = (now.seat, now.pos);
    let was = before.map_or(0, |before| before.health);
    let place = before.map_or(at, |before| before.pos);
    let vel = before.map_or(Vec2::ZERO, |before| before.vel);
    let dashes = now.dashing && now.health > 0 && before.is_some_and(|before| !before.dashing);
    [
        (was == 0 && now.health > 0).then_some(Happened::Spawned { seat, at }),
        // A whole ship at another place is one that died and came back between two pictures.
        (now.health > 0 && now.health < was).then_some(Happened::Hurt {
            seat,
            at,
            lost: was.saturating_sub(now.health),
        }),
        (was > 0 && now.health == 0).then_some(Happened::Died { seat, at: place, vel }),
        dashes.then_some(Happened::Dashed { seat, at, vel: now.vel }),
    ]
    .into_iter()
    .flatten()
}

/// Returns which bolts are new and which are gone. Bolts fly straight at one speed, so each is found again where it must be.
fn bolt_changes(before: &[SceneBolt], now: &[SceneBolt], flown: f32) -> Vec<Happened> {
    let mut kept = vec![false; before.len()];
    let mut happened = Vec::new();
    for bolt in now {
        let came_from = Vec2::from(bolt.pos) - Vec2::from_angle(bolt.aim) * flown;
        let same = |old: &SceneBolt| {
            old.owner == bolt.owner
                && (old.aim - bolt.aim).abs() < SAME_AIM
                && Vec2::from(old.pos).distance(came_from) < SAME_BOLT_TILES
        };
        match (0..before.len()).find(|&i| !kept[i] && same(&before[i])) {
            Some(i) => kept[i] = true,
            None if bolt.age < FRESH_BOLT_SECONDS => {
                happened.push(Happened::BoltFired { owner: bolt.owner, at: bolt.pos.into(), aim: bolt.aim });
            }
            None => {}
        }
    }
    let life = bolt::LIFE_TICKS as f32 / game::tick::TICK_HZ as f32;
    let gone = before.iter().zip(kept).filter(|(old, kept)| !kept && old.age < life - FRESH_BOLT_SECONDS);
    happened.extend(gone.map(|(old, _)| Happened::BoltEnded {
        owner: old.owner,
        at: Vec2::from(old.pos) + Vec2::from_angle(old.aim) * (flown * 0.3),
        aim: old.aim,
    }));
    happened
}

/// Takes bolts out that have already hit a wall: the server says so a moment later, but everybody knows the map.
pub(crate) fn stop_at_walls(scene: &mut Scene, map: &Map) {
    scene.bolts.retain(|bolt| !map.is_wall(bolt.pos[0].floor() as i32, bolt.pos[1].floor() as i32));
}

/// Returns how ready a timer is, 0 to 1, that counts `left` ticks of `whole` down.
pub(crate) fn readiness(left: u8, whole: u8) -> f32 {
    1.0 - f32::from(left) / f32::from(whole.max(1))
}

/// Returns the share of health that is left, 0 to 1.
pub(crate) fn health_share(health: u8) -> f32 {
    f32::from(health) / f32::from(ship::MAX_HEALTH)
}

/// Bolts of one ship in nearly one direction are told apart by place alone.
const SAME_AIM: f32 = 0.01;
/// How far from where it must be a bolt is still the same: half of the way between two bolts of one ship.
const SAME_BOLT_TILES: f32 = 2.0;
/// A bolt older than this was fired before it came into view: no flash, no sound.
const FRESH_BOLT_SECONDS: f32 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;

    fn bolt(owner: u8, x: f32, age: f32) -> SceneBolt {
        SceneBolt { owner: SeatId(owner), pos: [x, 5.0], aim: 0.0, age }
    }

    #[test]
    fn a_bolt_that_flies_on_is_neither_new_nor_gone() {
        let happened = bolt_changes(&[bolt(1, 10.0, 0.1)], &[bolt(1, 10.45, 0.117)], 0.45);
        assert!(happened.is_empty(), "{happened:?}");
    }

    #[test]
    fn a_new_bolt_is_heard_and_a_lost_one_is_seen_to_end() {
        let happened = bolt_changes(&[bolt(1, 10.0, 0.1)], &[bolt(2, 10.45, 0.0)], 0.45);
        assert!(matches!(happened[0], Happened::BoltFired { owner: SeatId(2), .. }), "{happened:?}");
        assert!(matches!(happened[1], Happened::BoltEnded { owner: SeatId(1), .. }), "{happened:?}");
    }

    #[test]
    fn a_bolt_that_comes_into_view_late_or_dies_of_age_says_nothing() {
        assert!(bolt_changes(&[], &[bolt(1, 10.0, 0.6)], 0.45).is_empty());
        assert!(bolt_changes(&[bolt(1, 10.0, 0.99)], &[], 0.45).is_empty());
    }
}
