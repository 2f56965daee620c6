//! What each wire of a player is like right now, whether it drives or only carries the match along: for graphs, ghosts and tables.
//!
//! Every piece of news (a snapshot on the driving link, its compact form on a shadow) tells the tick it is of, when it came, and often
//! the round trip and by how much a command beat its tick. All wires are weighed against one clock, so that they can be compared.
//!
//! Flow: session → [`Gauge::news`] → [`Gauge::report`] → [`super::Player::wires`]; [`Flights`] → [`Truth`] → [`super::Player::truth`].

use game::Tick;
use game::tick::{TICK_HZ, TICK_SECONDS};
use protocol::Transport;
use protocol::clock::Clock;
use protocol::wire::snapshot::Echo;
use std::collections::VecDeque;
use web_time::{Duration, Instant};

/// How far back loss and stalls look.
const WINDOW: Duration = Duration::from_secs(2);
/// Weight of a new sample in smoothed times.
const SMOOTHING: f64 = 1.0 / 16.0;
/// Commands whose departure is remembered: more than two seconds of round trip.
const FLIGHTS: usize = 150;

/// What a link does for its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Commands and snapshots travel over it.
    Driving,
    /// It carries the match along in a compact form.
    Shadow,
}

/// What one wire is like.
#[derive(Clone, Debug, PartialEq)]
pub struct WireReport {
    /// The wire.
    pub transport: Transport,
    /// What it does.
    pub role: Role,
    /// Smoothed round trip, the server's holding time not counted.
    pub round_trip: Option<Duration>,
    /// Smoothed deviation of the round trip.
    pub jitter: Duration,
    /// How old the newest that came over it is: the server's present tick less its tick.
    pub picture_age: Option<Duration>,
    /// From the moment a command left until the server's word for its tick came back over this wire; smoothed.
    pub effect: Option<Duration>,
    /// Milliseconds by which commands beat their tick over this wire; negative: too late.
    pub margin: Option<f32>,
    /// Share of the snapshots of the last two seconds that did not come, or too late to be news, 0 to 1.
    pub loss: f32,
    /// Longest time without news in the last two seconds.
    pub stall: Duration,
    /// Bytes in and out with every header down to IP's.
    pub wire_bytes: (u64, u64),
    /// Where the server last said over this wire that the own ship was, tiles.
    pub ghost: Option<[f32; 2]>,
}

/// Where the time goes from a command to its effect, over the driving wire; smoothed. The client's clock tells it on the assumption that
/// the fastest packets take equally long both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Truth {
    /// From the moment the command left until it arrived.
    pub uplink: Duration,
    /// From its arrival until the server executed its tick.
    pub server: Duration,
    /// From then until the snapshot that shows it arrived, the wait for the next snapshot included.
    pub downlink: Duration,
    /// By how much others are drawn later than they could be, so that they move evenly.
    pub interpolation: Duration,
    /// All of it.
    pub total: Duration,
}

/// One piece of news.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    /// The tick it is of.
    pub(super) tick: Tick,
    /// When it came.
    pub(super) arrived: Instant,
    /// What it answers.
    pub(super) echo: Option<Echo>,
    /// The round trip that follows from it.
    pub(super) round_trip: Option<Duration>,
    /// Where it says that the own ship is, tiles.
    pub(super) own: Option<[f32; 2]>,
}

/// Measures one wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge {
    recent: VecDeque<(Tick, Instant)>,
    round_trip: Option<f64>,
    jitter: f64,
    effect: Option<f64>,
    margin: Option<f32>,
    ghost: Option<[f32; 2]>,
}

impl Gauge {
    /// Takes in a piece of news. What is not newer than the newest is none.
    pub(super) fn news(&mut self, news: &News, flights: &Flights) {
        if self.newest().is_some_and(|newest| newest >= news.tick) {
            return;
        }
        self.recent.push_back((news.tick, news.arrived));
        while self.recent.front().is_some_and(|(_, at)| news.arrived.saturating_duration_since(*at) > WINDOW) {
            self.recent.pop_front();
        }
        if let Some(round_trip) = news.round_trip {
            let sample = round_trip.as_secs_f64();
            let smooth = self.round_trip.unwrap_or(sample);
            self.jitter += ((sample - smooth).abs() - self.jitter) * SMOOTHING;
            self.round_trip = Some(smooth + (sample - smooth) * SMOOTHING);
        }
        if let Some(echo) = news.echo {
            self.margin = Some(f32::from(echo.margin) / 4.0);
        }
        if let Some(left) = flights.left(news.tick) {
            smooth(&mut self.effect, news.arrived.saturating_duration_since(left).as_secs_f64());
        }
        self.ghost = news.own;
    }

    /// Returns the tick of the newest news.
    pub(super) fn newest(&self) -> Option<Tick> {
        self.recent.back().map(|(tick, _)| *tick)
    }

    /// Returns when the last news came.
    pub(super) fn last(&self) -> Option<Instant> {
        self.recent.back().map(|(_, at)| *at)
    }

    /// Returns what the wire is like at `now`, if snapshots are sent every `every` ticks.
    pub(super) fn report(
        &self,
        (transport, role): (Transport, Role),
        wire_bytes: (u64, u64),
        every: u8,
        clock: &Clock,
        now: Instant,
    ) -> WireReport {
        let age = |tick: Tick| (clock.server_tick(now) - f64::from(tick.0)).max(0.0) * TICK_SECONDS;
        WireReport {
            transport,
            role,
            round_trip: self.round_trip.map(Duration::from_secs_f64),
            jitter: Duration::from_secs_f64(self.jitter),
            picture_age: self.newest().map(|tick| Duration::from_secs_f64(age(tick))),
            effect: self.effect.map(Duration::from_secs_f64),
            margin: self.margin,
            loss: self.loss(every),
            stall: self.stall(now),
            wire_bytes,
            ghost: self.ghost,
        }
    }

    fn loss(&self, every: u8) -> f32 {
        let (Some((first, _)), Some((last, _))) = (self.recent.front(), self.recent.back()) else { return 0.0 };
        let sent = last.since(*first) as f32 / f32::from(every.max(1)) + 1.0;
        (1.0 - self.recent.len() as f32 / sent).clamp(0.0, 1.0)
    }

    fn stall(&self, now: Instant) -> Duration {
        let times = self.recent.iter().map(|(_, at)| *at);
        let until = times.clone().skip(1).chain(std::iter::once(now));
        times.zip(until).map(|(from, to)| to.saturating_duration_since(from)).max().unwrap_or_default()
    }
}

fn smooth(value: &mut Option<f64>, sample: f64) {
    *value = Some(value.map_or(sample, |smooth| smooth + (sample - smooth) * SMOOTHING));
}

/// When commands left, and what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights {
    left: VecDeque<(Tick, Instant)>,
    parts: Option<[f64; 4]>,
}

impl Flights {
    /// Takes note that the command of `tick` left at `now`.
    pub(super) fn leave(&mut self, tick: Tick, now: Instant) {
        self.left.push_back((tick, now));
        if self.left.len() > FLIGHTS {
            self.left.pop_front();
        }
    }

    fn left(&self, tick: Tick) -> Option<Instant> {
        self.left.iter().rev().find(|(flown, _)| *flown == tick).map(|(_, at)| *at)
    }

    /// Takes note that the driving wire has brought the server's word for `tick`, while others are drawn as of tick `shown`.
    pub(super) fn answered(&mut self, news: &News, clock: &Clock, shown: f64) {
        let (Some(left), Some(echo)) = (self.left(news.tick), news.echo) else { return };
        let executed_ago = (clock.server_tick(news.arrived) - f64::from(news.tick.0)) * TICK_SECONDS;
        let ago = news.arrived.saturating_duration_since(left).as_secs_f64();
        let server = (f64::from(echo.margin) / 4_000.0).clamp(0.0, (ago - executed_ago).max(0.0));
        let drawn_late = (clock.arriving(news.arrived) - shown) / f64::from(TICK_HZ);
        let parts = [(ago - executed_ago - server).max(0.0), server, executed_ago.max(0.0), drawn_late.max(0.0)];
        let smoothed = self.parts.get_or_insert(parts);
        smoothed.iter_mut().zip(parts).for_each(|(smooth, part)| *smooth += (part - *smooth) * SMOOTHING);
    }

    /// Forgets what was measured over another wire.
    pub(super) const fn path_changed(&mut self) {
        self.parts = None;
    }

    /// Returns where the time goes.
    pub(super) fn truth(&self) -> Option<Truth> {
        let [uplink, server, downlink, interpolation] = self.parts?.map(Duration::from_secs_f64);
        let total = uplink + server + downlink + interpolation;
        Some(Truth { uplink, server, downlink, interpolation, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn news(tick: u32, arrived: Instant, round_trip: Option<Duration>) -> News {
        let echo = round_trip.map(|_| Echo { stamp: 0, held: 0, margin: 24 });
        News { tick: Tick(tick), arrived, echo, round_trip, own: Some([1.0, 2.0]) }
    }

    fn at(start: Instant, tick: f64) -> Instant {
        start + Duration::from_secs_f64(tick * TICK_SECONDS)
    }

    #[test]
    fn a_wire_is_weighed_against_the_clock_of_all() {
        let start = Instant::now();
        let (mut clock, mut gauge, mut flights) = (Clock::new(start), Gauge::default(), Flights::default());
        for tick in (0..120).step_by(2) {
            // Sent 2.5 ticks before its execution, answered 1.5 ticks after it.
            flights.leave(Tick(tick), at(start, f64::from(tick) + 7.5));
            let arrived = at(start, f64::from(tick) + 10.0 + 1.5);
            clock.observe(Tick(tick), arrived, Some(50 * MS));
            if tick % 6 != 0 {
                gauge.news(&news(tick, arrived, Some(50 * MS)), &flights);
            }
        }
        let now = at(start, 118.0 + 10.0 + 1.5);
        let report = gauge.report((Transport::Udp, Role::Shadow), (1, 2), 2, &clock, now);
        assert!((report.loss - 1.0 / 3.0).abs() < 0.02, "{}", report.loss);
        assert!(report.stall.abs_diff(Duration::from_secs_f64(4.0 * TICK_SECONDS)) < MS, "{:?}", report.stall);
        assert!(report.picture_age.unwrap().abs_diff(25 * MS) < MS, "{:?}", report.picture_age);
        assert!(report.effect.unwrap().abs_diff(Duration::from_secs_f64(4.0 * TICK_SECONDS)) < MS);
        assert!(report.round_trip.unwrap().abs_diff(50 * MS) < MS && report.jitter < MS);
        assert_eq!((report.margin, report.ghost, report.wire_bytes), (Some(6.0), Some([1.0, 2.0]), (1, 2)));
        let later = gauge.report((Transport::Udp, Role::Shadow), (1, 2), 2, &clock, now + 300 * MS);
        assert!(later.stall >= 300 * MS && later.picture_age > Some(320 * MS), "silence is seen at once");
    }

    #[test]
    fn what_is_late_is_no_news() {
        let start = Instant::now();
        let mut gauge = Gauge::default();
        for tick in [10, 14, 12, 14, 16] {
            gauge.news(&news(tick, start, None), &Flights::default());
        }
        assert_eq!(gauge.newest(), Some(Tick(16)));
        let report = gauge.report((Transport::Udp, Role::Shadow), (0, 0), 2, &Clock::new(start), start);
        assert!((report.loss - 0.25).abs() < 1e-6, "12 came behind 14: {}", report.loss);
    }

    #[test]
    fn the_parts_of_the_truth_add_up() {
        let start = Instant::now();
        let (mut clock, mut flights) = (Clock::new(start), Flights::default());
        for tick in 0..100 {
            let time = f64::from(tick);
            flights.leave(Tick(tick), at(start, time + 10.0 - 2.0));
            let arrived = at(start, time + 10.0 + 1.5);
            clock.observe(Tick(tick), arrived, Some(50 * MS));
            flights.answered(&news(tick, arrived, Some(50 * MS)), &clock, time - 2.0);
        }
        let truth = flights.truth().unwrap();
        let near = |duration: Duration, ms: f64| (duration.as_secs_f64() * 1e3 - ms).abs() < 0.5;
        assert!(near(truth.server, 6.0) && near(truth.downlink, 25.0) && near(truth.interpolation, 33.3), "{truth:?}");
        assert!(near(truth.uplink, 2.0 * 16.667 - 6.0), "{truth:?}");
        assert_eq!(truth.total, truth.uplink + truth.server + truth.downlink + truth.interpolation);
        flights.path_changed();
        assert_eq!(flights.truth(), None);
    }
}
