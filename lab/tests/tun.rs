//! The real link, held to its word: delay, loss, the kernel's TCP, and that nothing is left behind. Skipped, aloud, without root.
//!
//! Flow: [`Tunnel::open`] -> real sockets in both namespaces -> the clock.
#![cfg(target_os = "linux")]

use lab::tun::{Side, Tunnel, hurry};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use transport::weather::{Conditions, Direction, Weather};

/// Opens a link, or says why there is none.
fn open(conditions: Conditions, seed: u64) -> Option<Tunnel> {
    match Tunnel::open(Weather { seed, ..Weather::even(conditions) }) {
        Ok(tunnel) => Some(tunnel),
        Err(sentence) => {
            let expected = ["needs root", "needs TUN"].iter().any(|reason| sentence.contains(reason));
            assert!(expected, "{sentence}");
            eprintln!("skipped: {sentence}");
            None
        }
    }
}

fn socket(tunnel: &Tunnel, side: Side) -> UdpSocket {
    let _inside = tunnel.enter(side).expect("a way in");
    let socket = UdpSocket::bind((tunnel.addr(side), 42_500)).expect("a free port");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    socket
}

fn pair(tunnel: &Tunnel) -> (UdpSocket, UdpSocket) {
    let (server, client) = (socket(tunnel, Side::Server), socket(tunnel, Side::Client));
    server.connect(client.local_addr().expect("an address")).expect("a peer");
    client.connect(server.local_addr().expect("an address")).expect("a peer");
    (server, client)
}

/// Sends numbered datagrams, one every so often, and returns each one's number and the time that it took.
fn fly(from: &UdpSocket, to: &UdpSocket, count: u32, every: Duration) -> Vec<(u32, Duration)> {
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            hurry();
            for number in 0..count {
                thread::sleep((began + every * number).saturating_duration_since(Instant::now()));
                let sent = began.elapsed().as_nanos() as u64;
                let datagram = [u64::from(number).to_le_bytes(), sent.to_le_bytes()].concat();
                assert_eq!(from.send(&datagram).expect("a way out"), 16);
            }
        });
        let receive = scope.spawn(|| {
            hurry();
            let mut arrived = Vec::new();
            let mut datagram = [0; 16];
            while to.recv(&mut datagram).is_ok() {
                let [number, sent] =
                    [0, 8].map(|at| u64::from_le_bytes(datagram[at..at + 8].try_into().expect("8 bytes")));
                let took = began.elapsed().saturating_sub(Duration::from_nanos(sent));
                arrived.push((u32::try_from(number).expect("a number of ours"), took));
            }
            arrived
        });
        receive.join().expect("a receiver")
    })
}

#[test]
fn datagrams_take_the_delay_both_ways() {
    let Some(tunnel) = open(Conditions { delay_ms: 20.0, ..Conditions::CALM }, 1) else { return };
    let (server, client) = pair(&tunnel);
    for (from, to) in [(&client, &server), (&server, &client)] {
        let arrived = fly(from, to, 200, Duration::from_millis(5));
        assert_eq!(arrived.len(), 200);
        let mut took: Vec<Duration> = arrived.iter().map(|(_, took)| *took).collect();
        took.sort();
        // Never early; late only by what the machine adds, of which half are free even while it is busy.
        assert!(took[0] >= Duration::from_millis(20), "{:?}", took[0]);
        assert!(took[100] < Duration::from_millis(23), "median {:?}, 95th {:?}", took[100], took[190]);
    }
    let late = tunnel.take_lateness();
    assert!(late.p50 < 2.0, "{late:?}");
    for direction in [Direction::Up, Direction::Down] {
        let traffic = tunnel.traffic(direction);
        assert_eq!((traffic.packets.forwarded, traffic.packets.lost), (200, 0), "{direction:?}");
        // 16 bytes, UDP's 8 and IPv4's 20.
        assert_eq!(traffic.bytes, 200 * 44);
    }
}

#[test]
fn loss_is_what_was_asked_for_and_the_same_again_from_the_same_seed() {
    let lossy = Conditions { loss_percent: 30.0, ..Conditions::CALM };
    let Some(tunnel) = open(lossy, 9) else { return };
    let (server, client) = pair(&tunnel);
    let fly = || {
        fly(&client, &server, 4_000, Duration::from_micros(200))
            .into_iter()
            .map(|(number, _)| number)
            .collect::<Vec<_>>()
    };
    let first = fly();
    // Four standard deviations of 4,000 throws are 2.9 %.
    let lost = 1.0 - first.len() as f64 / 4_000.0;
    assert!((lost - 0.3).abs() < 0.03, "{lost}");
    let traffic = tunnel.traffic(Direction::Up).packets;
    assert_eq!((traffic.forwarded + traffic.lost, traffic.forwarded), (4_000, first.len() as u64));
    tunnel.set(Weather { seed: 9, ..Weather::even(lossy) });
    assert_eq!(fly(), first);
    tunnel.set(Weather { seed: 10, ..Weather::even(lossy) });
    assert_ne!(fly(), first);
}

#[test]
fn the_kernels_tcp_connects_and_repeats_what_is_lost() {
    let Some(tunnel) = open(Conditions { delay_ms: 5.0, loss_percent: 5.0, ..Conditions::CALM }, 3) else { return };
    let listener = {
        let _inside = tunnel.enter(Side::Server).expect("a way in");
        TcpListener::bind((tunnel.addr(Side::Server), 42_501)).expect("a free port")
    };
    let address = listener.local_addr().expect("an address");
    let sent: Vec<u8> = (0..400_000_u32).map(|at| (at ^ (at >> 8)) as u8).collect();
    let read = thread::scope(|scope| {
        scope.spawn(|| {
            let _inside = tunnel.enter(Side::Client).expect("a way in");
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.write_all(&sent).expect("a stream");
        });
        let (mut stream, peer) = listener.accept().expect("a connection");
        assert_eq!(peer.ip(), tunnel.addr(Side::Client));
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let mut read = Vec::new();
        stream.read_to_end(&mut read).expect("a whole stream");
        read
    });
    assert!(read == sent, "{} of {} bytes", read.len(), sent.len());
    assert!(tunnel.traffic(Direction::Up).packets.lost > 0);
}

#[test]
fn runtimes_and_programs_live_inside() {
    let Some(tunnel) = open(Conditions::CALM, 1) else { return };
    let address = SocketAddr::new(tunnel.addr(Side::Server), 42_502);
    let (server, client) =
        (tunnel.runtime(Side::Server, 2).expect("a runtime"), tunnel.runtime(Side::Client, 1).expect("a runtime"));
    let bind = server.spawn(async move { tokio::net::TcpListener::bind(address).await });
    let listener = server.block_on(bind).expect("a task").expect("an address of this namespace");
    let accepted = server.spawn(async move { listener.accept().await.map(|(_, peer)| peer.ip()) });
    let dial = client.spawn(async move { tokio::net::TcpStream::connect(address).await.map(drop) });
    client.block_on(dial).expect("a task").expect("a connection");
    assert_eq!(server.block_on(accepted).expect("a task").expect("a peer"), tunnel.addr(Side::Client));
    let mut cat = Command::new("cat");
    cat.arg("/proc/self/net/dev").stdout(std::process::Stdio::piped());
    let shown = tunnel.spawn(Side::Server, &mut cat).expect("a program").wait_with_output().expect("its output");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("weather:") && !shown.contains("eth0:"), "{shown}");
}

/// Returns which network namespaces any thread or descriptor of this process leads to.
fn namespaces() -> BTreeSet<String> {
    let links = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder of this process").flatten();
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).map(|link| link.display().to_string()).collect()
    };
    let tasks = fs::read_dir("/proc/self/task").expect("threads").flatten();
    let threads = tasks.filter_map(|task| fs::read_link(task.path().join("ns/net")).ok());
    let threads: Vec<String> = threads.map(|link| link.display().to_string()).collect();
    links("/proc/self/fd").into_iter().chain(threads).filter(|link| link.starts_with("net:[")).collect()
}

#[test]
fn nothing_is_left_behind() {
    let Some(tunnel) = open(Conditions::CALM, 1) else { return };
    let here = || fs::read_link("/proc/thread-self/ns/net").expect("a namespace").display().to_string();
    let home = here();
    let ours = [Side::Server, Side::Client].map(|side| {
        let _inside = tunnel.enter(side).expect("a way in");
        here()
    });
    assert_eq!(here(), home);
    assert!(ours[0] != ours[1] && !ours.contains(&home));
    assert!(ours.iter().all(|ours| namespaces().contains(ours)));
    let named = || fs::read_dir("/run/netns").map_or(0, Iterator::count);
    let before = named();
    drop(tunnel);
    // A thread that has ended is in the list a moment longer.
    let deadline = Instant::now() + Duration::from_secs(5);
    while ours.iter().any(|ours| namespaces().contains(ours)) {
        assert!(Instant::now() < deadline, "{:?} of {ours:?}", namespaces());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(named(), before);
}
