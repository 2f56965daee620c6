//! The snapshot: what the server sends to a seat, on the Latest lane, as a difference to a snapshot that the seat holds.
//!
//! ```text
//! bits  8 | 32   | 7   | 32          | 16       | 1    | 16    | 16   | 12     | ...
//!      0x91 tick   age   events seen   executed   echo   stamp   held   margin   differences
//! ```
//!
//! *age* tells the baseline: the snapshot of tick − age; 0 means that there is none and everything is written against nothing.
//! *executed* counts (mod 2¹⁶) the ticks for which the seat's own command was there in time. If *echo* is 1, *stamp* is the newest
//! stamp from the client, *held* the quarter milliseconds since it arrived, and *margin* (zigzag) how many quarter milliseconds
//! before its tick the latest of the newly arrived commands came. Without echo the three are absent.
//!
//! The differences, in this order:
//!
//! ```text
//! phase    1 same | 0: kind 2, ends 32
//! own      0 none | 1: seat 6, then per field of the ship (pos x 16, pos y 16, vel x 16, vel y 16, aim 12, health 7, bolt wait 8,
//!          rail wait 8, dash wait 8, dash left 8, shield 8, respawn 8, score 16, deaths 16):  1 same | 0: value
//! pickups  1 same | 0: low 32, high 32
//! ships    per ship of the baseline: 0 same | 1: then 0 gone | 1: its differences
//!          number of new ships 7, then each: seat 6, differences against an empty ship
//! bolts    per bolt of the baseline: 0 still there | 1 gone
//!          number of new bolts 8, then each: owner 6, ticks since spawn 8, x 16, y 16, aim 12
//! beams    per beam of the baseline: 0 | 1 as bolts
//!          number of new beams 7, then each: owner 6, ticks since fired 4, from x 16, y 16, to x 16, y 16
//!
//! ship     pos: 1 same | 0: x, y, each: class 2, value  (class 0: 6, 1: 9, 2: 12 bits zigzag difference, 3: 16 bits absolute)
//!          aim: 1 same | 0 then 1: 7 bits zigzag difference | 0: 12
//!          health: 1 same | 0: 7          dashing 1          shielded 1
//!          score, deaths: 1 both same | 0: 16, 16
//! ```
//!
//! Ships come by rising seat, bolts and beams by rising (tick, owner); new ones are sorted in among the old by the reader.
//!
//! Flow: `snapshot::delta` → [`Header`] + differences → link → `session::client`.

use super::reader::BitReader;
use super::writer::{BitWriter, fits};
use super::{DecodeError, Kind};
use game::view::PhaseKind;
use game::{Aim, Beam, Bolt, Phase, Point, SeatId, Ship, ShipView, Tick, Velocity};

/// What stands before the differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The tick whose end this describes.
    pub tick: Tick,
    /// Age of the baseline in ticks, up to [`crate::limits::MAX_BASELINE_AGE`]; 0 for none.
    pub age: u8,
    /// Number of the last client event applied.
    pub events_seen: u32,
    /// Ticks executed with the seat's own command, wrapping.
    pub executed: u16,
    /// Answer to the newest stamp.
    pub echo: Option<Echo>,
}

/// What the server says about the newest bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The client's stamp, as it came.
    pub stamp: u16,
    /// Quarter milliseconds from its arrival to this snapshot.
    pub held: u16,
    /// Quarter milliseconds before its tick at which the latest new command came; negative: too late. −2048 to 2047.
    pub margin: i16,
}

const MARGIN_BITS: u32 = 12;

impl Header {
    /// Begins a snapshot.
    pub fn write(&self) -> BitWriter {
        let mut w = BitWriter::starting_with(Kind::Snapshot as u8);
        w.bits(self.tick.0, 32);
        w.bits(u32::from(self.age), 7);
        w.bits(self.events_seen, 32);
        w.bits(u32::from(self.executed), 16);
        Echo::write(self.echo, &mut w);
        w
    }

    /// Reads the beginning of a body.
    ///
    /// # Errors
    /// If it is cut short.
    pub fn read(r: &mut BitReader<'_>) -> Result<Self, DecodeError> {
        let (tick, age) = (Tick(r.bits(32)?), r.bits(7)? as u8);
        let (events_seen, executed) = (r.bits(32)?, r.bits(16)? as u16);
        Ok(Self { tick, age, events_seen, executed, echo: Echo::read(r)? })
    }
}

impl Echo {
    pub(crate) fn write(echo: Option<Self>, w: &mut BitWriter) {
        w.flag(echo.is_some());
        if let Some(echo) = echo {
            w.bits(u32::from(echo.stamp), 16);
            w.bits(u32::from(echo.held), 16);
            w.signed(i32::from(echo.margin).clamp(-2048, 2047), MARGIN_BITS);
        }
    }

    pub(crate) fn read(r: &mut BitReader<'_>) -> Result<Option<Self>, DecodeError> {
        if !r.flag()? {
            return Ok(None);
        }
        let (stamp, held) = (r.bits(16)? as u16, r.bits(16)? as u16);
        Ok(Some(Self { stamp, held, margin: r.signed(MARGIN_BITS)? as i16 }))
    }
}

/// Writes a value that may be the same as before.
fn changed<T: PartialEq + Copy>(w: &mut BitWriter, old: T, new: T, write: impl FnOnce(&mut BitWriter, T)) {
    if !w.flag(old == new) {
        write(w, new);
    }
}

/// Reads what [`changed`] wrote.
fn unless_same<T>(
    r: &mut BitReader<'_>,
    old: T,
    read: impl FnOnce(&mut BitReader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if r.flag()? { Ok(old) } else { read(r) }
}

pub(crate) fn write_phase(w: &mut BitWriter, old: Phase, new: Phase) {
    changed(w, old, new, |w, phase| {
        w.bits(phase.kind as u32, 2);
        w.bits(phase.ends.0, 32);
    });
}

pub(crate) fn read_phase(r: &mut BitReader<'_>, old: Phase) -> Result<Phase, DecodeError> {
    unless_same(r, old, |r| {
        let kind = match r.bits(2)? {
            0 => PhaseKind::Waiting,
            1 => PhaseKind::Countdown,
            2 => PhaseKind::Live,
            _ => PhaseKind::Results,
        };
        Ok(Phase { kind, ends: Tick(r.bits(32)?) })
    })
}

pub(crate) fn write_seat(w: &mut BitWriter, seat: SeatId) {
    w.bits(u32::from(seat.0), 6);
}

pub(crate) fn read_seat(r: &mut BitReader<'_>) -> Result<SeatId, DecodeError> {
    Ok(SeatId(r.bits(6)? as u8))
}

/// Widths of the own ship's fields, in the order of [`own_fields`].
const OWN_WIDTHS: [u32; 14] = [16, 16, 16, 16, 12, 7, 8, 8, 8, 8, 8, 8, 16, 16];

fn own_fields(s: &Ship) -> [u32; 14] {
    [
        s.pos.x as u32,
        s.pos.y as u32,
        u32::from(s.vel.x as u16),
        u32::from(s.vel.y as u16),
        u32::from(s.aim.0),
        u32::from(s.health),
        u32::from(s.bolt_wait),
        u32::from(s.rail_wait),
        u32::from(s.dash_wait),
        u32::from(s.dash_left),
        u32::from(s.shield),
        u32::from(s.respawn_in),
        u32::from(s.score),
        u32::from(s.deaths),
    ]
}

pub(crate) fn write_own(w: &mut BitWriter, old: &Ship, new: &Ship) {
    let (old, new) = (own_fields(old), own_fields(new));
    for ((old, new), width) in old.into_iter().zip(new).zip(OWN_WIDTHS) {
        changed(w, old, new, |w, value| w.bits(value, width));
    }
}

pub(crate) fn read_own(r: &mut BitReader<'_>, old: &Ship) -> Result<Ship, DecodeError> {
    let mut fields = own_fields(old);
    for (field, width) in fields.iter_mut().zip(OWN_WIDTHS) {
        *field = unless_same(r, *field, |r| r.bits(width))?;
    }
    let [x, y, vx, vy, aim, health, bolt_wait, rail_wait, dash_wait, dash_left, shield, respawn_in, score, deaths] =
        fields;
    Ok(Ship {
        pos: Point { x: x as i32, y: y as i32 },
        vel: Velocity { x: vx as u16 as i16, y: vy as u16 as i16 },
        aim: Aim(aim as u16),
        health: health_of(health)?,
        bolt_wait: bolt_wait as u8,
        rail_wait: rail_wait as u8,
        dash_wait: dash_wait as u8,
        dash_left: dash_left as u8,
        shield: shield as u8,
        respawn_in: respawn_in as u8,
        score: score as u16,
        deaths: deaths as u16,
    })
}

fn health_of(value: u32) -> Result<u8, DecodeError> {
    if value <= u32::from(game::ship::MAX_HEALTH) { Ok(value as u8) } else { Err(DecodeError::Range("health")) }
}

/// Widths of the classes of a coordinate's difference.
const CLASSES: [u32; 3] = [6, 9, 12];
const ABSOLUTE: u32 = 3;
const SMALL_AIM: u32 = 7;

fn write_coordinate(w: &mut BitWriter, old: i32, new: i32) {
    let difference = new.wrapping_sub(old);
    for (class, width) in (0_u32..).zip(CLASSES) {
        if fits(difference, width) {
            w.bits(class, 2);
            w.signed(difference, width);
            return;
        }
    }
    w.bits(ABSOLUTE, 2);
    w.bits(new as u32, 16);
}

fn read_coordinate(r: &mut BitReader<'_>, old: i32) -> Result<i32, DecodeError> {
    let class = r.bits(2)?;
    let value = match CLASSES.get(class as usize) {
        Some(width) => old.wrapping_add(r.signed(*width)?),
        None => r.bits(16)? as i32,
    };
    if (0..=i32::from(u16::MAX)).contains(&value) { Ok(value) } else { Err(DecodeError::Range("coordinate")) }
}

pub(super) fn write_point(w: &mut BitWriter, point: Point) {
    w.bits(point.x as u32, 16);
    w.bits(point.y as u32, 16);
}

pub(super) fn read_point(r: &mut BitReader<'_>) -> Result<Point, DecodeError> {
    Ok(Point { x: r.bits(16)? as i32, y: r.bits(16)? as i32 })
}

pub(crate) fn write_ship(w: &mut BitWriter, old: &ShipView, new: &ShipView) {
    if !w.flag(old.pos == new.pos) {
        write_coordinate(w, old.pos.x, new.pos.x);
        write_coordinate(w, old.pos.y, new.pos.y);
    }
    if !w.flag(old.aim == new.aim) {
        let difference = i32::from(new.aim.0).wrapping_sub(i32::from(old.aim.0));
        if w.flag(fits(difference, SMALL_AIM)) {
            w.signed(difference, SMALL_AIM);
        } else {
            w.bits(u32::from(new.aim.0), 12);
        }
    }
    changed(w, old.health, new.health, |w, health| w.bits(u32::from(health), 7));
    w.flag(new.dashing);
    w.flag(new.shielded);
    changed(w, (old.score, old.deaths), (new.score, new.deaths), |w, (score, deaths)| {
        w.bits(u32::from(score), 16);
        w.bits(u32::from(deaths), 16);
    });
}

pub(crate) fn read_ship(r: &mut BitReader<'_>, old: &ShipView) -> Result<ShipView, DecodeError> {
    let pos = unless_same(r, old.pos, |r| {
        Ok(Point { x: read_coordinate(r, old.pos.x)?, y: read_coordinate(r, old.pos.y)? })
    })?;
    let aim = unless_same(r, old.aim, |r| {
        if !r.flag()? {
            return Ok(Aim(r.bits(12)? as u16));
        }
        let aim = i32::from(old.aim.0).wrapping_add(r.signed(SMALL_AIM)?);
        u16::try_from(aim).ok().filter(|aim| *aim < game::space::AIM_TURN).map(Aim).ok_or(DecodeError::Range("aim"))
    })?;
    let health = unless_same(r, old.health, |r| health_of(r.bits(7)?))?;
    let (dashing, shielded) = (r.flag()?, r.flag()?);
    let (score, deaths) = unless_same(r, (old.score, old.deaths), |r| Ok((r.bits(16)? as u16, r.bits(16)? as u16)))?;
    Ok(ShipView { seat: old.seat, pos, aim, health, dashing, shielded, score, deaths })
}

const BOLT_AGE_BITS: u32 = 8;
const BEAM_AGE_BITS: u32 = 4;
/// Bits of a new bolt.
pub(crate) const BOLT_BITS: usize = 58;
/// Bits of a new beam.
pub(crate) const BEAM_BITS: usize = 74;

/// Returns whether a bolt's age fits the wire. Older ones are about to vanish and are not told any more.
pub(crate) fn bolt_fits(tick: Tick, bolt: &Bolt) -> bool {
    tick.since(bolt.spawned) < 1 << BOLT_AGE_BITS
}

/// As [`bolt_fits`].
pub(crate) fn beam_fits(tick: Tick, beam: &Beam) -> bool {
    tick.since(beam.fired) < 1 << BEAM_AGE_BITS
}

pub(crate) fn write_bolt(w: &mut BitWriter, tick: Tick, bolt: &Bolt) {
    write_seat(w, bolt.owner);
    w.bits(tick.since(bolt.spawned), BOLT_AGE_BITS);
    write_point(w, bolt.origin);
    w.bits(u32::from(bolt.aim.0), 12);
}

pub(crate) fn read_bolt(r: &mut BitReader<'_>, tick: Tick) -> Result<Bolt, DecodeError> {
    let owner = read_seat(r)?;
    let spawned = tick.minus(r.bits(BOLT_AGE_BITS)?);
    Ok(Bolt { owner, spawned, origin: read_point(r)?, aim: Aim(r.bits(12)? as u16) })
}

pub(crate) fn write_beam(w: &mut BitWriter, tick: Tick, beam: &Beam) {
    write_seat(w, beam.owner);
    w.bits(tick.since(beam.fired), BEAM_AGE_BITS);
    write_point(w, beam.from);
    write_point(w, beam.to);
}

pub(crate) fn read_beam(r: &mut BitReader<'_>, tick: Tick) -> Result<Beam, DecodeError> {
    let owner = read_seat(r)?;
    let fired = tick.minus(r.bits(BEAM_AGE_BITS)?);
    Ok(Beam { owner, fired, from: read_point(r)?, to: read_point(r)? })
}
