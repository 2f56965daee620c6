//! The camera: where the player looks, and how a blow shakes it.
//!
//! It sits exactly on the own ship, or on the one that is watched, so that the ship never swims on the screen, and leans toward the aim, eased. A jump of the
//! ship (a respawn) is eased over too: the view never snaps. Shake moves the picture, never the aim.
//!
//! Flow: [`crate::picture::Picture`], [`Happened`] → [`Eye`] → the camera, [`crate::input`] (what the mouse points at),
//! [`crate::hud`] (where names go), [`crate::sound`] (where the ears are).

use crate::{
    hud::Panels,
    palette,
    picture::{Happened, Picture, Source},
    settings::Settings,
    touch::Fingers,
    view::watch::Watched,
};
use bevy::{
    camera::{Hdr, ScalingMode},
    core_pipeline::tonemapping::Tonemapping,
    math::Vec2,
    post_process::bloom::{Bloom, BloomPrefilter},
    prelude::*,
    render::renderer::RenderAdapterInfo,
    window::PrimaryWindow,
};
use game::SeatId;

/// Tiles from the bottom to the top of the screen in a match: a bolt's flight is about as long as the screen is wide.
pub(crate) const VIEW_TILES: f32 = 17.0;

/// Where the player looks.
#[derive(Resource, Default)]
pub(crate) struct Eye {
    /// Middle of the screen without shake, tiles.
    pub(crate) centre: Vec2,
    /// Tiles from the bottom to the top of the screen.
    pub(crate) height: f32,
    source: Source,
    subject: Option<SeatId>,
    anchor: Vec2,
    /// How far the picture still is from where it belongs, after a jump of the ship.
    slip: Vec2,
    lead: Vec2,
    /// Tiles beyond the map's left and right edge that may be seen because a panel stands on that side.
    open: Vec2,
    /// The same below its lower edge, because thumbs are there.
    below: f32,
    /// 0 to 1; it shakes with the square, so that small blows are felt and large ones noticed.
    trauma: f32,
}

impl Eye {
    /// Returns the width and height of what is visible, in tiles.
    pub(crate) fn extent(&self, window: &Window) -> Vec2 {
        let aspect = window.width() / window.height().max(1.0);
        Vec2::new(self.height * aspect, self.height)
    }

    /// Returns what lies under a place on the screen (logical pixels from the top left), in tiles.
    pub(crate) fn to_field(&self, window: &Window, place: Vec2) -> Vec2 {
        let size = Vec2::new(window.width(), window.height()).max(Vec2::ONE);
        let share = place / size - 0.5;
        self.centre + Vec2::new(share.x, -share.y) * self.extent(window)
    }

    /// Returns where a point of the field is on the screen, in logical pixels from the top left.
    pub(crate) fn to_screen(&self, window: &Window, tiles: Vec2) -> Vec2 {
        let share = (tiles - self.centre) / self.extent(window).max(Vec2::splat(0.001));
        Vec2::new(share.x + 0.5, 0.5 - share.y) * Vec2::new(window.width(), window.height())
    }
}

/// Returns whether bloom is worth its price here: a processor that draws has better things to do.
pub(super) fn blooms(adapter: Option<&RenderAdapterInfo>) -> bool {
    // Bevy does not pass wgpu's enum on, only values of it.
    adapter.is_none_or(|adapter| format!("{:?}", adapter.device_type) != "Cpu")
}

/// Creates the camera.
pub(super) fn open(mut commands: Commands, adapter: Option<Res<RenderAdapterInfo>>) {
    let projection = OrthographicProjection {
        scaling_mode: ScalingMode::FixedVertical { viewport_height: VIEW_TILES },
        ..OrthographicProjection::default_2d()
    };
    let [r, g, b] = palette::VOID;
    let mut camera = commands.spawn((
        Camera2d,
        Camera { clear_color: ClearColorConfig::Custom(Color::srgb_u8(r, g, b)), ..default() },
        Projection::Orthographic(projection),
        // The shader smooths its own edges and makes its own white; both passes would only cost time.
        Msaa::Off,
        Tonemapping::None,
    ));
    if blooms(adapter.as_deref()) {
        camera.insert((
            Hdr,
            Bloom {
                intensity: 0.35,
                low_frequency_boost: 0.5,
                prefilter: BloomPrefilter { threshold: 0.9, threshold_softness: 0.3 },
                composite_mode: bevy::post_process::bloom::BloomCompositeMode::Additive,
                ..Bloom::NATURAL
            },
        ));
    }
}

/// Moves the camera.
pub(super) fn follow(
    (picture, watched): (Res<Picture>, Res<Watched>),
    (settings, panels, fingers): (Res<Settings>, Res<Panels>, Res<Fingers>),
    time: Res<Time<Real>>,
    window: Single<&Window, With<PrimaryWindow>>,
    camera: Single<(&mut Transform, &mut Projection), With<Camera2d>>,
    mut happened: MessageReader<Happened>,
    mut eye: ResMut<Eye>,
) {
    let dt = time.delta_secs().min(MAX_STEP_SECONDS);
    let own = picture.own();
    let subject = own.or(watched.seat);
    let pilot = subject.and_then(|subject| picture.pilots().into_iter().find(|pilot| pilot.seat == subject));
    let middle = picture.map.as_ref().map_or(Vec2::ZERO, |map| Vec2::new(map.width as f32, map.height as f32) * 0.5);
    let drift = time.elapsed_secs() * DRIFT_RADIANS_PER_SECOND;
    let (anchor, lead, height) = match (&pilot, picture.source) {
        // Whoever watches looks at the ship, not at what it aims at.
        (Some(pilot), _) if own.is_none() => (pilot.pos, Vec2::ZERO, visible_tiles(&window)),
        (Some(pilot), _) => (pilot.pos, lead(&window, pilot.aim), visible_tiles(&window)),
        // The menu looks at the middle of its field and moves a little, so that it is seen to be alive.
        (None, Source::Backdrop) => (middle, Vec2::new(drift.sin() * 2.0 - MENU_SHIFT_TILES, drift.cos()), MENU_TILES),
        (None, Source::Match) => (middle, Vec2::ZERO, visible_tiles(&window)),
    };
    let same = eye.source == picture.source && eye.height > 0.0;
    if same && (eye.subject != subject || anchor.distance(eye.anchor) > JUMP_TILES) {
        let slip = eye.slip + eye.anchor - anchor;
        eye.slip = slip.clamp_length_max(MAX_SLIP_TILES);
    }
    let ease = |rate: f32| 1.0 - (-rate * dt).exp();
    eye.slip = if same { eye.slip * (1.0 - ease(SLIP_RATE)) } else { Vec2::ZERO };
    eye.lead = if same { eye.lead.lerp(lead, ease(LEAD_RATE)) } else { lead };
    eye.height = if same { eye.height + (height - eye.height) * ease(LEAD_RATE) } else { height };
    (eye.source, eye.subject, eye.anchor) = (picture.source, subject, anchor);
    eye.centre = anchor + eye.slip + eye.lead;
    if let (Source::Match, Some(map)) = (picture.source, &picture.map) {
        // Beyond the border there is nothing to see: it takes only so much of the screen.
        let (size, half) = (Vec2::new(map.width as f32, map.height as f32), eye.extent(&window) * 0.5);
        // A panel hides what is below it: at that edge of the map the ship stays in the middle.
        let open = Vec2::from(panels.sides().map(|there| if there { half.x } else { 0.0 }));
        eye.open = eye.open.lerp(open, ease(SLIP_RATE));
        let thumbs = if fingers.seen() { THUMBS_PX / window.height().max(1.0) * eye.height } else { 0.0 };
        eye.below += (thumbs - eye.below) * ease(SLIP_RATE);
        let [left, right] = eye.open.to_array().map(|open| open.max(BORDER_TILES));
        let low = half - Vec2::new(left, eye.below.max(BORDER_TILES));
        let high = size - half + Vec2::new(right, BORDER_TILES);
        eye.centre = eye.centre.clamp(low.min(size * 0.5), high.max(size * 0.5));
    }

    for event in happened.read() {
        let blow = blow(event, own, eye.centre);
        eye.trauma = (eye.trauma + blow).min(1.0);
    }
    eye.trauma = (eye.trauma - dt / SHAKE_SECONDS).max(0.0);
    let shake = eye.trauma * eye.trauma * settings.shake * SHAKE_TILES;
    let t = time.elapsed_secs() * SHAKE_RADIANS_PER_SECOND;
    let shaken = eye.centre + Vec2::new(t.sin() + (t * 2.3).cos(), (t * 1.3).cos() + (t * 1.9).sin()) * 0.5 * shake;

    let (mut transform, mut projection) = camera.into_inner();
    transform.translation = shaken.extend(transform.translation.z);
    if let Projection::Orthographic(orthographic) = &mut *projection {
        orthographic.scaling_mode = ScalingMode::FixedVertical { viewport_height: eye.height };
    }
}

/// Returns the tiles from the bottom to the top of a screen: on one that is held upright more, so that its width is of use, but no more
/// than others see from side to side.
fn visible_tiles(window: &Window) -> f32 {
    (VIEW_TILES * window.height() / window.width().max(1.0)).clamp(VIEW_TILES, TALLEST_TILES)
}

/// Returns how far to lean: by where the cursor is, or by the aim alone without one.
fn lead(window: &Window, aim: f32) -> Vec2 {
    let Some(cursor) = window.cursor_position() else { return Vec2::from_angle(aim) * (MAX_LEAD_TILES * 0.5) };
    let share = cursor / Vec2::new(window.width(), window.height()).max(Vec2::ONE) - 0.5;
    (Vec2::new(share.x, -share.y) * 2.0 * MAX_LEAD_TILES).clamp_length_max(MAX_LEAD_TILES)
}

/// Returns how hard an event hits whoever watches.
fn blow(event: &Happened, own: Option<SeatId>, centre: Vec2) -> f32 {
    match *event {
        Happened::Hurt { seat, lost, .. } if Some(seat) == own => 0.25 + f32::from(lost) * 0.004,
        Happened::Died { seat, .. } if Some(seat) == own => 0.9,
        Happened::Died { at, .. } if own.is_some() => 0.4 * (1.0 - at.distance(centre) / VIEW_TILES).max(0.0),
        Happened::RailFired { owner, .. } if Some(owner) == own => 0.35,
        _ => 0.0,
    }
}

/// How far from the middle of the screen the own ship can be, as a share of its height: the lean, and the ship with its arcs.
pub(crate) const SHIP_SHARE: f32 = (MAX_LEAD_TILES + 1.2) / VIEW_TILES;
/// What a usual screen shows from side to side.
const TALLEST_TILES: f32 = VIEW_TILES * 16.0 / 9.0;
/// Tiles from the bottom to the top of the menu's field: most of the map.
const MENU_TILES: f32 = 19.0;
/// The menu's column covers the left of the screen; the field is moved to the right by this.
const MENU_SHIFT_TILES: f32 = 7.0;
/// A slow circle, once in about a minute.
const DRIFT_RADIANS_PER_SECOND: f32 = 0.1;
/// Farthest that the camera leans: a third of the way to the nearer edge.
const MAX_LEAD_TILES: f32 = 2.8;
/// Per second; the lean is there after about a third of a second.
const LEAD_RATE: f32 = 7.0;
/// Per second; a respawn is flown to in about half a second.
const SLIP_RATE: f32 = 6.0;
/// No flight is this fast in a frame; the ship is somewhere else.
const JUMP_TILES: f32 = 2.0;
/// Longest way that is flown to rather than skipped.
const MAX_SLIP_TILES: f32 = 12.0;
/// How far up the screen thumbs and what they press reach, logical pixels: the ship is not flown below them.
const THUMBS_PX: f32 = 176.0;
/// Most that is seen of what lies beyond the map.
const BORDER_TILES: f32 = 2.5;
/// A frame that took longer (a window that was dragged) eases as if it had not.
const MAX_STEP_SECONDS: f32 = 0.1;
/// Full shake dies down in this time.
const SHAKE_SECONDS: f32 = 0.6;
/// Largest displacement of full shake.
const SHAKE_TILES: f32 = 0.45;
/// Fast enough to be a blow rather than a sway.
const SHAKE_RADIANS_PER_SECOND: f32 = 55.0;
