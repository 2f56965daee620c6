//! Maps: what is shipped is sound, what is wrong is named by line, and nothing makes the reader panic.

mod common;

use common::{SHIPPED, shipped};
use game::{Map, Point, Ship, collide, map::MAX_PICKUPS, space::STEPS_PER_TILE};
use proptest::prelude::*;

const SMALL: &str = "crosswire-map 1\n// a comment\n\nname Small one\nsize 8 6\n\n########\n#S.+..S#\n#..##..#\n#......#\n#S....S#\n########\n";

fn parse(text: &str) -> Result<Map, String> {
    Map::parse("maps/x.map", text).map_err(|error| error.to_string())
}

/// Returns the complaint about `SMALL` with `from` replaced by `to`.
fn complaint(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from));
    parse(&SMALL.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn a_map_is_read_bottom_row_at_zero() {
    let map = parse(SMALL).unwrap();
    assert_eq!((map.name.as_str(), map.width, map.height), ("Small one", 8, 6));
    let centre = |tx, ty| Point { x: tx * STEPS_PER_TILE + 256, y: ty * STEPS_PER_TILE + 256 };
    assert_eq!(map.spawns, [centre(1, 4), centre(6, 4), centre(1, 1), centre(6, 1)]);
    assert_eq!(map.pickups, [centre(3, 4)]);
    assert!(map.is_wall(3, 3) && map.is_wall(4, 3) && !map.is_wall(3, 2) && !map.is_wall(2, 3));
    assert!(map.is_wall(-1, 2) && map.is_wall(8, 2) && map.is_wall(2, 6) && map.is_wall(i32::MIN, i32::MAX));
    assert_eq!(map.open().len(), 6 * 4 - 2);
}

#[test]
fn line_ends_do_not_change_a_map() {
    let windows = parse(&SMALL.replace('\n', "\r\n")).unwrap();
    assert_eq!(windows, parse(SMALL).unwrap());
    assert_ne!(windows.hash, parse(&SMALL.replace("one", "two")).unwrap().hash);
    assert!(parse(SMALL.trim_end()).is_ok());
}

#[test]
fn every_mistake_is_named_by_file_line_and_reason() {
    let cases = [
        ("map 1", "map 2", "maps/x.map:1: map format \"2\" is not supported, only 1 is"),
        ("crosswire-map 1", "hello", "maps/x.map:1: not a map: the first line must be `crosswire-map 1`"),
        ("name Small one", "nome X", "maps/x.map:4: expected the line `name …`"),
        ("Small one", "\u{7}", "maps/x.map:4: a name has 1 to 32 printable characters"),
        ("size 8 6", "size 8", "maps/x.map:5: expected the line `size W H`, both in tiles"),
        ("size 8 6", "size 8 6 1", "maps/x.map:5: expected the line `size W H`, both in tiles"),
        ("size 8 6", "size 129 6", "maps/x.map:5: size 129 × 6 is out of range, 1 to 128 tiles are possible"),
        ("size 8 6", "size 8 0", "maps/x.map:5: size 8 × 0 is out of range, 1 to 128 tiles are possible"),
        ("size 8 6", "size 8 5", "maps/x.map:12: expected the end of the file after 5 rows"),
        ("size 8 6", "size 8 7", "maps/x.map:13: the file ends after 6 rows, expected 7"),
        ("#......#", "#.....#", "maps/x.map:10: row is 7 tiles wide, expected 8"),
        ("#......#", "", "maps/x.map:10: row is 0 tiles wide, expected 8"),
        ("#......#", "#...x..#", "maps/x.map:10: unknown tile 'x' in column 5"),
        ("#......#", "#......S", "maps/x.map:10: the border must be wall (`#`), column 8 is not"),
        ("########\n#S", "###.####\n#S", "maps/x.map:7: the border must be wall (`#`), column 4 is not"),
        ("#S....S#", "#S.....#", "maps/x.map:7: 3 spawns (`S`), at least 4 are needed"),
        (
            "#......#\n#S.",
            "###....#\n#S#",
            "maps/x.map:11: the spawn in column 2 cannot be reached from the first spawn",
        ),
        (
            "#S.+..S#\n#..##",
            "#S#+#.S#\n#..##",
            "maps/x.map:8: the pickup in column 4 cannot be reached from the first spawn",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(complaint(from, to), expected);
    }
    assert_eq!(parse("").unwrap_err(), "maps/x.map:1: the file ends, expected the line `crosswire-map 1`");
    assert_eq!(parse("crosswire-map 1\n").unwrap_err(), "maps/x.map:2: the file ends, expected the line `name …`");
}

#[test]
fn too_many_pickups_or_spawns_are_refused() {
    let with = |tile: &str, count: usize| {
        let mut row = tile.repeat(count);
        row.extend(std::iter::repeat_n('.', 120 - count));
        let wall = "#".repeat(122);
        parse(&format!("crosswire-map 1\nname Wide\nsize 122 4\n{wall}\n#{row}#\n#SSSS{}#\n{wall}\n", ".".repeat(116)))
    };
    assert_eq!(with("+", MAX_PICKUPS).unwrap().pickups.len(), MAX_PICKUPS);
    assert_eq!(with("+", MAX_PICKUPS + 1).unwrap_err(), "maps/x.map:5: more than 64 pickups (`+`)");
    assert_eq!(with("S", 60).unwrap().spawns.len(), 64);
    assert_eq!(with("S", 61).unwrap_err(), "maps/x.map:6: more than 64 spawns (`S`)");
}

#[test]
fn wall_rectangles_cover_every_wall_tile_once() {
    for map in [shipped(0), shipped(1)] {
        let mut covered = vec![0; (map.width * map.height) as usize];
        for wall in map.walls() {
            assert!(wall.w > 0 && wall.h > 0);
            for (x, y) in (wall.y..wall.y + wall.h).flat_map(|y| (wall.x..wall.x + wall.w).map(move |x| (x, y))) {
                covered[(y * map.width + x) as usize] += 1;
            }
        }
        for (index, count) in (0..).zip(covered) {
            assert_eq!(count, i32::from(map.is_wall(index % map.width, index / map.width)));
        }
        assert!(map.walls().len() < 64, "{} has {} rectangles", map.name, map.walls().len());
    }
}

#[test]
fn shipped_maps_have_what_players_need() {
    for (index, (file, _)) in SHIPPED.iter().enumerate() {
        let map = shipped(index);
        assert!(map.spawns.len() >= [8, 12][index] && map.pickups.len() >= 4, "{file}");
        let floor =
            (0..map.height).flat_map(|y| (0..map.width).map(move |x| (x, y))).filter(|&(x, y)| !map.is_wall(x, y));
        assert_eq!(map.open().len(), floor.count(), "{file}: all floor can be reached");
        for place in map.spawns.iter().chain(&map.pickups) {
            assert!(collide::clear(&map, place.tiles(), Ship::RADIUS), "{file}: {place:?} is too close to a wall");
        }
    }
}

#[test]
fn corridors_of_shipped_maps_are_three_tiles_wide() {
    for map in [shipped(0), shipped(1)] {
        let open = |x: i32, y: i32| (0..9).all(|i| !map.is_wall(x + i % 3, y + i / 3));
        for tile in map.open() {
            let (x, y) = (tile.x / STEPS_PER_TILE, tile.y / STEPS_PER_TILE);
            assert!((0..9).any(|i| open(x - i % 3, y - i / 3)), "{}: the way at {x}, {y} is narrow", map.name);
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text: String, cut in 0..200_usize) {
        let _ = Map::parse("any", &text);
        let _ = Map::parse("any", &format!("crosswire-map 1\nname X\nsize 4 4\n{text}"));
        let _ = Map::parse("any", &SMALL.chars().take(cut).chain(text.chars()).collect::<String>());
    }

    #[test]
    fn no_drawing_makes_the_reader_panic_and_an_error_lies_in_the_file(
        (width, height) in (0..12_i32, 0..12_i32),
        rows in prop::collection::vec("[#.S+]{0,12}", 0..14),
    ) {
        let text = format!("crosswire-map 1\nname X\nsize {width} {height}\n{}", rows.join("\n"));
        match Map::parse("any", &text) {
            Ok(map) => prop_assert_eq!((map.width, map.height), (width, height)),
            Err(error) => prop_assert!((1..=text.lines().count() + 1).contains(&error.line), "{}", error),
        }
    }

    #[test]
    fn a_wrong_character_is_found_in_its_line_and_column(index in 0..48_usize, wrong in "[^#.S+\\s]") {
        let row = index / 8;
        let mut lines: Vec<String> = SMALL.lines().map(str::to_owned).collect();
        let line = lines[6 + row].clone();
        lines[6 + row] = line.chars().take(index % 8).chain(wrong.chars()).chain(line.chars().skip(index % 8 + 1)).collect();
        let error = Map::parse("any", &lines.join("\n")).unwrap_err();
        prop_assert_eq!(error.line, 7 + row);
        prop_assert!(error.reason.ends_with(&format!("column {}", index % 8 + 1)), "{}", error);
    }
}
