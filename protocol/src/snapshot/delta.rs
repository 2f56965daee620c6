//! Writes a view as the difference to one that the seat holds, within a byte budget, and reads it back.
//!
//! What must be there is written first: phase, own ship, who and what is gone. The rest (ships that changed, new bolts, new beams)
//! shares what is left of the budget by priority: the nearer and the longer it has waited, the sooner. What finds no room keeps the
//! value of the baseline, in the sender's copy as well as in the receiver's, and waits for the next snapshot.
//!
//! Flow: `Arena::view` → [`encode`] → `wire::snapshot` → link → [`decode`] → `predict`, `interpolate`.

use crate::limits::MAX_LATEST_BYTES;
use crate::wire::DecodeError;
use crate::wire::reader::BitReader;
use crate::wire::snapshot::{
    BEAM_BITS, BOLT_BITS, Header, beam_fits, bolt_fits, read_beam, read_bolt, read_own, read_phase, read_seat,
    read_ship, write_beam, write_bolt, write_own, write_phase, write_seat, write_ship,
};
use crate::wire::writer::BitWriter;
use game::{Beam, Bolt, MAX_SEATS, Point, SeatId, Ship, ShipView, Tick, View};
use std::cmp::Reverse;

/// Most new bolts in one snapshot.
const MAX_NEW_BOLTS: usize = 255;
/// Most new ships, and most new beams, in one snapshot.
const MAX_NEW: usize = 127;
/// Most bolts, and most beams, that a view read from the wire may hold: eight for each seat.
const MAX_HELD: usize = 8 * MAX_SEATS;
/// Urgency of what is told only once: that of a ship which has waited for this many ticks.
const ONCE: u32 = 8;
/// Bits of the three counts.
const COUNT_BITS: usize = 7 + 8 + 7;
/// Bits around a ship's differences: same/changed and gone/there, or the seat of a new one.
const SHIP_FRAME_BITS: usize = 6;

/// For how many ticks each seat's ship has found no room: what a view that was sent holds of it is that much older than the view.
///
/// It belongs to a view, as the baseline does. Counted across all views it would starve ships: while an acknowledgement is on its way,
/// consecutive snapshots build on different baselines, and a ship told on one of them would be thought told on all.
#[derive(Clone, Debug)]
pub struct Waiting([u16; MAX_SEATS]);

impl Default for Waiting {
    fn default() -> Self {
        Self([0; MAX_SEATS])
    }
}

impl Waiting {
    fn of(&self, seat: SeatId) -> u32 {
        self.0.get(usize::from(seat.0)).map_or(0, |waited| u32::from(*waited))
    }

    fn told(&mut self, seat: SeatId) {
        if let Some(waited) = self.0.get_mut(usize::from(seat.0)) {
            *waited = 0;
        }
    }

    fn left_out(&mut self, seat: SeatId, ticks: u16) {
        if let Some(waited) = self.0.get_mut(usize::from(seat.0)) {
            *waited = waited.saturating_add(ticks);
        }
    }
}

/// Something that wants room: how urgent, how large, and what.
struct Wish<'a> {
    urgency: u32,
    bits: usize,
    thing: Thing<'a>,
}

enum Thing<'a> {
    Ship(&'a ShipView),
    Bolt(&'a Bolt),
    Beam(&'a Beam),
}

/// Returns the snapshot as bytes, at most [`MAX_LATEST_BYTES`], and the view that its reader will hold.
///
/// `header.age` is set here. `baseline` must be a view that the reader holds and is 1 to 127 ticks old. `waiting` comes in as it was
/// left when the baseline was sent, and goes out as it belongs to the returned view.
pub fn encode(mut header: Header, baseline: Option<&View>, full: &View, waiting: &mut Waiting) -> (Vec<u8>, View) {
    let empty = View::default();
    header.tick = full.tick;
    header.age = baseline.map_or(0, |b| full.tick.since(b.tick).min(127) as u8);
    let baseline = baseline.unwrap_or(&empty);
    let tick = full.tick;

    let mut w = header.write();
    write_phase(&mut w, baseline.phase, full.phase);
    w.flag(full.own.is_some());
    if let Some((seat, own)) = &full.own {
        write_seat(&mut w, *seat);
        write_own(&mut w, own_baseline(baseline, *seat), own);
    }
    if !w.flag(baseline.pickups == full.pickups) {
        w.bits(full.pickups as u32, 32);
        w.bits((full.pickups >> 32) as u32, 32);
    }

    let fixed = w.len_bits()
        + baseline.ships.len()
        + 2 * gone_ships(baseline, full)
        + baseline.bolts.len()
        + baseline.beams.len();
    let room = (MAX_LATEST_BYTES * 8).saturating_sub(fixed + COUNT_BITS);
    let told = choose(wishes(baseline, full, waiting), room, waiting, u16::from(header.age.max(1)));

    let mut held = View {
        tick,
        phase: full.phase,
        own: full.own,
        pickups: full.pickups,
        ships: Vec::with_capacity(full.ships.len()),
        bolts: Vec::with_capacity(full.bolts.len()),
        beams: Vec::with_capacity(full.beams.len()),
    };
    write_ships(&mut w, baseline, full, &told, &mut held);
    write_bolts(&mut w, tick, baseline, full, &told, &mut held);
    write_beams(&mut w, tick, baseline, full, &told, &mut held);
    (w.finish(), held)
}

/// What found room.
#[derive(Default)]
struct Told<'a> {
    ships: Vec<&'a ShipView>,
    bolts: Vec<&'a Bolt>,
    beams: Vec<&'a Beam>,
}

fn gone_ships(baseline: &View, full: &View) -> usize {
    baseline.ships.iter().filter(|old| find_ship(full, old.seat).is_none()).count()
}

fn find_ship(view: &View, seat: SeatId) -> Option<&ShipView> {
    view.ships.binary_search_by_key(&seat, |ship| ship.seat).ok().and_then(|at| view.ships.get(at))
}

fn bolt_key(bolt: &Bolt) -> (Tick, SeatId) {
    (bolt.spawned, bolt.owner)
}

fn beam_key(beam: &Beam) -> (Tick, SeatId) {
    (beam.fired, beam.owner)
}

fn holds_bolt(view: &View, bolt: &Bolt) -> bool {
    view.bolts.binary_search_by_key(&bolt_key(bolt), bolt_key).is_ok()
}

fn holds_beam(view: &View, beam: &Beam) -> bool {
    view.beams.binary_search_by_key(&beam_key(beam), beam_key).is_ok()
}

/// Lists all that changed and has a choice.
fn wishes<'a>(baseline: &View, full: &'a View, waiting: &Waiting) -> Vec<Wish<'a>> {
    let eye = full.own.map(|(_, ship)| ship.pos);
    let mut wishes = Vec::with_capacity(full.ships.len() + 16);
    // One scratch row of bits measures them all, one behind the other.
    let mut probe = BitWriter::default();
    for ship in &full.ships {
        let old = find_ship(baseline, ship.seat);
        if old == Some(ship) {
            continue;
        }
        let before = probe.len_bits();
        write_ship(&mut probe, old.unwrap_or(&ShipView { seat: ship.seat, ..ShipView::default() }), ship);
        let urgency = nearness(eye, ship.pos).saturating_mul(waiting.of(ship.seat).saturating_add(1));
        wishes.push(Wish { urgency, bits: probe.len_bits() - before + SHIP_FRAME_BITS, thing: Thing::Ship(ship) });
    }
    let fresh = full.bolts.iter().filter(|bolt| bolt_fits(full.tick, bolt) && !holds_bolt(baseline, bolt));
    wishes.extend(fresh.map(|bolt| {
        // A bolt is told once, so it goes before the ships around it unless they have waited for longer.
        let urgency = nearness(eye, bolt.at(full.tick)).saturating_mul(ONCE);
        Wish { urgency, bits: BOLT_BITS, thing: Thing::Bolt(bolt) }
    }));
    let fresh = full.beams.iter().filter(|beam| beam_fits(full.tick, beam) && !holds_beam(baseline, beam));
    wishes.extend(fresh.map(|beam| {
        let urgency = nearness(eye, beam.from).max(nearness(eye, beam.to)).saturating_mul(ONCE);
        Wish { urgency, bits: BEAM_BITS, thing: Thing::Beam(beam) }
    }));
    wishes
}

/// Returns a number that is larger for what is nearer: 4,096 here, half of it 8 tiles away.
fn nearness(eye: Option<Point>, thing: Point) -> u32 {
    let Some(eye) = eye else { return 1_024 };
    let tiles = eye.x.abs_diff(thing.x).max(eye.y.abs_diff(thing.y)) / game::space::STEPS_PER_TILE as u32;
    (4_096 * 8) / tiles.saturating_add(8)
}

/// Picks the most urgent wishes that fit into `room` bits. Equal urgency keeps the order of the view. A ship that is left out is older
/// by `age` ticks in the new view than in the baseline.
fn choose<'a>(mut wishes: Vec<Wish<'a>>, mut room: usize, waiting: &mut Waiting, age: u16) -> Told<'a> {
    if wishes.iter().map(|wish| wish.bits).sum::<usize>() > room {
        wishes.sort_by_key(|wish| Reverse(wish.urgency));
    }
    let mut told = Told::default();
    for wish in wishes {
        let fits = wish.bits <= room;
        let taken = fits && told.take(&wish.thing);
        if taken {
            room = room.saturating_sub(wish.bits);
        }
        match wish.thing {
            Thing::Ship(ship) if taken => waiting.told(ship.seat),
            Thing::Ship(ship) => waiting.left_out(ship.seat, age),
            Thing::Bolt(_) | Thing::Beam(_) => {}
        }
    }
    told.ships.sort_unstable_by_key(|ship| ship.seat);
    told.bolts.sort_unstable_by_key(|bolt| bolt_key(bolt));
    told.beams.sort_unstable_by_key(|beam| beam_key(beam));
    told
}

impl<'a> Told<'a> {
    fn take(&mut self, thing: &Thing<'a>) -> bool {
        match thing {
            Thing::Ship(ship) => push_below(&mut self.ships, ship, MAX_NEW),
            Thing::Bolt(bolt) => push_below(&mut self.bolts, bolt, MAX_NEW_BOLTS),
            Thing::Beam(beam) => push_below(&mut self.beams, beam, MAX_NEW),
        }
    }
}

fn push_below<'a, T>(list: &mut Vec<&'a T>, thing: &'a T, most: usize) -> bool {
    let below = list.len() < most;
    if below {
        list.push(thing);
    }
    below
}

fn write_ships(w: &mut BitWriter, baseline: &View, full: &View, told: &Told<'_>, held: &mut View) {
    let told_ship = |seat| told.ships.binary_search_by_key(&seat, |s| s.seat).ok().and_then(|at| told.ships.get(at));
    for old in &baseline.ships {
        let gone = find_ship(full, old.seat).is_none();
        let new = told_ship(old.seat);
        if !w.flag(gone || new.is_some()) {
            held.ships.push(*old);
        } else if w.flag(!gone)
            && let Some(new) = new
        {
            write_ship(w, old, new);
            held.ships.push(**new);
        }
    }
    let fresh: Vec<_> = told.ships.iter().filter(|ship| find_ship(baseline, ship.seat).is_none()).collect();
    w.bits(fresh.len() as u32, 7);
    for ship in fresh {
        write_seat(w, ship.seat);
        write_ship(w, &ShipView { seat: ship.seat, ..ShipView::default() }, ship);
        held.ships.push(**ship);
    }
    held.ships.sort_unstable_by_key(|ship| ship.seat);
}

fn write_bolts(w: &mut BitWriter, tick: Tick, baseline: &View, full: &View, told: &Told<'_>, held: &mut View) {
    for old in &baseline.bolts {
        if !w.flag(!holds_bolt(full, old)) {
            held.bolts.push(*old);
        }
    }
    let room = MAX_HELD.saturating_sub(held.bolts.len());
    let fresh = told.bolts.get(..told.bolts.len().min(room)).unwrap_or_default();
    w.bits(fresh.len() as u32, 8);
    for bolt in fresh {
        write_bolt(w, tick, bolt);
        held.bolts.push(**bolt);
    }
    held.bolts.sort_unstable_by_key(bolt_key);
}

fn write_beams(w: &mut BitWriter, tick: Tick, baseline: &View, full: &View, told: &Told<'_>, held: &mut View) {
    for old in &baseline.beams {
        if !w.flag(!holds_beam(full, old)) {
            held.beams.push(*old);
        }
    }
    let room = MAX_HELD.saturating_sub(held.beams.len());
    let fresh = told.beams.get(..told.beams.len().min(room)).unwrap_or_default();
    w.bits(fresh.len() as u32, 7);
    for beam in fresh {
        write_beam(w, tick, beam);
        held.beams.push(**beam);
    }
    held.beams.sort_unstable_by_key(beam_key);
}

const NO_SHIP: Ship = Ship {
    pos: Point { x: 0, y: 0 },
    vel: game::Velocity { x: 0, y: 0 },
    aim: game::Aim(0),
    health: 0,
    bolt_wait: 0,
    rail_wait: 0,
    dash_wait: 0,
    dash_left: 0,
    shield: 0,
    respawn_in: 0,
    score: 0,
    deaths: 0,
};

/// The own ship is written against the baseline's own ship if the seat is the same, else against an empty one.
fn own_baseline(baseline: &View, seat: SeatId) -> &Ship {
    baseline.own.as_ref().filter(|(old, _)| *old == seat).map_or(&NO_SHIP, |(_, ship)| ship)
}

/// Reads the differences behind `header` and returns the whole view.
///
/// # Errors
/// If the bytes are cut short, go on behind the end, or hold what no sender writes. `baseline` must be the view of
/// `header.tick − header.age`, or none if the age is 0; else [`DecodeError::UnknownBaseline`].
pub fn decode(header: &Header, mut r: BitReader<'_>, baseline: Option<&View>) -> Result<View, DecodeError> {
    let empty = View::default();
    let tick = header.tick;
    let baseline = match (header.age, baseline) {
        (0, _) => &empty,
        (age, Some(view)) if tick.since(view.tick) == u32::from(age) => view,
        _ => return Err(DecodeError::UnknownBaseline),
    };
    let phase = read_phase(&mut r, baseline.phase)?;
    let own = match r.flag()? {
        true => {
            let seat = read_seat(&mut r)?;
            Some((seat, read_own(&mut r, own_baseline(baseline, seat))?))
        }
        false => None,
    };
    let pickups = match r.flag()? {
        true => baseline.pickups,
        false => u64::from(r.bits(32)?) | u64::from(r.bits(32)?) << 32,
    };
    let ships = read_ships(&mut r, baseline)?;
    let bolts = read_list(&mut r, &baseline.bolts, 8, |r| read_bolt(r, tick), bolt_key)?;
    let beams = read_list(&mut r, &baseline.beams, 7, |r| read_beam(r, tick), beam_key)?;
    r.finish()?;
    Ok(View { tick, phase, own, ships, bolts, beams, pickups })
}

fn read_ships(r: &mut BitReader<'_>, baseline: &View) -> Result<Vec<ShipView>, DecodeError> {
    let mut ships = Vec::with_capacity(baseline.ships.len());
    for old in &baseline.ships {
        if !r.flag()? {
            ships.push(*old);
        } else if r.flag()? {
            ships.push(read_ship(r, old)?);
        }
    }
    for _ in 0..r.bits(7)? {
        let seat = read_seat(r)?;
        ships.push(read_ship(r, &ShipView { seat, ..ShipView::default() })?);
    }
    sorted_and_distinct(ships, MAX_SEATS, |ship| ship.seat)
}

fn read_list<T: Copy, K: Ord>(
    r: &mut BitReader<'_>,
    baseline: &[T],
    count_bits: u32,
    read: impl Fn(&mut BitReader<'_>) -> Result<T, DecodeError>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, DecodeError> {
    let mut list = Vec::with_capacity(baseline.len());
    for old in baseline {
        if !r.flag()? {
            list.push(*old);
        }
    }
    for _ in 0..r.bits(count_bits)? {
        list.push(read(r)?);
    }
    sorted_and_distinct(list, MAX_HELD, key)
}

fn sorted_and_distinct<T, K: Ord>(mut list: Vec<T>, most: usize, key: impl Fn(&T) -> K) -> Result<Vec<T>, DecodeError> {
    list.sort_unstable_by_key(&key);
    let distinct = list.windows(2).all(|pair| matches!(pair, [a, b] if key(a) < key(b)));
    if distinct && list.len() <= most { Ok(list) } else { Err(DecodeError::Range("list")) }
}
