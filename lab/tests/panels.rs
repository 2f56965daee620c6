//! Every panel of the client opens on its key, in a real match on a virtual display: the picture on the display is looked at for what the
//! panel must show, such as the colours of the wires in the graph.
//!
//! Needs `Xvfb` and `xdotool` (`make packages` installs them). One client and one server serve all panels, so that it takes half a minute.

mod common;

use common::server::Server;
use common::stage::{ACCENT, Picture, QUIC, Rgb, Stage, UDP, WEBSOCKET};
use std::ops::Range;

/// The panel left of the ship, and the one right of it.
const LEFT: Range<usize> = 17..455;
const RIGHT: Range<usize> = 825..1263;
/// How far down they reach.
const DOWN: Range<usize> = 161..670;

fn left(picture: &Picture, colour: Rgb) -> usize {
    picture.like(LEFT, DOWN, colour)
}

fn right(picture: &Picture, colour: Rgb) -> usize {
    picture.like(RIGHT, DOWN, colour)
}

/// Counts the pixels of a rectangle that are filled with this colour; grid, walls and smoothed letters come near it.
fn filled(picture: &Picture, x: Range<usize>, y: Range<usize>, colour: Rgb) -> usize {
    picture.count(x, y, |pixel| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 4))
}

#[test]
fn every_panel_opens_on_its_key_and_shows_what_it_is_for() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "3"]);
    let mut stage = Stage::open("Panels");
    stage.start(&server.url(), &["--quick", "--transport", "udp"]);
    stage.plays();

    stage.press("g");
    stage.press("n");
    stage.sees("the graph with a line and a number for every wire", |picture| {
        // Lines of wires that do alike cover each other; swatch and name of each do not.
        left(picture, UDP) > 400 && [QUIC, WEBSOCKET].into_iter().all(|wire| left(picture, wire) > 70)
    });
    stage.press("F5");
    stage.press("F2");
    stage.sees("the switch, on the line at the top", |picture| picture.wire(QUIC) > 150);
    stage.press("t");
    stage.sees("the parts of the way from key to effect, and how late others are drawn", |picture| {
        let parts = [UPLINK, DOWNLINK].into_iter().all(|part| filled(picture, LEFT, DOWN, part) > 200);
        parts && filled(picture, LEFT, DOWN, LATE) > 40
    });
    stage.press("t");
    stage.sees("the field again", |picture| filled(picture, LEFT, DOWN, DOWNLINK) < 100);

    stage.press("m");
    stage.sees("the map with the wire that drives and the shadows", |picture| {
        right(picture, QUIC) > 200 && right(picture, UDP) > 50 && right(picture, WEBSOCKET) > 50
    });
    stage.press("k");
    stage.sees("buttons and sliders for the weather", |picture| filled(picture, RIGHT, DOWN, BUTTON) > 5_000);
    stage.press("j");
    stage.sees("the switches of the netcode", |picture| right(picture, ACCENT) > 1_200);
    let on = right(&stage.picture(), ACCENT);
    stage.press("r");
    stage.sees("a switch that is off", |picture| right(picture, ACCENT) + 200 < on);
    stage.press("r");
    stage.press("h");
    stage.sees("all keys", |picture| (300..1_000).contains(&right(picture, ACCENT)));
    stage.press("h");
    stage.press("l");
    stage.sees("the tour's card", |picture| filled(picture, 350..930, 540..700, BUTTON) > 3_000);
    stage.press("l");

    stage.press("b");
    stage.sees("a blind test without a wire's name or colour", |picture| {
        let coloured = |colour| picture.like(17..297, 17..140, colour);
        coloured(UDP) + coloured(QUIC) + coloured(WEBSOCKET) < 20
    });
    stage.sees("the question", |picture| filled(picture, 350..930, 560..700, BUTTON) > 5_000);
    stage.press("Escape");
    stage.sees("the wire of before again", |picture| picture.wire(QUIC) > 150);
}

const UPLINK: Rgb = [0x8C, 0x9E, 0xFF];
const DOWNLINK: Rgb = [0x6B, 0x83, 0xF0];
const LATE: Rgb = [0xA9, 0xB4, 0xC8];
const BUTTON: Rgb = [0x18, 0x20, 0x30];
