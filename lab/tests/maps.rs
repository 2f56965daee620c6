//! A map that this machine lacks: fetched while the seat is held, over a connection that breaks, and from a server that lies.
//!
//! Flow: a server whose map nobody else has → (a relay between client and lobby that breaks or lies) → `transport::player` → a match.

mod common;

use common::{Server, alone};
use game::Map;
use protocol::Transport;
use protocol::ids::RoomId;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use transport::lobby::LobbyClient;
use transport::maps::MapShelf;
use transport::player::{Entry, Player, PlayerEvent};

/// Longer than any of this takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("crosswire-{name}-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a server with one map of its own, `garden`: Crossfire with a comment that makes it another map, long enough to break in the middle.
fn server_with_garden() -> (Server, Folder) {
    let assets = Folder::new("assets");
    std::fs::create_dir_all(assets.0.join("maps")).expect("writable");
    let crossfire = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/maps/crossfire.map");
    let text = std::fs::read_to_string(crossfire).expect("it is in the repository");
    let garden = text.replacen("\n\n", &format!("\n{}", "// A garden that no other server has.\n".repeat(1_000)), 1);
    std::fs::write(assets.0.join("maps/garden.map"), garden).expect("writable");
    let folder = assets.0.to_str().expect("a plain path");
    (Server::start(&["--assets", folder, "--map", "garden", "--bots", "1"]), assets)
}

/// Joins through the lobby at `lobby` with the maps in `cache` and plays until a map is there or it is over.
fn join(lobby: &str, cache: &Folder) -> Result<(Arc<Map>, Option<u64>), String> {
    let runtime = transport::runtime::runtime().expect("threads can be started");
    let lobby = LobbyClient::new(lobby).expect("an address of ours");
    let guest = runtime.block_on(lobby.guest("Gardener")).expect("the lobby lets everybody in");
    let grant = runtime.block_on(lobby.take_seat(&guest, RoomId(1))).expect("there is a seat");
    let entry = Entry {
        lobby,
        guest,
        grant,
        maps: MapShelf::empty(cache.0.clone()),
        wire: Some(Transport::Udp),
        first: None,
        options: Default::default(),
        weather: None,
    };
    let mut player = Player::join(runtime.handle(), entry, Instant::now());
    let (until, mut most) = (Instant::now() + PATIENCE, None);
    while Instant::now() < until {
        let now = Instant::now();
        player.update(now);
        while let Some(event) = player.poll_event() {
            if let PlayerEvent::Ended { why } = event {
                return Err(why);
            }
        }
        if let Some(fetching) = player.fetching() {
            assert_eq!(fetching.map, "garden");
            most = most.max(Some(fetching.bytes));
        }
        while player.due(now).is_some() {
            player.fly(game::Command::default());
        }
        player.flush(now);
        if player.scene(now).is_some()
            && let Some(map) = player.map()
        {
            return Ok((map.clone(), most));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Err("nothing happened in time".to_owned())
}

/// Passes bytes between clients and the lobby at `to`; `meddle` may change what the server sends. Returns its own address.
fn relay(to: String, meddle: impl Fn(Vec<u8>) -> Option<Vec<u8>> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it has one");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&to).expect("the server runs");
            let (mut up_from, mut up_to) =
                (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            std::thread::spawn(move || std::io::copy(&mut up_from, &mut up_to));
            let (mut from, mut back, meddle) = (server, client, meddle.clone());
            std::thread::spawn(move || {
                let mut bytes = vec![0; 4_096];
                while let Ok(read @ 1..) = from.read(&mut bytes) {
                    match meddle(bytes[..read].to_vec()) {
                        Some(sent) if back.write_all(&sent).is_ok() => {}
                        _ => break,
                    }
                }
                let _ = (back.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
            });
        }
    });
    addr
}

#[test]
fn a_map_that_is_not_here_is_fetched_once() {
    let _turn = alone();
    let (server, _assets) = server_with_garden();
    let cache = Folder::new("cache");
    let (map, _) = join(&server.url(), &cache).expect("the map can be had");
    assert_eq!(std::fs::read_dir(&cache.0).expect("it is there").count(), 1, "it is kept");
    let (again, fetched) = join(&server.url(), &cache).expect("the map is here");
    assert_eq!((again.hash, fetched), (map.hash, None), "nothing had to be fetched");
}

#[test]
fn a_transfer_that_breaks_goes_on_where_it_ended() {
    let _turn = alone();
    let (server, _assets) = server_with_garden();
    let (passed, broken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, breaks) = (passed.clone(), broken.clone());
    let lobby = relay(server.address("http"), move |bytes| {
        // Three times, whenever another 10,000 bytes have come: in the middle of the file.
        let before = counted.fetch_add(bytes.len(), Ordering::Relaxed);
        let breaks_now = before / 10_000 != (before + bytes.len()) / 10_000 && breaks.load(Ordering::Relaxed) < 3;
        breaks.fetch_add(usize::from(breaks_now), Ordering::Relaxed);
        (!breaks_now).then_some(bytes)
    });
    let (map, _) = join(&lobby.to_string(), &Folder::new("cache")).expect("the map can be had");
    assert_eq!(map.name, "Crossfire");
    assert_eq!(broken.load(Ordering::Relaxed), 3);
    let file = 37 * 1_000;
    assert!(passed.load(Ordering::Relaxed) < 2 * file, "it did not begin again each time");
}

#[test]
fn a_server_that_lies_is_not_believed() {
    let _turn = alone();
    let (server, _assets) = server_with_garden();
    let lobby = relay(server.address("http"), |bytes| {
        let text = String::from_utf8_lossy(&bytes).replace("no other server", "any other fools");
        Some(if text.len() == bytes.len() { text.into_bytes() } else { bytes })
    });
    let cache = Folder::new("cache");
    let why = join(&lobby.to_string(), &cache).expect_err("what came was altered");
    assert!(why.contains("`garden`") && why.contains("damaged"), "{why}");
    assert_eq!(std::fs::read_dir(&cache.0).map_or(0, Iterator::count), 0, "and nothing of it is kept");
}
