//! Servers are found on the local network without an address: on one machine, and over a cable between two.
//!
//! The two machines are network namespaces with an Ethernet cable (veth) between them. Skipped, aloud, without root or the `ip` command.
//!
//! Flow: real server → mDNS → [`Browser::servers`].

mod common;

use common::{Server, alone};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use transport::lan::{Browser, LanServer};

/// How long an announcement may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// Waits until the list of servers called `name` is as it should be.
fn wait_for(browser: &Browser, name: &str, what: &str, is: impl Fn(&[LanServer]) -> bool) -> Vec<LanServer> {
    let until = Instant::now() + SEEN_WITHIN;
    loop {
        let found: Vec<_> = browser.servers().into_iter().filter(|server| server.name == name).collect();
        if is(&found) {
            return found;
        }
        assert!(Instant::now() < until, "no {what}: {:?}", browser.servers());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn port(server: &Server) -> u16 {
    let address = server.address("http");
    address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("an address with a port")
}

/// Finds `server` by its name, and checks what is told of it, and that it is gone when it is gone.
fn found_and_lost(mut server: Server, name: &str) -> LanServer {
    let browser = Browser::start();
    let found = wait_for(&browser, name, "server that answers", |found| {
        found.iter().any(|server| server.round_trip.is_some() && server.seats == 12)
    });
    let [seen] = &found[..] else { panic!("one server is listed once: {found:?}") };
    assert!(seen.same_protocol() && seen.version == env!("CARGO_PKG_VERSION"), "{seen:?}");
    assert_eq!((seen.addr.port(), seen.players), (port(&server), 0));
    assert!(seen.round_trip.is_some_and(|time| time < Duration::from_millis(500)), "{seen:?}");
    server.terminate();
    server.ended(Duration::from_secs(10)).expect("it stops");
    wait_for(&browser, name, "goodbye", <[_]>::is_empty);
    seen.clone()
}

#[test]
fn a_server_on_this_machine_is_listed_while_it_runs() {
    let _turn = alone();
    let server = Server::start_on("0.0.0.0:0", &["--lan-name", "Listed here", "--seats", "12"]);
    found_and_lost(server, "Listed here");
}

#[test]
fn a_server_that_is_killed_or_wants_no_guests_is_not_listed() {
    let _turn = alone();
    let shy = Server::start_on("0.0.0.0:0", &["--no-lan"]);
    let alone = Server::start(&["--lan-name", "Killed"]);
    let open = Server::start_on("0.0.0.0:0", &["--lan-name", "Killed"]);
    let browser = Browser::start();
    let found =
        wait_for(&browser, "Killed", "server that answers", |found| found.iter().any(|s| s.round_trip.is_some()));
    let ports: Vec<_> = found.iter().map(|server| server.addr.port()).collect();
    assert_eq!(ports, [port(&open)], "whoever can be reached from here alone is not announced");
    assert!(browser.servers().iter().all(|server| ![port(&shy), port(&alone)].contains(&server.addr.port())));
    // It cannot say goodbye any more.
    drop(open);
    wait_for(&browser, "Killed", "silence noticed", <[_]>::is_empty);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_on_another_machine_is_listed() {
    use lab::tun::{Side, Tunnel};
    use std::process::{Command, Stdio};
    use transport::Weather;

    let _turn = alone();
    let tunnel = match Tunnel::open(Weather::CALM) {
        Ok(tunnel) => tunnel,
        Err(sentence) => return eprintln!("skipped: {sentence}"),
    };
    let ip = |side, arguments: &str| {
        let mut command = Command::new("ip");
        command.args(arguments.split_whitespace()).stderr(Stdio::null());
        tunnel.spawn(side, &mut command).is_ok_and(|mut child| child.wait().is_ok_and(|status| status.success()))
    };
    // A cable's other end is named by a process that lives there.
    let mut there = tunnel.spawn(Side::Client, Command::new("sleep").arg("60")).expect("somebody in the namespace");
    let laid = ip(Side::Server, &format!("link add cable type veth peer name cable netns {}", there.id()))
        && ip(Side::Server, "addr add 10.77.0.1/24 dev cable")
        && ip(Side::Client, "addr add 10.77.0.2/24 dev cable")
        && ip(Side::Server, "link set cable up")
        && ip(Side::Client, "link set cable up");
    let _ = there.kill();
    let _ = there.wait();
    if !laid {
        return eprintln!("skipped: this needs the command `ip` and a kernel with veth.");
    }
    let server = {
        let _inside = tunnel.enter(Side::Server).expect("a way in");
        Server::start_on("0.0.0.0:0", &["--lan-name", "Over the cable", "--seats", "12"])
    };
    let _inside = tunnel.enter(Side::Client).expect("a way in");
    let seen = found_and_lost(server, "Over the cable");
    assert_eq!(seen.addr.ip(), IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)));
}
