//! What does not act: floor, grid, dust, walls and pickups.
//!
//! It exists to be looked past. The grid gives motion a reference, dust gives it depth, and walls are darker than the floor with
//! one thin bright edge, so that nothing here is as bright as what acts.
//!
//! Flow: [`game::Map`] → here → [`super::ink`].

use super::{
    Layers,
    camera::Eye,
    ink::{Ink, Pen},
    show,
};
use crate::{palette, picture::Picture};
use bevy::{math::Vec2, prelude::*, window::PrimaryWindow};
use game::{Map, arena::PICKUP_RADIUS, rng::Rng};
use std::f32::consts::TAU;

/// Draws floor and walls anew when the map changes.
pub(super) fn build(
    picture: Res<Picture>,
    layers: Res<Layers>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut built: Local<Option<u64>>,
) {
    let hash = picture.map.as_ref().map(|map| map.hash);
    if hash == *built {
        return;
    }
    *built = hash;
    let (mut floor, mut walls) = (Ink::default(), Ink::default());
    if let Some(map) = &picture.map {
        draw_grid(&mut floor, map);
        draw_walls(&mut walls, map);
    }
    show(&mut meshes, &layers.floor, &mut floor);
    show(&mut meshes, &layers.walls, &mut walls);
}

fn draw_grid(ink: &mut Ink, map: &Map) {
    let light = palette::light(palette::GRID);
    let (width, height) = (map.width as f32, map.height as f32);
    let pen = |index: i32| {
        let strong = index % GRID_GROUP == 0;
        Pen::plain(light * if strong { 1.7 } else { 0.9 }, GRID_LINE)
    };
    for x in 0..=map.width {
        ink.line(&[Vec2::new(x as f32, 0.0), Vec2::new(x as f32, height)], false, pen(x));
    }
    for y in 0..=map.height {
        ink.line(&[Vec2::new(0.0, y as f32), Vec2::new(width, y as f32)], false, pen(y));
    }
}

fn draw_walls(ink: &mut Ink, map: &Map) {
    let light = palette::light(palette::WALL);
    let block = |ink: &mut Ink, min: Vec2, max: Vec2| {
        ink.fill(&[min, Vec2::new(max.x, min.y), max, Vec2::new(min.x, max.y)], light, 1.0);
    };
    for wall in map.walls() {
        let min = Vec2::new(wall.x as f32, wall.y as f32);
        block(ink, min, min + Vec2::new(wall.w as f32, wall.h as f32));
    }
    // The border is one tile thick; beyond it everything is wall, as far as any camera looks.
    let (size, far) = (Vec2::new(map.width as f32, map.height as f32), Vec2::splat(FAR_TILES));
    block(ink, -far, Vec2::new(size.x + far.x, 0.0));
    block(ink, Vec2::new(-far.x, size.y), size + far);
    block(ink, Vec2::new(-far.x, 0.0), Vec2::new(0.0, size.y));
    block(ink, Vec2::new(size.x, 0.0), Vec2::new(size.x + far.x, size.y));
    let pen = Pen::neon(palette::light(palette::EDGE) * EDGE_STRENGTH, WALL_LINE).glowing(0.14, 0.18);
    for edge in edges(map) {
        ink.line(&edge, false, pen);
    }
}

/// Returns every line between wall and floor, each as long as it is straight.
fn edges(map: &Map) -> Vec<[Vec2; 2]> {
    let mut edges = Vec::new();
    let mut runs = |length: i32, lines: i32, differs: &dyn Fn(i32, i32) -> i32, at: &dyn Fn(i32, i32) -> Vec2| {
        for line in 0..=lines {
            let mut start = 0;
            for i in 0..=length {
                // A run ends where the wall ends, or where wall and floor change sides.
                let here = if i < length { differs(i, line) } else { 0 };
                let before = if i > 0 { differs(i - 1, line) } else { 0 };
                if here != before {
                    if before != 0 {
                        edges.push([at(start, line), at(i, line)]);
                    }
                    start = i;
                }
            }
        }
    };
    let side = |a: bool, b: bool| i32::from(a) - i32::from(b);
    let point = |x: i32, y: i32| Vec2::new(x as f32, y as f32);
    runs(map.width, map.height, &|x, y| side(map.is_wall(x, y), map.is_wall(x, y - 1)), &|x, y| point(x, y));
    runs(map.height, map.width, &|y, x| side(map.is_wall(x, y), map.is_wall(x - 1, y)), &|y, x| point(x, y));
    edges
}

/// Draws specks that move slower than the floor, the deeper the slower.
pub(super) fn draw_dust(
    eye: Res<Eye>,
    window: Single<&Window, With<PrimaryWindow>>,
    layers: Res<Layers>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut ink: Local<Ink>,
) {
    let extent = eye.extent(&window) + Vec2::splat(2.0);
    let mut rng = Rng::new(DUST_SEED);
    let light = palette::light(palette::EDGE);
    for _ in 0..DUST_SPECKS {
        let (x, y, depth) = (rng.unit_f32(), rng.unit_f32(), rng.unit_f32());
        let moves = 0.25 + 0.6 * depth;
        // Each speck lives on a torus as large as the screen, so there is always the same number of them.
        let on_torus = (Vec2::new(x, y) * extent - eye.centre * moves).rem_euclid(extent);
        let at = eye.centre + on_torus - extent * 0.5;
        let pen = Pen::plain(light, 0.025 + 0.035 * depth).faded(0.10 + 0.22 * depth);
        ink.disc(at, pen);
    }
    show(&mut meshes, &layers.dust, &mut ink);
}

/// Draws the pickups that lie there: a cross in a slowly turning bracket.
pub(super) fn draw_pickups(ink: &mut Ink, picture: &Picture, seconds: f32) {
    let (Some(map), Some(scene)) = (&picture.map, &picture.scene) else { return };
    let light = palette::light(palette::PICKUP);
    for (index, place) in map.pickups.iter().enumerate() {
        let at = Vec2::from(place.tiles());
        if scene.pickups >> index & 1 == 0 {
            ink.arc(at, PICKUP_RADIUS, 0.0, TAU, Pen::plain(light, 0.03).faded(0.12));
            continue;
        }
        let pulse = 0.85 + 0.15 * (seconds * 2.5 + index as f32).sin();
        let pen = Pen::neon(light * pulse, 0.06).glowing(0.16, 0.16);
        for arm in [Vec2::X, Vec2::Y] {
            ink.line(&[at - arm * 0.19, at + arm * 0.19], false, Pen { half: 0.045, ..pen }.hot(0.35));
        }
        for quarter in 0..4 {
            let from = seconds * 0.6 + quarter as f32 * TAU / 4.0;
            ink.arc(at, PICKUP_RADIUS, from, TAU / 4.0 - 0.5, Pen { half: 0.022, ..pen });
        }
    }
}

/// Every fourth grid line is a little stronger: distances can be counted.
const GRID_GROUP: i32 = 4;
/// About a pixel.
const GRID_LINE: f32 = 0.024;
/// The edge of walls at 60 % of what the eye sees, which is less of the light.
const EDGE_STRENGTH: f32 = 0.4;
/// About a pixel and a half.
const WALL_LINE: f32 = 0.04;
/// Farther than any camera sees beyond the map.
const FAR_TILES: f32 = 64.0;
/// Enough to see motion by, too few to be looked at.
const DUST_SPECKS: u32 = 110;
/// The same dust for everybody; any number would do.
const DUST_SEED: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_have_one_line_per_straight_side() {
        let text =
            "crosswire-map 1\nname Test\nsize 7 7\n#######\n#SS.SS#\n#.....#\n#..#..#\n#.....#\n#.....#\n#######\n";
        let map = Map::parse("test", text).expect("a proper map");
        let edges = edges(&map);
        // Four around the floor, four around the pillar.
        assert_eq!(edges.len(), 8, "{edges:?}");
        assert!(edges.contains(&[Vec2::new(1.0, 1.0), Vec2::new(6.0, 1.0)]), "{edges:?}");
        assert!(edges.contains(&[Vec2::new(3.0, 3.0), Vec2::new(3.0, 4.0)]), "{edges:?}");
    }
}
