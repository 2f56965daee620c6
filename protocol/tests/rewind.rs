//! How far back rails may look: a measured path, honest clients on it, and liars who try everything.
//!
//! The paths here are played by hand, in ticks, so that each lie can be told at the worst moment. `protocol/tests/rail.rs` lets whole
//! sessions fly.
//!
//! Flow: a path and a liar → [`Rewind`] → how far back it lets them look.

use game::rng::Rng;
use game::{Command, Tick};
use protocol::limits::MAX_REWIND;
use protocol::rewind::{Rewind, SPARE, UNSTEADY, claim};
use protocol::wire::command::Bundle;

/// Ticks between two snapshots.
const EVERY: u32 = 2;
/// What a liar may gain, ticks: the slack of the band, and one for rounding and for the lateness that late acknowledgements feign.
const SLACK: f64 = SPARE + 1.0;
/// The limit, ticks.
const MOST: f64 = 12.0;

/// One way each, and what the client adds: all in ticks.
#[derive(Clone, Copy)]
struct Path {
    way: f64,
    jitter: f64,
    /// Share of snapshots and bundles that are lost, per mille.
    loss: u32,
}

/// What a client says in place of the truth, given its number of commands so far.
type Lie = fn(u32, &mut Bundle);

/// How far back the server looked, command by command, in ticks.
struct Looked {
    honest: Vec<f64>,
    used: Vec<f64>,
}

/// Flies `ticks` over `path`: the client draws at a steady delay behind what arrives, and lies from half of the time on.
fn fly(path: Path, ticks: u32, lie: Option<Lie>) -> Looked {
    let mut rng = Rng::new(7);
    let mut rewind = Rewind::default();
    rewind.begin(EVERY as u8);
    let mut looked = Looked { honest: Vec::new(), used: Vec::new() };
    // What has arrived, by the time of arrival.
    let mut snapshots: Vec<(f64, u32)> = Vec::new();
    let mut bundles: Vec<(f64, Bundle, f64)> = Vec::new();
    let start = 1_000;
    for tick in start..start + ticks {
        let time = f64::from(tick);
        if tick % EVERY == 0 && rng.below(1_000) >= path.loss {
            snapshots.push((time + path.way + path.jitter * f64::from(rng.unit_f32()), tick));
        }
        // The client, at this moment: it aims a command at its arrival, half a tick early, plus the jitter.
        let newest = snapshots.iter().filter(|(at, _)| *at <= time).map(|(_, tick)| *tick).max();
        if let Some(snapshot) = newest {
            let shown = time - path.way - f64::from(EVERY) - path.jitter - 0.5;
            let for_tick = Tick((time + path.way + path.jitter + 1.0) as u32);
            let honest = f64::from(for_tick.0) - shown;
            let mut bundle = Bundle {
                newest: for_tick,
                snapshot: Tick(snapshot),
                events_seen: 0,
                stamp: 0,
                shown: claim(for_tick, shown, Tick(snapshot)),
                commands: vec![Command::default()],
            };
            if let Some(lie) = lie.filter(|_| tick >= start + ticks / 2) {
                lie(tick, &mut bundle);
            }
            if rng.below(1_000) >= path.loss {
                bundles.push((time + path.way + path.jitter * f64::from(rng.unit_f32()), bundle, honest));
            }
        }
        // The server, at this moment.
        let (due, later): (Vec<_>, Vec<_>) = bundles.drain(..).partition(|(at, ..)| *at <= time);
        bundles = later;
        for (at, bundle, honest) in due {
            rewind.acknowledge(bundle.snapshot, at);
            rewind.keep(bundle.newest, &bundle, at);
            let used = f64::from(rewind.take(bundle.newest)) / 4.0;
            if tick >= start + ticks / 2 {
                looked.honest.push(honest);
                looked.used.push(used);
            }
        }
    }
    assert!(looked.used.len() > 100);
    looked
}

const PATHS: [Path; 5] = [
    Path { way: 0.3, jitter: 0.0, loss: 0 },
    Path { way: 1.5, jitter: 0.5, loss: 20 },
    Path { way: 2.4, jitter: 0.5, loss: 50 },
    Path { way: 4.5, jitter: 0.3, loss: 0 },
    Path { way: 6.0, jitter: 1.0, loss: 100 },
];

#[test]
fn the_limit_is_that_of_the_rules() {
    let ticks = MAX_REWIND.as_millis() as f64 * 60.0 / 1_000.0;
    assert_eq!((ticks, f64::from(game::rail::MAX_BEHIND) / 4.0), (MOST, MOST));
}

#[test]
fn the_honest_are_believed_on_every_path() {
    for path in PATHS {
        let looked = fly(path, 2_000, None);
        let wrong = looked.honest.iter().zip(&looked.used).filter(|(h, u)| (h.min(MOST) - **u).abs() > 0.5).count();
        let share = wrong as f64 / looked.used.len() as f64;
        assert!(share < 0.02, "{} ticks: {share} of the honest claims are not believed", path.way);
    }
}

/// Asserts that a liar is never let look more than the slack of the band further back than the honest, nor nearer than what can be drawn.
fn gains_nothing(what: &str, slack: f64, lie: Lie) {
    for path in PATHS {
        let looked = fly(path, 2_000, Some(lie));
        let most = looked.honest.iter().copied().fold(0.0, f64::max).min(MOST);
        for used in looked.used {
            assert!(used <= (most + slack).min(MOST), "{what} over {} ticks: {used}, honest {most}", path.way);
        }
    }
}

#[test]
fn a_claim_of_the_far_past_is_cut_to_what_was_measured() {
    gains_nothing("the far past", SLACK, |_, bundle| bundle.shown = u8::MAX);
}

#[test]
fn a_claim_of_the_future_gains_no_more_than_being_judged_by_the_present() {
    for path in PATHS {
        let looked = fly(path, 2_000, Some(|_, bundle| bundle.shown = 0));
        let honest = fly(path, 2_000, None);
        for (used, truth) in looked.used.iter().zip(honest.used) {
            assert!(*used <= truth + 0.5, "over {} ticks: {used}, honest {truth}", path.way);
        }
    }
}

#[test]
fn flipping_every_tick_chooses_among_a_few_ticks_only() {
    for path in PATHS {
        let looked = fly(path, 2_000, Some(|tick, bundle| bundle.shown = if tick % 2 == 0 { 0 } else { u8::MAX }));
        let settled = &looked.used[100..];
        let (least, most) = settled.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), u| (l.min(*u), m.max(*u)));
        assert!(most - least <= 2.0 * UNSTEADY + 1.0, "over {} ticks: from {least} to {most}", path.way);
    }
    gains_nothing("flipping", SLACK, |tick, bundle| bundle.shown = if tick % 2 == 0 { 0 } else { u8::MAX });
}

#[test]
fn old_acknowledgements_now_and_then_gain_nothing() {
    // Only when it matters: every fifth, tenth, fortieth command.
    let lies: [Lie; 3] = [
        |tick, bundle| late(tick % 5 == 0, bundle),
        |tick, bundle| late(tick % 10 == 0, bundle),
        |tick, bundle| late(tick % 40 == 0, bundle),
    ];
    for lie in lies {
        gains_nothing("old acknowledgements", SLACK, lie);
    }
}

fn late(lies: bool, bundle: &mut Bundle) {
    if lies {
        bundle.snapshot = bundle.snapshot.minus(20);
        bundle.shown = u8::MAX;
    }
}

#[test]
fn bursts_of_old_acknowledgements_pass_for_jitter_and_no_more() {
    // Half a second of silence in the acknowledgements, then all at once, again and again.
    let lie: Lie = |tick, bundle| {
        bundle.snapshot = bundle.snapshot.minus(tick % 30);
        bundle.shown = u8::MAX;
    };
    gains_nothing("bursts", SLACK + protocol::rewind::MAX_LATENESS, lie);
}

#[test]
fn acknowledging_what_has_not_arrived_passes_for_jitter_at_most() {
    gains_nothing("snapshots of the future", SLACK, |_, bundle| {
        bundle.snapshot = bundle.snapshot.plus(1_000);
        bundle.shown = u8::MAX;
    });
    gains_nothing("snapshots that are under way", SLACK + protocol::rewind::MAX_LATENESS, |_, bundle| {
        bundle.snapshot = bundle.snapshot.plus(2);
        bundle.shown = u8::MAX;
    });
}

#[test]
fn commands_sent_long_before_their_tick_do_not_look_back_from_it() {
    gains_nothing("commands far ahead", SLACK + protocol::rewind::MAX_LEAD, |_, bundle| {
        bundle.newest = bundle.newest.plus(25);
        bundle.shown = u8::MAX;
    });
}

#[test]
fn who_acknowledges_everything_late_passes_for_far_away_and_gets_the_limit_at_most() {
    let looked = fly(
        PATHS[0],
        2_000,
        Some(|_, bundle| {
            bundle.snapshot = bundle.snapshot.minus(60);
            bundle.shown = u8::MAX;
        }),
    );
    assert!(looked.used.iter().all(|used| *used <= MOST));
}

fn bundle(newest: u32, snapshot: u32, shown: u8) -> Bundle {
    let commands = vec![Command::default()];
    Bundle { newest: Tick(newest), snapshot: Tick(snapshot), events_seen: 0, stamp: 0, shown, commands }
}

/// Returns a session's judge that has measured a round trip of five ticks.
fn measured() -> Rewind {
    let mut rewind = Rewind::default();
    rewind.begin(2);
    for tick in (100..200).step_by(2) {
        rewind.acknowledge(Tick(tick), f64::from(tick) + 5.0);
    }
    rewind
}

#[test]
fn nothing_is_rewound_before_a_measurement_nor_after_a_change_of_path() {
    let mut rewind = Rewind::default();
    rewind.keep(Tick(200), &bundle(200, 0, 30), 199.0);
    assert_eq!(rewind.take(Tick(200)), 0);
    let mut rewind = measured();
    rewind.keep(Tick(204), &bundle(204, 198, 32), 203.0);
    assert_eq!(rewind.take(Tick(204)), 32);
    rewind.path_changed();
    rewind.keep(Tick(205), &bundle(205, 198, 32), 204.0);
    assert_eq!(rewind.take(Tick(205)), 0);
    rewind.acknowledge(Tick(200), 205.0);
    rewind.keep(Tick(206), &bundle(206, 200, 32), 205.0);
    assert_eq!(rewind.take(Tick(206)), 32);
    assert_eq!(rewind.round_trip(), Some((5.0, 5.0)));
}

#[test]
fn what_came_first_for_a_tick_counts_and_a_missing_one_is_judged_as_the_last() {
    let mut rewind = measured();
    rewind.keep(Tick(204), &bundle(204, 198, 32), 203.0);
    rewind.keep(Tick(204), &bundle(205, 198, 36), 204.0);
    rewind.keep(Tick(205), &bundle(205, 198, 36), 204.0);
    assert_eq!((rewind.take(Tick(204)), rewind.take(Tick(205)), rewind.take(Tick(206))), (32, 36, 36));
    // Only a later bundle has come: its value holds for the older command, too.
    rewind.keep(Tick(208), &bundle(209, 202, 34), 208.0);
    rewind.keep(Tick(209), &bundle(209, 202, 34), 208.0);
    assert_eq!((rewind.take(Tick(208)), rewind.take(Tick(209))), (34, 34));
}

#[test]
fn a_player_may_do_without() {
    let mut rewind = measured();
    assert!(!rewind.draws());
    rewind.wish(false, true);
    rewind.keep(Tick(204), &bundle(204, 198, 32), 203.0);
    assert_eq!((rewind.take(Tick(204)), rewind.draws()), (0, true));
}

#[test]
fn what_waits_is_bounded() {
    let mut rewind = measured();
    for tick in 0..100_000 {
        rewind.keep(Tick(300 + tick), &bundle(300 + tick, 198, 32), 203.0);
    }
    assert_eq!(rewind.take(Tick(300 + 99_999)), 0, "far beyond what the queue of commands lets in");
}

#[test]
fn a_claim_is_that_of_the_picture_that_is_drawn() {
    assert_eq!(claim(Tick(100), 90.0, Tick(92)), 40);
    assert_eq!(claim(Tick(100), 90.13, Tick(92)), 39);
    assert_eq!(claim(Tick(100), 99.0, Tick(80)), 56, "a picture without news stands still six ticks after the last");
    assert_eq!(claim(Tick(100), -1e9, Tick(80)), u8::MAX);
    assert_eq!(claim(Tick(100), 200.0, Tick(300)), 0);
    assert_eq!(claim(Tick(100), f64::NAN, Tick(300)), 0);
}
