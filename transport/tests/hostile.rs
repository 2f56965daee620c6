//! What each transport refuses: wrong tickets, wrong certificates, wrong doors, frames that no client of ours sends.
//!
//! Flow: `tests/support` runs the server; the clients here are not ours, or have been given something wrong.

#[allow(dead_code, reason = "shared with the conformance suite, which needs more of it")]
mod support;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use protocol::{Lane, Transport, limits};
use renetcode::{ClientAuthentication, ConnectToken, NetcodeClient};
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{IDENTITY, KEY, Rig, SOON, any_port, eventually, receive, timing};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use transport::{BindError, Closed, DialError, Link, Lost, Offer, ServerConfig, Timing, udp};

fn dial(rig: &Rig, offer: Offer) -> Result<Link, DialError> {
    let impatient = Timing { handshake: Duration::from_millis(600), ..timing() };
    rig.runtime.block_on(transport::dial_with(offer, impatient))
}

fn dial_udp(rig: &Rig, token: Vec<u8>) -> Result<Link, DialError> {
    dial(rig, Offer::Udp { token, server: None })
}

fn minted_at(rig: &Rig, at: Duration, key: &[u8; 32]) -> Vec<u8> {
    let addresses = vec![rig.listeners.udp_addr];
    let id = limits::NETCODE_PROTOCOL_ID;
    let token = ConnectToken::generate(at, id, 30, 1, 10, addresses, Some(&IDENTITY), key).unwrap();
    let mut bytes = Vec::new();
    token.write(&mut bytes).unwrap();
    bytes
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

#[test]
fn an_altered_token_does_not_open_a_link() {
    let rig = Rig::new(Transport::Udp);
    let good = rig.token();
    // In the sealed part, and in the expiry that the seal covers.
    for at in [60_usize, 500, 1_000, 37] {
        let mut token = good.clone();
        token[at] ^= 1;
        assert!(dial_udp(&rig, token).is_err(), "byte {at}");
    }
    assert!(matches!(dial_udp(&rig, good[..100].to_vec()), Err(DialError::Token(_))));
    assert!(matches!(dial_udp(&rig, Vec::new()), Err(DialError::Token(_))));
    dial_udp(&rig, good).unwrap();
}

#[test]
fn an_expired_token_and_one_of_another_server_do_not_open_a_link() {
    let rig = Rig::new(Transport::Udp);
    let expired = minted_at(&rig, now() - Duration::from_secs(60), &KEY);
    assert!(matches!(dial_udp(&rig, expired), Err(DialError::NoAnswer { .. })));
    let foreign = minted_at(&rig, now(), &[43; 32]);
    assert!(matches!(dial_udp(&rig, foreign), Err(DialError::NoAnswer { .. })));
    dial_udp(&rig, minted_at(&rig, now(), &KEY)).unwrap();
}

#[test]
fn a_token_opens_one_link_only() {
    let rig = Rig::new(Transport::Udp);
    let token = rig.token();
    let first = dial_udp(&rig, token.clone()).unwrap();
    assert!(dial_udp(&rig, token).is_err());
    assert_eq!(first.closed(), None);
}

#[test]
fn a_token_without_an_address_is_not_minted() {
    assert!(udp::connect_token(&KEY, &[], &IDENTITY, &timing()).is_err());
}

#[test]
fn nobody_at_home_is_said_at_once() {
    let rig = Rig::new(Transport::Udp);
    let vacant = std::net::UdpSocket::bind(any_port()).unwrap().local_addr().unwrap();
    let refused = dial(&rig, Offer::Udp { token: rig.token(), server: Some(vacant) }).unwrap_err();
    assert!(matches!(refused, DialError::Refused { .. }), "{refused:?}");
    let vacant = std::net::TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let refused = dial(&rig, Offer::Websocket { url: format!("ws://{vacant}/v1/link") }).unwrap_err();
    assert!(matches!(refused, DialError::Refused { .. }), "{refused:?}");
}

#[test]
fn datagrams_of_every_shape_are_counted_and_change_nothing() {
    let rig = Rig::new(Transport::Udp);
    let (client, server) = rig.pair();
    let socket = std::net::UdpSocket::bind(any_port()).unwrap();
    let request = vec![0; 1_078];
    let payload = [vec![0x15, 1], vec![0; 60]].concat();
    for _ in 0..50 {
        socket.send_to(&[0x77; 40], rig.listeners.udp_addr).unwrap();
        socket.send_to(&request, rig.listeners.udp_addr).unwrap();
        socket.send_to(&payload, rig.listeners.udp_addr).unwrap();
    }
    let counters = rig.listeners.links.counters();
    eventually("they are counted", SOON, || {
        let counted = counters.udp_malformed.load(Ordering::Relaxed) == 50
            && counters.udp_strangers.load(Ordering::Relaxed) == 50;
        counted.then_some(())
    });
    assert_eq!(counters.peer_panics.load(Ordering::Relaxed), 0);
    client.send(Lane::Latest, Bytes::from_static(b"unmoved")).unwrap();
    receive(&server);
}

/// A client that has a ticket and uses it for things that ours never does.
struct Insider {
    socket: std::net::UdpSocket,
    netcode: NetcodeClient,
}

impl Insider {
    fn new(rig: &Rig) -> Self {
        let socket = std::net::UdpSocket::bind(any_port()).unwrap();
        socket.connect(rig.listeners.udp_addr).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let connect_token = ConnectToken::read(&mut rig.token().as_slice()).unwrap();
        let mut netcode = NetcodeClient::new(Duration::ZERO, ClientAuthentication::Secure { connect_token }).unwrap();
        let mut buffer = [0; 2_048];
        for _ in 0..100 {
            if let Some((packet, _)) = netcode.update(Duration::from_millis(300)) {
                socket.send(packet).unwrap();
            }
            if let Ok(length) = socket.recv(&mut buffer) {
                netcode.process_packet(&mut buffer[..length]);
            }
            if netcode.is_connected() {
                return Self { socket, netcode };
            }
        }
        panic!("the handshake of a good ticket succeeds");
    }

    fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        self.netcode.generate_payload_packet(payload).unwrap().1.to_vec()
    }
}

#[test]
fn payloads_that_are_never_sent_end_the_link_of_whoever_sends_them() {
    let rig = Rig::new(Transport::Udp);
    let (client, bystander) = rig.pair();
    let too_long = [vec![0x10], vec![0; limits::MAX_LATEST_BYTES + 1]].concat();
    for payload in [&[0x13][..], &[], &[1, 0, 0], &[2, 0, 0], &[3, 0, 0], &[0, 1, 9, 0, 1, 0, 1, 7], &[0, 1], &too_long]
    {
        let mut insider = Insider::new(&rig);
        let server = rig.accept();
        let datagram = insider.seal(payload);
        insider.socket.send(&datagram).unwrap();
        let end = eventually("the link ends", SOON, || server.closed());
        assert!(matches!(end, Closed::Violation(_)), "{payload:?}: {end:?}");
    }
    assert_eq!(rig.listeners.links.counters().peer_panics.load(Ordering::Relaxed), 0);
    client.send(Lane::Latest, Bytes::from_static(b"unmoved")).unwrap();
    receive(&bystander);
}

#[test]
fn a_datagram_that_comes_again_counts_once() {
    let rig = Rig::new(Transport::Udp);
    let mut insider = Insider::new(&rig);
    let server = rig.accept();
    let first = insider.seal(&[0x10, 1]);
    for _ in 0..5 {
        insider.socket.send(&first).unwrap();
    }
    let second = insider.seal(&[0x10, 2]);
    insider.socket.send(&second).unwrap();
    assert_eq!((receive(&server).bytes, receive(&server).bytes), (Bytes::from_static(&[1]), Bytes::from_static(&[2])));
    assert_eq!(server.try_recv(), None);
}

#[test]
fn a_client_hears_only_its_server() {
    let rig = Rig::new(Transport::Udp);
    let (client, server) = rig.pair();
    let at = server.peer().unwrap();
    let stranger = std::net::UdpSocket::bind(any_port()).unwrap();
    for kind in 0..=6_u8 {
        stranger.send_to(&[&[kind | 0x10, 1][..], &[0; 1_000]].concat(), at).unwrap();
    }
    let wire_in = client.stats().wire_in;
    server.send(Lane::Latest, Bytes::from_static(b"the real one")).unwrap();
    assert_eq!(receive(&client).bytes, &b"the real one"[..]);
    let heard = client.stats().wire_in - wire_in;
    assert!(heard < 7 * 1_000, "{heard} bytes: the kernel drops what strangers send");
}

#[test]
fn another_certificate_is_refused_and_said_so() {
    let rig = Rig::new(Transport::Quic);
    let refused = dial(&rig, Offer::Quic { addr: rig.listeners.quic_addr, certificate_sha256: [1; 32] }).unwrap_err();
    assert!(matches!(refused, DialError::Certificate(_)), "{refused:?}");
    dial(&rig, rig.offer()).unwrap();
}

#[test]
fn a_quic_client_that_says_nothing_is_shown_out() {
    let rig = Rig::new(Transport::Quic);
    rig.runtime.block_on(async {
        let endpoint = quinn::Endpoint::client(any_port()).unwrap();
        let connection =
            endpoint.connect_with(trusting(), rig.listeners.quic_addr, "localhost").unwrap().await.unwrap();
        let waited = tokio::time::timeout(rig.timing.handshake + Duration::from_secs(1), connection.closed()).await;
        waited.expect("the server closes it in time");
    });
    let failed = || rig.listeners.links.counters().handshakes_failed.load(Ordering::Relaxed);
    eventually("the failure is counted", SOON, || (failed() == 1).then_some(()));
    rig.pair();
}

#[test]
fn a_quic_client_that_speaks_something_else_is_shown_out() {
    let rig = Rig::new(Transport::Quic);
    rig.runtime.block_on(async {
        let endpoint = quinn::Endpoint::client(any_port()).unwrap();
        let connection =
            endpoint.connect_with(trusting(), rig.listeners.quic_addr, "localhost").unwrap().await.unwrap();
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        tokio::time::timeout(SOON, connection.closed()).await.expect("the server closes it");
    });
    rig.pair();
}

#[test]
fn a_length_beyond_the_limit_ends_a_quic_link() {
    let rig = Rig::new(Transport::Quic);
    rig.runtime.block_on(async {
        let endpoint = quinn::Endpoint::client(any_port()).unwrap();
        let connection =
            endpoint.connect_with(trusting(), rig.listeners.quic_addr, "localhost").unwrap().await.unwrap();
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(b"CWQ1").await.unwrap();
        send.write_all(&(limits::MAX_RELIABLE_BYTES as u32 + 1).to_le_bytes()).await.unwrap();
        tokio::time::timeout(SOON, connection.closed()).await.expect("the server closes it");
    });
    let end = eventually("the link ends", SOON, || rig.accept().closed());
    assert!(matches!(end, Closed::Violation(_)), "{end:?}");
}

#[test]
fn a_datagram_for_another_session_costs_no_more_than_itself() {
    let rig = Rig::new(Transport::Webtransport);
    let Offer::Webtransport { url, certificate_sha256, .. } = rig.offer() else { unreachable!() };
    let url: url::Url = url.parse().unwrap();
    let page = rig.runtime.block_on(async {
        let (endpoint, connection) =
            transport::knock(rig.listeners.quic_addr, certificate_sha256, timing()).await.unwrap();
        let session = web_transport_quinn::Session::connect(connection.clone(), url).await.unwrap();
        let (mut send, _) = session.open_bi().await.unwrap();
        send.write_all(b"CWQ1").await.unwrap();
        // Another session's, one whose number is not over, and none at all.
        for strange in [b"\x04hello".as_slice(), b"\xC0", b""] {
            connection.send_datagram(Bytes::from_static(strange)).unwrap();
        }
        session.send_datagram(Bytes::from_static(b"our own")).unwrap();
        (endpoint, session, send)
    });
    assert_eq!(receive(&rig.accept()).bytes, "our own");
    drop(page);
}

#[test]
fn a_webtransport_session_that_is_no_link_is_shown_out() {
    let rig = Rig::new(Transport::Webtransport);
    let Offer::Webtransport { url, certificate_sha256, .. } = rig.offer() else { unreachable!() };
    let url: url::Url = url.parse().unwrap();
    // Nothing, a stream that ends before it begins, and something else.
    for says in [None, Some(&b""[..]), Some(b"GET /")] {
        rig.runtime.block_on(async {
            let (_endpoint, connection) =
                transport::knock(rig.listeners.quic_addr, certificate_sha256, timing()).await.unwrap();
            let session = web_transport_quinn::Session::connect(connection.clone(), url.clone()).await.unwrap();
            if let Some(says) = says {
                let (mut send, _) = session.open_bi().await.unwrap();
                send.write_all(says).await.unwrap();
                send.finish().unwrap();
            }
            let patience = rig.timing.handshake + Duration::from_secs(1);
            let closed = tokio::time::timeout(patience, connection.closed()).await;
            closed.unwrap_or_else(|_| panic!("{says:?} is kept"));
        });
    }
    // The server counts after it has hung up.
    let failed = || rig.listeners.links.counters().handshakes_failed.load(Ordering::Relaxed);
    eventually("three failures are counted", SOON, || (failed() == 3).then_some(()));
    rig.pair();
}

#[test]
fn a_text_frame_ends_a_websocket_link_with_the_right_code() {
    let rig = Rig::new(Transport::Websocket);
    let Offer::Websocket { url } = rig.offer() else { unreachable!() };
    for (frame, code) in [
        (Message::text("hello"), CloseCode::Unsupported),
        (Message::binary(vec![9, 1, 2]), CloseCode::from(4_004)),
        (Message::binary(Vec::new()), CloseCode::from(4_004)),
        (Message::binary(vec![1; limits::MAX_LATEST_BYTES + 2]), CloseCode::from(4_004)),
        (Message::binary(vec![0; limits::MAX_RELIABLE_BYTES + 2]), CloseCode::from(4_004)),
    ] {
        rig.runtime.block_on(async {
            let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
            socket.send(frame).await.unwrap();
            let said = tokio::time::timeout(SOON, async {
                loop {
                    match socket.next().await {
                        Some(Ok(Message::Close(Some(frame)))) => return frame.code,
                        Some(Ok(_)) => {}
                        other => panic!("no close frame, but {other:?}"),
                    }
                }
            });
            assert_eq!(said.await.unwrap(), code);
        });
        let server = rig.accept();
        let end = eventually("the link ends", SOON, || server.closed());
        assert!(matches!(end, Closed::Violation(_)), "{end:?}");
    }
}

/// Connects to the `tcp` port, says `words` and returns what comes back until the end.
fn say_over_tcp(rig: &Rig, words: &[u8]) -> Vec<u8> {
    let mut stream = std::net::TcpStream::connect(rig.listeners.tcp_addr).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(words).unwrap();
    let mut heard = Vec::new();
    let mut piece = [0; 1_024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return heard,
            Ok(length) => heard.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return heard,
            Err(error) => panic!("the server keeps the connection open: {error}"),
        }
    }
}

#[test]
fn a_tcp_client_that_speaks_something_else_is_shown_out_without_a_word() {
    let rig = Rig::new(Transport::Tcp);
    for hello in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"CWT2\0", b"CWT1\x02", b"CWT1\xFF", b"cwt1\0"] {
        assert_eq!(say_over_tcp(&rig, hello), b"", "{hello:?}");
    }
    // One that dribbles, or says nothing, runs out of time.
    for hello in [&b""[..], b"CWT"] {
        let began = Instant::now();
        assert_eq!(say_over_tcp(&rig, hello), b"");
        assert!(began.elapsed() < rig.timing.handshake + Duration::from_secs(1));
    }
    // The server counts after it has hung up.
    let failed = || rig.listeners.links.counters().handshakes_failed.load(Ordering::Relaxed);
    eventually("seven failures are counted", SOON, || (failed() == 7).then_some(()));
    rig.pair();
}

#[test]
fn silent_connections_hold_up_no_other_wire_and_nobody_for_long() {
    const TOO_MANY: u64 = 44;
    let mut rig = Rig::new(Transport::Tcp);
    let all = limits::TCP_WAITING as u64 + TOO_MANY;
    let silent: Vec<_> = (0..all).map(|_| std::net::TcpStream::connect(rig.listeners.tcp_addr).unwrap()).collect();
    let refused = || rig.listeners.links.counters().handshakes_refused.load(Ordering::Relaxed);
    eventually("those without a place are cut off", SOON, || (refused() > 0).then_some(()));

    // Shorter than the silent ones may stay, so that an answer in time is no answer after their end.
    let at_once = rig.timing.handshake / 2;
    let began = Instant::now();
    match rig.runtime.block_on(transport::dial_with(rig.offer(), rig.timing)) {
        Ok(_) => drop(rig.accept()),
        Err(error) => assert!(matches!(error, DialError::Refused { .. }), "{error:?}"),
    }
    assert!(began.elapsed() < at_once, "in or refused at once, not after {:?}", began.elapsed());
    for wire in [Transport::Quic, Transport::Websocket, Transport::Http] {
        rig.transport = wire;
        let began = Instant::now();
        rig.pair();
        assert!(began.elapsed() < at_once, "{wire}: {:?}", began.elapsed());
    }
    rig.transport = Transport::Tcp;
    let failed = || rig.listeners.links.counters().handshakes_failed.load(Ordering::Relaxed);
    eventually("the silent ones are shown out", rig.timing.handshake + SOON, || {
        (failed() + refused() >= all).then_some(())
    });
    rig.pair();
    drop(silent);
}

#[test]
fn frames_that_nobody_sends_end_a_tcp_link_with_the_reason() {
    let rig = Rig::new(Transport::Tcp);
    let frame = |length: u32, rest: &[u8]| [&length.to_le_bytes(), rest].concat();
    let too_long = [vec![1], vec![0; limits::MAX_LATEST_BYTES + 1]].concat();
    for wrong in [
        frame(0, &[]),
        frame(limits::MAX_RELIABLE_BYTES as u32 + 2, &[]),
        frame(0xFFFF_FEFF, &[]),
        frame(2, &[4, 0]),
        frame(3, &[2, 0, 0]),
        frame(too_long.len() as u32, &too_long),
    ] {
        let heard = say_over_tcp(&rig, &[b"CWT1\0", wrong.as_slice()].concat());
        assert!(heard.starts_with(b"CWT1\0"), "{heard:?}");
        assert!(heard.ends_with(&[4, 0xFF, 0xFF, 0xFF]), "{wrong:?}: a goodbye with the reason, not {heard:?}");
        let server = rig.accept();
        let end = eventually("the link ends", SOON, || server.closed());
        assert!(matches!(end, Closed::Violation(_)), "{end:?}");
    }
}

#[test]
fn a_tcp_frame_that_dribbles_in_is_given_up_and_holds_nobody_else() {
    let rig = Rig::new(Transport::Tcp);
    let mut stream = std::net::TcpStream::connect(rig.listeners.tcp_addr).unwrap();
    stream.write_all(b"CWT1\0").unwrap();
    stream.write_all(&60_000_u32.to_le_bytes()).unwrap();
    let half = rig.accept();
    let (client, server) = rig.pair();
    client.send(Lane::Reliable, Bytes::from_static(b"unmoved")).unwrap();
    receive(&server);
    let end = eventually("silence is noticed", rig.timing.silence + SOON, || half.closed());
    assert_eq!(end, Closed::Lost(Lost::TimedOut));
    assert_eq!(half.stats().queued_bytes, 0);
}

#[test]
fn the_wrong_door_is_named() {
    let rig = Rig::new(Transport::Websocket);
    let refused = dial(&rig, Offer::Websocket { url: format!("ws://{}/elsewhere", rig.http) }).unwrap_err();
    assert!(matches!(refused, DialError::Http { status: 404, .. }), "{refused:?}");
    for url in ["", "http://localhost/", "ws://", "not an address"] {
        let refused = dial(&rig, Offer::Websocket { url: url.to_owned() }).unwrap_err();
        assert!(matches!(refused, DialError::Address(_)), "{url}: {refused:?}");
    }
}

#[test]
fn a_taken_port_is_one_sentence() {
    let rig = Rig::new(Transport::Udp);
    let config = ServerConfig::new(rig.listeners.udp_addr, any_port(), any_port());
    let Err(error) = transport::server::bind(config, rig.runtime.handle()) else { panic!("the port is taken") };
    assert!(matches!(error, BindError::PortTaken { .. }), "{error:?}");
    assert!(error.to_string().contains("is taken by another program"), "{error}");
}

/// A client that trusts any certificate: the server must cope with whoever comes.
fn trusting() -> quinn::ClientConfig {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    struct Anyone;

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }

    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(Anyone))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"crosswire/1".to_vec()];
    quinn::ClientConfig::new(std::sync::Arc::new(quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap()))
}
