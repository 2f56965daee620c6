//! Circles, lines and tiles: who touches what, and where a mover ends.
//!
//! Everything solid in the game is a tile of the map or a circle, so three questions are enough: where does a circle come to
//! rest that moves among tiles, where does a line meet a circle, and where does a ray meet a wall. All lengths are in tiles.
//!
//! Flow: [`crate::ship`], [`crate::bolt`], [`crate::rail`] → here → [`crate::Map::is_wall`].

use crate::Map;

/// A vector or place in tiles.
pub type Vec2 = [f32; 2];

/// Returns where a circle at `pos` with `vel` tiles per tick is after one tick and how fast it then goes.
///
/// * It slides along walls and bounces off them a little.
/// * It never passes through a wall, however fast.
/// * A circle that starts clear of all walls ends clear of them, also after its place was rounded to a [`crate::Point`].
pub fn slide(map: &Map, pos: Vec2, vel: Vec2, radius: f32) -> (Vec2, Vec2) {
    let (mut pos, mut vel) = (pos, vel);
    let pieces = libm::ceilf(length(vel) / PIECE_TILES).clamp(1.0, MAX_PIECES);
    for _ in 0..pieces as u32 {
        let before = pos;
        pos = add(pos, scale(vel, 1.0 / pieces));
        for _ in 0..MAX_CONTACTS {
            let Some((normal, depth)) = deepest(map, pos, radius + SKIN_TILES) else { break };
            pos = add(pos, scale(normal, depth));
            let into = dot(vel, normal);
            if into < 0.0 {
                vel = add(vel, scale(normal, -into * (1.0 + BOUNCE)));
            }
        }
        if !clear(map, pos, radius) {
            pos = before;
        }
    }
    (pos, vel)
}

/// Returns whether a circle at `pos` overlaps no wall.
pub fn clear(map: &Map, pos: Vec2, radius: f32) -> bool {
    deepest(map, pos, radius).is_none()
}

/// Returns how far along `from`..`to`, `0.0..=1.0`, the segment first touches the circle; 0 if it starts inside.
pub fn segment_circle(from: Vec2, to: Vec2, centre: Vec2, radius: f32) -> Option<f32> {
    let (along, back) = (sub(to, from), sub(from, centre));
    let c = dot(back, back) - radius * radius;
    if c <= 0.0 {
        return Some(0.0);
    }
    let (a, b) = (dot(along, along), dot(back, along));
    let root = b * b - a * c;
    if b >= 0.0 || root < 0.0 {
        return None;
    }
    // `b < 0` implies `a > 0`, so the division is sound.
    let t = (-b - libm::sqrtf(root)) / a;
    (t <= 1.0).then_some(t)
}

/// Returns how many tiles a ray from `from` in the direction of the unit vector `unit` goes before it meets a wall, at most
/// `max`; 0 if it starts inside one.
pub fn ray(map: &Map, from: Vec2, unit: Vec2, max: f32) -> f32 {
    let mut tile = [floor(from[0]), floor(from[1])];
    if map.is_wall(tile[0], tile[1]) {
        return 0.0;
    }
    // For each axis: which way it goes, how far to the next border between tiles, how far between two of them.
    let mut step = [0_i32; 2];
    let mut next = [f32::INFINITY; 2];
    let mut gap = [f32::INFINITY; 2];
    for axis in 0..2 {
        if unit[axis] == 0.0 {
            continue;
        }
        step[axis] = if unit[axis] > 0.0 { 1 } else { -1 };
        let border = tile[axis] as f32 + if unit[axis] > 0.0 { 1.0 } else { 0.0 };
        next[axis] = (border - from[axis]) / unit[axis];
        gap[axis] = 1.0 / unit[axis].abs();
    }
    loop {
        let axis = usize::from(next[1] < next[0]);
        let travelled = next[axis];
        // Also ends the walk of a ray without direction, whose borders are infinitely far away.
        if travelled >= max {
            return max;
        }
        tile[axis] += step[axis];
        next[axis] += gap[axis];
        if map.is_wall(tile[0], tile[1]) {
            return travelled.max(0.0);
        }
    }
}

/// Returns whether no wall lies between two places.
pub fn sees(map: &Map, from: Vec2, to: Vec2) -> bool {
    let along = sub(to, from);
    let distance = length(along);
    distance == 0.0 || ray(map, from, scale(along, 1.0 / distance), distance) >= distance
}

/// Returns the sum.
pub fn add(a: Vec2, b: Vec2) -> Vec2 {
    [a[0] + b[0], a[1] + b[1]]
}

/// Returns `a` without `b`.
pub fn sub(a: Vec2, b: Vec2) -> Vec2 {
    [a[0] - b[0], a[1] - b[1]]
}

/// Returns `v` made `by` times as long.
pub fn scale(v: Vec2, by: f32) -> Vec2 {
    [v[0] * by, v[1] * by]
}

/// Returns the scalar product.
pub fn dot(a: Vec2, b: Vec2) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

/// Returns the length.
pub fn length(v: Vec2) -> f32 {
    libm::sqrtf(dot(v, v))
}

/// Returns the tile in which a coordinate lies; anything beyond the largest map counts as just outside of it.
pub fn floor(v: f32) -> i32 {
    libm::floorf(v.clamp(-1.0, crate::space::MAX_MAP_TILES as f32)) as i32
}

/// Returns the direction away from and the depth inside of the wall tile that the circle overlaps most.
fn deepest(map: &Map, pos: Vec2, radius: f32) -> Option<(Vec2, f32)> {
    let mut worst = None;
    let mut nearest = radius - TOUCH_TILES;
    for ty in floor(pos[1] - radius)..=floor(pos[1] + radius) {
        for tx in floor(pos[0] - radius)..=floor(pos[0] + radius) {
            if !map.is_wall(tx, ty) {
                continue;
            }
            let on_tile = [pos[0].clamp(tx as f32, tx as f32 + 1.0), pos[1].clamp(ty as f32, ty as f32 + 1.0)];
            let away = sub(pos, on_tile);
            let distance = length(away);
            if distance < nearest {
                nearest = distance;
                // A centre inside a wall has no way out that is better than the others; the caller steps back instead.
                let normal = if distance > 0.0 { scale(away, 1.0 / distance) } else { [0.0, 0.0] };
                worst = Some((normal, radius - distance));
            }
        }
    }
    worst
}

/// Longest piece of a move that is made at once: less than half the smallest radius, so that no wall is jumped.
const PIECE_TILES: f32 = 0.2;
/// Most pieces of one move: what the fastest velocity that fits 16 bits (4 tiles on each axis) needs, rounded up.
const MAX_PIECES: f32 = 32.0;
/// Most walls resolved per piece: a circle can touch two at once, the rest settles rounding.
const MAX_CONTACTS: u32 = 4;
/// Air left between circle and wall: two position steps, more than rounding can eat.
const SKIN_TILES: f32 = 2.0 / crate::space::STEPS_PER_TILE as f32;
/// Overlap that still counts as touching only: a fraction of a position step, well above the error of `f32` at 128 tiles.
const TOUCH_TILES: f32 = 0.000_1;
/// Share of the speed into a wall that comes back out of it: enough to be felt, too little to pinball.
const BOUNCE: f32 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Map {
        Map::parse(
            "room",
            "crosswire-map 1\nname Room\nsize 8 6\n########\n#S....S#\n#..##..#\n#......#\n#S....S#\n########\n",
        )
        .unwrap()
    }

    #[test]
    fn a_segment_meets_the_near_side_of_a_circle() {
        assert_eq!(segment_circle([0.0, 0.0], [4.0, 0.0], [2.0, 0.0], 1.0), Some(0.25));
        assert_eq!(segment_circle([2.0, 0.5], [9.0, 0.0], [2.0, 0.0], 1.0), Some(0.0));
        assert_eq!(segment_circle([0.0, 0.0], [4.0, 0.0], [2.0, 1.5], 1.0), None);
        assert_eq!(segment_circle([4.0, 0.0], [8.0, 0.0], [2.0, 0.0], 1.0), None);
        assert_eq!(segment_circle([0.0, 0.0], [0.5, 0.0], [2.0, 0.0], 1.0), None);
        assert_eq!(segment_circle([0.0, 0.0], [0.0, 0.0], [2.0, 0.0], 1.0), None);
    }

    #[test]
    fn a_ray_stops_at_the_first_wall() {
        let map = room();
        assert_eq!(ray(&map, [1.5, 1.5], [1.0, 0.0], 100.0), 5.5);
        assert_eq!(ray(&map, [1.5, 1.5], [1.0, 0.0], 2.0), 2.0);
        assert_eq!(ray(&map, [3.5, 1.5], [0.0, 1.0], 100.0), 1.5);
        assert_eq!(ray(&map, [0.5, 0.5], [1.0, 0.0], 100.0), 0.0);
        assert_eq!(ray(&map, [1.5, 1.5], [0.0, 0.0], 9.0), 9.0);
        assert!(sees(&map, [1.5, 1.5], [6.5, 1.5]));
        assert!(!sees(&map, [1.5, 3.5], [6.5, 3.5]));
    }

    #[test]
    fn the_fastest_mover_stays_in_the_room() {
        let map = room();
        let (pos, vel) = slide(&map, [1.5, 1.5], [4.0, 4.0], 0.45);
        assert!(clear(&map, pos, 0.45), "{pos:?}");
        assert!(length(vel) < length([4.0, 4.0]));
    }

    #[test]
    fn a_slanted_move_slides_along_the_wall() {
        let map = room();
        let (pos, vel) = slide(&map, [2.0, 1.5], [0.2, -0.2], 0.45);
        assert!(pos[0] > 2.19 && vel[0] == 0.2 && vel[1] > 0.0, "{pos:?} {vel:?}");
    }
}
