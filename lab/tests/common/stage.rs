//! A virtual display with the client on it, its keyboard, and what there is to see: programs are used as people use them.
//!
//! Needs `Xvfb`, `xdotool` and `zbarimg` (`make packages` installs them).
//!
//! Flow: a test → [`Stage`] → `Xvfb`, `client`, `xdotool` → [`Picture`] → what the test expects to see.

use super::server::{program, workspace};
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A colour, or what is in one place of a picture: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// Size of the display, pixels.
pub(crate) const WIDTH: usize = 1280;
/// See [`WIDTH`].
pub(crate) const HEIGHT: usize = 720;
/// Where the menu's column is.
pub(crate) const COLUMN: Range<usize> = 41..537;
/// Where the one-liner about the wire stands in a match.
pub(crate) const CORNER: (Range<usize>, Range<usize>) = (0..300, 0..60);
/// The colour of udp; each wire has the same everywhere.
pub(crate) const UDP: Rgb = [0x56, 0xB4, 0xE9];
/// The colour of quic.
pub(crate) const QUIC: Rgb = [0x2E, 0xD3, 0xA0];
/// The colour of websocket.
pub(crate) const WEBSOCKET: Rgb = [0xE6, 0x9F, 0x00];
/// The colour of tcp.
pub(crate) const TCP: Rgb = [0xF0, 0xE4, 0x42];
/// The colour of http.
pub(crate) const HTTP: Rgb = [0xD5, 0x5E, 0x00];
/// Text, the edge of what has the keyboard, and what a QR code is written on.
pub(crate) const TEXT: Rgb = [0xE6, 0xEB, 0xF5];
/// What is chosen, and the main button.
pub(crate) const ACCENT: Rgb = [0x6C, 0x8C, 0xFF];
/// The main button while it has the keyboard.
pub(crate) const OWN: Rgb = [0xC8, 0xEC, 0xFF];
/// What is wrong.
pub(crate) const ALARM: Rgb = [0xFF, 0x8A, 0x65];

/// A software renderer on a busy machine takes its time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A virtual display whose picture lies in a file, and the client on it. Both end with the test.
pub(crate) struct Stage {
    /// Who plays there.
    name: &'static str,
    xvfb: Child,
    client: Option<Child>,
    display: String,
    folder: PathBuf,
}

impl Stage {
    /// Opens a display for somebody, under any free number, which the display server tells when it is ready.
    pub(crate) fn open(name: &'static str) -> Self {
        let folder = std::env::temp_dir().join(format!("crosswire-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", &format!("{WIDTH}x{HEIGHT}x24"), "-nolisten", "tcp", "-fbdir"]);
        xvfb.arg(&folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut xvfb = xvfb.spawn().expect("Xvfb is installed (`make packages` does it)");
        let mut number = String::new();
        let told = BufReader::new(xvfb.stdout.take().expect("piped")).read_line(&mut number);
        assert!(told.is_ok_and(|bytes| bytes > 0), "Xvfb opens no display");
        Self { name, xvfb, client: None, display: format!(":{}", number.trim()), folder }
    }

    /// Returns a command that starts the client on this display, for a server and with what it keeps in a folder of its own.
    pub(crate) fn client(&self, server: &str) -> Command {
        let mut client = Command::new(program("client"));
        client.current_dir(workspace()).env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY");
        client.env("XDG_DATA_HOME", &self.folder).stdin(Stdio::null());
        client.args(["--server", server, "--name", self.name, "--autopilot"]);
        client
    }

    /// Starts the client, and gives it the keyboard. It ends by itself before a test run would be given up.
    pub(crate) fn start(&mut self, server: &str, arguments: &[&str]) {
        let mut client = self.client(server);
        client.args(["--exit-after", "170"]).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        self.client = Some(client.spawn().expect("the client starts"));
        self.xdotool(&["search", "--sync", "--name", "^Crosswire$", "windowfocus", "--sync"]);
    }

    /// Does something to the display's mouse and keyboard.
    pub(crate) fn xdotool(&self, arguments: &[&str]) {
        let mut xdotool = Command::new("timeout");
        let status = xdotool.arg("20").arg("xdotool").args(arguments).env("DISPLAY", &self.display).status();
        let status = status.expect("xdotool is installed (`make packages` does it)");
        assert!(status.success(), "xdotool {arguments:?}: {status}");
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: &str) {
        self.xdotool(&["key", key]);
    }

    /// Presses keys, each long enough for a slow frame to see it.
    pub(crate) fn hold(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["keydown", key, "sleep", "0.15", "keyup", key, "sleep", "0.15"]);
        }
    }

    /// Returns what is on the display, out of the file in which Xvfb keeps it (X11's own format, XWD).
    pub(crate) fn picture(&self) -> Picture {
        let bytes = fs::read(self.folder.join(SCREEN)).expect("Xvfb keeps its picture there");
        let field = |index: usize| u32::from_be_bytes(bytes[index * 4..][..4].try_into().expect("four bytes")) as usize;
        let (header, width, height, stride, colours) = (field(0), field(4), field(5), field(12), field(19));
        assert_eq!((width, height, stride), (WIDTH, HEIGHT, WIDTH * 4), "the display that was asked for");
        let pixels = bytes[header + colours * 12..].chunks_exact(4).take(width * height);
        Picture(pixels.map(|p| [p[2], p[1], p[0]]).collect())
    }

    /// Waits until the picture shows `wanted`.
    pub(crate) fn sees(&self, what: &str, wanted: impl Fn(&Picture) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !wanted(&self.picture()) {
            if Instant::now() > until {
                let kept = std::env::temp_dir().join(format!("crosswire-{}-{}.xwd", self.name, std::process::id()));
                let saved = fs::copy(self.folder.join(SCREEN), &kept);
                panic!("{} does not see {what}: see {} ({saved:?})", self.name, kept.display());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a match is shown, over udp.
    pub(crate) fn plays(&self) {
        self.sees("the match, over udp", |picture| picture.wire(UDP) > 150);
    }

    /// Lets another program read the QR code on the display; empty if there is none.
    pub(crate) fn read_code(&self) -> String {
        let file = self.folder.join("screen.ppm");
        let mut ppm = format!("P6 {WIDTH} {HEIGHT} 255\n").into_bytes();
        ppm.extend(self.picture().0.iter().flatten());
        fs::write(&file, ppm).expect("a picture can be saved");
        let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&file).output();
        let read = read.expect("zbarimg is installed (`make packages` does it)");
        String::from_utf8_lossy(&read.stdout).trim().to_owned()
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
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What is on a display, row by row.
pub(crate) struct Picture(pub(crate) Vec<Rgb>);

impl Picture {
    /// Counts the pixels of a rectangle that `wanted` likes.
    pub(crate) fn count(&self, x: Range<usize>, y: Range<usize>, wanted: impl Fn(Rgb) -> bool) -> usize {
        let rows = self.0.chunks_exact(WIDTH).skip(y.start).take(y.len());
        rows.map(|row| row[x.clone()].iter().filter(|pixel| wanted(**pixel)).count()).sum()
    }

    /// Counts the pixels of a rectangle that have this colour, give or take what smoothing does.
    pub(crate) fn like(&self, x: Range<usize>, y: Range<usize>, colour: Rgb) -> usize {
        self.count(x, y, alike(colour))
    }

    /// Counts the pixels in the corner for the wire's one-liner that have this colour.
    pub(crate) fn wire(&self, colour: Rgb) -> usize {
        let (x, y) = CORNER;
        self.like(x, y, colour)
    }

    /// Returns whether a line of this colour and at least this length runs through the menu's column.
    pub(crate) fn line(&self, colour: Rgb, length: usize) -> bool {
        let alike = alike(colour);
        let long = |row: &[Rgb]| row[COLUMN].split(|pixel| !alike(*pixel)).any(|run| run.len() >= length);
        self.0.chunks_exact(WIDTH).any(long)
    }

    /// Returns whether the menu shows its one main button, with the keyboard's attention on it.
    pub(crate) fn has_main_button(&self) -> bool {
        self.like(COLUMN, 0..HEIGHT, OWN) > 10_000
    }

    /// Returns whether a QR code is shown, right of the middle.
    pub(crate) fn has_code(&self) -> bool {
        self.like(640..WIDTH, 0..HEIGHT, TEXT) > 10_000
    }
}

/// Returns whether a pixel has this colour, give or take what smoothing does.
fn alike(colour: Rgb) -> impl Fn(Rgb) -> bool {
    move |pixel| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 16)
}

/// The file in which Xvfb keeps its picture.
const SCREEN: &str = "Xvfb_screen0";
