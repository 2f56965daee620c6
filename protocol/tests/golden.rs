//! Golden vectors: the bytes of every kind of message, checked in both directions, so that the format cannot change unnoticed and
//! another implementer has something to compare with. `docs/PROTOCOL.md` prints the same bytes and says what they mean; the last
//! tests hold it to that.
//!
//! A vector is a file `tests/vectors/NAME.hex`: comment lines with `#`, then bytes in hexadecimal. When the format changes on purpose
//! (and `PROTOCOL_VERSION` with it), `GOLDEN=write cargo test -p protocol --test golden` writes them anew; the document's copies are
//! then to be replaced by hand, next to the words that explain them.
//!
//! Flow: value → encode = vector; vector → decode = value; vector ⊂ document.

use game::{
    Aim, Beam, Bolt, Buttons, Command, Phase, PhaseKind, Point, SeatId, Ship, ShipView, Tick, Velocity, View, Weapon,
};
use protocol::grant::{LinkIdentity, Proof, ResumeKey, Sealer, UnixMillis};
use protocol::snapshot::{Waiting, decode, encode};
use protocol::wire::command::Bundle;
use protocol::wire::event::{self, ClientEvent, Member, Sequenced, ServerEvent};
use protocol::wire::hello::{self, Hello, Refusal, Resume, Shadow, Welcome};
use protocol::wire::reader::BitReader;
use protocol::wire::shadow::{ShadowCommands, ShadowSnapshot};
use protocol::wire::snapshot::{Echo, Header};
use protocol::wire::{Kind, plain};
use protocol::{CloseReason, Epoch, Lane, PlayerId, RoomId, SessionId, Transport, limits};
use std::fmt::Write as _;
use std::path::PathBuf;

const SESSION: SessionId = SessionId(0x0102_0304_0506_0708);
const PLAYER: PlayerId = PlayerId(0x1112_1314_1516_1718);

/// Compares `bytes` with the vector `name`, or writes it.
fn golden(name: &str, about: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(format!("{name}.hex"));
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        let lines: Vec<String> = bytes.chunks(32).map(hex).collect();
        std::fs::write(&path, format!("# {about}\n{}\n", lines.join("\n"))).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(hex(bytes), from_vector(&text), "the encoding of {name} has changed");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_vector(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect()
}

fn body(lane: Lane, kind: Kind, message: &[u8]) -> &[u8] {
    let (found, body) = Kind::split(lane, message).unwrap();
    assert_eq!(found, kind);
    body
}

fn key() -> ResumeKey {
    ResumeKey(std::array::from_fn(|at| at as u8))
}

fn proof() -> Proof {
    Proof {
        id: 0xA1A2_A3A4_A5A6_A7A8,
        player: PLAYER,
        name: "Ripley".to_owned(),
        room: RoomId(7),
        spectate: false,
        session: SESSION,
        resume_key: key(),
        issued: UnixMillis(1_700_000_000_000),
    }
}

fn sealer() -> Sealer {
    Sealer::new(&[0x42; 32], "arena")
}

#[test]
fn a_grants_proof_is_sealed_as_drawn() {
    let opened = plain::encode(&proof());
    golden("proof-opened", "Proof before it is sealed", &opened);
    assert_eq!(plain::decode::<Proof>(&opened).unwrap(), proof());
    let sealed = sealer().seal(&proof(), [0x24; 24]);
    golden("proof-sealed", "the same, sealed: key 32 x 42, nonce 24 x 24, audience `arena`", &sealed);
    assert_eq!(sealer().open(&sealed, UnixMillis(1_700_000_001_000)).unwrap(), proof());
}

#[test]
fn the_resume_key_turns_and_proves_as_drawn() {
    golden("resume-key-1", "key of epoch 1", &key().0);
    golden("resume-key-2", "key of epoch 2: HMAC-SHA256(key of epoch 1, `crosswire resume`)", &key().advanced(1).0);
    golden("resume-key-65", "key of epoch 65: 64 turns on", &key().advanced(64).0);
    let proved = key().advanced(1).prove(SESSION, Epoch(2), Transport::Quic);
    golden("attach-proof", "attach at epoch 2 over quic with the key of epoch 2", &proved);
    assert!(key().advanced(1).verify(SESSION, Epoch(2), Transport::Quic, &proved));
    let identity = LinkIdentity { player: PLAYER, session: SESSION };
    golden("link-identity", "user data of a netcode connect token", &identity.to_user_data());
    assert_eq!(LinkIdentity::from_user_data(&identity.to_user_data()), identity);
}

#[test]
fn greetings_are_as_drawn() {
    let join = Hello::Join { proof: vec![0xD0, 0xD1, 0xD2, 0xD3] };
    let resume = Hello::Resume(Resume {
        session: SESSION,
        epoch: Epoch(2),
        key_proof: key().advanced(1).prove(SESSION, Epoch(2), Transport::Quic),
        events_seen: 300,
    });
    let shadow = Shadow { session: SESSION, epoch: Epoch(2), number: 5, whole: false, key_proof: [0; 32] };
    let key_proof = key().advanced(1).prove_shadow(&shadow, Transport::Websocket);
    let shadow = Hello::Shadow(Shadow { key_proof, ..shadow });
    for (name, about, hello) in [
        ("hello-shadow", "Hello::Shadow over websocket at epoch 2, number 5", shadow),
        ("hello-join", "Hello::Join with a proof of the four bytes d0 d1 d2 d3", join),
        ("hello-resume", "Hello::Resume at epoch 2 over quic, 300 events seen", resume),
    ] {
        let bytes = hello::encode_hello(&hello);
        golden(name, about, &bytes);
        assert_eq!(hello::decode_hello(body(Lane::Reliable, Kind::Hello, &bytes)), Ok(hello));
    }
    let welcome = Welcome {
        session: SESSION,
        seat: SeatId(3),
        epoch: Epoch(2),
        tick: Tick(70_000),
        snapshot_every: 2,
        phase: Phase { kind: PhaseKind::Live, ends: Tick(79_000) },
        map: "crossfire".to_owned(),
        map_hash: 0xFEDC_BA98_7654_3210,
        events_seen: 5,
    };
    let bytes = hello::encode_welcome(&welcome);
    golden("welcome", "Welcome to seat 3 at epoch 2, tick 70,000, Live until 79,000, map crossfire", &bytes);
    assert_eq!(hello::decode_welcome(body(Lane::Reliable, Kind::Welcome, &bytes)), Ok(welcome));
    for refusal in Refusal::ALL {
        let bytes = hello::encode_refusal(refusal);
        assert_eq!(bytes, [0x12, refusal.code(), 3, 0]);
        assert_eq!(hello::decode_refusal(body(Lane::Reliable, Kind::Refusal, &bytes)), Ok(refusal));
    }
    golden("refusal", "Refusal, KeyUsed", &hello::encode_refusal(Refusal::KeyUsed));
}

fn server_events() -> Vec<(&'static str, &'static str, ServerEvent)> {
    let member = |name: &str, bot| Member { name: name.to_owned(), bot, away: false };
    let seat = SeatId(3);
    vec![
        (
            "event-roster",
            "number 1: Roster, seat 0 Ripley, seat 3 the bot Ash",
            ServerEvent::Roster(vec![(SeatId(0), member("Ripley", false)), (seat, member("Ash", true))]),
        ),
        (
            "event-joined",
            "number 2: Joined, seat 3, Ripley",
            ServerEvent::Joined { seat, member: member("Ripley", false) },
        ),
        ("event-left", "number 3: Left, seat 3", ServerEvent::Left { seat }),
        ("event-away", "number 4: Away, seat 3", ServerEvent::Away { seat }),
        ("event-back", "number 5: Back, seat 3", ServerEvent::Back { seat }),
        (
            "event-kill",
            "number 6: Kill at tick 70,000, seat 0 destroyed seat 3 with the rail",
            ServerEvent::Kill { tick: Tick(70_000), killer: Some(SeatId(0)), victim: seat, weapon: Weapon::Rail },
        ),
        ("event-picked-up", "number 7: PickedUp, seat 3 took pickup 5", ServerEvent::PickedUp { seat, pickup: 5 }),
        (
            "event-phase",
            "number 8: Phase, Countdown until tick 260",
            ServerEvent::Phase(Phase { kind: PhaseKind::Countdown, ends: Tick(260) }),
        ),
        ("event-finished", "number 9: Finished, seat 3 won", ServerEvent::Finished { winner: Some(seat) }),
        ("event-finished-draw", "number 10: Finished in a draw", ServerEvent::Finished { winner: None }),
        ("event-chat", "number 11: Chat of seat 3, `hé`", ServerEvent::Chat { seat, line: "hé".to_owned() }),
        ("event-stopping", "number 12: Stopping", ServerEvent::Stopping),
        (
            "event-rewound",
            "number 13: Rewound, the rail of seat 3 at tick 70,000, 37 quarter ticks behind, seat 0 at 11,000, 6,000",
            ServerEvent::Rewound {
                shooter: seat,
                tick: Tick(70_000),
                behind: 37,
                ships: vec![(SeatId(0), Point { x: 11_000, y: 6_000 })],
            },
        ),
        (
            "event-map",
            "number 14: Map, crossfire",
            ServerEvent::Map { map: "crossfire".to_owned(), map_hash: 0xFEDC_BA98_7654_3210 },
        ),
    ]
}

#[test]
fn events_are_as_drawn() {
    for (number, (name, about, what)) in (1..).zip(server_events()) {
        let bytes = event::encode(Kind::ServerEvent, number, &what);
        golden(name, about, &bytes);
        let read = event::decode::<ServerEvent>(body(Lane::Reliable, Kind::ServerEvent, &bytes));
        assert_eq!(read, Ok(Sequenced { number, event: what }));
    }
    for (name, about, number, what) in [
        ("client-event-chat", "number 251: Chat, `gg`", 251, ClientEvent::Chat("gg".to_owned())),
        ("client-event-copies", "number 4: Copies, yes", 4, ClientEvent::Copies(true)),
        ("client-event-leave", "number 2: Leave", 2, ClientEvent::Leave),
        (
            "client-event-rewind",
            "number 3: Rewind, compensated, drawn",
            3,
            ClientEvent::Rewind { compensate: true, draw: true },
        ),
    ] {
        let bytes = event::encode(Kind::ClientEvent, number, &what);
        golden(name, about, &bytes);
        let read = event::decode::<ClientEvent>(body(Lane::Reliable, Kind::ClientEvent, &bytes));
        assert_eq!(read, Ok(Sequenced { number, event: what }));
    }
}

#[test]
fn command_bundles_are_as_drawn() {
    let newest = Command { thrust: [127, -127], aim: Aim(0xABC), buttons: Buttons::BOLT.with(Buttons::DASH) };
    let older = Command { aim: Aim(0x123), ..newest };
    let bundle = Bundle {
        newest: Tick(70_002),
        snapshot: Tick(69_996),
        events_seen: 12,
        stamp: 0xBEEF,
        shown: 37,
        commands: vec![newest, older, older, Command::default()],
    };
    let bytes = bundle.encode();
    golden("commands", "Bundle of four commands, ticks 70,002 down to 69,999", &bytes);
    assert_eq!(Bundle::decode(body(Lane::Latest, Kind::Commands, &bytes)), Ok(bundle.clone()));
    let single = Bundle { commands: vec![newest], ..bundle };
    let bytes = single.encode();
    golden("commands-single", "Bundle of the first command only", &bytes);
    assert_eq!(Bundle::decode(body(Lane::Latest, Kind::Commands, &bytes)), Ok(single));
}

#[test]
fn shadows_are_as_drawn() {
    let commands = ShadowCommands { newest: Tick(70_002), stamp: 0xBEEF };
    let bytes = commands.encode();
    golden("shadow-commands", "Shadow of the bundle of tick 70,002", &bytes);
    assert_eq!(ShadowCommands::decode(body(Lane::Latest, Kind::ShadowCommands, &bytes)), Ok(commands));
    let echo = Echo { stamp: 0xBEEF, held: 9, margin: -3 };
    let full = ShadowSnapshot { tick: Tick(70_000), echo: Some(echo), own: Some(Point { x: 10_240, y: 6_144 }) };
    let bare = ShadowSnapshot { tick: Tick(70_000), echo: None, own: None };
    for (name, about, snapshot) in [
        ("shadow-snapshot", "Shadow of the snapshot of tick 70,000, with echo and own ship", full),
        ("shadow-snapshot-bare", "the same with neither", bare),
    ] {
        let bytes = snapshot.encode();
        golden(name, about, &bytes);
        assert_eq!(ShadowSnapshot::decode(body(Lane::Latest, Kind::ShadowSnapshot, &bytes)), Ok(snapshot));
    }
}

fn first_view() -> View {
    let ship = |seat, x, y| ShipView {
        seat: SeatId(seat),
        pos: Point { x, y },
        aim: Aim(1_024),
        health: 100,
        dashing: false,
        shielded: true,
        score: 2,
        deaths: 1,
    };
    View {
        tick: Tick(70_000),
        phase: Phase { kind: PhaseKind::Live, ends: Tick(79_000) },
        own: Some((
            SeatId(3),
            Ship {
                pos: Point { x: 10_240, y: 6_144 },
                vel: Velocity { x: 1_475, y: -8 },
                aim: Aim(2_048),
                health: 80,
                dash_wait: 40,
                score: 5,
                deaths: 4,
                ..Ship::default()
            },
        )),
        ships: vec![ship(0, 11_000, 6_000), ship(7, 512, 65_535)],
        bolts: vec![Bolt {
            owner: SeatId(0),
            spawned: Tick(69_990),
            origin: Point { x: 10_900, y: 6_010 },
            aim: Aim(2_040),
        }],
        beams: vec![Beam {
            owner: SeatId(7),
            fired: Tick(69_995),
            from: Point { x: 700, y: 65_000 },
            to: Point { x: 20_000, y: 40_000 },
        }],
        pickups: 0b1011,
    }
}

/// Six ticks later: everything that can differ in its own way does.
fn second_view() -> View {
    let mut view = first_view();
    view.tick = Tick(70_006);
    if let Some((_, own)) = &mut view.own {
        own.pos.x = 10_600;
        own.vel = Velocity { x: 1_470, y: 0 };
        own.dash_wait = 34;
    }
    view.ships[0].pos = Point { x: 11_300, y: 5_995 };
    view.ships[0].aim = Aim(1_000);
    view.ships[0].health = 25;
    view.ships[0].shielded = false;
    view.ships.remove(1);
    view.ships.push(ShipView { seat: SeatId(9), pos: Point { x: 300, y: 31 }, health: 100, ..ShipView::default() });
    view.bolts.clear();
    view.bolts.push(Bolt {
        owner: SeatId(3),
        spawned: Tick(70_003),
        origin: Point { x: 10_500, y: 6_144 },
        aim: Aim(7),
    });
    view.pickups = 0b0011;
    view
}

fn read(bytes: &[u8], baseline: Option<&View>) -> (Header, View) {
    let mut reader = BitReader::new(body(Lane::Latest, Kind::Snapshot, bytes));
    let header = Header::read(&mut reader).unwrap();
    (header, decode(&header, reader, baseline).unwrap())
}

#[test]
fn snapshots_are_as_drawn() {
    let header = Header { events_seen: 2, executed: 600, ..Header::default() };
    let (bytes, held) = encode(header, None, &first_view(), &mut Waiting::default());
    golden("snapshot-full", "Snapshot of tick 70,000 against nothing, without echo", &bytes);
    assert_eq!(held, first_view());
    assert_eq!(read(&bytes, None), (Header { tick: Tick(70_000), ..header }, first_view()));

    let header = Header { echo: Some(Echo { stamp: 0xBEEF, held: 9, margin: -3 }), ..header };
    let (bytes, held) = encode(header, Some(&first_view()), &second_view(), &mut Waiting::default());
    golden("snapshot-delta", "Snapshot of tick 70,006 against 70,000, with echo", &bytes);
    assert_eq!(held, second_view());
    let read = read(&bytes, Some(&first_view()));
    assert_eq!(read, (Header { tick: Tick(70_006), age: 6, ..header }, second_view()));
}

fn document() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_document_prints_every_vector() {
    let document = document();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let vector = std::fs::read_to_string(&path).unwrap();
        for line in vector.lines().filter(|line| !line.starts_with('#')) {
            assert!(document.contains(line), "a line of {} is not in docs/PROTOCOL.md: {line}", path.display());
        }
        count += 1;
    }
    assert!(count > 20, "only {count} vectors");
}

#[test]
fn the_document_states_every_limit_and_code() {
    let document = document();
    let ms = |duration: std::time::Duration| duration.as_millis() as u64;
    for (name, value) in [
        ("PROTOCOL_VERSION", u64::from(limits::PROTOCOL_VERSION)),
        ("MAX_LATEST_BYTES", limits::MAX_LATEST_BYTES as u64),
        ("MAX_RELIABLE_BYTES", limits::MAX_RELIABLE_BYTES as u64),
        ("MAX_CLIENT_RELIABLE_BYTES", limits::MAX_CLIENT_RELIABLE_BYTES as u64),
        ("LINK_BYTES", limits::LINK_BYTES as u64),
        ("LINK_INBOUND_MESSAGES", limits::LINK_INBOUND_MESSAGES as u64),
        ("HANDSHAKE_DEADLINE", ms(limits::HANDSHAKE_DEADLINE)),
        ("MAX_HANDSHAKES", limits::MAX_HANDSHAKES as u64),
        ("TCP_PER_ADDRESS", limits::TCP_PER_ADDRESS as u64),
        ("TCP_WAITING", limits::TCP_WAITING as u64),
        ("LINK_TIMEOUT", ms(limits::LINK_TIMEOUT)),
        ("KEEP_ALIVE", ms(limits::KEEP_ALIVE)),
        ("LONG_POLL", ms(limits::LONG_POLL)),
        ("HTTP_BODY_BYTES", limits::HTTP_BODY_BYTES as u64),
        ("HTTP_CONNECTIONS", limits::HTTP_CONNECTIONS as u64),
        ("MAX_VIOLATIONS", u64::from(limits::MAX_VIOLATIONS)),
        ("MAX_SPECTATORS", u64::from(limits::MAX_SPECTATORS)),
        ("INBOUND_PER_SECOND", u64::from(limits::INBOUND_PER_SECOND)),
        ("INBOUND_BURST", u64::from(limits::INBOUND_BURST)),
        ("SEAT_KEPT", ms(limits::SEAT_KEPT)),
        ("SWITCH_GRACE", ms(limits::SWITCH_GRACE)),
        ("LINKS_PER_SESSION", limits::LINKS_PER_SESSION as u64),
        ("SHADOWS_PER_SESSION", limits::SHADOWS_PER_SESSION as u64),
        ("STRANDS", limits::STRANDS as u64),
        ("MAX_EPOCH_STEP", u64::from(limits::MAX_EPOCH_STEP)),
        ("OUTBOX_MESSAGES", limits::OUTBOX_MESSAGES as u64),
        ("OUTBOX_BYTES", limits::OUTBOX_BYTES as u64),
        ("GRANT_LIFETIME", ms(limits::GRANT_LIFETIME)),
        ("CLOCK_LEEWAY", ms(limits::CLOCK_LEEWAY)),
        ("BUNDLE_COMMANDS", limits::BUNDLE_COMMANDS as u64),
        ("MAX_COMMAND_LEAD", u64::from(limits::MAX_COMMAND_LEAD)),
        ("REPEAT_COMMAND", u64::from(limits::REPEAT_COMMAND)),
        ("MAX_REWIND", ms(limits::MAX_REWIND)),
        ("REWOUND_SHIPS", limits::REWOUND_SHIPS as u64),
        ("BASELINES", limits::BASELINES as u64),
        ("MAX_BASELINE_AGE", u64::from(limits::MAX_BASELINE_AGE)),
        ("MAX_NAME_CHARS", limits::MAX_NAME_CHARS as u64),
        ("MIN_NAME_CHARS", limits::MIN_NAME_CHARS as u64),
        ("MAX_PASSWORD_CHARS", limits::MAX_PASSWORD_CHARS as u64),
        ("MAX_CHAT_CHARS", limits::MAX_CHAT_CHARS as u64),
        ("CHAT_PER_SECOND", u64::from(limits::CHAT_PER_SECOND)),
        ("CHAT_BURST", u64::from(limits::CHAT_BURST)),
    ] {
        assert!(
            document.contains(&format!("| `{name}` | {} ", thousands(value))),
            "`{name}` is not {value} in the document"
        );
    }
    for refusal in Refusal::ALL {
        let row = format!("| {} | `{refusal:?}` |", refusal.code());
        assert!(document.contains(&row), "the document lacks {row}");
    }
    for reason in CloseReason::ALL {
        let row = format!("| {} | `{reason:?}` |", reason.code());
        assert!(document.contains(&row), "the document lacks {row}");
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
    groups.join(",")
}
