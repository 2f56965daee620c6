//! What is to be drawn now, whoever made it.
//!
//! The field behind the menu and a match on a server are the same kind of picture, so the view, the sounds and most of the HUD
//! know neither arena nor network: they read this resource. [`Happened`] is what changed between two pictures; it is worked out
//! from the pictures alone, so a bolt that was predicted, interpolated or simulated next door sparks and sounds alike.
//!
//! Flow: [`crate::backdrop`] or [`crate::links`] → [`Picture`] → [`Happened`] → [`crate::view`], [`crate::sound`], [`crate::hud`].

pub(crate) mod shots;

use bevy::{math::Vec2, prelude::*};
use game::{Map, PhaseKind, SeatId, bolt, ship};
use protocol::{scene::Scene, wire::event::Member};
use shots::Shot;
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
    /// Bolts that a wall has stopped before the server said so; they are in the scene no more.
    pub(crate) stopped: Vec<Shot>,
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
    shots: Vec<Shot>,
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
    let shots: Vec<Shot> =
        scene.bolts.iter().map(|bolt| Shot::flying(*bolt)).chain(picture.stopped.iter().copied()).collect();
    let seconds_left = scene.phase_left.as_secs_f32().ceil() as u32;
    if before.seen && before.source == picture.source {
        happened.write_batch(pilots.values().flat_map(|now| changes(before.pilots.get(&now.seat), now)));
        let flown = bolt::SPEED * game::tick::TICK_HZ as f32 * time.delta_secs();
        happened.write_batch(shots::changes(&before.shots, &shots, flown));
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
        shots,
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

/// Returns how ready a timer is, 0 to 1, that counts `left` ticks of `whole` down.
pub(crate) fn readiness(left: u8, whole: u8) -> f32 {
    1.0 - f32::from(left) / f32::from(whole.max(1))
}

/// Returns the share of health that is left, 0 to 1.
pub(crate) fn health_share(health: u8) -> f32 {
    f32::from(health) / f32::from(ship::MAX_HEALTH)
}
