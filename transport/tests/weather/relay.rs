//! The relays over real sockets of this machine, under every wire.

use super::ms;
use super::support::{IDENTITY, KEY, Rig, SOON, any_port, eventually, receive};
use bytes::Bytes;
use protocol::{Lane, Transport, limits};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use transport::weather::WeatherStation;
use transport::{DialError, HttpMode, Link, Offer, Timing};

/// What a busy machine may add to a time that was measured many times, of which the median counts.
const SLACK: Duration = Duration::from_millis(6);

fn station(weather: &str) -> WeatherStation {
    WeatherStation::new(weather.parse().unwrap())
}

/// Opens a link through `station` and returns both ends: the client's, the server's.
fn pair(rig: &Rig, station: &WeatherStation) -> (Link, Link) {
    let client = rig.runtime.block_on(station.dial(rig.offer(), rig.timing)).unwrap();
    (client, rig.accept())
}

/// Returns the median time from one end to the other.
fn takes(from: &Link, to: &Link) -> Duration {
    let mut times: Vec<Duration> = (0..15_u8)
        .map(|number| {
            let sent = Instant::now();
            from.send(Lane::Latest, Bytes::from(vec![number; 100])).unwrap();
            let inbound = receive(to);
            assert_eq!(inbound.bytes, vec![number; 100]);
            inbound.at - sent
        })
        .collect();
    times.sort();
    times[7]
}

/// Fails unless a time is as expected, or longer by less than `patience` and what a busy machine takes.
fn about(measured: Duration, expected: Duration, patience: Duration) {
    assert!(
        measured >= expected.saturating_sub(ms(0.1)) && measured < expected + patience + SLACK,
        "{measured:?}, not {expected:?}"
    );
}

#[test]
fn every_wire_takes_the_delay_of_its_direction_and_changes_act_at_once() {
    for wire in Transport::WIRES {
        let rig = Rig::new(wire);
        let station = station("calm");
        let (client, server) = pair(&rig, &station);
        // A call waits for the answer to the one before: a round trip at most.
        let patience = |round_trip| if wire == Transport::Http { ms(round_trip) } else { Duration::ZERO };
        about(takes(&client, &server), Duration::ZERO, patience(0.0));
        station.set("up.delay=30,down.delay=12".parse().unwrap());
        about(takes(&client, &server), ms(30.0), patience(42.0));
        about(takes(&server, &client), ms(12.0), patience(42.0));
        station.lag_spike(ms(50.0), SOON);
        about(takes(&client, &server), ms(80.0), patience(142.0));
        assert!(station.counts(wire).forwarded > 60, "{wire}: {:?}", station.counts(wire));
        assert_eq!(station.counts(wire).lost, 0, "{wire}");
    }
}

#[test]
fn reliable_messages_survive_bad_weather_on_every_wire() {
    for wire in Transport::WIRES {
        let rig = Rig::new(wire);
        let station = station("delay=10,jitter=5,loss=5,burst=2,reorder=3,dup=3,seed=3");
        let (client, server) = pair(&rig, &station);
        let message = |number: u16| Bytes::from(vec![number as u8; 10 + usize::from(number) * 23]);
        for number in 0..80 {
            client.send(Lane::Reliable, message(number)).unwrap();
            server.send(Lane::Reliable, message(number)).unwrap();
        }
        for end in [&server, &client] {
            (0..80).for_each(|number| assert_eq!(receive(end).bytes, message(number), "{wire}, {number}"));
        }
        let counts = station.counts(wire);
        assert!(counts.lost > 0 && counts.delayed > 0 && counts.reordered > 0, "{wire}: {counts:?}");
        let stream = !wire.is_of_datagrams();
        assert_eq!(stream, counts.duplicated == 0, "{wire}: {counts:?}");
        assert_eq!(stream, counts.stalled > Duration::ZERO, "{wire}: {counts:?}");
    }
}

fn route(runtime: &tokio::runtime::Runtime, station: &WeatherStation, offer: Offer) -> Offer {
    runtime.block_on(station.route(&offer)).unwrap()
}

fn door(offer: &Offer) -> SocketAddr {
    match offer {
        Offer::Udp { server, .. } => server.unwrap(),
        Offer::Quic { addr, .. } | Offer::Tcp { addr, .. } => *addr,
        Offer::Websocket { url } | Offer::Http { url, .. } | Offer::Webtransport { url, .. } => {
            url.split('/').nth(2).unwrap().parse().unwrap()
        }
    }
}

/// Two ends of a flow of datagrams with a relay in between; both have said something.
fn flow(runtime: &tokio::runtime::Runtime, station: &WeatherStation, quic: bool) -> (UdpSocket, UdpSocket, SocketAddr) {
    let server = UdpSocket::bind(any_port()).unwrap();
    let addr = server.local_addr().unwrap();
    let offer = match quic {
        true => Offer::Quic { addr, certificate_sha256: [0; 32] },
        false => Offer::Udp { token: Vec::new(), server: Some(addr) },
    };
    let door = door(&route(runtime, station, offer));
    let client = UdpSocket::bind(any_port()).unwrap();
    client.connect(door).unwrap();
    client.send(b"hello").unwrap();
    let mut buffer = [0; 100];
    [&server, &client].into_iter().for_each(|socket| socket.set_read_timeout(Some(SOON)).unwrap());
    let (_, back) = server.recv_from(&mut buffer).unwrap();
    server.connect(back).unwrap();
    server.send(b"hello").unwrap();
    assert_eq!(client.recv(&mut buffer).unwrap(), 5);
    (client, server, door)
}

fn read_dry(socket: &UdpSocket, within: Duration) -> Vec<Vec<u8>> {
    let mut buffer = [0; 100];
    socket.set_read_timeout(Some(within)).unwrap();
    std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())).collect()
}

#[test]
fn datagrams_are_lost_while_the_cable_is_out_and_come_again_at_once() {
    let runtime = transport::runtime::runtime().unwrap();
    for quic in [false, true] {
        let station = station("delay=20");
        let (client, server, _) = flow(&runtime, &station, quic);
        let wire = if quic { Transport::Quic } else { Transport::Udp };
        station.unplug(Some(wire));
        (0..10).for_each(|_| assert_eq!(client.send(b"lost").unwrap(), 4));
        assert_eq!(read_dry(&server, Duration::from_secs(1)), Vec::<Vec<u8>>::new());
        station.plug_in(None);
        let sent = Instant::now();
        client.send(b"back").unwrap();
        assert_eq!(read_dry(&server, ms(200.0)), [b"back"]);
        assert!(sent.elapsed() < SOON);
        assert_eq!(station.counts(wire).lost, 10);
    }
}

#[test]
fn a_relay_ends_when_either_end_is_gone() {
    let runtime = transport::runtime::runtime().unwrap();
    let free = |door: SocketAddr| eventually("the door is closed", SOON, || UdpSocket::bind(door).ok());
    let (client, server, door) = flow(&runtime, &station("calm"), false);
    drop(client);
    server.send(b"is anybody there?").unwrap();
    free(door);
    let (client, server, door) = flow(&runtime, &station("calm"), false);
    drop(server);
    std::thread::sleep(ms(600.0));
    let _ = client.send(b"is anybody there?");
    free(door);
}

/// Two ends of a connection with a relay in between.
fn connection(runtime: &tokio::runtime::Runtime, station: &WeatherStation) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(any_port()).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let door = door(&route(runtime, station, Offer::Websocket { url }));
    let client = TcpStream::connect(door).unwrap();
    let (server, _) = listener.accept().unwrap();
    [&client, &server].into_iter().for_each(|socket| socket.set_nodelay(true).unwrap());
    (client, server)
}

#[test]
fn a_stream_stands_still_while_the_cable_is_out_and_loses_nothing() {
    let runtime = transport::runtime::runtime().unwrap();
    let station = station("delay=20");
    let (mut client, mut server) = connection(&runtime, &station);
    let mut buffer = [0; 4];
    client.write_all(b"one.").unwrap();
    server.read_exact(&mut buffer).unwrap();
    station.unplug(None);
    client.write_all(b"two.").unwrap();
    client.write_all(b"six.").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let silence = server.read_exact(&mut buffer).unwrap_err().kind();
    assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    station.plug_in(None);
    // The next repeat: timeouts have doubled for a second.
    server.set_read_timeout(Some(SOON)).unwrap();
    for text in [b"two.", b"six."] {
        server.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, text);
    }
    assert!(station.counts(Transport::Websocket).stalled > ms(900.0), "{:?}", station.counts(Transport::Websocket));
    // The end travels too, in both directions on its own.
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut buffer).unwrap(), 0);
    server.write_all(b"bye.").unwrap();
    drop(server);
    client.read_exact(&mut buffer).unwrap();
    assert_eq!((&buffer, client.read(&mut buffer.clone()).unwrap()), (b"bye.", 0));
}

#[test]
fn a_slow_reader_stops_the_writer_and_gets_everything() {
    /// What the kernel holds in four sockets and the relay in between, with room to spare.
    const HELD: usize = 2 * 1024 * 1024;
    const BUFFER: usize = 64 * 1024;
    let runtime = transport::runtime::runtime().unwrap();
    let byte = |at: usize| (at % 251) as u8;
    for weather in ["calm", "delay=5,loss=2"] {
        let (mut client, mut server) = connection(&runtime, &station(weather));
        socket2::SockRef::from(&client).set_send_buffer_size(BUFFER).unwrap();
        socket2::SockRef::from(&server).set_recv_buffer_size(BUFFER).unwrap();
        client.set_nonblocking(true).unwrap();
        let mut written = 0;
        let mut blocked = Instant::now();
        while blocked.elapsed() < ms(700.0) {
            let chunk: Vec<u8> = (written..written + 8_192).map(byte).collect();
            match client.write(&chunk) {
                Ok(length) => {
                    written += length;
                    blocked = Instant::now();
                    assert!(written < 2 * HELD, "{weather}: nobody stops it");
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    std::thread::sleep(ms(5.0));
                }
            }
        }
        assert!(written < HELD, "{weather}: {written}");
        drop(client);
        let mut read = Vec::new();
        server.set_read_timeout(Some(SOON)).unwrap();
        server.read_to_end(&mut read).unwrap();
        assert!(read.len() == written && (0..written).all(|at| read[at] == byte(at)), "{weather}");
    }
}

#[test]
fn a_door_relays_a_few_connections_and_none_for_long_that_one_end_has_left() {
    const FEW: usize = 2 * limits::HTTP_CONNECTIONS;
    let runtime = transport::runtime::runtime().unwrap();
    let listener = TcpListener::bind(any_port()).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let door = door(&route(&runtime, &station("calm"), Offer::Http { url, mode: HttpMode::LongPoll }));
    let open = || TcpStream::connect(door).unwrap();
    let mut few: Vec<_> = (0..FEW).map(|_| (open(), listener.accept().unwrap().0)).collect();
    // Hung up on, whatever the system makes of the connection until then.
    let mut hung_up = open();
    hung_up.set_read_timeout(Some(SOON)).unwrap();
    let end = hung_up.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "one too many: {end:?}");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "it never comes to the server");
    // The server has said all; the client says nothing and does not go.
    let (mut left, server) = few.pop().unwrap();
    server.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(left.read(&mut [0]).unwrap(), 0);
    let began = Instant::now();
    server.set_nonblocking(false).unwrap();
    assert_eq!((&server).read(&mut [0]).unwrap(), 0, "the relay lets go of it");
    assert!(began.elapsed() < limits::LINK_TIMEOUT + 2 * limits::KEEP_ALIVE, "{:?}", began.elapsed());
    let (mut client, mut server) = (open(), eventually("there is room again", SOON, || listener.accept().ok()).0);
    client.write_all(b"next").unwrap();
    server.set_nonblocking(false).unwrap();
    server.read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn a_closed_port_is_reported_as_without_weather() {
    let runtime = transport::runtime::runtime().unwrap();
    let station = station("delay=5");
    let closed = TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let url = format!("ws://{closed}/v1/link");
    let dialled = runtime.block_on(station.dial(Offer::Websocket { url: url.clone() }, Timing::default()));
    match dialled {
        Err(DialError::Refused { to, .. }) => assert_eq!(to, url),
        other => panic!("{other:?}"),
    }
    let closed = UdpSocket::bind(any_port()).unwrap().local_addr().unwrap();
    let token = transport::udp::connect_token(&KEY, &[closed], &IDENTITY, &Timing::default()).unwrap();
    let began = Instant::now();
    let dialled = runtime.block_on(station.dial(Offer::Udp { token, server: None }, Timing::default()));
    assert!(matches!(dialled, Err(DialError::Refused { .. })), "{dialled:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
    let nonsense = Offer::Websocket { url: "nonsense".into() };
    let dialled = runtime.block_on(station.dial(nonsense, Timing::default()));
    assert!(matches!(dialled, Err(DialError::Address(_))), "{dialled:?}");
}

#[test]
fn handshakes_meet_the_weather_too() {
    for wire in Transport::WIRES {
        let rig = Rig::new(wire);
        let began = Instant::now();
        let _ends = pair(&rig, &station("delay=40"));
        // One round trip for the handshake of each, and what the first message takes on top.
        assert!(began.elapsed() > ms(80.0), "{wire}: {:?}", began.elapsed());
    }
}
