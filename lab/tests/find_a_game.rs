//! People find each other, each with the client on a virtual display of their own and by keyboard alone: through the queue into the same
//! match; by the code of a private room that one creates and another types into the box; and on a server that only the list of the
//! local network knows.
//!
//! Needs `Xvfb`, `xdotool` and `zbarimg` (`make packages` installs them).

mod common;

use common::server::Server;
use common::stage::{COLUMN, HEIGHT, PATIENCE, Picture, Rgb, Stage, TEXT};
use protocol::lobby::{NewRoom, NewTicket};
use std::time::{Duration, Instant};
use transport::lan::{Browser, LanServer};
use transport::lobby::LobbyError;

/// Sits somebody down before the client, which begins on udp.
fn sit_down(name: &'static str, server: &str, arguments: &[&str]) -> Stage {
    let mut stage = Stage::open(name);
    stage.start(server, &[&["--transport", "udp"][..], arguments].concat());
    stage
}

/// Goes to the field before `steps` others and types into it.
fn type_before(person: &Stage, steps: usize, text: &str) {
    person.xdotool(&["keydown", "shift"]);
    person.hold(&vec!["Tab"; steps]);
    person.xdotool(&["keyup", "shift", "sleep", "0.2", "type", "--delay", "150", text]);
}

/// Returns whether a row or a button, not the main one, has the keyboard: it has a bright edge.
fn has_marked_row(picture: &Picture) -> bool {
    picture.line(TEXT, 150)
}

/// Returns whether the queue page says what each of the three ways to be told costs: their colours stand one below the other.
fn has_three_ways(picture: &Picture) -> bool {
    WAYS.into_iter().all(|way| picture.like(COLUMN, 200..HEIGHT, way) > 100)
}

#[test]
fn two_people_find_each_other_by_quick_match() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let people = ["Ada", "Bob"].map(|name| sit_down(name, &server.url(), &[]));
    for person in &people {
        person.sees("the start screen", Picture::has_main_button);
    }
    for person in &people {
        person.press("Return");
        person.sees("the queue, with the three ways to be told", |picture| {
            has_three_ways(picture) && !picture.has_main_button()
        });
    }
    for person in &people {
        person.sees("a match to accept", |picture| picture.has_main_button() && has_three_ways(picture));
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
fn whoever_looks_for_a_match_already_goes_on_with_that_search() {
    let server = Server::start(&[]);
    let lobby = server.lobby();
    let [first, again] = block_on(async {
        let ada = lobby.guest("Ada").await?;
        let wish = NewTicket { bots: false, ..NewTicket::default() };
        let first = lobby.open_ticket(&ada, &wish).await?;
        Ok::<_, LobbyError>([first, lobby.open_ticket(&ada, &wish).await?])
    })
    .expect("everybody may look for a match");
    assert_eq!(first.id, again.id);
    let queue = block_on(lobby.queue()).expect("the lobby answers");
    assert_eq!(queue.waiting, 1, "nobody waits twice");
}

#[test]
fn a_code_leads_into_a_private_room() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let lobby = server.lobby();
    let invite = block_on(async {
        let host = lobby.guest("Host").await?;
        let room = NewRoom { private: true, ..NewRoom::default() };
        Ok::<_, LobbyError>(lobby.open_room(&host, &room).await?.invite)
    });
    let invite = invite.expect("everybody may open a room");
    let cleo = sit_down("Cleo", &server.url(), &["--code", &invite.code]);
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
    let [dora, egon] = ["Dora", "Egon"].map(|name| sit_down(name, &server.url(), &[]));
    dora.sees("the start screen", Picture::has_main_button);
    // Play with friends, create a room, and play.
    dora.hold(&["Tab", "Tab", "Return"]);
    dora.sees("play with friends", Picture::has_main_button);
    dora.hold(&["Return"]);
    dora.sees("what is chosen for the room", Picture::has_main_button);
    dora.hold(&["Return"]);
    dora.sees("a QR code", Picture::has_code);
    let link = dora.read_code();
    let (_, code) = link.split_once("/join/").unwrap_or_else(|| panic!("`{link}` is no invite"));

    egon.sees("the start screen", Picture::has_main_button);
    type_before(&egon, 2, code);
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
    // Nobody listens on the discard port.
    let fay = sit_down("Fay", "127.0.0.1:9", &[]);
    fay.sees("the start screen", Picture::has_main_button);
    fay.hold(&["Tab", "Return"]);
    std::thread::sleep(LISTENED);
    fay.sees("that there are other servers", has_marked_row);
    fay.hold(&["Return"]);
    std::thread::sleep(LISTENED);
    fay.sees("the servers", has_marked_row);
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
    fay.sees("the rooms of that server", has_marked_row);
    fay.hold(&["Return"]);
    fay.plays();
    let rooms = block_on(server.lobby().rooms()).expect("the lobby answers").rooms;
    assert_eq!(rooms.iter().map(|room| room.players).sum::<u8>(), 1, "{rooms:?}");
}

fn block_on<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("threads can be started").block_on(call)
}

/// Polling, long poll, event stream.
const WAYS: [Rgb; 3] = [[0xB0, 0x6A, 0x3C], [0xD5, 0x5E, 0x00], [0xFF, 0xA8, 0x66]];
/// Longer than it takes for an announcement to be heard, or for a list to arrive.
const LISTENED: Duration = Duration::from_secs(2);
