//! How the game is, for the page and for whoever tests it: `crosswire.status`, a line of JSON, four times per second.
//!
//! What a frame costs is measured here as well: from its first system to its last one, so without what drawing takes.
//!
//! Flow: [`crate::links::Match`], [`State`] → here → `globalThis.crosswire.status`.

use crate::{
    doctor::Doctor,
    hud::{Panels, Telemetry},
    links::{Match, Told},
    menu::Menu,
    picture::{Happened, Picture},
    state::{Failure, Screen},
    weather::Sky,
};
use bevy::prelude::*;
use serde::Serialize;
use std::collections::VecDeque;
use transport::{
    doctor::Finding,
    player::{PlayerEvent, Role},
};
use web_time::{Duration, Instant};

/// Keeps the status.
pub(super) struct StatusPlugin;

impl Plugin for StatusPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Frames>();
        app.add_systems(First, |mut frames: ResMut<Frames>| frames.began = Some(Instant::now()));
        app.add_systems(Last, (end, tell).chain());
    }
}

/// What the latest frames cost.
#[derive(Resource, Default)]
struct Frames {
    began: Option<Instant>,
    latest: VecDeque<Duration>,
    count: u64,
}

impl Frames {
    /// Returns the cost, milliseconds, that `share` (0 to 1) of the latest frames did not exceed.
    fn at(&self, share: f64) -> f64 {
        let mut sorted: Vec<_> = self.latest.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(at).map_or(0.0, |cost| (cost.as_secs_f64() * 1e5).round() / 100.0)
    }
}

/// See the head of this file.
#[derive(Serialize)]
struct Status<'a> {
    screen: String,
    /// What is in the box of the start page.
    typed: &'a str,
    /// The pause panel is open.
    pause: bool,
    /// Why the failure screen is there.
    failure: Option<String>,
    /// Whether a panel stands on the left and on the right of the ship.
    panels: [bool; 2],
    /// Why a better wire than the present one was passed over.
    passed_over: Option<String>,
    /// The wire that drives.
    wire: Option<String>,
    /// Wires over which the match comes along besides.
    shadows: Vec<String>,
    /// Round trip of the wire that drives, milliseconds.
    round_trip_ms: Option<f64>,
    /// What the network is made to do; none where there can be no weather.
    weather: Option<&'static str>,
    /// What the doctor has found; none while it looks, or shows nothing.
    doctor: Option<&'a [Finding]>,
    /// Ships in the picture, the own one included.
    ships: usize,
    /// Where the own one is, tiles.
    own: Option<[f32; 2]>,
    /// Bolts and rails that it has fired, in all matches since the page was opened.
    shots: u32,
    /// How far from there the server's last word has it, tiles: some of that is the way flown since.
    own_error: Option<f32>,
    /// Tick of the newest snapshot.
    tick: Option<u32>,
    /// How old the picture is, milliseconds.
    picture_age_ms: Option<f64>,
    /// Corrections of the own ship.
    corrections: u64,
    frames: u64,
    /// What a frame cost without drawing, milliseconds: half of the latest ones less, 95 of 100 less, the dearest.
    frame_ms: [f64; 3],
}

fn end(mut frames: ResMut<Frames>) {
    let Some(began) = frames.began.take() else { return };
    if frames.latest.len() >= FRAMES_KEPT {
        frames.latest.pop_front();
    }
    frames.latest.push_back(began.elapsed());
    frames.count += 1;
}

fn tell(
    frames: Res<Frames>,
    (screen, menu, failure, panels): (Res<State<Screen>>, Res<Menu>, Res<Failure>, Res<Panels>),
    (the_match, picture): (Option<Res<Match>>, Res<Picture>),
    (sky, telemetry, doctor): (Res<Sky>, Res<Telemetry>, Res<Doctor>),
    (mut events, mut happened): (MessageReader<Told>, MessageReader<Happened>),
    (mut told, mut passed_over, mut shots): (Local<Option<Instant>>, Local<Option<String>>, Local<u32>),
) {
    for Told(event) in events.read() {
        if let PlayerEvent::PassedOver { why, .. } = event {
            *passed_over = Some(why.clone());
        }
    }
    let own = picture.own();
    let fired = |event: &&Happened| match event {
        Happened::BoltFired { owner, .. } | Happened::RailFired { owner, .. } => Some(*owner) == own,
        _ => false,
    };
    *shots += happened.read().filter(|event| own.is_some() && fired(event)).count() as u32;
    let now = Instant::now();
    if told.is_some_and(|told| now.saturating_duration_since(told) < PAUSE) {
        return;
    }
    *told = Some(now);
    let player = the_match.as_ref().map(|the_match| &the_match.player);
    let status = player.map(|player| player.status(now));
    let scene = picture.scene.as_ref().filter(|_| player.is_some());
    let status = Status {
        screen: format!("{:?}", screen.get()),
        typed: menu.typed(),
        pause: panels.pause,
        panels: panels.sides(),
        passed_over: passed_over.clone(),
        failure: (*screen.get() == Screen::Failed).then(|| failure.why.clone()),
        wire: status.as_ref().and_then(|status| status.driving).map(|wire| wire.to_string()),
        shadows: telemetry
            .wires
            .iter()
            .filter(|report| report.role == Role::Shadow && report.picture_age.is_some())
            .map(|report| report.transport.to_string())
            .collect(),
        round_trip_ms: status.as_ref().and_then(|status| status.round_trip).map(|time| time.as_secs_f64() * 1e3),
        weather: sky.can_be().then(|| sky.name()),
        doctor: doctor.findings(),
        ships: scene.map_or(0, |scene| scene.ships.len() + usize::from(scene.own.is_some())),
        own: scene.and_then(|scene| scene.own.as_ref()).map(|own| own.pos),
        shots: *shots,
        own_error: scene.and_then(|scene| {
            let (own, truth) = (scene.own.as_ref()?, scene.truth.as_ref()?);
            Some(Vec2::from(own.pos).distance(Vec2::from(truth.pos)))
        }),
        tick: player.and_then(|player| player.view()).map(|view| view.tick.0),
        picture_age_ms: player.and_then(|player| player.picture_age(now)).map(|age| age.as_secs_f64() * 1e3),
        corrections: status.as_ref().map_or(0, |status| status.corrections),
        frames: frames.count,
        frame_ms: [frames.at(0.5), frames.at(0.95), frames.at(1.0)],
    };
    if let Ok(text) = serde_json::to_string(&status) {
        super::put("status", &text.into());
    }
}

/// Frames that the costs are taken from: ten seconds.
const FRAMES_KEPT: usize = 600;
/// Time between two lines.
const PAUSE: Duration = Duration::from_millis(250);
