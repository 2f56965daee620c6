//! A client's clock, pacer and interpolator beside a server's command queue, over one path, in virtual time: what a player feels, in
//! numbers, without a socket.
//!
//! Flow: [`Setting`] → [`Netcode::run`] → [`Netcode::figures`].

use game::rng::Rng;
use game::tick::TICK_SECONDS;
use game::{Command, Tick};
use protocol::clock::Clock;
use protocol::interpolate::Interpolator;
use protocol::pacing::Pacer;
use protocol::session::commands::{Arrival, CommandQueue};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// One way of a path, milliseconds and shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) delay: f64,
    /// Evenly spread, this much up and down; nothing overtakes.
    pub(crate) jitter: f64,
    pub(crate) loss: f64,
    /// Mean number lost in a row.
    pub(crate) burst: f64,
    /// Nothing is lost, what would be stalls everything behind it: a round trip and a little, then 200 ms more and doubled.
    pub(crate) stream: bool,
}

/// What a run is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) way: Way,
    /// Ticks between snapshots.
    pub(crate) every: u32,
    /// Milliseconds between frames.
    pub(crate) frame: f64,
    /// How many seconds the client's quartz counts for one of the server's.
    pub(crate) rate: f64,
    pub(crate) seed: u64,
}

struct Line {
    way: Way,
    last: f64,
    in_burst: bool,
}

impl Line {
    /// Returns when what enters at `now` (seconds) arrives.
    fn pass(&mut self, now: f64, rng: &mut Rng) -> Option<f64> {
        let way = self.way;
        let unit = |rng: &mut Rng| f64::from(rng.unit_f32());
        let lost = |in_burst: &mut bool, rng: &mut Rng| {
            let p = if *in_burst { 1.0 - 1.0 / way.burst } else { way.loss / way.burst / (1.0 - way.loss) };
            let dice = unit(rng);
            *in_burst = if way.burst > 1.0 { dice < p } else { dice < way.loss };
            *in_burst
        };
        let mut wait = 0.0;
        if lost(&mut self.in_burst, rng) {
            if !way.stream {
                return None;
            }
            wait = 2.0 * way.delay + 10.0;
            let mut timeout = 200.0 + 2.0 * way.delay;
            while unit(rng) < way.loss {
                wait += timeout;
                timeout *= 2.0;
            }
        }
        let delay = (way.delay + way.jitter * (2.0 * unit(rng) - 1.0)).max(0.0) + wait;
        self.last = self.last.max(now + delay / 1_000.0);
        Some(self.last)
    }
}

struct Bundle {
    newest: u32,
    count: usize,
    sent: f64,
}

struct Snapshot {
    tick: u32,
    /// When the echoed bundle left and arrived, and the margin.
    echo: Option<(f64, f64, i16)>,
    left: f64,
}

/// What was felt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Milliseconds from a key press to the tick that executed it.
    pub(crate) press_p50: f64,
    pub(crate) press_p99: f64,
    /// Share of commands that were there in time.
    pub(crate) executed: f64,
    /// Milliseconds that others are shown in the past.
    pub(crate) delay: f64,
    /// Share of frames without a snapshot to show.
    pub(crate) underruns: f64,
    /// Largest error of the estimated tick, milliseconds.
    pub(crate) clock_error: f64,
    /// Mean number of commands in a bundle.
    pub(crate) bundle: f64,
}

/// Client and server over one path.
pub(crate) struct Netcode {
    setting: Setting,
    start: Instant,
    /// Server's time, seconds.
    pub(crate) time: f64,
    rng: Rng,
    up: Line,
    down: Line,
    pub(crate) clock: Clock,
    pub(crate) pacer: Pacer,
    pub(crate) pictures: Interpolator,
    queue: CommandQueue,
    executed_to: u32,
    /// Ticks by which the server's clock was stepped.
    pub(crate) step: f64,
    bundles: VecDeque<(f64, Bundle)>,
    snapshots: VecDeque<(f64, Snapshot)>,
    stamp: Option<(f64, f64, u32)>,
    margin: Option<i16>,
    newest_view: u32,
    next_frame: f64,
    issued: BTreeMap<u32, f64>,
    executed: Vec<(u32, bool, f64)>,
    delays: Vec<f64>,
    from: (u64, u64),
    errors: f64,
    carried: (u64, u64),
    measuring: bool,
}

impl Netcode {
    pub(crate) fn new(setting: Setting) -> Self {
        let (start, line) = (Instant::now(), |way| Line { way, last: 0.0, in_burst: false });
        Self {
            setting,
            start,
            time: 0.0,
            rng: Rng::new(setting.seed),
            up: line(setting.way),
            down: line(setting.way),
            clock: Clock::new(start),
            pacer: Pacer::default(),
            pictures: Interpolator::default(),
            queue: CommandQueue::default(),
            executed_to: 30_000,
            step: 0.0,
            bundles: VecDeque::new(),
            snapshots: VecDeque::new(),
            stamp: None,
            margin: None,
            newest_view: 0,
            next_frame: 0.0,
            issued: BTreeMap::new(),
            executed: Vec::new(),
            delays: Vec::new(),
            from: (0, 0),
            errors: 0.0,
            carried: (0, 0),
            measuring: false,
        }
    }

    pub(crate) fn local(&self, time: f64) -> Instant {
        self.start + Duration::from_secs_f64(time * self.setting.rate)
    }

    /// Server's time of a tick: tick 30,000 is at 0.
    fn time_of(&self, tick: u32) -> f64 {
        (f64::from(tick) - 30_000.0 - self.step) * TICK_SECONDS
    }

    /// Begins to count.
    pub(crate) fn measure(&mut self) {
        self.measuring = true;
        self.executed.clear();
        self.delays.clear();
        self.errors = 0.0;
        self.carried = (0, 0);
        self.from = self.pictures.underruns();
    }

    pub(crate) fn change(&mut self, way: Way) {
        (self.up.way, self.down.way) = (way, way);
    }

    pub(crate) fn run(&mut self, seconds: f64) {
        let until = self.time + seconds;
        while self.time < until {
            self.time += 0.000_25;
            self.take_bundles();
            while self.time_of(self.executed_to + 1) <= self.time {
                self.execute();
            }
            self.take_snapshots();
            if self.time >= self.next_frame {
                self.next_frame = self.next_frame.max(self.time - 0.1) + self.setting.frame / 1_000.0;
                self.frame();
            }
        }
    }

    fn take_bundles(&mut self) {
        while let Some((at, bundle)) = self.bundles.pop_front_if(|(at, _)| *at <= self.time) {
            let mut news = false;
            for tick in (0..bundle.count as u32).rev().map(|back| bundle.newest - back) {
                let arrival = self.queue.insert(Tick(self.executed_to), Tick(tick), Command::default());
                if arrival != Arrival::Repeated {
                    let margin = ((self.time_of(tick) - at) * 4_000.0).clamp(-2_048.0, 2_047.0) as i16;
                    self.margin = Some(self.margin.map_or(margin, |least| least.min(margin)));
                    news = true;
                }
            }
            if news && self.stamp.is_none_or(|(_, _, newest)| newest <= bundle.newest) {
                self.stamp = Some((bundle.sent, at, bundle.newest));
            }
        }
    }

    fn execute(&mut self) {
        self.executed_to += 1;
        let tick = self.executed_to;
        let before = self.queue.executed();
        self.queue.take(Tick(tick));
        if self.measuring {
            self.executed.push((tick, self.queue.executed() > before, self.time_of(tick)));
        }
        if tick.is_multiple_of(self.setting.every) {
            let left = self.time_of(tick);
            let echo = self.stamp.take().map(|(sent, at, _)| (sent, at, self.margin.take().unwrap_or(0)));
            if let Some(due) = self.down.pass(left, &mut self.rng) {
                self.snapshots.push_back((due, Snapshot { tick, echo, left }));
            }
        }
    }

    fn take_snapshots(&mut self) {
        while let Some((at, snapshot)) = self.snapshots.pop_front_if(|(at, _)| *at <= self.time) {
            if snapshot.tick <= self.newest_view {
                continue;
            }
            self.newest_view = snapshot.tick;
            let arrived = self.local(at);
            let round_trip = snapshot.echo.map(|(sent, taken, _)| (at - sent) - (snapshot.left - taken));
            let quarters = |trip: f64| (trip * self.setting.rate * 4_000.0).max(0.0).floor() / 4_000.0;
            self.clock.observe(Tick(snapshot.tick), arrived, round_trip.map(|t| Duration::from_secs_f64(quarters(t))));
            if let Some((sent, _, margin)) = snapshot.echo {
                self.pacer.report(&self.clock, margin, self.local(sent));
            }
            self.pictures.observe(&self.clock, Tick(snapshot.tick), arrived);
        }
    }

    fn frame(&mut self) {
        let now = self.local(self.time);
        let mut fresh = 0;
        let mut newest = None;
        while let Some(tick) = self.pacer.due(&self.clock, now) {
            self.issued.insert(tick.0, self.time);
            newest = Some(tick.0);
            fresh += 1;
        }
        if let Some(newest) = newest {
            let repeated = if self.setting.way.stream { 1 } else { self.pacer.repetitions() };
            let count = (fresh + repeated).min(8);
            self.carried = (self.carried.0 + 1, self.carried.1 + count as u64);
            if let Some(due) = self.up.pass(self.time, &mut self.rng) {
                self.bundles.push_back((due, Bundle { newest, count, sent: self.time }));
            }
        }
        if self.clock.is_set() {
            self.pictures.advance(&self.clock, self.setting.every as u8, now);
            if self.measuring {
                self.delays.push(self.pictures.delay().as_secs_f64() * 1_000.0);
                let truth = self.time / TICK_SECONDS + 30_000.0 + self.step;
                self.errors = self.errors.max((self.clock.server_tick(now) - truth).abs() * TICK_SECONDS * 1_000.0);
            }
        }
    }

    pub(crate) fn figures(&mut self) -> Figures {
        let (first, last) = (self.executed.first().unwrap().2, self.executed.last().unwrap().2 - 1.0);
        let taken: BTreeMap<u32, f64> =
            self.executed.iter().filter(|(_, own, _)| *own).map(|(t, _, at)| (*t, *at)).collect();
        let mut presses = Vec::new();
        for _ in 0..((last - first) * 40.0) as usize {
            let press = first + (last - first) * f64::from(self.rng.unit_f32());
            // The next command that is issued takes it along; held for a moment, so the first one that is executed counts.
            let applied = self.issued.iter().filter(|(_, at)| **at >= press).find_map(|(tick, _)| taken.get(tick));
            presses.extend(applied.map(|at| (at - press) * 1_000.0));
        }
        presses.sort_by(f64::total_cmp);
        let (frames, underruns) = self.pictures.underruns();
        Figures {
            press_p50: presses.get(presses.len() / 2).copied().unwrap_or(f64::INFINITY),
            press_p99: presses.get(presses.len() * 99 / 100).copied().unwrap_or(f64::INFINITY),
            executed: taken.len() as f64 / self.executed.len() as f64,
            delay: self.delays.iter().sum::<f64>() / self.delays.len() as f64,
            underruns: (underruns - self.from.1) as f64 / (frames - self.from.0) as f64,
            clock_error: self.errors,
            bundle: self.carried.1 as f64 / self.carried.0 as f64,
        }
    }
}
