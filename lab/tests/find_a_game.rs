//! People find each other, each with the client on a virtual display of their own and by keyboard alone: through the queue into the same
//! match; by the code of a private room that one creates and another types into the box; and on a server that only the list of the
//! local network knows.
//!
//! Needs `Xvfb`, `xdotool` and `zbarimg` (`make packages` installs them).

mod common;

use common::server::{Server, program, workspace};
use protocol::lobby::NewRoom;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use transport::lan::{Browser, LanServer};

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

    /// Starts the client for `server`.
    fn start(&mut self, server: &str, arguments: &[&str]) {
        let mut client = Command::new(program("client"));
        client.current_dir(workspace()).env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY");
        client.env("XDG_DATA_HOME", &self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        client.args(["--server", server, "--name", self.name, "--autopilot", "--transport", "udp"]);
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

    /// Presses keys, each long enough for a slow frame to see it.
    fn hold(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["keydown", key, "sleep", "0.15", "keyup", key, "sleep", "0.15"]);
        }
    }

    /// Goes to the field before `steps` others and types into it.
    fn type_before(&self, steps: usize, text: &str) {
        self.xdotool(&["keydown", "shift"]);
        self.hold(&vec!["Tab"; steps]);
        self.xdotool(&["keyup", "shift", "sleep", "0.2", "type", "--delay", "150", text]);
    }

    /// Lets another program read the QR code on the screen.
    fn read_code(&self) -> String {
        let file = self.folder.join("screen.ppm");
        let mut ppm = b"P6 1280 720 255\n".to_vec();
        ppm.extend(self.picture().0.iter().flatten());
        std::fs::File::create(&file).and_then(|mut file| file.write_all(&ppm)).expect("a picture can be saved");
        let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&file).output();
        let read = read.expect("zbarimg is installed (`make packages` does it)");
        String::from_utf8_lossy(&read.stdout).trim().to_owned()
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

    /// Returns whether a row or a button, not the main one, has the keyboard: it has a bright edge.
    fn has_marked_row(&self) -> bool {
        let bright = |pixel: &[u8; 3]| pixel.iter().zip(TEXT).all(|(a, b)| a.abs_diff(b) < 24);
        let edge = |row: &[[u8; 3]]| row[41..537].split(|pixel| !bright(pixel)).any(|run| run.len() >= 150);
        self.0.chunks_exact(1280).any(edge)
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
        person.start(&server.url(), &[]);
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
    cleo.start(&server.url(), &["--code", &invite.code]);
    cleo.plays();
    let rooms = block_on(lobby.rooms()).expect("the lobby answers").rooms;
    assert!(
        rooms.iter().all(|room| !room.private && room.players == 0),
        "Cleo is in the room that is not listed: {rooms:?}"
    );
    let room = block_on(lobby.by_code(&invite.code)).expect("whoever has the code may look");
    assert_eq!((room.private, room.players), (true, 1));
}

#[test]
fn one_creates_a_room_and_another_types_its_code() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let [mut dora, mut egon] = ["Dora", "Egon"].map(Person::sit_down);
    dora.start(&server.url(), &[]);
    egon.start(&server.url(), &[]);
    dora.sees("the start screen", Picture::has_main_button);
    // Play with friends, create a room, and play.
    dora.hold(&["Tab", "Tab", "Return"]);
    dora.sees("play with friends", Picture::has_main_button);
    dora.hold(&["Return"]);
    dora.sees("what is chosen for the room", Picture::has_main_button);
    dora.hold(&["Return"]);
    dora.sees("a QR code", |picture| picture.like(640..1280, 0..720, TEXT) > 10_000);
    let link = dora.read_code();
    let (_, code) = link.split_once("/join/").unwrap_or_else(|| panic!("`{link}` is no invite"));

    egon.sees("the start screen", Picture::has_main_button);
    egon.type_before(2, code);
    egon.press("Return");
    egon.plays();
    dora.plays();
    let room = block_on(server.lobby().by_code(code)).expect("whoever has the code may look");
    assert_eq!((room.private, room.players), (true, 2));
}

#[test]
fn a_server_in_the_list_of_the_network_is_one_press_away() {
    let _turn = common::alone();
    let name = format!("Next door {}", std::process::id());
    let server = Server::start_on("0.0.0.0:0", &["--bots", "2", "--lan-name", &name]);
    let browser = Browser::start();
    let mut fay = Person::sit_down("Fay");
    // Nobody listens on the discard port.
    fay.start("127.0.0.1:9", &[]);
    fay.sees("the start screen", Picture::has_main_button);
    fay.hold(&["Tab", "Return"]);
    std::thread::sleep(LISTENED);
    fay.sees("that there are other servers", Picture::has_marked_row);
    fay.hold(&["Return"]);
    std::thread::sleep(LISTENED);
    fay.sees("the servers", Picture::has_marked_row);
    // There may be more servers than ours; the client lists them in the same order.
    let until = Instant::now() + PATIENCE;
    let place = loop {
        let near: Vec<_> = browser.servers().into_iter().filter(LanServer::same_protocol).collect();
        if let Some(place) = near.iter().position(|server| server.name == name) {
            break place;
        }
        assert!(Instant::now() < until, "the server is not announced: {near:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    fay.hold(&vec!["Down"; place]);
    fay.hold(&["Return"]);
    std::thread::sleep(LISTENED);
    fay.sees("the rooms of that server", Picture::has_marked_row);
    fay.hold(&["Return"]);
    fay.plays();
    let rooms = block_on(server.lobby().rooms()).expect("the lobby answers").rooms;
    assert_eq!(rooms.iter().map(|room| room.players).sum::<u8>(), 1, "{rooms:?}");
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
/// Text, the edge of what has the keyboard, and what a QR code is written on.
const TEXT: [u8; 3] = [0xE6, 0xEB, 0xF5];
/// Longer than it takes for an announcement to be heard, or for a list to arrive.
const LISTENED: Duration = Duration::from_secs(2);
/// A software renderer on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(40);
