//! The client on a virtual display: it joins a real server over each wire, flies by itself and saves a picture, which is then looked
//! at: the wire's name stands in its colour in the top left corner, walls and something bright are in the field.
//!
//! Needs `Xvfb` and a Vulkan driver (Mesa's software one will do); where there is no `Xvfb` at all the tests fail and say so.

mod common;

use common::server::Server;
use common::stage::{HEIGHT, HTTP, Picture, QUIC, Rgb, Stage, TCP, UDP, WEBSOCKET, WIDTH};
use std::path::Path;

/// Reads a picture that the client has saved.
fn read(file: &Path) -> Picture {
    let file = std::fs::File::open(file).expect("the picture exists");
    let mut decoder = png::Decoder::new(std::io::BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("it is a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("it fits memory")];
    let info = reader.next_frame(&mut bytes).expect("it is whole");
    assert_eq!((info.width as usize, info.height as usize), (WIDTH, HEIGHT), "the whole window");
    let channels = info.color_type.samples();
    Picture(bytes[..info.buffer_size()].chunks_exact(channels).map(|p| [p[0], p[1], p[2]]).collect())
}

fn play_over(wire: &str, colour: Rgb) {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "6"]);
    let stage = Stage::open("Screen");
    let file = std::env::temp_dir().join(format!("crosswire-{wire}-{}.png", std::process::id()));
    let mut client = stage.client(&server.url());
    let output = client.args(["--quick", "--transport", wire, "--screenshot"]).arg(&file).output();
    let output = output.expect("the client starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the client failed: {said}");

    let picture = read(&file);
    let letters = picture.wire(colour);
    assert!(letters > 150, "the name of the wire has {letters} pixels of its colour: see {}", file.display());
    let walls = picture.count(0..WIDTH, 0..HEIGHT, |[r, g, b]| b > 120 && b > r && b > g);
    assert!(walls > 1_000, "walls have {walls} pixels: see {}", file.display());
    let bright = picture.count(100..1180, 100..620, |pixel| pixel.iter().all(|channel| *channel > 150));
    assert!(bright > 20, "ships and shots have {bright} pixels: see {}", file.display());
    // What could not be removed is of no harm.
    let _ = std::fs::remove_file(file);
}

#[test]
fn the_client_plays_over_udp_and_shows_it() {
    play_over("udp", UDP);
}

#[test]
fn the_client_plays_over_quic_and_shows_it() {
    play_over("quic", QUIC);
}

#[test]
fn the_client_plays_over_websocket_and_shows_it() {
    play_over("websocket", WEBSOCKET);
}

#[test]
fn the_client_plays_over_tcp_and_shows_it() {
    play_over("tcp", TCP);
}

#[test]
fn the_client_plays_over_http_and_shows_it() {
    play_over("http", HTTP);
}
