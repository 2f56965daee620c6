//! A server of one's own for a row: on free ports, with the same match every time.
//!
//! Flow: `mod.rs` → [`start`] → `flight.rs`.

use super::options::Options;
use crate::host::Host;
use std::process::Stdio;

/// Longer than any row: the match must not end in the middle.
const MATCH_SECONDS: &str = "3600";
const SCORE_LIMIT: &str = "1000";

/// Starts a server that listens on `ip` and waits until it is ready.
///
/// # Errors
/// A sentence.
pub(super) fn start(options: &Options, ip: &str) -> Result<Host, String> {
    let any = || format!("{ip}:0");
    let number = |n: u64| n.to_string();
    let arguments = [
        ["--bots", &number(u64::from(options.bots))],
        ["--seed", &number(options.seed)],
        ["--snapshot-hz", &number(u64::from(options.snapshot_hz))],
        ["--match-seconds", MATCH_SECONDS],
        ["--score-limit", SCORE_LIMIT],
        ["--seats", "32"],
    ];
    Host::start(&[any(), any(), any(), any()], arguments.as_flattened(), Stdio::null())
}
