//! The fate of datagrams, in virtual time and large numbers.

use super::{ms, sky, under};
use bytes::Bytes;
use std::time::{Duration, Instant};
use transport::weather::datagram::{Datagrams, MAX_HELD, MAX_HELD_BYTES};
use transport::weather::{Conditions, Direction, Tunnels, Weather};

const SEED: u64 = 7;
/// Time between two datagrams: a snapshot's.
const EVERY: Duration = Duration::from_millis(33);

/// A datagram that arrived: its number, when it was sent, when it arrived.
type Arrival = (u64, Instant, Instant);

fn datagrams(conditions: Conditions, began: Instant) -> Datagrams {
    Datagrams::new(SEED, Direction::Up, under(conditions, began))
}

fn numbered(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

fn number_of(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[..8].try_into().unwrap())
}

/// Sends `count` datagrams, one per `every`, and returns what arrived, in the order of arrival.
fn fly(path: &mut Datagrams, began: Instant, count: u64, every: Duration) -> Vec<Arrival> {
    let sent = |number: u64| began + every * u32::try_from(number).unwrap();
    let mut arrivals = Vec::new();
    let mut collect = |path: &mut Datagrams, until: Option<Instant>| {
        while let Some(due) = path.next_due().filter(|due| until.is_none_or(|until| *due <= until)) {
            let bytes = path.poll(due).expect("what is due is there");
            let number = number_of(&bytes);
            arrivals.push((number, sent(number), due));
        }
    };
    for number in 0..count {
        collect(path, Some(sent(number)));
        path.send(sent(number), numbered(number));
    }
    collect(path, None);
    arrivals
}

/// Returns which of `count` datagrams were lost.
fn lost(arrivals: &[Arrival], count: u64) -> Vec<bool> {
    let mut lost = vec![true; usize::try_from(count).unwrap()];
    arrivals.iter().for_each(|(number, ..)| lost[usize::try_from(*number).unwrap()] = false);
    lost
}

#[test]
fn calm_changes_nothing() {
    let began = Instant::now();
    let mut path = datagrams(Conditions::CALM, began);
    for number in 0..100 {
        path.send(began, numbered(number));
        assert_eq!(path.poll(began), Some(numbered(number)));
    }
    let counts = path.take_counts();
    assert_eq!((counts.forwarded, counts.lost, counts.delayed), (100, 0, 0));
}

#[test]
fn losses_are_as_many_and_as_long_as_asked_for() {
    const COUNT: u64 = 1_000_000;
    let began = Instant::now();
    // Mean runs of independent losses are 1 / (1 - p), so that is what 1 and anything below it give.
    let table = [(5.0, 1.0, 1.0 / 0.95), (5.0, 3.0, 3.0), (1.0, 8.0, 8.0), (30.0, 1.0, 1.0 / 0.7), (50.0, 5.0, 5.0)];
    for (loss_percent, burst, run) in table {
        let mut path = datagrams(Conditions { loss_percent, burst, ..Conditions::CALM }, began);
        let lost = lost(&fly(&mut path, began, COUNT, Duration::from_micros(10)), COUNT);
        let total = lost.iter().filter(|lost| **lost).count() as f64;
        let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64 + f64::from(u8::from(lost[0]));
        let share = total / COUNT as f64 * 100.0;
        // Four standard deviations of a Markov chain of this length.
        let p = loss_percent / 100.0;
        let memory = 1.0 - 1.0 / run - p / (run * (1.0 - p));
        let tolerance = 400.0 * (p * (1.0 - p) / COUNT as f64 * (1.0 + memory) / (1.0 - memory)).sqrt();
        assert!((share - loss_percent).abs() < tolerance, "{loss_percent} % in runs of {burst}: {share} %");
        assert!((total / runs / run - 1.0).abs() < 0.04, "{loss_percent} % in runs of {burst}: {}", total / runs);
        assert_eq!(path.take_counts().lost as f64, total);
    }
}

#[test]
fn all_or_nothing_is_all_or_nothing() {
    let began = Instant::now();
    for (loss_percent, arrive) in [(0.0, 1_000), (100.0, 0)] {
        let mut path = datagrams(Conditions { loss_percent, burst: 4.0, ..Conditions::CALM }, began);
        assert_eq!(fly(&mut path, began, 1_000, EVERY).len(), arrive);
    }
}

#[test]
fn delay_and_jitter_keep_their_bounds_and_are_evenly_spread() {
    let began = Instant::now();
    let mut path = datagrams(Conditions { delay_ms: 40.0, jitter_ms: 8.0, ..Conditions::CALM }, began);
    // Datagrams further apart than twice the jitter never wait for each other.
    let mut delays: Vec<f64> = fly(&mut path, began, 100_000, EVERY)
        .iter()
        .map(|(_, sent, arrived)| (*arrived - *sent).as_secs_f64() * 1_000.0)
        .collect();
    assert_eq!(delays.len(), 100_000);
    delays.sort_by(f64::total_cmp);
    assert!(delays[0] >= 32.0 - 1e-3 && delays[99_999] <= 48.0 + 1e-3);
    for (share, expected) in [(0.1, 33.6), (0.5, 40.0), (0.9, 46.4)] {
        let at = delays[(share * 100_000.0) as usize];
        assert!((at - expected).abs() < 0.1, "{share}: {at} ms");
    }
}

#[test]
fn jitter_alone_never_changes_the_order() {
    let began = Instant::now();
    let rough =
        Conditions { delay_ms: 20.0, jitter_ms: 100.0, loss_percent: 5.0, dup_percent: 5.0, ..Conditions::CALM };
    let arrivals = fly(&mut datagrams(rough, began), began, 100_000, Duration::from_millis(2));
    assert!(arrivals.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].2 <= pair[1].2));
    let slowest = arrivals.iter().map(|(_, sent, arrived)| *arrived - *sent).max().unwrap();
    assert!(slowest <= ms(120.0));
}

#[test]
fn as_many_as_asked_for_are_overtaken_and_by_no_more_than_the_detour() {
    let began = Instant::now();
    let winding = Conditions { delay_ms: 40.0, reorder_percent: 2.0, ..Conditions::CALM };
    let mut path = datagrams(winding, began);
    let arrivals = fly(&mut path, began, 100_000, EVERY);
    let late = arrivals.windows(2).filter(|pair| pair[0].0 > pair[1].0).count() as f64;
    // Two detours in a row do not overtake each other.
    assert!((late / 1_000.0 - 2.0 * 0.98).abs() < 0.2, "{late}");
    assert_eq!(path.take_counts().reordered, arrivals.iter().filter(|(_, s, a)| *a - *s > ms(79.9)).count() as u64);
    assert!(arrivals.iter().all(|(_, s, a)| *a - *s >= ms(39.99) && *a - *s <= ms(80.01)));
}

#[test]
fn as_many_as_asked_for_arrive_twice() {
    let began = Instant::now();
    let mut path = datagrams(Conditions { dup_percent: 3.0, ..Conditions::CALM }, began);
    let arrivals = fly(&mut path, began, 100_000, EVERY);
    let twice = arrivals.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();
    assert!((twice as f64 / 1_000.0 - 3.0).abs() < 0.25, "{twice}");
    assert_eq!((arrivals.len(), path.take_counts().duplicated), (100_000 + twice, twice as u64));
}

#[test]
fn a_narrow_line_carries_its_rate_and_holds_a_quarter_of_a_second() {
    let began = Instant::now();
    let mut path = datagrams(Conditions { delay_ms: 10.0, rate_kbit_s: 1_000.0, ..Conditions::CALM }, began);
    // 1,000 bytes with headers, ten times as much as fits, for ten seconds.
    let mut carried = 0_u32;
    let mut longest = Duration::ZERO;
    for number in 0..12_500_u64 {
        let now = began + Duration::from_micros(800) * u32::try_from(number).unwrap();
        let mut bytes = number.to_be_bytes().to_vec();
        bytes.resize(972, 0);
        path.send(now, bytes.into());
        while let Some(due) = path.next_due().filter(|due| *due <= now) {
            let sent = began + Duration::from_micros(800) * u32::try_from(number_of(&path.poll(due).unwrap())).unwrap();
            longest = longest.max(due - sent);
            carried += 1;
        }
    }
    let kbit_s = f64::from(carried) * 8.0 / (10.0 - 0.01);
    assert!((kbit_s - 1_000.0).abs() < 10.0, "{kbit_s} kbit/s");
    // What waits, itself (8 ms) and the way.
    assert!(longest > ms(250.0) && longest <= ms(250.0 + 8.0 + 10.0), "{longest:?}");
    assert!(path.take_counts().lost > 11_000);
}

#[test]
fn an_idle_line_is_free_at_once() {
    let began = Instant::now();
    let mut path = datagrams(Conditions { rate_kbit_s: 100.0, ..Conditions::CALM }, began);
    for second in 0..5 {
        let now = began + Duration::from_secs(second);
        path.send(now, Bytes::from(vec![0; 1_222]));
        assert_eq!(path.next_due(), Some(now + ms(100.0)));
        assert!(path.poll(now + ms(100.0)).is_some());
    }
}

#[test]
fn what_is_on_its_way_is_bounded() {
    let began = Instant::now();
    let far = Conditions { delay_ms: 2_000.0, ..Conditions::CALM };
    for bytes in [10, 1_400] {
        let mut path = datagrams(far, began);
        (0..MAX_HELD * 2).for_each(|_| path.send(began, Bytes::from(vec![0; bytes])));
        let (held, held_bytes) = path.held();
        assert!(held <= MAX_HELD && held_bytes <= MAX_HELD_BYTES, "{held}, {held_bytes}");
        assert!(held == MAX_HELD || held_bytes > MAX_HELD_BYTES - bytes);
    }
}

#[test]
fn one_seed_is_one_weather() {
    let began = Instant::now();
    let weather: Weather = "delay=40,jitter=8,loss=5,burst=3,reorder=1,dup=1".parse().unwrap();
    let fly = |seed, direction| fly(&mut Datagrams::new(seed, direction, sky(&weather, began)), began, 10_000, EVERY);
    let up = fly(1, Direction::Up);
    assert_eq!(up, fly(1, Direction::Up));
    assert_ne!(up, fly(2, Direction::Up));
    // The two directions are independent: they lose the same datagram as often as chance has it.
    let both = lost(&up, 10_000).iter().zip(lost(&fly(1, Direction::Down), 10_000)).filter(|(a, b)| **a && *b).count();
    assert!(both < 100, "{both}");
}

#[test]
fn a_change_acts_at_once_on_what_enters_and_keeps_the_order() {
    let began = Instant::now();
    let at = |milliseconds: f64| began + ms(milliseconds);
    let mut path = datagrams(Conditions { delay_ms: 100.0, ..Conditions::CALM }, began);
    path.send(at(0.0), numbered(0));
    path.set_sky(under(Conditions { delay_ms: 10.0, ..Conditions::CALM }, began));
    path.send(at(1.0), numbered(1));
    path.send(at(120.0), numbered(2));
    let due: Vec<_> = std::iter::from_fn(|| {
        let due = path.next_due()?;
        path.poll(due).map(|bytes| (number_of(&bytes), due))
    })
    .collect();
    assert_eq!(due, [(0, at(100.0)), (1, at(100.0)), (2, at(130.0))]);
}

#[test]
fn a_lag_spike_ends_by_itself() {
    let began = Instant::now();
    let mut sky = under(Conditions { delay_ms: 20.0, ..Conditions::CALM }, began);
    sky.spike = Some((ms(300.0), began + ms(500.0)));
    let mut path = Datagrams::new(SEED, Direction::Up, sky);
    let arrivals = fly(&mut path, began, 60, EVERY);
    for (number, sent, arrived) in arrivals {
        let expected = if sent < began + ms(500.0) { ms(320.0) } else { ms(20.0) };
        // Those right behind the spike wait for those in it.
        let behind = sent >= began + ms(500.0) && sent < began + ms(500.0 + 300.0);
        assert!(arrived - sent == expected || (behind && arrived - sent <= ms(320.0)), "{number}");
    }
}

#[test]
fn a_pulled_cable_loses_everything_and_a_plugged_one_nothing() {
    let began = Instant::now();
    let calm = under(Conditions { delay_ms: 50.0, ..Conditions::CALM }, began);
    let mut path = Datagrams::new(SEED, Direction::Up, calm);
    path.send(began, numbered(0));
    path.set_sky(transport::weather::Sky { plugged: false, ..calm });
    path.send(began + ms(10.0), numbered(1));
    assert_eq!(path.next_due(), None);
    path.set_sky(calm);
    path.send(began + ms(20.0), numbered(2));
    assert_eq!(path.next_due(), Some(began + ms(70.0)));
    assert_eq!(path.take_counts().lost, 2);
}

#[test]
fn tunnels_come_when_they_are_due() {
    let began = Instant::now();
    let weather = Weather { tunnels: Some(Tunnels { every_s: 10.0, lasts_s: 2.0 }), ..Weather::CALM };
    let mut path = Datagrams::new(SEED, Direction::Up, sky(&weather, began));
    let arrivals = fly(&mut path, began, 4_000, Duration::from_millis(10));
    let through: Vec<u64> = arrivals.iter().map(|(number, ..)| *number % 1_000).collect();
    assert_eq!(through.len(), 3_200);
    assert!(through.iter().all(|at| *at < 800));
}
