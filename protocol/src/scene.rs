//! What to draw at one moment: the own ship predicted, everything else interpolated, all in tiles and seconds.
//!
//! Flow: `predict`, `interpolate` → [`compose`] → the client's view.

use crate::interpolate::between;
use crate::predict::Predictor;
use crate::snapshot::Ring;
use game::tick::{TICK_HZ, TICK_SECONDS};
use game::{Bolt, Phase, SeatId, Ship, ShipView, Tick, View};
use std::time::Duration;

/// Ships that are further apart than this in two snapshots were put there; no path is drawn between.
const TELEPORT_TILES: f32 = 6.0;

/// The own ship.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnShip {
    /// Its seat.
    pub seat: SeatId,
    /// Its predicted state.
    pub ship: Ship,
    /// Where to draw it, tiles.
    pub pos: [f32; 2],
    /// Velocity, tiles per second.
    pub vel: [f32; 2],
}

/// Where the server last said the own ship was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ghost {
    /// Tiles.
    pub pos: [f32; 2],
    /// Where its nose points, radians.
    pub aim: f32,
    /// The tick of which this is true.
    pub tick: Tick,
}

/// Somebody else's ship.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SceneShip {
    /// What is known of it.
    pub view: ShipView,
    /// Where to draw it, tiles.
    pub pos: [f32; 2],
    /// Where its nose points, radians.
    pub aim: f32,
    /// Velocity, tiles per second.
    pub vel: [f32; 2],
}

/// A bolt in flight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SceneBolt {
    /// Whose.
    pub owner: SeatId,
    /// Where, tiles.
    pub pos: [f32; 2],
    /// Direction, radians.
    pub aim: f32,
    /// Seconds since it was fired.
    pub age: f32,
}

/// A rail beam that fades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SceneBeam {
    /// Names it: when it was fired and by whom.
    pub key: (Tick, SeatId),
    /// Whose.
    pub owner: SeatId,
    /// Muzzle, tiles.
    pub from: [f32; 2],
    /// End, tiles.
    pub to: [f32; 2],
    /// Seconds since it was fired.
    pub age: f32,
}

/// What to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Tick of the newest snapshot.
    pub tick: Tick,
    /// Stage of the match.
    pub phase: Phase,
    /// Time until the next stage.
    pub phase_left: Duration,
    /// The own ship; none for spectators.
    pub own: Option<OwnShip>,
    /// The server's word about the own ship, as old as the newest snapshot; none for spectators.
    pub truth: Option<Ghost>,
    /// Everybody else.
    pub ships: Vec<SceneShip>,
    /// Bolts in flight, own ones included.
    pub bolts: Vec<SceneBolt>,
    /// Beams that fade.
    pub beams: Vec<SceneBeam>,
    /// One bit per pickup of the map.
    pub pickups: u64,
}

/// Composes the scene. `shown` is the tick on screen for others, `own_pos` where the own ship is drawn, `own_tick` the time of the
/// own ship in ticks.
pub fn compose(
    ring: &Ring,
    shown: f64,
    predictor: &Predictor,
    own_pos: Option<[f32; 2]>,
    own_tick: f64,
) -> Option<Scene> {
    let newest = ring.newest()?;
    let (earlier, later, t) = between(ring, shown)?;
    let own = newest.own.zip(predictor.ship()).zip(own_pos).map(|(((seat, _), ship), pos)| OwnShip {
        seat,
        ship: *ship,
        pos,
        vel: ship.vel.tiles().map(|v| v * TICK_HZ as f32),
    });
    let own_seat = newest.own.map(|(seat, _)| seat);
    Some(Scene {
        tick: newest.tick,
        phase: newest.phase,
        phase_left: Duration::from_secs_f64((f64::from(newest.phase.ends.0) - own_tick).max(0.0) * TICK_SECONDS),
        own,
        truth: newest.own.map(|(_, ship)| Ghost { pos: ship.pos.tiles(), aim: ship.aim.radians(), tick: newest.tick }),
        ships: later.ships.iter().map(|ship| glide(earlier, ship, t, later.tick.since(earlier.tick))).collect(),
        bolts: bolts([earlier, later, newest], shown, own_seat, predictor, own_tick),
        beams: newest
            .beams
            .iter()
            .map(|beam| SceneBeam {
                key: (beam.fired, beam.owner),
                owner: beam.owner,
                from: beam.from.tiles(),
                to: beam.to.tiles(),
                age: ((f64::from(newest.tick.0) - f64::from(beam.fired.0)).max(0.0) * TICK_SECONDS) as f32,
            })
            .collect(),
        pickups: newest.pickups,
    })
}

/// Composes the scene as it is without prediction: the own ship and its bolts are drawn like everybody else's, where the snapshots
/// around `shown` say, and answer a key only when the server's word comes back.
pub fn compose_unpredicted(ring: &Ring, shown: f64) -> Option<Scene> {
    let (earlier, later, t) = between(ring, shown)?;
    let own = later.own.map(|(seat, ship)| {
        let from = earlier.own.filter(|(was, _)| *was == seat).map_or(ship, |(_, from)| from);
        let before = View { ships: vec![ShipView::of(seat, &from)], ..View::default() };
        let seen = glide(&before, &ShipView::of(seat, &ship), t, later.tick.since(earlier.tick));
        OwnShip { seat, ship, pos: seen.pos, vel: seen.vel }
    });
    compose(ring, shown, &Predictor::default(), None, shown).map(|scene| Scene { own, ..scene })
}

fn glide(earlier: &View, to: &ShipView, t: f32, ticks: u32) -> SceneShip {
    let from = earlier.ships.iter().find(|from| from.seat == to.seat).unwrap_or(to);
    let ([x, y], [to_x, to_y]) = (from.pos.tiles(), to.pos.tiles());
    let [dx, dy] = [to_x - x, to_y - y];
    let put_there = dx.abs().max(dy.abs()) > TELEPORT_TILES || (from.health == 0) != (to.health == 0);
    if put_there || ticks == 0 {
        return SceneShip { view: *to, pos: [to_x, to_y], aim: to.aim.radians(), vel: [0.0; 2] };
    }
    let turn = (to.aim.radians() - from.aim.radians() + std::f32::consts::PI).rem_euclid(std::f32::consts::TAU);
    let per_second = TICK_HZ as f32 / ticks as f32;
    SceneShip {
        view: *to,
        pos: [x + dx * t, y + dy * t],
        aim: from.aim.radians() + (turn - std::f32::consts::PI) * t.min(1.0),
        vel: [dx * per_second, dy * per_second],
    }
}

fn bolts(
    [earlier, later, newest]: [&View; 3],
    shown: f64,
    own: Option<SeatId>,
    predictor: &Predictor,
    own_tick: f64,
) -> Vec<SceneBolt> {
    let key = |bolt: &Bolt| (bolt.spawned, bolt.owner);
    let is_own = |bolt: &&Bolt| Some(bolt.owner) == own;
    let fresh = later.bolts.iter().filter(|bolt| earlier.bolts.binary_search_by_key(&key(bolt), key).is_err());
    let others = earlier.bolts.iter().chain(fresh).filter(|bolt| !is_own(bolt)).map(|bolt| (bolt, shown));
    // Own bolts are drawn in the own ship's time, so that they leave the muzzle where it is drawn; and from the newest snapshot, which
    // takes over from the prediction at the tick where that ends.
    let told = newest.bolts.iter().filter(is_own);
    let own = told.chain(predictor.bolts()).map(|bolt| (bolt, own_tick));
    others
        .chain(own)
        .filter(|(bolt, tick)| f64::from(bolt.spawned.0) <= *tick)
        .map(|(bolt, tick)| bolt_at(bolt, tick))
        .collect()
}

fn bolt_at(bolt: &Bolt, tick: f64) -> SceneBolt {
    let whole = Tick(tick.max(0.0) as u32);
    let ([x, y], [to_x, to_y]) = (bolt.at(whole).tiles(), bolt.at(whole.next()).tiles());
    let t = tick.fract() as f32;
    SceneBolt {
        owner: bolt.owner,
        pos: [x + (to_x - x) * t, y + (to_y - y) * t],
        aim: bolt.aim.radians(),
        age: ((tick - f64::from(bolt.spawned.0)) * TICK_SECONDS) as f32,
    }
}
