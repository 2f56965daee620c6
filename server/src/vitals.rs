//! The pulse of the rooms: once a second, what the ticks cost and what each wire has carried, for metrics and the console.
//!
//! Links count their own traffic anyway, so a second costs one look at each of them, and a message costs nothing. What a link moved
//! between the last look and its end is added when it goes, so the totals are exact.
//!
//! Flow: links, [`Heartbeat`] → [`VitalsPlugin`] → [`Vitals`] → `operator::gauges`, `lobby::routes::console`.

use crate::events::unix_ms;
use crate::rooms::receive::Faults;
use crate::rooms::runner::Heartbeat;
use bevy::app::{App, Plugin, PostUpdate};
use bevy::ecs::prelude::*;
use game::tick::TICK_HZ;
use protocol::Transport;
use protocol::lobby::{ConsolePoint, WireRates};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use transport::{Link, LinkSender, LinkStats, LinkSystems};

/// Pulses that are remembered: two minutes of them.
const KEPT: usize = 120;
/// Silence after which the rooms count as standing still.
const STILL_AFTER: Duration = Duration::from_secs(3);

/// What one kind of wire has carried since the start, with every header down to IP's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireTotals {
    /// Open links.
    pub links: u32,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// Reliable messages that came in.
    pub reliable_in: u64,
    /// Reliable messages that went out.
    pub reliable_out: u64,
    /// Latest messages that came in.
    pub latest_in: u64,
    /// Latest messages that went out.
    pub latest_out: u64,
}

/// One second of the rooms.
#[derive(Clone, Debug)]
pub struct Pulse {
    /// The end of it.
    pub at: Instant,
    /// The same, Unix milliseconds.
    pub at_ms: u64,
    /// Work of each tick.
    pub ticks: Vec<Duration>,
    /// Ticks that began a whole tick late, since the start.
    pub overruns: u64,
    /// Messages from peers that broke the protocol, since the start.
    pub violations: u64,
    /// What the transports refused, by name, since the start.
    pub refused: Vec<(&'static str, u64)>,
    /// What the wires carried, in the order of [`Transport::ALL`].
    pub wires: [WireTotals; Transport::ALL.len()],
}

/// The latest pulses. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vitals {
    pulses: Arc<Mutex<VecDeque<Arc<Pulse>>>>,
    version: watch::Sender<u64>,
}

impl Default for Vitals {
    fn default() -> Self {
        Self { pulses: Arc::default(), version: watch::Sender::new(0) }
    }
}

impl Vitals {
    /// Adds a pulse.
    pub fn beat(&self, pulse: Pulse) {
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        if pulses.len() >= KEPT {
            pulses.pop_front();
        }
        pulses.push_back(Arc::new(pulse));
        drop(pulses);
        self.version.send_modify(|version| *version += 1);
    }

    /// Returns the latest pulse.
    pub fn latest(&self) -> Option<Arc<Pulse>> {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner).back().cloned()
    }

    /// Returns what rises with each pulse.
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Returns whether the rooms tick.
    pub fn is_alive(&self) -> bool {
        self.latest().is_some_and(|pulse| pulse.at.elapsed() < STILL_AFTER)
    }

    /// Returns the curves of the console, oldest first.
    pub fn points(&self) -> Vec<ConsolePoint> {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        pulses.iter().zip(pulses.iter().skip(1)).map(|(before, after)| point(before, after)).collect()
    }

    /// Returns the newest point of the curves.
    pub fn point(&self) -> Option<ConsolePoint> {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest = pulses.iter().rev();
        let (after, before) = (newest.next()?, newest.next()?);
        Some(point(before, after))
    }
}

fn point(before: &Pulse, after: &Pulse) -> ConsolePoint {
    let mut sorted: Vec<f64> = after.ticks.iter().map(|work| work.as_secs_f64() * 1_000.0).collect();
    sorted.sort_by(f64::total_cmp);
    // Nearest rank: the smallest value that at least this share of all do not exceed.
    let rank = |share: f64| {
        let at = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
        sorted.get(at).copied().unwrap_or(0.0)
    };
    let wires = Transport::ALL.into_iter().zip(before.wires.iter().zip(&after.wires)).map(|(wire, (a, b))| WireRates {
        wire,
        links: b.links,
        bytes_in: b.bytes_in.saturating_sub(a.bytes_in),
        bytes_out: b.bytes_out.saturating_sub(a.bytes_out),
        messages_in: (b.reliable_in + b.latest_in).saturating_sub(a.reliable_in + a.latest_in),
        messages_out: (b.reliable_out + b.latest_out).saturating_sub(a.reliable_out + a.latest_out),
    });
    ConsolePoint {
        at_ms: after.at_ms,
        tick_p50: rank(0.5),
        tick_p99: rank(0.99),
        tick_max: rank(1.0),
        overruns: after.overruns.saturating_sub(before.overruns),
        wires: wires.collect(),
    }
}

/// Takes the pulse of the rooms. To be added after them.
pub struct VitalsPlugin {
    /// Where it goes.
    pub vitals: Vitals,
    /// Knows what the transports refused.
    pub links: LinkSender,
}

impl Plugin for VitalsPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Probe { vitals: self.vitals.clone(), sender: self.links.clone() })
            .init_resource::<Seen>()
            .add_observer(note_end)
            .add_systems(PostUpdate, take_pulse.after(LinkSystems::Flush));
    }
}

#[derive(Resource)]
struct Probe {
    vitals: Vitals,
    sender: LinkSender,
}

#[derive(Resource, Default)]
struct Seen {
    ticks: u32,
    /// What links carried that are over.
    gone: [WireTotals; Transport::ALL.len()],
}

fn note_end(end: On<Remove, Link>, links: Query<&Link>, mut seen: ResMut<Seen>) {
    let Ok(link) = links.get(end.entity) else { return };
    if let Some(gone) = place_of(link).and_then(|at| seen.gone.get_mut(at)) {
        add(gone, &link.stats());
    }
}

fn take_pulse(
    links: Query<&Link>,
    heartbeat: Res<Heartbeat>,
    faults: Res<Faults>,
    probe: Res<Probe>,
    mut seen: ResMut<Seen>,
) {
    seen.ticks = seen.ticks.wrapping_add(1);
    if !seen.ticks.is_multiple_of(TICK_HZ) {
        return;
    }
    let mut wires = seen.gone;
    for link in &links {
        if let Some(wire) = place_of(link).and_then(|at| wires.get_mut(at)) {
            add(wire, &link.stats());
            wire.links += 1;
        }
    }
    probe.vitals.beat(Pulse {
        at: Instant::now(),
        at_ms: unix_ms(),
        ticks: heartbeat.meter.latest(TICK_HZ as usize),
        overruns: heartbeat.overruns,
        violations: faults.violations,
        refused: probe.sender.counters().all(),
        wires,
    });
}

fn place_of(link: &Link) -> Option<usize> {
    Transport::ALL.iter().position(|wire| *wire == link.transport())
}

fn add(totals: &mut WireTotals, stats: &LinkStats) {
    totals.bytes_in += stats.wire_in;
    totals.bytes_out += stats.wire_out;
    totals.reliable_in += stats.reliable_in.messages;
    totals.reliable_out += stats.reliable_out.messages;
    totals.latest_in += stats.latest_in.messages;
    totals.latest_out += stats.latest_out.messages;
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::Lane;

    fn pulse(at_ms: u64, work_ms: &[u64], overruns: u64, bytes_in: u64) -> Pulse {
        let mut wires = [WireTotals::default(); Transport::ALL.len()];
        wires[1] = WireTotals { links: 2, bytes_in, reliable_in: bytes_in / 100, ..WireTotals::default() };
        let ticks = work_ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
        Pulse { at: Instant::now(), at_ms, ticks, overruns, violations: 0, refused: Vec::new(), wires }
    }

    #[test]
    fn a_point_is_what_one_second_brought() {
        let vitals = Vitals::default();
        assert!(!vitals.is_alive() && vitals.point().is_none() && vitals.points().is_empty());
        vitals.beat(pulse(1_000, &[1], 3, 1_000));
        assert!(vitals.is_alive() && vitals.point().is_none());
        vitals.beat(pulse(2_000, &[4, 1, 2, 3], 5, 1_700));
        let point = vitals.point().expect("two pulses");
        assert_eq!((point.at_ms, point.tick_p50, point.tick_p99, point.tick_max), (2_000, 2.0, 4.0, 4.0));
        assert_eq!((point.overruns, point.wires.len()), (2, Transport::ALL.len()));
        let quic = point.wires[1];
        assert_eq!((quic.wire, quic.links, quic.bytes_in, quic.messages_in), (Transport::Quic, 2, 700, 7));
        assert_eq!(vitals.points(), [point]);
    }

    #[test]
    fn two_minutes_are_remembered_and_each_pulse_is_told() {
        let vitals = Vitals::default();
        let version = vitals.version();
        (0..500).for_each(|at| vitals.beat(pulse(at, &[1], 0, 0)));
        assert_eq!(*version.borrow(), 500);
        let points = vitals.points();
        assert_eq!((points.len(), points.first().map(|p| p.at_ms)), (KEPT - 1, Some(381)));
    }

    #[test]
    fn what_a_link_carried_still_counts_when_it_is_gone() {
        let mut app = App::new();
        app.init_resource::<Seen>().add_observer(note_end);
        let (link, driver) = transport::link_pair(Transport::Udp, None, None);
        driver.deliver(Instant::now(), Lane::Reliable, Bytes::from_static(b"hello"));
        let entity = app.world_mut().spawn(link).id();
        app.world_mut().despawn(entity);
        let gone = app.world().resource::<Seen>().gone;
        assert_eq!((gone[0].reliable_in, gone[1].reliable_in), (1, 0));
    }
}
