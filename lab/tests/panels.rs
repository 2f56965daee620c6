//! Every panel of the client opens on its key, in a real match on a virtual display: the picture on the display is looked at for what the
//! panel must show, such as the colours of the wires in the graph.
//!
//! Needs `Xvfb` and `xdotool` (`make packages` installs them). One client and one server serve all panels, so that it takes half a minute.

mod common;

use common::server::{Server, program, workspace};
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A virtual display whose picture lies in a file, and the client on it. Both end with the test.
struct Stage {
    xvfb: Child,
    client: Option<Child>,
    display: String,
    folder: PathBuf,
}

impl Stage {
    fn open() -> Self {
        let folder = std::env::temp_dir().join(format!("crosswire-stage-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-fbdir"]).arg(&folder);
        xvfb.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut xvfb = xvfb.spawn().expect("Xvfb is installed (`make packages` does it)");
        let mut number = String::new();
        let told = BufReader::new(xvfb.stdout.take().expect("piped")).read_line(&mut number);
        assert!(told.is_ok_and(|bytes| bytes > 0), "Xvfb opens no display");
        Self { xvfb, client: None, display: format!(":{}", number.trim()), folder }
    }

    fn play(&mut self, server: &Server) {
        let mut client = Command::new(program("client"));
        client.current_dir(workspace()).env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY");
        client.env("XDG_DATA_HOME", &self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        client.args(["--server", &server.url(), "--name", "Panels", "--quick", "--autopilot", "--transport", "udp"]);
        client.args(["--exit-after", "170"]);
        self.client = Some(client.spawn().expect("the client starts"));
        self.wait("the match", |picture| picture.count(0..300, 0..60, like(UDP)) > 150);
        self.xdotool(&["search", "--sync", "--name", "^Crosswire$", "windowfocus", "--sync"]);
    }

    fn xdotool(&self, arguments: &[&str]) {
        let status =
            Command::new("timeout").arg("20").arg("xdotool").args(arguments).env("DISPLAY", &self.display).status();
        let status = status.expect("xdotool is installed (`make packages` does it)");
        assert!(status.success(), "xdotool {arguments:?}: {status}");
    }

    fn press(&self, key: &str) {
        self.xdotool(&["key", key]);
    }

    /// Returns what is on the display, out of the file in which Xvfb keeps it (X11's own format, XWD).
    fn picture(&self) -> Picture {
        let bytes = std::fs::read(self.folder.join("Xvfb_screen0")).expect("Xvfb keeps its picture there");
        let field = |index: usize| u32::from_be_bytes(bytes[index * 4..][..4].try_into().expect("four bytes")) as usize;
        let (header, width, height, stride, colours) = (field(0), field(4), field(5), field(12), field(19));
        assert_eq!((width, height, stride), (1280, 720, 1280 * 4), "the display that was asked for");
        let pixels = bytes[header + colours * 12..].chunks_exact(4).take(width * height);
        Picture(pixels.map(|p| [p[2], p[1], p[0]]).collect())
    }

    /// Waits until the picture shows `wanted`.
    fn wait(&self, what: &str, wanted: impl Fn(&Picture) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !wanted(&self.picture()) {
            if Instant::now() > until {
                let kept = std::env::temp_dir().join(format!("crosswire-panels-{}.xwd", std::process::id()));
                let saved = std::fs::copy(self.folder.join("Xvfb_screen0"), &kept);
                panic!("{what} does not show: see {} ({saved:?})", kept.display());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.client.iter_mut().chain([&mut self.xvfb]) {
            // Asked politely, Xvfb takes its lock file along; either may have ended by itself.
            let _ = Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status();
            let _ = child.wait();
        }
        // What could not be removed is of no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Picture(Vec<[u8; 3]>);

impl Picture {
    /// Counts the pixels of a rectangle that `wanted` likes.
    fn count(&self, x: Range<usize>, y: Range<usize>, wanted: impl Fn([u8; 3]) -> bool) -> usize {
        let rows = self.0.chunks_exact(1280).skip(y.start).take(y.len());
        rows.map(|row| row[x.clone()].iter().filter(|pixel| wanted(**pixel)).count()).sum()
    }

    /// Counts the pixels of a rectangle that are filled with this colour; grid, walls and smoothed letters come near it.
    fn filled(&self, x: Range<usize>, y: Range<usize>, colour: [u8; 3]) -> usize {
        self.count(x, y, |pixel| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 4))
    }

    fn left(&self, colour: [u8; 3]) -> usize {
        self.count(17..455, 161..670, like(colour))
    }

    fn right(&self, colour: [u8; 3]) -> usize {
        self.count(825..1263, 161..670, like(colour))
    }
}

/// Returns whether a pixel has this colour, give or take what smoothing does.
fn like(colour: [u8; 3]) -> impl Fn([u8; 3]) -> bool {
    move |pixel| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 16)
}

#[test]
fn every_panel_opens_on_its_key_and_shows_what_it_is_for() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "3"]);
    let mut stage = Stage::open();
    stage.play(&server);

    stage.press("g");
    stage.press("n");
    stage.wait("the graph with a line and a number for every wire", |picture| {
        // Lines of wires that do alike cover each other; swatch and name of each do not.
        picture.left(UDP) > 400 && [QUIC, WEBSOCKET].into_iter().all(|wire| picture.left(wire) > 70)
    });
    stage.press("F5");
    stage.press("F2");
    stage.wait("the switch, on the line at the top", |picture| picture.count(0..300, 0..60, like(QUIC)) > 150);
    stage.press("t");
    stage.wait("the parts of the way from key to effect, and how late others are drawn", |picture| {
        let parts = [UPLINK, DOWNLINK].into_iter().all(|part| picture.filled(17..455, 161..670, part) > 200);
        parts && picture.filled(17..455, 161..670, LATE) > 40
    });
    stage.press("t");
    stage.wait("the field again", |picture| picture.filled(17..455, 161..670, DOWNLINK) < 100);

    stage.press("m");
    stage.wait("the map with the wire that drives and the shadows", |picture| {
        picture.right(QUIC) > 200 && picture.right(UDP) > 50 && picture.right(WEBSOCKET) > 50
    });
    stage.press("k");
    stage.wait("buttons and sliders for the weather", |picture| picture.filled(825..1263, 161..670, BUTTON) > 5_000);
    stage.press("j");
    stage.wait("the switches of the netcode", |picture| picture.right(ACCENT) > 1_200);
    let on = stage.picture().right(ACCENT);
    stage.press("r");
    stage.wait("a switch that is off", |picture| picture.right(ACCENT) + 200 < on);
    stage.press("r");
    stage.press("h");
    stage.wait("all keys", |picture| (300..1_000).contains(&picture.right(ACCENT)));
    stage.press("h");
    stage.press("l");
    stage.wait("the tour's card", |picture| picture.filled(350..930, 540..700, BUTTON) > 3_000);
    stage.press("l");

    stage.press("b");
    stage.wait("a blind test without a wire's name or colour", |picture| {
        let coloured = |colour| picture.count(17..297, 17..140, like(colour));
        coloured(UDP) + coloured(QUIC) + coloured(WEBSOCKET) < 20
    });
    stage.wait("the question", |picture| picture.filled(350..930, 560..700, BUTTON) > 5_000);
    stage.press("Escape");
    stage.wait("the wire of before again", |picture| picture.count(0..300, 0..60, like(QUIC)) > 150);
}

const UDP: [u8; 3] = [0x56, 0xB4, 0xE9];
const QUIC: [u8; 3] = [0x2E, 0xD3, 0xA0];
const WEBSOCKET: [u8; 3] = [0xE6, 0x9F, 0x00];
const UPLINK: [u8; 3] = [0x8C, 0x9E, 0xFF];
const DOWNLINK: [u8; 3] = [0x6B, 0x83, 0xF0];
const LATE: [u8; 3] = [0xA9, 0xB4, 0xC8];
const ACCENT: [u8; 3] = [0x6C, 0x8C, 0xFF];
const BUTTON: [u8; 3] = [0x18, 0x20, 0x30];
/// A software renderer on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(30);
