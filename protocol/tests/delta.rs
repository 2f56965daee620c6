//! Snapshots as differences: whatever is written is read, fits its datagram, and in the long run nobody is left out.

mod support;

use game::{Aim, Beam, Bolt, Phase, PhaseKind, Point, SeatId, Ship, ShipView, Tick, Velocity, View};
use proptest::prelude::*;
use protocol::Lane;
use protocol::limits::{BASELINES, MAX_LATEST_BYTES};
use protocol::snapshot::{Ring, Waiting, decode, encode};
use protocol::wire::reader::BitReader;
use protocol::wire::snapshot::{Echo, Header};
use protocol::wire::{DecodeError, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;
use support::views;

fn read(bytes: &[u8], baseline: Option<&View>) -> Result<(Header, View), DecodeError> {
    let (_, body) = Kind::split(Lane::Latest, bytes)?;
    let mut reader = BitReader::new(body);
    let header = Header::read(&mut reader)?;
    Ok((header, decode(&header, reader, baseline)?))
}

fn write(baseline: Option<&View>, full: &View) -> (Vec<u8>, View) {
    encode(Header::default(), baseline, full, &mut Waiting::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_writer_holds_is_what_the_reader_gets(
        (old, new) in views::two_views([8, 10, 4]),
        events_seen: u32,
        executed: u16,
        echo in prop::option::of((any::<u16>(), any::<u16>(), -2_048..=2_047_i16)),
    ) {
        let echo = echo.map(|(stamp, held, margin)| Echo { stamp, held, margin });
        let header = Header { events_seen, executed, echo, ..Header::default() };
        for baseline in [None, Some(&old)] {
            let (bytes, held) = encode(header, baseline, &new, &mut Waiting::default());
            let (found, view) = read(&bytes, baseline).unwrap();
            prop_assert_eq!(&view, &held);
            prop_assert_eq!(&held, &new, "so little has room");
            let age = baseline.map_or(0, |old| new.tick.since(old.tick) as u8);
            prop_assert_eq!(found, Header { tick: new.tick, age, ..header });
        }
    }

    #[test]
    fn no_crowd_breaks_the_datagram((old, new) in views::two_views([63, 500, 100])) {
        for baseline in [None, Some(&old)] {
            let (bytes, held) = write(baseline, &new);
            prop_assert!(bytes.len() <= MAX_LATEST_BYTES, "{} bytes", bytes.len());
            let (_, view) = read(&bytes, baseline).unwrap();
            prop_assert_eq!(&view, &held);
            prop_assert_eq!((held.phase, held.own, held.pickups), (new.phase, new.own, new.pickups), "these always have room");
        }
        // Read once more on top of what found room: sooner or later everything does.
        let (mut held, mut waiting) = (View { tick: new.tick, ..old }, Waiting::default());
        for _ in 0..60 {
            if (&held.ships, &held.bolts) == (&new.ships, &new.bolts) {
                return Ok(());
            }
            let next = View { tick: held.tick.next(), ..new.clone() };
            let (bytes, then) = encode(Header::default(), Some(&held), &next, &mut waiting);
            prop_assert_eq!(&read(&bytes, Some(&held)).unwrap().1, &then);
            held = then;
        }
        prop_assert!(false, "still incomplete: {} bolts of {}", held.bolts.len(), new.bolts.len());
    }

    #[test]
    fn a_difference_is_refused_without_its_baseline((old, new) in views::two_views([4, 4, 2])) {
        let (bytes, _) = write(Some(&old), &new);
        prop_assert_eq!(read(&bytes, None), Err(DecodeError::UnknownBaseline));
        let other = View { tick: old.tick.minus(1), ..old };
        prop_assert_eq!(read(&bytes, Some(&other)), Err(DecodeError::UnknownBaseline));
    }
}

fn base() -> View {
    let ship = |seat| ShipView {
        seat: SeatId(seat),
        pos: Point { x: 20_000, y: 30_000 },
        aim: Aim(2_000),
        health: 60,
        score: 3,
        deaths: 2,
        ..ShipView::default()
    };
    View {
        tick: Tick(1_000),
        phase: Phase { kind: PhaseKind::Live, ends: Tick(5_000) },
        own: Some((SeatId(1), Ship { health: 50, pos: Point { x: 9, y: 9 }, ..Ship::default() })),
        ships: vec![ship(0), ship(2), ship(63)],
        bolts: vec![Bolt { owner: SeatId(0), spawned: Tick(990), origin: Point { x: 1, y: 2 }, aim: Aim(3) }],
        beams: vec![Beam { owner: SeatId(2), fired: Tick(995), ..Beam::default() }],
        pickups: 0xF0F0,
    }
}

type Flip = (&'static str, fn(&mut View));

/// Every field of a view that can change by itself. A bolt or beam never changes: it goes, and another one comes.
fn flips() -> Vec<Flip> {
    fn own(view: &mut View) -> &mut Ship {
        &mut view.own.as_mut().unwrap().1
    }
    vec![
        ("phase.kind", |v| v.phase.kind = PhaseKind::Results),
        ("phase.ends", |v| v.phase.ends = Tick(5_001)),
        ("own", |v| v.own = None),
        ("own.seat", |v| v.own.as_mut().unwrap().0 = SeatId(5)),
        ("own.pos.x", |v| own(v).pos.x = 65_535),
        ("own.pos.y", |v| own(v).pos.y = 0),
        ("own.vel.x", |v| own(v).vel = Velocity { x: i16::MIN, y: 0 }),
        ("own.vel.y", |v| own(v).vel.y = -1),
        ("own.aim", |v| own(v).aim = Aim(4_095)),
        ("own.health", |v| own(v).health = 100),
        ("own.bolt_wait", |v| own(v).bolt_wait = 255),
        ("own.rail_wait", |v| own(v).rail_wait = 150),
        ("own.dash_wait", |v| own(v).dash_wait = 1),
        ("own.dash_left", |v| own(v).dash_left = 1),
        ("own.shield", |v| own(v).shield = 1),
        ("own.respawn_in", |v| own(v).respawn_in = 1),
        ("own.score", |v| own(v).score = u16::MAX),
        ("own.deaths", |v| own(v).deaths = 1),
        ("ship gone", |v| v.ships.truncate(2)),
        ("ship new", |v| v.ships.insert(1, ShipView { seat: SeatId(1), ..v.ships[0] })),
        ("ship.pos.x by 1", |v| v.ships[0].pos.x -= 1),
        ("ship.pos.y by 31", |v| v.ships[1].pos.y += 31),
        ("ship.pos.y by 32", |v| v.ships[1].pos.y += 32),
        ("ship.pos.x by 255", |v| v.ships[0].pos.x += 255),
        ("ship.pos.x by 256", |v| v.ships[0].pos.x += 256),
        ("ship.pos.x by -2048", |v| v.ships[0].pos.x -= 2_048),
        ("ship.pos.x by -2049", |v| v.ships[0].pos.x -= 2_049),
        ("ship.pos.x far", |v| v.ships[2].pos.x = 65_535),
        ("ship.pos.x none", |v| v.ships[2].pos.x = 0),
        ("ship.aim by 63", |v| v.ships[0].aim.0 += 63),
        ("ship.aim by -64", |v| v.ships[0].aim.0 -= 64),
        ("ship.aim by 64", |v| v.ships[0].aim.0 += 64),
        ("ship.aim far", |v| v.ships[0].aim = Aim(4_095)),
        ("ship.health", |v| v.ships[1].health = 0),
        ("ship.dashing", |v| v.ships[2].dashing = true),
        ("ship.shielded", |v| v.ships[2].shielded = true),
        ("ship.score", |v| v.ships[0].score = 4),
        ("ship.deaths", |v| v.ships[0].deaths = 0),
        ("bolt gone", |v| v.bolts.clear()),
        ("bolt.owner", |v| v.bolts[0].owner = SeatId(63)),
        ("bolt.spawned", |v| v.bolts[0].spawned = Tick(991)),
        ("bolt new", |v| v.bolts.push(Bolt { spawned: Tick(1_002), origin: Point { x: 65_535, y: 0 }, ..v.bolts[0] })),
        ("beam gone", |v| v.beams.clear()),
        ("beam.owner", |v| v.beams[0].owner = SeatId(0)),
        ("beam.fired", |v| v.beams[0].fired = Tick(1_001)),
        ("beam new", |v| v.beams.push(Beam { fired: Tick(1_002), to: Point { x: 7, y: 65_535 }, ..v.beams[0] })),
        ("pickups low", |v| v.pickups ^= 1),
        ("pickups high", |v| v.pickups ^= 1 << 63),
    ]
}

#[test]
fn every_field_that_changes_is_told_and_nothing_else_is() {
    let base = base();
    let later = View { tick: Tick(1_002), ..base.clone() };
    let (unchanged, held) = write(Some(&base), &later);
    assert_eq!(held, later);
    assert!(unchanged.len() <= 19, "nothing to say takes {} bytes", unchanged.len());
    for (what, flip) in flips() {
        let mut flipped = later.clone();
        flip(&mut flipped);
        assert_ne!(flipped, later, "{what} flips nothing");
        let (bytes, held) = write(Some(&base), &flipped);
        assert_ne!(bytes, unchanged, "{what} is not told");
        assert_eq!(held, flipped, "{what}");
        assert_eq!(read(&bytes, Some(&base)).unwrap().1, flipped, "{what}");
    }
}

/// A crowd at tick `2 n`: every ship moves far and marks its score with `n`, and everybody fires every third time.
fn crowd(n: u32) -> View {
    let tick = Tick(2 * n);
    let place = |seat: u32, n: u32| Point {
        x: (seat.wrapping_mul(9_973).wrapping_add(n * 611) % 65_536) as i32,
        y: (seat.wrapping_mul(5_171).wrapping_add(n * 407) % 65_536) as i32,
    };
    let others = (0..64).filter(|seat| *seat != 7);
    let mut bolts = Vec::new();
    for fired in n.saturating_sub(29)..=n {
        let shooters = others.clone().filter(|seat| (seat + fired) % 3 == 0);
        bolts.extend(shooters.map(|seat| Bolt {
            owner: SeatId(seat as u8),
            spawned: Tick(2 * fired),
            origin: place(seat, fired),
            aim: Aim((seat * 64) as u16),
        }));
    }
    let ships = others.map(|seat| ShipView {
        seat: SeatId(seat as u8),
        pos: place(seat, n),
        aim: Aim((n * 97 + seat * 31) as u16 % 4_096),
        health: 100,
        score: n as u16,
        ..ShipView::default()
    });
    let own = Ship { pos: Point { x: 32_768, y: 32_768 }, health: 100, ..Ship::default() };
    View { tick, own: Some((SeatId(7), own)), ships: ships.collect(), bolts, ..View::default() }
}

#[test]
fn every_ship_is_told_again_and_again_however_tight_the_room_and_slow_the_answers() {
    for answers_after in 1..=24_usize {
        let (mut sent, mut waits) = (Ring::default(), BTreeMap::new());
        let mut left_out = 0;
        for n in 1..=600_u32 {
            let full = crowd(n);
            let acknowledged = Tick((2 * n).saturating_sub(2 * answers_after as u32));
            let baseline = sent.baseline(acknowledged, full.tick).cloned();
            let mut waiting: Waiting =
                baseline.as_ref().and_then(|baseline| waits.get(&baseline.tick)).cloned().unwrap_or_default();
            let (bytes, held) = encode(Header::default(), baseline.as_deref(), &full, &mut waiting);
            waits.insert(full.tick, waiting);
            assert!(bytes.len() <= MAX_LATEST_BYTES);
            assert_eq!(read(&bytes, baseline.as_deref()).unwrap().1, held);
            left_out += full.ships.len() - held.ships.iter().filter(|ship| ship.score == n as u16).count();
            if n > 150 {
                let oldest = held.ships.iter().map(|ship| n - u32::from(ship.score)).max().unwrap();
                assert_eq!(held.ships.len(), 63, "after {n} snapshots, answers after {answers_after}");
                // What a round trip takes, twice, and a few turns: everybody is told on every chain of baselines.
                let patience = 10 + 2 * answers_after as u32;
                assert!(oldest <= patience, "a ship is {oldest} snapshots old at {n}, answers after {answers_after}");
            }
            sent.push(Arc::new(held));
        }
        assert!(left_out > 1_000, "the room is not tight: {left_out} ships left out, answers after {answers_after}");
    }
}

#[test]
fn a_ring_keeps_the_newest_and_offers_no_baseline_that_does_not_fit() {
    let mut ring = Ring::default();
    for tick in 1..=100 {
        ring.push(Arc::new(View { tick: Tick(tick * 4), ..View::default() }));
    }
    ring.push(Arc::new(View { tick: Tick(8), ..View::default() }));
    assert_eq!(ring.iter().count(), BASELINES);
    assert_eq!(ring.newest().unwrap().tick, Tick(400));
    let oldest = Tick(400 - 4 * (BASELINES as u32 - 1));
    assert!(ring.find(oldest).is_some() && ring.find(oldest.minus(4)).is_none());
    assert!(ring.baseline(oldest, oldest.plus(127)).is_some());
    assert!(ring.baseline(oldest, oldest.plus(128)).is_none(), "128 ticks do not fit seven bits");
    assert!(ring.baseline(Tick(400), Tick(400)).is_none(), "age 0 means no baseline");
    assert!(ring.baseline(Tick(0), Tick(404)).is_none());
    assert!(ring.baseline(Tick(u32::MAX), Tick(404)).is_none());
}
