//! `lab kill` from end to end: the real server is killed a few times, and keeps every promise.
//!
//! Flow: `lab kill` → its own servers → JSON.

mod common;

use common::{alone, output_of};
use serde_json::Value;

#[test]
fn a_server_that_is_killed_keeps_its_promises() {
    let _turn = alone();
    let output = output_of("lab", &["kill", "--times", "5", "--longest", "8", "--seed", "3", "--json"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
    assert!(output.status.success(), "{seen}\n{errors}");
    assert_eq!(seen["kills"], 5);
    assert_eq!(seen["faults"], Value::Array(Vec::new()), "{seen}");
    for some in ["guests", "renames", "rooms", "seats", "results", "rated", "old_grants_refused"] {
        assert!(seen[some].as_u64().is_some_and(|count| count > 0), "no {some}: {seen}");
    }
}
