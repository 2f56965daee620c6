//! What a player feels, in virtual time: how long a key takes to the server, how many commands come in time, how far in the past
//! others are shown and how often that was not far enough; over calm, lossy and stalling paths. The figures are printed.

mod support;

use support::netcode::{Figures, Netcode, Setting, Way};

const CALM: Way = Way { delay: 25.0, jitter: 0.0, loss: 0.0, burst: 1.0, stream: false };
const BAD: Way = Way { delay: 40.0, jitter: 8.0, loss: 0.05, burst: 1.0, stream: false };
/// A frame of a 144 Hz screen, milliseconds.
const FRAME: f64 = 6.94;

fn setting(way: Way, every: u32, seed: u64) -> Setting {
    Setting { way, every, frame: FRAME, rate: 1.0, seed }
}

fn felt(setting: Setting, seconds: f64) -> Figures {
    let mut netcode = Netcode::new(setting);
    netcode.run(20.0);
    netcode.measure();
    netcode.run(seconds);
    let figures = netcode.figures();
    let Setting { way, every, .. } = setting;
    println!(
        "{:>3.0} ms ± {:<2.0} {:>4.1} % burst {:.0} {} {:>2} Hz | press {:>5.1} / {:>5.1} ms  executed {:>6.2} %  {:.1} per \
         bundle | delay {:>5.1} ms  underruns {:>4.2} % | clock off by {:.2} ms",
        way.delay,
        way.jitter,
        way.loss * 100.0,
        way.burst,
        if way.stream { "stream  " } else { "datagram" },
        60 / every,
        figures.press_p50,
        figures.press_p99,
        figures.executed * 100.0,
        figures.bundle,
        figures.delay,
        figures.underruns * 100.0,
        figures.clock_error
    );
    figures
}

#[test]
fn a_key_reaches_the_server_in_58_ms_at_50_ms_round_trip() {
    for (every, frame, seed) in [(1, FRAME, 1), (1, 1.0, 2), (2, FRAME, 3), (2, 16.67, 4), (3, FRAME, 5)] {
        let jittery = Way { jitter: 1.0, ..CALM };
        let figures = felt(Setting { frame, ..setting(jittery, every, seed) }, 120.0);
        assert!(figures.press_p50 <= 58.0 && figures.press_p99 <= 72.0, "{every} {frame}: {figures:?}");
        assert!(figures.executed >= 0.999, "{every} {frame}: {figures:?}");
        assert!(figures.bundle <= 2.3, "in calm weather little is repeated: {figures:?}");
    }
}

#[test]
fn bad_weather_costs_datagrams_a_tick_or_two_and_no_commands() {
    for (burst, share, most) in [(1.0, 0.995, 105.0), (3.0, 0.993, 190.0)] {
        let runs: Vec<_> = (0..4).map(|seed| felt(setting(Way { burst, ..BAD }, 2, seed), 60.0)).collect();
        let mean = |of: fn(&Figures) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        assert!(mean(|f| f.executed) >= share, "{runs:?}");
        assert!(mean(|f| f.press_p50) < most, "{runs:?}");
    }
}

#[test]
fn a_stream_that_stalls_gets_the_lead_that_it_needs_and_no_more() {
    for (delay, loss, least) in [(25.0, 0.02, 0.99), (40.0, 0.05, 0.965), (280.0, 0.005, 0.88)] {
        let way = Way { delay, loss, stream: true, ..BAD };
        let figures = felt(setting(way, 2, 9), 120.0);
        assert!(figures.executed >= least, "{figures:?}");
        assert!(figures.press_p50 < delay + 310.0, "{figures:?}");
        assert!(figures.delay <= 160.0, "a stream is not waited for without end: {figures:?}");
    }
}

#[test]
fn the_picture_is_as_young_as_one_percent_of_underruns_allows() {
    let jittery = |jitter, loss| Way { jitter, loss, ..CALM };
    for (way, every, most) in [
        (jittery(0.5, 0.0), 1, 18.0),
        (jittery(0.5, 0.02), 1, 27.0),
        (jittery(0.5, 0.05), 1, 36.0),
        (jittery(0.5, 0.0), 2, 35.0),
        (jittery(0.5, 0.02), 2, 52.0),
        (jittery(0.5, 0.0), 3, 52.0),
        (jittery(0.5, 0.02), 3, 82.0),
        (jittery(8.0, 0.0), 1, 32.0),
        (BAD, 1, 52.0),
        (BAD, 2, 80.0),
        (BAD, 3, 120.0),
    ] {
        let runs: Vec<_> = (0..4).map(|seed| felt(setting(way, every, seed), 60.0)).collect();
        let mean = |of: fn(&Figures) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        assert!(mean(|f| f.delay) <= most, "{way:?}: {runs:?}");
        // Of snapshots that come rarely, so few are lost in ten seconds that their share is known only roughly.
        let share = if every == 1 { 0.01 } else { 0.011 };
        assert!(mean(|f| f.underruns) <= share, "{way:?}: {runs:?}");
    }
}

#[test]
fn the_servers_tick_is_known_to_a_millisecond_whatever_the_quartz() {
    for (jitter, loss, ppm) in [(2.0, 0.02, 200.0), (2.0, 0.02, -200.0), (8.0, 0.05, 200.0), (8.0, 0.05, -200.0)] {
        let way = Way { jitter, loss, ..CALM };
        let figures = felt(Setting { rate: 1.0 + ppm * 1e-6, ..setting(way, 2, 3) }, 240.0);
        // What cannot be known is how the least jitter is shared between the two ways.
        assert!(figures.clock_error < 0.75 + jitter * 0.2, "{ppm} ppm: {figures:?}");
        assert!(figures.executed >= 0.995 && figures.underruns <= 0.012, "{ppm} ppm: {figures:?}");
    }
}

#[test]
fn a_step_of_the_servers_clock_is_followed_within_a_second() {
    for step in [6.0, -6.0, 40.0] {
        let mut netcode = Netcode::new(setting(Way { jitter: 2.0, ..CALM }, 2, 4));
        netcode.run(15.0);
        netcode.step += step;
        netcode.run(1.0);
        netcode.measure();
        netcode.run(10.0);
        let figures = netcode.figures();
        assert!(figures.clock_error < 2.0, "{step} ticks: {figures:?}");
    }
}

#[test]
fn the_lead_and_the_delay_follow_the_weather_both_ways() {
    let mut netcode = Netcode::new(setting(CALM, 2, 8));
    netcode.run(15.0);
    netcode.change(Way { stream: true, ..BAD });
    netcode.run(15.0);
    netcode.measure();
    netcode.run(15.0);
    let bad = netcode.figures();
    netcode.change(CALM);
    netcode.run(20.0);
    netcode.measure();
    netcode.run(15.0);
    let calm = netcode.figures();
    assert!(bad.delay > 80.0 && bad.press_p50 > 120.0 && bad.executed > 0.95, "{bad:?}");
    assert!(calm.delay < 36.0 && calm.press_p50 < 60.0 && calm.executed > 0.999, "{calm:?}");
}

#[test]
fn pacing_can_be_turned_off_and_on_and_no_tick_is_left_out() {
    let mut netcode = Netcode::new(setting(CALM, 2, 8));
    netcode.run(15.0);
    let mut before = netcode.pacer.phase().unwrap();
    let mut late_share = Vec::new();
    for on in [false, true, false, true] {
        netcode.pacer.pace(on);
        for _ in 0..600 {
            netcode.run(0.005);
            let phase = netcode.pacer.phase().unwrap();
            assert!((0.0..0.9).contains(&(phase - before)), "from {before} to {phase}");
            before = phase;
        }
        netcode.measure();
        netcode.run(4.0);
        before = netcode.pacer.phase().unwrap();
        late_share.push(1.0 - netcode.figures().executed);
    }
    assert!(late_share[0] > 0.9 && late_share[2] > 0.9, "the honest naive way comes late: {late_share:?}");
    assert!(late_share[1] < 0.01 && late_share[3] < 0.01, "{late_share:?}");
}
