//! The client on a virtual display: it joins a real server over each wire, flies by itself and saves a picture, which is then looked
//! at: the wire's name stands in its colour in the top left corner, walls and something bright are in the field.
//!
//! Needs `Xvfb` and a Vulkan driver (Mesa's software one will do); where there is no `Xvfb` at all the tests fail and say so.

mod common;

use common::server::{Server, program, workspace};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A virtual display that ends with its test.
struct Display {
    child: Child,
    name: String,
}

impl Display {
    /// Opens one under any free number, which the display server tells when it is ready.
    fn open() -> Self {
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"]);
        xvfb.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = xvfb.spawn().expect("Xvfb is installed (`make packages` does it)");
        let mut number = String::new();
        let told = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut number);
        assert!(told.is_ok_and(|bytes| bytes > 0), "Xvfb opens no display");
        Self { child, name: format!(":{}", number.trim()) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Asked politely it takes its lock file along; it may also have ended by itself.
        let _ = Command::new("sh").args(["-c", &format!("kill {}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

/// A picture as rows of red, green, blue.
struct Picture {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn read(file: &Path) -> Self {
        let mut decoder =
            png::Decoder::new(std::io::BufReader::new(std::fs::File::open(file).expect("the picture exists")));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().expect("it is a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("it fits memory")];
        let info = reader.next_frame(&mut bytes).expect("it is whole");
        let channels = info.color_type.samples();
        let pixels = bytes[..info.buffer_size()].chunks_exact(channels).map(|p| [p[0], p[1], p[2]]).collect();
        Self { width: info.width as usize, pixels }
    }

    /// Counts the pixels of a rectangle that `wanted` likes.
    fn count(&self, x: std::ops::Range<usize>, y: std::ops::Range<usize>, wanted: impl Fn([u8; 3]) -> bool) -> usize {
        let rows = self.pixels.chunks_exact(self.width).skip(y.start).take(y.len());
        rows.map(|row| row[x.clone()].iter().filter(|pixel| wanted(**pixel)).count()).sum()
    }
}

/// Returns whether a pixel has this colour, give or take what smoothing of letters does.
fn like(colour: [u8; 3]) -> impl Fn([u8; 3]) -> bool {
    move |pixel| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 24)
}

fn play_over(wire: &str, colour: [u8; 3]) {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "6"]);
    let display = Display::open();
    let file = std::env::temp_dir().join(format!("crosswire-{wire}-{}.png", std::process::id()));
    let mut client = Command::new(program("client"));
    client.current_dir(workspace()).env("DISPLAY", &display.name).env_remove("WAYLAND_DISPLAY");
    client.env("XDG_DATA_HOME", std::env::temp_dir().join(format!("crosswire-data-{}", std::process::id())));
    client.args([
        "--server",
        &server.url(),
        "--name",
        "Screen",
        "--quick",
        "--autopilot",
        "--transport",
        wire,
        "--screenshot",
    ]);
    let output = client.arg(&file).stdin(Stdio::null()).output().expect("the client starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the client failed: {said}");

    let picture = Picture::read(&file);
    assert_eq!(picture.width, 1280);
    let letters = picture.count(0..300, 0..60, like(colour));
    assert!(letters > 150, "the name of the wire has {letters} pixels of its colour: see {}", file.display());
    let walls = picture.count(0..1280, 0..720, |[r, g, b]| b > 120 && b > r && b > g);
    assert!(walls > 1_000, "walls have {walls} pixels: see {}", file.display());
    let bright = picture.count(100..1180, 100..620, |pixel| pixel.iter().all(|channel| *channel > 150));
    assert!(bright > 20, "ships and shots have {bright} pixels: see {}", file.display());
    // What could not be removed is of no harm.
    let _ = std::fs::remove_file(file);
}

#[test]
fn the_client_plays_over_udp_and_shows_it() {
    play_over("udp", [0x56, 0xB4, 0xE9]);
}

#[test]
fn the_client_plays_over_quic_and_shows_it() {
    play_over("quic", [0x2E, 0xD3, 0xA0]);
}

#[test]
fn the_client_plays_over_websocket_and_shows_it() {
    play_over("websocket", [0xE6, 0x9F, 0x00]);
}

#[test]
fn the_client_plays_over_tcp_and_shows_it() {
    play_over("tcp", [0xF0, 0xE4, 0x42]);
}

#[test]
fn the_client_plays_over_http_and_shows_it() {
    play_over("http", [0xD5, 0x5E, 0x00]);
}
