//! What every transport must do, as one list of cases run over each of them. This file is the contract.
//!
//! Flow: `tests/support` opens a link over the transport under test and hands over both ends.

mod support;

use bytes::Bytes;
use protocol::{CloseReason, Lane, Transport, limits};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::{IDENTITY, Rig, SOON, any_port, eventually, receive, timing};
use transport::{Closed, DialError, Link, LinkClosed, Lost, Offer, SendError};

macro_rules! conformance {
    ($($transport:ident: $($case:ident),*;)*) => {$(
        mod $transport {
            $(#[test]
            fn $case() {
                super::$case(super::named(stringify!($transport)));
            })*
        }
    )*};
}

conformance! {
    memory: echoes_on_both_lanes, keeps_order, carries_the_largest_messages, tells_why_it_closes, keeps_its_promises_before_it_closes,
        bounds_a_slow_reader, counts_what_it_carries, stamps_arrivals, sends_the_newest;
    udp: echoes_on_both_lanes, keeps_order, carries_the_largest_messages, tells_why_it_closes, keeps_its_promises_before_it_closes,
        bounds_a_slow_reader, counts_what_it_carries, stamps_arrivals, sends_the_newest,
        notices_a_client_that_died, notices_a_server_that_died, survives_garbage, gives_up_a_silent_server, takes_many_at_once,
        stops_in_order, stays_open_in_silence;
    quic: echoes_on_both_lanes, keeps_order, carries_the_largest_messages, tells_why_it_closes, keeps_its_promises_before_it_closes,
        bounds_a_slow_reader, counts_what_it_carries, stamps_arrivals, sends_the_newest,
        notices_a_client_that_died, notices_a_server_that_died, survives_garbage, gives_up_a_silent_server, takes_many_at_once,
        stops_in_order, stays_open_in_silence;
    websocket: echoes_on_both_lanes, keeps_order, carries_the_largest_messages, tells_why_it_closes, keeps_its_promises_before_it_closes,
        bounds_a_slow_reader, counts_what_it_carries, stamps_arrivals, sends_the_newest,
        notices_a_client_that_died, notices_a_server_that_died, survives_garbage, gives_up_a_silent_server, takes_many_at_once,
        stops_in_order, stays_open_in_silence;
    tcp: echoes_on_both_lanes, keeps_order, carries_the_largest_messages, tells_why_it_closes, keeps_its_promises_before_it_closes,
        bounds_a_slow_reader, counts_what_it_carries, stamps_arrivals, sends_the_newest,
        notices_a_client_that_died, notices_a_server_that_died, survives_garbage, gives_up_a_silent_server, takes_many_at_once,
        stops_in_order, stays_open_in_silence;
    http: echoes_on_both_lanes, keeps_order, carries_the_largest_messages, tells_why_it_closes, keeps_its_promises_before_it_closes,
        bounds_a_slow_reader, counts_what_it_carries, stamps_arrivals, sends_the_newest,
        notices_a_client_that_died, notices_a_server_that_died, survives_garbage, gives_up_a_silent_server, takes_many_at_once,
        stops_in_order, stays_open_in_silence;
    webtransport: echoes_on_both_lanes, keeps_order, carries_the_largest_messages, tells_why_it_closes, keeps_its_promises_before_it_closes,
        bounds_a_slow_reader, counts_what_it_carries, stamps_arrivals, sends_the_newest,
        notices_a_client_that_died, notices_a_server_that_died, survives_garbage, gives_up_a_silent_server, takes_many_at_once,
        stops_in_order, stays_open_in_silence;
}

fn named(name: &str) -> Transport {
    [Transport::Memory].into_iter().chain(Transport::ALL).find(|t| t.name() == name).unwrap()
}

/// Runs `check` with the ends in both roles.
fn both_ways(rig: &Rig, check: impl Fn(&Link, &Link)) {
    let (client, server) = rig.pair();
    check(&client, &server);
    check(&server, &client);
}

fn echoes_on_both_lanes(transport: Transport) {
    let rig = Rig::new(transport);
    let (client, server) = rig.pair();
    assert_eq!((client.transport(), server.transport()), (transport, transport));
    assert_ne!(client.id(), server.id());
    assert_eq!(server.identity().is_some(), transport == Transport::Udp);
    assert!(server.identity().is_none_or(|identity| *identity == IDENTITY));
    for lane in [Lane::Reliable, Lane::Latest] {
        for n in 0..20_u8 {
            client.send(lane, Bytes::from(vec![n; usize::from(n)])).unwrap();
            let there = receive(&server);
            assert_eq!((there.lane, there.bytes.len()), (lane, usize::from(n)));
            server.send(lane, there.bytes).unwrap();
            assert_eq!(receive(&client).bytes, vec![n; usize::from(n)]);
        }
    }
    // The server may speak first.
    let (client, server) = rig.pair();
    server.send(Lane::Reliable, Bytes::from_static(b"welcome")).unwrap();
    assert_eq!(receive(&client).bytes, &b"welcome"[..]);
}

fn keeps_order(transport: Transport) {
    let rig = Rig::new(transport);
    both_ways(&rig, |from, to| {
        let mut arrived = 0_u32;
        for n in 0..3_000_u32 {
            let mut message = n.to_le_bytes().to_vec();
            message.resize(4 + (n as usize * 7) % 150, 0xAA);
            from.send(Lane::Reliable, message.into()).unwrap();
            // In between, so that the two lanes share the wire.
            from.send(Lane::Latest, Bytes::from_static(b"x")).unwrap();
            if n % 100 == 0 {
                drain_in_order(to, &mut arrived);
            }
        }
        eventually("all arrive", SOON, || {
            drain_in_order(to, &mut arrived);
            (arrived == 3_000).then_some(())
        });
    });
}

fn drain_in_order(link: &Link, next: &mut u32) {
    while let Some(inbound) = link.try_recv() {
        if inbound.lane == Lane::Reliable {
            assert_eq!(u32::from_le_bytes(inbound.bytes[..4].try_into().unwrap()), *next);
            assert_eq!(inbound.bytes.len(), 4 + (*next as usize * 7) % 150);
            *next += 1;
        }
    }
}

fn carries_the_largest_messages(transport: Transport) {
    let rig = Rig::new(transport);
    both_ways(&rig, |from, to| {
        let pattern = |length: usize| -> Bytes { (0..length).map(|n| (n * 31 % 251) as u8).collect() };
        for (lane, limit) in [(Lane::Latest, limits::MAX_LATEST_BYTES), (Lane::Reliable, limits::MAX_RELIABLE_BYTES)] {
            assert_eq!(from.send(lane, pattern(limit + 1)), Err(SendError::TooBig));
            from.send(lane, pattern(limit)).unwrap();
            let inbound = receive(to);
            assert_eq!((inbound.lane, inbound.bytes == pattern(limit)), (lane, true));
        }
        for _ in 0..3 {
            from.send(Lane::Reliable, pattern(limits::MAX_RELIABLE_BYTES)).unwrap();
        }
        for _ in 0..3 {
            assert_eq!(receive(to).bytes, pattern(limits::MAX_RELIABLE_BYTES));
        }
    });
}

fn tells_why_it_closes(transport: Transport) {
    let rig = Rig::new(transport);
    for reason in CloseReason::ALL {
        for by_client in [true, false] {
            let (client, server) = rig.pair();
            let (one, other) = if by_client { (&client, &server) } else { (&server, &client) };
            one.close(reason);
            assert_eq!(one.send(Lane::Latest, Bytes::new()), Err(SendError::Closed));
            let said = eventually("the other end hears of it", SOON, || other.closed());
            assert_eq!(said, Closed::ByPeer(reason), "by_client {by_client}");
            let ours = eventually("this end is done", SOON, || one.closed());
            let slow = reason == CloseReason::SlowReader;
            assert_eq!(ours, if slow { Closed::Lost(Lost::SlowReader) } else { Closed::ByUs(reason) });
        }
    }
    let (client, server) = rig.pair();
    drop(client);
    assert_eq!(eventually("a dropped end says goodbye", SOON, || server.closed()), Closed::ByPeer(CloseReason::Done));
}

fn keeps_its_promises_before_it_closes(transport: Transport) {
    let rig = Rig::new(transport);
    for by_client in [true, false] {
        let (client, server) = rig.pair();
        let (one, other) = if by_client { (&client, &server) } else { (&server, &client) };
        for n in 0..50_u8 {
            one.send(Lane::Reliable, Bytes::from(vec![n; 1_500])).unwrap();
        }
        one.close(CloseReason::Refused);
        assert_eq!(eventually("it closes", SOON, || other.closed()), Closed::ByPeer(CloseReason::Refused));
        let arrived: Vec<u8> = std::iter::from_fn(|| other.try_recv()).map(|inbound| inbound.bytes[0]).collect();
        assert_eq!(arrived, (0..50).collect::<Vec<u8>>(), "by_client {by_client}");
    }
}

fn bounds_a_slow_reader(transport: Transport) {
    let rig = Rig::new(transport);
    for by_client in [true, false] {
        let (client, server) = rig.pair();
        let (from, to) = if by_client { (&client, &server) } else { (&server, &client) };
        let message = Bytes::from(vec![1; 16 * 1024]);
        let mut taken = 0;
        let refused = eventually("the sender is told", Duration::from_secs(10), || {
            assert!(to.stats().queued_bytes <= limits::LINK_BYTES && from.stats().queued_bytes <= limits::LINK_BYTES);
            match from.send(Lane::Reliable, message.clone()) {
                Ok(()) => taken += message.len(),
                Err(error) => return Some(error),
            }
            None
        });
        assert_eq!(refused, SendError::Full);
        assert!(taken <= 4 * limits::LINK_BYTES, "{taken} bytes were taken in all");
        assert_eq!(eventually("the link ends", SOON, || from.closed()), Closed::Lost(Lost::SlowReader));
    }
    let (client, server) = rig.pair();
    client.send(Lane::Reliable, Bytes::from_static(b"others are not affected")).unwrap();
    receive(&server);
}

fn counts_what_it_carries(transport: Transport) {
    let rig = Rig::new(transport);
    both_ways(&rig, |from, to| {
        let before = to.stats();
        for _ in 0..10 {
            from.send(Lane::Reliable, Bytes::from_static(&[1; 100])).unwrap();
            receive(to);
            from.send(Lane::Latest, Bytes::from_static(&[1; 200])).unwrap();
            receive(to);
        }
        let after = to.stats();
        assert_eq!(after.reliable_in.messages - before.reliable_in.messages, 10);
        assert_eq!(after.reliable_in.bytes - before.reliable_in.bytes, 1_000);
        assert_eq!(after.latest_in.bytes - before.latest_in.bytes, 2_000);
        assert_eq!((after.inbound_dropped, after.queued_bytes), (0, 0));
        eventually("the wire's bytes are counted", SOON, || {
            let (sent, received) = (from.stats(), to.stats());
            (sent.wire_out >= 3_000 && received.wire_in >= 3_000 && received.wire_in < 30_000).then_some(())
        });
        assert_eq!(from.stats().latest_out.messages + from.stats().latest_replaced, 10);
    });
}

fn stamps_arrivals(transport: Transport) {
    let rig = Rig::new(transport);
    both_ways(&rig, |from, to| {
        for lane in [Lane::Latest, Lane::Reliable] {
            let mut delays = Vec::new();
            for _ in 0..9 {
                let sent = Instant::now();
                from.send(lane, Bytes::from_static(b"now")).unwrap();
                // A session that looks late must not see a late arrival.
                std::thread::sleep(Duration::from_millis(25));
                delays.push(receive(to).at.saturating_duration_since(sent));
            }
            delays.sort();
            assert!(delays[4] < Duration::from_millis(12), "{lane:?}: {delays:?}");
        }
    });
}

fn sends_the_newest(transport: Transport) {
    let rig = Rig::new(transport);
    both_ways(&rig, |from, to| {
        let mut newest = 0;
        for n in 1..=5_000_u32 {
            from.send(Lane::Latest, Bytes::copy_from_slice(&n.to_le_bytes())).unwrap();
        }
        eventually("the newest arrives", SOON, || {
            while let Some(inbound) = to.try_recv() {
                newest = u32::from_le_bytes(inbound.bytes.as_ref().try_into().unwrap());
            }
            (newest == 5_000).then_some(())
        });
        let stats = from.stats();
        assert_eq!(stats.latest_out.messages + stats.latest_replaced, 5_000);
    });
}

fn notices_a_client_that_died(transport: Transport) {
    let rig = Rig::new(transport);
    let theirs = transport::runtime::runtime().unwrap();
    let (client, server) = rig.pair_on(&theirs);
    client.send(Lane::Reliable, Bytes::from_static(b"alive")).unwrap();
    receive(&server);
    theirs.shutdown_background();
    let within = rig.timing.silence + Duration::from_secs(2);
    let end = eventually("the server notices", within, || server.closed());
    assert!(matches!(end, Closed::Lost(Lost::TimedOut | Lost::Reset)), "{end:?}");
    let ours = eventually("a link without its task is not left open", SOON, || client.closed());
    assert_eq!(ours, Closed::Lost(Lost::Abandoned));
}

fn notices_a_server_that_died(transport: Transport) {
    let rig = Rig::new(transport);
    let ours = transport::runtime::runtime().unwrap();
    let (client, server) = rig.pair_on(&ours);
    client.send(Lane::Reliable, Bytes::from_static(b"alive")).unwrap();
    receive(&server);
    let within = rig.timing.silence + Duration::from_secs(2);
    rig.die();
    let end = eventually("the client notices", within, || client.closed());
    assert!(matches!(end, Closed::Lost(Lost::TimedOut | Lost::Reset)), "{end:?}");
}

fn survives_garbage(transport: Transport) {
    use std::io::Write;
    let rig = Rig::new(transport);
    let (client, server) = rig.pair();
    let mut seed = 12_345_u32;
    let mut noise = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    for n in 0..400_usize {
        let garbage: Vec<u8> = (0..(n * 13) % 1_500).map(|_| noise()).collect();
        match transport {
            Transport::Udp | Transport::Quic | Transport::Webtransport => {
                let to = if transport == Transport::Udp { rig.listeners.udp_addr } else { rig.listeners.quic_addr };
                let socket = std::net::UdpSocket::bind(any_port()).unwrap();
                socket.send_to(&garbage, to).unwrap();
            }
            _ => {
                let to = if transport == Transport::Tcp { rig.listeners.tcp_addr } else { rig.http };
                let mut tcp = std::net::TcpStream::connect(to).unwrap();
                let _ = tcp.write_all(&garbage);
            }
        }
    }
    client.send(Lane::Reliable, Bytes::from_static(b"still here")).unwrap();
    assert_eq!(receive(&server).bytes, &b"still here"[..]);
    let (client, server) = rig.pair();
    server.send(Lane::Latest, Bytes::from_static(b"and open")).unwrap();
    assert_eq!(receive(&client).bytes, &b"and open"[..]);
}

fn gives_up_a_silent_server(transport: Transport) {
    let rig = Rig::new(transport);
    // These take what comes and never answer.
    let udp = std::net::UdpSocket::bind(any_port()).unwrap();
    let tcp = std::net::TcpListener::bind(any_port()).unwrap();
    let offer = match rig.offer() {
        Offer::Udp { token, .. } => Offer::Udp { token, server: udp.local_addr().ok() },
        Offer::Quic { certificate_sha256, .. } => Offer::Quic { addr: udp.local_addr().unwrap(), certificate_sha256 },
        Offer::Websocket { .. } => Offer::Websocket { url: format!("ws://{}/v1/link", tcp.local_addr().unwrap()) },
        Offer::Http { mode, .. } => {
            Offer::Http { url: format!("http://{}/v1/link/http", tcp.local_addr().unwrap()), mode }
        }
        Offer::Webtransport { certificate_sha256, signed_for, .. } => {
            let url = format!("https://{}/v1/link", udp.local_addr().unwrap());
            Offer::Webtransport { url, certificate_sha256, signed_for }
        }
        Offer::Tcp { nagle, .. } => Offer::Tcp { addr: tcp.local_addr().unwrap(), nagle },
    };
    let patience = transport::Timing { handshake: Duration::from_millis(300), ..timing() };
    let started = Instant::now();
    let refused = rig.runtime.block_on(transport::dial_with(offer, patience)).unwrap_err();
    assert!(matches!(refused, DialError::NoAnswer { .. }), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(refused.to_string().starts_with("No answer over "), "{refused}");
}

fn takes_many_at_once(transport: Transport) {
    const MANY: u32 = 64;
    let rig = Rig::new(transport);
    let dials = (0..MANY).map(|_| rig.runtime.spawn(transport::dial_with(rig.offer(), rig.timing)));
    let clients: Vec<Link> = dials
        .collect::<Vec<_>>()
        .into_iter()
        .map(|dial| rig.runtime.block_on(dial).unwrap().expect("every dial succeeds"))
        .collect();
    let servers: Vec<Link> = (0..MANY).map(|_| rig.accept()).collect();
    for (n, client) in clients.iter().enumerate() {
        client.send(Lane::Reliable, Bytes::from((n as u32).to_le_bytes().to_vec())).unwrap();
    }
    let heard: BTreeSet<u32> =
        servers.iter().map(|server| u32::from_le_bytes(receive(server).bytes.as_ref().try_into().unwrap())).collect();
    assert_eq!(heard, (0..MANY).collect());
}

fn stays_open_in_silence(transport: Transport) {
    let rig = Rig::new(transport);
    let (client, server) = rig.pair();
    std::thread::sleep(rig.timing.silence * 2);
    assert_eq!((client.closed(), server.closed()), (None, None));
    client.send(Lane::Latest, Bytes::from_static(b"good morning")).unwrap();
    receive(&server);
    if transport != Transport::Udp {
        assert!(client.stats().rtt.is_some_and(|rtt| rtt < Duration::from_millis(200)), "{:?}", client.stats().rtt);
    }
}

fn stops_in_order(transport: Transport) {
    use bevy::app::Update;
    use bevy::ecs::observer::On;
    use bevy::ecs::system::{Query, Res};
    use bevy::prelude::Resource;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    #[derive(Resource, Clone, Default)]
    struct Told {
        stop: Arc<AtomicBool>,
        links: Arc<AtomicUsize>,
        ends: Arc<AtomicUsize>,
    }

    let told = Told::default();
    let in_app = told.clone();
    let (_, nothing) = std::sync::mpsc::channel();
    let rig = Rig::with(transport, nothing, move |app| {
        app.insert_resource(in_app)
            .add_systems(Update, |links: Query<&Link>, told: Res<Told>| {
                told.links.store(links.iter().len(), Ordering::Relaxed);
                if told.stop.load(Ordering::Relaxed) {
                    links.iter().for_each(|link| link.close(CloseReason::ServerStopping));
                }
            })
            .add_observer(|end: On<LinkClosed>, told: Res<Told>| {
                assert_eq!(end.closed, Closed::ByUs(CloseReason::ServerStopping));
                told.ends.fetch_add(1, Ordering::Relaxed);
            });
    });
    let clients: Vec<Link> =
        (0..5).map(|_| rig.runtime.block_on(transport::dial_with(rig.offer(), rig.timing)).unwrap()).collect();
    eventually("all are in", SOON, || (told.links.load(Ordering::Relaxed) == 5).then_some(()));
    told.stop.store(true, Ordering::Relaxed);
    for client in &clients {
        let end = eventually("the client is told", SOON, || client.closed());
        assert_eq!(end, Closed::ByPeer(CloseReason::ServerStopping));
    }
    eventually("no link is left", SOON, || (told.links.load(Ordering::Relaxed) == 0).then_some(()));
    assert_eq!(told.ends.load(Ordering::Relaxed), 5, "each end is announced once");

    let (runtime, listeners) = rig.stop_app();
    let config = transport::ServerConfig::new(listeners.udp_addr, listeners.quic_addr, listeners.tcp_addr);
    eventually("the ports are free again", SOON, || transport::server::bind(config.clone(), runtime.handle()).ok());
}
