//! Byte streams, in virtual time: nothing lost, and late by exactly what TCP would need.

use super::{ms, sky, under};
use bytes::Bytes;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use transport::weather::stream::{MAX_HELD_BYTES, MSS, Stream};
use transport::weather::{Conditions, Direction, Sky, Weather};

/// 80 ms there and back.
const FAR: Conditions = Conditions { delay_ms: 40.0, ..Conditions::CALM };

struct Bench {
    began: Instant,
    stream: Stream,
    sky: Sky,
    back: Sky,
    /// What arrived, and when, in milliseconds since the beginning.
    arrived: Vec<(f64, Bytes)>,
}

impl Bench {
    fn new(conditions: Conditions) -> Self {
        Self::seeded(conditions, 7)
    }

    fn seeded(conditions: Conditions, seed: u64) -> Self {
        let began = Instant::now();
        let sky = under(conditions, began);
        // Acknowledgements are as late, but never lost, so that times can be foretold.
        let back = under(Conditions { delay_ms: conditions.delay_ms, ..Conditions::CALM }, began);
        Self { began, stream: Stream::new(began, seed, Direction::Up, sky, back), sky, back, arrived: Vec::new() }
    }

    fn at(&self, milliseconds: f64) -> Instant {
        self.began + ms(milliseconds)
    }

    /// Lets time pass, in steps no longer than until something is due.
    fn run(&mut self, until_ms: f64) {
        let until = self.at(until_ms);
        while let Some(due) = self.stream.next_due().filter(|due| *due <= until) {
            while let Some(bytes) = self.stream.poll(due) {
                self.arrived.push(((due - self.began).as_secs_f64() * 1_000.0, bytes));
            }
        }
    }

    /// Lets time pass until everything has arrived.
    fn run_dry(&mut self) {
        let mut steps = 0;
        while !self.stream.is_drained() {
            let due = self.stream.next_due().expect("something is always about to happen");
            self.run((due - self.began).as_secs_f64() * 1_000.0 + 0.001);
            steps += 1;
            assert!(steps < 1_000_000, "it goes on for ever");
        }
    }

    fn send(&mut self, at_ms: f64, bytes: &'static [u8]) {
        self.run(at_ms);
        self.stream.send(self.at(at_ms), Bytes::from_static(bytes));
    }

    /// Sends something that is lost the first time.
    fn send_lost(&mut self, at_ms: f64, bytes: &'static [u8]) {
        self.run(at_ms);
        let lossy = Conditions { loss_percent: 100.0, ..self.sky.conditions };
        self.stream.set_sky(self.at(at_ms), Sky { conditions: lossy, ..self.sky }, self.back);
        self.stream.send(self.at(at_ms), Bytes::from_static(bytes));
        self.stream.set_sky(self.at(at_ms), self.sky, self.back);
    }

    /// Loses what is sent from 99 to 101 milliseconds.
    fn lose_repeat(&mut self) {
        self.run(99.0);
        let lossy = Conditions { loss_percent: 100.0, ..FAR };
        self.stream.set_sky(self.at(99.0), Sky { conditions: lossy, ..self.sky }, self.back);
        self.run(101.0);
        self.stream.set_sky(self.at(101.0), self.sky, self.back);
    }

    /// Returns when what arrived did so, to the tenth of a millisecond, and as one text.
    fn story(&self) -> (Vec<f64>, Vec<u8>) {
        let times = self.arrived.iter().map(|(at, _)| (at * 10.0).round() / 10.0).collect();
        (times, self.arrived.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect())
    }
}

#[test]
fn without_loss_everything_takes_the_way_and_no_longer() {
    let mut bench = Bench::new(FAR);
    bench.send(0.0, b"a");
    bench.send(10.0, b"b");
    bench.run_dry();
    assert_eq!(bench.story(), (vec![40.0, 50.0], b"ab".to_vec()));
    let counts = bench.stream.take_counts();
    assert_eq!((counts.forwarded, counts.lost, counts.resent, counts.stalled), (2, 0, 0, Duration::ZERO));
}

#[test]
fn three_later_segments_prove_a_loss_after_one_round_trip() {
    let mut bench = Bench::new(FAR);
    bench.send(0.0, b"a");
    bench.send_lost(5.0, b"b");
    for (at, bytes) in [(10.0, b"c"), (15.0, b"d"), (20.0, b"e")] {
        bench.send(at, bytes);
    }
    bench.run_dry();
    // The third acknowledgement comes at 20 + 80; then the way.
    assert_eq!(bench.story(), (vec![40.0, 140.0, 140.0, 140.0, 140.0], b"abcde".to_vec()));
    let counts = bench.stream.take_counts();
    assert_eq!((counts.lost, counts.resent), (1, 1));
    // From 45, when it should have arrived.
    assert!(counts.stalled.abs_diff(ms(95.0)) < ms(0.01), "{:?}", counts.stalled);
}

#[test]
fn one_later_segment_proves_a_loss_a_quarter_of_a_round_trip_later() {
    let mut bench = Bench::new(FAR);
    bench.send(0.0, b"a");
    bench.send_lost(16.0, b"b");
    bench.send(32.0, b"c");
    bench.run_dry();
    // Sent at 16, a round trip, a window of 20; then the way. That is after c's acknowledgement at 112.
    assert_eq!(bench.story().0, [40.0, 156.0, 156.0]);
}

#[test]
fn a_lone_last_segment_waits_for_the_timeout() {
    let mut bench = Bench::new(FAR);
    bench.send_lost(0.0, b"a");
    bench.run_dry();
    // 80 ms and the floor of 200 ms come before a lone probe's 160 + 200; then the way.
    assert_eq!(bench.story().0, [320.0]);
}

#[test]
fn a_probe_brings_back_the_last_of_several() {
    let mut bench = Bench::new(FAR);
    bench.send_lost(0.0, b"a");
    bench.send_lost(10.0, b"b");
    bench.run_dry();
    // At 10 + 160 the probe repeats b, whose acknowledgement at 250 proves the loss of a.
    assert_eq!(bench.story(), (vec![290.0, 290.0], b"ab".to_vec()));
    assert_eq!(bench.stream.take_counts().resent, 2);
}

#[test]
fn a_repeat_that_is_lost_is_repeated() {
    let mut bench = Bench::new(FAR);
    bench.send(0.0, b"a");
    bench.send_lost(5.0, b"b");
    let later = [(10.0, b"c"), (15.0, b"d"), (20.0, b"e"), (60.0, b"f"), (98.0, b"g")];
    later.into_iter().for_each(|(at, bytes)| bench.send(at, bytes));
    bench.lose_repeat();
    // What is sent at 141 and acknowledged at 221 proves it: the repeat is older.
    bench.send(141.0, b"h");
    bench.run_dry();
    assert_eq!(bench.story(), (vec![40.0, 261.0, 261.0, 261.0, 261.0, 261.0, 261.0, 261.0], b"abcdefgh".to_vec()));
}

#[test]
fn a_repeat_that_is_lost_with_nothing_else_on_its_way_waits_for_the_timeout() {
    let mut bench = Bench::new(FAR);
    bench.send(0.0, b"a");
    bench.send_lost(5.0, b"b");
    [(10.0, b"c"), (15.0, b"d"), (20.0, b"e")].into_iter().for_each(|(at, bytes)| bench.send(at, bytes));
    bench.lose_repeat();
    // The acknowledgement at 100 has let out the repeat and no more, so these have to wait, and are put together.
    bench.send(110.0, b"f");
    bench.send(120.0, b"g");
    bench.run_dry();
    // 280 after the repeat, then the way; its acknowledgement lets the rest out.
    let (times, text) = bench.story();
    assert_eq!((times, text), (vec![40.0, 420.0, 420.0, 420.0, 420.0, 500.0], b"abcdefg".to_vec()));
    assert_eq!(bench.arrived.last().map(|(_, bytes)| bytes.as_ref()), Some(b"fg".as_slice()));
}

#[test]
fn neighbours_that_are_lost_together_are_repeated_as_one() {
    let mut bench = Bench::new(FAR);
    bench.send(0.0, b"a");
    bench.send_lost(5.0, b"b");
    bench.send_lost(10.0, b"c");
    [(15.0, b"d"), (20.0, b"e"), (25.0, b"f")].into_iter().for_each(|(at, bytes)| bench.send(at, bytes));
    bench.run_dry();
    assert_eq!(bench.story(), (vec![40.0, 145.0, 145.0, 145.0, 145.0], b"abcdef".to_vec()));
    assert_eq!(bench.arrived.get(1).map(|(_, bytes)| bytes.as_ref()), Some(b"bc".as_slice()));
    assert_eq!(bench.stream.take_counts().resent, 1);
}

#[test]
fn the_next_acknowledgement_heals_the_loss_of_one() {
    let mut bench = Bench::new(FAR);
    let deaf = Sky { conditions: Conditions { loss_percent: 100.0, ..bench.back.conditions }, ..bench.back };
    bench.stream.set_sky(bench.began, bench.sky, deaf);
    bench.send(0.0, b"a");
    bench.send(10.0, b"b");
    bench.run(45.0);
    bench.stream.set_sky(bench.at(45.0), bench.sky, bench.back);
    bench.run_dry();
    bench.run(1_000.0);
    assert_eq!(bench.story(), (vec![40.0, 50.0], b"ab".to_vec()));
    assert_eq!((bench.stream.take_counts().resent, bench.stream.next_due()), (0, None));
}

#[test]
fn timeouts_double() {
    let mut bench = Bench::new(Conditions { loss_percent: 100.0, ..FAR });
    bench.send(0.0, b"a");
    let mut repeats = Vec::new();
    while repeats.len() < 6 {
        let due = bench.stream.next_due().unwrap();
        assert_eq!(bench.stream.poll(due), None);
        repeats.push(((due - bench.began).as_secs_f64() * 1_000.0).round());
    }
    // A probe at the first timeout, then 280 ms, doubled.
    assert_eq!(repeats, [280.0, 560.0, 1_120.0, 2_240.0, 4_480.0, 8_960.0]);
}

#[test]
fn a_pulled_cable_stalls_and_the_next_repeat_after_it_brings_everything() {
    let mut bench = Bench::new(FAR);
    bench.send(0.0, b"a");
    bench.run(20.0);
    // In the middle of a's way.
    bench.stream.set_sky(bench.at(20.0), Sky { plugged: false, ..bench.sky }, bench.back);
    for at in 1..60_u32 {
        bench.send(f64::from(at) * 30.0, b"b");
    }
    assert!(bench.arrived.is_empty());
    bench.stream.set_sky(bench.at(1_800.0), bench.sky, bench.back);
    bench.run_dry();
    // Two timeouts in a row have let time grow to 560, 1,120, 2,240; what was written meanwhile leaves when a's repeat is acknowledged.
    let (times, text) = bench.story();
    assert_eq!((text.len(), text[0]), (60, b'a'));
    let (first, last) = (times[0], times[times.len() - 1]);
    assert!(first > 1_840.0 && first < 2_900.0 && last - first < 121.0, "{first} to {last}");
    // Small writes that wait together leave together.
    assert!(times.len() < 10, "{times:?}");
}

#[test]
fn a_connection_is_opened_by_a_packet_that_can_be_lost() {
    let mut bench = Bench::new(FAR);
    let now = bench.began;
    assert_eq!(bench.stream.knock(now), Some(bench.at(40.0)));
    assert_eq!(Bench::new(Conditions { loss_percent: 100.0, ..FAR }).stream.knock(now), None);
}

#[test]
fn a_narrow_line_carries_its_rate_and_asks_the_writer_to_wait() {
    let mut bench = Bench::new(Conditions { rate_kbit_s: 1_000.0, ..FAR });
    let mut sent = 0;
    for millisecond in 0..4_000 {
        bench.run(f64::from(millisecond));
        if bench.stream.wants_more(bench.at(f64::from(millisecond))) {
            bench.stream.send(bench.at(f64::from(millisecond)), Bytes::from(vec![0; MSS]));
            sent += 1;
        }
    }
    let arrived = bench.arrived.len() as f64 * (MSS + 52) as f64 * 8.0 / (4.0 - 0.04) / 1_000.0;
    assert!((arrived - 1_000.0).abs() < 15.0, "{arrived} kbit/s");
    let held = bench.stream.held();
    assert!(held < 50_000 && sent < 400, "{held}");
    assert_eq!(bench.stream.take_counts().lost, 0);
}

#[test]
fn what_is_held_is_bounded_for_writers_that_listen() {
    for bytes in [1, 100, 10_000] {
        let mut bench = Bench::new(Conditions { loss_percent: 100.0, ..FAR });
        let mut taken = 0;
        while bench.stream.wants_more(bench.began) {
            bench.stream.send(bench.began, Bytes::from(vec![0; bytes]));
            taken += bytes;
        }
        assert_eq!(bench.stream.held(), taken);
        assert!(taken < MAX_HELD_BYTES + bytes);
    }
}

#[test]
fn a_game_under_bad_weather_is_late_as_often_as_tcp_would_be() {
    let weather: Weather = "bad".parse().unwrap();
    let mut bench = Bench::new(weather.up);
    let count = 60 * 60 * 10;
    for number in 0..count {
        bench.send(f64::from(number) * 1_000.0 / 60.0, b"snapshot");
    }
    bench.run_dry();
    let times = bench.arrived.iter().flat_map(|(at, bytes)| bytes.chunks(b"snapshot".len()).map(|_| *at));
    let mut late: Vec<f64> =
        (0..count).zip(times).map(|(number, at)| at - f64::from(number) * 1_000.0 / 60.0).collect();
    assert_eq!(late.len(), count as usize);
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[(share * late.len() as f64) as usize];
    // A loss costs about 40 + 80 + 20 and delays the handful behind it; one in twenty repeats costs as much again.
    assert!(at(0.5) > 40.0 && at(0.5) < 50.0, "median {}", at(0.5));
    assert!(at(0.95) > 110.0 && at(0.95) < 150.0, "95th {}", at(0.95));
    assert!(at(0.99) > 140.0 && at(0.99) < 260.0, "99th {}", at(0.99));
    let counts = bench.stream.take_counts();
    let lost = counts.lost as f64 / (counts.lost + counts.forwarded) as f64;
    assert!((lost - 0.05).abs() < 0.005, "{lost}");
    // Nothing is repeated in vain, and neighbours are repeated together.
    assert!(counts.resent <= counts.lost && counts.resent > counts.lost - counts.lost / 10, "{counts:?}");
}

#[test]
fn one_seed_is_one_weather() {
    let fly = |seed| {
        let mut bench = Bench::seeded("bad".parse::<Weather>().unwrap().up, seed);
        (0..2_000_u32).for_each(|number| bench.send(f64::from(number) * 20.0, b"x"));
        bench.run_dry();
        bench.story()
    };
    assert_eq!(fly(1), fly(1));
    assert_ne!(fly(1).0, fly(2).0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However a text is cut, whatever the weather does and however often it changes: it arrives, whole and in order.
    #[test]
    fn nothing_is_lost_and_nothing_changes_places(
        writes in prop::collection::vec((1_usize..5_000, 0_u64..80, 0_u8..20), 1..60),
        seed: u64,
        loss in 0.0..60.0,
        burst in 1.0..6.0,
        jitter in 0.0..60.0,
        reorder in 0.0..20.0,
        rate in prop_oneof![Just(0.0), 500.0..5_000.0],
    ) {
        let weather = Weather::even(Conditions {
            delay_ms: 30.0, jitter_ms: jitter, loss_percent: loss, burst, reorder_percent: reorder, dup_percent: 10.0, rate_kbit_s: rate,
        });
        let began = Instant::now();
        let open = sky(&weather, began);
        let mut stream = Stream::new(began, seed, Direction::Down, open, open);
        let (mut now, mut written, mut read) = (began, Vec::new(), Vec::new());
        let mut last_due = began;
        for (length, wait, button) in writes {
            now += Duration::from_millis(wait);
            // Some are asked late, as a busy runtime would be.
            while let Some(bytes) = stream.poll(now) { read.extend_from_slice(&bytes); }
            match button {
                0 => stream.set_sky(now, Sky { plugged: false, ..open }, Sky { plugged: false, ..open }),
                1 => {
                    let spiky = Sky { spike: Some((ms(200.0), now + ms(300.0))), ..open };
                    stream.set_sky(now, spiky, spiky);
                }
                2 | 3 => stream.set_sky(now, open, open),
                _ => {}
            }
            let bytes: Vec<u8> = (0..length).map(|at| (written.len() + at) as u8 ^ (written.len() >> 7) as u8).collect();
            written.extend_from_slice(&bytes);
            stream.send(now, bytes.into());
        }
        stream.set_sky(now, open, open);
        stream.finish(now);
        let mut steps = 0;
        let mut ended = false;
        while !stream.is_drained() {
            let due = stream.next_due().expect("something is always about to happen");
            prop_assert!(due >= last_due || due >= now || steps == 0);
            last_due = due.max(last_due);
            while let Some(bytes) = stream.poll(due.max(now)) {
                prop_assert!(!ended, "bytes after the end");
                ended = bytes.is_empty();
                read.extend_from_slice(&bytes);
            }
            steps += 1;
            prop_assert!(steps < 100_000, "it goes on for ever");
        }
        prop_assert!(ended);
        prop_assert_eq!(read, written);
        prop_assert_eq!(stream.held(), 0);
    }
}
