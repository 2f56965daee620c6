//! Two people find each other: the client on two virtual displays, by keyboard alone, from the start screen through the queue page into
//! the same match; and by the code of a private room.
//!
//! Needs `Xvfb` and `xdotool` (`make packages` installs them).

mod common;

use common::server::{Server, program, workspace};
use protocol::lobby::NewRoom;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A person: a virtual display whose picture lies in a file, and the client on it. Both end with the test.
struct Person {
    name: &'static str,
    xvfb: Child,
    client: Option<Child>,
    display: String,
    folder: PathBuf,
}

impl Person {
    fn sit_down(name: &'static str) -> Self {
        let folder = std::env::temp_dir().join(format!("crosswire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-fbdir"]).arg(&folder);
        xvfb.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut xvfb = xvfb.spawn().expect("Xvfb is installed (`make packages` does it)");
        let mut number = String::new();
        let told = BufReader::new(xvfb.stdout.take().expect("piped")).read_line(&mut number);
        assert!(told.is_ok_and(|bytes| bytes > 0), "Xvfb opens no display");
        Self { name, xvfb, client: None, display: format!(":{}", number.trim()), folder }
    }

    /// Starts the client.
    fn start(&mut self, server: &Server, arguments: &[&str]) {
        let mut client = Command::new(program("client"));
        client.current_dir(workspace()).env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY");
        client.env("XDG_DATA_HOME", &self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        client.args(["--server", &server.url(), "--name", self.name, "--autopilot", "--transport", "udp"]);
        client.args(["--exit-after", "170"]).args(arguments);
        self.client = Some(client.spawn().expect("the client starts"));
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

    /// Returns what is on the display, out of the file in which Xvfb keeps it (X11's own format, XWD).
    fn picture(&self) -> Picture {
        let bytes = std::fs::read(self.folder.join("Xvfb_screen0")).expect("Xvfb keeps its picture there");
        let field = |index: usize| u32::from_be_bytes(bytes[index * 4..][..4].try_into().expect("four bytes")) as usize;
        let (header, width, height, stride, colours) = (field(0), field(4), field(5), field(12), field(19));
        assert_eq!((width, height, stride), (1280, 720, 1280 * 4), "the display that was asked for");
        let pixels = bytes[header + colours * 12..].chunks_exact(4).take(width * height);
        Picture(pixels.map(|p| [p[2], p[1], p[0]]).collect())
    }

    fn plays(&self) {
        self.sees("the match, over udp", |picture| picture.like(0..300, 0..60, UDP) > 150);
    }
}

impl Drop for Person {
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
    /// Counts the pixels of a rectangle that have this colour, give or take what smoothing does.
    fn like(&self, x: Range<usize>, y: Range<usize>, colour: [u8; 3]) -> usize {
        let rows = self.0.chunks_exact(1280).skip(y.start).take(y.len());
        let like = |pixel: &&[u8; 3]| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 16);
        rows.map(|row| row[x.clone()].iter().filter(like).count()).sum()
    }

    /// Returns whether the menu shows its one main button, with the keyboard's attention on it.
    fn has_main_button(&self) -> bool {
        self.like(41..537, 0..720, OWN) > 10_000
    }

    /// Returns whether the queue page says what each of the three ways to be told costs: their colours stand one below the other.
    fn has_three_ways(&self) -> bool {
        WAYS.into_iter().all(|way| self.like(41..537, 200..720, way) > 100)
    }
}

#[test]
fn two_people_find_each_other_by_quick_match() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let mut people = ["Ada", "Bob"].map(Person::sit_down);
    for person in &mut people {
        person.start(&server, &[]);
    }
    for person in &people {
        person.sees("the start screen", Picture::has_main_button);
    }
    for person in &people {
        person.press("Return");
        person.sees("the queue, with the three ways to be told", |picture| {
            picture.has_three_ways() && !picture.has_main_button()
        });
    }
    for person in &people {
        person.sees("a match to accept", |picture| picture.has_main_button() && picture.has_three_ways());
        person.press("Return");
    }
    for person in &people {
        person.plays();
    }
    let lobby = server.lobby();
    let queue = block_on(lobby.queue()).expect("the lobby answers");
    assert_eq!((queue.matched, queue.waiting), (1, 0), "one match, and nobody is left waiting");
}

#[test]
fn a_code_leads_into_a_private_room() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let lobby = server.lobby();
    let invite = block_on(async {
        let host = lobby.guest("Host").await?;
        let room = NewRoom { private: true, ..NewRoom::default() };
        Ok::<_, transport::lobby::LobbyError>(lobby.open_room(&host, &room).await?.invite)
    });
    let invite = invite.expect("everybody may open a room");
    let mut cleo = Person::sit_down("Cleo");
    cleo.start(&server, &["--code", &invite.code]);
    cleo.plays();
    let rooms = block_on(lobby.rooms()).expect("the lobby answers").rooms;
    assert!(
        rooms.iter().all(|room| !room.private && room.players == 0),
        "Cleo is in the room that is not listed: {rooms:?}"
    );
    let room = block_on(lobby.by_code(&invite.code)).expect("whoever has the code may look");
    assert_eq!((room.private, room.players), (true, 1));
}

fn block_on<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("threads can be started").block_on(call)
}

const UDP: [u8; 3] = [0x56, 0xB4, 0xE9];
/// The main button of a page while it has the keyboard.
const OWN: [u8; 3] = [0xC8, 0xEC, 0xFF];
/// Polling, long poll, event stream.
const WAYS: [[u8; 3]; 3] = [[0xB0, 0x6A, 0x3C], [0xD5, 0x5E, 0x00], [0xFF, 0xA8, 0x66]];
/// A software renderer on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(40);
