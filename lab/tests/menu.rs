//! The menu on a virtual display, by keyboard alone: every page opens and leads back; a private room is created, the QR code on its host's
//! screen is read by an independent program, and whoever follows the link that it holds plays in that room.
//!
//! Needs `Xvfb`, `xdotool` and `zbarimg` (`make packages` installs them).

mod common;

use common::server::{Server, program, workspace};
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A virtual display whose picture lies in a file, and the client on it. Both end with the test.
struct Stage {
    name: &'static str,
    xvfb: Child,
    client: Child,
    display: String,
    folder: PathBuf,
}

impl Stage {
    fn open(name: &'static str, arguments: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("crosswire-menu-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-fbdir"]).arg(&folder);
        xvfb.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut xvfb = xvfb.spawn().expect("Xvfb is installed (`make packages` does it)");
        let mut number = String::new();
        let told = BufReader::new(xvfb.stdout.take().expect("piped")).read_line(&mut number);
        assert!(told.is_ok_and(|bytes| bytes > 0), "Xvfb opens no display");
        let display = format!(":{}", number.trim());
        let mut client = Command::new(program("client"));
        client.current_dir(workspace()).env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY");
        client.env("XDG_DATA_HOME", &folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        client.args(["--name", name, "--autopilot", "--exit-after", "170"]).args(arguments);
        let client = client.spawn().expect("the client starts");
        let stage = Self { name, xvfb, client, display, folder };
        stage.xdotool(&["search", "--sync", "--name", "^Crosswire$", "windowfocus", "--sync"]);
        stage
    }

    fn xdotool(&self, arguments: &[&str]) {
        let status =
            Command::new("timeout").arg("20").arg("xdotool").args(arguments).env("DISPLAY", &self.display).status();
        let status = status.expect("xdotool is installed (`make packages` does it)");
        assert!(status.success(), "xdotool {arguments:?}: {status}");
    }

    /// Presses keys, each long enough for a slow frame to see it.
    fn press(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["keydown", key, "sleep", "0.15", "keyup", key, "sleep", "0.15"]);
        }
    }

    /// Returns what is on the display, out of the file in which Xvfb keeps it (X11's own format, XWD).
    fn picture(&self) -> Picture {
        let bytes = std::fs::read(self.folder.join("Xvfb_screen0")).expect("Xvfb keeps its picture there");
        let field = |index: usize| u32::from_be_bytes(bytes[index * 4..][..4].try_into().expect("four bytes")) as usize;
        let (header, width, height, stride, colours) = (field(0), field(4), field(5), field(12), field(19));
        assert_eq!((width, height, stride), (WIDTH, HEIGHT, WIDTH * 4), "the display that was asked for");
        let pixels = bytes[header + colours * 12..].chunks_exact(4).take(width * height);
        Picture(pixels.map(|p| [p[2], p[1], p[0]]).collect())
    }

    /// Waits until the picture shows `wanted`.
    fn sees(&self, what: &str, wanted: impl Fn(&Picture) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !wanted(&self.picture()) {
            if Instant::now() > until {
                let kept = std::env::temp_dir().join(format!("crosswire-{}-{}.xwd", self.name, std::process::id()));
                let saved = std::fs::copy(self.folder.join("Xvfb_screen0"), &kept);
                panic!("{} does not see {what}: see {} ({saved:?})", self.name, kept.display());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Lets another program read the QR code on the screen.
    fn read_code(&self) -> Option<String> {
        let file = self.folder.join("screen.ppm");
        let mut ppm = format!("P6 {WIDTH} {HEIGHT} 255\n").into_bytes();
        ppm.extend(self.picture().0.iter().flatten());
        std::fs::File::create(&file).and_then(|mut file| file.write_all(&ppm)).expect("a picture can be saved");
        let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&file).output();
        let read = read.expect("zbarimg is installed (`make packages` does it)");
        Some(String::from_utf8_lossy(&read.stdout).trim().to_owned()).filter(|text| !text.is_empty())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in [&mut self.client, &mut self.xvfb] {
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
    /// Counts the pixels of a rectangle that have this colour, give or take what smoothing does.
    fn like(&self, x: Range<usize>, y: Range<usize>, colour: [u8; 3]) -> usize {
        let rows = self.0.chunks_exact(WIDTH).skip(y.start).take(y.len());
        rows.map(|row| row[x.clone()].iter().filter(|pixel| alike(**pixel, colour)).count()).sum()
    }

    /// Returns whether a line of this colour and at least this length runs through the menu's column.
    fn line(&self, colour: [u8; 3], length: usize) -> bool {
        self.0
            .chunks_exact(WIDTH)
            .any(|row| row[COLUMN].split(|pixel| !alike(*pixel, colour)).any(|run| run.len() >= length))
    }

    /// Returns whether the start page is shown: the strokes below its title have the colours of the wires.
    fn is_start(&self) -> bool {
        WIRES.into_iter().all(|wire| self.line(wire, 40))
    }

    /// Returns whether a page other than the start page is shown, and is not empty.
    fn is_page(&self) -> bool {
        !self.is_start() && self.like(COLUMN, 0..HEIGHT, TEXT) > 150
    }
}

fn alike(pixel: [u8; 3], colour: [u8; 3]) -> bool {
    pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 16)
}

#[test]
fn every_page_opens_by_keyboard_and_leads_back() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let stage = Stage::open("Pages", &["--server", &server.url()]);
    stage.sees("the start page", Picture::is_start);
    for page in ["rooms", "friends", "leaderboard", "profile", "options"] {
        // The button of the page that was left has the keyboard again, so the next one is one step on.
        stage.press(&["Tab", "Return"]);
        stage.sees(page, Picture::is_page);
        stage.press(&["Escape"]);
        stage.sees("the start page again", Picture::is_start);
    }
}

#[test]
fn the_start_page_says_what_to_do_without_a_server() {
    let _turn = common::alone();
    // Nobody listens on the discard port.
    let stage = Stage::open("Alone", &["--server", "127.0.0.1:9"]);
    stage.sees("the start page", Picture::is_start);
    stage.sees("a sentence in the colour of what is wrong", |picture| picture.like(COLUMN, 0..HEIGHT, ALARM) > 100);
}

#[test]
fn a_host_holds_a_code_that_phones_can_read_and_a_friend_follows_it() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let host = Stage::open("Host", &["--server", &server.url()]);
    host.sees("the start page", Picture::is_start);
    host.press(&["Tab", "Tab", "Return"]);
    host.sees("play with friends", Picture::is_page);
    host.press(&["Return"]);
    host.sees("what is chosen for the room", |picture| picture.line(ACCENT, 100));
    host.press(&["Return"]);
    host.sees("a QR code", |picture| picture.like(640..WIDTH, 0..HEIGHT, PAPER) > 10_000);
    let link = host.read_code().expect("zbarimg can read it");
    let (base, code) = link.split_once("/join/").expect("it is an invite link");
    assert_eq!(base, server.url());

    let friend = Stage::open("Friend", &["--server", &link, "--transport", "udp"]);
    friend.sees("the match, over udp", |picture| picture.like(0..300, 0..60, WIRES[0]) > 150);
    host.sees("the field again, now that a friend is there", |picture| {
        picture.like(640..WIDTH, 0..HEIGHT, PAPER) < 5_000
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads can be started");
    let room = runtime.block_on(server.lobby().by_code(code)).expect("the room is open");
    assert_eq!((room.private, room.players), (true, 2));
}

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;
/// Where the menu's column is.
const COLUMN: Range<usize> = 41..537;
const WIRES: [[u8; 3]; 5] =
    [[0x56, 0xB4, 0xE9], [0x2E, 0xD3, 0xA0], [0xE6, 0x9F, 0x00], [0xF0, 0xE4, 0x42], [0xD5, 0x5E, 0x00]];
const TEXT: [u8; 3] = [0xE6, 0xEB, 0xF5];
const ALARM: [u8; 3] = [0xFF, 0x8A, 0x65];
const ACCENT: [u8; 3] = [0x6C, 0x8C, 0xFF];
/// What a QR code is written on.
const PAPER: [u8; 3] = [0xE6, 0xEB, 0xF5];
/// A software renderer on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(40);
