//! The field: everything that is drawn below the HUD.
//!
//! Four layers, back to front: the floor with its grid, dust that drifts below the walls, the walls, and whatever acts. The first
//! and the third are drawn once per map, the others every frame.
//!
//! Flow: [`crate::picture`] → [`camera`], [`field`], [`effects`], [`ships`] → [`ink`] → screen.

pub(crate) mod camera;
mod effects;
mod field;
mod ghosts;
mod ink;
mod rewound;
mod ships;
pub(crate) mod watch;

use crate::picture::FrameSystems;
use bevy::{math::Vec4, prelude::*, render::renderer::RenderAdapterInfo};
use ink::{Ink, InkMaterial};

/// Draws the field.
pub(crate) struct ViewPlugin;

impl Plugin for ViewPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(ink::InkPlugin)
            .init_resource::<camera::Eye>()
            .init_resource::<watch::Watched>()
            .init_resource::<effects::Effects>()
            .init_resource::<rewound::Rewound>()
            .init_resource::<ships::Trails>()
            .add_systems(Startup, (open_layers, camera::open))
            .add_systems(
                Update,
                (
                    watch::choose,
                    (camera::follow, effects::start, effects::age, rewound::note, ships::remember),
                    (field::build, field::draw_dust, draw_actors),
                )
                    .chain()
                    .in_set(FrameSystems::Show),
            );
    }
}

/// The meshes of the layers, by what they show.
#[derive(Resource)]
struct Layers {
    floor: Handle<Mesh>,
    dust: Handle<Mesh>,
    walls: Handle<Mesh>,
    actors: Handle<Mesh>,
}

fn open_layers(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<InkMaterial>>,
    adapter: Option<Res<RenderAdapterInfo>>,
) {
    // Bloom spreads the light of cores that are brighter than white; without it the lines' own halos have to do.
    let (halo, core) = if camera::blooms(adapter.as_deref()) { (HALO_WITH_BLOOM, CORE_WITH_BLOOM) } else { (1.0, 1.0) };
    let material = materials.add(InkMaterial { gain: Vec4::new(halo, core, 0.0, 0.0) });
    let mut layer = |order| ink::layer(&mut commands, &mut meshes, &material, order);
    let layers = Layers { floor: layer(0.0), dust: layer(1.0), walls: layer(2.0), actors: layer(3.0) };
    commands.insert_resource(layers);
}

/// Draws everything that acts: effects on the ground, shots, ships, effects in the air.
fn draw_actors(
    picture: Res<crate::picture::Picture>,
    trails: Res<ships::Trails>,
    (effects, rewound, known): (Res<effects::Effects>, Res<rewound::Rewound>, ghosts::Known),
    time: Res<Time>,
    layers: Res<Layers>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut ink: Local<Ink>,
) {
    field::draw_pickups(&mut ink, &picture, time.elapsed_secs());
    effects.draw_below(&mut ink);
    ships::draw_trails(&mut ink, &picture, &trails);
    ships::draw_shots(&mut ink, &picture);
    ghosts::draw(&mut ink, &picture, &known);
    ships::draw(&mut ink, &picture, &effects, time.elapsed_secs());
    rewound.draw(&mut ink);
    effects.draw_above(&mut ink);
    show(&mut meshes, &layers.actors, &mut ink);
}

/// Replaces what a layer shows.
fn show(meshes: &mut Assets<Mesh>, layer: &Handle<Mesh>, ink: &mut Ink) {
    if meshes.insert(layer, ink.take()).is_err() {
        debug!("A layer of the field is gone; the window is closing.");
    }
}

/// How strong halos stay where bloom adds its own glow.
const HALO_WITH_BLOOM: f32 = 0.75;
/// How bright the cores of what glows are where bloom makes use of it: above its threshold.
const CORE_WITH_BLOOM: f32 = 2.2;
