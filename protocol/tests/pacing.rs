//! The clock finds the server's tick and the pacer lets commands arrive shortly before theirs, on every path and with every quartz.

use game::Tick;
use game::rng::Rng;
use game::tick::TICK_SECONDS;
use protocol::clock::Clock;
use protocol::pacing::{MAX_STRETCH, Pacer};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One way of a path, seconds.
#[derive(Clone, Copy)]
struct Way {
    delay: f64,
    jitter: f64,
}

/// A snapshot on its way: when it arrives, its tick, and the echo in it (when the command left, and its margin).
type Snapshot = (f64, Tick, Option<(f64, i16)>);

/// A client beside a server, in steps of one millisecond of the server's time.
struct Path {
    start: Instant,
    /// Server's time, seconds.
    time: f64,
    /// How many seconds the client's quartz counts for one of the server's.
    rate: f64,
    up: Way,
    down: Way,
    rng: Rng,
    clock: Clock,
    pacer: Pacer,
    snapshots: VecDeque<Snapshot>,
    commands: VecDeque<(f64, Tick, f64)>,
    arrived: Option<(f64, i16)>,
    /// Margins of all commands, seconds, with the time of arrival.
    margins: Vec<(f64, f64)>,
    issued: Vec<Tick>,
    next_snapshot: u32,
    frozen_until: f64,
}

impl Path {
    fn new(up: Way, down: Way, rate: f64, seed: u64) -> Self {
        let start = Instant::now();
        Self {
            start,
            time: 0.0,
            rate,
            up,
            down,
            rng: Rng::new(seed),
            clock: Clock::new(start),
            pacer: Pacer::default(),
            snapshots: VecDeque::new(),
            commands: VecDeque::new(),
            arrived: None,
            margins: Vec::new(),
            issued: Vec::new(),
            next_snapshot: 30_000,
            frozen_until: 0.0,
        }
    }

    /// Server's time of a tick: tick 30,000 is at 0.
    fn time_of(tick: Tick) -> f64 {
        (f64::from(tick.0) - 30_000.0) * TICK_SECONDS
    }

    fn local(&self, time: f64) -> Instant {
        self.start + Duration::from_secs_f64(time * self.rate)
    }

    fn sample(&mut self, way: Way) -> f64 {
        way.delay + way.jitter * f64::from(self.rng.unit_f32())
    }

    fn run(&mut self, seconds: f64) {
        let until = self.time + seconds;
        let mut step = 0_u64;
        while self.time < until {
            self.time += 0.001;
            step += 1;
            while Self::time_of(Tick(self.next_snapshot)) <= self.time {
                let due = self.time + self.sample(self.down);
                self.snapshots.push_back((due, Tick(self.next_snapshot), self.arrived.take()));
                self.next_snapshot += 2;
            }
            while let Some((at, tick, sent)) = self.commands.pop_front_if(|(at, ..)| *at <= self.time) {
                let margin = Self::time_of(tick) - at;
                self.margins.push((at, margin));
                let quarters = (margin * 4_000.0).clamp(-2_048.0, 2_047.0) as i16;
                let least = self.arrived.map_or(quarters, |(_, least)| least.min(quarters));
                self.arrived = Some((sent, least));
            }
            while let Some((at, tick, echo)) = self.snapshots.pop_front_if(|(at, ..)| *at <= self.time) {
                let arrived = self.local(at);
                // What the server held it for is taken off, as a session does.
                let round_trip = echo.map(|(sent, _)| Duration::from_secs_f64(((at - sent) * self.rate).max(0.0)));
                self.clock.observe(tick, arrived, round_trip);
                if let Some((sent, margin)) = echo {
                    self.pacer.report(&self.clock, margin, self.local(sent));
                }
            }
            if step.is_multiple_of(7) && self.time >= self.frozen_until {
                self.frame();
            }
        }
    }

    fn frame(&mut self) {
        let now = self.local(self.time);
        while let Some(tick) = self.pacer.due(&self.clock, now) {
            self.issued.push(tick);
            let due = self.time + self.sample(self.up);
            // In order: what overtakes is told apart elsewhere.
            let due = self.commands.back().map_or(due, |(last, ..)| due.max(*last));
            self.commands.push_back((due, tick, self.time));
        }
    }

    /// Returns the least and the mean margin since `since`, seconds.
    fn margins_since(&self, since: f64) -> (f64, f64) {
        let late: Vec<f64> = self.margins.iter().filter(|(at, _)| *at >= since).map(|(_, margin)| *margin).collect();
        (late.iter().copied().fold(f64::INFINITY, f64::min), late.iter().sum::<f64>() / late.len() as f64)
    }
}

const fn way(delay_ms: f64, jitter_ms: f64) -> Way {
    Way { delay: delay_ms / 1_000.0, jitter: jitter_ms / 1_000.0 }
}

#[test]
fn commands_are_in_time_within_a_second_and_not_much_too_early() {
    for (up, down) in [(0.5, 0.5), (20.0, 20.0), (5.0, 80.0), (80.0, 5.0), (150.0, 150.0)] {
        let mut path = Path::new(way(up, 0.0), way(down, 0.0), 1.0, 1);
        path.run(1.0);
        let settled = path.time;
        path.run(9.0);
        let (least, mean) = path.margins_since(settled);
        assert!(least > 0.0, "{up} and {down} ms: the least margin is {least} s");
        assert!(mean < 0.040, "{up} and {down} ms: the mean margin is {mean} s");
    }
}

#[test]
fn jitter_costs_only_what_it_is_worth() {
    for (delay, jitter, most) in [(20.0, 10.0, 0.050), (40.0, 16.0, 0.065), (100.0, 40.0, 0.120)] {
        for seed in 0..5 {
            let mut path = Path::new(way(delay, jitter), way(delay, jitter), 1.0, seed);
            path.run(3.0);
            let settled = path.time;
            path.run(20.0);
            let since: Vec<_> = path.margins.iter().filter(|(at, _)| *at >= settled).collect();
            let late = since.iter().filter(|(_, margin)| *margin < 0.0).count();
            assert!(late * 100 <= since.len(), "{late} of {} late at {delay} + {jitter} ms", since.len());
            let (_, mean) = path.margins_since(settled);
            assert!(mean < most, "{delay} + {jitter} ms: the mean margin is {mean} s, seed {seed}");
        }
    }
}

#[test]
fn a_quartz_that_is_off_by_500_ppm_does_not_matter() {
    for rate in [1.0 - 500e-6, 1.0 + 500e-6] {
        let mut path = Path::new(way(20.0, 4.0), way(20.0, 4.0), rate, 7);
        path.run(2.0);
        let settled = path.time;
        path.run(120.0);
        let (least, mean) = path.margins_since(settled);
        assert!(least > -0.004 && mean < 0.030, "rate {rate}: least {least}, mean {mean}");
        let now = path.local(path.time);
        let truth = path.time / TICK_SECONDS + 30_000.0;
        assert!((path.clock.server_tick(now) - truth).abs() < 1.0, "the server's tick is off by a tick");
    }
}

#[test]
fn a_path_that_changes_is_followed() {
    for (before, after) in [(10.0, 150.0), (150.0, 10.0), (20.0, 60.0)] {
        let mut path = Path::new(way(before, 0.0), way(before, 0.0), 1.0, 2);
        path.run(3.0);
        (path.up, path.down) = (way(after, 0.0), way(after, 0.0));
        path.clock.path_changed();
        path.pacer.path_changed();
        // What was under way on the old link holds up nothing on the new one.
        path.commands.clear();
        path.run(3.0);
        let settled = path.time;
        path.run(5.0);
        let (least, mean) = path.margins_since(settled);
        assert!(least > 0.0 && mean < 0.075, "{before} to {after} ms: least {least}, mean {mean}");
    }
}

#[test]
fn a_frozen_frame_is_made_up_for_in_a_few_commands() {
    let mut path = Path::new(way(20.0, 0.0), way(20.0, 0.0), 1.0, 3);
    path.run(3.0);
    path.frozen_until = path.time + 0.5;
    let before = path.issued.len();
    path.run(0.51);
    let caught_up = path.issued.len() - before;
    assert!(caught_up <= 8, "{caught_up} commands at once");
    path.run(1.0);
    let settled = path.time;
    path.run(2.0);
    let (least, mean) = path.margins_since(settled);
    assert!(least > 0.0 && mean < 0.060, "least {least}, mean {mean}");
}

#[test]
fn no_tick_is_asked_for_twice_and_the_local_clock_only_stretches() {
    let mut path = Path::new(way(30.0, 20.0), way(30.0, 20.0), 1.0, 4);
    path.run(2.0);
    let from = path.issued.len();
    path.run(30.0);
    assert!(path.issued.windows(2).all(|pair| pair[0] < pair[1]));
    let settled = &path.issued[from..];
    assert!(settled.windows(2).all(|pair| pair[1].since(pair[0]) == 1), "no tick is left out");
    let per_second = settled.len() as f64 / 30.0;
    assert!((per_second - 60.0).abs() < 60.0 * MAX_STRETCH, "{per_second} ticks per second");
    let mut before = path.pacer.phase().unwrap();
    for _ in 0..2_000 {
        path.run(0.007);
        let phase = path.pacer.phase().unwrap();
        let passed = 0.007 / TICK_SECONDS;
        assert!((phase - before) < passed * (1.0 + MAX_STRETCH) + 1e-2 + passed && phase >= before);
        before = phase;
    }
}

#[test]
fn nothing_is_due_before_the_first_snapshot() {
    let now = Instant::now();
    let (mut clock, mut pacer) = (Clock::new(now), Pacer::default());
    assert_eq!(pacer.due(&clock, now + Duration::from_secs(9)), None);
    assert!(!clock.is_set() && clock.round_trip().is_none());
    clock.observe(Tick(500), now, None);
    assert!(clock.is_set());
    let first = pacer.due(&clock, now).unwrap();
    assert!((495..=502).contains(&first.0), "{first:?}");
}

#[test]
fn times_that_make_no_sense_break_nothing() {
    let now = Instant::now() + Duration::from_secs(100);
    let (mut clock, mut pacer) = (Clock::new(now), Pacer::default());
    let mut rng = Rng::new(5);
    let mut last = Tick(0);
    for _ in 0..5_000 {
        let at = now - Duration::from_secs(50) + Duration::from_millis(u64::from(rng.below(100_000)));
        let round_trip = (rng.below(3) == 0).then(|| Duration::from_millis(u64::from(rng.below(70_000))));
        clock.observe(Tick(rng.next_u32()), at, round_trip);
        pacer.report(&clock, rng.next_u32() as i16, at);
        if let Some(tick) = pacer.due(&clock, at) {
            assert!(tick > last);
            last = tick;
        }
        assert!(clock.server_tick(at).is_finite() && pacer.ahead(&clock, at).is_finite() && pacer.repetitions() < 8);
    }
}
