//! A disk that is full, or has lost something: the real server says so in words, and whoever plays goes on playing.
//!
//! Flow: a small disk in memory (Linux, root) or a damaged file → the real server → its log and its answers.

mod common;

use common::{Server, output_of};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A folder that is gone when the test ends, with a small disk of its own if it has one.
struct Folder {
    path: PathBuf,
    mounted: bool,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("crosswire-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a writable place");
        Self { path, mounted: false }
    }

    /// Puts a disk of `kib` KiB there. Returns false where that is not allowed.
    fn mount(&mut self, kib: u32) -> bool {
        let size = format!("size={kib}k");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&self.path).output();
        self.mounted = mount.is_ok_and(|output| output.status.success());
        self.mounted
    }

    fn text(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg(&self.path).status();
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Writes until there is no room left.
fn fill(path: &Path) {
    let mut bytes = vec![0; 64 * 1024];
    while !bytes.is_empty() {
        let name = path.join(format!("ballast-{}-{}", bytes.len(), rand::random::<u32>()));
        if fs::write(name, &bytes).is_err() {
            bytes.truncate(bytes.len() / 2);
        }
    }
}

#[test]
fn a_full_disk_stops_new_players_and_nobody_else() {
    let mut folder = Folder::new("full");
    if !folder.mount(2_048) {
        println!("skipped: only root can make a small disk");
        return;
    }
    let data = folder.text();
    let server = Server::start(&["--data", &data, "--bots", "2"]);
    let runtime = transport::runtime::runtime().expect("threads");
    let lobby = server.lobby();
    let known = runtime.block_on(lobby.guest("Ripley")).expect("there is room");
    fill(&folder.path);
    let refused = (0..200).find_map(|n| runtime.block_on(lobby.guest(&format!("Guest {n}"))).err());
    let refused = refused.expect("the disk is full");
    assert_eq!(refused.status(), Some(503), "{refused}");
    assert!(refused.to_string().contains("cannot be stored"), "{refused}");
    let until = Instant::now() + Duration::from_secs(5);
    while !server.log().contains("The disk is full") {
        assert!(Instant::now() < until, "the operator is not told: {}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let rooms = runtime.block_on(lobby.rooms()).expect("the lobby goes on");
    let seat = runtime.block_on(lobby.take_seat(&known, rooms.rooms[0].id));
    assert!(seat.is_ok(), "those who are known go on playing: {seat:?}");

    for entry in fs::read_dir(&folder.path).expect("readable").flatten() {
        if entry.file_name().to_string_lossy().starts_with("ballast") {
            fs::remove_file(entry.path()).expect("ours");
        }
    }
    runtime.block_on(lobby.guest("Dallas")).expect("there is room again, without a restart");
}

#[test]
fn a_damaged_file_is_told_at_the_start() {
    let folder = Folder::new("damaged");
    fs::write(folder.path.join("crosswire.db"), "not a database at all ".repeat(500)).expect("writable");
    let (any, data) = ("127.0.0.1:0", folder.text());
    let line = ["--http", any, "--udp", any, "--quic", any, "--tcp", any, "--data", &data];
    let output = output_of("server", &line);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("damaged") && said.contains("backup"), "{said}");
}
