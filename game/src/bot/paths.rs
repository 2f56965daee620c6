//! Finding the way: breadth-first over tiles, then straight lines wherever a ship fits.
//!
//! Maps are small and edges cost the same, so breadth-first search is exact and needs nothing but two arrays, which are kept from
//! search to search. What comes out is a list of tiles; whoever follows it skips every tile that it can fly past.
//!
//! Flow: goals of [`super::Bot`], or of the bench's pilots → here → [`crate::Map::is_wall`].

use crate::{
    Map, Ship,
    collide::{self, Vec2, add, floor, length, scale, sub},
};

/// A way across the map, and the memory to find the next one.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Tiles to pass, the next one last.
    way: Vec<Tile>,
    /// For each tile: 0 if not reached, else 1 plus the index of the step that led there.
    reached: Vec<u8>,
    queue: Vec<Tile>,
}

type Tile = (i32, i32);

impl Paths {
    /// Forgets the way.
    pub fn clear(&mut self) {
        self.way.clear();
    }

    /// Finds the shortest way to the nearest of `goals`. Returns false, without a way, if there is none.
    pub fn find(&mut self, map: &Map, from: Vec2, goals: &[Vec2]) -> bool {
        self.way.clear();
        self.queue.clear();
        self.reached.clear();
        self.reached.resize((map.width.max(0) * map.height.max(0)) as usize, 0);
        let start = tile_of(from);
        if map.is_wall(start.0, start.1) {
            return false;
        }
        self.reached[index(map, start)] = START;
        self.queue.push(start);
        let mut head = 0;
        while let Some(&tile) = self.queue.get(head) {
            head += 1;
            if goals.iter().any(|&goal| tile_of(goal) == tile) {
                self.trace_back(map, tile);
                return true;
            }
            for (step, &(dx, dy)) in (1..).zip(&STEPS) {
                let next = (tile.0 + dx, tile.1 + dy);
                // A diagonal needs both of its neighbours, or the ship would cut through a corner.
                let closed = map.is_wall(next.0, next.1)
                    || map.is_wall(tile.0, next.1)
                    || map.is_wall(next.0, tile.1)
                    || self.reached[index(map, next)] != 0;
                if !closed {
                    self.reached[index(map, next)] = step;
                    self.queue.push(next);
                }
            }
        }
        false
    }

    /// Returns the place to fly to next, dropping tiles that are reached or can be flown past. None at the end of the way.
    pub fn next(&mut self, map: &Map, pos: Vec2) -> Option<Vec2> {
        for _ in 0..SKIPS {
            let &next = self.way.last()?;
            let near = length(sub(centre(next), pos)) < REACHED_TILES;
            let after = self.way.len().checked_sub(2).and_then(|i| self.way.get(i));
            if near || after.is_some_and(|&after| fits(map, pos, centre(after))) {
                self.way.pop();
            } else {
                break;
            }
        }
        self.way.last().copied().map(centre)
    }

    fn trace_back(&mut self, map: &Map, goal: Tile) {
        let mut tile = goal;
        while let Some(&(dx, dy)) = STEPS.get(usize::from(self.reached[index(map, tile)]).wrapping_sub(1)) {
            self.way.push(tile);
            tile = (tile.0 - dx, tile.1 - dy);
        }
    }
}

/// Returns whether a ship can fly straight from one place to the other.
fn fits(map: &Map, from: Vec2, to: Vec2) -> bool {
    let along = sub(to, from);
    let distance = length(along);
    if distance == 0.0 {
        return true;
    }
    let unit = scale(along, 1.0 / distance);
    let side = scale([-unit[1], unit[0]], Ship::RADIUS + MARGIN_TILES);
    [side, scale(side, -1.0)].iter().all(|&side| collide::ray(map, add(from, side), unit, distance) >= distance)
}

fn tile_of(pos: Vec2) -> Tile {
    (floor(pos[0]), floor(pos[1]))
}

fn centre((tx, ty): Tile) -> Vec2 {
    [tx as f32 + 0.5, ty as f32 + 0.5]
}

/// Returns the place of a tile of the map in an array with one entry per tile.
fn index(map: &Map, (tx, ty): Tile) -> usize {
    (ty * map.width + tx) as usize
}

/// Steps to the neighbours; straight ones first, so that among ways of the same length the straighter is found.
const STEPS: [Tile; 8] = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)];
/// Marks the tile where a search began: no step leads there.
const START: u8 = u8::MAX;
/// Tiles that may be skipped at one look: the rest is skipped at the next.
const SKIPS: u32 = 3;
/// Distance in tiles at which a tile of the way counts as passed.
const REACHED_TILES: f32 = 0.6;
/// Air in tiles kept on both sides when a line is checked.
const MARGIN_TILES: f32 = 0.02;
