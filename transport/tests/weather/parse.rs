//! What can be typed, what is printed, and what is said about mistakes.

use proptest::prelude::*;
use std::collections::BTreeSet;
use transport::weather::{Conditions, PRESETS, Tunnels, Weather};

fn read(text: &str) -> Weather {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn settings_mean_what_they_say() {
    let all = "delay=40,jitter=8,loss=5,burst=3,reorder=1,dup=0.5,rate=2000,seed=7";
    let conditions = Conditions {
        delay_ms: 40.0,
        jitter_ms: 8.0,
        loss_percent: 5.0,
        burst: 3.0,
        reorder_percent: 1.0,
        dup_percent: 0.5,
        rate_kbit_s: 2_000.0,
    };
    assert_eq!(read(all), Weather { seed: 7, ..Weather::even(conditions) });
    assert_eq!(read("rate=0"), Weather::CALM);
    assert_eq!(read(" delay = 3 , loss = 1 "), read("delay=3,loss=1"));

    let one_way = read("up.delay=10,down.delay=30,down.loss=2");
    assert_eq!((one_way.up.delay_ms, one_way.down.delay_ms), (10.0, 30.0));
    assert_eq!((one_way.up.loss_percent, one_way.down.loss_percent), (0.0, 2.0));

    let bad = read("bad");
    assert_eq!(bad.up, Conditions { delay_ms: 40.0, jitter_ms: 8.0, loss_percent: 5.0, ..Conditions::CALM });
    assert_eq!(bad.up, bad.down);
    assert_eq!(read("bad,seed=3"), Weather { seed: 3, ..bad });
    assert_eq!(read("bad,loss=9").up.loss_percent, 9.0);
    assert_eq!(read("train").tunnels, Some(Tunnels { every_s: 30.0, lasts_s: 3.0 }));
    assert_eq!(read("calm,tunnel=2").tunnels, Some(Tunnels { every_s: 30.0, lasts_s: 2.0 }));
    assert!(read("off").is_calm() && read("calm").is_calm() && read("calm,seed=4").is_calm() && !bad.is_calm());
}

#[test]
fn mistakes_are_answered_with_one_sentence() {
    let table = [
        (
            "speed=4",
            "there is no weather setting `speed`; there are delay, jitter, loss, burst, reorder, dup, rate, tunnel, tunnel_every and seed, each but the last three also with `up.` or `down.` before it",
        ),
        (
            "up.seed=4",
            "there is no weather setting `up.seed`; there are delay, jitter, loss, burst, reorder, dup, rate, tunnel, tunnel_every and seed, each but the last three also with `up.` or `down.` before it",
        ),
        (
            "loss=1,bad",
            "there is no weather setting `bad`; there are delay, jitter, loss, burst, reorder, dup, rate, tunnel, tunnel_every and seed, each but the last three also with `up.` or `down.` before it",
        ),
        (
            "awful",
            "there is no weather `awful`; there are calm, lan, home, mobile, hotel, train, satellite, bad, or settings as in `delay=40,jitter=8,loss=5`",
        ),
        (
            "",
            "there is no weather ``; there are calm, lan, home, mobile, hotel, train, satellite, bad, or settings as in `delay=40,jitter=8,loss=5`",
        ),
        ("delay=-1", "`delay` is one-way milliseconds from 0 to 2000, not `-1`"),
        ("delay=2001", "`delay` is one-way milliseconds from 0 to 2000, not `2001`"),
        ("down.loss=x", "`down.loss` is percent from 0 to 100, not `x`"),
        ("loss=NaN", "`loss` is percent from 0 to 100, not `NaN`"),
        ("jitter=inf", "`jitter` is milliseconds from 0 to 500, not `inf`"),
        ("burst=0", "`burst` is packets lost in a row from 1 to 100, not `0`"),
        ("rate=3", "`rate` is kbit/s from 16 to 10000000, or 0 for unlimited, not `3`"),
        ("seed=-4", "`seed` is a whole number from 0 to 18446744073709551615, not `-4`"),
        ("tunnel=5,tunnel_every=5", "`tunnel` (5 s) must be shorter than `tunnel_every` (5 s)"),
        ("tunnel=0", "`tunnel` is seconds from 0.1 to 60, not `0`"),
    ];
    for (text, sentence) in table {
        assert_eq!(text.parse::<Weather>().expect_err(text).to_string(), sentence);
    }
}

#[test]
fn every_preset_can_be_typed_and_is_printed_by_its_name() {
    for preset in PRESETS {
        assert_eq!(read(preset.name), preset.weather, "{}", preset.name);
        assert_eq!(preset.weather.to_string(), preset.name);
        assert!(preset.about.len() < 120 && preset.about.ends_with('.'), "{}", preset.about);
    }
    let names: BTreeSet<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), PRESETS.len());
    assert_eq!(read("bad,seed=9").to_string(), "bad,seed=9");
    assert_eq!(read("delay=40,jitter=8,loss=5").to_string(), "bad");
    assert_eq!(read("up.delay=1.5,loss=2").to_string(), "up.delay=1.5,loss=2");
}

prop_compose! {
    fn conditions()(
        delay_ms in 0.0..=2_000.0,
        jitter_ms in 0.0..=500.0,
        loss_percent in 0.0..=100.0,
        burst in 1.0..=100.0,
        reorder_percent in 0.0..=100.0,
        dup_percent in 0.0..=100.0,
        rate_kbit_s in prop_oneof![Just(0.0), 16.0..=10_000_000.0],
    ) -> Conditions {
        Conditions { delay_ms, jitter_ms, loss_percent, burst, reorder_percent, dup_percent, rate_kbit_s }
    }
}

proptest! {
    #[test]
    fn what_is_printed_can_be_read(up in conditions(), down in conditions(), seed: u64, tunnel in prop::option::of(0.1..1.0)) {
        let tunnels = tunnel.map(|lasts_s| Tunnels { every_s: 1.0 + lasts_s, lasts_s });
        let weather = Weather { up, down, tunnels, seed };
        prop_assert_eq!(read(&weather.to_string()), weather);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,60}") {
        let _ = text.parse::<Weather>();
    }
}
