//! What is refused, and in which words: proofs, keys, versions, lanes, lengths, gaps, futures. No refusal disturbs who is seated, and
//! no bytes whatever make a decoder panic.

mod support;

use game::{Arena, Command, Rules, SeatId, Tick, View};
use proptest::prelude::*;
use protocol::grant::{Proof, ProofError, ResumeKey, Sealer, UnixMillis, UsedProofs};
use protocol::limits::{
    CLOCK_LEEWAY, GRANT_LIFETIME, LINKS_PER_SESSION, MAX_CLIENT_RELIABLE_BYTES, MAX_EPOCH_STEP, OUTBOX_MESSAGES,
    PROTOCOL_VERSION,
};
use protocol::session::PeerError;
use protocol::session::client::{ClientSession, SessionEvent as ClientNews};
use protocol::session::server::{Beat, RoomFacts, ServerSession, SessionEvent};
use protocol::snapshot::{Waiting, decode, encode};
use protocol::wire::command::Bundle;
use protocol::wire::event::{self, ClientEvent, ServerEvent};
use protocol::wire::hello::{
    Hello, Refusal, Resume, decode_hello, decode_refusal, decode_welcome, encode_hello, encode_refusal,
};
use protocol::wire::reader::BitReader;
use protocol::wire::snapshot::Header;
use protocol::wire::{DecodeError, Kind};
use protocol::{Epoch, Lane, LinkId, PlayerId, RoomId, SessionId, Transport};
use std::time::{Duration, Instant};
use support::{shipped, views};

const SESSION: SessionId = SessionId(77);
const FIRST: LinkId = LinkId(1);

fn key() -> ResumeKey {
    ResumeKey([9; 32])
}

fn facts() -> RoomFacts {
    let map_hash = shipped("crossfire").hash;
    RoomFacts { tick: Tick(50), snapshot_every: 2, phase: Default::default(), map: "crossfire".into(), map_hash }
}

fn server(now: Instant) -> ServerSession {
    let mut session = ServerSession::new(SESSION, PlayerId(1), "Ripley".into(), SeatId(0), key(), now);
    session.join(FIRST, Transport::Udp, &facts());
    session
}

fn proof(issued: u64) -> Proof {
    Proof {
        id: 5,
        player: PlayerId(1),
        name: "Ripley".into(),
        room: RoomId(1),
        spectate: false,
        session: SESSION,
        resume_key: key(),
        issued: UnixMillis(issued),
    }
}

#[test]
fn a_proof_with_any_bit_flipped_is_altered() {
    let sealer = Sealer::new(&[1; 32], "arena");
    let sealed = sealer.seal(&proof(1_000), [2; 24]);
    assert_eq!(sealer.open(&sealed, UnixMillis(1_000)), Ok(proof(1_000)));
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(sealer.open(&flipped, UnixMillis(1_000)), Err(ProofError::Altered), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(sealer.open(&sealed[..length], UnixMillis(1_000)), Err(ProofError::Altered), "{length} bytes");
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert_eq!(sealer.open(&longer, UnixMillis(1_000)), Err(ProofError::Altered));
    for other in [Sealer::new(&[1; 32], "arena 2"), Sealer::new(&[3; 32], "arena")] {
        assert_eq!(other.open(&sealed, UnixMillis(1_000)), Err(ProofError::Altered), "another audience or key");
    }
    let shown = Proof { name: "\u{1b}[31m".into(), ..proof(1_000) };
    assert_eq!(sealer.open(&sealer.seal(&shown, [4; 24]), UnixMillis(1_000)), Err(ProofError::Altered));
}

#[test]
fn a_proof_is_good_once_and_for_its_time() {
    let sealer = Sealer::new(&[1; 32], "arena");
    let (life, leeway) = (GRANT_LIFETIME.as_millis() as u64, CLOCK_LEEWAY.as_millis() as u64);
    let issued = 1_700_000_000_000;
    let sealed = sealer.seal(&proof(issued), [2; 24]);
    let open = |at: u64| sealer.open(&sealed, UnixMillis(at)).map(|_| ());
    assert_eq!(open(issued - leeway), Ok(()));
    assert_eq!(open(issued - leeway - 1), Err(ProofError::Future));
    assert_eq!(open(issued + life + leeway), Ok(()));
    assert_eq!(open(issued + life + leeway + 1), Err(ProofError::Expired));
    let mut used = UsedProofs::default();
    assert_eq!(used.redeem(&proof(issued), UnixMillis(issued - leeway)), Ok(()));
    for at in (0..=life + 2 * leeway).step_by(500) {
        let at = UnixMillis(issued - leeway + at);
        assert_eq!(used.redeem(&proof(issued), at), Err(ProofError::Used), "for as long as it can be opened");
    }
}

#[test]
fn a_hello_of_another_version_is_told_so_and_anything_else_is_no_hello() {
    let hello = encode_hello(&Hello::Join { proof: vec![1, 2, 3] });
    assert!(decode_hello(&hello[1..]).is_ok());
    for version in [0_u16, PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, 0xFFFF] {
        let mut other = hello.clone();
        other[5..7].copy_from_slice(&version.to_le_bytes());
        assert_eq!(decode_hello(&other[1..]), Err(Refusal::Version));
        other.truncate(7);
        assert_eq!(decode_hello(&other[1..]), Err(Refusal::Version), "whatever follows the version is not looked at");
    }
    for length in 1..hello.len() {
        assert_eq!(decode_hello(&hello[1..length]), Err(Refusal::NotHello), "{length} bytes");
    }
    assert_eq!(decode_hello(&[&hello[1..], &[0]].concat()), Err(Refusal::NotHello));
    assert_eq!(decode_hello(b"XWIQ\x01\x00"), Err(Refusal::NotHello));
    // A refusal can be read by every version.
    assert_eq!(decode_refusal(&[0, 99, 0]), Ok(Refusal::Version));
    assert_eq!(decode_refusal(&[Refusal::ALL.len() as u8, 1, 0]), Err(DecodeError::Range("refusal")));
    assert_eq!(decode_refusal(&[0, 1]), Err(DecodeError::Malformed));
}

fn resume(epoch: u32, key_proof: [u8; 32]) -> Resume {
    Resume { session: SESSION, epoch: Epoch(epoch), key_proof, events_seen: 0 }
}

#[test]
fn of_two_links_with_the_same_key_one_wins_and_nobody_else_is_disturbed() {
    let now = Instant::now();
    let mut session = server(now);
    let attach = |session: &mut ServerSession, link: u64, epoch: u32, key: &ResumeKey, named: Transport| {
        let proved = key.prove(SESSION, Epoch(epoch), named);
        session.resume(LinkId(link), Transport::Quic, &resume(epoch, proved), &facts())
    };
    let second = key().advanced(1);
    assert_eq!(attach(&mut session, 2, 2, &second, Transport::Quic), Ok(()));
    let state = |session: &ServerSession| (session.driving(), session.epoch(), session.links().collect::<Vec<_>>());
    let before = state(&session);
    let refused = |session: &mut ServerSession, epoch, key: &ResumeKey, named, what| {
        assert_eq!(attach(session, 3, epoch, key, named), Err(Refusal::KeyUsed), "{what}");
        assert_eq!(state(session), before, "{what} disturbs");
    };
    refused(&mut session, 2, &second, Transport::Quic, "the same key once more");
    refused(&mut session, 3, &second, Transport::Quic, "an old key for a new epoch");
    refused(&mut session, 1, &key(), Transport::Quic, "the first key");
    refused(&mut session, 0, &key(), Transport::Quic, "epoch 0");
    refused(&mut session, 3, &second.advanced(1), Transport::Udp, "a proof for another wire");
    refused(&mut session, 3 + MAX_EPOCH_STEP, &second.advanced(MAX_EPOCH_STEP + 1), Transport::Quic, "too far ahead");
    refused(&mut session, u32::MAX, &second.advanced(9), Transport::Quic, "the last epoch");
    let mut flipped = second.advanced(1).prove(SESSION, Epoch(3), Transport::Quic);
    for bit in 0..256 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        let answer = session.resume(LinkId(3), Transport::Quic, &resume(3, flipped), &facts());
        assert_eq!(answer, Err(Refusal::KeyUsed));
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    // Lost attempts cost nothing but numbers, and links beyond the limit push out the oldest.
    assert_eq!(attach(&mut session, 4, 2 + MAX_EPOCH_STEP, &second.advanced(MAX_EPOCH_STEP), Transport::Quic), Ok(()));
    let third = second.advanced(MAX_EPOCH_STEP);
    for n in 1..=5 {
        let epoch = 2 + MAX_EPOCH_STEP + n;
        assert_eq!(attach(&mut session, 10 + u64::from(n), epoch, &third.advanced(n), Transport::Quic), Ok(()));
        assert!(session.links().count() <= LINKS_PER_SESSION);
    }
    assert_eq!(std::iter::from_fn(|| session.poll_close()).count(), 5);
}

fn beat(now: Instant) -> Beat {
    Beat { tick: Tick(100), at: now }
}

fn bundle(newest: u32) -> Bundle {
    let commands = (0..8).map(|n| Command { thrust: [n, 0], ..Command::default() }).collect();
    Bundle { newest: Tick(newest), snapshot: Tick(0), events_seen: 0, stamp: 0, shown: 0, commands }
}

#[test]
fn a_server_refuses_what_no_client_sends() {
    let now = Instant::now();
    let mut session = server(now);
    let mut handle = |lane, bytes: &[u8]| session.handle(FIRST, lane, bytes, now, beat(now));
    let chat = |number| event::encode(Kind::ClientEvent, number, ClientEvent::Chat("hi".into()));
    for (lane, bytes, error) in [
        (Lane::Reliable, vec![], DecodeError::Truncated),
        (Lane::Reliable, vec![0x7F], DecodeError::UnknownKind(0x7F)),
        (Lane::Latest, chat(1), DecodeError::WrongLane),
        (Lane::Reliable, bundle(101).encode(), DecodeError::WrongLane),
        (Lane::Reliable, vec![0x02; MAX_CLIENT_RELIABLE_BYTES + 1], DecodeError::TooLong),
        (Lane::Reliable, chat(0), DecodeError::Range("number")),
        (Lane::Reliable, [chat(1), vec![0]].concat(), DecodeError::Trailing),
        (Lane::Reliable, chat(1)[..4].to_vec(), DecodeError::Malformed),
        (Lane::Latest, bundle(101).encode()[..20].to_vec(), DecodeError::Truncated),
        (Lane::Latest, [bundle(101).encode(), vec![0]].concat(), DecodeError::Trailing),
    ] {
        assert_eq!(handle(lane, &bytes), Err(PeerError::Decode(error)), "{bytes:02x?}");
    }
    for unexpected in [encode_hello(&Hello::Join { proof: vec![] }), encode_refusal(Refusal::Stopping)] {
        assert_eq!(handle(Lane::Reliable, &unexpected), Err(PeerError::Unexpected));
    }
    assert_eq!(handle(Lane::Reliable, &chat(2)), Err(PeerError::Gap));
    assert_eq!(handle(Lane::Reliable, &chat(1)), Ok(()));
    assert_eq!(handle(Lane::Reliable, &chat(1)), Ok(()), "a repetition is no fault");
    assert_eq!(handle(Lane::Reliable, &chat(3)), Err(PeerError::Gap));
    let news: Vec<_> = std::iter::from_fn(|| session.poll_event()).collect();
    let said = SessionEvent::Client(ClientEvent::Chat("hi".into()));
    assert_eq!(news.iter().filter(|event| **event == said).count(), 1);
}

#[test]
fn commands_from_the_future_and_the_past_are_not_executed() {
    let now = Instant::now();
    let mut session = server(now);
    for newest in [u32::MAX, 200, 138, 100, 50, 8, 0] {
        assert_eq!(session.handle(FIRST, Lane::Latest, &bundle(newest).encode(), now, beat(now)), Ok(()));
    }
    for tick in 101..=140 {
        assert_eq!(session.command(Tick(tick)), Command::default(), "tick {tick}");
    }
    assert_eq!(session.commands().executed(), 0);
    // Ticks 131 to 138 were out of reach; at tick 140 they are over. What is within reach is executed at its tick.
    let beat = Beat { tick: Tick(140), at: now };
    assert_eq!(session.handle(FIRST, Lane::Latest, &bundle(170).encode(), now, beat), Ok(()));
    for tick in 141..163 {
        assert_eq!(session.command(Tick(tick)), Command::default());
    }
    for tick in 163..=170 {
        assert_eq!(session.command(Tick(tick)).thrust, [(170 - tick) as i8, 0]);
    }
    assert_eq!(session.commands().executed(), 8);
}

#[test]
fn a_margin_is_told_only_of_commands_that_are_news() {
    let now = Instant::now();
    let mut session = server(now);
    let mut arena = Arena::new(shipped("crossfire"), Rules::default(), 1);
    arena.join(SeatId(0));
    let mut echo_after = |newest: u32, stamp: u16, at: Duration| {
        arena.step(&Default::default(), &mut Vec::new());
        let bytes = Bundle { stamp, ..bundle(newest) }.encode();
        session.handle(FIRST, Lane::Latest, &bytes, now + at, beat(now)).unwrap();
        session.snapshot(&arena.view(Some(SeatId(0))), now + at);
        let mut transmits = std::iter::from_fn(|| session.poll_transmit());
        let snapshot = transmits.find(|transmit| transmit.lane == Lane::Latest).unwrap();
        Header::read(&mut BitReader::new(&snapshot.bytes[1..])).unwrap().echo
    };
    let ms = Duration::from_millis;
    // Tick 103 is executed 50 ms after tick 100; what arrives 10 ms after that has 40 ms to spare, its oldest command is too late.
    let echo = echo_after(103, 7, ms(10)).unwrap();
    assert_eq!((echo.stamp, echo.held), (7, 0));
    let echo = echo_after(104, 8, ms(10)).unwrap();
    assert!((220..=227).contains(&echo.margin), "{}", echo.margin);
    assert_eq!(echo_after(104, 9, ms(12)), None, "the same commands once more");
    assert_eq!(echo_after(102, 3, ms(12)), None, "an older bundle that was overtaken");
    let echo = echo_after(400, 10, ms(14)).unwrap();
    assert_eq!(echo.margin, 2_047, "far too early is told, so that the client comes back");
    let echo = echo_after(500, 11, Duration::from_secs(60)).unwrap();
    assert!(echo.margin < 0, "and so is too late");
}

#[test]
fn a_full_outbox_takes_nothing_more_and_loses_nothing() {
    let now = Instant::now();
    let mut session = server(now);
    for _ in 0..OUTBOX_MESSAGES + 10 {
        session.send(&ServerEvent::Stopping);
    }
    let overflows = std::iter::from_fn(|| session.poll_event()).filter(|event| *event == SessionEvent::Overflow);
    assert_eq!(overflows.count(), 10);
    let events = std::iter::from_fn(|| session.poll_transmit()).filter(|transmit| transmit.bytes[0] == 0x13);
    assert_eq!(events.count(), OUTBOX_MESSAGES);
}

#[test]
fn a_client_refuses_what_no_server_sends() {
    let now = Instant::now();
    let mut server = server(now);
    let mut client = ClientSession::new(SESSION, vec![1], key(), now);
    client.attach(FIRST, Transport::Udp, now);
    let told = event::encode(Kind::ServerEvent, 1, ServerEvent::Stopping);
    let early = client.handle(FIRST, Lane::Reliable, &told, now);
    assert_eq!(early, Err(PeerError::Unexpected), "no event comes before the welcome");
    let mut other = ServerSession::new(SessionId(1), PlayerId(1), "Ash".into(), SeatId(1), key(), now);
    other.join(FIRST, Transport::Udp, &facts());
    let foreign = other.poll_transmit().unwrap();
    assert_eq!(
        client.handle(FIRST, foreign.lane, &foreign.bytes, now),
        Err(PeerError::Unexpected),
        "another session's"
    );
    let welcome = server.poll_transmit().unwrap();
    assert_eq!(client.handle(FIRST, Lane::Latest, &welcome.bytes, now), Err(DecodeError::WrongLane.into()));
    assert_eq!(client.handle(FIRST, welcome.lane, &welcome.bytes, now), Ok(()));
    assert_eq!(client.handle(FIRST, welcome.lane, &welcome.bytes, now), Err(PeerError::Unexpected), "once is enough");
    let gap = event::encode(Kind::ServerEvent, 2, ServerEvent::Stopping);
    assert_eq!(client.handle(FIRST, Lane::Reliable, &gap, now), Err(PeerError::Gap));
    let baseless =
        encode(Header::default(), Some(&View { tick: Tick(4), ..View::default() }), &view(6), &mut Waiting::default());
    let unknown = client.handle(FIRST, Lane::Latest, &baseless.0, now);
    assert_eq!(unknown, Err(DecodeError::UnknownBaseline.into()));
    assert_eq!(client.handle(LinkId(99), Lane::Latest, &[0xFF], now), Ok(()), "a link that is gone is nobody's fault");
    let welcomed = |event| matches!(event, ClientNews::Welcomed(_));
    assert_eq!(std::iter::from_fn(|| client.poll_event()).filter(|event| welcomed(event.clone())).count(), 1);
}

fn view(tick: u32) -> View {
    View { tick: Tick(tick), ..View::default() }
}

/// Feeds a message to everything that reads messages. Nothing may panic, whatever the answer.
fn feed(bytes: &[u8], baseline: &View) {
    let now = Instant::now();
    let body = bytes.get(1..).unwrap_or_default();
    let _ = (decode_hello(body), decode_welcome(body), decode_refusal(body), Bundle::decode(body));
    let _ = (event::decode::<ClientEvent>(body), event::decode::<ServerEvent>(body));
    let mut reader = BitReader::new(body);
    if let Ok(header) = Header::read(&mut reader) {
        let header = Header { tick: baseline.tick.plus(u32::from(header.age)), ..header };
        if let Ok(view) = decode(&header, reader, Some(baseline)) {
            assert!(view.ships.len() <= 64 && view.bolts.len() <= 512 && view.beams.len() <= 512);
            assert!(view.ships.is_sorted_by_key(|ship| ship.seat));
        }
    }
    let mut server = server(now);
    let mut client = ClientSession::new(SESSION, vec![1], key(), now);
    client.attach(FIRST, Transport::Udp, now);
    for lane in [Lane::Reliable, Lane::Latest] {
        let _ = (server.handle(FIRST, lane, bytes, now, beat(now)), client.handle(FIRST, lane, bytes, now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn random_bytes_never_panic(kind in 0..9_usize, body in prop::collection::vec(any::<u8>(), 0..1_200)) {
        let first = Kind::ALL.get(kind).map_or(0x55, |kind| *kind as u8);
        feed(&[&[first], body.as_slice()].concat(), &view(9));
    }

    #[test]
    fn altered_messages_never_panic(
        (old, new) in views::two_views([6, 6, 3]),
        at: prop::sample::Index,
        to: u8,
        cut: prop::sample::Index,
        which in 0..5_usize,
    ) {
        let messages = [
            encode(Header::default(), Some(&old), &new, &mut Waiting::default()).0,
            encode(Header::default(), None, &new, &mut Waiting::default()).0,
            bundle(new.tick.0).encode(),
            encode_hello(&Hello::Join { proof: vec![7; 40] }),
            event::encode(Kind::ServerEvent, 1, ServerEvent::Chat { seat: SeatId(1), line: "hello".into() }),
        ];
        let mut bytes = messages[which].clone();
        let at = at.index(bytes.len());
        bytes[at] = to;
        feed(&bytes, &old);
        bytes.truncate(cut.index(bytes.len() + 1));
        feed(&bytes, &old);
    }
}
