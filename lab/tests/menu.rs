//! The menu on a virtual display, by keyboard alone: every page opens and leads back; a private room is created, the QR code on its host's
//! screen is read by an independent program, and whoever follows the link that it holds plays in that room.
//!
//! Needs `Xvfb`, `xdotool` and `zbarimg` (`make packages` installs them).

mod common;

use common::server::Server;
use common::stage::{ACCENT, ALARM, COLUMN, HEIGHT, HTTP, Picture, QUIC, Stage, TCP, TEXT, UDP, WEBSOCKET};

/// Returns whether the start page is shown: the strokes below its title have the colours of the wires.
fn is_start(picture: &Picture) -> bool {
    [UDP, QUIC, WEBSOCKET, TCP, HTTP].into_iter().all(|wire| picture.line(wire, 40))
}

/// Returns whether a page other than the start page is shown, and is not empty.
fn is_page(picture: &Picture) -> bool {
    !is_start(picture) && picture.like(COLUMN, 0..HEIGHT, TEXT) > 150
}

fn at_the_menu(name: &'static str, server: &str) -> Stage {
    let mut stage = Stage::open(name);
    stage.start(server, &[]);
    stage.sees("the start page", is_start);
    stage
}

#[test]
fn every_page_opens_by_keyboard_and_leads_back() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let stage = at_the_menu("Pages", &server.url());
    for page in ["rooms", "friends", "leaderboard", "profile", "options"] {
        // The button of the page that was left has the keyboard again, so the next one is one step on.
        stage.hold(&["Tab", "Return"]);
        stage.sees(page, is_page);
        stage.hold(&["Escape"]);
        stage.sees("the start page again", is_start);
    }
}

#[test]
fn the_start_page_says_what_to_do_without_a_server() {
    let _turn = common::alone();
    // Nobody listens on the discard port.
    let stage = at_the_menu("Alone", "127.0.0.1:9");
    stage.sees("a sentence in the colour of what is wrong", |picture| picture.like(COLUMN, 0..HEIGHT, ALARM) > 100);
}

#[test]
fn a_host_holds_a_code_that_phones_can_read_and_a_friend_follows_it() {
    let _turn = common::alone();
    let server = Server::start(&["--bots", "2"]);
    let host = at_the_menu("Host", &server.url());
    host.hold(&["Tab", "Tab", "Return"]);
    host.sees("play with friends", is_page);
    host.hold(&["Return"]);
    host.sees("what is chosen for the room", |picture| picture.line(ACCENT, 100));
    host.hold(&["Return"]);
    host.sees("a QR code", Picture::has_code);
    let link = host.read_code();
    let (base, code) = link.split_once("/join/").expect("it is an invite link");
    assert_eq!(base, server.url());

    let mut friend = Stage::open("Friend");
    friend.start(&link, &["--transport", "udp"]);
    friend.plays();
    host.sees("the field again, now that a friend is there", |picture| !picture.has_code());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads can be started");
    let room = runtime.block_on(server.lobby().by_code(code)).expect("the room is open");
    assert_eq!((room.private, room.players), (true, 2));
}
