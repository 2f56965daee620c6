//! What the panels show, collected once per frame: how each live wire does now, the last twenty seconds of it, and what wires that are
//! gone did last.
//!
//! Panels draw from this alone, so they need no match to be tested, and two of them never disagree.
//!
//! Flow: [`crate::links`], [`Told`], [`Stick`] → [`watch`] → [`Telemetry`] → the panels, [`crate::view`] (ghosts).

use crate::{
    input::Stick,
    links::{Match, Told},
    lobby::Lobby,
};
use bevy::prelude::*;
use protocol::Transport;
use std::collections::{BTreeMap, VecDeque};
use transport::player::{PlayerEvent, Role, Status, Truth, WireReport};
use web_time::{Duration, Instant};

/// Everything that is measured.
#[derive(Resource, Default)]
pub(crate) struct Telemetry {
    /// One per live link, the driving one first.
    pub(crate) wires: Vec<WireReport>,
    /// The last twenty seconds of every wire that was seen in them.
    pub(super) traces: BTreeMap<Transport, Trace>,
    /// When which wire began to drive, oldest first.
    pub(super) switches: VecDeque<(f64, Transport)>,
    /// When the server's word about the own ship differed from the prediction, oldest first.
    pub(super) corrections: VecDeque<f64>,
    /// From key to confirmed effect, by wire: now, or when last seen. The same parts for all, so that they can be compared.
    pub(super) effects: BTreeMap<Transport, Effect>,
    /// What goes where.
    pub(super) traffic: Traffic,
    /// How far in the past the others are drawn, as the server is told.
    pub(super) behind: Option<Duration>,
    /// How the connection is.
    pub(super) status: Status,
    /// Seconds since the program started.
    pub(super) now: f64,
    sampled: Option<f64>,
}

/// The recent past of one wire.
#[derive(Default)]
pub(super) struct Trace {
    /// When, and how old the picture was at worst since the point before, milliseconds; none while there was no link.
    pub(super) ages: VecDeque<(f64, Option<f32>)>,
    /// Bytes on the wire.
    pub(super) inward: Meter,
    /// Bytes on the wire.
    pub(super) outward: Meter,
    worst: Option<f32>,
    role: Option<Role>,
}

/// From key press to confirmed effect over one wire, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Effect {
    /// [`PARTS`], in this order.
    pub(super) parts: [f32; PARTS.len()],
    /// What the wire did when this was measured; none once its link is gone.
    pub(super) role: Option<Role>,
}

/// What a key press waits for until the server's word about it is here, in order.
pub(super) const PARTS: [&str; 4] = ["input wait", "uplink", "server wait", "downlink"];

impl Effect {
    /// Returns the whole time, milliseconds.
    pub(super) fn total(&self) -> f32 {
        self.parts.iter().sum()
    }

    /// Returns the index of the longest part.
    pub(super) fn longest(&self) -> usize {
        (1..self.parts.len()).fold(0, |best, i| if self.parts[i] > self.parts[best] { i } else { best })
    }
}

/// Counts of what goes where.
#[derive(Default)]
pub(super) struct Traffic {
    /// Calls to the lobby.
    pub(super) calls: Meter,
    /// Events of the room, chat included: the Reliable lane.
    pub(super) events: Meter,
    /// Own commands: the Latest lane up.
    pub(super) commands: Meter,
    /// Snapshots: the Latest lane down.
    pub(super) snapshots: Meter,
}

/// A number that rises, and how fast it has risen of late.
#[derive(Default)]
pub(super) struct Meter {
    marks: VecDeque<(f64, u64)>,
}

impl Meter {
    /// Notes the present number. One that falls, or rises faster than any link, is another link's and begins anew.
    pub(super) fn note(&mut self, at: f64, total: u64) {
        let other = |(then, last): &(f64, u64)| {
            let most = (at - then).max(SHORTEST_STEP) * MOST_PER_SECOND;
            total < *last || (total - last) as f64 > most
        };
        if self.marks.back().is_some_and(other) {
            self.marks.clear();
        }
        self.marks.push_back((at, total));
        while self.marks.len() > 2 && self.marks.front().is_some_and(|(first, _)| at - first > METER_SECONDS) {
            self.marks.pop_front();
        }
    }

    /// Forgets the past.
    fn clear(&mut self) {
        self.marks.clear();
    }

    fn add(&mut self, at: f64, more: u64) {
        self.note(at, self.total() + more);
    }

    /// Returns the number.
    pub(super) fn total(&self) -> u64 {
        self.marks.back().map_or(0, |(_, total)| *total)
    }

    /// Returns how fast it rises, per second.
    pub(super) fn rate(&self) -> f32 {
        let (Some((from, first)), Some((to, last))) = (self.marks.front(), self.marks.back()) else { return 0.0 };
        if to - from < 0.1 { 0.0 } else { ((last - first) as f64 / (to - from)) as f32 }
    }
}

impl Telemetry {
    /// Returns what is known about a live link.
    pub(super) fn report(&self, wire: Transport) -> Option<&WireReport> {
        self.wires.iter().find(|report| report.transport == wire)
    }

    /// Returns what is known about the wire in use.
    pub(super) fn driving(&self) -> Option<&WireReport> {
        self.wires.first().filter(|report| report.role == Role::Driving)
    }

    /// Takes in what is so at `now` (seconds).
    pub(super) fn take(&mut self, now: f64, wires: Vec<WireReport>, truth: Option<Truth>, input_wait: Duration) {
        self.now = now;
        for report in &wires {
            let trace = self.traces.entry(report.transport).or_default();
            let age = report.picture_age.map(milliseconds);
            trace.worst = [trace.worst, age].into_iter().flatten().reduce(f32::max);
        }
        for (wire, effect) in &mut self.effects {
            if wires.iter().all(|report| report.transport != *wire) {
                effect.role = None;
            }
        }
        for report in &wires {
            let truth = truth.filter(|_| report.role == Role::Driving);
            let effect =
                truth.map(|truth| split_effect(&truth, input_wait)).or_else(|| shared_effect(report, input_wait));
            if let Some(effect) = effect {
                self.effects.insert(report.transport, effect);
            }
        }
        self.wires = wires;
        if self.sampled.is_none_or(|last| now - last >= SAMPLE_SECONDS) {
            self.sampled = Some(now);
            self.sample(now);
        }
    }

    fn sample(&mut self, now: f64) {
        for (wire, trace) in &mut self.traces {
            let report = self.wires.iter().find(|report| report.transport == *wire);
            trace.ages.push_back((now, trace.worst.take()));
            while trace.ages.front().is_some_and(|(at, _)| now - at > KEPT_SECONDS) {
                trace.ages.pop_front();
            }
            if let Some(report) = report {
                // What takes over or stands back may be another link over the same wire, with other counts.
                if trace.role.replace(report.role) != Some(report.role) {
                    trace.inward.clear();
                    trace.outward.clear();
                }
                trace.inward.note(now, report.wire_bytes.0);
                trace.outward.note(now, report.wire_bytes.1);
            }
        }
        self.traces.retain(|_, trace| trace.ages.iter().any(|(_, age)| age.is_some()));
        while self.switches.front().is_some_and(|(at, _)| now - at > KEPT_SECONDS) {
            self.switches.pop_front();
        }
        while self.corrections.front().is_some_and(|at| now - at > KEPT_SECONDS) {
            self.corrections.pop_front();
        }
    }

    /// Notes that `wire` drives from `now` on.
    pub(super) fn switched(&mut self, now: f64, wire: Transport) {
        self.switches.push_back((now, wire));
    }

    fn note_status(&mut self, now: f64, status: Status) {
        let more = status.corrections.saturating_sub(self.status.corrections);
        self.corrections.extend((0..more).map(|_| now));
        self.traffic.commands.note(now, status.commands);
        self.traffic.snapshots.note(now, status.snapshots);
        self.status = status;
    }
}

/// Collects what the panels show.
pub(super) fn watch(
    mut telemetry: ResMut<Telemetry>,
    mut told: MessageReader<Told>,
    the_match: Option<Res<Match>>,
    stick: Res<Stick>,
    lobby: Res<Lobby>,
    time: Res<Time<Real>>,
) {
    let Some(the_match) = the_match else { return told.clear() };
    let (now, at) = (time.elapsed_secs_f64(), Instant::now());
    let player = &the_match.player;
    let mut events = 0;
    for Told(event) in told.read() {
        match event {
            PlayerEvent::Drives { transport, .. } => telemetry.switched(now, *transport),
            PlayerEvent::Game(_) => events += 1,
            _ => {}
        }
    }
    telemetry.traffic.events.add(now, events);
    telemetry.traffic.calls.note(now, lobby.calls_made());
    telemetry.behind = player.drawn_behind();
    telemetry.note_status(now, player.status(at));
    telemetry.take(now, player.wires(at), player.truth(), stick.mean_wait());
}

/// The driving wire's snapshots tell how its time is split.
fn split_effect(truth: &Truth, input_wait: Duration) -> Effect {
    let parts = [input_wait, truth.uplink, truth.server, truth.downlink].map(milliseconds);
    Effect { parts, role: Some(Role::Driving) }
}

/// Where only the sum is known, the round trip is halved; what the answer took beyond that is the server's.
fn shared_effect(report: &WireReport, input_wait: Duration) -> Option<Effect> {
    let effect = report.effect?;
    let half = report.round_trip?.min(effect) / 2;
    let parts = [input_wait, half, effect - half * 2, half].map(milliseconds);
    Some(Effect { parts, role: Some(report.role) })
}

/// Returns a time in milliseconds.
pub(super) fn milliseconds(time: Duration) -> f32 {
    time.as_secs_f32() * 1_000.0
}

/// How far back the graph looks.
pub(super) const KEPT_SECONDS: f64 = 20.0;
/// Each point of the graph is the worst of this time: a mean would hide what is felt.
///
/// Several snapshots long: between two the age rises like a saw's tooth, and what is of interest is how high the teeth are.
const SAMPLE_SECONDS: f64 = 0.1;
/// Rates are means over this time.
const METER_SECONDS: f64 = 2.0;
/// No link of a player carries as much, and no count rises as fast.
const MOST_PER_SECOND: f64 = 2_000_000.0;
/// Steps may follow each other closer than the bytes that they count.
const SHORTEST_STEP: f64 = 0.05;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn report(transport: Transport, role: Role, age_ms: u64) -> WireReport {
        let ms = Duration::from_millis;
        WireReport {
            transport,
            role,
            round_trip: Some(ms(80)),
            jitter: ms(3),
            picture_age: Some(ms(age_ms)),
            effect: Some(ms(100)),
            margin: Some(7.0),
            loss: 0.02,
            stall: ms(50),
            wire_bytes: (0, 0),
            ghost: None,
        }
    }

    #[test]
    fn a_point_of_the_graph_is_the_worst_of_its_time_and_old_ones_go() {
        let mut telemetry = Telemetry::default();
        for frame in 0..100_u32 {
            let age = if frame == 2 { 300 } else { 50 };
            let wires = vec![report(Transport::Udp, Role::Driving, age)];
            telemetry.take(f64::from(frame) * 0.01, wires, None, Duration::ZERO);
        }
        let ages = &telemetry.traces[&Transport::Udp].ages;
        let worst = ages.iter().filter(|(_, age)| *age == Some(300.0)).count();
        assert_eq!((worst, (8..=12).contains(&ages.len())), (1, true), "{ages:?}");
        [30.0, 60.0].into_iter().for_each(|at| telemetry.take(at, Vec::new(), None, Duration::ZERO));
        assert!(telemetry.traces.is_empty());
    }

    #[test]
    fn what_a_wire_did_last_is_remembered_and_known_to_be_past() {
        let mut telemetry = Telemetry::default();
        let ms = Duration::from_millis;
        let truth = Truth { uplink: ms(40), server: ms(10), downlink: ms(45), interpolation: ms(30), total: ms(125) };
        let wires = || vec![report(Transport::Udp, Role::Driving, 60), report(Transport::Quic, Role::Shadow, 60)];
        telemetry.take(1.0, wires(), Some(truth), ms(8));
        let udp = telemetry.effects[&Transport::Udp];
        assert_eq!(
            (udp.total().round(), PARTS[udp.longest()]),
            (103.0, "downlink"),
            "others are drawn late, but that is no part of it"
        );
        let quic = telemetry.effects[&Transport::Quic];
        assert_eq!(quic.parts.map(f32::round), [8.0, 40.0, 20.0, 40.0]);
        telemetry.take(2.0, vec![report(Transport::Quic, Role::Driving, 60)], None, ms(8));
        assert_eq!(telemetry.effects[&Transport::Udp].role, None);
        let driving = Effect { role: Some(Role::Driving), ..quic };
        assert_eq!(telemetry.effects[&Transport::Quic], driving, "a new part changes nothing that is measured");
    }

    #[test]
    fn a_meter_tells_the_rate_and_starts_again_with_a_new_link() {
        let mut meter = Meter::default();
        (0..=40_u32).for_each(|i| meter.note(f64::from(i) * 0.05, u64::from(i) * 100));
        assert_eq!((meter.total(), meter.rate().round()), (4_000, 2_000.0));
        meter.note(2.1, 10);
        assert_eq!((meter.total(), meter.rate()), (10, 0.0));
        meter.note(2.2, 500_010);
        assert_eq!((meter.total(), meter.rate()), (500_010, 0.0), "the history of a link is not carried in a moment");
    }

    #[test]
    fn a_wire_that_takes_over_counts_anew() {
        let mut telemetry = Telemetry::default();
        let bytes = |role, bytes| WireReport { wire_bytes: (bytes, 0), ..report(Transport::Udp, role, 60) };
        for step in 0..20_u32 {
            let wire = bytes(Role::Shadow, u64::from(step) * 100);
            telemetry.take(f64::from(step) * 0.11, vec![wire], None, Duration::ZERO);
        }
        telemetry.take(2.31, vec![bytes(Role::Driving, 90_000)], None, Duration::ZERO);
        telemetry.take(2.42, vec![bytes(Role::Driving, 90_220)], None, Duration::ZERO);
        assert_eq!(telemetry.traces[&Transport::Udp].inward.rate().round(), 2_000.0);
    }
}
