//! Sound: what happens, heard where it happens.
//!
//! Each event has a register of its own, so that ears tell them apart before eyes do; the rail is the loudest. The clips are made
//! at start by [`synth`]. Without an audio device the same systems run and nobody hears them.
//!
//! Flow: [`Happened`], [`Told`] → here → [`synth`]'s clips → bevy's audio.

mod synth;

use crate::{
    links::Told,
    picture::{FrameSystems, Happened, Picture, Source},
    settings::Settings,
    view::camera::{Eye, VIEW_TILES},
};
use bevy::{
    audio::{SpatialScale, Volume},
    prelude::*,
};
use std::path::{Path, PathBuf};
use synth::Clip;
use transport::player::PlayerEvent;

/// Returns whether there may be a device to play on. The libraries below complain at length when there is none.
pub(crate) fn audible() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let served =
        set("XDG_RUNTIME_DIR").is_some_and(|dir| dir.join("pulse").exists() || dir.join("pipewire-0").exists());
    set("PULSE_SERVER").is_some() || served || Path::new("/dev/snd").exists()
}

/// Makes the clips and plays them.
pub(crate) struct SoundPlugin;

impl Plugin for SoundPlugin {
    fn build(&self, app: &mut App) {
        app.init_asset::<AudioSource>().init_resource::<Cues>().add_message::<Chime>();
        app.add_systems(Startup, make).add_systems(Update, (listen, play, end).chain().in_set(FrameSystems::Show));
    }
}

/// Please ring: somebody who looked away has to notice something.
#[derive(Message)]
pub(crate) struct Chime;

/// The clips, by what they are for.
#[derive(Resource)]
struct Clips([Handle<AudioSource>; Clip::ALL.len()]);

/// A sound that is being played. It ends by the clock, not by the device: there may be none.
#[derive(Component)]
struct Playing {
    left: f32,
}

/// Sounds to play in this frame.
#[derive(Resource, Default)]
struct Cues(Vec<Cue>);

/// One sound to play.
struct Cue {
    clip: Clip,
    /// Where; none for sounds that are about the player rather than a place.
    at: Option<Vec2>,
    volume: f32,
}

fn make(mut commands: Commands, mut sources: ResMut<Assets<AudioSource>>) {
    commands.insert_resource(Clips(Clip::ALL.map(|clip| sources.add(AudioSource { bytes: clip.wav().into() }))));
}

/// Turns what happened into sounds to play.
fn listen(
    mut happened: MessageReader<Happened>,
    mut told: MessageReader<Told>,
    mut chimes: MessageReader<Chime>,
    picture: Res<Picture>,
    blind: Res<crate::hud::Blind>,
    mut cues: ResMut<Cues>,
) {
    let own = picture.own();
    cues.0.extend(happened.read().map(|event| cue(event, own)));
    let drives = |Told(event): &Told| matches!(event, PlayerEvent::Drives { gap: Some(_), .. });
    let switched = told.read().filter(|told| drives(told)).count() > 0;
    cues.0.extend(chimes.read().map(|Chime| Cue { clip: Clip::Chime, at: None, volume: CHIME_VOLUME }));
    // In a blind test a switch must not be heard.
    cues.0.extend((switched && !blind.is_running()).then_some(Cue { clip: Clip::Switch, at: None, volume: 0.6 }));
}

fn play(
    mut commands: Commands,
    mut cues: ResMut<Cues>,
    clips: Res<Clips>,
    picture: Res<Picture>,
    settings: Res<Settings>,
    eye: Res<Eye>,
    playing: Query<&Playing>,
) {
    // Behind the menu the field is scenery; what is about the player is not.
    let distance = if picture.source == Source::Backdrop { BACKDROP_VOLUME } else { 1.0 };
    let mut voices = playing.iter().count();
    let unseen = unseen();
    for cue in cues.0.drain(..) {
        if unseen && !matches!(cue.clip, Clip::Chime) {
            continue;
        }
        let offset = cue.at.map_or(Vec2::ZERO, |at| at - eye.centre);
        let distance = if cue.at.is_some() { distance } else { 1.0 };
        let volume = cue.volume * settings.volume * distance * loudness(offset.length());
        if volume < INAUDIBLE || voices >= MAX_VOICES {
            continue;
        }
        voices += 1;
        let pan = (offset.x / (VIEW_TILES * 0.8)).clamp(-1.0, 1.0);
        commands.spawn((
            AudioPlayer(clips.0[cue.clip as usize].clone()),
            PlaybackSettings {
                volume: Volume::Linear(volume),
                spatial: true,
                spatial_scale: Some(SpatialScale::new(EAR_SCALE)),
                ..PlaybackSettings::ONCE
            },
            Transform::from_xyz(pan * EAR_TILES, 0.0, 0.0),
            Playing { left: cue.clip.seconds() + 0.2 },
        ));
    }
}

/// Returns whether this is a page in a tab that nobody sees. It is heard only when it calls: a second of a match at once is noise.
fn unseen() -> bool {
    #[cfg(target_family = "wasm")]
    return crate::web::is_hidden();
    #[cfg(not(target_family = "wasm"))]
    false
}

fn end(mut commands: Commands, mut playing: Query<(Entity, &mut Playing)>, time: Res<Time<Real>>) {
    for (entity, mut sound) in &mut playing {
        sound.left -= time.delta_secs();
        if sound.left <= 0.0 {
            commands.entity(entity).despawn();
        }
    }
}

/// Returns how an event sounds. What the player does and suffers is louder than the same elsewhere.
fn cue(event: &Happened, own: Option<game::SeatId>) -> Cue {
    let by = |seat: game::SeatId, own_volume: f32, volume: f32| if Some(seat) == own { own_volume } else { volume };
    let (clip, at, volume) = match *event {
        Happened::BoltFired { owner, at, .. } => (Clip::Bolt, Some(at), by(owner, 0.32, 0.26)),
        Happened::BoltEnded { at, .. } => (Clip::Spark, Some(at), 0.16),
        Happened::RailFired { owner, from, .. } => (Clip::Rail, Some(from), by(owner, 0.9, 0.8)),
        Happened::Hurt { seat, at, .. } => (Clip::Hit, Some(at), by(seat, 0.6, 0.34)),
        Happened::Died { seat, at, .. } => (Clip::Death, Some(at), by(seat, 0.8, 0.6)),
        Happened::Spawned { seat, at } => (Clip::Spawn, Some(at), by(seat, 0.4, 0.14)),
        Happened::Dashed { seat, at, .. } => (Clip::Dash, Some(at), by(seat, 0.4, 0.24)),
        Happened::PickedUp { at } => (Clip::Pickup, Some(at), 0.4),
        Happened::Counted { left: 0 } => (Clip::Start, None, 0.5),
        Happened::Counted { .. } => (Clip::Count, None, 0.4),
        Happened::Finished => (Clip::Finish, None, 0.5),
    };
    Cue { clip, at, volume }
}

/// Returns the share of loudness that is left at a distance: full on the screen's middle, half at its edge, nothing far off.
fn loudness(tiles: f32) -> f32 {
    1.0 / (1.0 + (tiles / VIEW_TILES).powi(2) * 2.0)
}

/// A match that was found is heard from the next room.
const CHIME_VOLUME: f32 = 0.9;
/// The field behind the menu is heard as if from next door.
const BACKDROP_VOLUME: f32 = 0.25;
/// Nobody hears this over anything else.
const INAUDIBLE: f32 = 0.01;
/// More at once is noise.
const MAX_VOICES: usize = 24;
/// Bevy's ears are 4 apart; at this scale a sound between them is as loud as it was made, and only moves from side to side.
const EAR_SCALE: f32 = 0.25;
const EAR_TILES: f32 = 2.0;
