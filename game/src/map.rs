//! A map: walls, spawns and pickups, read from a text file that anybody can edit.
//!
//! Maps are data, drawn in characters, so that a player can make one and a mistake is answered with a file, a line and a reason.
//! They also arrive from the network, so nothing in here trusts them: no input makes the parser panic.
//!
//! ```text
//! crosswire-map 1        version of the format
//! name Crossfire         1..=32 characters
//! size 40 24             tiles across and up, 128 at most
//! ####...                one row of characters per row of tiles, top row first
//! ```
//!
//! `#` wall, `.` floor, `S` spawn, `+` health pickup. Empty lines and lines starting with `//` are skipped before the first row.
//!
//! Flow: `assets/maps/*.map` → here → [`crate::arena`], [`crate::collide`], [`crate::bot`] and the client's picture.

use crate::{
    MAX_SEATS, Point, checksum,
    space::{MAX_MAP_TILES, STEPS_PER_TILE},
};
use std::{error::Error, fmt};

/// Most health pickups on a map: a [`crate::View`] has one bit for each.
pub const MAX_PICKUPS: usize = 64;
/// Fewest spawns on a map: with less, whoever respawns is expected there.
pub const MIN_SPAWNS: usize = 4;
/// Most spawns on a map: one for every seat; more would only make choosing one slower.
pub const MAX_SPAWNS: usize = MAX_SEATS;
/// Most characters in the name of a map: what fits a menu row.
pub const MAX_NAME_CHARS: usize = 32;

/// A map. It never changes after it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Name shown to players.
    pub name: String,
    /// Tiles from left to right.
    pub width: i32,
    /// Tiles from bottom to top.
    pub height: i32,
    /// Centres of the spawn tiles, from the top row down. Each can reach all others.
    pub spawns: Vec<Point>,
    /// Centres of the pickup tiles, from the top row down. Every spawn can reach them.
    pub pickups: Vec<Point>,
    /// FNV-1a of the text with CRLF read as LF: two files with the same hash are the same map.
    pub hash: u64,
    walls: Vec<Rect>,
    /// One entry per tile, bottom row first.
    solid: Vec<bool>,
    open: Vec<Point>,
}

/// A block of wall tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Leftmost tile.
    pub x: i32,
    /// Lowest tile.
    pub y: i32,
    /// Tiles across, 1 or more.
    pub w: i32,
    /// Tiles up, 1 or more.
    pub h: i32,
}

/// What is wrong with the text of a map, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    /// The file, as it was named to [`Map::parse`].
    pub file: String,
    /// Line of the file, counted from 1.
    pub line: usize,
    /// What is wrong, in words.
    pub reason: String,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

impl Error for MapError {}

impl Map {
    /// Reads a map. `file` is only used to name it in an error.
    ///
    /// # Errors
    ///
    /// Returns the first line that is wrong. Besides what the format asks for, the border must be wall, and every spawn and
    /// pickup must be reachable from every spawn.
    pub fn parse(file: &str, text: &str) -> Result<Self, MapError> {
        parse(text).map_err(|(line, reason)| MapError { file: file.to_owned(), line, reason })
    }

    /// Returns whether the tile is wall. Everything outside of the map is.
    pub fn is_wall(&self, tx: i32, ty: i32) -> bool {
        if tx < 0 || ty < 0 || tx >= self.width || ty >= self.height {
            return true;
        }
        self.solid.get((ty * self.width + tx) as usize).copied().unwrap_or(true)
    }

    /// Returns the walls as few large blocks, for drawing. Each wall tile is in exactly one.
    pub fn walls(&self) -> &[Rect] {
        &self.walls
    }

    /// Returns the centre of every tile that a ship can get to.
    pub fn open(&self) -> &[Point] {
        &self.open
    }
}

/// A line number, counted from 1, and what is wrong there.
type Fault = (usize, String);

fn parse(text: &str) -> Result<Map, Fault> {
    let mut lines = Lines { rest: text.lines().enumerate(), last: 0 };
    let (line, first) = lines.content("the line `crosswire-map 1`")?;
    match first.strip_prefix("crosswire-map ").map(str::trim) {
        Some("1") => {}
        Some(other) => return Err((line, format!("map format {other:?} is not supported, only 1 is"))),
        None => return Err((line, "not a map: the first line must be `crosswire-map 1`".to_owned())),
    }
    let name = parse_name(lines.content("the line `name …`")?)?;
    let (width, height) = parse_size(lines.content("the line `size W H`")?)?;

    let mut map = Map {
        name,
        width,
        height,
        spawns: Vec::new(),
        pickups: Vec::new(),
        hash: checksum::fnv1a(text.replace("\r\n", "\n").as_bytes()),
        walls: Vec::new(),
        solid: vec![true; (width * height) as usize],
        open: Vec::new(),
    };
    let first_row = parse_grid(&mut map, &mut lines)?;
    check_border(&map, first_row)?;
    if map.spawns.len() < MIN_SPAWNS {
        let found = map.spawns.len();
        return Err((first_row, format!("{found} spawns (`S`), at least {MIN_SPAWNS} are needed")));
    }
    check_reach(&mut map, first_row)?;
    map.walls = merge_walls(&map);
    Ok(map)
}

/// The lines of a file with their numbers.
struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::Lines<'a>>,
    /// Number of the line taken last.
    last: usize,
}

impl<'a> Lines<'a> {
    fn take(&mut self) -> Option<(usize, &'a str)> {
        let (index, line) = self.rest.next()?;
        self.last = index + 1;
        Some((self.last, line.trim_end()))
    }

    /// Takes the next line that is neither empty nor a comment.
    fn content(&mut self, wanted: &str) -> Result<(usize, &'a str), Fault> {
        loop {
            let Some((line, text)) = self.take() else {
                return Err((self.last + 1, format!("the file ends, expected {wanted}")));
            };
            if !text.is_empty() && !text.starts_with("//") {
                return Ok((line, text));
            }
        }
    }
}

fn parse_name((line, text): (usize, &str)) -> Result<String, Fault> {
    let Some(name) = text.strip_prefix("name ").map(str::trim) else {
        return Err((line, "expected the line `name …`".to_owned()));
    };
    let count = name.chars().count();
    if count == 0 || count > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err((line, format!("a name has 1 to {MAX_NAME_CHARS} printable characters")));
    }
    Ok(name.to_owned())
}

fn parse_size((line, text): (usize, &str)) -> Result<(i32, i32), Fault> {
    let mut words = text.split_whitespace();
    let (key, width, height, rest) = (words.next(), words.next(), words.next(), words.next());
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<i32>().ok());
    let (Some("size"), Some(width), Some(height), None) = (key, number(width), number(height), rest) else {
        return Err((line, "expected the line `size W H`, both in tiles".to_owned()));
    };
    let allowed = 1..=MAX_MAP_TILES;
    if !allowed.contains(&width) || !allowed.contains(&height) {
        return Err((
            line,
            format!("size {width} × {height} is out of range, 1 to {MAX_MAP_TILES} tiles are possible"),
        ));
    }
    Ok((width, height))
}

/// Fills the tiles, spawns and pickups of `map` and returns the line of its first row.
fn parse_grid(map: &mut Map, lines: &mut Lines<'_>) -> Result<usize, Fault> {
    let (first_row, mut text) = lines.content("the first row of tiles")?;
    for row in 0..map.height {
        if row > 0 {
            let Some((_, next)) = lines.take() else {
                return Err((lines.last + 1, format!("the file ends after {row} rows, expected {}", map.height)));
            };
            text = next;
        }
        parse_row(map, map.height - 1 - row, text).map_err(|reason| (lines.last, reason))?;
    }
    while let Some((line, text)) = lines.take() {
        if !text.is_empty() {
            return Err((line, format!("expected the end of the file after {} rows", map.height)));
        }
    }
    Ok(first_row)
}

fn parse_row(map: &mut Map, ty: i32, text: &str) -> Result<(), String> {
    let count = text.chars().count();
    // Compare before walking: a row can be megabytes long, and unknown characters are the less helpful complaint.
    if count != map.width as usize {
        return Err(format!("row is {count} tiles wide, expected {}", map.width));
    }
    for (tx, tile) in (0..map.width).zip(text.chars()) {
        match tile {
            '#' => continue,
            '.' => {}
            'S' => map.spawns.push(centre(tx, ty)),
            '+' => map.pickups.push(centre(tx, ty)),
            other => return Err(format!("unknown tile {other:?} in column {}", tx + 1)),
        }
        map.solid[(ty * map.width + tx) as usize] = false;
    }
    if map.pickups.len() > MAX_PICKUPS {
        return Err(format!("more than {MAX_PICKUPS} pickups (`+`)"));
    }
    if map.spawns.len() > MAX_SPAWNS {
        return Err(format!("more than {MAX_SPAWNS} spawns (`S`)"));
    }
    Ok(())
}

fn check_border(map: &Map, first_row: usize) -> Result<(), Fault> {
    for row in 0..map.height {
        let ty = map.height - 1 - row;
        let edge = ty == 0 || row == 0;
        let hole = (0..map.width).find(|&tx| (edge || tx == 0 || tx == map.width - 1) && !map.is_wall(tx, ty));
        if let Some(tx) = hole {
            return Err((first_row + row as usize, format!("the border must be wall (`#`), column {} is not", tx + 1)));
        }
    }
    Ok(())
}

/// Finds all tiles that a ship can get to, and complains about a spawn or pickup that is not one of them.
fn check_reach(map: &mut Map, first_row: usize) -> Result<(), Fault> {
    let Some(&start) = map.spawns.first() else { return Ok(()) };
    let mut reached = vec![false; map.solid.len()];
    let mut todo = vec![tile_of(start)];
    while let Some((tx, ty)) = todo.pop() {
        if map.is_wall(tx, ty) || std::mem::replace(&mut reached[(ty * map.width + tx) as usize], true) {
            continue;
        }
        todo.extend([(tx + 1, ty), (tx - 1, ty), (tx, ty + 1), (tx, ty - 1)]);
    }
    for (places, what) in [(&map.spawns, "spawn"), (&map.pickups, "pickup")] {
        for &place in places {
            let (tx, ty) = tile_of(place);
            if !reached[(ty * map.width + tx) as usize] {
                let line = first_row + (map.height - 1 - ty) as usize;
                return Err((line, format!("the {what} in column {} cannot be reached from the first spawn", tx + 1)));
            }
        }
    }
    let tiles = (0..map.height).flat_map(|ty| (0..map.width).map(move |tx| (tx, ty)));
    map.open = tiles.zip(&reached).filter(|(_, reached)| **reached).map(|((tx, ty), _)| centre(tx, ty)).collect();
    Ok(())
}

/// Covers the wall tiles with rectangles: each as wide as possible, then as high as possible.
fn merge_walls(map: &Map) -> Vec<Rect> {
    let mut taken = vec![false; map.solid.len()];
    let mut walls = Vec::new();
    for y in 0..map.height {
        for x in 0..map.width {
            let free = |tx: i32, ty: i32, taken: &[bool]| {
                tx < map.width && ty < map.height && map.is_wall(tx, ty) && !taken[(ty * map.width + tx) as usize]
            };
            let w = (x..).take_while(|&tx| free(tx, y, &taken)).count() as i32;
            if w == 0 {
                continue;
            }
            let h = (y..).take_while(|&ty| (x..x + w).all(|tx| free(tx, ty, &taken))).count() as i32;
            for ty in y..y + h {
                let start = (ty * map.width + x) as usize;
                taken[start..start + w as usize].fill(true);
            }
            walls.push(Rect { x, y, w, h });
        }
    }
    walls
}

fn centre(tx: i32, ty: i32) -> Point {
    Point { x: tx * STEPS_PER_TILE + STEPS_PER_TILE / 2, y: ty * STEPS_PER_TILE + STEPS_PER_TILE / 2 }
}

fn tile_of(point: Point) -> (i32, i32) {
    (point.x.div_euclid(STEPS_PER_TILE), point.y.div_euclid(STEPS_PER_TILE))
}
