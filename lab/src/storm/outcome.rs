//! What a storm did: figures, what they mean, and how they are printed.
//!
//! Flow: [`super::blow`] → [`Outcome`] → [`verdict`], table or JSON.

use super::{Called, Forged, Seen, Thrown};
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest that a dribbling connection may be kept, milliseconds: 5 s for a head or a body, and what a busy machine adds.
const LONGEST_DRIBBLE_MS: u64 = 10_000;

/// What a storm did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Seconds that it lasted.
    pub seconds: u32,
    /// What it was made from.
    pub seed: u64,
    /// Honest players asked for.
    pub players: usize,
    /// What they saw.
    pub honest: Seen,
    /// What honest requests to the lobby met meanwhile.
    pub called: Called,
    /// What was altered or shown twice.
    pub forged: BTreeMap<&'static str, Forged>,
    /// Most dribbling connections at the same time.
    pub slow_most: u64,
    /// Longest time that the server kept one, milliseconds.
    pub slow_longest_ms: u64,
    /// The server answered afterwards.
    pub server_answers: bool,
    /// Its resident memory before, bytes.
    pub memory_before: u64,
    /// Its resident memory afterwards.
    pub memory_after: u64,
    /// The most that was seen.
    pub memory_max: u64,
    /// Messages that it refused and counted.
    pub violations: u64,
    /// Faults that it had to catch. Anything but 0 is a bug.
    pub caught_panics: u64,
    /// Ticks that were late by a whole one.
    pub overruns: u64,
    /// Everything that was thrown.
    pub thrown: Vec<Thrown>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Says whether somebody was harmed. Of 100 honest requests to the lobby, 99 must have been answered within `within_ms`.
///
/// # Errors
/// A sentence that says what happened.
pub fn verdict(outcome: &Outcome, within_ms: u32) -> Result<(), String> {
    let Outcome { players, honest, .. } = outcome;
    if !outcome.server_answers {
        return Err("The server does not answer any more.".to_owned());
    }
    if honest.disconnects > 0 || honest.connected < *players {
        let flying = honest.connected;
        return Err(format!("{} honest links were lost; {flying} of {players} players still fly.", honest.disconnects));
    }
    if outcome.caught_panics > 0 {
        return Err(format!("The server had to catch {} faults of its own.", outcome.caught_panics));
    }
    let called = &outcome.called;
    if called.failed > 0 {
        return Err(format!("{} of {} honest requests failed.", called.failed, called.requests));
    }
    if called.p99_ms() > f64::from(within_ms) {
        return Err(format!("Of 100 honest requests, one took {:.0} ms and more.", called.p99_ms()));
    }
    let accepted: Vec<&str> = outcome.forged.iter().filter(|(_, f)| f.accepted > 0).map(|(kind, _)| *kind).collect();
    if !accepted.is_empty() {
        return Err(format!("The server took these for good: {}.", accepted.join(", ")));
    }
    let answers = || outcome.thrown.iter().flat_map(|thrown| &thrown.statuses);
    let faults: u64 = answers().filter(|(status, _)| **status >= 500).map(|(_, count)| count).sum();
    if faults > 0 {
        return Err(format!("The server answered {faults} times with a fault of its own (5xx)."));
    }
    let welcome = answers().filter(|(status, _)| (200..300).contains(*status)).count();
    if welcome > 0 {
        return Err("The server accepted something that was none of what it takes.".to_owned());
    }
    if outcome.slow_longest_ms > LONGEST_DRIBBLE_MS {
        return Err(format!("A dribbling connection was kept for {} ms.", outcome.slow_longest_ms));
    }
    Ok(())
}

/// Prints everything as a table.
pub(super) fn print(o: &Outcome) {
    println!("{} s of storm {}, {} honest players", o.seconds, o.seed, o.players);
    println!(
        "  {:<8} {:<22} {:>11} {:>9} {:>10} {:>12} {:>12}",
        "port", "kind", "connections", "refused", "pieces", "bytes", "answered"
    );
    for t in &o.thrown {
        let port = format!("{:?}", t.port).to_lowercase();
        println!(
            "  {port:<8} {:<22} {:>11} {:>9} {:>10} {:>12} {:>12}",
            t.kind, t.connections, t.refused, t.pieces, t.bytes, t.answered
        );
    }
    for t in o.thrown.iter().filter(|thrown| !thrown.statuses.is_empty()) {
        let counts: Vec<String> = t.statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        println!("  answers to {:<16} {}", t.kind, counts.join(", "));
    }
    println!("  dribbling          {:>10} at once, kept for {} ms at most", o.slow_most, o.slow_longest_ms);
    for (kind, forged) in &o.forged {
        println!("  {kind:<26} {:>6} tried, {} accepted", forged.tried, forged.accepted);
    }
    o.notes.iter().for_each(|note| println!("  {note}"));
    let h = &o.honest;
    println!(
        "  honest players     {:>10} flying   disconnects   {:>6}   decode errors {:>4}",
        h.connected, h.disconnects, h.decode_errors
    );
    println!(
        "  commands sent      {:>10}          executed      {:>6} ({:.2} %)",
        h.commands_sent, h.commands_executed, h.executed_percent
    );
    println!("  picture age        {}", h.snapshot_age_ms.line());
    for (what, times) in
        [("list of rooms", o.called.list_ms), ("new guest", o.called.guest_ms), ("seat", o.called.seat_ms)]
    {
        println!("  honest {what:<14} {}", times.line());
    }
    println!("  honest requests    {:>10}, {} failed", o.called.requests, o.called.failed);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (before, after, max) = (mib(o.memory_before), mib(o.memory_after), mib(o.memory_max));
    println!("  server memory      {before:>8.1} MiB before, {after:.1} MiB after, {max:.1} MiB at most");
    let answers = if o.server_answers { "answers" } else { "does not answer" };
    println!(
        "  server             {answers}; {} violations counted, {} faults caught, {} ticks late",
        o.violations, o.caught_panics, o.overruns
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Percentiles;
    use crate::storm::Port;

    #[test]
    fn every_harm_counts() {
        let calm = || Outcome { server_answers: true, slow_longest_ms: 5_300, ..Outcome::default() };
        let answers = |status: u16| Thrown {
            port: Port::Http,
            kind: "bad body",
            connections: 1,
            refused: 0,
            pieces: 1,
            bytes: 1,
            answered: 1,
            statuses: BTreeMap::from([(422, 9), (status, 1)]),
        };
        let slow = |p99| Called { guest_ms: Percentiles { p99, ..Percentiles::default() }, ..Called::default() };
        let forged = |accepted| BTreeMap::from([("altered grant", Forged { tried: 5, accepted })]);
        let good = Outcome { called: slow(249.0), forged: forged(0), thrown: vec![answers(400)], ..calm() };
        assert_eq!(verdict(&good, 250), Ok(()));
        for (harm, word) in [
            (Outcome { server_answers: false, ..calm() }, "does not answer"),
            (Outcome { players: 1, ..calm() }, "still fly"),
            (Outcome { caught_panics: 1, ..calm() }, "faults of its own"),
            (Outcome { called: Called { failed: 1, ..Called::default() }, ..calm() }, "failed"),
            (Outcome { called: slow(251.0), ..calm() }, "took 251 ms"),
            (Outcome { forged: forged(1), ..calm() }, "altered grant"),
            (Outcome { thrown: vec![answers(503)], ..calm() }, "5xx"),
            (Outcome { thrown: vec![answers(201)], ..calm() }, "accepted something"),
            (Outcome { slow_longest_ms: 10_001, ..calm() }, "10001 ms"),
        ] {
            let error = verdict(&harm, 250).expect_err(word);
            assert!(error.contains(word), "{error}");
        }
    }
}
