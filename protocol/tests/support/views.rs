//! Views made at random, within the ranges that an arena keeps to.

use game::{
    Aim, Beam, Bolt, MAX_SEATS, Phase, PhaseKind, Point, SeatId, Ship, ShipView, Tick, Velocity, View, ship::MAX_HEALTH,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn point() -> impl Strategy<Value = Point> {
    (0..=65_535, 0..=65_535).prop_map(|(x, y)| Point { x, y })
}

fn aim() -> impl Strategy<Value = Aim> {
    (0..4_096_u16).prop_map(Aim)
}

fn seat() -> impl Strategy<Value = SeatId> {
    (0..MAX_SEATS as u8).prop_map(SeatId)
}

/// Returns any stage of a match.
pub(crate) fn phase() -> impl Strategy<Value = Phase> {
    let kinds = [PhaseKind::Waiting, PhaseKind::Countdown, PhaseKind::Live, PhaseKind::Results];
    (prop::sample::select(kinds.to_vec()), any::<u32>()).prop_map(|(kind, ends)| Phase { kind, ends: Tick(ends) })
}

/// Returns any ship, whole.
pub(crate) fn ship() -> impl Strategy<Value = Ship> {
    (point(), any::<[i16; 2]>(), aim(), 0..=MAX_HEALTH, any::<[u8; 6]>(), any::<[u16; 2]>()).prop_map(
        |(pos, [x, y], aim, health, timers, [score, deaths])| {
            let [bolt_wait, rail_wait, dash_wait, dash_left, shield, respawn_in] = timers;
            let vel = Velocity { x, y };
            Ship {
                pos,
                vel,
                aim,
                health,
                bolt_wait,
                rail_wait,
                dash_wait,
                dash_left,
                shield,
                respawn_in,
                score,
                deaths,
            }
        },
    )
}

fn ships(most: usize) -> impl Strategy<Value = Vec<ShipView>> {
    prop::collection::btree_map(seat(), ship(), 0..=most)
        .prop_map(|ships| ships.iter().map(|(seat, ship)| ShipView::of(*seat, ship)).collect())
}

/// Returns any view of `tick` with at most so many ships, bolts and beams.
pub(crate) fn view(tick: u32, most: [usize; 3]) -> impl Strategy<Value = View> {
    let [most_ships, most_bolts, most_beams] = most;
    let age_and_owner = |oldest: u32| (0..=oldest, seat()).prop_map(move |(age, owner)| (Tick(tick).minus(age), owner));
    let bolts = prop::collection::btree_map(age_and_owner(60), (point(), aim()), 0..=most_bolts);
    let beams = prop::collection::btree_map(age_and_owner(11), (point(), point()), 0..=most_beams);
    (phase(), prop::option::of((seat(), ship())), ships(most_ships), bolts, beams, any::<u64>()).prop_map(
        move |(phase, own, ships, bolts, beams, pickups)| View {
            tick: Tick(tick),
            phase,
            own,
            ships,
            bolts: bolts
                .into_iter()
                .map(|((spawned, owner), (origin, aim))| Bolt { owner, spawned, origin, aim })
                .collect(),
            beams: beams.into_iter().map(|((fired, owner), (from, to))| Beam { owner, fired, from, to }).collect(),
            pickups,
        },
    )
}

/// Returns two views, the second up to 127 ticks later. They share whatever `keep` says; a bolt or beam of the same name is the
/// same bolt or beam in both, as in every arena.
pub(crate) fn two_views(most: [usize; 3]) -> impl Strategy<Value = (View, View)> {
    (1..=127_u32, 200..1_000_000_u32, any::<u64>())
        .prop_flat_map(move |(age, tick, keep)| (view(tick, most), view(tick + age, most), Just(keep)))
        .prop_map(move |(old, mut new, keep)| {
            let kept = |at: usize| keep.rotate_left(at as u32) & 1 == 1;
            let mut bolts: BTreeMap<_, Bolt> = new.bolts.drain(..).map(|b| ((b.spawned, b.owner), b)).collect();
            let mut beams: BTreeMap<_, Beam> = new.beams.drain(..).map(|b| ((b.fired, b.owner), b)).collect();
            for (at, bolt) in old.bolts.iter().enumerate() {
                let name = (bolt.spawned, bolt.owner);
                if bolts.contains_key(&name)
                    || (kept(at) && new.tick.since(bolt.spawned) <= 60 && bolts.len() < most[1])
                {
                    bolts.insert(name, *bolt);
                }
            }
            for (at, beam) in old.beams.iter().enumerate() {
                let name = (beam.fired, beam.owner);
                if beams.contains_key(&name) || (kept(at) && new.tick.since(beam.fired) < 12 && beams.len() < most[2]) {
                    beams.insert(name, *beam);
                }
            }
            new.bolts = bolts.into_values().collect();
            new.beams = beams.into_values().collect();
            for (at, ship) in new.ships.iter_mut().enumerate().filter(|(at, _)| kept(*at)) {
                if let Some(old) = old.ships.iter().find(|old| old.seat == ship.seat) {
                    *ship = if kept(at + 17) { *old } else { ShipView { pos: ship.pos, ..*old } };
                }
            }
            if kept(40) {
                (new.phase, new.own, new.pickups) = (old.phase, old.own, old.pickups);
            }
            (old, new)
        })
}
